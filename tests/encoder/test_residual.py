"""Residuals: levels by rate and distortion, tables by counts, and the round trip through a GoP's units."""

import numpy as np
import pytest

from nvcodec.bitstream import ContainerReader, LevelTables, TablesHeader, UnitKey, UnitType, write_payload
from nvcodec.bitstream.default_tables import DEFAULT_TABLES
from nvcodec.bitstream.residual_headers import (
    BINARY_CONTEXTS,
    DEFAULT_CHOICE,
    DEFAULT_INTRA,
    INTRA_CONTEXTS,
    TABLE_BITS,
    VALUE_CONTEXTS,
    Tables,
)
from nvcodec.decoder.errors import DecodeError
from nvcodec.decoder.residual import GopResiduals, read_tables, table_set
from nvcodec.encoder.choices import encode_choices
from nvcodec.encoder.hybrid_fit import STEP_PER_LAMBDA, parameter_for
from nvcodec.encoder.hybrid_pack import CodedPictures, pack_residuals
from nvcodec.encoder.intra import encode_intra
from nvcodec.encoder.pack import Payload
from nvcodec.encoder.residual import LARGEST_LEVEL, Counts, Quantiser, ResidualCounts, encode_band
from nvcodec.entropy import SymbolDecoder, SymbolEncoder, bits
from nvcodec.synthesis.coefficients import LEVELS, band, walk
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.transform import block_shape, forward, quantisation_step
from nvcodec.synthesis.vectors import field_shape
from tests.streams import write_file
from tests.synthesis.walks import walked

GRIDS = [(1, 1), (1, 5), (3, 4), (12, 17)]
"""Blocks."""


class Measure:
    """In place of an encoder: what the symbols cost."""

    def __init__(self) -> None:
        self.bits = 0.0

    def push(self, symbols: np.ndarray, tables: np.ndarray) -> None:
        self.bits += bits(symbols, tables)


def real_bits(levels: np.ndarray, shape: tuple[int, int], tables: tuple[LevelTables, ...]) -> float:
    """What a plane's symbols cost, in the contexts that they have in the file; of bands with nothing, it has none."""
    measure = Measure()
    for level in reversed(range(LEVELS)):
        if levels[band(level)].any():
            encode_band(measure, level, shape, levels, tables[level])
    return measure.bits


def coefficients(shape: tuple[int, int], spread: float, seed: int) -> np.ndarray:
    """(64, blocks) real ones as residuals have them: fewer at high frequencies, and none in some regions."""
    random = np.random.default_rng(seed)
    vertical, horizontal = np.divmod(np.arange(64), 8)
    falling = (1 + vertical + horizontal)[:, None] ** -1.3
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    busy = np.exp(1.5 * np.sin(rows / 2 + seed) * np.cos(columns / 3)).ravel()
    return random.laplace(0, 1, (64, shape[0] * shape[1])) * falling * busy * spread


def smooth_coefficients(shape: tuple[int, int], step: float, seed: int, noise: float = 0.0) -> np.ndarray:
    """(64, blocks) real ones of a plane of slow waves, lowest ones up to 96 steps; noise: in steps."""
    y, x = np.mgrid[: 8 * shape[0], : 8 * shape[1]]
    waves = 0.6 * np.sin(y / 23 + seed) + 0.4 * np.cos((x + y / 3) / 31)
    return forward(step * (12 * waves + noise * np.random.default_rng(seed).normal(0, 1, y.shape)))


def lowest_alone(levels: np.ndarray) -> np.ndarray:
    alone = np.zeros_like(levels)
    alone[0] = levels[0]
    return alone


def random_levels(blocks: int, seed: int, share: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(seed)
    levels = np.round(random.laplace(0, 3, (64, blocks))).clip(-127, 127).astype(np.int32)
    levels *= random.random(levels.shape) < share
    levels[:, random.random(blocks) < 0.3] = 0
    return levels


# Levels


def squared_error(wanted: np.ndarray, levels: np.ndarray, qp: int) -> float:
    return float(((wanted - levels * quantisation_step(qp)) ** 2).sum())


@pytest.mark.parametrize("shape", GRIDS)
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("kind", range(2))
def test_levels_are_worth_what_they_cost(shape: tuple[int, int], number: int, kind: int) -> None:
    """By what the file will take, not by the estimate: no plane comes out dearer than if it were not coded at all."""
    tables = DEFAULT_TABLES[number][kind]
    quantiser, coded = Quantiser(tables, shape), 0
    for seed, lam in enumerate((20.0, 300.0, 4000.0, 50_000.0)):
        qp = parameter_for(lam)
        for spread in (0.3, 1.0, 4.0):
            wanted = coefficients(shape, spread * quantisation_step(qp), seed)
            levels, _ = quantiser.quantise(wanted, qp, lam)
            assert levels.dtype == np.int32
            assert levels.shape == wanted.shape
            cost = squared_error(wanted, levels, qp) + lam * real_bits(levels, shape, tables)
            assert cost <= squared_error(wanted, np.zeros_like(levels), qp) + 1.0 * lam, "a bit"
            coded += bool(levels.any())
    assert coded >= 4


def saved_by_one_change(wanted: np.ndarray, shape: tuple[int, int], tables: tuple[LevelTables, ...]) -> float:
    """Bits' worth that the best of these changes to what is chosen saves: a coefficient one more or less, or a block
    dropped. One more only where the lowest coefficients are large, as they are what others are predicted from."""
    lam = 500.0
    qp = parameter_for(lam)
    levels, _ = Quantiser(tables, shape).quantise(wanted, qp, lam)

    def cost(own: np.ndarray) -> float:
        return squared_error(wanted, own, qp) / lam + real_bits(own, shape, tables)

    costs = []
    for frequency, block in zip(*np.nonzero(levels), strict=True):
        for change in (-1, 1) if abs(levels[frequency, block]) > 9 else (-1,):
            changed = levels.copy()
            changed[frequency, block] += change * np.sign(changed[frequency, block])
            costs.append(cost(changed))
    for block in range(levels.shape[1]):
        changed = levels.copy()
        changed[:, block] = 0
        costs.append(cost(changed))
    return cost(levels) - min(costs)


@pytest.mark.parametrize("seed", [0, 3, 5])
def test_no_single_change_saves_much(seed: int) -> None:
    """None of these changes is a better choice by more than a little; the most that was found is 4.6 bits."""
    wanted = coefficients((4, 5), 2.0 * quantisation_step(parameter_for(500.0)), seed)
    assert saved_by_one_change(wanted, (4, 5), DEFAULT_TABLES[0][0]) < 6


def test_no_single_change_saves_much_of_a_smooth_plane() -> None:
    """Choices don't look ahead to what is predicted from them: a lowest coefficient may come out one step from where
    its neighbours' predictions would have it. The most that was found is 11 bits, of 2700 that the plane costs."""
    for number in (0, 2):
        wanted = smooth_coefficients((4, 5), quantisation_step(parameter_for(500.0)), 1, 0.5)
        assert saved_by_one_change(wanted, (4, 5), DEFAULT_TABLES[number][0]) < 20


@pytest.mark.parametrize("shape", GRIDS)
@pytest.mark.parametrize("spread", [0.5, 2.0, 8.0])
def test_the_estimate_is_near_what_is_written(shape: tuple[int, int], spread: float) -> None:
    tables, lam = DEFAULT_TABLES[2][0], 500.0
    qp = parameter_for(lam)
    levels, estimate = Quantiser(tables, shape).quantise(
        coefficients(shape, spread * quantisation_step(qp), 1), qp, lam
    )
    encoders = [SymbolEncoder() for _ in range(LEVELS)]
    for level in reversed(range(LEVELS)):
        if levels[band(level)].any():
            encode_band(encoders[level], level, shape, levels, tables[level])
    written = sum(8 * len(encoder.finish()) for encoder in encoders)
    real = real_bits(levels, shape, tables)
    assert estimate == pytest.approx(real, rel=0.05, abs=6)
    assert real - LEVELS <= written <= real + LEVELS * 64 + 0.001 * real


@pytest.mark.parametrize("shape", GRIDS)
@pytest.mark.parametrize("noise", [0.0, 0.25])
def test_the_estimate_of_a_smooth_plane_is_near_what_is_written(shape: tuple[int, int], noise: float) -> None:
    """Lowest coefficients near those around them, the next ones near slopes."""
    lam = 500.0
    qp = parameter_for(lam)
    for number in range(3):
        tables = DEFAULT_TABLES[number][0]
        wanted = smooth_coefficients(shape, quantisation_step(qp), 1, noise)
        levels, estimate = Quantiser(tables, shape).quantise(wanted, qp, lam)
        assert np.abs(levels[0]).max() > 80
        assert (levels[[1, 8]] != 0).mean() > 0.3
        assert estimate == pytest.approx(real_bits(levels, shape, tables), rel=0.005, abs=0.5)
        squares = (levels * quantisation_step(qp) - wanted) ** 2
        assert squares.mean() < lam, "it is coded, not left out"


@pytest.mark.parametrize("kind", range(2))
@pytest.mark.parametrize("number", range(3))
def test_a_smooth_plane_costs_less_than_the_same_coefficients_shuffled(number: int, kind: int) -> None:
    """Less than half, of lowest coefficients alone; and so do those of level 2 cost less beside slopes of theirs."""
    shape, tables, qp = (12, 17), DEFAULT_TABLES[number][kind], parameter_for(500.0)
    wanted = smooth_coefficients(shape, quantisation_step(qp), 1)
    levels, _ = Quantiser(tables, shape).quantise(wanted, qp, 500.0)
    alone, order = lowest_alone(levels), np.random.default_rng(0).permutation(levels.shape[1])
    assert real_bits(alone, shape, tables) < 0.5 * real_bits(alone[:, order], shape, tables)
    second = np.zeros_like(levels)
    second[[0, 1, 8]] = levels[[0, 1, 8]]
    mirrored = second.copy()
    mirrored[[1, 8]] *= -1
    above = [real_bits(own, shape, tables) - real_bits(alone, shape, tables) for own in (second, mirrored)]
    assert above[0] < 0.8 * above[1], "with the signs that slopes suggest"


def test_levels_stay_within_a_symbols_reach() -> None:
    """At the smallest step, of coefficients far beyond 127 of them."""
    wanted = np.zeros((64, 12))
    wanted[[0, 1, 9, 63]] = [[1e5], [-1e5], [127.5 * 16], [-127.4 * 16]]
    levels, _ = Quantiser(DEFAULT_TABLES[0][0], (3, 4)).quantise(wanted, 0, 1.0)
    assert np.abs(levels).max() == LARGEST_LEVEL == 127
    assert (levels[[0, 1, 9, 63]] == [[127], [-127], [127], [-127]]).all()
    encoder = SymbolEncoder()
    encode_band(encoder, 3, (3, 4), levels, DEFAULT_TABLES[0][0][3])


def test_signs_follow_the_coefficients() -> None:
    wanted = coefficients((3, 4), 2000.0, 2)
    levels, _ = Quantiser(DEFAULT_TABLES[1][1], (3, 4)).quantise(wanted, 20, 100.0)
    mirrored, _ = Quantiser(DEFAULT_TABLES[1][1], (3, 4)).quantise(-wanted, 20, 100.0)
    assert np.array_equal(mirrored, -levels)
    assert levels.any()
    assert (levels * wanted >= 0).all()


def test_nothing_costs_nothing() -> None:
    """A plane without coefficients has no symbols in the file."""
    for size in (0.2, 36.0):
        levels, estimate = Quantiser(DEFAULT_TABLES[2][0], (3, 4)).quantise(np.full((64, 12), size), 12, 1e6)
        assert not levels.any()
        assert estimate == 0


def test_the_parameter_follows_lambda() -> None:
    """The step is the root of 8 lambda, to within the steps that there are."""
    for lam in (40.0, 100.0, 1e3, 1e4, 1e6):
        assert quantisation_step(parameter_for(lam)) ** 2 == pytest.approx(STEP_PER_LAMBDA * lam, rel=0.15)
    parameters = [parameter_for(10.0**exponent) for exponent in range(-9, 12)]
    assert parameters == sorted(parameters)
    assert (parameters[0], parameters[-1]) == (0, 63)


# Counts and tables


def segment_counts(seed: int = 0) -> ResidualCounts:
    counts = ResidualCounts()
    for number in range(3):
        for kind in range(2):
            for more in range(3):
                counts.add(number, kind, (6, 7), random_levels(42, 10 * seed + more + number, (0.02, 0.1, 0.3)[more]))
    return counts


def cost_under(counts: Counts, tables: LevelTables) -> float:
    """What the counted symbols cost; values' symbols of phase p are under table 5 * scale index + p."""
    found = 0.0
    for context, (zeros, ones) in enumerate(counts.binary):
        table = 200 + tables.binary[context]
        found += zeros * bits([0], [table]) + ones * bits([1], [table])
    for context, phase, symbol in np.argwhere(counts.value):
        table = 5 * tables.value[context] + phase
        found += counts.value[context, phase, symbol] * bits([symbol - 128], [table])
    return found


def test_counts_have_a_place_for_each_context() -> None:
    """Of values, by phase of the mean's eighths and by symbol."""
    for level in range(LEVELS):
        counts = Counts(level)
        assert counts.binary.shape == (BINARY_CONTEXTS[level], 2)
        assert counts.value.shape == (VALUE_CONTEXTS[level], 5, 256)
        assert counts.value.dtype == np.int32


def test_counts_are_of_the_symbols_that_are_written() -> None:
    """Under the default tables the counted symbols cost what pushing them costs."""
    counts, total = ResidualCounts(), 0.0
    for seed in range(3):
        levels = random_levels(20, seed)
        if seed == 1:
            levels[0] = np.round(100 * np.sin(np.arange(20) / 4))
        if seed == 2:
            levels[band(1)] = 0  # then the file has no symbols of it, flags neither
        counts.add(1, 0, (4, 5), levels)
        total += real_bits(levels, (4, 5), DEFAULT_TABLES[1][0])
    found = sum(cost_under(own, DEFAULT_TABLES[1][0][level]) for level, own in enumerate(counts.counts[1][0]))
    assert found == pytest.approx(total, rel=1e-4)
    others = [counts.counts[number][kind] for number in range(3) for kind in range(2) if (number, kind) != (1, 0)]
    assert not any(own.binary.any() or own.value.any() for levels in others for own in levels)


def test_counts_know_the_phases() -> None:
    """Level 3 of 3 blocks in a row, 2 and 3 at the ends: the first near 0, the last near it, the middle near 2.5."""
    counts = ResidualCounts()
    levels = np.zeros((64, 3), np.int32)
    levels[0] = [2, -1, 3]
    counts.add(0, 1, (1, 3), levels)
    own = counts.counts[0][1][3]
    assert sorted(map(tuple, np.argwhere(own.value) - [0, 0, 128])) == [
        (0, 4, -1),  # 2 near 0: mean8 4, r = 1, sign -1
        (1, 0, 1),  # 3 near 16: mean8 16, r = 2
        (8, 4, 3),  # -1, closed up 0, near 20: mean8 20, r = 3, sign -1
    ]
    assert own.value.sum() == own.binary[:, 1].sum() == 3


def test_both_signs_of_a_value_cost_the_same() -> None:
    """A value and its negative have symbols that lie alike around the table's middle, also near a prediction."""
    for scale in (0, 12, 25, 39):
        tables = (LevelTables((24,) * 13, (scale,) * 13),) * LEVELS
        for values in ([1], [2], [17], [127], [17, 20], [5, 3, -9], [5, 0, 4]):
            costs = []
            for sign in (1, -1):
                levels = np.zeros((64, len(values)), np.int32)
                levels[0] = sign * np.array(values)
                measure = Measure()
                encode_band(measure, 3, (1, len(values)), levels, tables[3])
                costs.append(measure.bits)
            # the ends of a table also have what lies beyond them
            assert costs[0] == pytest.approx(costs[1], abs=0.01 if 127 not in values else 8)


def test_charged_tables_save_what_naming_them_takes() -> None:
    """Contexts' flags, too: a level without any table of its own takes a flag alone."""
    counts = segment_counts()
    tables = counts.tables(charged=True)
    changed, names = set(), 0
    for number, kinds in enumerate(tables):
        for kind, own in enumerate(kinds):
            for level, chosen in enumerate(own):
                default, here = DEFAULT_TABLES[number][kind][level], counts.counts[number][kind][level]
                named = sum(a != b for a, b in zip(chosen.binary, default.binary, strict=True))
                named += sum(a != b for a, b in zip(chosen.value, default.value, strict=True))
                if named:
                    changed.add((number, kind, level))
                    named_bits = TABLE_BITS * named + len(chosen.binary) + len(chosen.value)
                    assert cost_under(here, chosen) + named_bits < cost_under(here, default)
                names += named
    assert len(changed) > 10
    assert names > 50


def plain_default(level: int) -> LevelTables:
    return LevelTables((24,) * BINARY_CONTEXTS[level], (12,) * VALUE_CONTEXTS[level])


@pytest.mark.parametrize("level", range(LEVELS))
def test_a_level_has_tables_of_its_own_where_they_save_its_flags(level: int) -> None:
    """One context's table saves more than its 6 bits each time, but not always more than all contexts' flags."""
    default, saved = plain_default(level), []
    for count in range(1, 100):
        counts = Counts(level)
        counts.binary[-1] = [0, count]  # 6 bits each under table 24
        chosen = counts.choose(default, True)
        saved.append(cost_under(counts, default) - cost_under(counts, replace_last(default, 63)))
        flags = BINARY_CONTEXTS[level] + VALUE_CONTEXTS[level]
        assert chosen == (default if saved[-1] <= flags + TABLE_BITS else replace_last(default, 63))
    assert saved[0] < 26 < flags + TABLE_BITS < saved[-1]


def replace_last(tables: LevelTables, table: int) -> LevelTables:
    return LevelTables((*tables.binary[:-1], table), tables.value)


def test_charged_tables_make_smaller_files() -> None:
    """The TABLES unit's bits and those of all symbols together; a set's flag and its levels' come on top."""
    for seed in range(2):
        counts = segment_counts(seed)
        sizes = []
        for tables in (DEFAULT_TABLES, counts.tables(charged=True)):
            total = 8.0 * len(write_payload(TablesHeader(2, DEFAULT_TABLES, False, tables)))
            for number, kinds in enumerate(tables):
                for kind, own in enumerate(kinds):
                    here = counts.counts[number][kind]
                    total += sum(cost_under(here[level], chosen) for level, chosen in enumerate(own))
            sizes.append(total)
        assert sizes[1] < sizes[0]


def test_the_cheapest_tables_are_found() -> None:
    """Of a context with many symbols: none of the 64, and none of the 40 scales, costs less."""
    counts = Counts(2)
    counts.binary[3] = [900, 100]
    met = {(4, 1): 500, (4, 2): 200, (4, -1): 150, (0, 0): 300, (2, 5): 50, (2, -3): 90}
    for (phase, symbol), number in met.items():
        counts.value[1, phase, symbol + 128] = number
    default = plain_default(2)
    for charged in (True, False):
        chosen = counts.choose(default, charged)
        binary = [900 * bits([0], [200 + j]) + 100 * bits([1], [200 + j]) for j in range(64)]
        assert chosen.binary[3] == int(np.argmin(binary))
        value = [sum(n * bits([k], [5 * s + phase]) for (phase, k), n in met.items()) for s in range(40)]
        assert chosen.value[1] == int(np.argmin(value))
        rest = [index for c, index in enumerate(chosen.binary) if c != 3]
        rest += [index for c, index in enumerate(chosen.value) if c != 1]
        assert set(rest) == {24, 12}, "contexts without symbols keep theirs"


@pytest.mark.parametrize("charged", [True, False])
def test_without_counts_tables_are_the_defaults(charged: bool) -> None:
    assert ResidualCounts().tables(charged=charged) == DEFAULT_TABLES


def test_few_symbols_pick_no_extreme_table() -> None:
    counts, default = Counts(0), plain_default(0)
    default = LevelTables((*default.binary[:8], 47, *default.binary[9:]), default.value)
    counts.binary[0] = counts.binary[8] = [0, 3]
    counts.value[2, 0, [128 + 5, 128 - 5]] = 2
    chosen = counts.choose(default, False)
    assert 24 < chosen.binary[0] < 44
    assert 47 <= chosen.binary[8] < 50
    assert 12 < chosen.value[2] < 32
    assert counts.choose(default, True) == default, "they save less than the level's flags take"


def test_counts_merge_and_come_back() -> None:
    first, second = segment_counts(0), segment_counts(1)
    both, kept = segment_counts(0), ResidualCounts()
    both.merge(second)
    kept.load(both.state())
    for number in range(3):
        for kind in range(2):
            for level in range(LEVELS):
                a, b, c, d = (x.counts[number][kind][level] for x in (first, second, both, kept))
                assert np.array_equal(a.binary + b.binary, c.binary)
                assert np.array_equal(a.value + b.value, c.value)
                assert np.array_equal(c.binary, d.binary)
                assert np.array_equal(c.value, d.value)
    state = both.state()
    both.add(0, 0, (4, 5), random_levels(20, 3))
    assert np.array_equal(state[0][0][0][0].numpy(), kept.counts[0][0][0].binary), "a state stands still"


# Symbols


class Pushes:
    """In place of an encoder: notes symbols and tables."""

    def __init__(self) -> None:
        self.found: list[tuple[list[int], list[int]]] = []

    def push(self, symbols: np.ndarray, tables: np.ndarray) -> None:
        if symbols.size:
            self.found.append((symbols.ravel().tolist(), tables.ravel().tolist()))


def value_by_the_specification(symbol: int, p8: int, scale: int) -> tuple[int, int]:
    """Sections 7.7 and 7.2: the value that a symbol stands for near a prediction, and the symbol's table."""
    mean8 = p8 + 4 - max(-4, min(4, p8))
    r = (mean8 + 4) // 8
    d = mean8 - 8 * r
    u = (r + (-1 if d < 0 else 1) * symbol + 128) % 256 - 128
    return (u if u > 0 else u - 1), 5 * scale + abs(d)


def distinct_tables() -> tuple[LevelTables, ...]:
    """Each context's other than its neighbours'."""
    return tuple(
        LevelTables(tuple((7 * c + level) % 64 for c in range(b)), tuple((3 * c + level) % 40 for c in range(v)))
        for level, (b, v) in enumerate(zip(BINARY_CONTEXTS, VALUE_CONTEXTS, strict=True))
    )


def assert_pushes_are_the_specifications(shape: tuple[int, int], levels: np.ndarray) -> None:
    """Of every level: symbols and tables of each pass of the walk, values near predictions and others."""
    tables = distinct_tables()
    for level in range(LEVELS):
        pushes, passes = Pushes(), walked(walk, level, shape, levels)
        encode_band(pushes, level, shape, levels, tables[level])
        for (name, asked), (symbols, indices) in zip(passes, pushes.found, strict=True):
            for (_, _, context, near8, answer), symbol, index in zip(asked, symbols, indices, strict=True):
                assert -128 <= symbol <= 127
                if name != "values":
                    assert (symbol, index) == (answer, 200 + tables[level].binary[context])
                elif near8 is None:
                    assert index == 5 * tables[level].value[context] + 4
                    assert (symbol if symbol > 0 else symbol - 1) == answer
                else:
                    expected = value_by_the_specification(symbol, near8, tables[level].value[context])
                    assert expected == (answer, index)


@pytest.mark.parametrize("shape", GRIDS)
def test_pushed_symbols_are_the_specifications(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(shape[1])
    blocks = shape[0] * shape[1]
    assert_pushes_are_the_specifications(shape, random_levels(blocks, 1, 0.3))
    smooth = random_levels(blocks, 2)
    smooth[0] = np.round(120 * np.sin(np.add.outer(np.arange(shape[0]), np.arange(shape[1])) / 4)).ravel()
    assert_pushes_are_the_specifications(shape, smooth)
    extreme = random.choice([-129, -128, -1, 1, 127, 0], (64, blocks)).astype(np.int32)
    assert_pushes_are_the_specifications(shape, extreme)


@pytest.mark.parametrize(("sum_of_both", "symbols"), [(5, {3: 0, 2: 1, -1: 3}), (-5, {-2: 0})])
def test_the_specifications_examples_of_values(sum_of_both: int, symbols: dict[int, int]) -> None:
    """Section 7.7: near 2.5 and -2.5, 20 eighths."""
    for value, symbol in symbols.items():
        levels = np.zeros((64, 3), np.int32)
        levels[0] = [sum_of_both - sum_of_both // 2, value, sum_of_both // 2]
        pushes = Pushes()
        encode_band(pushes, 3, (1, 3), levels, plain_default(3))
        assert pushes.found[-1] == ([symbol], [5 * 12 + 4])
        assert value_by_the_specification(symbol, 4 * sum_of_both, 12) == (value, 5 * 12 + 4)


# Through bytes


SHAPES = {"400": [(21, 33)], "420": [(21, 33), (11, 17)], "444": [(21, 33)] * 3, "small": [(1, 1), (9, 3)]}
OPEN, CLOSED = hierarchical_order(4, True), hierarchical_order(5, False)


def coded_pictures(order: list[CodedPicture], shapes: list[tuple[int, int]], seed: int) -> CodedPictures:
    """Some planes and some pictures have nothing, some only coarse bands."""
    random = np.random.default_rng(seed)
    levels: list[list[np.ndarray | None]] = []
    for place, _ in enumerate(order):
        levels.append([])
        for shape in shapes:
            rows, columns = block_shape(*shape)
            own = random_levels(rows * columns, int(random.integers(1 << 30)), 0.15).astype(np.int8)
            if random.random() < 0.3:
                own[[f for level in range(int(random.integers(1, 4))) for f in band(level)]] = 0
            if random.random() < 0.4:
                smooth = np.add.outer(np.arange(rows) / 5, np.arange(columns) / 7)
                own[0] = np.round(127 * np.sin(smooth + place)).ravel()
            levels[-1].append(own if place % 3 != 2 and random.random() < 0.8 and own.any() else None)
    choices = [random_choices(shapes[0], random) if len(picture.references) == 2 else (0, None) for picture in order]
    qp, network = [int(x) for x in random.integers(0, 64, len(order))], [False] * len(order)
    intra = [random_intra(shapes[0], random) if picture.references else (0, None) for picture in order]
    filtered = [any(own is not None for own in planes) and bool(random.random() < 0.5) for planes in levels]
    return CodedPictures(qp, levels, network, choices, intra, filtered, [0] * len(qp), [False] * len(qp))


def random_choices(size: tuple[int, int], random: np.random.Generator) -> tuple[int, np.ndarray | None]:
    log2 = int(random.choice([0, 3, 4, 5]))
    return (log2, random.integers(0, 3, field_shape(*size, log2)).astype(np.int8)) if log2 else (0, None)


def random_intra(size: tuple[int, int], random: np.random.Generator) -> tuple[int, np.ndarray | None]:
    log2 = int(random.choice([0, 3, 4, 5]))
    return (log2, random.random(field_shape(*size, log2)) < 0.4) if log2 else (0, None)


def tables_header(shapes: list[tuple[int, int]], tables: Tables = DEFAULT_TABLES, **changes: object) -> TablesHeader:
    """Of a segment whose pictures may have intra blocks and be deblocked."""
    kinds = min(len(shapes), 2)
    given = {"tables": tuple(own[:kinds] for own in tables), "intra_flag": True, "deblocking_flag": True}
    return TablesHeader(kinds, DEFAULT_TABLES, **{**given, **changes})


def packed(
    order: list[CodedPicture], coded: CodedPictures, shapes: list[tuple[int, int]], header: TablesHeader
) -> list[Payload]:
    """A GoP's units; header: with the tables of both kinds of planes, if there are two."""
    tables = tuple((own[0], own[-1]) for own in header.tables)
    return pack_residuals(0, 0, order, coded, [block_shape(*shape) for shape in shapes], tables, header)


def container_of(payloads: list[Payload], tables: TablesHeader) -> ContainerReader:
    return ContainerReader(write_file([(UnitKey(UnitType.TABLES, 0), write_payload(tables)), *payloads]))


def expected(levels: np.ndarray | None, finest: int) -> np.ndarray | None:
    """The bands of levels 3 to finest."""
    if levels is None:
        return None
    kept = np.zeros(levels.shape, np.int32)
    for level in range(finest, LEVELS):
        kept[band(level)] = levels[band(level)]
    return kept


@pytest.mark.parametrize("order", [OPEN, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("custom", [False, True])
def test_a_gops_residuals_come_back(order: list[CodedPicture], name: str, custom: bool) -> None:
    shapes = SHAPES[name]
    tables = segment_counts().tables(charged=True) if custom else DEFAULT_TABLES
    kinds = min(len(shapes), 2)
    choice = tuple(range(7, 63, 4)) if custom else DEFAULT_CHOICE
    intra = tuple(5 * c + 3 for c in range(INTRA_CONTEXTS)) if custom else DEFAULT_INTRA
    given = tables_header(shapes, tables, choice=choice, intra=intra)
    for seed in range(3):
        coded = coded_pictures(order, shapes, seed)
        payloads = packed(order, coded, shapes, given)
        with container_of(payloads, given) as container:
            header = read_tables(container, 0, len(shapes))
            assert header.tables == tuple(own[:kinds] for own in tables)
            for finest in range(LEVELS):
                residuals = GopResiduals(container, 0, 0, order, shapes, header, finest)
                for place, picture in enumerate(order):
                    found = residuals.residual(picture)
                    assert found.network_flag is False
                    present = coded.has_residual(place)
                    assert found.qp == (coded.qp[place] if present else 0)
                    log2, chosen = coded.choices[place]
                    assert found.choice_log2 == log2
                    assert (found.choices is None) == (chosen is None)
                    assert chosen is None or np.array_equal(found.choices, chosen)
                    log2, apart = coded.intra[place]
                    assert found.intra_log2 == log2
                    assert (found.intra is None) == (apart is None)
                    assert apart is None or np.array_equal(found.intra, apart)
                    assert found.deblocked == coded.deblocked[place]
                    assert len(found.levels) == len(shapes)
                    for own, wanted in zip(found.levels, coded.levels[place], strict=True):
                        kept = expected(wanted, finest)
                        if own is None:
                            assert kept is None or not kept.any()
                        else:
                            assert own.dtype == np.int32
                            assert np.array_equal(own, kept)
                assert all(band_state.decoder is not None for band_state in residuals.bands.values())


def test_lost_bands_are_zeros() -> None:
    shapes = SHAPES["444"]
    coded = coded_pictures(OPEN, shapes, 4)
    given = tables_header(shapes)
    payloads = packed(OPEN, coded, shapes, given)
    with container_of([each for each in payloads if each[0].level], given) as container:
        header = read_tables(container, 0, 3)
        residuals = GopResiduals(container, 0, 0, OPEN, shapes, header, 0, frozenset({0}))
        for place, picture in enumerate(OPEN):
            for own, wanted in zip(residuals.residual(picture).levels, coded.levels[place], strict=True):
                kept = expected(wanted, 1)
                assert kept is None or not kept.any() if own is None else np.array_equal(own, kept)


@pytest.mark.parametrize("level", range(LEVELS))
def test_wrong_words_are_met_by_the_last_picture(level: int) -> None:
    shapes = SHAPES["400"]
    coded = coded_pictures(CLOSED, shapes, 6)
    given = tables_header(shapes)
    payloads = dict(packed(CLOSED, coded, shapes, given))
    key = UnitKey(UnitType.RESIDUAL, 0, 0, level)
    payloads[key] = payloads[key][:-3] + bytes([payloads[key][-3] ^ 0x10]) + payloads[key][-2:]
    with container_of(list(payloads.items()), given) as container:
        header = read_tables(container, 0, 1)
        message = rf"RESIDUAL unit \(segment 0, gop 0, level {level}\)"
        with pytest.raises(DecodeError, match=message):  # noqa: PT012
            residuals = GopResiduals(container, 0, 0, CLOSED, shapes, header, 0)
            for picture in CLOSED:
                residuals.residual(picture)


def test_sets_of_tables() -> None:
    """Pictures without references, anchors, the others."""
    assert [table_set(picture) for picture in hierarchical_order(1, False)] == [0]
    assert [table_set(picture) for picture in OPEN] == [1, 2, 2, 2]
    closed = [table_set(picture) for picture in CLOSED]
    assert closed == [0 if not p.references else 1 if p.depth == 0 else 2 for p in CLOSED]
    assert closed[0] == 0


def test_choices_come_before_intra_blocks_and_both_before_coefficients() -> None:
    """Picture by picture, each under its own tables."""
    random, shape = np.random.default_rng(0), (21, 33)
    order = hierarchical_order(4, True)
    blocks, count = block_shape(*shape), len(order)
    tables, choice = DEFAULT_TABLES, tuple(range(7, 63, 4))
    intra = tuple(5 * c + 3 for c in range(INTRA_CONTEXTS))
    coded = CodedPictures.blank(count)
    coded.levels = [[None] for _ in order]
    encoder = SymbolEncoder()
    for place, picture in enumerate(order):
        if len(picture.references) == 2:
            coded.choices[place] = (3, random.integers(0, 3, field_shape(*shape, 3)).astype(np.int8))
            encode_choices(encoder, coded.choices[place][1], choice)
        coded.intra[place] = (4, random.random(field_shape(*shape, 4)) < 0.5)
        encode_intra(encoder, coded.intra[place][1], intra)
        levels = np.zeros((64, blocks[0] * blocks[1]), np.int8)
        levels[0] = random.integers(-3, 4, levels.shape[1])
        coded.levels[place] = [levels]
        encode_band(encoder, 3, blocks, levels.astype(np.int32), tables[table_set(picture)][0][3])
    header = tables_header([shape], choice=choice, intra=intra)
    ((key, payload),) = packed(order, coded, [shape], header)
    assert key == UnitKey(UnitType.RESIDUAL, 0, 0, 3)
    assert payload.endswith(encoder.finish())
    assert [len(picture.references) for picture in order] == [1, 2, 2, 2]


def test_a_level_without_coefficients_has_no_unit() -> None:
    levels = np.zeros((64, 15), np.int8)
    levels[band(1)[0], 3] = -5
    coded = CodedPictures([20], [[levels]], [False], [(0, None)], [(0, None)], [False], [0], [False])
    order, header = hierarchical_order(1, False), TablesHeader(1, DEFAULT_TABLES)
    payloads = pack_residuals(2, 1, order, coded, [(3, 5)], DEFAULT_TABLES, header)
    assert [key for key, _ in payloads] == [UnitKey(UnitType.RESIDUAL, 2, 1, level) for level in (3, 1)]
    nothing = CodedPictures([20], [[None]], [False], [(0, None)], [(0, None)], [False], [0], [False])
    payloads = pack_residuals(2, 1, order, nothing, [(3, 5)], DEFAULT_TABLES, header)
    assert [key for key, _ in payloads] == [UnitKey(UnitType.RESIDUAL, 2, 1, 3)]
    assert len(payloads[0][1]) == 5
    SymbolDecoder(payloads[0][1][1:]).finish()
