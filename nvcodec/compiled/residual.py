"""A picture of chosen references, residual and deblocking, each step in one pass over a plane.

`synthesis.choices`, `transform`, `window` and `deblocking` do the same with numpy.
"""

from __future__ import annotations

import numpy as np

from nvcodec.compiled.jit import Array, compiled, compiled_part


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
    nothing = np.zeros(out.shape[1], np.int32)
    for y in range(out.shape[0]):
        line_a, line_b, made = first[y], second[y], out[y]
        own = added[y] if added.shape[0] else nothing
        for x in range(out.shape[1]):
            a = min(max(np.int32(np.int32(line_a[x]) << shift) + own[x], none), most)
            b = min(max(np.int32(np.int32(line_b[x]) << shift) + own[x], none), most)
            made[x] = min(np.int32(np.int32(a + (np.int32(b - a + 1) >> 1)) + half) >> shift, top)


@compiled
def choose(
    first: Array, second: Array, choices: Array, layout: tuple[int, int, int], values: tuple[int, int],
    chosen_first: Array, chosen_second: Array,
) -> None:  # fmt: skip
    """`choices.choose_references` of a plane, (rows, columns), into the last two. layout: block_log2, and how many luma
    samples a sample is high and wide, as powers of two; values: of the choices for the first and the second alone."""
    block_log2, sy, sx = layout
    for y in range(first.shape[0]):
        own = choices[(y << sy) >> block_log2]
        a, b, made_a, made_b = first[y], second[y], chosen_first[y], chosen_second[y]
        for x in range(first.shape[1]):
            choice = own[(x << sx) >> block_log2]
            made_a[x] = b[x] if choice == values[1] else a[x]
            made_b[x] = a[x] if choice == values[0] else b[x]


@compiled_part
def _smoothed(samples: tuple[int, int, int, int], step: int, top: int) -> tuple[int, int]:
    """The two samples beside an edge, of four across it, filtered."""
    p1, p0, q0, q1 = samples
    if abs(q0 - p0) >= step or abs(p1 - p0) >= step >> 1 or abs(q1 - q0) >= step >> 1:
        return p0, q0
    change = min(max((4 * (q0 - p0) + (p1 - q1) + 4) >> 3, -(step >> 2)), step >> 2)
    return min(max(p0 + change, 0), top), min(max(q0 - change, 0), top)


@compiled
def deblock(plane: Array, coded: Array, size: int, step: int, top: int) -> None:
    """`deblocking.deblocked` of a plane, in place. coded: (rows, columns) of blocks of size x size; step: what the
    thresholds follow; top: the largest sample. What lies beyond the plane is its edge."""
    height, width = plane.shape
    for row in range(coded.shape[0]):
        for column in range(1, coded.shape[1]):
            if coded[row, column - 1] or coded[row, column]:
                x = size * column
                after = min(x + 1, width - 1)
                for y in range(size * row, min(size * (row + 1), height)):
                    across = (
                        np.int64(plane[y, x - 2]),
                        np.int64(plane[y, x - 1]),
                        np.int64(plane[y, x]),
                        np.int64(plane[y, after]),
                    )
                    plane[y, x - 1], plane[y, x] = _smoothed(across, step, top)
    for row in range(1, coded.shape[0]):
        y = size * row
        after = min(y + 1, height - 1)
        for column in range(coded.shape[1]):
            if coded[row - 1, column] or coded[row, column]:
                for x in range(size * column, min(size * (column + 1), width)):
                    down = (
                        np.int64(plane[y - 2, x]),
                        np.int64(plane[y - 1, x]),
                        np.int64(plane[y, x]),
                        np.int64(plane[after, x]),
                    )
                    plane[y - 1, x], plane[y, x] = _smoothed(down, step, top)
