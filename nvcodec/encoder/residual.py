"""Residuals by rate and distortion: which integer level each transform coefficient gets, and what that costs.

Contexts depend on what is coded around them, so levels and contexts are found by turns: with the contexts as they
stand each coefficient takes the cheapest of zero, its floor and its ceiling, then each block's band is dropped where
that is cheaper still. The bits are those of the tables that a segment's counts so far would choose.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import LevelTables
from nvcodec.bitstream.default_tables import DEFAULT_TABLES
from nvcodec.bitstream.residual_headers import BINARY_CONTEXTS, RESIDUAL_LEVELS, VALUE_CONTEXTS, Tables
from nvcodec.decoder.residual import binary_tables, value_symbols, value_tables
from nvcodec.encoder.named_tables import named_tables
from nvcodec.entropy import LAPLACE_COUNT, PRECISION, SCALE_COUNT, SymbolEncoder, frequencies
from nvcodec.entropy.tables import BINARY_COUNT, SYMBOL_MIN
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.coefficients import band, flag_contexts, significance_contexts, value_classes, walk
from nvcodec.synthesis.transform import COEFFICIENTS, quantisation_step

ROUNDS = 3
FIRST_ROUNDING = 0.33
"""What is added to a magnitude before it is floored, at first."""
LARGEST_LEVEL = 127
PRIOR = 24.0
"""How many symbols of a context the default tables stand for."""


@cache
def binary_costs() -> Array:
    """(tables of two symbols, 2): bits of 0 and 1."""
    ones = [frequencies(LAPLACE_COUNT + j)[[-SYMBOL_MIN, 1 - SYMBOL_MIN]] for j in range(BINARY_COUNT)]
    costs: Array = PRECISION - np.log2(np.array(ones, np.float64))
    return costs


@cache
def _value_costs() -> Array:
    """(scales, LARGEST_LEVEL + 1) bits of a value by its magnitude; of 0, which no value has, 0."""
    rows = []
    for scale in range(SCALE_COUNT):
        table = value_tables(np.zeros(1, np.int64), LevelTables((), (scale,)))[0]
        costs = PRECISION - np.log2(frequencies(int(table)).astype(np.float64))
        rows.append(np.concatenate([[0.0], costs[1 - SYMBOL_MIN :]]))
    return np.stack(rows)


@dataclass
class Counts:
    """How often each context of a level saw each symbol, for one set and kind of plane."""

    level: int
    binary: Array = field(init=False)
    value: Array = field(init=False)

    def __post_init__(self) -> None:
        self.binary = np.zeros((BINARY_CONTEXTS[self.level], 2))
        self.value = np.zeros((VALUE_CONTEXTS, LARGEST_LEVEL + 1))

    def choose(self, default: LevelTables, charged: bool) -> LevelTables:
        """The cheapest tables; charged: only where they save more than naming them takes."""
        return LevelTables(
            _cheapest(self.binary, binary_costs(), default.binary, charged),
            _cheapest(self.value, _value_costs(), default.value, charged),
        )


def _cheapest(counts: Array, costs: Array, default: tuple[int, ...], charged: bool) -> tuple[int, ...]:
    bits = counts @ costs.T  # (contexts, tables)
    if charged:
        best = named_tables(bits, default)
    else:
        # few symbols shall not pick an extreme table: the default's symbols count, too
        expected = 2.0 ** -costs[np.array(default)]
        best = (bits + PRIOR * (expected / expected.sum(1, keepdims=True)) @ costs.T).argmin(1)
    return tuple(int(index) for index in best)


class ResidualCounts:
    """Counts of a whole segment: by set, kind and level."""

    def __init__(self) -> None:
        self.counts = [[[Counts(level) for level in range(RESIDUAL_LEVELS)] for _ in own] for own in DEFAULT_TABLES]

    def add(self, number: int, kind: int, shape: tuple[int, int], levels: Array) -> None:
        """Count a plane's symbols; of bands without coefficients the file has none. levels: (64, blocks)."""
        known = np.zeros_like(levels)
        for level in reversed(range(RESIDUAL_LEVELS)):
            if levels[band(level)].any():
                walk(level, shape, known, _Counting(levels, level, self.counts[number][kind][level]))

    def merge(self, other: ResidualCounts) -> None:
        """Add another segment's counts."""
        for kinds, their_kinds in zip(self.counts, other.counts, strict=True):
            for own, theirs in zip(kinds, their_kinds, strict=True):
                for counts, more in zip(own, theirs, strict=True):
                    counts.binary += more.binary
                    counts.value += more.value

    def state(self) -> list[list[list[tuple[Tensor, Tensor]]]]:
        """As tensors, for a checkpoint."""
        return [
            [[(torch.from_numpy(c.binary.copy()), torch.from_numpy(c.value.copy())) for c in own] for own in kinds]
            for kinds in self.counts
        ]

    def load(self, state: list[list[list[tuple[Tensor, Tensor]]]]) -> None:
        for kinds, kept_kinds in zip(self.counts, state, strict=True):
            for own, kept in zip(kinds, kept_kinds, strict=True):
                for counts, (binary, value) in zip(own, kept, strict=True):
                    counts.binary, counts.value = binary.numpy().copy(), value.numpy().copy()

    def tables(self, *, charged: bool) -> Tables:
        """The cheapest tables for what was counted; charged: for the file, else for estimates."""
        return tuple(
            tuple(
                tuple(counts.choose(default[level], charged) for level, counts in enumerate(own))
                for own, default in zip(kinds, defaults, strict=True)
            )
            for kinds, defaults in zip(self.counts, DEFAULT_TABLES, strict=True)
        )


class _Truth:
    """Answers of a plane's levels as they are."""

    def __init__(self, levels: Array, level: int):
        self.levels, self.level = levels, level

    def _binary(self, frequencies: Array | None, blocks: Array) -> Array:
        if frequencies is None:
            return (self.levels[band(self.level)][:, blocks] != 0).any(0).astype(np.int64)
        return (self.levels[frequencies, blocks] != 0).astype(np.int64)


class _Counting(_Truth):
    def __init__(self, levels: Array, level: int, counts: Counts):
        super().__init__(levels, level)
        self.counts = counts

    def binary(self, contexts: Array, frequencies: Array | None, blocks: Array) -> Array:
        symbols = self._binary(frequencies, blocks)
        size = self.counts.binary.shape
        self.counts.binary += np.bincount((2 * contexts + symbols).ravel(), minlength=size[0] * 2).reshape(size)
        return symbols

    def value(self, contexts: Array, frequencies: Array, blocks: Array) -> Array:
        values: Array = self.levels[frequencies, blocks]
        np.add.at(self.counts.value, (contexts, np.abs(values)), 1)
        return values


class _Pushing(_Truth):
    def __init__(self, levels: Array, level: int, encoder: SymbolEncoder, tables: LevelTables):
        super().__init__(levels, level)
        self.encoder, self.tables = encoder, tables

    def binary(self, contexts: Array, frequencies: Array | None, blocks: Array) -> Array:
        symbols = self._binary(frequencies, blocks)
        self.encoder.push(symbols, binary_tables(contexts, self.tables))
        return symbols

    def value(self, contexts: Array, frequencies: Array, blocks: Array) -> Array:
        values: Array = self.levels[frequencies, blocks]
        self.encoder.push(value_symbols(values), value_tables(contexts, self.tables))
        return values


def encode_band(encoder: SymbolEncoder, level: int, shape: tuple[int, int], levels: Array, tables: LevelTables) -> None:
    """Push a plane's coefficients of one level; shape: blocks (rows, columns); levels: (64, blocks)."""
    known = np.zeros_like(levels)
    for coarser in range(level + 1, RESIDUAL_LEVELS):
        known[band(coarser)] = levels[band(coarser)]
    walk(level, shape, known, _Pushing(levels, level, encoder, tables))


@cache
def _level_of() -> Array:
    """(64,) the level that carries each frequency."""
    found = np.zeros(COEFFICIENTS, np.int64)
    for level in range(RESIDUAL_LEVELS):
        found[band(level)] = level
    return found


class Quantiser:
    """Chooses a plane's integer levels."""

    def __init__(self, tables: tuple[LevelTables, ...], shape: tuple[int, int]):
        """tables: by level, of the plane's set and kind; shape: blocks (rows, columns)."""
        self.shape = shape
        self.binary = [binary_costs()[list(own.binary)] for own in tables]
        self.value = [_value_costs()[list(own.value)] for own in tables]

    def quantise(self, coefficients: Array, qp: int, lam: float | Array) -> tuple[Array, float]:
        """(levels (64, blocks) int32, bits) of real coefficients (64, blocks).

        lam: squared error, in 1/4096 of the sample range, per bit: of all blocks, or of each (blocks,).
        """
        step = quantisation_step(qp)
        scaled = coefficients / step
        levels = np.zeros(scaled.shape, np.int32)
        magnitude = np.abs(scaled)
        active = np.flatnonzero(magnitude.max(0) > 0.5)
        if not len(active):
            return levels, 0.0
        own = magnitude[:, active]
        floor = np.minimum(np.floor(own), LARGEST_LEVEL - 1).astype(np.int64)
        chosen = np.minimum(np.floor(own + FIRST_ROUNDING), LARGEST_LEVEL).astype(np.int64)
        weight = np.broadcast_to(step * step / np.asarray(lam), scaled.shape[1:])[active]
        bits = 0.0
        for _ in range(ROUNDS):
            levels[:, active] = chosen
            chosen, bits = self._improve(own, floor, levels, active, weight)
        levels[:, active] = np.where(scaled[:, active] < 0, -chosen, chosen)
        return levels, bits

    def _improve(self, own: Array, floor: Array, levels: Array, active: Array, weight: Array) -> tuple[Array, float]:
        """(magnitudes, bits) of the active blocks, given all blocks' magnitudes as they stand.

        A band is left to zeros where it saves less than the flags of all blocks take: then the file has none of it.
        """
        chosen = np.zeros_like(floor)
        here, total = levels[:, active], 0.0
        for level in range(RESIDUAL_LEVELS):
            contexts, neighbours = flag_contexts(level, self.shape, levels)
            flag = self.binary[level][contexts]
            flags_of_zeros = float(flag[:, 0].sum())
            flag = flag[active]
            frequencies = band(level)
            values = self.value[level][value_classes(level, here, neighbours[active])]  # (active, magnitudes)
            rows = np.arange(len(active))
            if level < RESIDUAL_LEVELS - 1:
                significance = self.binary[level][significance_contexts(level, frequencies, here != 0)]
                zero, other = significance[..., 0], significance[..., 1]
            else:
                zero = other = np.zeros((1, len(active)))
            target, low = own[frequencies], floor[frequencies]
            costs = [weight * target**2 + zero]
            for magnitude in (low, low + 1):
                cost = weight * (target - magnitude) ** 2 + other + values[rows, magnitude]
                costs.append(np.where(magnitude > 0, cost, np.inf))
            best = np.argmin(costs, 0)
            band_levels = np.where(best == 0, 0, low + best - 1)
            coded = np.min(costs, 0).sum(0) + flag[:, 1]
            empty = (weight * target**2).sum(0) + flag[:, 0]
            keep = (coded < empty) & (band_levels > 0).any(0)
            if np.where(keep, empty - coded, 0).sum() <= flags_of_zeros:
                continue
            chosen[frequencies] = np.where(keep, band_levels, 0)
            spent = np.where(best == 0, zero, other + values[rows, np.where(best == 0, 0, band_levels)]).sum(0)
            total += flags_of_zeros + float(np.where(keep, spent + flag[:, 1] - flag[:, 0], 0).sum())
        return chosen, total
