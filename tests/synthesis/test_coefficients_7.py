"""The walk over coefficients up to version 0.7, every pass against a plain reading of bitstream_spec.md, 7.12."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nvcodec.bitstream.residual_headers import BINARY_CONTEXTS_7, VALUE_CONTEXTS_7
from nvcodec.synthesis.coefficients import LEVELS
from nvcodec.synthesis.coefficients_7 import binary_contexts, walk
from tests.synthesis.walks import (
    GROUPS,
    SHAPES,
    Pass,
    band_by_the_specification,
    coarser_by_the_specification,
    few_levels,
    random_levels,
    walked,
)


def passes_by_the_specification(level: int, shape: tuple[int, int], levels: np.ndarray) -> list[Pass]:
    """Section 7.12 in plain Python, of the levels (64, blocks) that are coded; passes without symbols left out."""
    rows, columns = shape
    blocks = [(i, j) for i in range(rows) for j in range(columns)]
    q = {(u, v, i, j): int(levels[8 * u + v, i * columns + j]) for u in range(8) for v in range(8) for i, j in blocks}
    own_band, coarser = band_by_the_specification(level), coarser_by_the_specification(level)
    m = {(i, j): sum(abs(q[u, v, i, j]) for u, v in coarser) for i, j in blocks}

    def neighbours(i: int, j: int) -> list[tuple[int, int]]:
        return [b for b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)) if b in m]

    own = {b: min(m[b], 2) for b in blocks}
    act = {b: min(sum(m[n] > 0 for n in neighbours(*b)), 2) for b in blocks}
    first_odd, first_coefficient = (1, 5) if level == 3 else (9, 21)
    coded = {(i, j): int(any(q[u, v, i, j] for u, v in own_band)) for i, j in blocks}
    found: list[Pass] = []

    # 1 and 2
    even = [b for b in blocks if sum(b) % 2 == 0]
    found.append(("flags", [(None, blocks.index(b), 3 * own[b] + act[b], None, coded[b]) for b in even]))
    known = {b: coded[b] for b in even}
    odd = [b for b in blocks if sum(b) % 2]
    near = {b: sum(known.get(n, 0) for n in neighbours(*b)) for b in odd}
    contexts = {b: first_odd + 4 * own[b] + min(near[b], 3) for b in odd}
    found.append(("flags", [(None, blocks.index(b), contexts[b], None, coded[b]) for b in odd]))
    with_flag = [b for b in blocks if coded[b]]

    # 3
    if level == 3:
        significant = {(0, 0, i, j) for i, j in with_flag}
    else:
        significant = set()
        for d in sorted({u + v for u, v in own_band}):
            symbols, new = [], set()
            for u, v in sorted(uv for uv in own_band if sum(uv) == d):
                for i, j in with_flag:
                    lower = [(a, b) for a, b in ((u - 1, v), (u, v - 1), (u - 1, v - 1)) if a >= 0 and b >= 0]
                    count = sum(
                        (a, b, i, j) in significant or ((a, b) in coarser and q[a, b, i, j] != 0) for a, b in lower
                    )
                    answer = int(q[u, v, i, j] != 0)
                    context = first_coefficient + 4 * GROUPS[level][d] + count
                    symbols.append((8 * u + v, blocks.index((i, j)), context, None, answer))
                    if answer:
                        new.add((u, v, i, j))
            significant |= new
            found.append(("significance", symbols))

    # 4
    values = []
    for u, v, i, j in sorted(significant, key=lambda c: (8 * c[0] + c[1], blocks.index((c[2], c[3])))):
        if level == 3:
            flagged = sum(coded[n] for n in neighbours(i, j))
            context = 0 if flagged < 2 else 1 if flagged == 2 else 2
        else:
            context = 0 if m[i, j] < 2 else 1 if m[i, j] < 5 else 2
        values.append((8 * u + v, blocks.index((i, j)), context, None, q[u, v, i, j]))
    found.append(("values", values))
    return [(name, symbols) for name, symbols in found if symbols]


def test_as_many_contexts_as_tables() -> None:
    assert tuple(binary_contexts(level) for level in range(LEVELS)) == BINARY_CONTEXTS_7 == (37, 37, 29, 5)
    assert VALUE_CONTEXTS_7 == (3,) * LEVELS


@pytest.mark.parametrize("level", range(LEVELS))
@pytest.mark.parametrize("shape", SHAPES[:6])
@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_passes_are_the_specifications(level: int, shape: tuple[int, int], share: float) -> None:
    for seed in range(2):
        levels = random_levels(shape, 10 * seed + level, share)
        assert walked(walk, level, shape, levels) == passes_by_the_specification(level, shape, levels)


@settings(max_examples=40)
@given(st.data())
def test_passes_of_few_coefficients(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    level, count = data.draw(st.integers(0, 3)), shape[0] * shape[1]
    places = st.tuples(st.integers(0, 63), st.integers(0, count - 1))
    levels = few_levels(count, data.draw(st.dictionaries(places, st.integers(-129, 127), max_size=12)))
    assert walked(walk, level, shape, levels) == passes_by_the_specification(level, shape, levels)


def test_the_specifications_example() -> None:
    """Section 7.12: a block with -3, then 5 and -2 at level 2."""
    levels = few_levels(1, {(0, 0): -3, (8, 0): 5, (9, 0): -2})
    assert walked(walk, 2, (1, 1), levels) == [
        ("flags", [(None, 0, 6, None, 1)]),
        ("significance", [(1, 0, 22, None, 0), (8, 0, 22, None, 1)]),
        ("significance", [(9, 0, 27, None, 1)]),
        ("values", [(8, 0, 1, None, 5), (9, 0, 1, None, -2)]),
    ]


def test_contexts_stay_within_their_counts_and_each_is_met() -> None:
    binary = [set() for _ in range(LEVELS)]
    values = [set() for _ in range(LEVELS)]
    for seed in range(24):
        for level in range(LEVELS):
            levels = random_levels((6, 7), seed, (0.03, 0.1, 0.4, 1.0)[seed % 4], (1, 2, 6)[seed % 3])
            for name, symbols in walked(walk, level, (6, 7), levels):
                (values if name == "values" else binary)[level].update(context for _, _, context, _, _ in symbols)
    # the frequencies of group 0 at levels 1 and 2 lie at the edge, where there is one lower neighbour
    unmet = [set(range(count)) - met for met, count in zip(binary, BINARY_CONTEXTS_7, strict=True)]
    assert unmet == [set(), {23, 24}, {23, 24}, set()]
    assert [max(met) < count for met, count in zip(binary, BINARY_CONTEXTS_7, strict=True)] == [True] * LEVELS
    assert values == [set(range(count)) for count in VALUE_CONTEXTS_7]


@pytest.mark.parametrize("level", range(LEVELS))
def test_nothing_asks_for_flags_alone(level: int) -> None:
    levels = np.zeros((64, 12), np.int32)
    assert [(name, len(symbols)) for name, symbols in walked(walk, level, (3, 4), levels)] == [("flags", 6)] * 2
    assert [len(symbols) for _, symbols in walked(walk, level, (1, 1), levels[:, :1])] == [1]
