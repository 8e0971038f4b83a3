"""Alignment against a literal implementation of its formulas, one sample at a time; numpy and torch alike."""

import numpy as np
import pytest

from nvcodec.synthesis.alignment import (
    EIGHT_TAPS,
    FOUR_TAPS,
    NUMPY,
    Between,
    InterpolationFilter,
    Library,
    NumpyLibrary,
    Reference,
    Values,
    align_picture,
    align_plane,
    filter_of,
    phase_planes,
    plane_vectors,
)
from nvcodec.synthesis.arrays import Array
from tests.streams import noisy_frames, video_format

# Quarter-sample taps over 64 as H.265 prints them (table 8-13).
TAPS = ((0, 64, 0, 0), (-4, 54, 16, -2), (-4, 36, 36, -4), (-2, 16, 54, -4))
# The specification's, over 64, at the samples -3 .. 4.
EIGHT = (
    (0, 0, 0, 64, 0, 0, 0, 0),
    (-1, 4, -10, 58, 17, -5, 1, 0),
    (-1, 4, -11, 40, 40, -11, 4, -1),
    (0, 1, -5, 17, 58, -10, 4, -1),
)
SUBSAMPLING = {"400": [(0, 0)], "420": [(0, 0), (1, 1), (1, 1)], "422": [(0, 0), (0, 1), (0, 1)], "444": [(0, 0)] * 3}


def literal_block_vector(
    v: Array, block_log2: int, y: int, x: int, sy: int, sx: int, divided: bool = True
) -> tuple[int, int]:
    """Of a stepped field: the vector of the block with the sample's upper left luma sample, rounded half up; divided:
    in quarter samples of the plane, else of full-size luma."""
    dy, dx = v[(y << sy) // (1 << block_log2), (x << sx) // (1 << block_log2)]
    if not divided:
        return int(dy), int(dx)
    return (2 * int(dy) + (1 << sy)) // (2 << sy), (2 * int(dx) + (1 << sx)) // (2 << sx)


def literal_vector(
    v: Array, block_log2: int, y: int, x: int, sy: int, sx: int, divided: bool = True
) -> tuple[int, int]:
    block = 1 << block_log2

    def nodes(position: int, shift: int, count: int) -> list[tuple[int, int]]:
        from_first = ((2 * position + 1) << shift) - block
        node, weight = divmod(from_first, 2 * block)
        return [(min(max(node, 0), count - 1), 2 * block - weight), (min(max(node + 1, 0), count - 1), weight)]

    found = []
    for component, shift in ((0, sy), (1, sx)):
        total = sum(
            row_weight * column_weight * int(v[row, column, component])
            for row, row_weight in nodes(y, sy, v.shape[0])
            for column, column_weight in nodes(x, sx, v.shape[1])
        )
        shift = 2 * (block_log2 + 1) + (shift if divided else 0)
        found.append((total + (1 << (shift - 1))) >> shift)
    return found[0], found[1]


def literal_sample(plane: Array, bit_depth: int, y: int, x: int) -> int:
    """The sample at a position in quarter samples; no clamped position, no shortcut."""
    height, width = plane.shape
    row, p, column, q = y >> 2, y & 3, x >> 2, x & 3
    total = 0
    for i in range(4):
        line = plane[min(max(row - 1 + i, 0), height - 1)]
        across = sum(TAPS[q][j] * int(line[min(max(column - 1 + j, 0), width - 1)]) for j in range(4))
        total += TAPS[p][i] * ((across + 16) >> 5)
    return min(max((total + 64) >> 7, 0), (1 << bit_depth) - 1)


def literal_eight(plane: Array, bit_depth: int, y: int, x: int, *, bounded: bool = True) -> int:
    """The same by eight taps; bounded: what the first pass leaves is clamped, as it has to be."""
    (height, width), b = plane.shape, bit_depth
    row, f_y, column, f_x = y >> 2, y & 3, x >> 2, x & 3
    columns = [min(max(column + n - 3, 0), width - 1) for n in range(8)]
    total = 0
    for m in range(8):
        line = plane[min(max(row + m - 3, 0), height - 1)].tolist()
        g = (sum(EIGHT[f_x][n] * line[columns[n]] for n in range(8)) + 16) >> 5
        if bounded:
            g = min(max(g, -(1 << (b - 3))), (1 << (b + 1)) + (1 << (b - 3)))
        total += EIGHT[f_y][m] * g
    return min(max((total + 64) >> 7, 0), (1 << b) - 1)


LITERAL = {FOUR_TAPS: literal_sample, EIGHT_TAPS: literal_eight}
"""By filter: the sample at a position."""


def literal_between(
    plane: Array, bit_depth: int, y: int, x: int, w: tuple[int, int], sy: int, sx: int, taps: InterpolationFilter
) -> int:
    """The sample at an exact position; w: its vector in quarter luma samples of full size."""
    (d_y, t_y), (d_x, t_x) = divmod(w[0], 1 << sy), divmod(w[1], 1 << sx)
    sample = LITERAL[taps]
    a = [[sample(plane, bit_depth, 4 * y + d_y + m, 4 * x + d_x + n) for n in (0, 1)] for m in (0, 1)]
    u = [row[0] * ((1 << sx) - t_x) + row[1] * t_x for row in a]
    # to the nearest, halves up
    return (2 * (u[0] * ((1 << sy) - t_y) + u[1] * t_y) + (1 << (sy + sx))) // (2 << (sy + sx))


def literal_picture(
    planes: list[Array],
    v: Array,
    block_log2: int,
    chroma: str,
    scale: int,
    depth: int,
    *,
    stepped: bool,
    fine: bool = False,
    taps: InterpolationFilter = FOUR_TAPS,
) -> list[Array]:
    aligned, vector = [], literal_block_vector if stepped else literal_vector
    for plane, (rows_log2, columns_log2) in zip(planes, SUBSAMPLING[chroma], strict=True):
        out = np.empty_like(plane)
        for y, x in np.ndindex(*plane.shape):
            scales = scale + rows_log2, scale + columns_log2
            if fine:
                w = vector(v, block_log2, y, x, *scales, divided=False)
                out[y, x] = literal_between(plane, depth, y, x, w, *scales, taps)
                continue
            dy, dx = vector(v, block_log2, y, x, *scales)
            out[y, x] = LITERAL[taps](plane, depth, 4 * y + dy, 4 * x + dx)
        aligned.append(out)
    return aligned


def random_vectors(height: int, width: int, block_log2: int, reach: int, seed: int = 0) -> Array:
    """A field of a full-size picture."""
    block = 1 << block_log2
    shape = (-(-height // block), -(-width // block), 2)
    return np.random.default_rng(seed).integers(-reach, reach, shape, dtype=np.int32)


def random_planes(height: int, width: int, chroma: str, bit_depth: int) -> list[Array]:
    """Noise of the extreme samples and those between: overshoots are clamped."""
    frame = noisy_frames(video_format(chroma, bit_depth, width, height), 1)[0]
    top = (1 << bit_depth) - 1
    return [np.where(p % 3 == 0, 0, np.where(p % 3 == 1, top, p)).astype(p.dtype) for p in frame.planes]


# size of the full picture, chroma, bit depth, block_log2, scale_log2, reach of the vectors
CASES = (
    (37, 45, "420", 8, 3, 0, 40),
    (37, 45, "420", 10, 4, 0, 1024),
    (33, 50, "422", 12, 3, 0, 200),
    (18, 21, "444", 8, 5, 0, 300),
    (75, 91, "420", 8, 3, 1, 300),
    (75, 91, "422", 10, 6, 1, 300),
    (101, 83, "420", 12, 4, 2, 1024),
    (150, 203, "420", 8, 3, 3, 1024),
    (150, 203, "400", 10, 5, 3, 1024),
    (1, 1, "420", 8, 3, 0, 9),
    (2, 130, "420", 8, 6, 0, 60),
    (130, 3, "420", 8, 3, 1, 60),
)


@pytest.fixture(params=["numpy", "torch"])
def library(request: pytest.FixtureRequest) -> Library:
    if request.param == "numpy":
        return NUMPY
    pytest.importorskip("torch")
    from nvcodec.synthesis.torch_alignment import TORCH

    return TORCH


def aligned(
    library: Library,
    planes: list[Array],
    bit_depth: int,
    vectors: Array,
    block_log2: int,
    chroma: str,
    scale: int,
    *,
    stepped: bool = False,
    fine: bool = False,
    taps: InterpolationFilter = FOUR_TAPS,
) -> list[Array]:
    """`align_picture` by either library, arrays in and out."""
    options = {"stepped": stepped, "fine": fine}
    if isinstance(library, NumpyLibrary):
        reference = Reference(planes, bit_depth, taps=taps)
        return list(align_picture(reference, vectors, block_log2, chroma, scale, **options))
    import torch

    from nvcodec.synthesis.torch_alignment import to_array, to_tensor

    reference = Reference([to_tensor(plane) for plane in planes], bit_depth, library, taps)
    found = align_picture(reference, torch.from_numpy(vectors), block_log2, chroma, scale, **options)
    return [to_array(plane) for plane in found]


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_the_literal_formulas(
    case: tuple[int, int, str, int, int, int, int], library: Library, stepped: bool, fine: bool
) -> None:
    assert_literal(case, library, stepped=stepped, fine=fine)


def assert_literal(case: tuple[int, int, str, int, int, int, int], library: Library, **options: object) -> None:
    height, width, chroma, bit_depth, block_log2, scale, reach = case
    planes = random_planes(-(-height >> scale), -(-width >> scale), chroma, bit_depth)
    vectors = random_vectors(height, width, block_log2, reach)
    expected = literal_picture(planes, vectors, block_log2, chroma, scale, bit_depth, **options)
    found = aligned(library, planes, bit_depth, vectors, block_log2, chroma, scale, **options)
    for plane, literal in zip(found, expected, strict=True):
        assert plane.dtype == literal.dtype
        assert np.array_equal(plane, literal)


# Fewer and smaller ones for the plain filter of eight taps, which looks at 64 samples each; all reach beyond the edges.
EIGHT_CASES = (
    (19, 22, "420", 8, 3, 0, 30),
    (17, 26, "422", 10, 4, 0, 200),
    (11, 14, "444", 12, 5, 0, 1024),
    (34, 45, "420", 8, 3, 1, 1024),
    (75, 91, "422", 10, 6, 2, 300),
    (80, 99, "420", 12, 3, 3, 1024),
    (1, 1, "420", 8, 3, 0, 70),
    (2, 50, "400", 10, 6, 0, 80),
    (50, 3, "400", 12, 3, 0, 80),
)


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("case", EIGHT_CASES, ids=str)
def test_eight_taps_equal_the_literal_formulas(
    case: tuple[int, int, str, int, int, int, int], library: Library, stepped: bool, fine: bool
) -> None:
    assert_literal(case, library, stepped=stepped, fine=fine, taps=EIGHT_TAPS)


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("taps", [FOUR_TAPS, EIGHT_TAPS], ids=["four", "eight"])
def test_positions_far_outside(taps: InterpolationFilter, bit_depth: int, library: Library) -> None:
    """Around where positions are clamped, and as far out as vectors reach."""
    plane = random_planes(3, 4, "400", bit_depth)[0]
    reaches = [*range(-4 * taps.margin - 14, 4 * taps.margin + 15, 3), -1024, 1023]
    for other, d in enumerate(reaches):
        for vector in ((d, other % 4), (other % 4, d), (d, d), (d, -d - 1)):
            vectors = np.array([[vector]], np.int32)
            found = aligned(library, [plane], bit_depth, vectors, 3, "400", 0, taps=taps)[0]
            expected = [
                [LITERAL[taps](plane, bit_depth, 4 * y + vector[0], 4 * x + vector[1]) for x in range(4)]
                for y in range(3)
            ]
            assert found.tolist() == expected, vector


def test_which_filter_a_file_has() -> None:
    for version_minor in range(12):
        assert filter_of(False, version_minor) is FOUR_TAPS
        assert filter_of(True, version_minor) is (EIGHT_TAPS if version_minor >= 9 else FOUR_TAPS)


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("chroma", ["400", "420", "422", "444"])
def test_zero_vectors_are_the_identity(chroma: str, bit_depth: int, library: Library) -> None:
    planes = random_planes(29, 35, chroma, bit_depth)
    vectors = np.zeros((4, 5, 2), np.int32)
    for taps in (FOUR_TAPS, EIGHT_TAPS):
        found = aligned(library, planes, bit_depth, vectors, 3, chroma, 0, taps=taps)
        for plane, same in zip(planes, found, strict=True):
            assert np.array_equal(plane, same)


@pytest.mark.parametrize("shift", [(0, 1), (-3, 2), (5, -40), (-120, 3), (250, 255), (-256, -256)], ids=str)
def test_whole_samples_shift_the_picture(shift: tuple[int, int], library: Library) -> None:
    plane = random_planes(30, 44, "400", 8)[0]
    vectors = np.broadcast_to(np.array(shift, np.int32) * 4, (2, 3, 2)).copy()
    rows, columns = (np.clip(np.arange(n) + d, 0, n - 1) for n, d in zip(plane.shape, shift, strict=True))
    for taps in (FOUR_TAPS, EIGHT_TAPS):
        found = aligned(library, [plane], 8, vectors, 4, "400", 0, taps=taps)[0]
        assert np.array_equal(found, plane[rows][:, columns])


def test_chroma_moves_half_as_far_and_smaller_scales_less() -> None:
    vectors = np.full((2, 2, 2), 24, np.int32)
    for scale, moved in ((0, 24), (1, 12), (2, 6), (3, 3)):
        for component in plane_vectors(vectors, 6, (9, 11), scale, scale):
            assert (component == moved).all()


EXAMPLE = np.array([(10, 200, 30, 40), (50, 60, 255, 0), (90, 100, 110, 120)], np.uint8)
"""The specification's plane."""


@pytest.mark.parametrize(
    ("taps", "values"),
    [
        (FOUR_TAPS, [(200, 175, 127, 73), (168, 161, 139, 110), (128, 144, 155, 158), (88, 126, 168, 202)]),
        (EIGHT_TAPS, [(200, 186, 138, 76), (169, 172, 154, 118), (125, 153, 175, 177), (84, 132, 189, 225)]),
    ],
    ids=["four", "eight"],
)
def test_phases_as_the_specification_has_them(
    taps: InterpolationFilter, values: list[tuple[int, int, int, int]], library: Library
) -> None:
    """Its examples: from row 0, column 1 on, in quarters."""
    for (p, q), value in np.ndenumerate(np.array(values)):
        vectors = np.array([[(p, q)]], np.int32)
        assert aligned(library, [EXAMPLE], 8, vectors, 3, "400", 0, taps=taps)[0][0, 1] == value
        assert LITERAL[taps](EXAMPLE, 8, p, 4 + q) == value


def test_the_first_pass_is_clamped_as_the_specification_has_it(library: Library) -> None:
    """Its example: a row where all g are 622 before they are clamped to 544; down, sharp turns show the difference."""
    row = np.array([(0, 255, 0, 0, 255, 255, 0, 0, 255, 0)], np.uint8)
    assert (sum(tap * int(sample) for tap, sample in zip(EIGHT[2], row[0, 1:9], strict=True)) + 16) >> 5 == 622
    half = np.array([[(0, 2)] * 2], np.int32)
    assert aligned(library, [row], 8, half, 3, "400", 0, taps=EIGHT_TAPS)[0][0, 4] == 255
    rows = np.concatenate([row * 0, row, row * 0])
    quarters = np.array([[(1, 2)] * 2], np.int32)
    found = aligned(library, [rows], 8, quarters, 3, "400", 0, taps=EIGHT_TAPS)[0]
    assert found[0, 4] == literal_eight(rows, 8, 1, 18) == (544 * 17 + 64) >> 7
    assert literal_eight(rows, 8, 1, 18, bounded=False) == (622 * 17 + 64) >> 7


def test_exact_positions_as_the_specification_has_them() -> None:
    """Its example: half-way between two phases."""
    plane = EXAMPLE
    shape, w = plane.shape, np.zeros(plane.shape, np.int32)
    assert Between(shape, w, w + 3, (0, 1)).align(phase_planes(plane, 8))[0, 1] == 151


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_exact_positions_move_a_ramp_by_what_vectors_say(scale: int) -> None:
    """By a quarter of a luma sample of full size, which quarter samples of smaller planes cannot tell from nothing."""
    ramp = np.broadcast_to(np.arange(0, 2048, 32, dtype=np.uint16), (20, 64)).copy()
    vector = np.broadcast_to(np.array([0, 1], np.int32), (20 << scale >> 3, 64 << scale >> 3, 2))
    for sign in (1, -1):
        moved = align_picture(Reference([ramp], 12), sign * vector, 3, "400", scale, stepped=True, fine=True)[0]
        assert (moved[:, 4:-4].astype(int) - ramp[:, 4:-4] == sign * 8 >> scale).all()


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("block_log2", [3, 6])
@pytest.mark.parametrize("scale", [0, 2])
def test_a_part_equals_the_part_of_the_whole(block_log2: int, scale: int, stepped: bool, fine: bool) -> None:
    chroma, bit_depth, full = "420", 8, (217, 331)
    planes = random_planes(-(-full[0] >> scale), -(-full[1] >> scale), chroma, bit_depth)
    vectors = random_vectors(*full, block_log2, 300)
    reference = Reference(planes, bit_depth)
    whole = align_picture(reference, vectors, block_log2, chroma, scale, stepped=stepped, fine=fine)
    height, width = planes[0].shape
    for rows, columns in (((16, 32), (32, 64)), ((8, height), (48, width)), ((0, 1), (0, width))):
        crop = (slice(*rows), slice(*columns))
        part = align_picture(reference, vectors, block_log2, chroma, scale, crop, stepped=stepped, fine=fine)
        assert np.array_equal(part[0], whole[0][slice(*rows), slice(*columns)])
        for k in (1, 2):
            cut = tuple(slice(first // 2, (last + 1) // 2) for first, last in (rows, columns))
            assert np.array_equal(part[k], whole[k][cut])


def test_stepped_vectors_as_the_specification_has_them() -> None:
    """Its example: chroma of 4:2:0, whole and at 1/8."""
    vectors = np.array([[[-3, 6]], [[10, 20]], [[-3, 6]], [[-8, 8]]], np.int32)
    dy, dx = plane_vectors(vectors, 3, (16, 4), 1, 1, stepped=True)
    assert (dy[:, 0].tolist(), dx[:, 3].tolist()) == (
        [-1] * 4 + [5] * 4 + [-1] * 4 + [-4] * 4,
        [3] * 4 + [10] * 4 + [3] * 4 + [4] * 4,
    )
    dy, dx = plane_vectors(vectors, 3, (2, 1), 4, 4, stepped=True)
    assert (dy[:, 0].tolist(), dx[:, 0].tolist()) == ([0, 0], [0, 0])
    dy, dx = plane_vectors(vectors[::-1], 3, (2, 1), 4, 4, stepped=True)
    assert (int(dy[0, 0]), int(dx[0, 0])) == (0, 1)


def test_plane_by_plane_equals_the_picture() -> None:
    planes = random_planes(40, 52, "420", 8)
    vectors = random_vectors(40, 52, 4, 100)
    whole = align_picture(Reference(planes, 8), vectors, 4, "420", 0)
    for plane, s, expected in zip(planes, (0, 1, 1), whole, strict=True):
        dy, dx = plane_vectors(vectors, 4, plane.shape, s, s)
        assert np.array_equal(align_plane(phase_planes(plane, 8), plane.shape, dy, dx), expected)
    whole = align_picture(Reference(planes, 8, taps=EIGHT_TAPS), vectors, 4, "420", 0)
    for plane, s, expected in zip(planes, (0, 1, 1), whole, strict=True):
        dy, dx = plane_vectors(vectors, 4, plane.shape, s, s)
        phases = phase_planes(plane, 8, taps=EIGHT_TAPS)
        assert np.array_equal(align_plane(phases, plane.shape, dy, dx, margin=EIGHT_TAPS.margin), expected)


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_no_accumulator_leaves_its_type(bit_depth: int) -> None:
    """Checkerboards and stripes that drive every filter to its extremes, against the filter in 64 bits."""
    top = (1 << bit_depth) - 1
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    margin = FOUR_TAPS.margin
    for bits in range(256):  # every pattern of extremes under the four taps of each direction
        rows, columns = (np.array([bits >> (first + i) & 1 for i in range(4)]) for first in (0, 4))
        plane = (np.logical_xor.outer(rows, columns) * top).astype(dtype)
        phases = phase_planes(plane, bit_depth)
        for p, q in np.ndindex(4, 4):
            assert phases[1 + margin, p, q, 1 + margin] == literal_sample(plane, bit_depth, 4 + p, 4 + q)
    largest = max(sum(map(abs, taps)) for taps in TAPS)
    assert top * largest < 1 << 24
    assert ((top * largest + 16) >> 5) * largest + 64 < 1 << 24


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_no_accumulator_of_eight_taps_leaves_its_type(bit_depth: int, library: Library) -> None:
    """Patterns of extreme samples by the signs of taps, which drive sums to their ends, and others at random."""
    top, margin = (1 << bit_depth) - 1, EIGHT_TAPS.margin
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    random = np.random.default_rng(bit_depth)
    signs = [tuple(int(tap > 0) for tap in taps) for taps in EIGHT[1:]]
    signs += [tuple(1 - bit for bit in own) for own in signs] + [(0, 1) * 4]
    patterns = [np.logical_xor.outer(rows, columns) for rows in signs for columns in signs]
    patterns += [random.random((8, 8)) < share for share in (0.2, 0.5, 0.8) for _ in range(5)]
    clamped = 0
    for pattern in patterns:
        plane = (pattern * top).astype(dtype)
        if isinstance(library, NumpyLibrary):
            phases = phase_planes(plane, bit_depth, taps=EIGHT_TAPS)
        else:
            from nvcodec.synthesis.torch_alignment import to_array, to_tensor

            phases = to_array(phase_planes(to_tensor(plane), bit_depth, library, EIGHT_TAPS))
        for p, q in np.ndindex(4, 4):
            expected = literal_eight(plane, bit_depth, 12 + p, 12 + q)
            assert phases[3 + margin, p, q, 3 + margin] == expected
            clamped += literal_eight(plane, bit_depth, 12 + p, 12 + q, bounded=False) != expected
    assert clamped >= 10, "the first pass's bounds matter"


def test_bands_leave_no_seam() -> None:
    class Narrow(NumpyLibrary):
        def band_samples(self, bit_depth: int, like: Values) -> int:
            return 1

    plane = random_planes(75, 40, "400", 8)[0]
    for taps in (FOUR_TAPS, EIGHT_TAPS):
        assert np.array_equal(phase_planes(plane, 8, Narrow(), taps), phase_planes(plane, 8, taps=taps))


def test_largest_vectors_on_the_largest_blocks() -> None:
    """Sums of the vectors' interpolation reach 2**24, which int32 holds."""
    for value in (-1024, 1023):
        dy, dx = plane_vectors(np.full((3, 3, 2), value, np.int32), 6, (150, 150), 0, 0)
        assert dy.dtype == dx.dtype == np.int32
        assert (dy == value).all()
        assert (dx == value).all()
