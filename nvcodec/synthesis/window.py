"""The window of aligned pictures as the levels of an inter network see it (bitstream_spec.md, section 6.8).

Pictures are aligned once, at the size that is decoded, and averaged down in integers for the coarser levels, so that
every scale has one closed loop of its own. With one reference the second aligned picture is the first again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvcodec.synthesis.arithmetic import PICTURE_FRACTION_BITS
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.layers import COARSEST
from nvcodec.synthesis.packing import pack


def halve(plane: Array) -> Array:
    """(rows, columns) integers to half the size, rounded up: floor((a + b + c + d + 2) / 4), the edge repeated."""
    rows, columns = plane.shape
    if rows % 2 or columns % 2:
        plane = np.pad(plane, ((0, rows % 2), (0, columns % 2)), mode="edge")
    pairs = plane[0::2] + plane[1::2]
    halved: Array = (pairs[:, 0::2] + pairs[:, 1::2] + 2) >> 2
    return halved


def packed_levels(planes: Sequence[Array], bit_depth: int, chroma_format: str, finest: int) -> dict[int, Array]:
    """{level: (P, h, w)} int16, in 1/4096 of the sample range around mid-grey, for levels finest .. 3.

    planes: a picture at scale 1/2**finest, samples.
    """
    shift, grey = PICTURE_FRACTION_BITS - bit_depth, 1 << (PICTURE_FRACTION_BITS - 1)
    fine = [plane.astype(np.int16) << shift for plane in planes]
    levels = {}
    for level in range(finest, COARSEST):
        if level > finest:
            fine = [halve(plane) for plane in fine]
        levels[level] = pack(fine, chroma_format) - np.int16(grey)
    return levels


def window_inputs(
    aligned: Sequence[Sequence[Array]], bit_depth: int, chroma_format: str, finest: int
) -> dict[int, Array]:
    """{level: (1, 2P, h, w)} float32 integers: the first aligned picture, and what the second has more.

    aligned: one or two pictures' planes, samples at scale 1/2**finest.
    """
    pictures = [packed_levels(planes, bit_depth, chroma_format, finest) for planes in aligned]
    first, second = pictures[0], pictures[-1]
    window = {}
    for level, packed in first.items():
        count = len(packed)
        both = np.empty((1, 2 * count, *packed.shape[1:]), np.float32)
        both[0, :count] = packed
        np.subtract(second[level], packed, out=both[0, count:], casting="unsafe")
        window[level] = both
    return window
