"""The deblocking filter, by a plain reading of the specification (section 6.15)."""

import numpy as np
import pytest

from nvcodec.synthesis.coefficients import band
from nvcodec.synthesis.deblocking import deblocked
from nvcodec.synthesis.transform import block_shape
from tests.streams import video_format

SIZES = [(37, 21), (8, 8), (9, 9), (17, 10), (16, 33), (40, 1), (1, 40), (3, 5)]
"""Width, height."""
STEP = (16, 18, 20, 23, 25, 29)


def clamped(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def filtered(p1: int, p0: int, q0: int, q1: int, t: int, bit_depth: int) -> tuple[int, int]:
    """(p0, q0) after the specification's `filter`."""
    if abs(q0 - p0) < t and abs(p1 - p0) < t >> 1 and abs(q1 - q0) < t >> 1:
        d = clamped((4 * (q0 - p0) + (p1 - q1) + 4) >> 3, -(t >> 2), t >> 2)
        p0 = clamped(p0 + d, 0, (1 << bit_depth) - 1)
        q0 = clamped(q0 - d, 0, (1 << bit_depth) - 1)
    return p0, q0


def by_the_specification(
    plane: np.ndarray, levels: np.ndarray, qp: int, whole: tuple[int, int], bit_depth: int, scale_log2: int
) -> list[list[int]]:
    """A sample at a time."""
    own = plane.tolist()
    if scale_log2 > 1:
        return own
    size = 8 >> scale_log2
    rows, columns = plane.shape
    block_rows, block_columns = -(-whole[0] // 8), -(-whole[1] // 8)
    t = (STEP[qp % 6] << (qp // 6)) >> (12 - bit_depth)
    coded = [
        [
            any(levels[8 * u + v, i * block_columns + j] != 0 for u in range(size) for v in range(size))
            for j in range(block_columns)
        ]
        for i in range(block_rows)
    ]
    for i in range(block_rows):
        for j in range(1, block_columns):
            if coded[i][j - 1] or coded[i][j]:
                x = size * j
                for y in range(size * i, min(size * (i + 1), rows)):
                    line = own[y]
                    beyond = line[min(x + 1, columns - 1)]
                    line[x - 1], line[x] = filtered(line[x - 2], line[x - 1], line[x], beyond, t, bit_depth)
    for i in range(1, block_rows):
        for j in range(block_columns):
            if coded[i - 1][j] or coded[i][j]:
                y = size * i
                for x in range(size * j, min(size * (j + 1), columns)):
                    beyond = own[min(y + 1, rows - 1)][x]
                    above, below = filtered(own[y - 2][x], own[y - 1][x], own[y][x], beyond, t, bit_depth)
                    own[y - 1][x], own[y][x] = above, below
    return own


def random_levels(shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Of a plane; some blocks have none, some only the finest band's, which do not count at scale 1/2."""
    rows, columns = block_shape(*shape)
    levels = np.zeros((64, rows * columns), np.int32)
    kinds = random.integers(0, 3, rows * columns)
    levels[0, kinds == 1] = random.integers(-3, 0, int((kinds == 1).sum()))
    fine = random.choice(band(0), rows * columns)
    levels[fine[kinds == 2], np.flatnonzero(kinds == 2)] = 1
    return levels


def random_plane(shape: tuple[int, int], size: int, t: int, bit_depth: int, random: np.random.Generator) -> np.ndarray:
    """Blocks that differ by about a threshold, with noise of a part of it, from anywhere in the range, its ends too."""
    top = (1 << bit_depth) - 1
    near = -(-shape[0] // size), -(-shape[1] // size)
    blocks = random.choice([0, int(random.integers(top)), top]) + random.integers(-t - 1, t + 2, near)
    plane = np.kron(blocks, np.ones((size, size), int))[: shape[0], : shape[1]]
    noise = random.integers(-(t // 5) - 1, t // 5 + 2, shape)
    return np.clip(plane + noise, 0, top).astype(np.uint8 if bit_depth == 8 else np.uint16)


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("scale_log2", range(4))
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_planes_are_the_specifications(bit_depth: int, scale_log2: int, width: int, height: int) -> None:
    random, changed = np.random.default_rng(width + height), 0
    whole = (height, width)
    shape = -(-height >> scale_log2), -(-width >> scale_log2)
    for qp in range(64):
        levels = random_levels(whole, random)
        t = (STEP[qp % 6] << (qp // 6)) >> (12 - bit_depth)
        plane = random_plane(shape, 8 >> scale_log2, min(t, 1 << bit_depth), bit_depth, random)
        before = plane.copy()
        (found,) = deblocked([plane], [levels], qp, [whole], bit_depth, scale_log2)
        assert found.tolist() == by_the_specification(plane, levels, qp, whole, bit_depth, scale_log2)
        assert found.dtype == plane.dtype
        assert np.array_equal(plane, before)
        changed += not np.array_equal(found, plane)
    edges = block_shape(*whole) != (1, 1) and scale_log2 < 2
    assert changed >= 10 if edges else changed == 0


@pytest.mark.parametrize("chroma_format", ["400", "420", "422", "444"])
@pytest.mark.parametrize("scale_log2", range(4))
def test_pictures_are_the_specifications(chroma_format: str, scale_log2: int) -> None:
    """Each plane has blocks of its own; one without coefficients stays as it is."""
    random, qp = np.random.default_rng(scale_log2), 36
    video = video_format(chroma_format, 10, 75, 51)
    small = video.scaled(scale_log2)
    for absent in range(len(video.plane_shapes)):
        levels = [None if k == absent else random_levels(shape, random) for k, shape in enumerate(video.plane_shapes)]
        planes = [random_plane(shape, 8 >> scale_log2, 256, 10, random) for shape in small.plane_shapes]
        found = deblocked(planes, levels, qp, video.plane_shapes, 10, scale_log2)
        assert len(found) == len(planes)
        for k, (plane, own, whole) in enumerate(zip(planes, levels, video.plane_shapes, strict=True)):
            if own is None:
                assert np.array_equal(found[k], plane)
            else:
                assert found[k].tolist() == by_the_specification(plane, own, qp, whole, 10, scale_log2)
                assert np.array_equal(found[k], plane) == (scale_log2 > 1)


def test_finer_bands_do_not_count_at_half_the_size() -> None:
    """A decoder at scale 1/2 does not read them."""
    random = np.random.default_rng(1)
    levels = random_levels((33, 41), random)
    coarse = levels.copy()
    coarse[band(0)] = 0
    plane = random_plane((17, 21), 4, 32, 8, random)
    found, other = (deblocked([plane], [own], 30, [(33, 41)], 8, 1)[0] for own in (levels, coarse))
    assert np.array_equal(found, other)
    assert not np.array_equal(found, plane)
    whole = random_plane((33, 41), 8, 32, 8, random)
    found, other = (deblocked([whole], [own], 30, [(33, 41)], 8, 0)[0] for own in (levels, coarse))
    assert not np.array_equal(found, other)


@pytest.mark.parametrize(("right", "beside"), [(112, (105, 107)), (131, (108, 123)), (132, (100, 132)), (88, (96, 92))])
def test_the_example_of_two_blocks(right: int, beside: tuple[int, int]) -> None:
    """The specification's, of 112 and 132, and its mirror image; rounding is towards plus infinity."""
    row = np.array([[100] * 8 + [right] * 8], np.uint8)
    levels = np.zeros((64, 2), np.int32)
    levels[0] = 1
    expected = [100] * 7 + list(beside) + [right] * 7
    assert deblocked([row], [levels], 30, [(1, 16)], 8, 0)[0].tolist() == [expected]
    levels[0, 0] = 0
    assert deblocked([row], [levels], 30, [(1, 16)], 8, 0)[0].tolist() == [expected], "one of two is coded"
    column = deblocked([row.T.copy()], [levels], 30, [(16, 1)], 8, 0)[0]
    assert column.ravel().tolist() == expected
    levels[0, 1] = 0
    assert deblocked([row], [levels], 30, [(1, 16)], 8, 0)[0].tolist() == row.tolist()


def test_the_second_step_sees_what_the_first_has_made() -> None:
    """Where four blocks meet: down after across differs from across after down."""
    plane = np.full((16, 16), 100, np.uint8)
    plane[:8, 8:] = 112
    plane[8:, :8] = 125
    levels = np.ones((64, 4), np.int32)
    (found,) = deblocked([plane], [levels], 30, [(16, 16)], 8, 0)
    assert found.tolist() == by_the_specification(plane, levels, 30, (16, 16), 8, 0)
    (turned,) = deblocked([plane.T.copy()], [levels], 30, [(16, 16)], 8, 0)
    assert not np.array_equal(found, turned.T)
