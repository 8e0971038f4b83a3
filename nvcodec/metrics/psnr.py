"""PSNR per plane and picture; a video's figure is the mean over its pictures of the per-picture figure.

Identical planes would be infinitely good; they count as CAP_DB, and nothing counts as more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nvcodec.metrics.errors import NothingToMeasure, PlanesDiffer

CAP_DB = 100.0


def plane_psnr_db(reference: npt.NDArray[Any], decoded: npt.NDArray[Any], bit_depth: int) -> float:
    """PSNR of a plane against peak 2**bit_depth - 1, at most CAP_DB. Raises PlanesDiffer."""
    if reference.shape != decoded.shape:
        raise PlanesDiffer(f"a plane of {reference.shape} against one of {decoded.shape}")
    difference = reference.astype(np.float32) - decoded.astype(np.float32)
    mse = float(np.mean(np.square(difference), dtype=np.float64))
    peak = (1 << bit_depth) - 1
    floor = peak**2 / 10 ** (CAP_DB / 10)
    return float(10 * np.log10(peak**2 / max(mse, floor)))


class PsnrAccumulator:
    """PSNR over a video's pictures, added one by one; memory holds a few figures per picture."""

    def __init__(self, bit_depth: int):
        self.bit_depth = bit_depth
        self.pictures_db: list[tuple[float, ...]] = []
        """Per picture: PSNR of Y and, where there is chroma, of Cb and Cr."""

    def add(self, reference: Sequence[npt.NDArray[Any]], decoded: Sequence[npt.NDArray[Any]]) -> tuple[float, ...]:
        """Compare a picture's planes, 1 or 3 of (rows, columns), integers or floats. Returns their PSNR in dB.

        Raises PlanesDiffer.
        """
        planes = self.pictures_db[0] if self.pictures_db else reference
        if not len(reference) == len(decoded) == len(planes) or len(planes) not in (1, 3):
            raise PlanesDiffer(f"{len(reference)} planes against {len(decoded)}: 1 or 3 are expected, always the same")
        pairs = zip(reference, decoded, strict=True)
        figures = tuple(plane_psnr_db(one, other, self.bit_depth) for one, other in pairs)
        self.pictures_db.append(figures)
        return figures

    def mean(self, plane: int) -> float:
        """Mean over pictures of a plane's PSNR in dB. Raises NothingToMeasure."""
        if not self.pictures_db or plane >= len(self.pictures_db[0]):
            raise NothingToMeasure(f"no picture with a plane {plane} was added")
        return float(np.mean([figures[plane] for figures in self.pictures_db]))

    @property
    def mean_y(self) -> float:
        return self.mean(0)

    @property
    def mean_u(self) -> float:
        return self.mean(1)

    @property
    def mean_v(self) -> float:
        return self.mean(2)

    @property
    def mean_yuv(self) -> float:
        """Mean over pictures of (6 Y + U + V) / 8; of luma alone for 4:0:0."""
        luma = self.mean_y
        return luma if len(self.pictures_db[0]) == 1 else (6 * luma + self.mean_u + self.mean_v) / 8
