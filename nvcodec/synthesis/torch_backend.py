"""The torch backend, CPU and CUDA.

On the CPU float32 carries the integers: oneDNN sums them exactly. A GPU's library can't be held to direct
convolution, so there float64 carries them and the accumulators are rounded to the nearest integer.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.synthesis import arithmetic, network
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.layers import PICTURE_CHANNELS
from nvcodec.synthesis.packing import bilinear_kernel
from nvcodec.synthesis.weights import LevelWeights


class TorchOperations:
    """`network.Operations` on tensors of integers, channels last."""

    def __init__(
        self, weights: dict[int, LevelWeights], height: int, width: int, chroma_format: str, device: torch.device
    ):
        self.weights, self.device = weights, device
        self.rounds = device.type != "cpu"
        self.dtype = torch.float64 if self.rounds else torch.float32
        self.sizes = {level: arithmetic.level_size(height, width, level) for level in range(5)}
        self.kernel = self.tensor(bilinear_kernel(chroma_format))
        self.picture_channels = PICTURE_CHANNELS[chroma_format]
        self._cache: dict[tuple[int, str, int, int], tuple[Tensor, Tensor]] = {}

    def tensor(self, values: Array) -> Tensor:
        t = torch.from_numpy(np.ascontiguousarray(values)).to(self.device, self.dtype)
        return t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t

    def conv(
        self, level: int, name: str, x: Tensor, *, leaky: bool = False, kind: int = 0, more_shift: int = 0
    ) -> Tensor:
        layer = self.weights[level].layers[name]
        key = (level, name, kind, more_shift)
        if key not in self._cache:
            self._cache[key] = (self.tensor(layer.weight), self.tensor(layer.bias_with_half(kind, more_shift)))
        weight, bias = self._cache[key]
        total = F.conv2d(x, weight, bias, padding=layer.weight.shape[-1] // 2)
        if self.rounds:
            total = total.round_()
        total *= 2.0 ** -(layer.shift + more_shift)
        if leaky:
            total = F.leaky_relu(total, 2.0**-arithmetic.LEAKY_SHIFT)
        return total.floor_()

    def clamp(self, x: Tensor) -> Tensor:
        return x.clamp(-arithmetic.ACTIVATION_MAX, arithmetic.ACTIVATION_MAX)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b

    def concat(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, 1)

    def shuffle(self, x: Tensor, level: int) -> Tensor:
        height, width = self.sizes[level]
        return F.pixel_shuffle(x, 2)[..., :height, :width]

    def repeat(self, x: Tensor, level: int) -> Tensor:
        height, width = self.sizes[level]
        return x.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]

    def upsample_picture(self, x: Tensor, level: int) -> Tensor:
        total = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), self.kernel)
        if self.rounds:
            total = total.round_()
        return self.shuffle(((total + 8) / 16).floor_(), level)

    def split_head(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, : self.picture_channels], x[:, self.picture_channels :]

    def blend(self, window: Tensor, mask: Tensor, residual: Tensor) -> Tensor:
        first, difference = window[:, : self.picture_channels], window[:, self.picture_channels :]
        one = 1 << arithmetic.MASK_FRACTION_BITS
        weight = (mask * 2.0**-arithmetic.MASK_SHIFT).floor_().add_(one // 2).clamp_(0, one)
        chroma = weight[:, 1:].expand(-1, self.picture_channels - 4, -1, -1)
        weights = torch.cat([weight[:, :1].expand(-1, 4, -1, -1), chroma], 1)
        return first + (weights * difference + one // 2).mul_(1 / one).floor_() + residual


class TorchBackend:
    """Runs the network; see `synthesis.backend.Backend` for the contract."""

    def __init__(
        self,
        config: ModelConfig,
        weights: dict[int, LevelWeights],
        height: int,
        width: int,
        chroma_format: str,
        device: str | torch.device = "cpu",
        threads: int = 0,
    ):
        """threads: of the whole process, which torch knows no narrower setting than; 0 leaves them alone."""
        if threads:
            torch.set_num_threads(threads)
        self.config = config
        self.ops = TorchOperations(weights, height, width, chroma_format, torch.device(device))

    def synthesise(self, embeddings: dict[int, Array], finest: int, window: dict[int, Array] | None = None) -> Array:
        with torch.inference_mode():
            given = {level: self.ops.tensor(x) for level, x in embeddings.items()}
            seen = None if window is None else {level: self.ops.tensor(x) for level, x in window.items()}
            picture: Tensor = network.synthesise(self.ops, self.config, given, finest, seen)[finest][0]
            return picture.cpu().numpy()

    def context(self, level: int, inputs: list[Array], coarser: Array | None, kind: int) -> Array:
        with torch.inference_mode():
            seen = [self.ops.tensor(x) for x in inputs]
            below = None if coarser is None else self.ops.tensor(coarser)
            output: Tensor = network.context(self.ops, self.config, level, seen, below, kind)
            return output.cpu().numpy()
