"""How much hangs on a block: what of it lives on in the pictures that are predicted from it.

From the last picture in coding order back to the first, each block hands a share of its influence on to the blocks
that its vectors point at: the larger, the less of its residual is likely to be coded, for what is coded again no longer
depends on the reference. A block that a whole chain of pictures repeats thus gets a large influence, one that is soon
covered, or coded anew, a small one; without dependants it is 1. The idea is x264's macroblock tree (J. Garrett-Glaser,
"A novel macroblock-tree algorithm for high-performance optimization of dependent video coding in H.264/AVC", 2009).
Nothing here is normative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.synthesis.alignment import EIGHT_TAPS, PHASES, Reference, align_picture, plane_vectors
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.structure import CodedPicture
from nvcodec.synthesis.transform import BLOCK_LOG2, block_shape, forward
from nvcodec.synthesis.window import GREY, fine_planes, mean_planes
from nvcodec.video.frame import VideoFormat

DEAD = 0.6
"""Coefficients below this share of the quantisation step are likely to be zero."""
KEPT = 0.9
"""What a block hands on at most: filters and rounding spoil some of it."""
HELD_REFERENCES = 6
"""Interpolated pictures that are kept for the next ones."""


def block_influence(
    planes_of: Callable[[int], Sequence[Array]],
    video: VideoFormat,
    gops: Sequence[Gop],
    order: Sequence[tuple[int, CodedPicture]],
    motion: Sequence[Mapping[int, CodedMotion]],
    steps: Sequence[float],
) -> list[Array]:
    """Of every picture in coding order, (rows, columns) by 8x8 block of luma: 1 and what others take over from it.

    planes_of: a picture's samples by its number in the segment; order: (GoP, picture); motion: by GoP and index; steps:
    the quantisation step of each, in 1/4096 of the sample range.
    """
    rows, columns = block_shape(video.height, video.width)
    waiting: dict[int, Array] = {}
    references: dict[int, Reference] = {}
    found: list[Array] = [np.empty(0)] * len(order)

    def reference(number: int) -> Reference:
        if number not in references:
            while len(references) >= HELD_REFERENCES:
                references.pop(next(iter(references)))
            references[number] = Reference(planes_of(number)[:1], video.bit_depth, taps=EIGHT_TAPS)
        return references[number]

    for place in reversed(range(len(order))):
        gop, picture = order[place]
        first = gops[gop].first
        total = 1.0 + waiting.pop(first + picture.index, np.zeros((rows, columns)))
        found[place] = total
        if not picture.references:
            continue
        own = motion[gop][picture.index].motion
        pairs = [(first + index, field) for index, field in zip(picture.references, own.fields, strict=True)]
        aligned = [
            align_picture(reference(number), field, own.block_log2, "400", 0, stepped=own.stepped)
            for number, field in pairs
        ]
        (luma,) = fine_planes(planes_of(first + picture.index)[:1], video.bit_depth)
        predicted = mean_planes([fine_planes(planes, video.bit_depth) for planes in aligned])[0]
        zeros = (np.abs(forward(luma - GREY - predicted)) < DEAD * steps[place]).mean(0).reshape(rows, columns)
        handed = KEPT * zeros**2 * total / len(pairs)
        for number, field in pairs:
            dy, dx = plane_vectors(field, own.block_log2, (rows, columns), BLOCK_LOG2, BLOCK_LOG2, stepped=own.stepped)
            waiting[number] = waiting.get(number, 0.0) + spread(handed, dy / PHASES, dx / PHASES)
    return found


def spread(amounts: Array, dy: Array, dx: Array) -> Array:
    """(rows, columns): amounts moved by (dy, dx) cells, shared between the four that each then covers; those outside
    count for the edge."""
    rows, columns = amounts.shape
    y = np.clip(np.arange(rows)[:, None] + dy, 0, rows - 1)
    x = np.clip(np.arange(columns) + dx, 0, columns - 1)
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    below, right = y - top, x - left
    moved = np.zeros(rows * columns)
    for row, row_share in ((top, 1 - below), (np.minimum(top + 1, rows - 1), below)):
        for column, share in ((left, 1 - right), (np.minimum(left + 1, columns - 1), right)):
            weights = (amounts * row_share * share).ravel()
            moved += np.bincount((row * columns + column).ravel(), weights, rows * columns)
    return moved.reshape(rows, columns)


def chroma_mean(luma: Array, shape: tuple[int, int]) -> Array:
    """What luma's blocks have, for a plane of `shape` blocks: the mean over those of luma that each covers."""
    if luma.shape == shape:
        return luma
    down, across = (-(-whole // part) for whole, part in zip(luma.shape, shape, strict=True))
    padded = np.pad(
        luma,
        [(0, part * by - size) for size, part, by in zip(luma.shape, shape, (down, across), strict=True)],
        mode="edge",
    )
    means: Array = padded.reshape(shape[0], down, shape[1], across).mean((1, 3))
    return means
