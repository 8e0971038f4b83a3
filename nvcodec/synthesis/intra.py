"""Which blocks of a picture with references are not predicted from these, and what is there instead.

An intra block's samples are filled in from those around it, before any residual: what is known is averaged down, size
by size, until nothing is missing, and interpolated back up where it is. Whether blocks are intra is coded as choices
are, in three passes; `walk_intra` is the only description of it.
Source: bitstream_spec.md, sections 6.14 and 7.11.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nvcodec.synthesis.alignment import SUBSAMPLING_LOG2
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.choices import FIRST_CONTEXTS, block_passes, by_sample, near_sum
from nvcodec.synthesis.window import GREY, mean_planes

_TWELFTHS = np.array([0, 12, 6, 4, 3], np.int32)
"""By how many of four samples are known: twelve over their number."""


class Answers(Protocol):
    """What `walk_intra` asks, one call for each array of symbols; answers have the contexts' shape."""

    def binary(self, contexts: Array, blocks: Array) -> Array:
        """0 or 1 for blocks, by number: whether each is intra."""


def intra_contexts(number: int, known: Array, shape: tuple[int, int]) -> Array:
    """Contexts of a pass's blocks, by how many neighbours are known to be intra."""
    blocks, offsets = block_passes(shape)[number]
    contexts: Array = FIRST_CONTEXTS[number] + near_sum(known, shape, offsets)[blocks]
    return contexts


def walk_intra(shape: tuple[int, int], answers: Answers) -> Array:
    """(rows, columns) of bool by the answers; shape: blocks (rows, columns)."""
    found = np.zeros(shape[0] * shape[1], np.int64)
    for number, (blocks, _) in enumerate(block_passes(shape)):
        if len(blocks):
            found[blocks] = answers.binary(intra_contexts(number, found, shape), blocks)
    intra: Array = found.reshape(shape) != 0
    return intra


def plane_masks(
    intra: Array, block_log2: int, shapes: Sequence[tuple[int, int]], chroma_format: str, scale_log2: int
) -> list[Array]:
    """By plane of these shapes at scale 1/2**scale_log2, (rows, columns) of bool: whether each sample is of an intra
    block, of the one at its upper left if it covers several."""
    subsampling = ((0, 0), *SUBSAMPLING_LOG2[chroma_format])
    return [
        by_sample(intra, block_log2, shape, (scale_log2 + down, scale_log2 + across))
        for shape, (down, across) in zip(shapes, subsampling, strict=True)
    ]


def with_intra(
    window: Sequence[Sequence[Array]], intra: Array, block_log2: int, chroma_format: str, scale_log2: int
) -> list[list[Array]]:
    """A window's fine planes with intra blocks filled from the mean of the window around them."""
    masks = plane_masks(intra, block_log2, [plane.shape for plane in window[0]], chroma_format, scale_log2)
    changed: list[list[Array]] = [[] for _ in window]
    for number, (mean, mask) in enumerate(zip(mean_planes(window), masks, strict=True)):
        made = filled(mean + np.int16(GREY), mask)
        for planes, own in zip(changed, window, strict=True):
            planes.append(np.where(mask, made, own[number]))
    return changed


def filled(plane: Array, missing: Array) -> Array:
    """(rows, columns) int16, 0..4095, with the missing samples filled in; mid-grey where all are missing."""
    if not missing.any():
        return plane
    if missing.all():
        return np.full_like(plane, GREY)
    coarse = filled(*_halved(plane, missing))
    rows, columns = np.nonzero(missing)
    # three quarters of the sample that covers this one, a quarter of the next one on this one's side
    near_rows, far_rows = _pair(rows, coarse.shape[0])
    near_columns, far_columns = _pair(columns, coarse.shape[1])
    flat, width = coarse.ravel().astype(np.int32), coarse.shape[1]
    above, below = near_rows * width, far_rows * width
    total = 3 * (3 * flat[above + near_columns] + flat[above + far_columns])
    total += 3 * flat[below + near_columns] + flat[below + far_columns]
    made = plane.copy()
    made[rows, columns] = (total + 8) >> 4
    return made


def _pair(positions: Array, count: int) -> tuple[Array, Array]:
    """The coarse sample that covers each position, and its neighbour on the position's side, clamped."""
    near = positions >> 1
    return near, np.clip(near - 1 + 2 * (positions & 1), 0, count - 1)


def _halved(plane: Array, missing: Array) -> tuple[Array, Array]:
    """(samples, missing) of half the size, rounded up: the rounded mean of the known ones of four."""
    rows, columns = plane.shape
    values = np.where(missing, 0, plane).astype(np.int32)
    known = (~missing).astype(np.int32)
    if rows % 2 or columns % 2:
        values, known = (np.pad(each, ((0, rows % 2), (0, columns % 2))) for each in (values, known))
    total, count = _four(values), _four(known)
    mean = (total * _TWELFTHS[count] + 6) // 12
    return mean.astype(np.int16), count == 0


def _four(plane: Array) -> Array:
    """The sum of each four samples."""
    pairs = plane[0::2] + plane[1::2]
    total: Array = pairs[:, 0::2] + pairs[:, 1::2]
    return total
