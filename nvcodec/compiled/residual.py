"""The residual's inverse transform, and its addition to the mean of references, each in one pass over a plane.

`synthesis.transform` and `synthesis.window` do the same with numpy.
"""

from __future__ import annotations

import numpy as np

from nvcodec.compiled.jit import Array, compiled


@compiled
def inverse(
    levels: Array, columns: int, step: int, most: int, matrix: Array, shifts: tuple[int, int], out: Array
) -> None:
    """`transform.inverse` into out, (rows, columns) int32, zero where blocks have no coefficients.

    levels: (64, blocks) int32, `columns` blocks in a row; step: of quantisation; most: the largest magnitude of a
    coefficient; matrix: (size, size), of the block's size at the scale; shifts: after either pass.
    """
    size = matrix.shape[0]
    own, half = np.empty((size, size), np.int64), np.empty((size, size), np.int64)
    for block in range(levels.shape[1]):
        coded = False
        for u in range(size):
            for v in range(size):
                level = levels[8 * u + v, block]
                own[u, v] = min(max(level * step, -most), most)
                coded |= level != 0
        if not coded:
            continue
        half[:] = 1 << (shifts[0] - 1)
        for u in range(size):
            for v in range(size):
                if own[u, v]:
                    for y in range(size):
                        half[y, v] += matrix[u, y] * own[u, v]
        half >>= shifts[0]
        top, left = block // columns * size, block % columns * size
        for y in range(min(size, out.shape[0] - top)):
            for x in range(min(size, out.shape[1] - left)):
                total = 1 << (shifts[1] - 1)
                for v in range(size):
                    total += half[y, v] * matrix[v, x]
                out[top + y, left + x] = total >> shifts[1]


@compiled
def mean_with_residual(
    first: Array, second: Array, added: Array, bit_depth: int, fraction_bits: int, out: Array
) -> None:
    """`window.mean_samples` of a plane into out; added: int32 in 1/2**fraction_bits of the range, or (0, 0)."""
    shift = np.int32(fraction_bits - bit_depth)
    half, none = np.int32((1 << shift) >> 1), np.int32(0)
    most, top = np.int32((1 << fraction_bits) - 1), np.int32((1 << bit_depth) - 1)
    for y in range(out.shape[0]):
        line_a, line_b, made = first[y], second[y], out[y]
        if added.shape[0]:
            own = added[y]
            for x in range(out.shape[1]):
                a = min(max(np.int32(np.int32(line_a[x]) << shift) + own[x], none), most)
                b = min(max(np.int32(np.int32(line_b[x]) << shift) + own[x], none), most)
                made[x] = min(np.int32(np.int32(a + (np.int32(b - a + 1) >> 1)) + half) >> shift, top)
        else:
            for x in range(out.shape[1]):
                a, b = np.int32(np.int32(line_a[x]) << shift), np.int32(np.int32(line_b[x]) << shift)
                made[x] = min(np.int32(np.int32(a + (np.int32(b - a + 1) >> 1)) + half) >> shift, top)
