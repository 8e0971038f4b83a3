"""Which of a picture's two references a block is predicted from: the mean of both, or one of them.

Blocks are coded in three passes: those of even row and column, those of odd row and column, the others. Each pass but
the first sees its neighbours in those before. `walk_choices` is the only description of it.
Source: bitstream_spec.md, section 7.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol

import numpy as np

from nvcodec.compiled import kernels
from nvcodec.synthesis.alignment import SUBSAMPLING_LOG2
from nvcodec.synthesis.arrays import Array

MEAN, FIRST, SECOND = 0, 1, 2
_DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_STRAIGHT = ((-1, 0), (1, 0), (0, -1), (0, 1))
FIRST_CONTEXTS = (0, 1, 6)
"""Of each pass: the context of a block whose neighbours are all predicted from the mean."""
_WHICH_CONTEXT = 12
"""Of a block whose neighbours choose either reference equally often."""


class Answers(Protocol):
    """What `walk_choices` asks, one call for each array of symbols; answers have the contexts' shape."""

    def binary(self, contexts: Array, blocks: Array, which: bool) -> Array:
        """0 or 1 for blocks, by number: whether each has one reference alone; which: whether that is the second."""


@cache
def block_passes(shape: tuple[int, int]) -> tuple[tuple[Array, tuple[tuple[int, int], ...]], ...]:
    """(blocks by number, where their neighbours lie) of each pass."""
    rows, columns = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    odd = (rows + columns) & 1
    both = rows & columns & 1
    groups = ((odd == 0) & (both == 0), both == 1, odd == 1)
    return tuple((np.flatnonzero(own), near) for own, near in zip(groups, ((), _DIAGONAL, _STRAIGHT), strict=True))


def near_sum(values: Array, shape: tuple[int, int], offsets: Sequence[tuple[int, int]]) -> Array:
    """(blocks,) the sum over neighbours; 0 outside."""
    padded = np.pad(values.reshape(shape), 1)
    total = np.zeros(shape, values.dtype)
    for row, column in offsets:
        total += padded[1 + row : 1 + row + shape[0], 1 + column : 1 + column + shape[1]]
    return total.ravel()


def choice_contexts(number: int, choices: Array, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Contexts of a pass's blocks, by what is known: whether one reference, and which."""
    blocks, offsets = block_passes(shape)[number]
    alone = near_sum((choices != MEAN).astype(np.int64), shape, offsets)[blocks]
    lean = near_sum((choices == SECOND).astype(np.int64) - (choices == FIRST), shape, offsets)[blocks]
    return FIRST_CONTEXTS[number] + alone, _WHICH_CONTEXT + np.sign(lean)


def walk_choices(shape: tuple[int, int], answers: Answers) -> Array:
    """(rows, columns) of MEAN, FIRST, SECOND by the answers; shape: blocks (rows, columns)."""
    choices = np.zeros(shape[0] * shape[1], np.int64)
    for number, (blocks, _) in enumerate(block_passes(shape)):
        if not len(blocks):
            continue
        contexts, which = choice_contexts(number, choices, shape)
        alone = answers.binary(contexts, blocks, False)
        chosen = np.flatnonzero(alone)
        if len(chosen):
            choices[blocks[chosen]] = FIRST + answers.binary(which[chosen], blocks[chosen], True)
    return choices.reshape(shape)


def choice_passes(shape: tuple[int, int]) -> list[Array]:
    """The blocks of each pass, by number."""
    return [blocks for blocks, _ in block_passes(shape)]


def by_sample(values: Array, block_log2: int, plane_shape: tuple[int, int], scales_log2: tuple[int, int]) -> Array:
    """(rows, columns) of a plane: what its block has, for each sample the block of its first luma sample.

    values: by block of 2**block_log2 luma samples each way, of which a sample covers 2**scales_log2 (rows, columns).
    """
    rows, columns = (
        (np.arange(size) << scale_log2) >> block_log2 for size, scale_log2 in zip(plane_shape, scales_log2, strict=True)
    )
    found: Array = values.take(columns, axis=1).take(rows, axis=0)
    return found


def choose_references(
    aligned: Sequence[Sequence[Array]], choices: Array, block_log2: int, chroma_format: str, scale_log2: int
) -> list[list[Array]]:
    """Two aligned pictures' planes, in each of which blocks are replaced by the other's where that is chosen."""
    first, second = (list(planes) for planes in aligned)
    fast = kernels()
    for number, (down, across) in enumerate(((0, 0), *SUBSAMPLING_LOG2[chroma_format])):
        a, b = first[number], second[number]
        scales_log2 = (scale_log2 + down, scale_log2 + across)
        if fast is not None:
            first[number], second[number] = np.empty_like(a), np.empty_like(b)
            layout = (block_log2, *scales_log2)
            fast.choose(a, b, choices, layout, (FIRST, SECOND), first[number], second[number])
            continue
        # arithmetic with masks of 0 and 1 is several times faster than `where`
        only_second, only_first = (
            by_sample((choices == one).astype(a.dtype), block_log2, a.shape, scales_log2) for one in (SECOND, FIRST)
        )
        difference = b - a
        first[number], second[number] = a + difference * only_second, b - difference * only_first
    return [first, second]
