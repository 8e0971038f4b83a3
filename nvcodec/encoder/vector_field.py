"""The differences of a vector field to symbols, and the tables that code them best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from nvcodec.bitstream.headers import DEFAULT_VECTOR_SCALES
from nvcodec.encoder.named_tables import named_tables
from nvcodec.entropy import PHASE_COUNT, PRECISION, SCALE_COUNT, SymbolEncoder, frequencies
from nvcodec.entropy.latents import wrap
from nvcodec.entropy.tables import SYMBOL_COUNT, SYMBOL_MAX, SYMBOL_MIN
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.vectors import CONTEXT_COUNT, VECTOR_MAX, VECTOR_MIN, pyramid


def _passes(delta: Array, reference: int) -> Iterator[tuple[Array, Array]]:
    """Symbols and contexts of each pass, both (n rows, n columns, 2)."""
    for each in pyramid(delta.shape[:2]):
        prediction, context = each.predict(delta, reference)
        yield wrap(delta[each.nodes] - prediction), np.repeat(context[..., None], 2, -1)


def encode_differences(
    encoder: SymbolEncoder, delta: Array, reference: int, scale_index: Sequence[int] | Array
) -> None:
    """Push a field's differences (h, w, 2), which `codable` has seen; scale_index: CONTEXT_COUNT of 0..39."""
    tables = PHASE_COUNT * np.asarray(scale_index)
    for symbols, contexts in _passes(delta, reference):
        encoder.push(symbols, tables[contexts])


def difference_symbols(delta: Array, reference: int) -> tuple[Array, Array]:
    """Symbols and contexts of a field's differences (h, w, 2), in coding order, both (2 * h * w,)."""
    symbols, contexts = zip(*_passes(delta, reference), strict=True)
    return np.concatenate([part.ravel() for part in symbols]), np.concatenate([part.ravel() for part in contexts])


def symbol_counts(delta: Array, reference: int) -> Array:
    """How often each context sees each symbol (-128..127), (CONTEXT_COUNT, 256) int64; add them up over a GoP."""
    symbols, contexts = difference_symbols(delta, reference)
    flat = contexts * SYMBOL_COUNT + (symbols - SYMBOL_MIN)
    return np.bincount(flat, minlength=CONTEXT_COUNT * SYMBOL_COUNT).reshape(CONTEXT_COUNT, SYMBOL_COUNT)


@cache
def scale_costs() -> Array:
    """Bits of each symbol (-128..127) under each scale index, (SCALE_COUNT, 256)."""
    tables = np.stack([frequencies(PHASE_COUNT * index) for index in range(SCALE_COUNT)])
    return PRECISION - np.log2(tables.astype(np.float64))


def choose_scale_index(counts: Array) -> tuple[Array, float]:
    """The cheapest scale index of each context, (CONTEXT_COUNT,), for counted symbols, and the bits of them all.

    A context without symbols gets 0.
    """
    bits = counts @ scale_costs().T
    return bits.argmin(1), float(bits.min(1).sum())


def charged_scale_index(counts: Array) -> Array:
    """The same where it saves more than naming it takes, else the hybrid profile's default."""
    return named_tables(counts @ scale_costs().T, DEFAULT_VECTOR_SCALES)


def codable(field: Array, base: Array) -> Array:
    """The field, (h, w, 2) int32, moved to what can be coded over `base`.

    Then it's within the vectors' range, and every difference is at most 127 from its prediction. Nodes are clamped in
    coding order, so that each sees its true neighbours.
    """
    delta = np.clip(field, VECTOR_MIN, VECTOR_MAX) - base
    for each in pyramid(delta.shape[:2]):
        prediction, _ = each.predict(delta, 0)
        delta[each.nodes] = np.clip(delta[each.nodes], prediction - SYMBOL_MAX, prediction + SYMBOL_MAX)
    moved = (base + delta).astype(np.int32)
    # Only a base that jumps by the whole range from node to node pushes a clamped vector out of it again.
    return moved if moved.min() >= VECTOR_MIN and moved.max() <= VECTOR_MAX else base.astype(np.int32)
