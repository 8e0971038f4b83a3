"""PSNR against figures worked out by hand."""

import math

import numpy as np
import pytest

from nvcodec.metrics import PsnrAccumulator, plane_psnr_db
from nvcodec.metrics.errors import NothingToMeasure, PlanesDiffer


def planes(*values: int, dtype: type = np.uint8) -> list[np.ndarray]:
    return [np.full((4, 4), value, dtype) for value in values]


@pytest.mark.parametrize(("bit_depth", "dtype"), [(8, np.uint8), (10, np.uint16), (12, np.uint16)])
def test_a_difference_of_one(bit_depth: int, dtype: type) -> None:
    expected = 20 * math.log10((1 << bit_depth) - 1)
    assert plane_psnr_db(*planes(0, 1, dtype=dtype), bit_depth) == pytest.approx(expected)
    assert plane_psnr_db(*planes(1, 0, dtype=dtype), bit_depth) == pytest.approx(expected)


def test_identical_planes_are_capped() -> None:
    assert plane_psnr_db(*planes(9, 9), 8) == 100.0


def test_float_references() -> None:
    reference = np.full((4, 4), 0.5, np.float32)
    assert plane_psnr_db(reference, planes(0)[0], 8) == pytest.approx(20 * math.log10(510))


def test_means_are_over_pictures_in_decibel() -> None:
    accumulator = PsnrAccumulator(8)
    accumulator.add(planes(0, 0, 0), planes(1, 2, 4))
    accumulator.add(planes(0, 0, 0), planes(10, 2, 4))
    peak = 20 * math.log10(255)
    assert accumulator.mean_y == pytest.approx(peak - 10)
    assert accumulator.mean_u == pytest.approx(peak - 20 * math.log10(2))
    assert accumulator.mean_v == pytest.approx(peak - 20 * math.log10(4))
    yuv = (6 * accumulator.mean_y + accumulator.mean_u + accumulator.mean_v) / 8
    assert accumulator.mean_yuv == pytest.approx(yuv)
    assert len(accumulator.pictures_db) == 2


def test_luma_alone() -> None:
    accumulator = PsnrAccumulator(8)
    accumulator.add(planes(0), planes(1))
    assert accumulator.mean_yuv == accumulator.mean_y
    with pytest.raises(NothingToMeasure):
        _ = accumulator.mean_u


def test_what_cannot_be_compared() -> None:
    accumulator = PsnrAccumulator(8)
    with pytest.raises(NothingToMeasure):
        _ = accumulator.mean_y
    with pytest.raises(PlanesDiffer):
        accumulator.add(planes(0), planes(0, 0, 0))
    with pytest.raises(PlanesDiffer):
        accumulator.add([np.zeros((4, 4))], [np.zeros((4, 1))])
    accumulator.add(planes(0), planes(0))
    with pytest.raises(PlanesDiffer):
        accumulator.add(planes(0, 0, 0), planes(0, 0, 0))
