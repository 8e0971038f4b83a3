"""A picture of chosen references, residual and deblocking by the kernels, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from nvcodec.synthesis.alignment import SUBSAMPLING_LOG2
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.choices import FIRST, MEAN, SECOND, choose_references
from nvcodec.synthesis.deblocking import deblocked
from nvcodec.synthesis.transform import QP_COUNT, block_shape, inverse, matrix, quantisation_step
from nvcodec.synthesis.window import mean_samples
from tests.compiled.conftest import Both, all_same, extreme_samples, same

SHAPES = ((1, 1), (8, 8), (9, 23), (17, 16), (5, 31), (40, 60))
"""Of planes at full size."""
LEAST_LEVEL, LARGEST_LEVEL = -129, 127
"""What symbols can stand for: a level closed up around zero, less one where it is not positive."""


def random_levels(blocks: int, low: int, high: int, share: float, random: np.random.Generator) -> Array:
    """Of which a share is not 0; some blocks have none."""
    levels = random.integers(low, high, (64, blocks), dtype=np.int32, endpoint=True)
    levels *= random.random(levels.shape) < share
    levels[:, random.random(blocks) < 0.3] = 0
    return levels


@pytest.mark.parametrize("scale_log2", range(4))
def test_inverse(scale_log2: int, both: Both) -> None:
    """Every quantisation parameter, with few levels, many, and the ends of their range only."""
    random = np.random.default_rng(scale_log2)
    for qp in range(QP_COUNT):
        shape = SHAPES[qp % len(SHAPES)]
        blocks, reduced = block_shape(*shape), (-(-shape[0] >> scale_log2), -(-shape[1] >> scale_log2))
        count = blocks[0] * blocks[1]
        ends = random.choice(np.array([LEAST_LEVEL, 0, LARGEST_LEVEL], np.int32), (64, count))
        few, many = (random_levels(count, LEAST_LEVEL, LARGEST_LEVEL, share, random) for share in (0.05, 1.0))
        for levels in (ends, few, many, np.zeros_like(ends), np.full_like(ends, LEAST_LEVEL)):
            assert same(*both(inverse, levels, qp, blocks, reduced, scale_log2)), (qp, shape)


@pytest.mark.parametrize("scale_log2", range(4))
def test_levels_beyond_what_symbols_stand_for(scale_log2: int, both: Both) -> None:
    """As large as 32 bits hold of their products."""
    random = np.random.default_rng(scale_log2)
    for qp in (0, 5, 30, 63):
        most = np.iinfo(np.int32).max // quantisation_step(qp)
        for levels in (random_levels(12, -most, most, 0.5, random), np.full((64, 12), -most, np.int32)):
            shape = 3 * (8 >> scale_log2) - (scale_log2 < 3), 4 * (8 >> scale_log2)
            assert same(*both(inverse, levels, qp, (3, 4), shape, scale_log2))


@pytest.mark.parametrize("scale_log2", range(4))
def test_the_largest_sums(scale_log2: int, both: Both) -> None:
    """All signs as those of the matrix where sums then are as large as they can get."""
    size = 8 >> scale_log2
    for y, x, sign in np.ndindex(size, size, 2):
        signs = np.ones((8, 8), np.int32)
        signs[:size, :size] = np.sign(np.outer(matrix(size)[:, y], matrix(size)[:, x]))
        levels = ((1 - 2 * sign) * LARGEST_LEVEL * signs).reshape(64, 1)
        assert same(*both(inverse, levels, 63, (1, 1), (size, size), scale_log2))


def residuals(shape: tuple[int, int], random: np.random.Generator) -> list[Array | None]:
    """Small ones, ones that pictures can hold, and ones larger than any transform gives."""
    found: list[Array | None] = [None]
    for reach in (3, 4096, 1 << 20):
        own = random.integers(-reach, reach, shape, dtype=np.int32, endpoint=True)
        own[random.random(shape) < 0.3] = reach
        own[random.random(shape) < 0.3] = -reach
        found.append(own)
    return found


@pytest.mark.parametrize("bit_depth", range(8, 13))
@pytest.mark.parametrize("references", [1, 2])
def test_mean_samples(references: int, bit_depth: int, both: Both) -> None:
    random = np.random.default_rng(bit_depth)
    for shape in ((1, 1), (1, 13), (7, 1), (20, 33)):
        given = residuals(shape, random)
        for _ in range(5):
            aligned = [[extreme_samples(shape, bit_depth, random) for _ in given] for _ in range(references)]
            assert all_same(both(mean_samples, aligned, given, bit_depth)), shape


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_mean_of_all_pairs_of_ends(bit_depth: int, both: Both) -> None:
    """Of black, white and what is next to them, with residuals around all sums' bounds."""
    top = (1 << bit_depth) - 1
    samples = np.array([0, 1, top >> 1, (top >> 1) + 1, top - 1, top], np.uint8 if bit_depth == 8 else np.uint16)
    first, second = (own.reshape(1, -1) for own in np.meshgrid(samples, samples))
    for value in (-4097, -4096, -4095, -2048, -17, -16, -9, -8, -7, -1, 0, 1, 7, 8, 9, 15, 16, 17, 2048, 4095, 4096):
        own = np.full(first.shape, value, np.int32)
        assert all_same(both(mean_samples, [[first], [second]], [own], bit_depth)), value


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("shape", [*SHAPES, (1, 40), (40, 1), (3, 9), (41, 33)])
def test_deblocked(shape: tuple[int, int], bit_depth: int, both: Both) -> None:
    """Steps small and large beside the thresholds, at both scales that are filtered; planes end anywhere in a block."""
    random = np.random.default_rng(shape[0] * shape[1] + bit_depth)
    blocks = block_shape(*shape)
    levels = random_levels(blocks[0] * blocks[1], -1, 1, 0.02, random)
    top = (1 << bit_depth) - 1
    for scale_log2, spread in np.ndindex(2, 3):
        reduced = (-(-shape[0] >> scale_log2), -(-shape[1] >> scale_log2))
        plane = random.integers(0, 3 << (2 * spread), reduced) << (bit_depth - 8)
        for own in (plane + top // 2, np.minimum(plane, top), top - np.minimum(plane, top)):
            samples = own.astype(np.uint8 if bit_depth == 8 else np.uint16)
            kept = samples.copy()
            for qp in (0, 20, 36, 50, 63):
                assert all_same(both(deblocked, [samples], [levels], qp, [shape], bit_depth, scale_log2)), qp
                assert same(samples, kept)


@pytest.mark.parametrize("chroma_format", ["400", "420", "422", "444"])
@pytest.mark.parametrize("scale_log2", range(4))
def test_chosen_references(chroma_format: str, scale_log2: int, both: Both) -> None:
    random = np.random.default_rng(scale_log2)
    for shape, bit_depth, block_log2 in np.ndindex(len(SHAPES), 2, 3):
        rows, columns = SHAPES[shape]
        luma = -(-rows >> scale_log2), -(-columns >> scale_log2)
        subsampling = ((0, 0), *SUBSAMPLING_LOG2[chroma_format])
        shapes = [(-(-luma[0] >> down), -(-luma[1] >> across)) for down, across in subsampling]
        aligned = [[extreme_samples(own, 8 + 2 * bit_depth, random) for own in shapes] for _ in range(2)]
        blocks = (-(-rows >> (3 + block_log2)), -(-columns >> (3 + block_log2)))
        choices = random.choice([MEAN, FIRST, SECOND], blocks)
        made = both(choose_references, aligned, choices, 3 + block_log2, chroma_format, scale_log2)
        for k in range(2):
            assert all_same((made[0][k], made[1][k])), (rows, columns, block_log2)
