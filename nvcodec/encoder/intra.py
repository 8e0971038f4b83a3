"""Which blocks of a picture with references are intra, by rate and distortion, before the residual is known.

Costs are estimated as those of choices are. How well a block can be filled in depends on which others are intra: some
blocks are tried at a time, no two of them neighbours, beside those that are already found. Nothing here is normative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvcodec.bitstream.residual_headers import DEFAULT_INTRA, INTRA_CONTEXTS
from nvcodec.encoder.choices import gathered, plane_costs
from nvcodec.encoder.named_tables import named_tables
from nvcodec.encoder.residual import binary_costs
from nvcodec.entropy import LAPLACE_COUNT, SymbolEncoder
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.choices import block_passes
from nvcodec.synthesis.intra import intra_contexts, walk_intra, with_intra
from nvcodec.synthesis.vectors import field_shape
from nvcodec.synthesis.window import mean_planes

SIZES_LOG2 = (4,)
"""Blocks that are tried."""
TRIED_APART = 2
"""Blocks that are tried at a time stand so far apart."""
ROUNDS = 2


def best_intra(
    source: Sequence[Array], window: Sequence[Sequence[Array]], lam: float, chroma_format: str, tables: Sequence[int]
) -> tuple[int, Array | None, float]:
    """(log2 of the blocks' size, whether each is intra, bits), or (0, None, 0) where none should be.

    source: planes, fine less mid-grey; window: one or two pictures' fine planes; lam: squared error, in 1/4096 of the
    sample range, per bit; tables: by context.
    """
    plain = plane_costs(source, mean_planes(window), lam)
    best, least = (0, None, 0.0), float(plain.sum())
    for log2 in SIZES_LOG2:
        found, cost, bits = _search(source, window, plain, lam, chroma_format, log2, binary_costs()[list(tables)])
        if found.any() and cost < least:
            best, least = (log2, found, bits), cost  # type: ignore[assignment]
    return best


def _search(
    source: Sequence[Array],
    window: Sequence[Sequence[Array]],
    plain: Array,
    lam: float,
    chroma_format: str,
    log2: int,
    bits: Array,
) -> tuple[Array, float, float]:
    """(whether each block is intra, cost, bits of saying so)."""
    shape = field_shape(*source[0].shape, log2)
    own = gathered(plain[None], log2, shape)[0]

    def costs(intra: Array) -> Array:
        made = with_intra(window, intra, log2, chroma_format, 0)
        return gathered(plane_costs(source, mean_planes(made), lam)[None], log2, shape)[0]

    grey = gathered(plane_costs(source, [np.zeros_like(plane) for plane in source], lam)[None], log2, shape)[0]
    intra = grey < own
    filled = np.where(intra, costs(intra), np.inf) if intra.any() else np.full(shape, np.inf)
    for row in range(TRIED_APART):
        for column in range(TRIED_APART):
            tried = np.zeros(shape, bool)
            tried[row::TRIED_APART, column::TRIED_APART] = True
            tried &= ~intra
            filled = np.where(tried, costs(intra | tried), filled)
    for _ in range(ROUNDS):
        intra, _ = _chosen(own, filled, lam, shape, bits)
        filled = np.where(intra, costs(intra), filled)
    intra, total = _chosen(own, np.where(intra, filled, np.inf), lam, shape, bits)
    cost = float(np.where(intra, costs(intra), own).sum())
    return intra, cost + lam * total, total


def _chosen(plain: Array, filled: Array, lam: float, shape: tuple[int, int], bits: Array) -> tuple[Array, float]:
    """(whether each block is intra, bits of all flags), each flag in the context of those before it."""
    known, total = np.zeros(plain.size, np.int64), 0.0
    for number, (blocks, _) in enumerate(block_passes(shape)):
        if len(blocks):
            rate = bits[intra_contexts(number, known, shape)]
            better = filled.ravel()[blocks] + lam * rate[:, 1] < plain.ravel()[blocks] + lam * rate[:, 0]
            known[blocks] = better
            total += float(np.where(better, rate[:, 1], rate[:, 0]).sum())
    return known.reshape(shape) != 0, total


class IntraCounts:
    """How often each context saw 0 and 1."""

    def __init__(self) -> None:
        self.binary = np.zeros((INTRA_CONTEXTS, 2))

    def add(self, intra: Array) -> None:
        """Count a picture's blocks (rows, columns)."""
        walk_intra(intra.shape, _Counting(intra.ravel(), self.binary))

    def tables(self) -> tuple[int, ...]:
        """The cheapest tables, where they save more than naming them takes."""
        return tuple(int(index) for index in named_tables(self.binary @ binary_costs().T, DEFAULT_INTRA))


class _Counting:
    def __init__(self, intra: Array, counts: Array):
        self.intra, self.counts = intra, counts

    def binary(self, contexts: Array, blocks: Array) -> Array:
        symbols = self.intra[blocks].astype(np.int64)
        np.add.at(self.counts, (contexts, symbols), 1)
        return symbols


class _Pushing:
    def __init__(self, intra: Array, encoder: SymbolEncoder, tables: Array):
        self.intra, self.encoder, self.tables = intra, encoder, tables

    def binary(self, contexts: Array, blocks: Array) -> Array:
        symbols = self.intra[blocks].astype(np.int64)
        self.encoder.push(symbols, self.tables[contexts])
        return symbols


def encode_intra(encoder: SymbolEncoder, intra: Array, tables: Sequence[int]) -> None:
    """Push which of a picture's blocks (rows, columns) are intra."""
    walk_intra(intra.shape, _Pushing(intra.ravel(), encoder, np.asarray(tables) + LAPLACE_COUNT))
