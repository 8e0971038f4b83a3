"""The adaptive filter by the kernels, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from nvcodec.bitstream.filters import DEFAULT_FILTER, LARGEST_COEFFICIENT, LEAST_COEFFICIENT
from nvcodec.synthesis.adaptive_filter import block_classes, extended, filtered
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.transform import block_shape
from tests.compiled.conftest import Both, extreme_samples, same

SIZES = ((1, 1), (1, 40), (2, 3), (4, 4), (5, 8), (7, 1), (16, 24), (17, 23), (33, 6), (40, 60))
FILTERS = {
    "default": np.array(DEFAULT_FILTER, np.int32),
    "least": np.full((15, 12), LEAST_COEFFICIENT),
    "largest": np.full((15, 12), LARGEST_COEFFICIENT),
    "alternating": np.where(np.indices((15, 12)).sum(0) % 2, LEAST_COEFFICIENT, LARGEST_COEFFICIENT),
    "random": np.random.default_rng(0).integers(LEAST_COEFFICIENT, LARGEST_COEFFICIENT + 1, (15, 12)),
}


def planes(shape: tuple[int, int], bit_depth: int, random: np.random.Generator) -> list[Array]:
    """Noise, black and white as it comes and in a checkerboard, one sample, flat, and waves of many classes."""
    top, kind = (1 << bit_depth) - 1, np.uint8 if bit_depth == 8 else np.uint16
    y, x = np.indices(shape)
    found = [extreme_samples(shape, bit_depth, random)]
    found += [own.astype(kind) for own in (random.integers(0, 2, shape) * top, (y + x) % 2 * top, y % 2 * top)]
    lone = np.zeros(shape, kind)
    lone[shape[0] // 2, shape[1] // 2] = top
    found += [lone, np.full(shape, top, kind)]
    for down, across in ((0.9, 0.05), (0.05, 0.9), (0.6, 0.5)):
        wave = 0.5 + 0.4 * np.sin(down * y + across * x) * (x + 1) / shape[1]
        found.append((wave * top).round().astype(kind))
    return found


def sparse_levels(shape: tuple[int, int], random: np.random.Generator) -> Array:
    """Some of the transform's blocks have one coefficient, any of the 64, others none."""
    rows, columns = block_shape(*shape)
    levels = np.zeros((64, rows * columns), np.int32)
    coded = np.flatnonzero(random.random(rows * columns) < 0.5)
    levels[random.integers(0, 64, len(coded)), coded] = random.choice([-1, 1, 127], len(coded))
    return levels


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("own", FILTERS)
def test_planes(own: str, bit_depth: int, both: Both) -> None:
    random = np.random.default_rng(bit_depth)
    for shape in SIZES:
        for plane in planes(shape, bit_depth, random):
            for levels in (None, sparse_levels(shape, random)):
                before = plane.copy()
                assert same(*both(filtered, plane, FILTERS[own], levels, bit_depth))
                assert same(plane, before)


def test_all_classes_occur() -> None:
    """In the waves above, both ways: else they would show little."""
    met = set()
    for plane in planes((40, 60), 8, np.random.default_rng(0))[-3:]:
        for softer in (1, 3, 9, 27, 81):
            classes, transposed = block_classes(extended(plane // softer), 8)
            met |= set(zip(classes.ravel().tolist(), transposed.ravel().tolist(), strict=True))
    assert len(met) >= 20


def test_softer_waves(both: Both) -> None:
    """Of all classes."""
    for bit_depth in (8, 10, 12):
        for plane in planes((40, 60), bit_depth, np.random.default_rng(0))[-3:]:
            for softer in (3, 9, 27, 81):
                assert same(*both(filtered, plane // softer, FILTERS["random"], None, bit_depth))


def test_no_block_has_coefficients(both: Both) -> None:
    plane = extreme_samples((21, 30), 8, np.random.default_rng(0))
    for made in both(filtered, plane, FILTERS["random"], np.zeros((64, 12), np.int32), 8):
        assert same(made, plane)
