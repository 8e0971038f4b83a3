"""Aligned pictures by the kernels, against numpy's, and where 16 bits hold the sums against numpy's in 64."""

from __future__ import annotations

import numpy as np
import pytest

from nvcodec.synthesis.alignment import (
    EIGHT_TAPS,
    FOUR_TAPS,
    NUMPY,
    SUBSAMPLING_LOG2,
    InterpolationFilter,
    NumpyLibrary,
    Reference,
    Values,
    align_picture,
)
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.vectors import VECTOR_MAX, VECTOR_MIN, field_shape
from tests.compiled.conftest import Both, all_same, extreme_samples

FILTERS = pytest.mark.parametrize("taps", [FOUR_TAPS, EIGHT_TAPS], ids=["four", "eight"])
BIT_DEPTHS = pytest.mark.parametrize("bit_depth", [8, 10, 12])
SIZES = ((40, 60), (17, 33), (23, 9), (3, 50), (32, 64))
"""Rows, columns of luma at the decoded scale; most are no multiples of blocks."""


class Wide(NumpyLibrary):
    """Whose sums no number of bits limits."""

    def accumulators(self, shape: tuple[int, ...], bit_depth: int, like: Values) -> Values:
        return np.empty(shape, np.int64)


def planes_of(size: tuple[int, int], chroma_format: str, bit_depth: int, random: np.random.Generator) -> list[Array]:
    """A picture's, of noise and extremes."""
    scales = ((0, 0), *SUBSAMPLING_LOG2[chroma_format])
    shapes = [(-(-size[0] >> down), -(-size[1] >> across)) for down, across in scales]
    return [extreme_samples(shape, bit_depth, random) for shape in shapes]


def vectors_of(size: tuple[int, int], block_log2: int, scale_log2: int, random: np.random.Generator) -> Array:
    """A field over a picture that is decoded at that size: some vectors repeat, some reach far outside."""
    shape = field_shape(*(own << scale_log2 for own in size), block_log2)
    reach = int(random.choice([3, 40, 300, VECTOR_MAX + 1]))
    vectors = random.integers(-reach, reach, (*shape, 2), dtype=np.int32)
    vectors[random.random(shape) < 0.1] = random.choice([VECTOR_MIN, VECTOR_MAX], 2)
    alike = random.random((shape[0], shape[1] - 1)) < 0.5
    for column in range(1, shape[1]):
        vectors[alike[:, column - 1], column] = vectors[alike[:, column - 1], column - 1]
    return vectors


@FILTERS
@BIT_DEPTHS
@pytest.mark.parametrize("chroma_format", SUBSAMPLING_LOG2)
def test_pictures(chroma_format: str, bit_depth: int, taps: InterpolationFilter, both: Both) -> None:
    """At every scale, with every size of blocks, stepped and not, at quarter samples and between them."""
    random = np.random.default_rng(bit_depth + taps.before)
    for number, (scale_log2, block_log2, kind) in enumerate(np.ndindex(4, 4, 4)):
        size, block_log2 = SIZES[number % len(SIZES)], block_log2 + 3
        reference = Reference(planes_of(size, chroma_format, bit_depth, random), bit_depth, taps=taps)
        vectors = vectors_of(size, block_log2, scale_log2, random)
        options = {"stepped": kind & 1 > 0, "fine": kind > 1}
        made = both(align_picture, reference, vectors, block_log2, chroma_format, scale_log2, **options)
        assert all_same(made), (size, scale_log2, block_log2, options)


@FILTERS
@BIT_DEPTHS
def test_small_pictures_and_positions_far_outside(bit_depth: int, taps: InterpolationFilter, both: Both) -> None:
    """Around where positions are clamped, and as far out as vectors reach."""
    random = np.random.default_rng(bit_depth)
    for size in ((1, 1), (1, 9), (9, 1), (2, 3), (7, 5), (8, 8)):
        reference = Reference(planes_of(size, "420", bit_depth, random), bit_depth, taps=taps)
        near = np.arange(-4 * (taps.margin + 2), 4 * (max(size) + taps.margin + 2))
        places = [*near.tolist(), *range(VECTOR_MIN, VECTOR_MIN + 5), *range(VECTOR_MAX - 4, VECTOR_MAX + 1)]
        for place in places:
            for own in ((place, random.choice(places)), (random.choice(places), place)):
                vectors = np.full((*field_shape(*size, 3), 2), own, np.int32)
                for fine in (False, True):
                    made = both(align_picture, reference, vectors, 3, "420", 0, stepped=True, fine=fine)
                    assert all_same(made), (size, own, fine)


@FILTERS
@pytest.mark.parametrize("bit_depth", [8, 12])
def test_runs_of_one_vector(bit_depth: int, taps: InterpolationFilter, both: Both) -> None:
    """Which are interpolated together, 64 samples at most: wide pictures, with runs of every length and end."""
    random = np.random.default_rng(bit_depth)
    for width in (63, 64, 65, 128, 131, 200):
        reference = Reference(planes_of((9, width), "420", bit_depth, random), bit_depth, taps=taps)
        for block_log2 in (3, 4, 6):
            shape = field_shape(9, width, block_log2)
            for one in (False, True):
                moves = random.random((*shape, 1)) < (0 if one else 0.15)
                vectors = np.cumsum(moves * random.integers(-9, 10, (*shape, 2)), 1).astype(np.int32) + 5
                for stepped in (False, True):
                    made = both(align_picture, reference, vectors, block_log2, "420", 0, stepped=stepped)
                    assert all_same(made), (width, block_log2, stepped)


def by_phase() -> Array:
    """A field of blocks of 16x16 samples, one for each of the 16 positions between samples."""
    return np.stack(np.meshgrid(np.arange(4), np.arange(4), indexing="ij"), -1).astype(np.int32)


@FILTERS
@BIT_DEPTHS
def test_no_sum_leaves_its_type(bit_depth: int, taps: InterpolationFilter, both: Both) -> None:
    """Black and white by the signs of taps, which drives sums to their ends, in stripes, checkerboards and at random:
    as with sums of 64 bits, of which numpy's usual ones could not tell, for they have 16 too."""
    random, top = np.random.default_rng(bit_depth), (1 << bit_depth) - 1
    signs = [np.array(own) > 0 for own in taps.table[1:]]
    signs += [~own for own in signs] + [np.arange(8) % 2 > 0, np.arange(8) % 4 > 1, np.arange(8) > 3, np.ones(8, bool)]
    cells = [np.logical_xor.outer(rows, columns) for rows in signs for columns in signs]
    patterns = [np.tile(cell, (8, 8)) for cell in cells]
    patterns += [random.random((64, 64)) < share for share in (0, 0.1, 0.5, 0.9, 1) for _ in range(4)]
    for pattern in patterns:
        plane = (pattern * top).astype(np.uint8 if bit_depth == 8 else np.uint16)
        own, wide = (Reference([plane], bit_depth, library, taps) for library in (NUMPY, Wide()))
        by_numpy, by_kernels = both(align_picture, own, by_phase(), 4, "400", 0, stepped=True)
        assert all_same((by_numpy, by_kernels))
        assert all_same((align_picture(wide, by_phase(), 4, "400", 0, stepped=True), by_kernels))
