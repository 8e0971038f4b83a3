"""Symbols to 32-bit words and back, by constriction's ANS coder over the specification's tables.

The coder is a stack: what is pushed last is popped first. `SymbolEncoder` therefore collects arrays in decoding order
and encodes them backwards at the end, from state 1, which the decoder must come back to. Within one array the symbols
that share a table are coded together, groups in ascending table index and each group in raster (C) order, so that one
vectorised call decodes a group.
"""

from collections.abc import Iterator
from functools import cache
from types import ModuleType

import constriction
import numpy as np
import numpy.typing as npt

from nvcodec.compiled import kernels
from nvcodec.entropy.errors import PayloadEmpty, PayloadNotConsumed, PayloadNotWords, PayloadTrailingZero
from nvcodec.entropy.tables import (
    PRECISION,
    SYMBOL_MIN,
    cumulative_frequencies,
    frequencies,
    require_codable,
    require_tables,
)

WORD_BYTES = 4

# Were it 0, whatever is decoded past the end could leave a state that looks finished: 0 yields symbols for ever.
START_STATE = 1


@cache
def _model(table_index: int) -> constriction.stream.model.Categorical:
    """A table as constriction's model; `perfect` takes frequencies that sum to 2 ** 24 over without moving any."""
    return constriction.stream.model.Categorical(frequencies(table_index) / 2.0**PRECISION, perfect=True)


def _coding_order(tables: npt.NDArray[np.uint16]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint16]]:
    """Raster positions in coding order, and the table of each."""
    flat = tables.ravel()
    # A stable sort of 16-bit integers is numpy's radix sort.
    order = np.argsort(flat, kind="stable")
    return order, flat[order]


def _groups(in_order: npt.NDArray[np.uint16]) -> Iterator[tuple[int, int, int]]:
    """(table index, first, past-the-last position in coding order) of each table in use, ascending.

    in_order: the tables of all symbols, sorted.
    """
    if not in_order.size:
        return
    starts = [0, *(np.flatnonzero(in_order[1:] != in_order[:-1]) + 1).tolist()]
    yield from zip(in_order[starts].tolist(), starts, [*starts[1:], in_order.size], strict=True)


class SymbolDecoder:
    """Pops symbols from the entropy-coded part of one payload."""

    def __init__(self, words: bytes) -> None:
        """words: little-endian 32-bit words, to the payload's end, at least one.

        Raises PayloadEmpty, PayloadNotWords, PayloadTrailingZero.
        """
        if not words:
            raise PayloadEmpty("entropy-coded part has 0 bytes: must have at least one word")
        if len(words) % WORD_BYTES:
            raise PayloadNotWords(f"entropy-coded part has {len(words)} bytes: must be a multiple of {WORD_BYTES}")
        # constriction refuses the same thing by a ValueError; asking first keeps the cause apart from others.
        if not any(words[-WORD_BYTES:]):
            raise PayloadTrailingZero(
                f"entropy-coded part ends in a zero word at byte {len(words) - WORD_BYTES}: the last word must not be 0"
            )
        own = np.frombuffer(words, dtype="<u4").astype(np.uint32)
        fast = kernels()
        self._fast = None if fast is None else _CompiledDecoder(fast, own)
        if fast is None:
            self._coder = constriction.stream.stack.AnsCoder(own)

    def decode(self, tables: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """The next symbols (-128..127), one for each table index, in the same shape.

        Damaged words yield other symbols: see `finish`. Raises TableOutOfRange.
        """
        if self._fast is not None:
            return self._fast.decode(tables)
        require_tables(tables)
        order, own = _coding_order(tables.astype(np.uint16))
        in_order = np.empty(tables.size, dtype=np.int32)
        for table_index, start, stop in _groups(own):
            in_order[start:stop] = self._coder.decode(_model(table_index), stop - start)
        in_order += SYMBOL_MIN
        symbols = np.empty(tables.size, dtype=np.int32)
        symbols[order] = in_order
        return symbols.reshape(tables.shape)

    def finish(self) -> None:
        """Check that the last symbol brought the state back to exactly 1, with no words left.

        This finds words left over and nearly all that are missing or damaged; the unit's CRC guards against the rest.
        Raises PayloadNotConsumed.
        """
        words_left, state = self._coder.pos() if self._fast is None else self._fast.pos()
        if words_left or state != START_STATE:
            raise PayloadNotConsumed(
                f"coder has state {state} and {words_left} words left after the last symbol: "
                f"must have state {START_STATE} and 0 words (damaged payload)"
            )


class _CompiledDecoder:
    """What a SymbolDecoder has of constriction's, by `compiled.symbols`."""

    def __init__(self, fast: ModuleType, words: npt.NDArray[np.uint32]) -> None:
        self._kernels, self._words = fast, words
        state = 0
        first = max(0, len(words) - 2)
        for word in words[first:][::-1].tolist():
            state = state << 32 | word
        self._coder = np.array([state, first], np.uint64)

    def decode(self, tables: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        symbols = np.empty(tables.size, np.int32)
        flat = np.ascontiguousarray(tables, np.int64).ravel()
        if not self._kernels.pop(self._words, self._coder, flat, cumulative_frequencies(), symbols):
            require_tables(tables)
        symbols += SYMBOL_MIN
        return symbols.reshape(tables.shape)

    def pos(self) -> tuple[int, int]:
        state, left = self._coder.tolist()
        return left, state


class SymbolEncoder:
    """Collects symbols in the order in which they'll be decoded, and writes the words that yield them."""

    def __init__(self) -> None:
        self._pushed: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]] = []

    def push(self, symbols: npt.NDArray[np.integer], tables: npt.NDArray[np.integer]) -> None:
        """Append symbols (-128..127), each under its table; copies both. One push is one `SymbolDecoder.decode`.

        Raises ShapeMismatch, SymbolOutOfRange, TableOutOfRange.
        """
        require_codable(symbols, tables)
        self._pushed.append((symbols.astype(np.int32), tables.astype(np.uint16)))

    def finish(self) -> bytes:
        """The words of everything pushed, little-endian, ready for a payload; at least one."""
        coder = constriction.stream.stack.AnsCoder(np.array([START_STATE], dtype=np.uint32))
        for symbols, tables in reversed(self._pushed):
            order, own = _coding_order(tables)
            in_order = symbols.ravel()[order] - SYMBOL_MIN
            for table_index, start, stop in reversed(list(_groups(own))):
                coder.encode_reverse(in_order[start:stop], _model(table_index))
        words: bytes = coder.get_compressed().astype("<u4").tobytes()
        return words
