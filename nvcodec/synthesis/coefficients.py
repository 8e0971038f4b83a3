"""How a plane's transform coefficients are walked: which are coded together, and in which contexts.

A level carries a band of each block's frequencies: level 3 the lowest, levels 2, 1 and 0 what sizes 2, 4 and 8 add.
First comes a flag per block, in two passes by parity, of which the second sees its neighbours in the first; then, in
coded blocks only, diagonal by diagonal, whether each coefficient is other than zero; then the values of those that
are. Every pass is one vectorised step. `walk` is the only description: decoder and encoder differ in how they answer
its questions.
Source: bitstream_spec.md, section 7.7.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol

import numpy as np

from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.transform import BLOCK, COEFFICIENTS

LEVELS = 4
"""Levels that have a band, 0..3."""
ACTIVITY_CLASSES = 3
NEIGHBOUR_CLASSES = 4
_FIRST_ODD = (*(ACTIVITY_CLASSES * ACTIVITY_CLASSES,) * 3, 1)
"""By level: the first context of the second parity's flags."""
_FLAG_CONTEXTS = (*(ACTIVITY_CLASSES * (ACTIVITY_CLASSES + NEIGHBOUR_CLASSES),) * 3, 1 + NEIGHBOUR_CLASSES)
GROUP_CLASSES = 4
VALUE_CLASSES = 3
_GROUP_BOUNDS = ((6, 8, 11), (3, 4, 5), (2,), ())
"""By level: the first diagonals of the second, third and fourth context group."""
SIGNIFICANCE_GROUPS = (4, 4, 2, 0)
"""By level."""


class Answers(Protocol):
    """What `walk` asks, one call for each array of symbols; answers have the contexts' shape."""

    def binary(self, contexts: Array, frequencies: Array | None, blocks: Array) -> Array:
        """0 or 1: whether each block has any coefficient in the band (frequencies None), or, for frequencies (n, 1) and
        blocks (m,), whether each coefficient is other than zero."""

    def value(self, contexts: Array, frequencies: Array, blocks: Array) -> Array:
        """The value, not zero, of each coefficient (frequency, block)."""


def binary_contexts(level: int) -> int:
    """How many contexts of flags and of significance a level has, for one kind of plane."""
    return _FLAG_CONTEXTS[level] + SIGNIFICANCE_GROUPS[level] * GROUP_CLASSES


@cache
def band(level: int) -> Array:
    """The frequencies of a level's band, ascending."""
    vertical, horizontal = np.divmod(np.arange(COEFFICIENTS), BLOCK)
    largest = np.maximum(vertical, horizontal)
    size = BLOCK >> level
    return np.flatnonzero((largest < size) & ((largest >= size // 2) | (size == 1)))


@cache
def diagonals(level: int) -> tuple[Array, ...]:
    """The frequencies of a level's diagonals, in coding order; of level 3, whose flags say it all, none."""
    if level == LEVELS - 1:
        return ()
    frequencies = band(level)
    diagonal = _diagonal(frequencies)
    return tuple(frequencies[diagonal == d] for d in np.unique(diagonal))


def _diagonal(frequencies: Array) -> Array:
    diagonal: Array = frequencies // BLOCK + frequencies % BLOCK
    return diagonal


@cache
def _groups(level: int) -> Array:
    """(64,) the context group of each frequency, by its diagonal."""
    diagonal = _diagonal(np.arange(COEFFICIENTS))
    return np.array(np.searchsorted(_GROUP_BOUNDS[level], diagonal, side="right"), np.int64)


@cache
def _lower(frequencies: bytes) -> tuple[Array, Array]:
    """For frequencies (n,) int64 as bytes: their three lower neighbours (3, n), and which there are (3, n, 1)."""
    vertical, horizontal = np.divmod(np.frombuffer(frequencies, np.int64), BLOCK)
    pairs = ((vertical - 1, horizontal), (vertical, horizontal - 1), (vertical - 1, horizontal - 1))
    there = np.stack([(v >= 0) & (h >= 0) for v, h in pairs])
    return np.stack([np.maximum(v, 0) * BLOCK + np.maximum(h, 0) for v, h in pairs]), there[..., None]


def walk(level: int, shape: tuple[int, int], levels: Array, answers: Answers) -> None:
    """Fill in a level's band of a plane's coefficients by the answers.

    shape: blocks (rows, columns); levels: (64, rows * columns) int32, the coarser levels' bands filled in, this
    one's zero.
    """
    even, odd = _parities(shape)
    own, active = _activity(level, shape, levels)
    flags = np.zeros(levels.shape[1], np.int64)
    flags[even] = answers.binary(_even_contexts(own[even], active[even]), None, even)
    near = _around(flags, shape)
    flags[odd] = answers.binary(_odd_contexts(level, own[odd], near[odd]), None, odd)
    coded = np.flatnonzero(flags)
    if not len(coded):
        return
    if level == LEVELS - 1:
        frequencies, blocks = np.zeros(len(coded), np.int64), coded
    else:
        frequencies, blocks = _significant(level, levels, coded, answers)
    near = _around(flags, shape)
    levels[frequencies, blocks] = answers.value(
        value_classes(level, levels[:, blocks], near[blocks]), frequencies, blocks
    )


def _significant(level: int, levels: Array, coded: Array, answers: Answers) -> tuple[Array, Array]:
    """Frequencies and blocks of the coefficients that are not zero, in raster order of (frequency, block)."""
    known = levels[:, coded] != 0
    for frequencies in diagonals(level):
        contexts = significance_contexts(level, frequencies, known)
        known[frequencies] = answers.binary(contexts, frequencies[:, None], coded)
    own = band(level)
    row, column = np.nonzero(known[own])
    return own[row], coded[column]


def flag_contexts(level: int, shape: tuple[int, int], levels: Array) -> tuple[Array, Array]:
    """Of whole levels (64, blocks): contexts of all blocks' flags, and how many of each one's neighbours are coded."""
    even, odd = _parities(shape)
    own, active = _activity(level, shape, levels)
    flags = np.asarray(levels[band(level)].any(0), np.int64)
    first = np.zeros_like(flags)
    first[even] = flags[even]
    contexts = np.empty_like(flags)
    contexts[even] = _even_contexts(own[even], active[even])
    contexts[odd] = _odd_contexts(level, own[odd], _around(first, shape)[odd])
    return contexts, _around(flags, shape)


def significance_contexts(level: int, frequencies: Array, known: Array) -> Array:
    """(n, blocks) contexts of coefficients at frequencies (n,), by which of (64, blocks) are known not to be zero."""
    lower, there = _lower(frequencies.tobytes())
    count = (known[lower] & there).sum(0)
    contexts: Array = _FLAG_CONTEXTS[level] + GROUP_CLASSES * _groups(level)[frequencies][:, None] + count
    return contexts


def value_classes(level: int, levels: Array, neighbours: Array) -> Array:
    """Contexts of values in blocks with these levels (64, n), of which the coarser bands are looked at, and with so
    many coded neighbours (n,)."""
    if level == LEVELS - 1:
        return np.searchsorted((2, 3), neighbours, side="right")
    return np.searchsorted((2, 5), _magnitude(level, levels), side="right")


def _magnitude(level: int, levels: Array) -> Array:
    """(blocks,) the sum of the coarser bands' magnitudes."""
    if level == LEVELS - 1:
        return np.zeros(levels.shape[1], np.int64)
    total: Array = np.abs(levels[_coarser(level)]).sum(0)
    return total


def _activity(level: int, shape: tuple[int, int], levels: Array) -> tuple[Array, Array]:
    """(blocks,) classes of a block's own magnitude in coarser bands, and of how many neighbours have any there."""
    magnitude = _magnitude(level, levels)
    active = _around((magnitude > 0).astype(np.int64), shape)
    top = ACTIVITY_CLASSES - 1
    return np.minimum(magnitude, top), np.minimum(active, top)


def _even_contexts(own: Array, active: Array) -> Array:
    return ACTIVITY_CLASSES * own + active


def _odd_contexts(level: int, own: Array, near: Array) -> Array:
    return _FIRST_ODD[level] + NEIGHBOUR_CLASSES * own + np.minimum(near, NEIGHBOUR_CLASSES - 1)


def _around(values: Array, shape: tuple[int, int]) -> Array:
    """(blocks,): the sum over the four neighbours, zero outside."""
    plane = values.reshape(shape)
    total = np.zeros_like(plane)
    total[1:] += plane[:-1]
    total[:-1] += plane[1:]
    total[:, 1:] += plane[:, :-1]
    total[:, :-1] += plane[:, 1:]
    return total.ravel()


@cache
def _parities(shape: tuple[int, int]) -> tuple[Array, Array]:
    """Blocks with row + column even, and odd."""
    odd = np.add.outer(np.arange(shape[0]), np.arange(shape[1])).ravel() & 1
    return np.flatnonzero(odd == 0), np.flatnonzero(odd)


@cache
def _coarser(level: int) -> Array:
    return np.concatenate([band(other) for other in range(level + 1, LEVELS)])
