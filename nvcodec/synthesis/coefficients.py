"""How a plane's transform coefficients are walked: which are coded together, and in which contexts.

A level carries a band of each block's frequencies: level 3 the lowest, levels 2, 1 and 0 what sizes 2, 4 and 8 add.
The lowest coefficients go from sparse blocks to dense ones, each near a prediction from its neighbours; those of level
2 near what the slope of the lowest ones around them suggests. Otherwise first comes a flag per block, in two passes by
parity, of which the second sees its neighbours in the first; then, in coded blocks only, diagonal by diagonal, whether
each coefficient is other than zero; then the values of those that are. Every pass is one vectorised step. `walk` is the
only description: decoder and encoder differ in how they answer its questions.
Source: bitstream_spec.md, section 7.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np

from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.transform import BLOCK, COEFFICIENTS

LEVELS = 4
"""Levels that have a band, 0..3."""
NEIGHBOUR_CLASSES = 4
GROUP_CLASSES = 4
_TOP_STEP = 8
"""Rows and columns of the first blocks of level 3 are multiples of it."""
_LOWEST_CLASSES = 6
_LOWEST_SPARSE, _LOWEST_DENSE = 1, 1 + _LOWEST_CLASSES
"""First contexts of level 3's passes but the first: of sparse blocks, and of the last two passes'."""
_SLOPE_CLASSES = 10
_SLOPE_SIGNIFICANCE = _SLOPE_CLASSES * (1 + NEIGHBOUR_CLASSES)
_SLOPES, _SLOPE_CONTEXTS = (1, BLOCK), 7
"""The frequencies that follow a slope, across and down; contexts of each one's significance, and of its values."""
_CORNER = BLOCK + 1
_OWN_CLASSES, _ACTIVE_CLASSES = 4, 3
_UPPER_SIGNIFICANCE = _OWN_CLASSES * (_ACTIVE_CLASSES + NEIGHBOUR_CLASSES)
_GROUP_BOUNDS = ((6, 8, 11), (3, 4, 5), (2,))
"""By level: the first diagonals of the second, third and fourth context group; those of level 2 are version 0.7's."""
_VALUE_CLASSES = 6
_FIRST_HIGH = (7, 4)
"""By level: the first diagonal whose values have contexts of their own."""


class Answers(Protocol):
    """What `walk` asks, one call for each array of symbols; answers have the contexts' shape."""

    def binary(self, contexts: Array, frequencies: Array | None, blocks: Array) -> Array:
        """0 or 1: whether each block has any coefficient in the band (frequencies None), or, for frequencies (n, 1) and
        blocks (m,), whether each coefficient is other than zero."""

    def value(self, contexts: Array, frequencies: Array, blocks: Array, near8: Array | None = None) -> Array:
        """The value, not zero, of each coefficient (frequency, block); near8: what it is likely to be near, in eighths,
        if that is known."""


@cache
def band(level: int) -> Array:
    """The frequencies of a level's band, ascending."""
    vertical, horizontal = np.divmod(np.arange(COEFFICIENTS), BLOCK)
    largest = np.maximum(vertical, horizontal)
    size = BLOCK >> level
    return np.flatnonzero((largest < size) & ((largest >= size // 2) | (size == 1)))


@cache
def coarser(level: int) -> Array:
    """The frequencies of all bands of coarser levels."""
    return np.concatenate([band(other) for other in range(level + 1, LEVELS)])


def diagonal_of(frequencies: Array) -> Array:
    """The sums of vertical and horizontal frequency."""
    diagonal: Array = frequencies // BLOCK + frequencies % BLOCK
    return diagonal


@cache
def diagonals(level: int) -> tuple[Array, ...]:
    """The frequencies of a level's diagonals, in coding order; of level 3, whose flags say it all, none."""
    if level == LEVELS - 1:
        return ()
    frequencies = band(level)
    diagonal = diagonal_of(frequencies)
    return tuple(frequencies[diagonal == d] for d in np.unique(diagonal))


@cache
def parities(shape: tuple[int, int]) -> tuple[Array, Array]:
    """Blocks with row + column even, and odd."""
    odd = np.add.outer(np.arange(shape[0]), np.arange(shape[1])).ravel() & 1
    return np.flatnonzero(odd == 0), np.flatnonzero(odd)


def around(values: Array, shape: tuple[int, int]) -> Array:
    """(blocks,): the sum over the four neighbours, zero outside."""
    plane = values.reshape(shape)
    total = np.zeros_like(plane)
    total[1:] += plane[:-1]
    total[:-1] += plane[1:]
    total[:, 1:] += plane[:, :-1]
    total[:, :-1] += plane[:, 1:]
    return total.ravel()


@cache
def lower_neighbours(frequencies: bytes) -> tuple[Array, Array]:
    """For frequencies (n,) int64 as bytes: their three lower neighbours (3, n), and which there are (3, n, 1)."""
    vertical, horizontal = np.divmod(np.frombuffer(frequencies, np.int64), BLOCK)
    pairs = ((vertical - 1, horizontal), (vertical, horizontal - 1), (vertical - 1, horizontal - 1))
    there = np.stack([(v >= 0) & (h >= 0) for v, h in pairs])
    return np.stack([np.maximum(v, 0) * BLOCK + np.maximum(h, 0) for v, h in pairs]), there[..., None]


@cache
def _groups(level: int) -> Array:
    """(64,) the context group of each frequency, by its diagonal."""
    diagonal = diagonal_of(np.arange(COEFFICIENTS))
    return np.array(np.searchsorted(_GROUP_BOUNDS[level], diagonal, side="right"), np.int64)


def grouped_contexts(level: int, frequencies: Array, known: Array) -> Array:
    """(n, blocks) contexts of the significance of coefficients at frequencies (n,): by their diagonals, and how many of
    three lower neighbours are known not to be zero (64, blocks)."""
    lower, there = lower_neighbours(frequencies.tobytes())
    contexts: Array = GROUP_CLASSES * _groups(level)[frequencies][:, None] + (known[lower] & there).sum(0)
    return contexts


def significant_in(level: int, levels: Array, coded: Array, answers: Answers, first_context: int) -> Array:
    """(band, coded blocks): which coefficients of the band are other than zero, asked diagonal by diagonal.

    levels: (64, blocks) those of coarser bands; first_context: before those of `grouped_contexts`.
    """
    known = levels[:, coded] != 0
    for frequencies in diagonals(level):
        contexts = first_context + grouped_contexts(level, frequencies, known)
        known[frequencies] = answers.binary(contexts, frequencies[:, None], coded)
    significant: Array = known[band(level)]
    return significant


def walk(level: int, shape: tuple[int, int], levels: Array, answers: Answers) -> None:
    """Fill in a level's band of a plane's coefficients by the answers.

    shape: blocks (rows, columns); levels: (64, rows * columns) int32, the coarser levels' bands filled in, this
    one's zero.
    """
    if level == LEVELS - 1:
        _walk_lowest(shape, levels, answers)
    elif level == LEVELS - 2:
        _walk_slopes(shape, levels, answers)
    else:
        _walk_upper(level, shape, levels, answers)


def coded_blocks(shape: tuple[int, int], answers: Answers, contexts: Callable[[Array, Array | None], Array]) -> Array:
    """Blocks whose flag is 1, asked in two passes by parity.

    contexts: of these blocks, by how many neighbours of each have flag 1, or None in the first pass.
    """
    even, odd = parities(shape)
    flags = np.zeros(shape[0] * shape[1], np.int64)
    flags[even] = answers.binary(contexts(even, None), None, even)
    near = around(flags, shape)
    flags[odd] = answers.binary(contexts(odd, near[odd]), None, odd)
    return np.flatnonzero(flags)


def _digits(values: Array, most: int) -> Array:
    """How many binary digits each value has, at most so many."""
    found: Array = np.searchsorted(1 << np.arange(most), values, side="right")
    return found


# --- level 3 ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LowestPass:
    """Blocks of one pass of level 3, and their neighbours in passes before."""

    blocks: Array
    """(n,) ascending."""
    neighbours: Array
    """(4, n) blocks; where there is none, the number of all blocks."""
    count: Array
    """(n,) how many there are."""
    first_context: int


@cache
def lowest_passes(shape: tuple[int, int]) -> tuple[LowestPass, ...]:
    """Level 3's passes over blocks (rows, columns), those without blocks left out."""
    return tuple(own for own in _lowest_passes(shape) if len(own.blocks))


def _lowest_passes(shape: tuple[int, int]) -> Iterator[LowestPass]:
    row, column = (each.ravel() for each in np.indices(shape))
    first = np.flatnonzero((row % _TOP_STEP == 0) & (column % _TOP_STEP == 0))
    yield LowestPass(first, np.full((4, len(first)), row.size), np.zeros_like(first), 0)
    step = _TOP_STEP // 2
    while step:
        whole = (row % step == 0) & (column % step == 0)
        odd_row, odd_column = row // step % 2 == 1, column // step % 2 == 1
        context = _LOWEST_SPARSE if step > 1 else _LOWEST_DENSE
        for own, offsets in (
            (odd_row & odd_column, ((-step, -step), (-step, step), (step, -step), (step, step))),
            (odd_row ^ odd_column, ((-step, 0), (step, 0), (0, -step), (0, step))),
        ):
            blocks = np.flatnonzero(whole & own)
            there, found = [], []
            for down, across in offsets:
                y, x = row[blocks] + down, column[blocks] + across
                there.append((y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1]))
                found.append(np.where(there[-1], y * shape[1] + x, row.size))
            yield LowestPass(blocks, np.stack(found), np.sum(there, 0), context)
        step //= 2


def lowest_contexts(own: LowestPass, values: Array) -> tuple[Array, Array, Array]:
    """Of a pass's blocks: contexts of flags, contexts of values, and what each value is near, in eighths.

    values: (blocks + 1,) the lowest coefficients of the passes before, and a zero at the end.
    """
    if not own.first_context:
        nothing = np.zeros_like(own.blocks)
        return nothing, nothing, nothing
    near, missing = values[own.neighbours], own.neighbours == len(values) - 1
    near8 = (16 * near.sum(0) + own.count) // (2 * own.count)
    magnitude = 4 * np.abs(near).sum(0) // own.count
    largest = np.where(missing, -(COEFFICIENTS << 8), near).max(0)
    spread = largest - np.where(missing, COEFFICIENTS << 8, near).min(0)
    most = _LOWEST_CLASSES - 1
    return own.first_context + _digits(magnitude, most), own.first_context + _digits(spread, most), near8


def _walk_lowest(shape: tuple[int, int], levels: Array, answers: Answers) -> None:
    values = np.append(levels[0], np.int32(0))
    for own in lowest_passes(shape):
        flag, value, near8 = lowest_contexts(own, values)
        coded = np.flatnonzero(answers.binary(flag, None, own.blocks))
        if len(coded):
            blocks = own.blocks[coded]
            values[blocks] = answers.value(value[coded], np.zeros_like(blocks), blocks, near8[coded])
    levels[0] = values[:-1]


# --- level 2 ---------------------------------------------------------------------------------------------------------


def slopes(shape: tuple[int, int], lowest: Array) -> Array:
    """(2, blocks): the lowest coefficient on the left less that on the right, and that above less that below; a block
    at the edge stands for what is missing."""
    plane = np.pad(lowest.reshape(shape), 1, mode="edge")
    across, down = plane[1:-1, :-2] - plane[1:-1, 2:], plane[:-2, 1:-1] - plane[2:, 1:-1]
    return np.stack([across.ravel(), down.ravel()])


def slope_flag_classes(slope: Array, lowest: Array) -> Array:
    """(blocks,) classes of flags of level 2; slope: (2, blocks)."""
    found: Array = 2 * _digits(np.abs(slope).max(0), _SLOPE_CLASSES // 2 - 1) + (lowest != 0)
    return found


def slope_flag_contexts(classes: Array, near: Array | None) -> Array:
    """Contexts of level 2's flags, by how many neighbours are coded, or None for the first pass."""
    if near is None:
        return classes
    return _SLOPE_CLASSES + NEIGHBOUR_CLASSES * classes + np.minimum(near, NEIGHBOUR_CLASSES - 1)


def slope_significance_contexts(slope: Array) -> Array:
    """Contexts of whether coefficients that follow these slopes are other than zero."""
    return _SLOPE_SIGNIFICANCE + slope_value_contexts(slope)


def slope_value_contexts(slope: Array) -> Array:
    """Contexts of their values."""
    return _digits(np.abs(slope), _SLOPE_CONTEXTS - 1)


def slope_near8(slope: Array) -> Array:
    """What these values are near, in eighths."""
    found: Array = (3 * slope + 1) >> 1
    return found


def corner_significance_contexts(known: Array) -> Array:
    """(blocks,) contexts of the third coefficient of level 2, by which of (64, blocks) are known not to be zero."""
    found: Array = _SLOPE_SIGNIFICANCE + _SLOPE_CONTEXTS + known[[0, *_SLOPES]].sum(0)
    return found


def corner_value_contexts(levels: Array) -> Array:
    """(blocks,) contexts of its values, of levels (64, blocks) known but for it."""
    found: Array = _SLOPE_CONTEXTS + np.searchsorted((2, 5), np.abs(levels[list(_SLOPES)]).sum(0), side="right")
    return found


def _walk_slopes(shape: tuple[int, int], levels: Array, answers: Answers) -> None:
    slope = slopes(shape, levels[0])
    classes = slope_flag_classes(slope, levels[0])
    coded = coded_blocks(shape, answers, lambda blocks, near: slope_flag_contexts(classes[blocks], near))
    if not len(coded):
        return
    slope, frequencies = slope[:, coded], np.array(_SLOPES)
    significant = np.zeros((COEFFICIENTS, len(coded)), bool)
    significant[0] = levels[0, coded] != 0
    significant[frequencies] = answers.binary(slope_significance_contexts(slope), frequencies[:, None], coded)
    corner = np.array([_CORNER])
    contexts = corner_significance_contexts(significant)[None]
    significant[corner] = answers.binary(contexts, corner[:, None], coded)
    which, block = np.nonzero(significant[frequencies])
    if len(block):
        own, blocks = slope[which, block], coded[block]
        levels[frequencies[which], blocks] = answers.value(
            slope_value_contexts(own), frequencies[which], blocks, slope_near8(own)
        )
    blocks = coded[significant[_CORNER]]
    if len(blocks):
        contexts = corner_value_contexts(levels[:, blocks])
        levels[_CORNER, blocks] = answers.value(contexts, np.full_like(blocks, _CORNER), blocks)


# --- levels 1 and 0 --------------------------------------------------------------------------------------------------


def upper_flag_classes(level: int, shape: tuple[int, int], levels: Array) -> tuple[Array, Array]:
    """(blocks,) classes of a block's own magnitude in the next coarser band, and of how many neighbours have any."""
    magnitude = next_magnitude(level, levels)
    active = around((magnitude > 0).astype(np.int64), shape)
    return _digits(magnitude, _OWN_CLASSES - 1), np.minimum(active, _ACTIVE_CLASSES - 1)


def next_magnitude(level: int, levels: Array) -> Array:
    """(blocks,) the sum of the next coarser band's magnitudes."""
    found: Array = np.abs(levels[band(level + 1)]).sum(0)
    return found


def upper_flag_contexts(own: Array, active: Array, near: Array | None) -> Array:
    """Contexts of flags of levels 1 and 0; near as in `slope_flag_contexts`."""
    if near is None:
        return _ACTIVE_CLASSES * own + active
    first = _OWN_CLASSES * _ACTIVE_CLASSES
    return first + NEIGHBOUR_CLASSES * own + np.minimum(near, NEIGHBOUR_CLASSES - 1)


def upper_significance_contexts(level: int, frequencies: Array, known: Array) -> Array:
    """Contexts as of `grouped_contexts`, behind those of flags."""
    return _UPPER_SIGNIFICANCE + grouped_contexts(level, frequencies, known)


def upper_value_classes(level: int, levels: Array, count: Array) -> Array:
    """(n,) classes of values in blocks with these coarser levels (64, n) and so many coefficients of this one (n,)."""
    total = np.abs(levels[coarser(level)]).sum(0)
    return _digits(count + next_magnitude(level, levels) + total // 4, _VALUE_CLASSES) - 1


def upper_value_contexts(level: int, classes: Array, frequencies: Array) -> Array:
    """Contexts of values at these frequencies."""
    found: Array = classes + _VALUE_CLASSES * (diagonal_of(frequencies) >= _FIRST_HIGH[level])
    return found


def _walk_upper(level: int, shape: tuple[int, int], levels: Array, answers: Answers) -> None:
    own, active = upper_flag_classes(level, shape, levels)
    coded = coded_blocks(shape, answers, lambda blocks, near: upper_flag_contexts(own[blocks], active[blocks], near))
    if not len(coded):
        return
    significant = significant_in(level, levels, coded, answers, _UPPER_SIGNIFICANCE)
    frequencies = band(level)
    classes = upper_value_classes(level, levels[:, coded], significant.sum(0))
    row, column = np.nonzero(significant)
    blocks, frequencies = coded[column], frequencies[row]
    contexts = upper_value_contexts(level, classes[column], frequencies)
    levels[frequencies, blocks] = answers.value(contexts, frequencies, blocks)
