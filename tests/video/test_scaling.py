"""Smaller pictures: block means and maxima, edges repeated."""

from fractions import Fraction

import numpy as np
import pytest

from nvcodec.video import VideoFormat, area_downscale, max_pool_downscale


def test_means_and_maxima_by_hand() -> None:
    plane = np.array([[0, 10, 20], [30, 40, 50], [60, 70, 80]], np.uint8)
    (mean,), (largest,) = area_downscale([plane], 1), max_pool_downscale([plane], 1)
    assert mean.dtype == largest.dtype == np.float32
    assert mean.tolist() == [[20, 35], [65, 80]]
    assert largest.tolist() == [[40, 50], [70, 80]]


@pytest.mark.parametrize("chroma_format", ["400", "420", "422", "444"])
@pytest.mark.parametrize("scale_log2", [0, 1, 2, 3])
def test_shapes_are_those_of_the_scaled_format(chroma_format: str, scale_log2: int) -> None:
    video_format = VideoFormat(37, 27, chroma_format, 12, Fraction(25))
    planes = [np.full(shape, 4095, np.uint16) for shape in video_format.plane_shapes]
    scaled = area_downscale(planes, scale_log2)
    assert tuple(plane.shape for plane in scaled) == video_format.scaled(scale_log2).plane_shapes
    assert all((plane == 4095).all() for plane in scaled)


def test_scale_one_changes_nothing() -> None:
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(area_downscale([plane], 0)[0], plane)
