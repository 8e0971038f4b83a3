"""Predictions of vectors and their contexts by the kernels, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from nvcodec.decoder.vector_field import decode_differences
from nvcodec.entropy import SCALE_COUNT, SymbolDecoder
from nvcodec.entropy.errors import PayloadNotConsumed
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.vectors import CONTEXT_COUNT, pyramid
from tests.compiled.conftest import Both, same

SHAPES = ((1, 1), (1, 2), (2, 1), (1, 40), (33, 1), (2, 2), (3, 5), (8, 8), (9, 9), (16, 17), (23, 40))
REACHES = (1, 3, 9, 2048, 1 << 20, (1 << 30) - 1)
"""Differences, the last few of them beyond what any words make: numpy's spread of larger ones leaves 32 bits."""


def fields(shape: tuple[int, int], random: np.random.Generator) -> list[Array]:
    """Random differences, and the ends of their range only."""
    found = [random.integers(-reach, reach, (*shape, 2), dtype=np.int32) for reach in REACHES]
    found += [random.choice(np.array([-reach, reach - 1], np.int32), (*shape, 2)) for reach in REACHES]
    return [*found, np.full((*shape, 2), -2048, np.int32), np.full((*shape, 2), 2047, np.int32)]


@pytest.mark.parametrize("reference", [0, 1])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_pass(shape: tuple[int, int], reference: int, both: Both) -> None:
    for delta in fields(shape, np.random.default_rng(shape[0])):
        before = delta.copy()
        for own in pyramid(shape):
            by_numpy, by_kernels = both(own.predict, delta, reference)
            assert same(by_numpy[0], by_kernels[0])
            assert same(by_numpy[1], by_kernels[1])
        assert same(delta, before)


def decode(words: bytes, shape: tuple[int, int], reference: int, scale_index: int) -> tuple[Array, str]:
    """The differences of random words, and what is said of their end."""
    decoder = SymbolDecoder(words)
    delta = decode_differences(decoder, shape, reference, [scale_index] * CONTEXT_COUNT)
    with pytest.raises(PayloadNotConsumed) as caught:
        decoder.finish()
    return delta, str(caught.value)


@pytest.mark.parametrize("reference", [0, 1])
@pytest.mark.parametrize("scale_index", [0, 20, SCALE_COUNT - 1])
def test_whole_fields_of_any_words(scale_index: int, reference: int, both: Both) -> None:
    """Which are as wide apart as the tables allow."""
    random = np.random.default_rng(scale_index)
    for shape in SHAPES:
        for count in (1, 2, 400):
            words = random.integers(1, 1 << 32, count, dtype=np.uint32).astype("<u4").tobytes()
            by_numpy, by_kernels = both(decode, words, shape, reference, scale_index)
            assert same(by_numpy[0], by_kernels[0])
            assert by_numpy[1] == by_kernels[1]
