"""The walk over coefficients: bands, and every pass against a plain reading of bitstream_spec.md, section 7.7."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nvcodec.bitstream.residual_headers import BINARY_CONTEXTS, VALUE_CONTEXTS
from nvcodec.synthesis.coefficients import (
    LEVELS,
    band,
    binary_contexts,
    diagonals,
    flag_contexts,
    significance_contexts,
    value_classes,
    walk,
)

SHAPES = [(1, 1), (1, 5), (5, 1), (2, 2), (3, 4), (7, 5)]
GROUPS = {
    2: {1: 0, 2: 1},
    1: {2: 0, 3: 1, 4: 2, 5: 3, 6: 3},
    0: {4: 0, 5: 0, 6: 1, 7: 1, 8: 2, 9: 2, 10: 2, 11: 3, 12: 3, 13: 3, 14: 3},
}
"""By level and diagonal."""

Pass = tuple[str, list[tuple[int, int]]]
"""What is asked, and (context, answer) in raster order: a flag's or a significance's 0 or 1, or a value."""


def band_by_the_specification(level: int) -> list[tuple[int, int]]:
    """Section 6.12."""
    if level == 3:
        return [(0, 0)]
    low, high = 2 ** (2 - level), 2 ** (3 - level) - 1
    return [(u, v) for u in range(8) for v in range(8) if low <= max(u, v) <= high]


def passes_by_the_specification(level: int, shape: tuple[int, int], levels: np.ndarray) -> list[Pass]:
    """Section 7.7 in plain Python, of the levels (64, blocks) that are coded; passes without symbols left out."""
    rows, columns = shape
    blocks = [(i, j) for i in range(rows) for j in range(columns)]
    q = {(u, v, i, j): int(levels[8 * u + v, i * columns + j]) for u in range(8) for v in range(8) for i, j in blocks}
    own_band = band_by_the_specification(level)
    coarser = [uv for other in range(level + 1, 4) for uv in band_by_the_specification(other)]
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
    found.append(("flags", [(3 * own[b] + act[b], coded[b]) for b in even]))
    known = {b: coded[b] for b in even}
    odd = [b for b in blocks if sum(b) % 2]
    near = {b: sum(known.get(n, 0) for n in neighbours(*b)) for b in odd}
    found.append(("flags", [(first_odd + 4 * own[b] + min(near[b], 3), coded[b]) for b in odd]))
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
                    symbols.append((first_coefficient + 4 * GROUPS[level][d] + count, answer))
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
        values.append((context, q[u, v, i, j]))
    found.append(("values", values))
    return [(name, symbols) for name, symbols in found if symbols]


class Recorder:
    """Answers from levels as they are, and notes every pass."""

    def __init__(self, level: int, levels: np.ndarray):
        self.level, self.levels, self.passes = level, levels, []

    def binary(self, contexts: np.ndarray, frequencies: np.ndarray | None, blocks: np.ndarray) -> np.ndarray:
        if frequencies is None:
            answers = self.levels[band(self.level)][:, blocks].any(0)
        else:
            answers = self.levels[frequencies, blocks] != 0
        self._note("flags" if frequencies is None else "significance", contexts, answers)
        return answers.astype(np.int64)

    def value(self, contexts: np.ndarray, frequencies: np.ndarray, blocks: np.ndarray) -> np.ndarray:
        values = self.levels[frequencies, blocks]
        self._note("values", contexts, values)
        return values

    def _note(self, name: str, contexts: np.ndarray, answers: np.ndarray) -> None:
        assert contexts.shape == answers.shape
        if contexts.size:
            self.passes.append((name, list(zip(contexts.ravel().tolist(), map(int, answers.ravel()), strict=True))))


def random_levels(shape: tuple[int, int], seed: int, share: float, largest: int = 6) -> np.ndarray:
    """Of which about a share is other than 0, fewer the higher the frequency; some blocks have none."""
    random = np.random.default_rng(seed)
    count = shape[0] * shape[1]
    levels = random.integers(-largest, largest + 1, (64, count), dtype=np.int32)
    vertical, horizontal = np.divmod(np.arange(64), 8)
    chance = np.minimum(1, share * 4 / (1 + vertical + horizontal))[:, None]
    levels *= random.random((64, count)) < chance
    levels[:, random.random(count) < 0.2] = 0
    return levels


def walked(level: int, shape: tuple[int, int], levels: np.ndarray) -> list[Pass]:
    """The walk's passes over the levels, which it must put together again."""
    known = np.zeros_like(levels)
    for coarser in range(level + 1, LEVELS):
        known[band(coarser)] = levels[band(coarser)]
    recorder = Recorder(level, levels)
    walk(level, shape, known, recorder)
    assert np.array_equal(known[band(level)], levels[band(level)])
    finer = [f for other in range(level) for f in band(other)]
    assert not known[finer].any()
    return recorder.passes


# Bands


def test_bands_part_the_frequencies() -> None:
    bands = [band(level).tolist() for level in range(LEVELS)]
    assert sorted(f for each in bands for f in each) == list(range(64))
    assert [len(each) for each in bands] == [48, 12, 3, 1]
    for level, frequencies in enumerate(bands):
        assert frequencies == [8 * u + v for u, v in band_by_the_specification(level)]
        assert all(max(divmod(f, 8)) < 8 >> level for f in frequencies), "what the level's scale shows"


@pytest.mark.parametrize("level", range(3))
def test_diagonals_part_the_band(level: int) -> None:
    found = [frequencies.tolist() for frequencies in diagonals(level)]
    assert sorted(f for each in found for f in each) == band(level).tolist()
    assert [{sum(divmod(f, 8)) for f in each} for each in found] == [{d} for d in GROUPS[level]]
    assert all(each == sorted(each) for each in found)


def test_the_coarsest_level_has_no_diagonals() -> None:
    assert diagonals(3) == ()


def test_as_many_contexts_as_tables() -> None:
    assert tuple(binary_contexts(level) for level in range(LEVELS)) == BINARY_CONTEXTS


# The walk


@pytest.mark.parametrize("level", range(LEVELS))
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_passes_are_the_specifications(level: int, shape: tuple[int, int], share: float) -> None:
    for seed in range(3):
        levels = random_levels(shape, 10 * seed + level, share)
        assert walked(level, shape, levels) == passes_by_the_specification(level, shape, levels)


@settings(max_examples=40)
@given(st.data())
def test_passes_of_few_coefficients(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    level, count = data.draw(st.integers(0, 3)), shape[0] * shape[1]
    levels = np.zeros((64, count), np.int32)
    places = st.tuples(st.integers(0, 63), st.integers(0, count - 1))
    for (frequency, block), value in data.draw(st.dictionaries(places, st.integers(-129, 127), max_size=12)).items():
        levels[frequency, block] = value
    assert walked(level, shape, levels) == passes_by_the_specification(level, shape, levels)


def test_contexts_stay_within_their_counts_and_each_is_met() -> None:
    binary = [set() for _ in range(LEVELS)]
    values = [set() for _ in range(LEVELS)]
    for seed in range(30):
        for level in range(LEVELS):
            levels = random_levels((6, 7), seed, (0.03, 0.1, 0.4, 1.0)[seed % 4], (1, 2, 6)[seed % 3])
            for name, symbols in walked(level, (6, 7), levels):
                (values if name == "values" else binary)[level].update(context for context, _ in symbols)
    assert [max(met) < count for met, count in zip(binary, BINARY_CONTEXTS, strict=True)] == [True] * 4
    # the frequencies of group 0 at levels 1 and 2 lie at the edge, where there is one lower neighbour
    unmet = [set(range(count)) - met for met, count in zip(binary, BINARY_CONTEXTS, strict=True)]
    assert unmet == [set(), {23, 24}, {23, 24}, set()]
    assert values == [set(range(VALUE_CONTEXTS))] * LEVELS


def test_nothing_asks_for_flags_alone() -> None:
    for level in range(LEVELS):
        levels = np.zeros((64, 12), np.int32)
        assert [(name, len(symbols)) for name, symbols in walked(level, (3, 4), levels)] == [("flags", 6), ("flags", 6)]
        assert [len(symbols) for _, symbols in walked(level, (1, 1), levels[:, :1])] == [1]


def test_a_flag_may_be_followed_by_zeros_alone() -> None:
    """What no encoder writes: the block's coefficients are zeros, and no value is asked for."""

    class Liar(Recorder):
        def binary(self, contexts: np.ndarray, frequencies: np.ndarray | None, blocks: np.ndarray) -> np.ndarray:
            super().binary(contexts, frequencies, blocks)
            return np.full(contexts.shape, int(frequencies is None), np.int64)

    levels, liar = np.zeros((64, 4), np.int32), Liar(1, np.zeros((64, 4), np.int32))
    walk(1, (2, 2), levels, liar)
    assert not levels.any()
    assert [name for name, _ in liar.passes] == ["flags"] * 2 + ["significance"] * 5


# Contexts of whole levels, as the encoder's estimate sees them


@pytest.mark.parametrize("level", range(LEVELS))
@pytest.mark.parametrize("shape", SHAPES)
def test_contexts_of_whole_levels_are_the_walks(level: int, shape: tuple[int, int]) -> None:
    levels = random_levels(shape, level, 0.4)
    even = np.add.outer(np.arange(shape[0]), np.arange(shape[1])).ravel() % 2 == 0
    contexts, near = flag_contexts(level, shape, levels)
    passes = passes_by_the_specification(level, shape, levels)
    flags = [symbols for name, symbols in passes if name == "flags"]
    assert contexts[even].tolist() == [context for context, _ in flags[0]]
    assert contexts[~even].tolist() == [context for context, _ in (flags[1] if len(flags) > 1 else [])]
    coded = np.flatnonzero(levels[band(level)].any(0))
    significance = [symbols for name, symbols in passes if name == "significance"]
    for frequencies, symbols in zip(diagonals(level) if len(coded) else (), significance, strict=True):
        found = significance_contexts(level, frequencies, levels[:, coded] != 0)
        assert found.ravel().tolist() == [context for context, _ in symbols]
    classes = value_classes(level, levels, near)
    expected = [classes[b] for f in band(level) for b in range(levels.shape[1]) if levels[f, b]]
    assert expected == [context for name, symbols in passes for context, _ in symbols if name == "values"]
