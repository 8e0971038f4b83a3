"""The reference backend: numpy, float64 carrying the integers, nothing hidden. Slow."""

from __future__ import annotations

import numpy as np

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.synthesis import arithmetic, network
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.layers import PICTURE_CHANNELS
from nvcodec.synthesis.packing import bilinear_kernel
from nvcodec.synthesis.weights import LevelWeights


class NumpyOperations:
    """`network.Operations` on float64 arrays of integers."""

    def __init__(self, weights: dict[int, LevelWeights], height: int, width: int, chroma_format: str):
        self.weights = weights
        self.sizes = {level: arithmetic.level_size(height, width, level) for level in range(5)}
        self.kernel = bilinear_kernel(chroma_format).astype(np.float64)
        self.picture_channels = PICTURE_CHANNELS[chroma_format]

    def conv(
        self, level: int, name: str, x: Array, *, leaky: bool = False, kind: int = 0, more_shift: int = 0
    ) -> Array:
        layer = self.weights[level].layers[name]
        total = convolve(np.pad(x, _margins(layer.weight.shape[-1])), layer.weight.astype(np.float64))
        total += layer.bias_with_half(kind, more_shift).astype(np.float64)[:, None, None]
        shift = layer.shift + more_shift
        if leaky:
            divisor = np.where(total < 0, 2.0 ** (shift + arithmetic.LEAKY_SHIFT), 2.0**shift)
            return np.floor(total / divisor)
        return np.floor(total / 2.0**shift)

    def clamp(self, x: Array) -> Array:
        return np.clip(x, -arithmetic.ACTIVATION_MAX, arithmetic.ACTIVATION_MAX)

    def add(self, a: Array, b: Array) -> Array:
        return a + b

    def concat(self, parts: list[Array]) -> Array:
        return np.concatenate(parts, 1)

    def shuffle(self, x: Array, level: int) -> Array:
        height, width = self.sizes[level]
        n, c, h, w = x.shape
        y = x.reshape(n, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)
        return y[..., :height, :width]

    def repeat(self, x: Array, level: int) -> Array:
        height, width = self.sizes[level]
        return x.repeat(2, -2).repeat(2, -1)[..., :height, :width]

    def upsample_picture(self, x: Array, level: int) -> Array:
        total = convolve(np.pad(x, _margins(3), mode="edge"), self.kernel)
        return self.shuffle(np.floor((total + 8) / 16), level)

    def split_head(self, x: Array) -> tuple[Array, Array]:
        return x[:, : self.picture_channels], x[:, self.picture_channels :]

    def blend(self, window: Array, mask: Array, residual: Array) -> Array:
        first, difference = window[:, : self.picture_channels], window[:, self.picture_channels :]
        one = 1 << arithmetic.MASK_FRACTION_BITS
        weight = np.clip(np.floor(mask / (1 << arithmetic.MASK_SHIFT)) + one // 2, 0, one)
        planes = [weight[:, :1].repeat(4, 1), weight[:, 1:].repeat(self.picture_channels - 4, 1)]
        return first + np.floor((np.concatenate(planes, 1) * difference + one // 2) / one) + residual


def _margins(kernel: int) -> tuple[tuple[int, int], ...]:
    side = kernel // 2
    return (0, 0), (0, 0), (side, side), (side, side)


def convolve(padded: Array, weight: Array) -> Array:
    """Plain convolution, no padding, stride 1: (N, I, h+k-1, w+k-1) and (O, I, k, k) to (N, O, h, w)."""
    kernel = weight.shape[-1]
    height, width = padded.shape[-2] - kernel + 1, padded.shape[-1] - kernel + 1
    total = np.zeros((padded.shape[0], weight.shape[0], height, width))
    for i in range(kernel):
        for j in range(kernel):
            total += np.einsum("oi,nihw->nohw", weight[:, :, i, j], padded[..., i : i + height, j : j + width])
    return total


class NumpyBackend:
    """Runs the network; see `synthesis.backend.Backend` for the contract."""

    def __init__(
        self, config: ModelConfig, weights: dict[int, LevelWeights], height: int, width: int, chroma_format: str
    ):
        self.config = config
        self.ops = NumpyOperations(weights, height, width, chroma_format)

    def synthesise(self, embeddings: dict[int, Array], finest: int, window: dict[int, Array] | None = None) -> Array:
        given = {level: x.astype(np.float64) for level, x in embeddings.items()}
        seen = None if window is None else {level: x.astype(np.float64) for level, x in window.items()}
        picture: Array = network.synthesise(self.ops, self.config, given, finest, seen)[finest][0]
        return picture

    def context(self, level: int, inputs: list[Array], coarser: Array | None, kind: int) -> Array:
        seen = [x.astype(np.float64) for x in inputs]
        below = None if coarser is None else coarser.astype(np.float64)
        output: Array = network.context(self.ops, self.config, level, seen, below, kind)
        return output
