"""What numpy does in many passes over a picture, compiled by Numba to one: alignment and the adaptive filter.

The same integers as `synthesis.alignment` and `synthesis.adaptive_filter` make, several times faster. Each function is
called at one place of another: LLVM puts them there, and more copies would only take it longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nvcodec.compiled.jit import Array, compiled, compiled_part

TAPS = 8
BEFORE = 3
"""Samples before a position that eight taps look at."""
RUN = 64
"""Samples of a row that are interpolated together at most, if they have one vector."""
RADIUS = 3
"""Samples that the adaptive filter's diamond reaches."""


# --- alignment -------------------------------------------------------------------------------------------------------


@compiled_part
def _interpolate(
    padded: Array, y: int, x: int, height: int, width: int, taps: Array, scale: int, bound: int, high: int,
    half: Array, out: Array,
) -> None:  # fmt: skip
    """Writes height x width samples of out, interpolated where they lie at (y, x) and after, in quarter samples.

    padded: samples; the first tap of position (0, 0) is the first of them. taps: (4, 8) over 2**scale; bound: of half
    samples around mid-grey; high: the largest sample; half: room for (height + 7, width).
    """
    p, q, row, column = y & 3, x & 3, y >> 2, x >> 2
    kind = half.dtype.type
    grey, none, most = kind((high + 1) >> 1), kind(0), kind(high)
    first, rows = (BEFORE, height) if p == 0 else (0, height + TAPS - 1)
    if q == 0:
        for i in range(rows):
            for j in range(width):
                half[i, j] = kind((kind(padded[row + first + i, column + BEFORE + j]) - grey) << 1)
    else:
        a, b, c, d = kind(taps[q, 0]), kind(taps[q, 1]), kind(taps[q, 2]), kind(taps[q, 3])
        e, f, g, h = kind(taps[q, 4]), kind(taps[q, 5]), kind(taps[q, 6]), kind(taps[q, 7])
        # what the taps make of mid-grey is taken off; at 8 bits the whole then fits 16 bits (`alignment.phase_planes`)
        start = kind((1 << (scale - 2)) - (int(grey) << scale))
        low, up, shift = kind(-bound), kind(bound), kind(scale - 1)
        for i in range(rows):
            line, made = padded[row + first + i, column : column + width + TAPS - 1], half[i, :width]
            for j in range(width):
                total = kind(
                    a * line[j] + b * line[j + 1] + c * line[j + 2] + d * line[j + 3]
                    + e * line[j + 4] + f * line[j + 5] + g * line[j + 6] + h * line[j + 7] + start
                )  # fmt: skip
                made[j] = min(max(kind(total >> shift), low), up)
    if p == 0:
        for i in range(height):
            for j in range(width):
                out[i, j] = min(max(kind(kind((half[i, j] + 1) >> 1) + grey), none), most)
        return
    a, b, c, d = kind(taps[p, 0]), kind(taps[p, 1]), kind(taps[p, 2]), kind(taps[p, 3])
    e, f, g, h = kind(taps[p, 4]), kind(taps[p, 5]), kind(taps[p, 6]), kind(taps[p, 7])
    start, shift = kind(1 << scale), kind(scale + 1)
    for i in range(height):
        line0, line1, line2, line3 = half[i, :width], half[i + 1, :width], half[i + 2, :width], half[i + 3, :width]
        line4, line5, line6, line7 = half[i + 4, :width], half[i + 5, :width], half[i + 6, :width], half[i + 7, :width]
        made = out[i, :width]
        for j in range(width):
            total = kind(
                a * line0[j] + b * line1[j] + c * line2[j] + d * line3[j]
                + e * line4[j] + f * line5[j] + g * line6[j] + h * line7[j] + start
            )  # fmt: skip
            made[j] = min(max(kind(kind(total >> shift) + grey), none), most)


@compiled_part
def _tile(
    padded: Array, y: int, y_far: int, x: int, x_far: int, down: int, across: int, ey: int, ex: int,
    height: int, width: int, taps: Array, scale: int, bound: int, high: int, half: Array, corners: Array, out: Array,
) -> None:  # fmt: skip
    """`_interpolate` between (y, x) and the positions that follow, nearer to these by down / 2**ey, across / 2**ex.

    corners: room for (4, height, width) samples.
    """
    for k in range(4):
        if (k & 1 == 0 or across) and (k < 2 or down):
            own_y, own_x = y_far if k > 1 else y, x_far if k & 1 else x
            if own_y & 3 == 0 and own_x & 3 == 0:
                top, left = (own_y >> 2) + BEFORE, (own_x >> 2) + BEFORE
                corners[k, :height, :width] = padded[top : top + height, left : left + width]
            else:
                _interpolate(padded, own_y, own_x, height, width, taps, scale, bound, high, half, corners[k])
    if down == 0 and across == 0:
        out[:height, :width] = corners[0, :height, :width]
        return
    shift = np.int32(ey + ex)
    rounding = np.int32((1 << shift) >> 1)
    # the corners' weights, over 2**shift; what is not there is multiplied by 0
    d = np.int32(down * across)
    c = np.int32((down << ex) - d)
    b = np.int32((across << ey) - d)
    a = np.int32((1 << shift) - b - c - d)
    for i in range(height):
        for j in range(width):
            total = np.int32(
                a * corners[0, i, j] + b * corners[1, i, j] + c * corners[2, i, j] + d * corners[3, i, j] + rounding
            )
            out[i, j] = np.int32(total >> shift)


@compiled
def align(
    padded: Array, dy: Array, dx: Array, layout: tuple[int, int, int, int, int, int], taps: Array,
    levels: tuple[int, int, int], zero: Any, out: Array,
) -> None:  # fmt: skip
    """`alignment.align_plane` into out, (rows, columns), with a vector for each block of 2**block_log2 luma samples.

    padded: the plane, its edge repeated by the margin and the taps beyond; dy, dx: (h, w) int32 vectors. layout:
    block_log2; sy, sx, how many luma samples a sample of the plane is high and wide, as powers of two; ey, ex, vectors
    being in quarter samples over 2**ey and 2**ex, between which positions are bilinear; how far outside positions are
    clamped. taps: (4, 8); levels: the other numbers of `_interpolate`. zero: of the type to reckon in, int16 for 8 bits
    a sample, otherwise int32.
    """
    block_log2, sy, sx, ey, ex, margin = layout
    scale, bound, high = levels
    rows, columns = 1 << max(0, block_log2 - sy), 1 << max(0, block_log2 - sx)
    half = np.full((rows + TAPS - 1, max(RUN, columns)), zero)
    corners = np.zeros((4, rows, max(RUN, columns)), padded.dtype)
    last_y, last_x = 4 * (out.shape[0] + 2 * margin) - 1, 4 * (out.shape[1] + 2 * margin) - 1
    for top in range(0, out.shape[0], rows):
        own_y, own_x = dy[(top << sy) >> block_log2], dx[(top << sy) >> block_log2]
        left = 0
        while left < out.shape[1]:
            block = (left << sx) >> block_log2
            vector_y, vector_x = own_y[block], own_x[block]
            right = left + columns
            while right < out.shape[1] and right + columns <= left + RUN:
                block = (right << sx) >> block_log2
                if own_y[block] != vector_y or own_x[block] != vector_x:
                    break
                right += columns
            right = min(right, out.shape[1])
            height, width = min(rows, out.shape[0] - top), right - left
            down, across = vector_y & ((1 << ey) - 1), vector_x & ((1 << ex) - 1)
            y, x = (vector_y >> ey) + 4 * (top + margin), (vector_x >> ex) + 4 * (left + margin)
            tall, wide = height, width
            if y < 0 or x < 0 or y + 4 * (height - 1) >= last_y or x + 4 * (width - 1) >= last_x:
                tall, wide = 1, 1  # each sample's positions are clamped
            for i in range(0, height, tall):
                near_y, far_y = min(max(y + 4 * i, 0), last_y), min(max(y + 4 * i + 1, 0), last_y)
                for j in range(0, width, wide):
                    near_x, far_x = min(max(x + 4 * j, 0), last_x), min(max(x + 4 * j + 1, 0), last_x)
                    _tile(
                        padded, near_y, far_y, near_x, far_x, down, across, ey, ex, tall, wide,
                        taps, scale, bound, high, half, corners, out[top + i :, left + j :],
                    )  # fmt: skip
            left = right


# --- adaptive filter -------------------------------------------------------------------------------------------------


@compiled_part
def _variations(wide: Array, down: Array, across: Array) -> None:
    """Sums of magnitudes of second differences over blocks of 4x4, of a plane that is `extended`."""
    for row in range(down.shape[0]):
        for column in range(down.shape[1]):
            v, h = np.int32(0), np.int32(0)
            for i in range(RADIUS + 4 * row, RADIUS + 4 * row + 4):
                for j in range(RADIUS + 4 * column, RADIUS + 4 * column + 4):
                    twice = np.int32(wide[i, j] * 2)
                    v += abs(np.int32(twice - wide[i - 1, j] - wide[i + 1, j]))
                    h += abs(np.int32(twice - wide[i, j - 1] - wide[i, j + 1]))
            down[row, column], across[row, column] = v, h


@compiled_part
def _adapted_row(wide: Array, row: int, start: int, stop: int, pairs: Array, shift: int, high: int, out: Array) -> None:
    """Samples start..stop-1 of a row of `wide`, filtered by the twelve pairs' coefficients, into out."""
    a, b, c, d, e, f = pairs[0], pairs[1], pairs[2], pairs[3], pairs[4], pairs[5]
    g, h, k, m, n, o = pairs[6], pairs[7], pairs[8], pairs[9], pairs[10], pairs[11]
    own = np.int32(-2 * (a + b + c + d + e + f + g + h + k + m + n + o))
    half, none, most = np.int32(1 << (shift - 1)), np.int32(0), np.int32(high)
    left, right = start - RADIUS, stop + RADIUS
    above3, above2, above1 = wide[row - 3, left:right], wide[row - 2, left:right], wide[row - 1, left:right]
    line = wide[row, left:right]
    below1, below2, below3 = wide[row + 1, left:right], wide[row + 2, left:right], wide[row + 3, left:right]
    for j in range(stop - start):
        total = np.int32(
            own * line[j + 3] + half
            + a * (line[j + 4] + line[j + 2])
            + b * (line[j + 5] + line[j + 1])
            + c * (line[j + 6] + line[j])
            + d * (below1[j + 1] + above1[j + 5])
            + e * (below1[j + 2] + above1[j + 4])
            + f * (below1[j + 3] + above1[j + 3])
            + g * (below1[j + 4] + above1[j + 2])
            + h * (below1[j + 5] + above1[j + 1])
            + k * (below2[j + 2] + above2[j + 4])
            + m * (below2[j + 3] + above2[j + 3])
            + n * (below2[j + 4] + above2[j + 2])
            + o * (below3[j + 3] + above3[j + 3])
        )  # fmt: skip
        out[j] = min(max(np.int32(np.int32(total >> np.int32(shift)) + line[j + 3]), none), most)


@compiled
def adapt(
    wide: Array, changed: Array, coefficients: Array, activities: Array, directions: int, shift: int, bit_depth: int,
    out: Array,
) -> None:  # fmt: skip
    """`adaptive_filter.filtered` into out, (rows, columns).

    wide: the plane as `extended` makes it, int32; changed: (rows, columns) of blocks; coefficients: (kinds, pairs)
    int32 over 2**shift: those of each class, then, in the same order, those of each class transposed, then zeros;
    activities: where their classes begin.
    """
    down, across = np.empty(changed.shape, np.int32), np.empty(changed.shape, np.int32)
    _variations(wide, down, across)
    classes = (len(activities) + 1) * directions
    last_row, last_column, high = changed.shape[0] - 1, changed.shape[1] - 1, (1 << bit_depth) - 1
    kinds = np.empty(changed.shape[1] + 1, np.int32)
    kinds[-1] = -1
    for row in range(changed.shape[0]):
        up, below = max(row - 1, 0), min(row + 1, last_row)
        for column in range(changed.shape[1]):
            before, after = max(column - 1, 0), min(column + 1, last_column)
            v = 4 * down[row, column] + down[up, column] + down[below, column]
            v += down[row, before] + down[row, after]
            h = 4 * across[row, column] + across[up, column] + across[below, column]
            h += across[row, before] + across[row, after]
            kind, activity = 0, (v + h) >> (bit_depth - 8)
            for bound in activities:
                kind += directions * (activity >= bound)
            more, less = max(v, h), min(v, h)
            kind += (2 * more > 3 * less) + (more > 3 * less) + classes * (v > h)
            kinds[column] = kind if changed[row, column] else 2 * classes
        height, first = min(4, out.shape[0] - 4 * row), 0
        for column in range(1, changed.shape[1] + 1):
            if kinds[column] == kinds[first]:
                continue
            start, stop = 4 * first, min(4 * column, out.shape[1])
            for i in range(4 * row, 4 * row + height):
                if kinds[first] == 2 * classes:
                    for j in range(start, stop):
                        out[i, j] = wide[i + RADIUS, j + RADIUS]
                else:
                    _adapted_row(
                        wide, i + RADIUS, start + RADIUS, stop + RADIUS, coefficients[kinds[first]], shift, high,
                        out[i, start:stop],
                    )  # fmt: skip
            first = column
