"""Symbols by the kernels, against constriction's: the same ones, of whole words and of any others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from nvcodec.entropy import TABLE_COUNT, SymbolDecoder, SymbolEncoder
from nvcodec.entropy.errors import EntropyError, PayloadNotConsumed, TableOutOfRange
from nvcodec.entropy.tables import SYMBOL_MAX, SYMBOL_MIN
from nvcodec.synthesis.arrays import Array
from tests.compiled.conftest import Both, same

SHAPES = ((1,), (7,), (0,), (200,), (3, 4), (0, 3), (2, 3, 5), ())
Pushes = list[tuple[Array, Array]]


def random_pushes(random: np.random.Generator) -> Pushes:
    """Symbols of all tables and of one, likely ones and any."""
    pushes = []
    for number in range(int(random.integers(1, 12))):
        shape = SHAPES[random.integers(len(SHAPES))]
        tables = random.integers(0, TABLE_COUNT, shape if number % 3 else (), endpoint=False)
        tables = np.broadcast_to(tables, shape).copy()
        symbols = random.integers(SYMBOL_MIN, SYMBOL_MAX, shape, endpoint=True)
        if number % 2:
            symbols = np.clip(np.rint(random.laplace(0, 2.0 ** (tables // 5 / 4 - 4))), SYMBOL_MIN, SYMBOL_MAX)
        pushes.append((np.asarray(symbols).astype(np.int32), tables))
    return pushes


def encode(pushes: Pushes) -> bytes:
    encoder = SymbolEncoder()
    for symbols, tables in pushes:
        encoder.push(symbols, tables)
    return encoder.finish()


def decode(words: bytes, all_tables: Sequence[Array]) -> tuple[list[Array], str]:
    """The arrays that words yield, and what `finish` says after them."""
    decoder = SymbolDecoder(words)
    found = [decoder.decode(tables) for tables in all_tables]
    try:
        decoder.finish()
    except PayloadNotConsumed as error:
        return found, str(error)
    return found, ""


def assert_equal_decodes(both: Both, words: bytes, all_tables: Sequence[Array]) -> tuple[list[Array], str]:
    (by_constriction, said), (by_kernels, said_too) = both(decode, words, all_tables)
    assert said == said_too
    assert all(same(a, b) for a, b in zip(by_constriction, by_kernels, strict=True))
    return by_kernels, said


@pytest.mark.parametrize("seed", range(20))
def test_round_trips_and_damage(seed: int, both: Both) -> None:
    """Whole words, then words cut at either end, words too many, and flipped bits."""
    random = np.random.default_rng(seed)
    pushes = random_pushes(random)
    words, tables = encode(pushes), [tables for _, tables in pushes]
    found, said = assert_equal_decodes(both, words, tables)
    assert said == ""
    assert all(np.array_equal(own, symbols) for own, (symbols, _) in zip(found, pushes, strict=True))
    changed = [words[4:], words[4 * (len(words) // 8) :], words[:-4], b"\x05\0\0\0" + words, words * 2]
    for _ in range(20):
        damaged = bytearray(words)
        damaged[random.integers(len(words))] ^= 1 << int(random.integers(8))
        changed.append(bytes(damaged))
    for own in changed:
        if own and any(own[-4:]):
            assert_equal_decodes(both, own, tables)


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_any_words(count: int, both: Both) -> None:
    """Few words are exhausted soon; one or two are the first state alone."""
    random = np.random.default_rng(count)
    for number in range(30):
        words = random.integers(0, 1 << 32, count, dtype=np.uint32)
        words[-1] = (words[-1] | 1, 1, 1 << 31, (1 << 32) - 1)[number % 4]
        tables = [random.integers(0, TABLE_COUNT, 50), np.full(30, random.integers(TABLE_COUNT))]
        assert_equal_decodes(both, words.astype("<u4").tobytes(), tables)
        assert_equal_decodes(both, words.astype("<u4").tobytes(), [])


def test_every_symbol_of_every_table(both: Both) -> None:
    tables, symbols = np.indices((TABLE_COUNT, SYMBOL_MAX - SYMBOL_MIN + 1))
    symbols += SYMBOL_MIN
    (found,), said = assert_equal_decodes(both, encode([(symbols, tables)]), [tables])
    assert np.array_equal(found, symbols)
    assert said == ""


def test_the_state_runs_to_zero(both: Both) -> None:
    """Many symbols after the end: from there on each table's first one."""
    assert_equal_decodes(both, b"\x01\0\0\0", [np.arange(TABLE_COUNT), np.full(100, 263), np.zeros(100, np.int64)])


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_tables_of_any_integer_type_and_order(kind: type[np.integer], both: Both) -> None:
    """Transposed, in steps, backwards, broadcast and read-only ones."""
    random = np.random.default_rng(0)
    own = random.integers(0, min(TABLE_COUNT, np.iinfo(kind).max + 1), (12, 10)).astype(kind)
    locked = own.copy()
    locked.setflags(write=False)
    several = [own.T, own[::2, 1::3], own[::-1], np.broadcast_to(own[0], (4, 10)), np.asfortranarray(own), locked]
    words = random.integers(1, 1 << 32, 90, dtype=np.uint32).astype("<u4").tobytes()
    found, _ = assert_equal_decodes(both, words, several)
    assert [array.shape for array in found] == [tables.shape for tables in several]


def test_nothing_is_asked(both: Both) -> None:
    for shape in ((0,), (0, 4), (3, 0, 2)):
        for kind in (np.int64, np.uint16, np.float64):
            (found,), said = assert_equal_decodes(both, b"\x01\0\0\0", [np.zeros(shape, kind)])
            assert found.shape == shape
            assert said == ""


@pytest.mark.parametrize("wrong", [-1, TABLE_COUNT, TABLE_COUNT + 1, 1 << 16, 1 << 32, -(1 << 63), (1 << 63) - 1])
def test_a_table_that_there_is_not(wrong: int, both: Both) -> None:
    """Is refused in the same words, and what follows is decoded as if it had not been asked."""
    words = encode([(np.arange(-8, 8), np.full(16, 90))])

    def refused() -> tuple[str, Array]:
        decoder = SymbolDecoder(words)
        with pytest.raises(TableOutOfRange) as caught:
            decoder.decode(np.array([[3, 90], [wrong, 4]]))
        symbols = decoder.decode(np.full(16, 90))
        decoder.finish()
        return str(caught.value), symbols

    by_constriction, by_kernels = both(refused)
    assert by_constriction[0] == by_kernels[0]
    assert same(by_constriction[1], by_kernels[1])
    assert by_kernels[1].tolist() == list(range(-8, 8))


def test_an_unsigned_table_beyond_64_bits_of_sign(both: Both) -> None:
    def refused() -> str:
        with pytest.raises(TableOutOfRange) as caught:
            SymbolDecoder(b"\x01\0\0\0").decode(np.array([0, (1 << 64) - 1], np.uint64))
        return str(caught.value)

    assert len(set(both(refused))) == 1


@pytest.mark.parametrize("words", [b"", b"\x01", b"\x01" * 7, b"\0\0\0\0", b"\x01\0\0\0\0\0\0\0"])
def test_words_that_are_refused(words: bytes, both: Both) -> None:
    def refused() -> tuple[type[EntropyError], str]:
        with pytest.raises(EntropyError) as caught:
            SymbolDecoder(words)
        return caught.type, str(caught.value)

    assert len(set(both(refused))) == 1
