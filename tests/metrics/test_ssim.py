"""MS-SSIM: its fixed points, its order, and a figure worked out by hand."""

import numpy as np
import pytest

from nvcodec.metrics import ms_ssim
from nvcodec.metrics.errors import PlanesDiffer
from nvcodec.metrics.ssim import WEIGHTS, scale_count


def picture(rows: int, columns: int, bit_depth: int = 8) -> np.ndarray:
    random = np.random.default_rng(5)
    smooth = np.add.outer(np.sin(np.arange(rows) / 9), np.cos(np.arange(columns) / 7)) + 2
    values = smooth * (1 << bit_depth) / 5 + random.normal(0, 1 << bit_depth - 6, (rows, columns))
    return values.clip(0, (1 << bit_depth) - 1).astype(np.uint16)


@pytest.mark.parametrize(
    ("size", "scales"), [((176, 300), 5), ((175, 300), 4), ((22, 22), 2), ((21, 99), 1), ((1, 1), 1)]
)
def test_small_pictures_have_fewer_scales(size: tuple[int, int], scales: int) -> None:
    assert scale_count(*size) == scales


@pytest.mark.parametrize("size", [(180, 200), (40, 50), (7, 9), (1, 1)])
def test_a_picture_equals_itself(size: tuple[int, int]) -> None:
    assert ms_ssim(picture(*size), picture(*size), 8) == pytest.approx(1)


def test_more_noise_is_worse_and_depth_does_not_matter() -> None:
    clean = picture(180, 200, 10)
    noise = np.random.default_rng(6).normal(0, 1, clean.shape)
    figures = [ms_ssim(clean, (clean + noise * sigma).clip(0, 1023), 10) for sigma in (4, 16, 64)]
    assert 1 > figures[0] > figures[1] > figures[2] > 0
    assert ms_ssim(clean / 4, (clean + noise * 16).clip(0, 1023) / 4, 8) == pytest.approx(figures[1], abs=2e-3)


def test_flat_pictures_differ_in_luminance_only() -> None:
    """Contrast and structure are 1 at every scale; what is left is the last scale's luminance term."""
    one, other = np.full((180, 180), 100), np.full((180, 180), 120)
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    expected = luminance ** (WEIGHTS[4] / sum(WEIGHTS))
    assert ms_ssim(one, other, 8) == pytest.approx(expected, rel=1e-9)


def test_planes_of_different_sizes() -> None:
    with pytest.raises(PlanesDiffer):
        ms_ssim(np.zeros((4, 4)), np.zeros((4, 5)), 8)
