"""Means in eighths: how they split, and that residuals wrap instead of leaving the alphabet."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from nvcodec.entropy import SymbolDecoder, SymbolEncoder, decode_latents, encode_latents
from nvcodec.entropy.errors import TableOutOfRange
from nvcodec.entropy.latents import decode_residual, encode_residual, split_mean, table_indices, wrap

MEANS = np.arange(-3000, 3000)
ALL_LATENTS = np.arange(-128, 128)


@pytest.mark.parametrize(
    ("mean8", "integer", "sign", "phase"),
    [
        (0, 0, 1, 0), (3, 0, 1, 3), (4, 1, -1, 4), (5, 1, -1, 3), (8, 1, 1, 0),
        (-1, 0, -1, 1), (-4, 0, -1, 4), (-5, -1, 1, 3), (-8, -1, 1, 0), (1021, 128, -1, 3),
    ],
)  # fmt: skip
def test_split_mean(mean8: int, integer: int, sign: int, phase: int) -> None:
    assert [int(part[0]) for part in split_mean(np.array([mean8]))] == [integer, sign, phase]


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64])
def test_split_mean_puts_together_again(dtype: type[np.integer]) -> None:
    integer, sign, phase = split_mean(MEANS.astype(dtype))
    assert np.array_equal(8 * integer + sign * phase, MEANS)
    assert phase.min() == 0
    assert phase.max() == 4
    assert set(np.unique(sign)) == {-1, 1}


def test_wrap() -> None:
    assert wrap(np.array([-129, -128, 127, 128, 255, 256, -384])).tolist() == [127, -128, 127, -128, -1, 0, -128]


@pytest.mark.parametrize("mean8", [0, 3, 4, -4, -5, 1019, 1020, -1024, -1028, 40_000, -40_000])
def test_every_latent_has_its_symbol(mean8: int) -> None:
    means = np.full(256, mean8)
    symbols = encode_residual(ALL_LATENTS, means)
    assert sorted(symbols.tolist()) == ALL_LATENTS.tolist()
    assert np.array_equal(decode_residual(symbols, means), ALL_LATENTS)


def test_residual_by_hand() -> None:
    q, mean8 = np.array([127, 127, -128, 5]), np.array([-8, 4, 1020, 12])
    assert encode_residual(q, mean8).tolist() == [-128, -126, 0, -3]


def test_table_indices_broadcast_scale_indices() -> None:
    mean8 = np.array([[0, 3, 4], [-1, -4, 9]])
    assert table_indices(mean8, np.array([[2], [39]])).tolist() == [[10, 13, 14], [196, 199, 196]]
    assert table_indices(mean8, 0).tolist() == [[0, 3, 4], [1, 4, 1]]


@pytest.mark.parametrize("scale_index", [-1, 40])
def test_scale_out_of_range(scale_index: int) -> None:
    with pytest.raises(TableOutOfRange):
        encode_latents(SymbolEncoder(), np.array([0]), np.array([4]), scale_index)
    with pytest.raises(TableOutOfRange):
        decode_latents(SymbolDecoder(b"\x01\0\0\0"), np.array([4]), scale_index)


@settings(max_examples=60)
@given(st.data())
def test_round_trip(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=5))
    q = data.draw(hnp.arrays(np.int32, shape, elements=st.integers(-128, 127)))
    mean8 = data.draw(hnp.arrays(np.int32, shape, elements=st.integers(-2000, 2000)))
    scale = data.draw(hnp.arrays(np.int32, shape, elements=st.integers(0, 39)))
    encoder = SymbolEncoder()
    encode_latents(encoder, q, mean8, scale)
    encode_latents(encoder, q, mean8, 20)
    decoder = SymbolDecoder(encoder.finish())
    assert np.array_equal(decode_latents(decoder, mean8, scale), q)
    assert np.array_equal(decode_latents(decoder, mean8, 20), q)
    decoder.finish()


def test_a_good_mean_is_cheaper_than_none() -> None:
    mean8 = np.random.default_rng(3).integers(-400, 400, 500)
    q = (mean8 + 4) >> 3
    predicted, blind = SymbolEncoder(), SymbolEncoder()
    encode_latents(predicted, q, mean8, 0)
    encode_latents(blind, q, np.zeros_like(mean8), 0)
    assert len(predicted.finish()) < len(blind.finish()) / 8
