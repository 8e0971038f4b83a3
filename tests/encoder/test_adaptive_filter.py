"""Fitting adaptive filters: what statistics tell of the error, filters that lower it, what they take in the file."""

import numpy as np
import pytest

from nvcodec.bitstream import Place, write_payload
from nvcodec.bitstream.default_tables import DEFAULT_TABLES
from nvcodec.bitstream.filters import DEFAULT_FILTER, Filter, visit_filters
from nvcodec.bitstream.residual_headers import TablesHeader
from nvcodec.bitstream.visitor import ReadVisitor, WriteVisitor
from nvcodec.encoder.adaptive_filter import (
    STATISTICS,
    error_change,
    filter_bits,
    fitted_filter,
    fitted_filters,
    statistics,
)
from nvcodec.synthesis.adaptive_filter import TAPS, TRANSPOSED, block_classes, changed_blocks, extended, filtered
from nvcodec.synthesis.transform import block_shape

DEAR = 1e12
"""A bit's worth of squared error that nothing pays for."""


def textured(shape: tuple[int, int], bit_depth: int, seed: int) -> np.ndarray:
    """Waves that grow from left to right, far from the ends of the range, so that nothing is clamped."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    random = np.random.default_rng(seed)
    wave = 0.5 + 0.2 * np.sin(0.5 * y + 0.9 * x) * (x + 1) / shape[1] + 0.08 * np.cos(y / 5)
    samples = (wave + random.normal(0, 0.01, shape)) * ((1 << bit_depth) - 1)
    return samples.round().astype(np.uint8 if bit_depth == 8 else np.uint16)


def noisy(plane: np.ndarray, seed: int, deviation: float = 4.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, plane.shape)
    return np.clip(plane + noise, 0, 255).round().astype(np.uint8)


def blurred(plane: np.ndarray) -> np.ndarray:
    """By the mean of a sample and the four beside it."""
    wide = np.pad(plane.astype(float), 1, mode="edge")
    total = plane + wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return (total / 5).round().astype(plane.dtype)


def sparse_levels(shape: tuple[int, int], seed: int) -> np.ndarray:
    rows, columns = block_shape(*shape)
    random = np.random.default_rng(seed)
    return (random.random((64, rows * columns)) < 0.015).astype(np.int32)


def squared_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a.astype(float) - b) ** 2).sum())


def unrounded(plane: np.ndarray, own: np.ndarray, levels: np.ndarray | None, bit_depth: int) -> np.ndarray:
    """The filter without rounding and without clamping."""
    height, width = plane.shape
    classes, transposed = block_classes(extended(plane), bit_depth)
    changed = changed_blocks(levels, plane.shape)
    wide = np.pad(plane.astype(float), 3, mode="edge")
    found = plane.astype(float)
    for y, x in np.ndindex(height, width):
        place = y // 4, x // 4
        if not changed[place]:
            continue
        row = own[classes[place]]
        for t, (dy, dx) in enumerate(TAPS):
            k = row[TRANSPOSED[t]] if transposed[place] else row[t]
            pair = wide[y + 3 + dy, x + 3 + dx] + wide[y + 3 - dy, x + 3 - dx]
            found[y, x] += k / 128 * (pair - 2 * wide[y + 3, x + 3])
    return found


# What statistics tell


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("shape", [(24, 40), (17, 23), (3, 5)], ids=str)
@pytest.mark.parametrize("sparse", [False, True])
def test_the_change_of_the_error_is_the_filters(shape: tuple[int, int], bit_depth: int, sparse: bool) -> None:
    """Class by class, of any filter; samples beyond the plane, and blocks that stay, do not count."""
    plane, source = textured(shape, bit_depth, 1), textured(shape, bit_depth, 2)
    levels = sparse_levels(shape, 3) if sparse else None
    given = statistics(plane, source, levels, bit_depth)
    assert given.shape == STATISTICS == (15, 12, 13)
    assert given.dtype == np.float32
    classes, _ = block_classes(extended(plane), bit_depth)
    which = np.kron(classes, np.ones((4, 4), int))[: shape[0], : shape[1]]
    random = np.random.default_rng(4)
    for own in (np.array(DEFAULT_FILTER), random.integers(-128, 128, (15, 12)), np.zeros((15, 12), int)):
        made = unrounded(plane, own, levels, bit_depth)
        change = (made - source) ** 2 - (plane.astype(float) - source) ** 2
        expected = [change[which == c].sum() for c in range(15)]
        scale = ((made - plane) ** 2).sum() + 1
        assert error_change(given, own) == pytest.approx(expected, abs=1e-4 * scale)


@pytest.mark.parametrize("bit_depth", [8, 12])
def test_and_but_for_rounding_that_of_the_filtered_plane(bit_depth: int) -> None:
    """A rounded sample is off by half at most, and adds a twelfth to the squared error on average."""
    source = textured((48, 64), bit_depth, 5)
    plane = blurred(source)
    given = statistics(plane, source, None, bit_depth)
    made = filtered(plane, np.array(DEFAULT_FILTER), None, bit_depth)
    real = squared_error(made, source) - squared_error(plane, source)
    expected = error_change(given, DEFAULT_FILTER).sum() + plane.size / 12
    assert real == pytest.approx(expected, abs=2 * np.sqrt(squared_error(made, source) / 3))
    assert abs(real) > 5 * abs(real - expected)


def test_statistics_of_several_planes_are_their_sum() -> None:
    """And error_change takes many at once."""
    pairs = [(textured((16, 24), 8, n), textured((16, 24), 8, n + 9)) for n in range(3)]
    each = np.stack([statistics(plane, source, None, 8) for plane, source in pairs])
    changes = error_change(each, DEFAULT_FILTER)
    assert changes.shape == (3, 15)
    for own, change in zip(each, changes, strict=True):
        assert error_change(own, DEFAULT_FILTER) == pytest.approx(change)
    assert error_change(each.sum(0), DEFAULT_FILTER) == pytest.approx(changes.sum(0), rel=1e-4, abs=1)


def test_nothing_is_counted_where_no_block_has_coefficients() -> None:
    plane = textured((16, 24), 8, 0)
    assert not statistics(plane, textured((16, 24), 8, 1), np.zeros((64, 6), np.int32), 8).any()


# One filter


@pytest.mark.parametrize("kind", ["noisy", "blurred"])
def test_a_fitted_filter_lowers_the_error(kind: str) -> None:
    """Below the default one's, as it says."""
    source = textured((64, 96), 8, 6)
    plane = noisy(source, 7) if kind == "noisy" else blurred(source)
    given = statistics(plane, source, None, 8)
    own = fitted_filter(given, 0.0)
    errors = [
        squared_error(plane, source),
        *(squared_error(filtered(plane, np.array(k), None, 8), source) for k in (DEFAULT_FILTER, own)),
    ]
    assert errors[2] < 0.9 * min(errors[:2])
    changes = error_change(given, own)
    assert (changes <= error_change(given, DEFAULT_FILTER) + 1e-6).all()
    assert len(own) == 15
    assert all(len(row) == 12 and all(isinstance(k, int) for k in row) for row in own)


def test_a_filter_is_found_again() -> None:
    """What it was made by, where a class has many samples; rounding blurs it a little."""
    random = np.random.default_rng(8)
    steps = [random.integers(-n, n + 1, (64, 64)) for n in (12, 24, 50, 100, 400)]
    plane = (2048 + np.concatenate(steps, axis=1)).astype(np.uint16)
    own = np.array(DEFAULT_FILTER) + random.integers(-6, 7, (15, 12))
    source = filtered(plane, own, None, 12)
    given = statistics(plane, source, None, 12)
    found = np.array(fitted_filter(given, 0.0))
    classes, _ = block_classes(extended(plane), 12)
    often = np.flatnonzero(np.bincount(classes.ravel(), minlength=15) >= 100)
    assert len(often) >= 4
    assert np.abs(found[often] - own[often]).max() <= 1
    assert squared_error(filtered(plane, found, None, 12), source) < 0.02 * squared_error(plane, source)


def test_bits_may_be_dear() -> None:
    """Then nothing differs from the default; the cheaper they are, the more classes do."""
    source = textured((64, 96), 8, 6)
    given = statistics(noisy(source, 7), source, None, 8)
    assert fitted_filter(given, DEAR) == DEFAULT_FILTER
    assert fitted_filter(np.zeros(STATISTICS, np.float32), 0.0) == DEFAULT_FILTER
    differing = []
    for bit_weight in (0.0, 10.0, 100.0, 1000.0, DEAR):
        own = fitted_filter(given, bit_weight)
        differing.append(sum(row != default for row, default in zip(own, DEFAULT_FILTER, strict=True)))
        for c, (row, default) in enumerate(zip(own, DEFAULT_FILTER, strict=True)):
            if row != default:
                alone = (*DEFAULT_FILTER[:c], row, *DEFAULT_FILTER[c + 1 :])
                gain = error_change(given, DEFAULT_FILTER)[c] - error_change(given, own)[c]
                assert gain > bit_weight * (filter_bits(alone) - filter_bits(DEFAULT_FILTER))
    assert differing == sorted(differing, reverse=True)
    assert differing[0] > differing[2] > differing[-1] == 0


def test_a_filter_can_be_coded_whatever_is_wanted() -> None:
    """Also where differences and coefficients beyond their ranges would serve better."""
    plane = textured((32, 48), 8, 9)
    fine = plane.astype(int) - blurred(plane)
    for factor in (-300, 300):
        source = (plane + factor * fine).astype(np.int32)
        own = fitted_filter(statistics(plane, source, None, 8), 0.0)
        assert max(max(map(abs, row)) for row in own) >= 110
        assert read_back((own,)) == ((own,), 2 + filter_bits(own))


# A segment's


def read_back(filters: tuple[Filter, ...]) -> tuple[tuple[Filter, ...], int]:
    """Filters written and read, and the bits they took."""
    writer = WriteVisitor("filters")
    visit_filters(writer, filters)
    writer.align()
    reader = ReadVisitor(writer.getvalue(), Place("filters", 0))
    found = visit_filters(reader, ())
    return found, reader.position


def test_bits_are_the_writers() -> None:
    random = np.random.default_rng(10)
    assert filter_bits(DEFAULT_FILTER) == 15
    for reach in (1, 3, 9, 60, 117):
        own = tuple(
            tuple(int(k) + int(d) for k, d in zip(row, random.integers(-reach, reach, 12), strict=True))
            if random.random() < 0.7
            else row
            for row in DEFAULT_FILTER
        )
        assert read_back((own,)) == ((own,), 2 + filter_bits(own))
        assert read_back((own, DEFAULT_FILTER)) == ((own, DEFAULT_FILTER), 2 + filter_bits(own) + 15)
        header = TablesHeader(2, DEFAULT_TABLES, adaptive_filter_flag=True, filters=(own,))
        assert len(write_payload(header)) == -(-(5 + 3 + 2 + filter_bits(own)) // 8)


def two_kinds() -> list[np.ndarray]:
    """Statistics of noisy pictures and of blurred ones, in turn."""
    found = []
    for n in range(6):
        source = textured((64, 96), 8, 20 + n)
        plane = blurred(source) if n % 2 else noisy(source, n)
        found.append(statistics(plane, source, None, 8))
    return found


def test_two_kinds_of_pictures_get_two_filters() -> None:
    """One is best for each kind; one kind alone gets one, if bits are worth something."""
    given = two_kinds()
    found = fitted_filters(given, [1.0] * 6, 2.0)
    assert len(found) == 2
    errors = np.array([[error_change(own, which).sum() for which in (DEFAULT_FILTER, *found)] for own in given])
    best = errors.argmin(1)
    assert set(best[0::2]) | set(best[1::2]) == {1, 2}
    assert len(set(best[0::2])) == len(set(best[1::2])) == 1
    assert errors.min(1).sum() + 2.0 * sum(map(filter_bits, found)) < np.minimum(errors[:, 0], 0).sum()
    assert len(fitted_filters(given[::2], [1.0] * 3, 2.0)) == 1


def test_pictures_without_statistics_count_for_nothing() -> None:
    given = two_kinds()
    apart = [given[0], None, *given[1:], None]
    assert fitted_filters(apart, [1.0] * 8, 2.0) == fitted_filters(given, [1.0] * 6, 2.0)
    assert fitted_filters([None, None], [1.0, 1.0], 0.0) == ()
    assert fitted_filters([], [], 0.0) == ()


def test_no_filters_where_they_do_not_pay() -> None:
    assert fitted_filters(two_kinds(), [1.0] * 6, DEAR) == ()
    nothing = np.zeros(STATISTICS, np.float32)
    assert fitted_filters([nothing, nothing], [1.0, 1.0], 1.0) == ()


def test_errors_weigh_as_their_pictures_do() -> None:
    """Twice the weight is twice the statistics."""
    given = two_kinds()
    twice = [own * np.float32(2) for own in given]
    assert fitted_filters(given, [2.0] * 6, 4.0) == fitted_filters(twice, [1.0] * 6, 4.0)
    assert fitted_filters(given, [2.0] * 6, 4.0) == fitted_filters(given, [1.0] * 6, 2.0)
