"""Which grids a picture's embedding is made of, and in which order pictures are decoded (bitstream_spec.md, section 4).

A level's temporal grids stand at every 2**k-th picture of a GoP, and at its end. In the grid profile every picture's
window of decoded pictures is empty; in the motion profile `CodedPicture.references` fill it, and coding order follows
a hierarchy.
"""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.synthesis.arithmetic import INTERPOLATION_FRACTION_BITS
from nvcodec.synthesis.layers import COARSEST


@dataclass(frozen=True)
class CodedPicture:
    """A picture of a GoP in coding order; indices count from the GoP's first picture, in display order.

    references: -1 is the anchor of the GoP before. depth: 0 for anchors, one more for each halving.
    """

    index: int
    references: tuple[int, ...] = ()
    depth: int = 0

    @property
    def distance(self) -> int:
        """Pictures to the reference that is further away; 0 without references."""
        return max((abs(self.index - reference) for reference in self.references), default=0)


def coding_order(gop_length: int) -> list[CodedPicture]:
    """The GoP's pictures in coding order in the grid profile: display order, without references."""
    return [CodedPicture(index) for index in range(gop_length)]


def hierarchical_order(gop_length: int, open_gop: bool) -> list[CodedPicture]:
    """The GoP's pictures in coding order in the motion profile.

    First the anchor, the GoP's last picture, which refers to the anchor before it: of the GoP before in an open GoP;
    else of this GoP, its first picture, which comes before it and has no references. Then the middle of what lies
    between, and the middles of the halves. Source: bitstream_spec.md, section 4.4.
    """
    before = -1 if open_gop else 0
    order = [] if open_gop else [CodedPicture(0)]
    if gop_length - 1 > before:
        order.append(CodedPicture(gop_length - 1, (before,)))
    gaps = [(before, gop_length - 1, 1)]
    while gaps:
        left, right, depth = gaps.pop(0)
        if right - left > 1:
            middle = (left + right) // 2
            order.append(CodedPicture(middle, (left, right), depth))
            gaps += [(left, middle, depth + 1), (middle, right, depth + 1)]
    return order


def needed_pictures(order: list[CodedPicture], wanted: set[int]) -> set[int]:
    """The wanted pictures of a GoP and all that they refer to, directly or not; -1 for the anchor before."""
    needed = set(wanted)
    for picture in reversed(order):
        if picture.index in needed:
            needed.update(picture.references)
    return needed


def grid_count(gop_length: int, stride_log2: int) -> int:
    """Temporal grids of a level in a GoP: one per 2**stride_log2 pictures, both ends included."""
    return ((gop_length - 1 + (1 << stride_log2) - 1) >> stride_log2) + 1


def grid_picture(grid: int, gop_length: int, stride_log2: int) -> int:
    """The picture at which a grid stands; the last grid stands at or after the last picture, and counts as its."""
    return min(grid << stride_log2, gop_length - 1)


def interpolation(picture: int, stride_log2: int) -> list[tuple[int, int]]:
    """(grid, weight over 8) of the linear interpolation in time at a picture."""
    stride = 1 << stride_log2
    grid, remainder = divmod(picture, stride)
    whole = 1 << INTERPOLATION_FRACTION_BITS
    right = remainder * whole // stride
    return [(grid, whole - right), (grid + 1, right)] if right else [(grid, whole)]


def last_grid(config: ModelConfig, level: int, picture: int, gop_length: int) -> int:
    """Index of the last grid that a picture's embedding needs."""
    own = config.levels[level]
    reach = config.window_length - 1 if own.window_flag else 0
    return max(grid for grid, _ in interpolation(min(picture + reach, gop_length - 1), own.temporal_stride_log2))


def coarser_grid(config: ModelConfig, level: int, grid: int, gop_length: int) -> int:
    """The coarser level's grid of the same moment: the context of a grid (level < COARSEST)."""
    assert level < COARSEST
    picture = grid_picture(grid, gop_length, config.levels[level].temporal_stride_log2)
    return picture >> config.levels[level + 1].temporal_stride_log2
