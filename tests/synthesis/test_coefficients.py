"""The walk over coefficients: bands, and every pass against a plain reading of bitstream_spec.md, section 7.7."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nvcodec.bitstream.residual_headers import BINARY_CONTEXTS, VALUE_CONTEXTS
from nvcodec.synthesis.coefficients import LEVELS, band, diagonals, lowest_passes, walk
from tests.synthesis.walks import (
    GROUPS,
    SHAPES,
    Pass,
    Recorder,
    band_by_the_specification,
    coarser_by_the_specification,
    few_levels,
    random_levels,
    walked,
)

Block = tuple[int, int]


def size(x: int, n: int) -> int:
    return min(n, len(f"{x:b}")) if x else 0


def beside(i: int, j: int, shape: tuple[int, int]) -> list[Block]:
    """Above, below, left and right, those in the plane."""
    return [
        (a, b) for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)) if 0 <= a < shape[0] and 0 <= b < shape[1]
    ]


class Plane:
    """A plane's levels (64, blocks) by name: q[u, v, block]; block: (row, column)."""

    def __init__(self, shape: tuple[int, int], levels: np.ndarray):
        self.shape = shape
        self.blocks = [(i, j) for i in range(shape[0]) for j in range(shape[1])]
        values = levels.tolist()
        self.q = {
            (u, v, b): values[8 * u + v][number]
            for u in range(8)
            for v in range(8)
            for number, b in enumerate(self.blocks)
        }

    def number(self, block: Block) -> int:
        return block[0] * self.shape[1] + block[1]


def passes_by_the_specification(level: int, shape: tuple[int, int], levels: np.ndarray) -> list[Pass]:
    """Section 7.7 in plain Python, of the levels (64, blocks) that are coded; passes without symbols left out."""
    plane = Plane(shape, levels)
    found = level_3(plane) if level == 3 else level_2(plane) if level == 2 else level_1_or_0(plane, level)
    return [(name, symbols) for name, symbols in found if symbols]


def level_3(plane: Plane) -> list[Pass]:
    rows, columns = plane.shape
    found: list[Pass] = []
    order = [([(i, j) for i, j in plane.blocks if i % 8 == 0 and j % 8 == 0], [], None)]
    for g in (4, 2, 1):
        odd_multiple = {n for n in range(max(rows, columns)) if n % g == 0 and (n // g) % 2 == 1}
        multiple = {n for n in range(max(rows, columns)) if n % g == 0}
        both = [(i, j) for i, j in plane.blocks if i in odd_multiple and j in odd_multiple]
        one = [
            (i, j)
            for i, j in plane.blocks
            if i in multiple and j in multiple and (i in odd_multiple) + (j in odd_multiple) == 1
        ]
        order.append((both, [(-g, -g), (-g, g), (g, -g), (g, g)], g))
        order.append((one, [(-g, 0), (g, 0), (0, -g), (0, g)], g))
    decoded: set[Block] = set()
    for blocks, offsets, g in order:
        flags, values = [], []
        for i, j in blocks:
            around = [(i + y, j + x) for y, x in offsets if 0 <= i + y < rows and 0 <= j + x < columns]
            assert decoded.issuperset(around), "all in passes before its own"
            assert around or g is None, "at least one does"
            near = [plane.q[0, 0, b] for b in around]
            if g is None:
                p8 = flag_context = value_context = 0
            else:
                n, first = len(near), 7 if g == 1 else 1
                p8 = (16 * sum(near) + n) // (2 * n)
                flag_context = first + size(4 * sum(map(abs, near)) // n, 5)
                value_context = first + size(max(near) - min(near), 5)
            own = plane.q[0, 0, (i, j)]
            flags.append((None, plane.number((i, j)), flag_context, None, int(own != 0)))
            if own:
                values.append((0, plane.number((i, j)), value_context, p8, own))
        found += [("flags", flags), ("values", values)]
        decoded.update(blocks)
    assert sorted(decoded) == plane.blocks, "each in one pass"
    assert sum(len(symbols) for name, symbols in found if name == "flags") == len(plane.blocks)
    return found


def flag_passes(plane: Plane, level: int, even: dict[Block, int], odd: dict[Block, int]) -> tuple[list[Pass], list]:
    """Passes 1 and 2 of levels 2, 1 and 0, and the blocks with flag 1; even, odd: contexts, these with near = 0."""
    own_band, found, known = band_by_the_specification(level), [], {}
    for parity in (0, 1):
        flags = []
        for b in (b for b in plane.blocks if sum(b) % 2 == parity):
            near = sum(known.get(n, 0) for n in beside(*b, plane.shape))
            context = odd[b] + min(near, 3) if parity else even[b]
            flags.append((None, plane.number(b), context, None, int(any(plane.q[u, v, b] for u, v in own_band))))
        known.update({plane.blocks[number]: flag for _, number, _, _, flag in flags})
        found.append(("flags", flags))
    return found, [b for b in plane.blocks if known[b]]


def level_2(plane: Plane) -> list[Pass]:
    q, (rows, columns) = plane.q, plane.shape
    lowest = {b: q[0, 0, b] for b in plane.blocks}
    g_x, g_y = {}, {}
    for i, j in plane.blocks:
        g_x[i, j] = lowest[i, max(j - 1, 0)] - lowest[i, min(j + 1, columns - 1)]
        g_y[i, j] = lowest[max(i - 1, 0), j] - lowest[min(i + 1, rows - 1), j]
    c = {b: 2 * size(max(abs(g_x[b]), abs(g_y[b])), 4) + (1 if lowest[b] else 0) for b in plane.blocks}
    found, coded = flag_passes(plane, 2, c, {b: 10 + 4 * c[b] for b in plane.blocks})
    following = [((0, 1), g_x), ((1, 0), g_y)]
    significance, values = [], []
    for (u, v), g in following:
        for b in coded:
            own, at = q[u, v, b], (8 * u + v, plane.number(b))
            significance.append((*at, 50 + size(abs(g[b]), 6), None, int(own != 0)))
            if own:
                values.append((*at, size(abs(g[b]), 6), (3 * g[b] + 1) >> 1, own))
    corner, corner_values = [], []
    for b in coded:
        count = sum(q[u, v, b] != 0 for u, v in ((0, 0), (0, 1), (1, 0)))
        corner.append((9, plane.number(b), 57 + count, None, int(q[1, 1, b] != 0)))
        if q[1, 1, b]:
            magnitude = abs(q[0, 1, b]) + abs(q[1, 0, b])
            context = 7 if magnitude < 2 else 8 if magnitude < 5 else 9
            corner_values.append((9, plane.number(b), context, None, q[1, 1, b]))
    return [
        *found,
        ("significance", significance),
        ("significance", corner),
        ("values", values),
        ("values", corner_values),
    ]


def level_1_or_0(plane: Plane, level: int) -> list[Pass]:
    q, own_band, coarser = plane.q, band_by_the_specification(level), coarser_by_the_specification(level)
    m = {b: sum(abs(q[u, v, b]) for u, v in coarser) for b in plane.blocks}
    x = {b: sum(abs(q[u, v, b]) for u, v in band_by_the_specification(level + 1)) for b in plane.blocks}
    even, odd = {}, {}
    for b in plane.blocks:
        own, act = size(x[b], 3), min(sum(x[n] > 0 for n in beside(*b, plane.shape)), 2)
        even[b], odd[b] = 3 * own + act, 12 + 4 * own
    found, coded = flag_passes(plane, level, even, odd)
    known = {(u, v, b) for u, v in coarser for b in coded if q[u, v, b]}
    for d in sorted({u + v for u, v in own_band}):
        symbols = []
        for u, v in sorted(uv for uv in own_band if sum(uv) == d):
            for b in coded:
                # an index below 0 is not among those known
                count = sum((*uv, b) in known for uv in ((u - 1, v), (u, v - 1), (u - 1, v - 1)))
                context = 28 + 4 * GROUPS[level][d] + count
                symbols.append((8 * u + v, plane.number(b), context, None, int(q[u, v, b] != 0)))
        known |= {(f // 8, f % 8, plane.blocks[number]) for f, number, _, _, answer in symbols if answer}
        found.append(("significance", symbols))
    values = []
    for u, v in own_band:
        for b in (b for b in coded if q[u, v, b]):
            s = sum(q[a, c, b] != 0 for a, c in own_band)
            context = size(s + x[b] + m[b] // 4, 6) - 1 + (6 if u + v > (3 if level == 1 else 6) else 0)
            values.append((8 * u + v, plane.number(b), context, None, q[u, v, b]))
    values.sort(key=lambda symbol: symbol[:2])
    return [*found, ("values", values)]


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


# The walk


def smooth_levels(shape: tuple[int, int], seed: int) -> np.ndarray:
    """As of a picture without references: the lowest coefficients large and alike, those of level 2 near slopes."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    wave = 55 * np.sin(rows / 4 + seed) + 60 * np.cos(columns / 5) + random.normal(0, 1 + seed % 3, shape)
    levels = random_levels(shape, seed, 0.2, 3)
    levels[0] = np.round(wave).ravel()
    slopes = np.gradient(np.pad(wave, 1, mode="edge"))
    for frequency, slope in ((1, slopes[1]), (8, slopes[0])):
        levels[frequency] = np.round(-0.3 * slope[1:-1, 1:-1] + random.normal(0, 1, shape)).ravel()
    return levels


@pytest.mark.parametrize("level", range(LEVELS))
@pytest.mark.parametrize("shape", SHAPES)
def test_passes_are_the_specifications(level: int, shape: tuple[int, int]) -> None:
    for seed, share in enumerate((0.05, 0.3, 1.0)):
        for levels in (random_levels(shape, 10 * seed + level, share), smooth_levels(shape, seed)):
            assert walked(walk, level, shape, levels) == passes_by_the_specification(level, shape, levels)


@settings(max_examples=100)
@given(st.data())
def test_passes_of_few_coefficients(data: st.DataObject) -> None:
    """Also the largest ones that there are."""
    shape = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    level, count = data.draw(st.integers(0, 3)), shape[0] * shape[1]
    some = st.sampled_from([0, 0, 1, 8, 9]) | st.integers(0, 63)
    places = st.tuples(some, st.integers(0, count - 1))
    levels = few_levels(count, data.draw(st.dictionaries(places, st.integers(-129, 127), max_size=16)))
    assert walked(walk, level, shape, levels) == passes_by_the_specification(level, shape, levels)


@settings(max_examples=30)
@given(st.tuples(st.integers(1, 20), st.integers(1, 20)), st.integers(0, 1 << 30), st.sampled_from([1, 9, 127]))
def test_passes_of_lowest_coefficients_in_planes_of_any_size(shape: tuple[int, int], seed: int, largest: int) -> None:
    levels = random_levels(shape, seed, 0.2, largest)
    assert walked(walk, 3, shape, levels) == passes_by_the_specification(3, shape, levels)


@pytest.mark.parametrize("extremes", [(-129, 127), (127, -129)])
def test_the_largest_coefficients(extremes: tuple[int, int]) -> None:
    """Those that differ most side by side, and those alike, one sign all over."""
    shape = (9, 9)
    checks = np.add.outer(np.arange(9), np.arange(9)).ravel() // 2 % 2
    for chosen in (checks, np.zeros_like(checks)):
        levels = np.tile(np.array(extremes, np.int32)[chosen], (64, 1))
        for level in range(LEVELS):
            assert walked(walk, level, shape, levels) == passes_by_the_specification(level, shape, levels)


def test_contexts_stay_within_their_counts_and_each_is_met() -> None:
    """But for two that cannot be: the frequencies of group 0 at level 1 lie at the edge, with one lower neighbour."""
    binary, values = ([set() for _ in range(LEVELS)] for _ in range(2))
    for seed in range(24):
        shape = (7, 13)
        rough = random_levels(shape, seed, (0.03, 0.1, 0.4, 1.0)[seed % 4], (1, 2, 6, 30)[seed // 4 % 4])
        for levels in (rough, smooth_levels(shape, seed)):
            for level in range(LEVELS):
                for name, symbols in walked(walk, level, shape, levels):
                    (values if name == "values" else binary)[level].update(context for _, _, context, _, _ in symbols)
    unmet = [set(range(count)) - met for met, count in zip(binary, BINARY_CONTEXTS, strict=True)]
    assert unmet == [set(), {30, 31}, set(), set()]
    assert [max(met) < count for met, count in zip(binary, BINARY_CONTEXTS, strict=True)] == [True] * LEVELS
    assert values == [set(range(count)) for count in VALUE_CONTEXTS]


def test_values_are_near_a_prediction_where_one_is_known() -> None:
    """At level 3 all, at level 2 those that follow slopes, at others none."""
    levels = smooth_levels((9, 9), 1)
    found = [set() for _ in range(LEVELS)]
    for level in range(LEVELS):
        for name, symbols in walked(walk, level, (9, 9), levels):
            found[level].update((f, near8 is not None) for f, _, _, near8, _ in symbols if name == "values")
    assert found[3] == {(0, True)}
    assert found[2] == {(1, True), (8, True), (9, False)}
    for level in (1, 0):
        assert found[level] == {(int(f), False) for f in band(level)}


def test_predictions_are_near_what_comes() -> None:
    """On a smooth plane: the lowest coefficients within the waves' curvature, those of level 2 nearer than 0 is."""
    levels = smooth_levels((24, 24), 0)
    symbols = [symbol for name, own in walked(walk, 3, (24, 24), levels) for symbol in own if name == "values"]
    dense = [(near8 / 8, value) for _, _, context, near8, value in symbols if context >= 7]
    assert np.mean([abs(near - value) for near, value in dense]) < 4 < np.mean([abs(value) for _, value in dense]) / 5
    own = dict(enumerate(walked(walk, 2, (24, 24), levels)))
    following = [(near8 / 8, value) for _, _, _, near8, value in own[4][1]]
    assert np.mean([abs(near - value) for near, value in following]) < np.mean([abs(value) for _, value in following])


def test_passes_of_lowest_coefficients() -> None:
    """Of 9 rows and 11 columns; 9 blocks have a row and a column that are multiples of 4, 30 of 2."""
    assert [len(own.blocks) for own in lowest_passes((9, 11))] == [4, 1, 9 - 5, 6, 30 - 15, 20, 99 - 50]


def test_passes_without_blocks_are_left_out() -> None:
    assert [own.blocks.tolist() for own in lowest_passes((1, 1))] == [[0]]
    assert [own.blocks.tolist() for own in lowest_passes((1, 9))] == [[0, 8], [4], [2, 6], [1, 3, 5, 7]]
    assert [own.blocks.tolist() for own in lowest_passes((6, 1))] == [[0], [4], [2], [1, 3, 5]]


# The specification's examples


def test_the_example_of_level_3() -> None:
    """2 rows and 3 columns, 4 and -1 at the first row's ends."""
    assert [own.blocks.tolist() for own in lowest_passes((2, 3))] == [[0], [2], [4], [1, 3, 5]]
    passes = walked(walk, 3, (2, 3), few_levels(6, {(0, 0): 4, (0, 2): -1, (0, 4): 7}))
    assert passes[:6] == [
        ("flags", [(None, 0, 0, None, 1)]),
        ("values", [(0, 0, 0, 0, 4)]),
        ("flags", [(None, 2, 1 + 5, None, 1)]),
        ("values", [(0, 2, 1, 32, -1)]),
        ("flags", [(None, 4, 11, None, 1)]),
        ("values", [(0, 4, 10, 12, 7)]),
    ]
    assert [(name, len(symbols)) for name, symbols in passes[6:]] == [("flags", 3)]


def test_the_example_of_level_2() -> None:
    levels = few_levels(1, {(0, 0): -3, (8, 0): 5, (9, 0): -2, (2, 0): 6})
    assert walked(walk, 2, (1, 1), levels) == [
        ("flags", [(None, 0, 1, None, 1)]),
        ("significance", [(1, 0, 50, None, 0), (8, 0, 50, None, 1)]),
        ("significance", [(9, 0, 59, None, 1)]),
        ("values", [(8, 0, 0, 0, 5)]),
        ("values", [(9, 0, 9, None, -2)]),
    ]
    passes = walked(walk, 1, (1, 1), levels)
    assert passes[0] == ("flags", [(None, 0, 9, None, 1)])
    assert passes[-1] == ("values", [(2, 0, 3, None, 6)])


def test_the_example_of_level_1() -> None:
    """Two blocks side by side, the first with a large lowest coefficient, the second with one of level 2."""
    coarse = {(0, 0): 100, (9, 1): 5}
    levels = few_levels(2, {**coarse, (2, 0): 1, (19, 0): -1, (16, 1): 2, (25, 1): 3, (27, 1): -4})
    passes = walked(walk, 1, (1, 2), levels)
    assert passes[:2] == [("flags", [(None, 0, 1, None, 1)]), ("flags", [(None, 1, 25, None, 1)])]
    values = [(2, 0, 4, 1), (16, 1, 3, 2), (19, 0, 10, -1), (25, 1, 9, 3), (27, 1, 9, -4)]
    assert passes[-1] == ("values", [(f, block, context, None, value) for f, block, context, value in values])


# Few symbols


@pytest.mark.parametrize("level", range(3))
def test_nothing_asks_for_flags_alone(level: int) -> None:
    levels = np.zeros((64, 12), np.int32)
    assert [(name, len(symbols)) for name, symbols in walked(walk, level, (3, 4), levels)] == [("flags", 6)] * 2
    assert [len(symbols) for _, symbols in walked(walk, level, (1, 1), levels[:, :1])] == [1]


def test_nothing_asks_for_flags_alone_at_the_coarsest_level() -> None:
    levels = np.zeros((64, 12), np.int32)
    passes = walked(walk, 3, (3, 4), levels)
    assert [(name, len(symbols)) for name, symbols in passes] == [("flags", count) for count in (1, 1, 2, 2, 6)]


@pytest.mark.parametrize(("level", "significance"), [(2, 2), (1, 5), (0, 11)])
def test_a_flag_may_be_followed_by_zeros_alone(level: int, significance: int) -> None:
    """What no encoder writes: the block's coefficients are zeros, and no value is asked for."""

    class Liar(Recorder):
        def binary(self, contexts: np.ndarray, frequencies: np.ndarray | None, blocks: np.ndarray) -> np.ndarray:
            super().binary(contexts, frequencies, blocks)
            return np.full(contexts.shape, int(frequencies is None), np.int64)

    levels, liar = np.zeros((64, 4), np.int32), Liar(level, np.zeros((64, 4), np.int32))
    walk(level, (2, 2), levels, liar)
    assert not levels.any()
    assert [name for name, _ in liar.passes] == ["flags"] * 2 + ["significance"] * significance
