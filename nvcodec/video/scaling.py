"""Smaller pictures to compare the smaller outputs with. Sizes are rounded up, edges repeated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatPlane = npt.NDArray[np.float32]


def area_downscale(planes: Sequence[npt.NDArray[np.generic]], scale_log2: int) -> list[FloatPlane]:
    """Antialiased (area) pictures at scale 1 / 2**s: the mean of each block of 2**s x 2**s samples, per plane.

    planes: each (rows, columns). Returns float32 in the same units, not rounded, each (ceil(rows / 2**s),
    ceil(columns / 2**s)): exactly the plane shapes of `VideoFormat.scaled`.
    """
    return [_blocks(plane, scale_log2).mean((1, 3), dtype=np.float32) for plane in planes]


def max_pool_downscale(planes: Sequence[npt.NDArray[np.generic]], scale_log2: int) -> list[FloatPlane]:
    """The targets of MSNeRV (arXiv 2506.15276): the largest sample of each block. As `area_downscale` otherwise."""
    return [_blocks(plane, scale_log2).max((1, 3)) for plane in planes]


def _blocks(plane: npt.NDArray[np.generic], scale_log2: int) -> FloatPlane:
    """A plane as (block rows, 2**s, block columns, 2**s)."""
    side = 1 << scale_log2
    rows, columns = plane.shape
    padded = np.pad(plane.astype(np.float32), ((0, -rows % side), (0, -columns % side)), mode="edge")
    return padded.reshape(padded.shape[0] // side, side, padded.shape[1] // side, side)
