"""Planes to network channels and back: luma and chroma phases at half the picture's size.

A 4:2:0 picture is six channels (four luma phases in raster order, Cb, Cr), 4:2:2 eight, 4:4:4 twelve, 4:0:0 four.
Odd sizes repeat the last row and column on the way in; the surplus is cropped on the way out.
Source: bitstream_spec.md, section 6.5.
"""

from __future__ import annotations

import numpy as np

from nvcodec.synthesis.arithmetic import PICTURE_FRACTION_BITS
from nvcodec.synthesis.arrays import Array, clamp

CHROMA_PHASES = {"400": (), "420": ((1, 1), (1, 1)), "422": ((2, 1), (2, 1)), "444": ((2, 2), (2, 2))}


def plane_phases(chroma_format: str) -> tuple[tuple[int, int], ...]:
    """(rows, columns) of each plane's samples that one network position covers."""
    return ((2, 2), *CHROMA_PHASES[chroma_format])


def pack(planes: list[Array], chroma_format: str) -> Array:
    """(P, h, w): phases of all planes, each padded by repeating its edge; keeps the dtype."""
    height, width = -(-planes[0].shape[0] // 2), -(-planes[0].shape[1] // 2)
    channels = []
    for plane, (rows, columns) in zip(planes, plane_phases(chroma_format), strict=True):
        missing = (rows * height - plane.shape[0], columns * width - plane.shape[1])
        if any(missing):
            plane = np.pad(plane, ((0, missing[0]), (0, missing[1])), mode="edge")
        channels += [plane[i::rows, j::columns] for i in range(rows) for j in range(columns)]
    return np.stack(channels)


def unpack(channels: Array, chroma_format: str, plane_shapes: list[tuple[int, int]]) -> list[Array]:
    """The inverse: (P, h, w) to planes of the given (rows, columns)."""
    planes, first = [], 0
    for (rows, columns), shape in zip(plane_phases(chroma_format), plane_shapes, strict=True):
        count = rows * columns
        part = channels[first : first + count]
        first += count
        if count > 1:
            _, height, width = part.shape
            part = part.reshape(rows, columns, height, width).transpose(2, 0, 3, 1)
            part = part.reshape(rows * height, columns * width)
        else:
            part = part[0]
        planes.append(np.ascontiguousarray(part[: shape[0], : shape[1]]))
    return planes


def to_samples(picture: Array, bit_depth: int) -> Array:
    """Clamped network output, integers in 1/4096 around mid-grey, to samples (bitstream_spec.md, section 6.6)."""
    shift = PICTURE_FRACTION_BITS - bit_depth
    half, grey = (1 << shift) >> 1, 1 << (bit_depth - 1)
    if np.issubdtype(picture.dtype, np.integer):
        rounded = (picture + half) >> shift
    else:
        rounded = np.floor((picture + half) * (1 / (1 << shift)))
    rounded += grey
    samples: Array = clamp(rounded, 0, 2 * grey - 1).astype(np.uint8 if bit_depth == 8 else np.uint16)
    return samples


def bilinear_kernel(chroma_format: str) -> Array:
    """(4P, P, 3, 3) integers over 16: bilinear upsampling by 2 of a packed picture, before the pixel shuffle.

    Output channel 4*c + 2*i + j is channel c at row 2y+i and column 2x+j of the finer packed picture. Samples sit at
    pixel centres, so taps are (3, 1)/4 in each direction; the caller repeats the packed picture's edge by one
    position, which for multi-phase planes is the specified edge rule.
    """
    phases = plane_phases(chroma_format)
    total = sum(rows * columns for rows, columns in phases)
    kernel = np.zeros((4 * total, total, 3, 3), np.int64)
    first = 0
    for rows, columns in phases:
        for p in range(rows):
            for q in range(columns):
                for i in range(2):
                    for j in range(2):
                        out = 4 * (first + p * columns + q) + 2 * i + j
                        for row, row_weight in _taps(i * rows + p):
                            for column, column_weight in _taps(j * columns + q):
                                source = first + (row % rows) * columns + column % columns
                                kernel[out, source, 1 + row // rows, 1 + column // columns] += (
                                    row_weight * column_weight
                                )
        first += rows * columns
    return kernel


def _taps(position: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Two coarse rows (or columns) and their weights over 4 for a fine one, relative to the same packed cell."""
    near = position // 2
    return (near, 3), (near - 1 if position % 2 == 0 else near + 1, 1)
