"""The coder's words are pinned, and equal those of a ten-line ANS coder that shares nothing with constriction."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from nvcodec.entropy import SymbolDecoder, SymbolEncoder, bits, frequencies
from nvcodec.entropy.errors import (
    PayloadEmpty,
    PayloadNotConsumed,
    PayloadNotWords,
    PayloadTrailingZero,
    ShapeMismatch,
    SymbolOutOfRange,
    TableOutOfRange,
)

Pushes = list[tuple[np.ndarray, np.ndarray]]

GOLDEN_PUSHES: Pushes = [
    (
        np.array([0, 0, -1, 5, 127, -128, 1, 2, -3, 0, 40]),
        np.array([0, 0, 82, 82, 199, 199, 82, 100, 101, 3, 150]),
    ),
    (np.array([[3, -2], [1, -7]]), np.array([[90, 80], [90, 99]])),
]
GOLDEN_WORDS = (0xABB1D2B7, 0xD387CD1B, 0x0000005D)


def encode(pushes: Pushes) -> bytes:
    encoder = SymbolEncoder()
    for symbols, tables in pushes:
        encoder.push(symbols, tables)
    return encoder.finish()


def words_of(payload: bytes) -> list[int]:
    return [int(word) for word in np.frombuffer(payload, dtype="<u4")]


def plain_order(tables: np.ndarray) -> list[int]:
    flat = tables.ravel().tolist()
    return sorted(range(len(flat)), key=lambda position: (flat[position], position))


def plain_ans_encode(pushes: Pushes) -> list[int]:
    """The specification's coder, in Python integers."""
    state, words = 1, []
    for symbols, tables in reversed(pushes):
        for position in reversed(plain_order(tables)):
            freq = frequencies(int(tables.flat[position])).tolist()
            symbol = int(symbols.flat[position]) + 128
            if state >> 40 >= freq[symbol]:
                words.append(state & 0xFFFFFFFF)
                state >>= 32
            state = (state // freq[symbol] << 24) | (state % freq[symbol] + sum(freq[:symbol]))
    while state:
        words.append(state & 0xFFFFFFFF)
        state >>= 32
    return words


def plain_ans_decode(words: list[int], all_tables: list[np.ndarray]) -> tuple[list[np.ndarray], bool]:
    """The arrays that the words yield, and whether the coder is back at its start after them."""
    stack, state = list(words), 0
    for _ in range(min(2, len(stack))):
        state = state << 32 | stack.pop()
    arrays = []
    for tables in all_tables:
        out = np.zeros(tables.shape, dtype=np.int32)
        for position in plain_order(tables):
            freq = frequencies(int(tables.flat[position])).tolist()
            quantile, symbol, cumulative = state & 0xFFFFFF, 0, 0
            while cumulative + freq[symbol] <= quantile:
                cumulative += freq[symbol]
                symbol += 1
            state = (state >> 24) * freq[symbol] + quantile - cumulative
            if state < 1 << 32 and stack:
                state = state << 32 | stack.pop()
            out.flat[position] = symbol - 128
        arrays.append(out)
    return arrays, state == 1 and not stack


@st.composite
def pushes_strategy(draw: st.DrawFn) -> Pushes:
    pushes = []
    for _ in range(draw(st.integers(0, 3))):
        shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
        few_tables = draw(st.lists(st.integers(0, 199), min_size=1, max_size=4))
        pushes.append(
            (
                draw(hnp.arrays(np.int32, shape, elements=st.integers(-128, 127))),
                draw(hnp.arrays(np.int64, shape, elements=st.sampled_from(few_tables))),
            )
        )
    return pushes


def laplace_symbols(count: int, tables: np.ndarray) -> np.ndarray:
    scales = 2.0 ** (tables // 5 / 4 - 4)
    drawn = np.random.default_rng(7).laplace(tables % 5 / 8, scales, count)
    return np.clip(np.rint(drawn), -128, 127).astype(np.int32)


def test_golden_words() -> None:
    assert tuple(words_of(encode(GOLDEN_PUSHES))) == GOLDEN_WORDS


def test_golden_words_of_the_plain_coder() -> None:
    assert tuple(plain_ans_encode(GOLDEN_PUSHES)) == GOLDEN_WORDS


def test_golden_words_decode() -> None:
    payload = b"".join(word.to_bytes(4, "little") for word in GOLDEN_WORDS)
    decoder = SymbolDecoder(payload)
    plain, finished = plain_ans_decode(list(GOLDEN_WORDS), [tables for _, tables in GOLDEN_PUSHES])
    for (symbols, tables), by_plain_coder in zip(GOLDEN_PUSHES, plain, strict=True):
        assert np.array_equal(decoder.decode(tables), symbols)
        assert np.array_equal(by_plain_coder, symbols)
    decoder.finish()
    assert finished


@settings(max_examples=60)
@given(pushes_strategy())
def test_round_trip_and_equality_with_the_plain_coder(pushes: Pushes) -> None:
    payload = encode(pushes)
    assert words_of(payload) == plain_ans_encode(pushes)
    decoder = SymbolDecoder(payload)
    for symbols, tables in pushes:
        decoded = decoder.decode(tables)
        assert decoded.dtype == np.int32
        assert decoded.shape == tables.shape
        assert np.array_equal(decoded, symbols)
    decoder.finish()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=12), st.integers(0, 199), st.integers(0, 60))
def test_any_words_decode_as_the_plain_coder_does(words: list[int], table_index: int, count: int) -> None:
    words[-1] |= 1  # the last word is never 0
    tables = np.full(count, table_index)
    (expected,), finished = plain_ans_decode(words, [tables])
    decoder = SymbolDecoder(np.array(words, dtype="<u4").tobytes())
    assert np.array_equal(decoder.decode(tables), expected)
    if finished:
        decoder.finish()
    else:
        with pytest.raises(PayloadNotConsumed, match="must have state 1 and 0 words"):
            decoder.finish()


def test_many_symbols_take_close_to_their_cross_entropy() -> None:
    tables = np.random.default_rng(1).integers(40, 120, (50, 100))
    symbols = laplace_symbols(tables.shape, tables)
    payload = encode([(symbols, tables)])
    assert 0 <= 8 * len(payload) - bits(symbols, tables) < 64 + 0.0001 * bits(symbols, tables)


def test_nothing_pushed_is_the_start_state() -> None:
    assert encode([]) == b"\x01\0\0\0"
    decoder = SymbolDecoder(encode([]))
    assert decoder.decode(np.zeros((0, 3), dtype=np.int64)).shape == (0, 3)
    decoder.finish()


def test_flipped_bits_are_found_or_give_other_symbols() -> None:
    tables = np.random.default_rng(2).integers(0, 200, 400)
    symbols = laplace_symbols(400, tables)
    payload = encode([(symbols, tables)])
    for bit in range(0, 8 * len(payload), 11):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        decoder = SymbolDecoder(bytes(damaged))
        try:
            decoded = decoder.decode(tables)
            decoder.finish()
        except PayloadNotConsumed:
            continue
        assert not np.array_equal(decoded, symbols)


@pytest.mark.parametrize("removed_words", [1, 2, 20])
def test_missing_words_are_found(removed_words: int) -> None:
    """The last words lie at the stack's top, so those missing at the front are the last symbols' own."""
    tables = np.full(400, 100)
    symbols = laplace_symbols(400, tables)
    decoder = SymbolDecoder(encode([(symbols, tables)])[4 * removed_words :])
    decoded = decoder.decode(tables)
    assert np.array_equal(decoded[:100], symbols[:100])
    assert not np.array_equal(decoded, symbols)
    with pytest.raises(PayloadNotConsumed, match="state 0 and 0 words left"):
        decoder.finish()


@pytest.mark.parametrize(("extra_words", "left"), [(1, 0), (20, 18)])
def test_left_over_words_are_found(extra_words: int, left: int) -> None:
    """Up to two of them are in the state by then: while there are words, it is kept at 2 ** 32 or more."""
    decoder = SymbolDecoder(b"\x05\0\0\0" * extra_words + encode(GOLDEN_PUSHES))
    for _, tables in GOLDEN_PUSHES:
        decoder.decode(tables)
    with pytest.raises(PayloadNotConsumed, match=f" {left} words left"):
        decoder.finish()


@pytest.mark.parametrize("word", [2, 3, 1 << 31])
def test_only_the_start_state_is_finished(word: int) -> None:
    with pytest.raises(PayloadNotConsumed, match=f"state {word} and 0 words left"):
        SymbolDecoder(word.to_bytes(4, "little")).finish()


def test_symbols_past_the_end_are_found() -> None:
    decoder = SymbolDecoder(encode([]))
    decoder.decode(np.zeros(5, dtype=np.int64))
    with pytest.raises(PayloadNotConsumed, match="state 0 and 0 words left"):
        decoder.finish()


def test_no_words_are_refused() -> None:
    with pytest.raises(PayloadEmpty, match="has 0 bytes"):
        SymbolDecoder(b"")


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7])
def test_not_words(length: int) -> None:
    with pytest.raises(PayloadNotWords, match=f"has {length} bytes"):
        SymbolDecoder(b"\x01" * length)


@pytest.mark.parametrize("payload", [b"\0\0\0\0", b"\x01\0\0\0\0\0\0\0"])
def test_trailing_zero_word(payload: bytes) -> None:
    with pytest.raises(PayloadTrailingZero, match=f"at byte {len(payload) - 4}"):
        SymbolDecoder(payload)


@pytest.mark.parametrize("table_index", [-1, 264, 320])
def test_table_out_of_range(table_index: int) -> None:
    with pytest.raises(TableOutOfRange):
        SymbolDecoder(b"\x01\0\0\0").decode(np.array([table_index]))
    with pytest.raises(TableOutOfRange):
        SymbolEncoder().push(np.array([0]), np.array([table_index]))


@pytest.mark.parametrize("symbol", [-129, 128])
def test_symbol_out_of_range(symbol: int) -> None:
    with pytest.raises(SymbolOutOfRange, match=str(symbol)):
        SymbolEncoder().push(np.array([symbol]), np.array([0]))


def test_shape_mismatch() -> None:
    with pytest.raises(ShapeMismatch, match=r"\(2,\).*\(1, 2\)"):
        SymbolEncoder().push(np.array([0, 0]), np.array([[0, 0]]))


def test_push_copies() -> None:
    symbols, tables = np.array([3, -4], dtype=np.int32), np.array([80, 90], dtype=np.uint8)
    encoder = SymbolEncoder()
    encoder.push(symbols, tables)
    expected = encoder.finish()
    symbols[:], tables[:] = 0, 0
    assert encoder.finish() == expected
