"""How coefficients are walked in files of versions 0.5 to 0.7: contexts look at less of what is around.

A flag per block comes first, in two passes by parity; then, in coded blocks only, diagonal by diagonal, whether each
coefficient is other than zero; then the values of those that are.
Source: bitstream_spec.md, section 7.12.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.coefficients import (
    GROUP_CLASSES,
    LEVELS,
    NEIGHBOUR_CLASSES,
    Answers,
    around,
    band,
    coarser,
    coded_blocks,
    diagonal_of,
    diagonals,
    lower_count,
)
from nvcodec.synthesis.transform import COEFFICIENTS

ACTIVITY_CLASSES = 3
_FIRST_ODD = (*(ACTIVITY_CLASSES * ACTIVITY_CLASSES,) * 3, 1)
"""By level: the first context of the second parity's flags."""
_FLAG_CONTEXTS = (*(ACTIVITY_CLASSES * (ACTIVITY_CLASSES + NEIGHBOUR_CLASSES),) * 3, 1 + NEIGHBOUR_CLASSES)
VALUE_CLASSES = 3
_GROUP_BOUNDS = ((6, 8, 11), (3, 4, 5), (2,), ())
"""By level: the first diagonals of the second, third and fourth context group."""
SIGNIFICANCE_GROUPS = (4, 4, 2, 0)
"""By level."""


def binary_contexts(level: int) -> int:
    """How many contexts of flags and of significance a level has, for one kind of plane."""
    return _FLAG_CONTEXTS[level] + SIGNIFICANCE_GROUPS[level] * GROUP_CLASSES


@cache
def _groups(level: int) -> Array:
    """(64,) the context group of each frequency, by its diagonal."""
    diagonal = diagonal_of(np.arange(COEFFICIENTS))
    return np.array(np.searchsorted(_GROUP_BOUNDS[level], diagonal, side="right"), np.int64)


def walk(level: int, shape: tuple[int, int], levels: Array, answers: Answers) -> None:
    """Fill in a level's band of a plane's coefficients by the answers.

    shape: blocks (rows, columns); levels: (64, rows * columns) int32, the coarser levels' bands filled in, this
    one's zero.
    """
    own, active = _activity(level, shape, levels)
    coded = coded_blocks(shape, answers, lambda blocks, near: _flag_contexts(level, own[blocks], active[blocks], near))
    if not len(coded):
        return
    if level == LEVELS - 1:
        frequencies, blocks = np.zeros(len(coded), np.int64), coded
    else:
        frequencies, blocks = _significant(level, levels, coded, answers)
    flags = np.zeros(levels.shape[1], np.int64)
    flags[coded] = 1
    near = around(flags, shape)[blocks]
    levels[frequencies, blocks] = answers.value(_value_contexts(level, levels[:, blocks], near), frequencies, blocks)


def _significant(level: int, levels: Array, coded: Array, answers: Answers) -> tuple[Array, Array]:
    """Frequencies and blocks of the coefficients that are not zero, in raster order of (frequency, block)."""
    known = levels[:, coded] != 0
    for frequencies in diagonals(level):
        contexts = _significance_contexts(level, frequencies, known)
        known[frequencies] = answers.binary(contexts, frequencies[:, None], coded)
    own = band(level)
    row, column = np.nonzero(known[own])
    return own[row], coded[column]


def _significance_contexts(level: int, frequencies: Array, known: Array) -> Array:
    """(n, blocks) contexts of coefficients at frequencies (n,), by which of (64, blocks) are known not to be zero."""
    groups = _groups(level)[frequencies][:, None]
    return _FLAG_CONTEXTS[level] + GROUP_CLASSES * groups + lower_count(frequencies, known)


def _value_contexts(level: int, levels: Array, neighbours: Array) -> Array:
    """Contexts of values in blocks with these levels (64, n), of which the coarser bands are looked at, and with so
    many coded neighbours (n,)."""
    if level == LEVELS - 1:
        return np.searchsorted((2, 3), neighbours, side="right")
    return np.searchsorted((2, 5), _magnitude(level, levels), side="right")


def _magnitude(level: int, levels: Array) -> Array:
    """(blocks,) the sum of the coarser bands' magnitudes."""
    if level == LEVELS - 1:
        return np.zeros(levels.shape[1], np.int64)
    total: Array = np.abs(levels[coarser(level)]).sum(0)
    return total


def _activity(level: int, shape: tuple[int, int], levels: Array) -> tuple[Array, Array]:
    """(blocks,) classes of a block's own magnitude in coarser bands, and of how many neighbours have any there."""
    magnitude = _magnitude(level, levels)
    active = around((magnitude > 0).astype(np.int64), shape)
    top = ACTIVITY_CLASSES - 1
    return np.minimum(magnitude, top), np.minimum(active, top)


def _flag_contexts(level: int, own: Array, active: Array, near: Array | None) -> Array:
    if near is None:
        return ACTIVITY_CLASSES * own + active
    return _FIRST_ODD[level] + NEIGHBOUR_CLASSES * own + np.minimum(near, NEIGHBOUR_CLASSES - 1)
