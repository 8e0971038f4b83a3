"""Grids to what the network sees: window sums, dequantisation, context inputs and outputs.

Plain numpy, shared by all backends: these are a few scalar operations per latent. float32 carries the integers, all
of which stay below 2**24. Source: bitstream_spec.md, sections 6.3 and 6.4.
"""

from __future__ import annotations

import numpy as np

from nvcodec.errors import NvcodecError
from nvcodec.synthesis import arithmetic, structure
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.layers import COARSEST

QP_GAIN, QP_MIDDLE = 64, 32
"""A quantisation parameter as the hybrid profile's network sees it."""


class WindowWeightLimit(NvcodecError):
    """The window weights of a picture are larger in sum than WINDOW_WEIGHT_LIMIT."""


def window_terms(picture: int, gop_length: int, stride_log2: int, weights: Array | None, where: str) -> dict[int, int]:
    """{grid: weight over 64} of a picture's embedding: the window over pictures, each interpolated in time.

    weights: (window_length,) integers over 64 of this picture, or None without a window. The window ends at the GoP's
    edge. Raises WindowWeightLimit.
    """
    one = 1 << arithmetic.WINDOW_FRACTION_BITS
    over_window = [one] if weights is None else [int(w) for w in weights[: gop_length - picture]]
    eighths: dict[int, int] = {}
    for i, weight in enumerate(over_window):
        for grid, part in structure.interpolation(picture + i, stride_log2):
            eighths[grid] = eighths.get(grid, 0) + weight * part
    bits = arithmetic.INTERPOLATION_FRACTION_BITS
    terms = {grid: (value + (1 << bits >> 1)) >> bits for grid, value in eighths.items()}
    if sum(abs(w) for w in terms.values()) > arithmetic.WINDOW_WEIGHT_LIMIT:
        raise WindowWeightLimit(
            f"{where}: the window weights of picture {picture} add up to {sum(abs(w) for w in terms.values())}, "
            f"allowed is at most {arithmetic.WINDOW_WEIGHT_LIMIT}"
        )
    return {grid: weight for grid, weight in terms.items() if weight}


def dequantise_background(grid: Array, gop_step: Array) -> Array:
    """A GoP grid's part of every embedding of the GoP, before the shift: (1, L, h, w) float32 integers."""
    one = np.float32(1 << arithmetic.WINDOW_FRACTION_BITS)
    return grid.astype(np.float32) * (gop_step.astype(np.float32) * one)[:, None, None]


def embed(terms: dict[int, int], grids: dict[int, Array], step: Array, background: Array | None) -> Array:
    """clamp(floor((sum_j w_j * q_j * step + background + 32) / 64)), (1, L, h, w) float32 integers.

    grids: (1, L, h, w) integers by index; step: (L,); background: as `dequantise_background` gives it, or None.
    """
    shape = next(iter(grids.values())).shape
    total = np.full(shape, 1 << arithmetic.WINDOW_FRACTION_BITS >> 1, np.float32)
    if background is not None:
        total += background
    steps = step.astype(np.float32)
    for grid, weight in terms.items():
        total += grids[grid] * (steps * np.float32(weight))[:, None, None]
    total *= np.float32(1 / (1 << arithmetic.WINDOW_FRACTION_BITS))
    np.floor(total, out=total)
    return np.clip(total, -arithmetic.ACTIVATION_MAX, arithmetic.ACTIVATION_MAX, out=total)


def embed_latents(latents: Array, step: Array) -> Array:
    """A picture's own latents, (1, L, h, w) integers, times their steps (L,), clamped: float32 integers."""
    limit = arithmetic.ACTIVATION_MAX
    scaled: Array = np.clip(latents.astype(np.float32) * step.astype(np.float32)[:, None, None], -limit, limit)
    return scaled


def qp_plane(qp: int, height: int, width: int) -> Array:
    """What the network of the hybrid profile has in place of latents: (1, 1, h, w), 64 * (qp - 32) at level 4.

    height, width: the sequence's. Source: bitstream_spec.md, section 6.13.
    """
    return np.full((1, 1, *arithmetic.level_size(height, width, COARSEST)), QP_GAIN * (qp - QP_MIDDLE), np.float32)


def context_input(grid: Array) -> Array:
    """A grid as the context network sees it: clamp(256 * q), float32."""
    limit = arithmetic.ACTIVATION_MAX
    seen: Array = np.clip(grid.astype(np.float32) * np.float32(1 << arithmetic.CONTEXT_INPUT_SHIFT), -limit, limit)
    return seen


def symbol_parameters(output: Array, channels: int) -> tuple[Array, Array]:
    """The context network's output (1, 2L, h, w) to means in eighths and scale indices (0..39), int32 each."""
    limit = arithmetic.MEAN_LIMIT
    mean8 = np.clip(output[:, :channels], -limit, limit).astype(np.int32)
    halved = np.floor((output[:, channels:] + np.float32(1)) * np.float32(0.5)) + np.float32(arithmetic.SCALE_BIAS)
    return mean8, np.clip(halved, 0, 39).astype(np.int32)
