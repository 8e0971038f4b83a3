"""Where segments and GoPs begin: scene cuts, and GoPs that divide what lies between, evenly or as they are told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, pairwise

import numpy as np

from nvcodec.bitstream import limits
from nvcodec.encoder.run import Gop
from nvcodec.encoder.source import SourceStore
from nvcodec.synthesis.arrays import Array

CUT_RATIO = 4.0
CUT_DIFFERENCE = 0.06
THUMBNAIL = 32


def luma_thumbnail(source: SourceStore, index: int) -> Array:
    """A picture's luma, averaged down to at most 32x32 cells, samples in [0, 1]."""
    luma = source.planes(index)[0]
    rows, columns = min(THUMBNAIL, luma.shape[0]), min(THUMBNAIL, luma.shape[1])
    height, width = luma.shape[0] // rows * rows, luma.shape[1] // columns * columns
    cells = luma[:height, :width].reshape(rows, height // rows, columns, width // columns)
    means: Array = cells.mean((1, 3)) / (1 << source.format.bit_depth)
    return means


def scene_cuts(source: SourceStore) -> list[int]:
    """Pictures that begin a new scene: a jump well above both a fixed difference and the differences around it."""
    thumbnails = [luma_thumbnail(source, index) for index in range(len(source))]
    jumps = np.array([0.0] + [float(np.abs(b - a).mean()) for a, b in pairwise(thumbnails)])
    cuts = []
    for index in range(1, len(jumps)):
        around = np.concatenate([jumps[max(1, index - 4) : index], jumps[index + 1 : index + 5]])
        usual = float(np.median(around)) if len(around) else 0.0
        if jumps[index] > CUT_DIFFERENCE and jumps[index] > CUT_RATIO * usual:
            cuts.append(index)
    return cuts


def even_borders(begin: int, end: int, longest: int) -> list[int]:
    """Where pieces of begin .. end-1 begin, and the end: as few as `longest` admits, of even lengths."""
    count = -(-(end - begin) // longest)
    return [begin + round(i * (end - begin) / count) for i in range(count + 1)] if count else [begin]


def plan_gops(first: int, end: int, cuts: list[int], gop_length: int) -> list[Gop]:
    """GoPs of pictures first .. end-1, numbered within the segment: none crosses a cut, none is above gop_length."""
    borders = [first, *(cut for cut in cuts if first < cut < end), end]
    gops = []
    for start, stop in pairwise(borders):
        gops += [Gop(a - first, b - a) for a, b in pairwise(even_borders(start, stop, gop_length))]
    return gops


def plan_motion_gops(
    first: int,
    end: int,
    cuts: list[int],
    gop_length: int,
    keyint: int,
    lengths: Callable[[int, int], list[int]] | None = None,
) -> list[Gop]:
    """GoPs of the motion profile: closed where a scene begins and at least every keyint pictures, else open.

    lengths: of open GoPs from a picture of the source to before another, in order; without it, the division is even.
    No more open GoPs follow each other than the format allows, whatever keyint and lengths are.
    """
    keyint = min(keyint, 1 + limits.MAX_OPEN_GOPS * gop_length)
    borders = [first, *(cut for cut in cuts if first < cut < end), end]
    gops: list[Gop] = []
    for start, stop in pairwise(borders):
        for begin, finish in pairwise(even_borders(start, stop, keyint)):
            gops.append(Gop(begin - first, 1))
            # the first picture is an anchor by itself; what follows is divided
            places = even_borders(begin + 1, finish, gop_length)
            if lengths is not None:
                chosen = list(accumulate(lengths(begin + 1, finish), initial=begin + 1))
                places = chosen if len(chosen) <= 1 + limits.MAX_OPEN_GOPS else places
            gops += [Gop(a - first, b - a, open=True) for a, b in pairwise(places)]
    return gops


def plan_segments(count: int, cuts: list[int], longest: int) -> list[tuple[int, int]]:
    """(first, end) of each segment: as few as `longest` admits, even, moved to a scene cut that is near."""
    number = -(-count // longest)
    borders = [0]
    for i in range(1, number):
        left = number - i
        low, high = max(borders[-1] + 1, count - left * longest), min(borders[-1] + longest, count - left)
        wanted = min(high, max(low, round(i * count / number)))
        near = [cut for cut in cuts if low <= cut <= high and abs(cut - wanted) <= longest // 4]
        borders.append(min(near, key=lambda cut, wanted=wanted: abs(cut - wanted), default=wanted))
    return list(pairwise([*borders, count]))
