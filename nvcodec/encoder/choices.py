"""Which reference each block is predicted from, by rate and distortion, before the residual is known.

What a block's prediction will cost is estimated from its transform: coefficients that are too small to be coded cost
their squared error, larger ones about their bits. Nothing here is normative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvcodec.bitstream.residual_headers import CHOICE_CONTEXTS, DEFAULT_CHOICE
from nvcodec.encoder.named_tables import named_tables
from nvcodec.encoder.residual import binary_costs
from nvcodec.entropy import LAPLACE_COUNT, SymbolEncoder
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.choices import FIRST, MEAN, SECOND, choice_contexts, choice_passes, walk_choices
from nvcodec.synthesis.transform import BLOCK_LOG2, block_shape, forward
from nvcodec.synthesis.vectors import field_shape
from nvcodec.synthesis.window import mean_planes

SIZES_LOG2 = (3, 4, 5)
"""Blocks that are tried."""
CODED_ABOVE = 6.0
"""Lambdas of squared error from which on a coefficient is likely to be coded."""
ROUNDS = 2


def block_costs(source: Sequence[Array], window: Sequence[Sequence[Array]], lam: float) -> Array:
    """(3, rows, columns): what predicting each 8x8 block of luma, with its chroma, from MEAN, FIRST or SECOND may cost.

    source: planes, fine less mid-grey; window: two pictures' fine planes; lam: squared error, in 1/4096 of the sample
    range, per bit.
    """
    predictions = [mean_planes(window), *(mean_planes([planes]) for planes in window)]
    return np.stack([plane_costs(source, prediction, lam) for prediction in predictions])


def plane_costs(source: Sequence[Array], prediction: Sequence[Array], lam: float) -> Array:
    """(rows, columns): what each 8x8 block of luma, with its chroma, may cost; both fine less mid-grey."""
    rows, columns = block_shape(*source[0].shape)
    total = np.zeros((rows, columns))
    for plane, predicted in zip(source, prediction, strict=True):
        energy = forward(plane - predicted) ** 2
        limit = CODED_ABOVE * lam
        cost = np.where(energy < limit, energy, limit + lam * np.log2(np.maximum(energy, limit) / limit)).sum(0)
        own = block_shape(*plane.shape)
        down, across = (-(-whole // part) for whole, part in zip((rows, columns), own, strict=True))
        spread = np.repeat(np.repeat(cost.reshape(own), down, 0), across, 1)[:rows, :columns]
        total += spread / (down * across)
    return total


def choice_cost(costs: Array, lam: float, size: tuple[int, int], tables: Sequence[int]) -> float:
    """What a picture costs with the best choices, theirs included; arguments as for `best_choices`."""
    return _cheapest(costs, lam, size, tables)[0]


def best_choices(costs: Array, lam: float, size: tuple[int, int], tables: Sequence[int]) -> tuple[int, Array | None]:
    """(log2 of the blocks' size, choices), or (0, None) where the mean everywhere costs least.

    costs: as `block_costs`; size: (height, width) of luma.
    """
    return _cheapest(costs, lam, size, tables)[1]


def _cheapest(
    costs: Array, lam: float, size: tuple[int, int], tables: Sequence[int]
) -> tuple[float, tuple[int, Array | None]]:
    """(cost, choices) as `best_choices` has them."""
    bits = binary_costs()[list(tables)]
    best, found = float(costs[MEAN].sum()), (0, None)
    for log2 in SIZES_LOG2:
        shape = field_shape(*size, log2)
        own = gathered(costs, log2, shape).reshape(3, -1)
        choices, total = _chosen(own, lam, shape, bits)
        if total < best:
            best, found = total, (log2, choices.reshape(shape))  # type: ignore[assignment]
    return best, found


def gathered(costs: Array, log2: int, shape: tuple[int, int]) -> Array:
    """(n, rows, columns) costs of 8x8 blocks added up to larger ones, `shape` of them."""
    step = 1 << (log2 - BLOCK_LOG2)
    rows, columns = shape[0] * step - costs.shape[1], shape[1] * step - costs.shape[2]
    padded = np.pad(costs, ((0, 0), (0, rows), (0, columns)))
    return np.asarray(padded.reshape(len(costs), shape[0], step, shape[1], step).sum((2, 4)))


def _chosen(costs: Array, lam: float, shape: tuple[int, int], bits: Array) -> tuple[Array, float]:
    """Choices (blocks,) and their cost, bits included. Contexts are those of the choices as they stand."""
    choices = costs.argmin(0)
    for _ in range(ROUNDS):
        known, total = np.zeros_like(choices), 0.0
        for number, blocks in enumerate(choice_passes(shape)):
            if not len(blocks):
                continue
            contexts, which = choice_contexts(number, known, shape)
            rate = np.stack([bits[contexts, 0], bits[contexts, 1] + bits[which, 0], bits[contexts, 1] + bits[which, 1]])
            own = costs[:, blocks] + lam * rate
            known[blocks] = own.argmin(0)
            total += float(own.min(0).sum())
        choices = known
    return choices, total


class ChoiceCounts:
    """How often each context of the choices saw 0 and 1."""

    def __init__(self) -> None:
        self.binary = np.zeros((CHOICE_CONTEXTS, 2))

    def add(self, choices: Array) -> None:
        """Count a picture's choices (rows, columns)."""
        walk_choices(choices.shape, _Counting(choices.ravel(), self.binary))

    def tables(self) -> tuple[int, ...]:
        """The cheapest tables, where they save more than naming them takes."""
        return tuple(int(index) for index in named_tables(self.binary @ binary_costs().T, DEFAULT_CHOICE))


class _Counting:
    def __init__(self, choices: Array, counts: Array):
        self.choices, self.counts = choices, counts

    def binary(self, contexts: Array, blocks: Array, which: bool) -> Array:
        symbols = _symbols(self.choices, blocks, which)
        np.add.at(self.counts, (contexts, symbols), 1)
        return symbols


class _Pushing:
    def __init__(self, choices: Array, encoder: SymbolEncoder, tables: Array):
        self.choices, self.encoder, self.tables = choices, encoder, tables

    def binary(self, contexts: Array, blocks: Array, which: bool) -> Array:
        symbols = _symbols(self.choices, blocks, which)
        self.encoder.push(symbols, self.tables[contexts])
        return symbols


def _symbols(choices: Array, blocks: Array, which: bool) -> Array:
    own = choices[blocks]
    return np.asarray(own == SECOND if which else own >= FIRST, np.int64)


def encode_choices(encoder: SymbolEncoder, choices: Array, tables: Sequence[int]) -> None:
    """Push a picture's choices (rows, columns)."""
    walk_choices(choices.shape, _Pushing(choices.ravel(), encoder, np.asarray(tables) + LAPLACE_COUNT))
