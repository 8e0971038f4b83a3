"""The residual's transform: 8x8 blocks of every plane at full size, of which a reduced scale takes the low frequencies.

A block's N x N lowest coefficients, N = 8 >> s, are the block at scale 1/2**s: the matrices of all sizes have rows of
norm 64 * sqrt(N), so that one shift serves every scale. Coefficients count 1/4096 of the sample range, as pictures do,
in an orthonormal 8x8 transform.
Source: bitstream_spec.md, section 6.12.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from nvcodec.compiled import kernels
from nvcodec.synthesis.arrays import Array

BLOCK_LOG2 = 3
BLOCK = 1 << BLOCK_LOG2
COEFFICIENTS = BLOCK * BLOCK
QP_COUNT = 64
FIRST_SHIFT, SECOND_SHIFT = SHIFTS = 7, 8
COEFFICIENT_MAX = (1 << 15) - 1
_STEPS = (16, 18, 20, 23, 25, 29)
_COSINES = (64, 89, 83, 75, 64, 50, 36, 18)
"""64 * sqrt(2) * cos(k * pi / 16) to integers, but 64 for k = 0."""


def quantisation_step(qp: int) -> int:
    """The step of a quantisation parameter 0..63, 1/4096 of the sample range; it doubles every six."""
    return _STEPS[qp % 6] << (qp // 6)


@cache
def matrix(size: int) -> Array:
    """(size, size) integers, (frequency, position), for size 1, 2, 4, 8."""
    rows = np.empty((size, size), np.int32)
    for u in range(size):
        for x in range(size):
            # cos((2x + 1) * u * pi / (2 * size)) in sixteenths of pi
            angle = (2 * x + 1) * u * (BLOCK // size) % 32
            sign = -1 if 8 < angle < 24 else 1
            angle = min(angle, 32 - angle)
            rows[u, x] = sign * _COSINES[min(angle, 16 - angle)] if u else _COSINES[0]
    return rows


def block_shape(rows: int, columns: int) -> tuple[int, int]:
    """Blocks (rows, columns) of a plane of full size: one per started block."""
    return -(-rows >> BLOCK_LOG2), -(-columns >> BLOCK_LOG2)


def blocks_with_coefficients(levels: Array, blocks: tuple[int, int], scale_log2: int = 0) -> Array:
    """(rows, columns) of blocks: which have any coefficient at scale 1/2**scale_log2; levels: (64, blocks)."""
    size = BLOCK >> scale_log2
    low = levels.reshape(BLOCK, BLOCK, -1)[:size, :size]
    found: Array = (low != 0).any((0, 1)).reshape(blocks)
    return found


def dequantise(levels: Array, qp: int) -> Array:
    """Coefficients of integer levels, clamped to 16 bits."""
    scaled: Array = np.clip(levels * quantisation_step(qp), -COEFFICIENT_MAX, COEFFICIENT_MAX)
    return scaled


def inverse(levels: Array, qp: int, blocks: tuple[int, int], shape: tuple[int, int], scale_log2: int = 0) -> Array:
    """A plane's residual at scale 1/2**scale_log2, int32, `shape` (rows, columns), 1/4096 of the sample range.

    levels: (64, blocks) int32, by frequency 8 * vertical + horizontal, blocks in raster order.
    Blocks without coefficients cost nothing.
    """
    size = BLOCK >> scale_log2
    if (fast := kernels()) is not None:
        made = np.zeros(shape, np.int32)
        fast.inverse(levels, blocks[1], quantisation_step(qp), COEFFICIENT_MAX, matrix(size), SHIFTS, made)
        return made
    low = levels.reshape(BLOCK, BLOCK, -1)[:size, :size]
    coded = np.flatnonzero(low.reshape(size * size, -1).any(0))
    rows, columns = blocks
    samples = np.zeros((rows * columns, size, size), np.int32)
    if len(coded):
        samples[coded] = _inverse_blocks(dequantise(low[:, :, coded], qp), size)
    plane = samples.reshape(rows, columns, size, size).transpose(0, 2, 1, 3).reshape(rows * size, columns * size)
    return np.ascontiguousarray(plane[: shape[0], : shape[1]])


def _inverse_blocks(coefficients: Array, size: int) -> Array:
    """(size, size, n) coefficients to (n, size, size) samples."""
    # float64 carries these sums exactly, and multiplies matrices fast
    basis = matrix(size).astype(np.float64)
    half = np.einsum("uy,uvn->nyv", basis, coefficients.astype(np.float64), optimize=True)
    half = np.floor((half + (1 << (FIRST_SHIFT - 1))) / (1 << FIRST_SHIFT))
    full = half @ basis
    samples: Array = np.floor((full + (1 << (SECOND_SHIFT - 1))) / (1 << SECOND_SHIFT)).astype(np.int32)
    return samples


def forward(plane: Array) -> Array:
    """Real coefficients (64, blocks) of a plane in 1/4096; the encoder's, by an orthonormal transform.

    Blocks beyond the edge repeat it.
    """
    rows, columns = block_shape(*plane.shape)
    padded = np.pad(plane, ((0, rows * BLOCK - plane.shape[0]), (0, columns * BLOCK - plane.shape[1])), mode="edge")
    blocks = padded.astype(np.float64).reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3)
    basis = matrix(BLOCK).astype(np.float64) / (64 * np.sqrt(BLOCK))
    coefficients: Array = (basis @ blocks @ basis.T).reshape(-1, COEFFICIENTS).T
    return np.ascontiguousarray(coefficients)
