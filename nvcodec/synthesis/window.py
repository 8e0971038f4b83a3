"""The window of aligned pictures as the levels of an inter network see it (bitstream_spec.md, section 6.8).

Pictures are aligned once, at the size that is decoded, and averaged down in integers for the coarser levels, so that
every scale has one closed loop of its own. With one reference the second aligned picture is the first again.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from nvcodec.compiled import kernels
from nvcodec.synthesis.arithmetic import PICTURE_FRACTION_BITS
from nvcodec.synthesis.arrays import Array, clamp
from nvcodec.synthesis.layers import COARSEST
from nvcodec.synthesis.packing import pack, to_samples


def halve(plane: Array) -> Array:
    """(rows, columns) integers to half the size, rounded up: floor((a + b + c + d + 2) / 4), the edge repeated."""
    rows, columns = plane.shape
    if rows % 2 or columns % 2:
        plane = np.pad(plane, ((0, rows % 2), (0, columns % 2)), mode="edge")
    pairs = plane[0::2] + plane[1::2]
    halved: Array = (pairs[:, 0::2] + pairs[:, 1::2] + 2) >> 2
    return halved


GREY = 1 << (PICTURE_FRACTION_BITS - 1)


def fine_planes(planes: Sequence[Array], bit_depth: int) -> list[Array]:
    """Samples to int16 in 1/4096 of their range, 0 .. 4095."""
    return [plane.astype(np.int16) << (PICTURE_FRACTION_BITS - bit_depth) for plane in planes]


def with_residual(planes: Sequence[Array], residual: Sequence[Array | None]) -> list[Array]:
    """Fine planes and a residual's (None: zeros), added and clamped to 0 .. 4095 (bitstream_spec.md, section 6.13)."""
    return [
        plane if own is None else clamp(plane + own, 0, 2 * GREY - 1).astype(np.int16)
        for plane, own in zip(planes, residual, strict=True)
    ]


def mean_planes(window: Sequence[Sequence[Array]]) -> list[Array]:
    """The mean of one or two pictures' fine planes, less mid-grey: what blending without masks yields."""
    first, second = window[0], window[-1]
    return [a - GREY + ((b - a + 1) >> 1) for a, b in zip(first, second, strict=True)]


def mean_samples(aligned: Sequence[Sequence[Array]], residual: Sequence[Array | None], bit_depth: int) -> list[Array]:
    """Samples of the mean of one or two pictures, given as samples, each with the residual."""
    if (fast := kernels()) is not None:
        planes_of_both = zip(aligned[0], aligned[-1], residual, strict=True)
        return [_mean_by_kernel(fast, first, second, own, bit_depth) for first, second, own in planes_of_both]
    window = [with_residual(fine_planes(planes, bit_depth), residual) for planes in aligned]
    return [to_samples(plane, bit_depth) for plane in mean_planes(window)]


def _mean_by_kernel(fast: ModuleType, first: Array, second: Array, residual: Array | None, bit_depth: int) -> Array:
    """A plane of `mean_samples`."""
    made = np.empty_like(first)
    added = np.zeros((0, 0), np.int32) if residual is None else residual
    fast.mean_with_residual(first, second, added, bit_depth, PICTURE_FRACTION_BITS, made)
    return made


def packed_levels(planes: Sequence[Array], chroma_format: str, finest: int) -> dict[int, Array]:
    """{level: (P, h, w)} int16, in 1/4096 of the sample range around mid-grey, for levels finest .. 3.

    planes: a picture at scale 1/2**finest, fine.
    """
    fine, levels = list(planes), {}
    for level in range(finest, COARSEST):
        if level > finest:
            fine = [halve(plane) for plane in fine]
        levels[level] = pack(fine, chroma_format) - np.int16(GREY)
    return levels


def window_inputs(
    aligned: Sequence[Sequence[Array]], bit_depth: int, chroma_format: str, finest: int
) -> dict[int, Array]:
    """{level: (1, 2P, h, w)} float32 integers: the first aligned picture, and what the second has more.

    aligned: one or two pictures' planes, samples at scale 1/2**finest.
    """
    return fine_window([fine_planes(planes, bit_depth) for planes in aligned], chroma_format, finest)


def fine_window(window: Sequence[Sequence[Array]], chroma_format: str, finest: int) -> dict[int, Array]:
    """The same from fine planes."""
    pictures = [packed_levels(planes, chroma_format, finest) for planes in window]
    first, second = pictures[0], pictures[-1]
    inputs = {}
    for level, packed in first.items():
        count = len(packed)
        both = np.empty((1, 2 * count, *packed.shape[1:]), np.float32)
        both[0, :count] = packed
        np.subtract(second[level], packed, out=both[0, count:], casting="unsafe")
        inputs[level] = both
    return inputs
