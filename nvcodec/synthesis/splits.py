"""Blocks of a vector field that are split in four, and what vectors the parts get.

A stepped field starts as one vector per block, decoded by the pyramid. Then, level by level down to the finest, each
block that may be split says whether it is; its four parts take its vector, that of the block beside or above or below
that they touch, or one of their own. `walk_splits` is the only description of it.
Fields are int32, (h, w, 2), (dy, dx) in quarter luma samples at full size.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.vectors import add_differences, field_shape

SPREAD_LIMITS = (0, 8)
"""The largest difference to a neighbour's vector of the classes 0 and 1 of blocks; class 2 has any larger one."""
SPREADS = len(SPREAD_LIMITS) + 1
LEVELS = 3
MOVED, NEW, ACROSS = LEVELS * SPREADS, LEVELS * SPREADS + 3, LEVELS * SPREADS + 5
SPLIT_CONTEXTS = ACROSS + 1


class Answers(Protocol):
    """What `walk_splits` asks, one call for each array of symbols; level: log2 of the blocks that are split."""

    def split(self, level: int, contexts: Array, blocks: Array) -> Array:
        """0 or 1 for blocks, by number."""

    def binary(self, level: int, contexts: Array, parts: Array, question: int) -> Array:
        """0 or 1 for parts, by number: whether a part's vector is (0) not its block's, (1) new, (2) that from above or
        below and not that from beside."""

    def difference(self, level: int, parts: Array) -> Array:
        """(parts, 2) int32: new vectors less their blocks'."""


def split_contexts(field: Array, level: int) -> Array:
    """(h, w): of each block of a level, by how far its vector is from its neighbours'."""
    across = np.abs(np.diff(field, axis=1)).max(-1)
    down = np.abs(np.diff(field, axis=0)).max(-1)
    spread = np.zeros(field.shape[:2], np.int64)
    spread[:, 1:] = across
    spread[:, :-1] = np.maximum(spread[:, :-1], across)
    spread[1:] = np.maximum(spread[1:], down)
    spread[:-1] = np.maximum(spread[:-1], down)
    return SPREADS * (level - 4) + np.searchsorted(SPREAD_LIMITS, spread)


def offered(field: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Of all parts, (rows, columns, 2) each: their block's vector, that beside it, and that above or below."""
    rows, columns = (np.arange(count) for count in shape)
    beside = np.clip((columns >> 1) + 2 * (columns & 1) - 1, 0, field.shape[1] - 1)
    vertical = np.clip((rows >> 1) + 2 * (rows & 1) - 1, 0, field.shape[0] - 1)
    own_rows, own_columns = (rows >> 1)[:, None], columns >> 1
    return field[own_rows, own_columns], field[own_rows, beside], field[vertical[:, None], own_columns]


def choices(own: Array, beside: Array, vertical: Array) -> tuple[Array, Array]:
    """How many vectors a part may take that are not its block's (0..2), and whether the one beside is among them."""
    first = (beside != own).any(-1)
    second = (vertical != own).any(-1) & (vertical != beside).any(-1)
    return first.astype(np.int64) + second, first


def walk_splits(field: Array, block_log2: int, finest_log2: int, size: tuple[int, int], answers: Answers) -> Array:
    """The field with a vector per block of 2**finest_log2, by the answers."""
    active = np.ones(field.shape[:2], bool)
    for level in range(block_log2, finest_log2, -1):
        shape = field_shape(*size, level - 1)
        split = np.zeros(active.shape, bool)
        blocks = np.flatnonzero(active)
        if len(blocks):
            split.ravel()[blocks] = answers.split(level, split_contexts(field, level).ravel()[blocks], blocks)
        own, beside, vertical = (each.reshape(-1, 2) for each in offered(field, shape))
        active = np.repeat(np.repeat(split, 2, 0), 2, 1)[: shape[0], : shape[1]]
        parts = np.flatnonzero(active)
        number, first = choices(own, beside, vertical)
        moved = _ask(answers, level, MOVED + number, parts, 0)
        refused = _ask(answers, level, NEW - 1 + number, moved[number[moved] > 0], 1)
        new = np.union1d(moved[number[moved] == 0], refused)
        taken = np.setdiff1d(moved, new)
        second = _ask(answers, level, np.full(len(own), ACROSS), taken[number[taken] == 2], 2)
        result = own.copy()
        result[taken] = np.where(first[taken, None], beside[taken], vertical[taken])
        result[second] = vertical[second]
        if len(new):
            result[new] = add_differences(own[new], answers.difference(level, new))
        field = result.reshape(*shape, 2)
    return field


def _ask(answers: Answers, level: int, contexts: Array, parts: Array, question: int) -> Array:
    """Those of the parts whose answer is 1."""
    if not len(parts):
        return parts
    return parts[np.flatnonzero(answers.binary(level, contexts[parts], parts, question))]
