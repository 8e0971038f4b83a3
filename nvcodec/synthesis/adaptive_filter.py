"""The adaptive filter: luma of a finished picture, each sample changed by its neighbours as its block's class says.

A block of 4x4 samples has a class by how much its surroundings vary, and how one-sidedly. Each class has 12
coefficients, for pairs of samples opposite one another in a diamond of 7x7; where a block varies more down than across
they are transposed. The classes and the diamond are simpler forms of those of the adaptive loop filter in H.266,
section 8.8.5.
Source: bitstream_spec.md, section 6.16.
"""

from __future__ import annotations

import numpy as np

from nvcodec.compiled import kernels
from nvcodec.synthesis.alignment import repeat_edge
from nvcodec.synthesis.arrays import Array, clamp
from nvcodec.synthesis.transform import BLOCK, block_shape, blocks_with_coefficients

RADIUS = 3
TAPS = tuple(
    (dy, dx)
    for dy in range(RADIUS + 1)
    for dx in range(-RADIUS, RADIUS + 1)
    if abs(dy) + abs(dx) <= RADIUS and (dy > 0 or dx > 0)
)
"""(rows, columns) from a sample to the first of each coefficient's pair; the second is opposite."""
COEFFICIENT_LOG2 = 7
"""Coefficients count 1/128."""
FILTER_BLOCK = 4
ACTIVITIES = (192, 384, 768, 1536)
"""Where classes by activity begin, in 1/128 of the least difference at 8 bits a sample."""
DIRECTIONS = 3
FILTER_CLASSES = (len(ACTIVITIES) + 1) * DIRECTIONS
CACHED_SAMPLES = 1 << 15
"""Filtering so many samples at once keeps a processor's second-level cache busy and not overrun."""


def _transposed_tap(dy: int, dx: int) -> int:
    """Which pair the columns and rows of one become, exchanged."""
    return TAPS.index((dx, dy) if (dx, dy) in TAPS else (-dx, -dy))


_BOUNDS = np.array(ACTIVITIES)
TRANSPOSED = tuple(_transposed_tap(*tap) for tap in TAPS)


def extended(plane: Array) -> Array:
    """int32: a plane, its edge repeated, from RADIUS samples before it to RADIUS behind its last whole blocks."""
    wide = np.empty([-(-size // FILTER_BLOCK) * FILTER_BLOCK + 2 * RADIUS for size in plane.shape], np.int32)
    repeat_edge(wide, plane, RADIUS)
    return wide


def block_classes(wide: Array, bit_depth: int) -> tuple[Array, Array]:
    """(classes 0..14, whether transposed) of the blocks of a plane that is `extended`; both (rows, columns)."""
    near = wide[RADIUS - 1 : 1 - RADIUS, RADIUS - 1 : 1 - RADIUS].astype(np.int16)  # at 12 bits below 2**14 throughout
    twice = near[1:-1, 1:-1] << 1
    down, across = twice - near[:-2, 1:-1], twice - near[1:-1, :-2]
    down -= near[2:, 1:-1]
    across -= near[1:-1, 2:]
    v, h = _around(np.abs(down, out=down)), _around(np.abs(across, out=across))
    activity = (v + h) >> (bit_depth - 8)
    level = sum((activity >= bound).astype(np.int32) for bound in ACTIVITIES)
    more, less = np.maximum(v, h), np.minimum(v, h)
    direction = (2 * more > 3 * less).astype(np.int32) + (more > 3 * less)
    return level * DIRECTIONS + direction, v > h


def block_kinds(wide: Array, plane: tuple[int, int], levels: Array | None, bit_depth: int) -> Array:
    """(rows, columns) of blocks: their class, 15 more where transposed, and -1 where they are not changed. plane: its
    shape; levels: as `changed_blocks`."""
    classes, transposed = block_classes(wide, bit_depth)
    kinds: Array = np.where(changed_blocks(levels, plane), classes + FILTER_CLASSES * transposed, -1)
    return kinds


def changed_samples(levels: Array, plane: tuple[int, int]) -> Array:
    """The same of `changed_blocks` for each of a plane's samples."""
    blocks = changed_blocks(levels, plane)
    whole: Array = np.repeat(np.repeat(blocks, FILTER_BLOCK, 0), FILTER_BLOCK, 1)
    return whole[: plane[0], : plane[1]]


def changed_blocks(levels: Array | None, plane: tuple[int, int]) -> Array:
    """Which of a plane's blocks of 4x4 samples are filtered: those of the transform's blocks that have coefficients.

    levels: (64, blocks), the transform's; None where all blocks are filtered. plane: its shape.
    """
    shape = tuple(-(-size // FILTER_BLOCK) for size in plane)
    if levels is None:
        return np.ones(shape, bool)
    coded = blocks_with_coefficients(levels, block_shape(*plane))
    whole: Array = np.repeat(np.repeat(coded, BLOCK // FILTER_BLOCK, 0), BLOCK // FILTER_BLOCK, 1)
    return whole[: shape[0], : shape[1]]


def _around(values: Array) -> Array:
    """Of each block, four times its own sum and once those of the blocks beside, above and below."""
    rows = values.reshape(-1, FILTER_BLOCK, values.shape[1]).sum(1, dtype=np.int32)
    blocks = rows[:, ::FILTER_BLOCK].copy()
    for i in range(1, FILTER_BLOCK):
        blocks += rows[:, i::FILTER_BLOCK]
    wide = np.empty([size + 2 for size in blocks.shape], np.int32)
    repeat_edge(wide, blocks, 1)
    around: Array = (wide[1:-1, 1:-1] << 2) + wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return around


def pair_sum(wide: Array, rows: slice, tap: int) -> Array:
    """Of a band of a plane that is `extended`: the sums of a coefficient's pair of samples. rows: of the plane."""
    dy, dx = TAPS[tap]
    width = wide.shape[1] - 2 * RADIUS
    top, bottom, left = rows.start + RADIUS, rows.stop + RADIUS, RADIUS
    first = wide[top + dy : bottom + dy, left + dx : left + dx + width]
    second: Array = wide[top - dy : bottom - dy, left - dx : left - dx + width]
    return first + second


def adapted(planes: list[Array], own: Array, whole: bool, levels: Array | None, bit_depth: int) -> list[Array]:
    """A picture's planes at full size, luma filtered. own: (15, 12); whole: whether all blocks are; levels: of luma,
    (64, blocks), None where all are zero: then nothing changes unless all blocks do."""
    if levels is None and not whole:
        return planes
    return [filtered(planes[0], own, None if whole else levels, bit_depth), *planes[1:]]


def filtered(plane: Array, coefficients: Array, levels: Array | None, bit_depth: int) -> Array:
    """A plane's samples, filtered; coefficients: (15, 12) integers; levels: as `changed_blocks`."""
    wide = extended(plane)
    both = np.concatenate([coefficients, coefficients[:, TRANSPOSED], np.zeros((1, len(TAPS)))]).astype(np.int32)
    if (fast := kernels()) is not None:
        out = np.empty_like(plane)
        changed = changed_blocks(levels, plane.shape)
        fast.adapt(wide, np.ascontiguousarray(changed), both, _BOUNDS, DIRECTIONS, COEFFICIENT_LOG2, bit_depth, out)
        return out
    kinds = block_kinds(wide, plane.shape, levels, bit_depth)
    by_column = np.repeat(kinds, FILTER_BLOCK, axis=1)[:, None]  # (rows, 1, samples)
    table = both.T.copy()
    whole = -table.sum(0) << 1
    height, width = (count * FILTER_BLOCK for count in kinds.shape)
    result = np.empty((height, width), plane.dtype)
    at_once = max(1, CACHED_SAMPLES // (width * FILTER_BLOCK))
    for first in range(0, kinds.shape[0], at_once):
        last = min(first + at_once, kinds.shape[0])
        rows = slice(first * FILTER_BLOCK, last * FILTER_BLOCK)
        samples = wide[RADIUS + rows.start : RADIUS + rows.stop, RADIUS:-RADIUS]
        shape = (last - first, FILTER_BLOCK, width)
        own = by_column[first:last]
        total = samples.reshape(shape) * whole.take(own)
        for tap in range(len(TAPS)):
            pair = pair_sum(wide, rows, tap).reshape(shape)
            pair *= table[tap].take(own)
            total += pair
        total += 1 << (COEFFICIENT_LOG2 - 1)
        total >>= COEFFICIENT_LOG2
        total += samples.reshape(shape)
        result[rows] = clamp(total, 0, (1 << bit_depth) - 1).reshape(-1, width)
    return result[: plane.shape[0], : plane.shape[1]]
