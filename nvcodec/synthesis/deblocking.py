"""The deblocking filter: steps between blocks of the transform that coding has made are smoothed.

Across each edge of a block with coefficients, the two samples beside the edge move towards each other, if the step is
small beside the quantisation step and the picture is smooth on either side. The form of the filter is H.264's for
edges of moderate strength (ITU-T H.264, section 8.7), with thresholds that follow the quantisation step.
Source: bitstream_spec.md, section 6.15.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvcodec.compiled import kernels
from nvcodec.synthesis.arithmetic import PICTURE_FRACTION_BITS
from nvcodec.synthesis.arrays import Array, clamp
from nvcodec.synthesis.transform import BLOCK, block_shape, blocks_with_coefficients, quantisation_step

FILTERED_SCALES = 2
"""Scales 1 and 1/2 are filtered: smaller blocks have no samples beside those that would change."""


def deblocked(
    planes: Sequence[Array],
    levels: Sequence[Array | None],
    qp: int,
    whole: Sequence[tuple[int, int]],
    bit_depth: int,
    scale_log2: int,
) -> list[Array]:
    """A picture's planes, samples at scale 1/2**scale_log2, filtered; levels: by plane, (64, blocks) or None where all
    are zero, of which the scale's own frequencies count; whole: shapes of the planes at full size."""
    if scale_log2 >= FILTERED_SCALES:
        return list(planes)
    return [
        plane if own is None else _deblocked(plane, own, qp, block_shape(*shape), bit_depth, scale_log2)
        for plane, own, shape in zip(planes, levels, whole, strict=True)
    ]


def _deblocked(plane: Array, levels: Array, qp: int, blocks: tuple[int, int], bit_depth: int, scale_log2: int) -> Array:
    size = BLOCK >> scale_log2
    coded = blocks_with_coefficients(levels, blocks, scale_log2)
    step = quantisation_step(qp) >> (PICTURE_FRACTION_BITS - bit_depth)
    top = (1 << bit_depth) - 1
    if (fast := kernels()) is not None:
        made = plane.copy()
        fast.deblock(made, coded, size, step, top)
        return made
    rows, columns = blocks
    padding = [(0, count * size - own) for count, own in zip(blocks, plane.shape, strict=True)]
    whole = np.pad(plane, padding, mode="edge").astype(np.int32)
    row, column = np.nonzero(coded[:, 1:] | coded[:, :-1])
    _smooth(whole.reshape(rows, size, -1).transpose(0, 2, 1), row, size * (column + 1), step, top)
    row, column = np.nonzero(coded[1:] | coded[:-1])
    _smooth(whole.reshape(-1, columns, size).transpose(1, 0, 2), column, size * (row + 1), step, top)
    return whole[: plane.shape[0], : plane.shape[1]].astype(plane.dtype)


def _smooth(samples: Array, strip: Array, place: Array, step: int, top: int) -> None:
    """Filter edges in place. samples: (strips, positions across edges, along them); strip, place: of each edge, the
    first sample behind it."""
    p1, p0, q0, q1 = (samples[strip, place + offset] for offset in (-2, -1, 0, 1))
    half, quarter = step >> 1, step >> 2
    smooth = (np.abs(q0 - p0) < step) & (np.abs(p1 - p0) < half) & (np.abs(q1 - q0) < half)
    change = clamp((4 * (q0 - p0) + (p1 - q1) + 4) >> 3, -quarter, quarter) * smooth
    samples[strip, place - 1] = clamp(p0 + change, 0, top)
    samples[strip, place] = clamp(q0 - change, 0, top)
