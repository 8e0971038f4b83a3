"""The adaptive filter, by a plain reading of the specification (section 6.16)."""

import numpy as np
import pytest

from nvcodec.bitstream.filters import DEFAULT_FILTER
from nvcodec.synthesis import adaptive_filter
from nvcodec.synthesis.adaptive_filter import adapted, block_classes, changed_blocks, extended, filtered
from nvcodec.synthesis.transform import block_shape

SIZES = [(1, 1), (3, 5), (5, 8), (17, 23), (64, 48), (1, 40), (30, 2)]
"""Rows, columns."""
DEFAULT = np.array(DEFAULT_FILTER, np.int32)
DY = (0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3)
DX = (1, 2, 3, -2, -1, 0, 1, 2, -1, 0, 1, 0)
U = (5, 9, 11, 8, 4, 0, 6, 10, 3, 1, 7, 2)
Blocks = dict[tuple[int, int], tuple[int, bool]]
"""By row and column of blocks: class, and whether transposed."""


def at(plane: list[list[int]], y: int, x: int) -> int:
    """v: the sample, or the edge's nearest one."""
    return plane[min(max(y, 0), len(plane) - 1)][min(max(x, 0), len(plane[0]) - 1)]


def classes_by_the_specification(plane: list[list[int]], bit_depth: int) -> Blocks:
    rows, columns = -(-len(plane) // 4), -(-len(plane[0]) // 4)
    v_b, h_b = {}, {}
    for i, j in np.ndindex(rows, columns):
        places = [(y, x) for y in range(4 * i, 4 * i + 4) for x in range(4 * j, 4 * j + 4)]
        v_b[i, j] = sum(abs(2 * at(plane, y, x) - at(plane, y - 1, x) - at(plane, y + 1, x)) for y, x in places)
        h_b[i, j] = sum(abs(2 * at(plane, y, x) - at(plane, y, x - 1) - at(plane, y, x + 1)) for y, x in places)

    def around(sums: dict[tuple[int, int], int], i: int, j: int) -> int:
        beside = ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
        return 4 * sums[i, j] + sum(sums[min(max(m, 0), rows - 1), min(max(n, 0), columns - 1)] for m, n in beside)

    found = {}
    for i, j in np.ndindex(rows, columns):
        v_s, h_s = around(v_b, i, j), around(h_b, i, j)
        activity = (v_s + h_s) >> (bit_depth - 8)
        level = sum(bound <= activity for bound in (192, 384, 768, 1536))
        more, less = max(v_s, h_s), min(v_s, h_s)
        direction = 2 if more > 3 * less else 1 if 2 * more > 3 * less else 0
        found[i, j] = 3 * level + direction, v_s > h_s
    return found


def by_the_specification(
    plane: np.ndarray, f: np.ndarray, levels: np.ndarray | None, bit_depth: int
) -> list[list[int]]:
    """A sample at a time. levels: None where all blocks are changed."""
    before, after = plane.tolist(), plane.tolist()
    kinds, across = classes_by_the_specification(before, bit_depth), -(-plane.shape[1] // 8)
    for y, x in np.ndindex(*plane.shape):
        if levels is not None and not levels[:, (y // 8) * across + x // 8].any():
            continue
        which, transposed = kinds[y // 4, x // 4]
        total = 0
        for t in range(12):
            k = int(f[which][U[t]] if transposed else f[which][t])
            pair = at(before, y + DY[t], x + DX[t]) + at(before, y - DY[t], x - DX[t])
            total += k * (pair - 2 * before[y][x])
        after[y][x] = min(max(before[y][x] + ((total + 64) >> 7), 0), (1 << bit_depth) - 1)
    return after


def made_plane(shape: tuple[int, int], kind: str, bit_depth: int, random: np.random.Generator) -> np.ndarray:
    """Noise, or waves of any direction that grow from left to right, so that there are classes of all kinds."""
    top = (1 << bit_depth) - 1
    if kind == "extremes":
        plane = random.integers(0, 2, shape) * top
    elif kind == "noise":
        plane = random.integers(0, top + 1, shape)
    else:
        y, x = np.mgrid[: shape[0], : shape[1]]
        down, across = {"rows": (0.9, 0.05), "columns": (0.05, 0.9), "waves": (0.6, 0.5)}[kind]
        wave = 0.5 + 0.4 * np.sin(down * y + across * x) * (x + 1) / shape[1] + random.normal(0, 0.004, shape)
        plane = (np.clip(wave, 0, 1) * top).round()
    return plane.astype(np.uint8 if bit_depth == 8 else np.uint16)


KINDS = ("noise", "extremes", "rows", "columns", "waves")


def sparse_levels(shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Some blocks have one coefficient, any of the 64, others none."""
    rows, columns = block_shape(*shape)
    levels = np.zeros((64, rows * columns), np.int32)
    coded = np.flatnonzero(random.random(rows * columns) < 0.5)
    levels[random.integers(0, 64, len(coded)), coded] = random.choice([-1, 1, 7], len(coded))
    return levels


def random_filter(random: np.random.Generator) -> np.ndarray:
    return random.integers(-128, 128, (15, 12), dtype=np.int32)


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_planes_are_the_specifications(shape: tuple[int, int], bit_depth: int) -> None:
    random = np.random.default_rng(shape[0] + bit_depth)
    for kind in KINDS if shape[0] < 64 else KINDS[::2]:
        plane = made_plane(shape, kind, bit_depth, random)
        before = plane.copy()
        expected = classes_by_the_specification(plane.tolist(), bit_depth)
        found, transposed = block_classes(extended(plane), bit_depth)
        assert {place: (int(found[place]), bool(transposed[place])) for place in expected} == expected
        assert found.shape == transposed.shape == (-(-shape[0] // 4), -(-shape[1] // 4))
        for own, levels in ((DEFAULT, None), (random_filter(random), sparse_levels(shape, random))):
            made = filtered(plane, own, levels, bit_depth)
            assert made.dtype == plane.dtype
            assert made.tolist() == by_the_specification(plane, own, levels, bit_depth)
            assert np.array_equal(plane, before)


def test_extreme_coefficients() -> None:
    """Sums at their largest, of 12 bits, need the range of 32-bit integers."""
    random = np.random.default_rng(2)
    plane = made_plane((9, 13), "extremes", 12, random)
    for value in (-128, 127):
        own = np.full((15, 12), value, np.int32)
        assert filtered(plane, own, None, 12).tolist() == by_the_specification(plane, own, None, 12)


def test_all_classes_occur() -> None:
    """In the planes above, both ways: else they would show little."""
    random, met = np.random.default_rng(3), set()
    for kind in KINDS[2:]:
        for softer in (1, 3, 9, 27, 81):
            plane = made_plane((64, 96), kind, 8, random) // softer
            expected = classes_by_the_specification(plane.tolist(), 8)
            found, transposed = block_classes(extended(plane), 8)
            assert {place: (int(found[place]), bool(transposed[place])) for place in expected} == expected
            met |= set(expected.values())
    assert {which for which, _ in met} == set(range(15))
    assert {transposed for _, transposed in met} == {False, True}
    assert len(met) >= 26


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_levels_begin_at_their_bounds(bit_depth: int) -> None:
    """A line of some height in a flat plane: it counts alike in each depth, and a little less is a class lower."""
    scale, seen = 1 << (bit_depth - 8), set()
    for height in range(1, 90):
        for fraction in (0, scale - 1):
            plane = np.full((12, 12), 100 * scale, np.uint16)
            plane[5, 2:10] += height * scale + fraction
            expected = classes_by_the_specification(plane.tolist(), bit_depth)
            found, _ = block_classes(extended(plane), bit_depth)
            assert [int(own) for own in found.ravel()] == [expected[place][0] for place in np.ndindex(3, 3)]
            seen |= set(found.ravel() // 3)
    assert seen == set(range(5))


def test_the_example() -> None:
    """The specification's."""
    twice = (100, 104, 96, 130, 170, 172, 168, 171)
    rows = [twice, twice, (103, 107, 99, 133, 173, 175, 171, 174), (100, 104, 96, 130, 170, 172, 140, 171), (90,) * 8]
    plane = np.array(rows, np.uint8)
    classes, transposed = block_classes(extended(plane), 8)
    assert classes.tolist() == [[13, 12], [11, 14]]
    assert transposed.tolist() == [[False, True], [True, True]]
    expected = [
        [101, 102, 97, 130, 168, 173, 168, 170],
        [102, 103, 98, 131, 167, 173, 170, 170],
        [104, 105, 100, 134, 176, 181, 174, 178],
        [101, 101, 97, 124, 163, 161, 143, 159],
        [91, 90, 89, 92, 91, 90, 90, 90],
    ]
    assert filtered(plane, DEFAULT, None, 8).tolist() == expected
    assert by_the_specification(plane, DEFAULT, None, 8) == expected


def test_only_blocks_with_coefficients_change() -> None:
    """Of 8x8 samples, with any of the 64; those at the right and the lower edge may be cut."""
    random = np.random.default_rng(4)
    plane = made_plane((21, 30), "noise", 8, random)
    own = DEFAULT
    whole = filtered(plane, own, None, 8)
    assert np.array_equal(filtered(plane, own, np.zeros((64, 12), np.int32), 8), plane)
    for block, coefficient in ((0, 0), (5, 63), (7, 8), (11, 1)):
        levels = np.zeros((64, 12), np.int32)
        levels[coefficient, block] = -1
        area = np.zeros(plane.shape, bool)
        area[8 * (block // 4) : 8 * (block // 4) + 8, 8 * (block % 4) : 8 * (block % 4) + 8] = True
        assert np.array_equal(filtered(plane, own, levels, 8), np.where(area, whole, plane))
        four = changed_blocks(levels, plane.shape)
        assert four.shape == (6, 8)
        assert np.array_equal(np.kron(four, np.ones((4, 4), bool))[:21, :30], area)
    assert changed_blocks(None, plane.shape).all()
    assert not np.array_equal(whole, plane)


def test_pictures() -> None:
    """Luma alone changes, and without residual only if all blocks do."""
    random = np.random.default_rng(5)
    planes = [made_plane(shape, "noise", 10, random) for shape in ((17, 22), (9, 11), (9, 11))]
    levels = sparse_levels((17, 22), random)
    for whole in (False, True):
        for own in (None, levels):
            found = adapted(planes, DEFAULT, whole, own, 10)
            assert len(found) == 3
            assert all(np.array_equal(a, b) for a, b in zip(found[1:], planes[1:], strict=True))
            which = None if whole else np.zeros_like(levels) if own is None else own
            assert np.array_equal(found[0], filtered(planes[0], DEFAULT, which, 10))
            assert np.array_equal(found[0], planes[0]) == (own is None and not whole)
    (grey,) = adapted(planes[:1], DEFAULT, True, None, 10)
    assert np.array_equal(grey, filtered(planes[0], DEFAULT, None, 10))


def test_a_flat_plane_stays() -> None:
    for value in (0, 77, 255):
        plane = np.full((13, 9), value, np.uint8)
        assert np.array_equal(filtered(plane, random_filter(np.random.default_rng(value)), None, 8), plane)
        classes, transposed = block_classes(extended(plane), 8)
        assert not classes.any()
        assert not transposed.any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_transposed_planes_result_is_the_transposed_one(kind: str) -> None:
    """Where both sums are equal neither is transposed, and the blocks may differ."""
    random = np.random.default_rng(6)
    for shape, bit_depth in (((40, 56), 8), ((8, 12), 10), ((33, 18), 12)):
        plane, own = made_plane(shape, kind, bit_depth, random), random_filter(random) // 8
        turned = plane.T.copy()
        classes, transposed = block_classes(extended(plane), bit_depth)
        other, turned_transposed = block_classes(extended(turned), bit_depth)
        ties = ~(transposed | turned_transposed.T)
        if shape[0] % 4 == shape[1] % 4 == 0:
            assert ties.mean() < 0.1
        assert np.array_equal(classes, other.T)
        assert not (transposed & turned_transposed.T).any()
        same = ~np.kron(ties, np.ones((4, 4), bool))[: shape[0], : shape[1]]
        found, again = filtered(plane, own, None, bit_depth), filtered(turned, own, None, bit_depth).T
        assert np.array_equal(found[same], again[same])
        assert not np.array_equal(found, plane)


def test_bands_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    plane = made_plane((75, 44), "noise", 8, random)
    whole = filtered(plane, DEFAULT, None, 8)
    for samples in (1, 400, 1 << 30):
        monkeypatch.setattr(adaptive_filter, "CACHED_SAMPLES", samples)
        assert np.array_equal(filtered(plane, DEFAULT, None, 8), whole)


def test_the_default_filter_smooths_a_little() -> None:
    """Of a plane with noise it takes off some: it was fitted to coded pictures."""
    random = np.random.default_rng(8)
    y, x = np.mgrid[:64, :64]
    clean = 128 + 60 * np.sin(x / 9) * np.cos(y / 11)
    noisy = np.clip(clean + random.normal(0, 4, clean.shape), 0, 255).round().astype(np.uint8)
    made = filtered(noisy, DEFAULT, None, 8)
    assert ((made - clean) ** 2).mean() < 0.8 * ((noisy - clean) ** 2).mean()
