"""What calls give without the compiled kernels, and with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nvcodec import compiled
from nvcodec.synthesis.arrays import Array

Both = Callable[..., tuple[Any, Any]]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the test does is done by the kernels."""
    pytest.importorskip("numba")
    from nvcodec.compiled import table

    monkeypatch.setattr(compiled, "_kernels", table)


@pytest.fixture
def both(fast: None, monkeypatch: pytest.MonkeyPatch) -> Both:
    """Calls a function with arguments twice: (its result by numpy, its result by the kernels)."""
    table = compiled.kernels()

    def run(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, Any]:
        monkeypatch.setattr(compiled, "_kernels", None)
        by_numpy = function(*arguments, **options)
        monkeypatch.setattr(compiled, "_kernels", table)
        return by_numpy, function(*arguments, **options)

    return run


def same(a: Array, b: Array) -> bool:
    """In values, shape and element type."""
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)


def all_same(several: tuple[list[Array] | tuple[Array, ...], list[Array] | tuple[Array, ...]]) -> bool:
    """`same` of each pair of two lists."""
    return all(same(a, b) for a, b in zip(*several, strict=True))


def extreme_samples(shape: tuple[int, int], bit_depth: int, random: np.random.Generator) -> Array:
    """Noise, of which a third is black and a third white."""
    top = (1 << bit_depth) - 1
    values = random.integers(-top, 2 * top + 1, shape)
    return np.clip(values, 0, top).astype(np.uint8 if bit_depth == 8 else np.uint16)
