"""How coefficients are walked in files of versions 0.5 to 0.7: contexts look at less of what is around.

A flag per block comes first, in two passes by parity; then, in coded blocks only, diagonal by diagonal, whether each
coefficient is other than zero; then the values of those that are.
Source: bitstream_spec.md, section 7.12.
"""

from __future__ import annotations

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
    significant_in,
)

ACTIVITY_CLASSES = 3
_FIRST_ODD = (*(ACTIVITY_CLASSES * ACTIVITY_CLASSES,) * 3, 1)
"""By level: the first context of the second parity's flags."""
_FLAG_CONTEXTS = (*(ACTIVITY_CLASSES * (ACTIVITY_CLASSES + NEIGHBOUR_CLASSES),) * 3, 1 + NEIGHBOUR_CLASSES)
VALUE_CLASSES = 3
SIGNIFICANCE_GROUPS = (4, 4, 2, 0)
"""By level."""


def binary_contexts(level: int) -> int:
    """How many contexts of flags and of significance a level has, for one kind of plane."""
    return _FLAG_CONTEXTS[level] + SIGNIFICANCE_GROUPS[level] * GROUP_CLASSES


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
        row, column = np.nonzero(significant_in(level, levels, coded, answers, _FLAG_CONTEXTS[level]))
        frequencies, blocks = band(level)[row], coded[column]
    flags = np.zeros(levels.shape[1], np.int64)
    flags[coded] = 1
    near = around(flags, shape)[blocks]
    levels[frequencies, blocks] = answers.value(_value_contexts(level, levels[:, blocks], near), frequencies, blocks)


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
