"""MS-SSIM on luma (Wang, Simoncelli and Bovik, 2003): an 11 x 11 Gaussian window, five scales, halved by averaging.

A scale whose picture is smaller than the window does not exist: pictures under 176 samples on a side have fewer
scales, and the weights of those that are left are brought back to a sum of one. A picture smaller than the window
itself is measured with a window of its own size. Figures of different numbers of scales don't compare.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nvcodec.metrics.errors import PlanesDiffer

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW = 11
SIGMA = 1.5
FloatPlane = npt.NDArray[np.float64]


def scale_count(rows: int, columns: int) -> int:
    """How many scales a picture of that size is measured on, 1 to 5."""
    scales = 1
    while scales < len(WEIGHTS) and min(rows, columns) >> scales >= WINDOW:
        scales += 1
    return scales


def ms_ssim(reference: npt.NDArray[Any], decoded: npt.NDArray[Any], bit_depth: int) -> float:
    """MS-SSIM of a plane, (rows, columns), at most 1. Raises PlanesDiffer."""
    if reference.shape != decoded.shape:
        raise PlanesDiffer(f"a plane of {reference.shape} against one of {decoded.shape}")
    one, other = reference.astype(np.float64), decoded.astype(np.float64)
    peak = float((1 << bit_depth) - 1)
    scales = scale_count(*reference.shape)
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    result = 1.0
    for scale in range(scales):
        similarity, contrast = _ssim(one, other, peak)
        figure = similarity if scale == scales - 1 else contrast
        result *= max(figure, 0.0) ** weights[scale]
        one, other = _halve(one), _halve(other)
    return float(result)


def _ssim(one: FloatPlane, other: FloatPlane, peak: float) -> tuple[float, float]:
    """Means over the picture of the whole SSIM, and of its contrast and structure part."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_one, mean_other = _blur(one), _blur(other)
    variance_one = _blur(one * one) - mean_one**2
    variance_other = _blur(other * other) - mean_other**2
    covariance = _blur(one * other) - mean_one * mean_other
    contrast = (2 * covariance + c2) / (variance_one + variance_other + c2)
    luminance = (2 * mean_one * mean_other + c1) / (mean_one**2 + mean_other**2 + c1)
    return float((luminance * contrast).mean()), float(contrast.mean())


def _blur(plane: FloatPlane) -> FloatPlane:
    """The Gaussian window at every place where it lies inside the picture, one axis after the other."""
    for axis in (0, 1):
        size = min(WINDOW, plane.shape[axis])
        offsets = np.arange(size) - (size - 1) / 2
        window = np.exp(-(offsets**2) / (2 * SIGMA**2))
        views = np.lib.stride_tricks.sliding_window_view(plane, size, axis)
        plane = views @ (window / window.sum())
    return plane


def _halve(plane: FloatPlane) -> FloatPlane:
    """Mean of each 2 x 2 block; an odd last row or column is left out."""
    rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
    halved: FloatPlane = plane[: rows * 2, : columns * 2].reshape(rows, 2, columns, 2).mean((1, 3))
    return halved
