"""Splits of blocks against a literal reading of section 7.10, one block at a time."""

from collections.abc import Iterator

import numpy as np
import pytest

from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.splits import SPLIT_CONTEXTS, walk_splits
from nvcodec.synthesis.vectors import VECTOR_MAX, VECTOR_MIN, field_shape

Vector = tuple[int, int]
Field = dict[tuple[int, int], Vector]
"""By row and column."""


class Drawn:
    """Answers that are drawn; keeps every array: its contexts (None for vectors) and its symbols."""

    def __init__(self, seed: int, ones: float = 0.6, spread: float = 4.0):
        self.random, self.ones, self.spread = np.random.default_rng(seed), ones, spread
        self.arrays: list[tuple[list[int] | None, list[int]]] = []

    def split(self, level: int, contexts: Array, blocks: Array) -> Array:
        assert contexts.shape == blocks.shape
        return self._binary(contexts)

    def binary(self, level: int, contexts: Array, parts: Array, question: int) -> Array:
        assert contexts.shape == parts.shape
        return self._binary(contexts)

    def difference(self, level: int, parts: Array) -> Array:
        symbols = np.clip(self.random.laplace(0, self.spread, (len(parts), 2)).round(), -128, 127).astype(np.int32)
        self.arrays.append((None, symbols.ravel().tolist()))
        return symbols

    def _binary(self, contexts: Array) -> Array:
        symbols = self.random.choice([-128, 1, 1, 1, 2], contexts.shape)  # what is not 0 is yes
        symbols[self.random.random(contexts.shape) >= self.ones] = 0
        self.arrays.append((contexts.tolist(), symbols.tolist()))
        return symbols


def literal_splits(
    root: Field, block_log2: int, finest_log2: int, size: tuple[int, int], drawn: Drawn
) -> tuple[Field, list[list[int] | None]]:
    """The field, and the contexts of every array, with the symbols that were drawn."""
    given = iter([symbols for _, symbols in drawn.arrays])
    arrays: list[list[int] | None] = []
    v, may_split = root, set(root)
    for level in range(block_log2, finest_log2, -1):
        symbols = ask(arrays, given, [split_context(v, block, level) for block in sorted(may_split)])
        split = {block for block, symbol in zip(sorted(may_split), symbols, strict=True) if symbol}
        rows, columns = (-(-n // (1 << (level - 1))) for n in size)
        finer = {(i, j): v[i // 2, j // 2] for i in range(rows) for j in range(columns)}
        parts = [part for part in sorted(finer) if (part[0] // 2, part[1] // 2) in split]
        offers = {part: offered(v, part) for part in parts}
        moved = chosen(parts, ask(arrays, given, [9 + len(offers[part]) for part in parts]))
        asked = [part for part in moved if offers[part]]
        new = chosen(asked, ask(arrays, given, [11 + len(offers[part]) for part in asked]))
        new = sorted(new + [part for part in moved if not offers[part]])
        asked = [part for part in moved if part not in new and len(offers[part]) == 2]
        vertical = chosen(asked, ask(arrays, given, [14] * len(asked)))
        for part in moved:
            if part not in new:
                finer[part] = offers[part][part in vertical]
        if new:
            arrays.append(None)
            values = next(given)
            for number, part in enumerate(new):
                own = v[part[0] // 2, part[1] // 2]
                moved_by = values[2 * number : 2 * number + 2]
                finer[part] = tuple(  # type: ignore[assignment]
                    min(max(a + b, VECTOR_MIN), VECTOR_MAX) for a, b in zip(own, moved_by, strict=True)
                )
        v, may_split = finer, set(parts)
    assert next(given, None) is None
    return v, arrays


def ask(arrays: list[list[int] | None], given: Iterator[list[int]], contexts: list[int]) -> list[int]:
    if not contexts:
        return []
    arrays.append(contexts)
    return next(given)


def chosen(asked: list[tuple[int, int]], symbols: list[int]) -> list[tuple[int, int]]:
    return [one for one, symbol in zip(asked, symbols, strict=True) if symbol]


def split_context(v: Field, block: tuple[int, int], level: int) -> int:
    spread = 0
    for row, column in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        other = v.get((block[0] + row, block[1] + column), v[block])
        spread = max(spread, *(abs(a - b) for a, b in zip(v[block], other, strict=True)))
    return 3 * (level - 4) + (0 if spread == 0 else 1 if spread <= 8 else 2)


def offered(v: Field, part: tuple[int, int]) -> list[Vector]:
    row, column = part[0] // 2, part[1] // 2
    own = v[row, column]
    beside = v.get((row, column + 1 if part[1] % 2 else column - 1), own)
    vertical = v.get((row + 1 if part[0] % 2 else row - 1, column), own)
    return [beside] * (beside != own) + [vertical] * (vertical not in (own, beside))


def as_field(vectors: Array) -> Field:
    return {(i, j): (int(vectors[i, j, 0]), int(vectors[i, j, 1])) for i, j in np.ndindex(*vectors.shape[:2])}


# height, width, block_log2, finest_log2
CASES = (
    (64, 64, 6, 3),
    (85, 147, 6, 3),
    (147, 85, 6, 4),
    (130, 65, 6, 5),
    (77, 93, 5, 3),
    (97, 33, 5, 4),
    (41, 35, 4, 3),
    (9, 17, 4, 3),
    (8, 8, 6, 3),
    (1, 1, 4, 3),
    (1, 200, 6, 3),
)


@pytest.mark.parametrize("reach", [0, 2, 30, 1024])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_the_literal_reading(case: tuple[int, int, int, int], reach: int) -> None:
    height, width, block_log2, finest_log2 = case
    for seed in range(4):
        random = np.random.default_rng(seed)
        root = random.integers(-reach, reach + 1, (*field_shape(height, width, block_log2), 2)).astype(np.int32)
        root = root.clip(VECTOR_MIN, VECTOR_MAX)
        drawn = Drawn(seed, (0.3, 0.6, 0.9, 1.0)[seed], (0.5, 4.0, 90.0, 1.0)[seed])
        found = walk_splits(root, block_log2, finest_log2, (height, width), drawn)
        expected, arrays = literal_splits(as_field(root), block_log2, finest_log2, (height, width), drawn)
        assert found.shape == (*field_shape(height, width, finest_log2), 2)
        assert found.dtype == np.int32
        assert as_field(found) == expected
        assert [contexts for contexts, _ in drawn.arrays] == arrays


def test_every_context_is_met() -> None:
    met: set[int] = set()
    for seed, reach in enumerate((0, 1, 4, 12, 60)):
        root = np.random.default_rng(seed).integers(-reach, reach + 1, (3, 4, 2)).astype(np.int32)
        drawn = Drawn(seed)
        walk_splits(root, 6, 3, (180, 230), drawn)
        met |= {context for contexts, _ in drawn.arrays for context in contexts or ()}
    assert met == set(range(SPLIT_CONTEXTS))


def test_nothing_is_asked_where_no_block_may_be_split() -> None:
    root = np.arange(12, dtype=np.int32).reshape(2, 3, 2)
    drawn = Drawn(0)
    assert np.array_equal(walk_splits(root, 4, 4, (20, 40), drawn), root)
    assert not drawn.arrays


def test_blocks_that_are_not_split_hand_their_vectors_down() -> None:
    root = np.arange(12, dtype=np.int32).reshape(2, 3, 2)
    drawn = Drawn(0, ones=0.0)
    found = walk_splits(root, 6, 3, (70, 140), drawn)
    assert np.array_equal(found, np.repeat(np.repeat(root, 8, 0), 8, 1)[:9, :18])
    assert [len(symbols) for _, symbols in drawn.arrays] == [6]


class Given:
    """Answers as they are listed; keeps contexts."""

    def __init__(self, answers: list[list[int]]):
        self.answers, self.contexts = iter(answers), []  # type: ignore[var-annotated]

    def split(self, level: int, contexts: Array, blocks: Array) -> Array:
        return self.binary(level, contexts, blocks, -1)

    def binary(self, level: int, contexts: Array, parts: Array, question: int) -> Array:
        self.contexts.append(contexts.tolist())
        return np.array(next(self.answers))

    def difference(self, level: int, parts: Array) -> Array:
        return np.array(next(self.answers), np.int32).reshape(len(parts), 2)


def test_the_specifications_example() -> None:
    given = Given(
        [
            [1, 0], [0, 1, 1, 1], [0, 1], [9, -2, 3, 6],
            [0, 1, 0, 1], [1, 0, 1, 1, 1, 0], [1, 0, 0, 0], [1, 0], [-1, 2],
        ]
    )  # fmt: skip
    found = walk_splits(np.array([[[0, 0], [0, 6]]], np.int32), 5, 3, (24, 48), given)
    assert given.contexts == [
        [4, 4], [9, 10, 9, 10], [12, 12],
        [2, 1, 2, 1], [10, 9, 11, 10, 11, 10], [12, 13, 12, 13], [14, 14],
    ]  # fmt: skip
    assert found.tolist() == [
        [[0, 0], [0, 0], [-1, 8], [0, 6], [0, 6], [0, 6]],
        [[0, 0], [0, 0], [3, 6], [3, 6], [0, 6], [0, 6]],
        [[9, -2], [9, -2], [9, -2], [3, 6], [0, 6], [0, 6]],
    ]
