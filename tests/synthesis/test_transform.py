"""The residual's transform: its matrices, small blocks by hand, and the integers of bitstream_spec.md, section 6.12."""

from math import cos, pi, sqrt

import numpy as np
import pytest

from nvcodec.synthesis.transform import (
    BLOCK,
    COEFFICIENT_MAX,
    COEFFICIENTS,
    QP_COUNT,
    block_shape,
    dequantise,
    forward,
    inverse,
    matrix,
    quantisation_step,
)

STEP = (16, 18, 20, 23, 25, 29)
M_8 = (
    (64, 64, 64, 64, 64, 64, 64, 64),
    (89, 75, 50, 18, -18, -50, -75, -89),
    (83, 36, -36, -83, -83, -36, 36, 83),
    (75, -18, -89, -50, 50, 89, 18, -75),
    (64, -64, -64, 64, 64, -64, -64, 64),
    (50, -89, 18, 75, -75, -18, 89, -50),
    (36, -83, 83, -36, -36, 83, -83, 36),
    (18, -50, 75, -89, 89, -75, 50, -18),
)
M_4 = ((64, 64, 64, 64), (83, 36, -36, -83), (64, -64, -64, 64), (36, -83, 83, -36))
MATRICES = {8: M_8, 4: M_4, 2: ((64, 64), (64, -64)), 1: ((64,),)}
SHAPES = ((1, 1), (8, 8), (9, 23), (17, 16), (16, 40), (5, 31))
"""Of planes at full size."""


def scaled_shape(shape: tuple[int, int], scale_log2: int) -> tuple[int, int]:
    return -(-shape[0] >> scale_log2), -(-shape[1] >> scale_log2)


def inverse_by_the_specification(
    levels: np.ndarray, qp: int, blocks: tuple[int, int], shape: tuple[int, int], scale_log2: int
) -> list[list[int]]:
    """Section 6.12 in Python integers, a sample at a time. levels: (64, blocks)."""
    size = 8 >> scale_log2
    m, step = MATRICES[size], STEP[qp % 6] << (qp // 6)
    plane = [[0] * (size * blocks[1]) for _ in range(size * blocks[0])]
    for i in range(blocks[0]):
        for j in range(blocks[1]):
            q = [[int(levels[8 * u + v, i * blocks[1] + j]) for v in range(size)] for u in range(size)]
            c = [[max(-32767, min(32767, value * step)) for value in row] for row in q]
            h = [[(sum(m[u][y] * c[u][v] for u in range(size)) + 64) >> 7 for v in range(size)] for y in range(size)]
            for y in range(size):
                for x in range(size):
                    total = sum(m[v][x] * h[y][v] for v in range(size))
                    plane[size * i + y][size * j + x] = (total + 128) >> 8
    return [row[: shape[1]] for row in plane[: shape[0]]]


def random_levels(blocks: int, largest: int, share: float, seed: int) -> np.ndarray:
    """Of which a share is not 0; some blocks have none."""
    random = np.random.default_rng(seed)
    levels = random.integers(-largest, largest + 1, (COEFFICIENTS, blocks), dtype=np.int32)
    levels *= random.random(levels.shape) < share
    levels[:, random.random(blocks) < 0.3] = 0
    return levels


# Steps and matrices


def test_steps_are_the_specifications() -> None:
    assert [quantisation_step(qp) for qp in range(QP_COUNT)] == [STEP[qp % 6] << qp // 6 for qp in range(64)]
    assert all(quantisation_step(qp + 6) == 2 * quantisation_step(qp) for qp in range(QP_COUNT - 6))
    ratios = [quantisation_step(qp + 1) / quantisation_step(qp) for qp in range(QP_COUNT - 1)]
    assert all(1.08 < ratio < 1.17 for ratio in ratios), "about the sixth root of 2 each"


@pytest.mark.parametrize("size", MATRICES)
def test_matrices_are_the_specifications(size: int) -> None:
    assert matrix(size).dtype == np.int32
    assert matrix(size).tolist() == [list(row) for row in MATRICES[size]]


@pytest.mark.parametrize("size", MATRICES)
def test_matrices_are_rounded_cosines(size: int) -> None:
    """Of the orthonormal transform times 64 * sqrt(size), within one."""
    for u in range(size):
        for x in range(size):
            exact = 64 * (sqrt(2) if u else 1) * cos((2 * x + 1) * u * pi / (2 * size))
            assert abs(matrix(size)[u, x] - exact) < 1.6
    product = matrix(size).astype(float) @ matrix(size).T / (64 * 64 * size)
    assert np.abs(product - np.eye(size)).max() < 0.005


# Blocks by hand


def block(**coefficients: int) -> np.ndarray:
    """(64, 1) levels: u0v1=3 is the coefficient at row 0 and column 1."""
    levels = np.zeros((8, 8, 1), np.int32)
    for name, value in coefficients.items():
        levels[int(name[1]), int(name[3])] = value
    return levels.reshape(64, 1)


def test_a_constant_block() -> None:
    """C = 2 * 32 = 64: (64 * 64 + 64) >> 7 = 32, (64 * 32 + 128) >> 8 = 8, that is C / 8, at every scale."""
    for scale_log2, size in enumerate((8, 4, 2, 1)):
        found = inverse(block(u0v0=2), 6, (1, 1), (size, size), scale_log2)
        assert found.tolist() == [[8] * size] * size
        assert found.dtype == np.int32


def test_halves_are_rounded_up() -> None:
    """C = 18: h = (1152 + 64) >> 7 = 9, r = (576 + 128) >> 8 = 2; C = -18: h = -9, r = (-576 + 128) >> 8 = -2. C = 20
    gives h = 10 and (640 + 128) >> 8 = 3, -20 -10 and (-640 + 128) >> 8 = -2: halves go up on both sides."""
    assert [int(inverse(block(u0v0=q), qp, (1, 1), (8, 8))[0, 0]) for q, qp in ((1, 1), (-1, 1), (1, 2), (-1, 2))] == [
        2,
        -2,
        3,
        -2,
    ]


def test_a_vertical_and_a_horizontal_wave() -> None:
    """C = 128. h = (89 * 128 + 64) >> 7 = 89 and so on, r = (64 * h + 128) >> 8 = h / 4, halves up."""
    column = [22, 19, 13, 5, -4, -12, -19, -22]
    found = inverse(block(u1v0=4), 6, (1, 1), (8, 8))
    assert found.tolist() == [[value] * 8 for value in column]
    # v = 1: h = (64 * 128 + 64) >> 7 = 64 in column 1, r = (M * 64 + 128) >> 8
    assert inverse(block(u0v1=4), 6, (1, 1), (8, 8)).tolist() == [column] * 8


def test_coefficients_are_clamped_to_16_bits() -> None:
    assert dequantise(np.array([127, -127, 2, -2], np.int32), 63).tolist() == [32767, -32767, 32767, -32767]
    assert dequantise(np.array([1, -1], np.int32), 63).tolist() == [23 << 10, -(23 << 10)]
    assert COEFFICIENT_MAX == 32767


# Against the specification


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale_log2", range(4))
@pytest.mark.parametrize(
    ("qp", "largest", "share"), [(0, 127, 1.0), (24, 20, 0.3), (37, 3, 0.1), (63, 129, 1.0), (59, 1, 0.05)]
)
def test_inverse_is_the_specifications(
    shape: tuple[int, int], scale_log2: int, qp: int, largest: int, share: float
) -> None:
    blocks = block_shape(*shape)
    assert blocks == (-(-shape[0] // 8), -(-shape[1] // 8))
    levels = random_levels(blocks[0] * blocks[1], largest, share, 64 * qp + scale_log2)
    reduced = scaled_shape(shape, scale_log2)
    found = inverse(levels, qp, blocks, reduced, scale_log2)
    assert found.shape == reduced
    assert found.flags.c_contiguous
    assert found.tolist() == inverse_by_the_specification(levels, qp, blocks, reduced, scale_log2)


@pytest.mark.parametrize("scale_log2", range(4))
def test_the_largest_sums(scale_log2: int) -> None:
    """All signs as those of a matrix's row, so that sums are as large as they can get."""
    size = 8 >> scale_log2
    for y in range(size):
        for sign in (1, -1):
            signs = np.ones((8, 8), np.int32)
            signs[:size, :size] = np.sign(np.outer(matrix(size)[:, y], matrix(size)[:, y]))
            levels = (sign * 127 * signs).reshape(64, 1)
            found = inverse(levels, 63, (1, 1), (size, size), scale_log2)
            assert found.tolist() == inverse_by_the_specification(levels, 63, (1, 1), (size, size), scale_log2)
            assert np.abs(found).max() > 32767 * size / 9


def test_frequencies_beyond_a_scales_size_do_not_count() -> None:
    levels = random_levels(6, 40, 1.0, 3)
    for scale_log2, size in ((1, 4), (2, 2), (3, 1)):
        cut = levels.reshape(8, 8, -1).copy()
        cut[size:], cut[:, size:] = 0, 0
        shape = (2 * size, 3 * size)
        kept = inverse(cut.reshape(64, -1), 20, (2, 3), shape, scale_log2)
        assert np.array_equal(inverse(levels, 20, (2, 3), shape, scale_log2), kept)


def test_no_coefficient_no_residual() -> None:
    assert not inverse(np.zeros((64, 6), np.int32), 63, (2, 3), (13, 20)).any()


# Forward


@pytest.mark.parametrize("shape", [*SHAPES, (64, 96)])
def test_round_trip(shape: tuple[int, int]) -> None:
    """At the smallest step a sample is off by no more than the quantiser makes it: 16 / 2 in each coefficient."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[: shape[0], : shape[1]]
    plane = np.round(400 * np.sin(x / 5 + y / 9) + random.normal(0, 60, shape)).astype(np.int32)
    coefficients = forward(plane)
    blocks = block_shape(*shape)
    assert coefficients.shape == (64, blocks[0] * blocks[1])
    levels = np.round(coefficients / 16).astype(np.int32)
    assert np.abs(levels).max() > 20
    error = inverse(levels, 0, blocks, shape) - plane
    # uniform errors of a step of 16 in an orthonormal transform: 16 / sqrt(12) = 4.6
    assert np.abs(error).max() <= 32
    if error.size > 100:
        assert 4 < np.sqrt((error.astype(float) ** 2).mean()) < 5.2


def test_forward_is_orthonormal() -> None:
    """To within what integers leave of the cosines: the sum of squares is kept."""
    plane = np.random.default_rng(0).normal(0, 300, (32, 40))
    assert (forward(plane) ** 2).sum() == pytest.approx((plane**2).sum(), rel=0.004)
    constant = forward(np.full((8, 8), 100))
    assert constant[0, 0] == pytest.approx(800)
    assert np.abs(constant[1:]).max() < 1e-9


def test_forward_repeats_the_edge() -> None:
    plane = np.random.default_rng(1).integers(-99, 99, (11, 13))
    assert np.array_equal(forward(plane), forward(np.pad(plane, ((0, 5), (0, 3)), mode="edge")))
    assert np.abs(forward(np.full((11, 13), 7))[1:]).max() < 1e-9, "of a constant plane no edge shows"


@pytest.mark.parametrize("scale_log2", [1, 2, 3])
def test_a_reduced_residual_is_close_to_the_averaged_one(scale_log2: int) -> None:
    """Of a smooth plane, whose coefficients are low."""
    y, x = np.mgrid[:48, :64]
    plane = np.round(300 * np.sin(x / 16) + 200 * np.cos(y / 14)).astype(np.int32)
    levels = np.round(forward(plane) / 16).astype(np.int32)
    full = inverse(levels, 0, (6, 8), (48, 64))
    size = 1 << scale_log2
    averaged = full.reshape(48 // size, size, 64 // size, size).mean((1, 3))
    reduced = inverse(levels, 0, (6, 8), averaged.shape, scale_log2)
    assert np.sqrt(((reduced - averaged) ** 2).mean()) < 0.04 * averaged.std()
    assert BLOCK >> scale_log2 == 8 // size
