"""Residuals by rate and distortion: which integer level each transform coefficient gets, and what that costs.

Bands are chosen from coarse to fine, flags in the order of coding; contexts that depend on coefficients of the same
band are found by turns with it: as they stand each coefficient takes the cheapest of zero, its floor and its ceiling,
then each block's band is dropped where that is cheaper still. The bits are those of the tables that a segment's counts
so far would choose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import LevelTables
from nvcodec.bitstream.default_tables import DEFAULT_TABLES
from nvcodec.bitstream.residual_headers import BINARY_CONTEXTS, RESIDUAL_LEVELS, TABLE_BITS, VALUE_CONTEXTS, Tables
from nvcodec.decoder.residual import HALF_PHASE, binary_tables, value_mean8, value_symbols, value_tables
from nvcodec.encoder.named_tables import named_tables
from nvcodec.entropy import LAPLACE_COUNT, PHASE_COUNT, SCALE_COUNT, SymbolEncoder
from nvcodec.entropy.latents import encode_residual, split_mean, wrap
from nvcodec.entropy.tables import SYMBOL_COUNT, SYMBOL_MIN, costs_bits
from nvcodec.synthesis import coefficients
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.coefficients import band, walk
from nvcodec.synthesis.transform import quantisation_step

ROUNDS = 3
FIRST_ROUNDING = 0.33
"""What is added to a magnitude before it is floored, at first."""
LARGEST_LEVEL = 127
PRIOR = 24.0
"""How many symbols of a context the default tables stand for."""


@cache
def binary_costs() -> Array:
    """(tables of two symbols, 2): bits of 0 and 1."""
    costs: Array = costs_bits()[LAPLACE_COUNT:, -SYMBOL_MIN : 2 - SYMBOL_MIN]
    return costs


@cache
def _value_costs() -> Array:
    """(scales, phases, 256): bits of each symbol -128..127."""
    costs: Array = costs_bits()[:LAPLACE_COUNT].reshape(SCALE_COUNT, PHASE_COUNT, SYMBOL_COUNT)
    return costs


def _phases_and_symbols(values: Array, near8: Array | None) -> tuple[Array, Array]:
    """How values, none of them 0, are coded: the phases of their tables, and their symbols."""
    symbols = value_symbols(values)
    if near8 is None:
        return np.full_like(symbols, HALF_PHASE), symbols
    mean8 = value_mean8(near8)
    return split_mean(mean8)[2], encode_residual(symbols, mean8)


@dataclass
class Counts:
    """How often each context of a level saw each symbol, for one set and kind of plane."""

    level: int
    binary: Array = field(init=False)
    value: Array = field(init=False)

    def __post_init__(self) -> None:
        self.binary = np.zeros((BINARY_CONTEXTS[self.level], 2))
        self.value = np.zeros((VALUE_CONTEXTS[self.level], PHASE_COUNT, SYMBOL_COUNT), np.int32)

    def choose(self, default: LevelTables, charged: bool) -> LevelTables:
        """The cheapest tables; charged: only where they save more than naming them takes."""
        values = self.value.reshape(len(self.value), -1).astype(np.float64)
        found = (
            _cheapest(self.binary, binary_costs(), default.binary, charged),
            _cheapest(values, _value_costs().reshape(SCALE_COUNT, -1), default.value, charged),
        )
        if not charged:
            return LevelTables(found[0], found[1])
        return self._charged(default, LevelTables(found[0], found[1]))

    def _charged(self, default: LevelTables, found: LevelTables) -> LevelTables:
        """The tables found if they save more than what a level with any of its own takes, else the default ones."""
        saved, named = 0.0, 0
        for counts, costs, old, new in (
            (self.binary, binary_costs(), default.binary, found.binary),
            (self.value, _value_costs(), default.value, found.value),
        ):
            for own, before, after in zip(counts, old, new, strict=True):
                saved += float((own * (costs[before] - costs[after])).sum())
                named += before != after
        return found if saved > len(found.binary) + len(found.value) + TABLE_BITS * named else default


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

    def value(self, contexts: Array, frequencies: Array, blocks: Array, near8: Array | None = None) -> Array:
        values: Array = self.levels[frequencies, blocks]
        phases, symbols = _phases_and_symbols(values, near8)
        np.add.at(self.counts.value, (contexts, phases, symbols - SYMBOL_MIN), 1)
        return values


class _Pushing(_Truth):
    def __init__(self, levels: Array, level: int, encoder: SymbolEncoder, tables: LevelTables):
        super().__init__(levels, level)
        self.encoder, self.tables = encoder, tables

    def binary(self, contexts: Array, frequencies: Array | None, blocks: Array) -> Array:
        symbols = self._binary(frequencies, blocks)
        self.encoder.push(symbols, binary_tables(contexts, self.tables))
        return symbols

    def value(self, contexts: Array, frequencies: Array, blocks: Array, near8: Array | None = None) -> Array:
        values: Array = self.levels[frequencies, blocks]
        self.encoder.push(_phases_and_symbols(values, near8)[1], value_tables(contexts, self.tables, near8))
        return values


def encode_band(encoder: SymbolEncoder, level: int, shape: tuple[int, int], levels: Array, tables: LevelTables) -> None:
    """Push a plane's coefficients of one level; shape: blocks (rows, columns); levels: (64, blocks)."""
    known = np.zeros_like(levels)
    for coarser in range(level + 1, RESIDUAL_LEVELS):
        known[band(coarser)] = levels[band(coarser)]
    walk(level, shape, known, _Pushing(levels, level, encoder, tables))


@dataclass(frozen=True)
class _Values:
    """What values cost, by context and by what they are near."""

    costs: Array
    """(contexts, phases, 256) bits of symbols."""
    contexts: Array
    mean8: Array | None = None
    """Of closed-up values, in eighths; None where nothing is known of them."""

    def bits(self, values: Array) -> Array:
        """Of values, none of them 0."""
        closed = value_symbols(values)
        if self.mean8 is None:
            return self.costs[self.contexts, HALF_PHASE, closed - SYMBOL_MIN]
        integer, sign, phase = split_mean(self.mean8)
        found: Array = self.costs[self.contexts, phase, wrap(sign * (closed - integer)) - SYMBOL_MIN]
        return found


@dataclass(frozen=True)
class _Choice:
    """What serves coefficients best if their blocks have any, and what that costs."""

    levels: Array
    cost: Array
    """Weighed squared error and bits."""
    bits: Array

    @classmethod
    def of(cls, target: Array, weight: Array, zero: Array, other: Array, values: Sequence[_Values]) -> _Choice:
        """target: coefficients (n, blocks) in steps; weight: bits per squared step, by block; zero, other: bits of
        saying whether they are 0; values: of each row."""
        magnitude, sign = np.abs(target), np.where(target < 0, -1, 1)
        low = np.minimum(np.floor(magnitude), LARGEST_LEVEL - 1).astype(np.int64)
        costs = [weight * magnitude**2 + zero]
        spent = [np.broadcast_to(zero, target.shape)]
        for candidate in (low, low + 1):
            own = [each.bits(sign[k] * np.maximum(candidate[k], 1)) for k, each in enumerate(values)]
            spent.append(other + np.stack(own))
            cost = weight * (magnitude - candidate) ** 2 + spent[-1]
            costs.append(np.where(candidate > 0, cost, np.inf))
        best = np.argmin(costs, 0)
        levels = np.where(best == 0, 0, sign * (low + best - 1))
        return cls(levels, np.min(costs, 0), np.choose(best, spent))


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
        own = scaled[:, active]
        first = np.minimum(np.floor(magnitude[:, active] + FIRST_ROUNDING), LARGEST_LEVEL)
        levels[:, active] = np.copysign(first, own)
        weight = np.broadcast_to(step * step / np.asarray(lam), scaled.shape[1:])[active]
        bits = 0.0
        for _ in range(ROUNDS):
            bits = self._lowest(own[0], levels, active, weight)
            for level in reversed(range(RESIDUAL_LEVELS - 1)):
                bits += self._band(level, own, levels, active, weight)
        return levels, bits

    def _lowest(self, target: Array, levels: Array, active: Array, weight: Array) -> float:
        """Choose level 3 of the active blocks in the order of coding, which is that of its contexts; returns its bits.

        A band is left to zeros where that is cheaper: then the file has no flags of it.
        """
        level = RESIDUAL_LEVELS - 1
        values = np.zeros(levels.shape[1] + 1, np.int64)
        place = np.full(levels.shape[1], -1)
        place[active] = np.arange(len(active))
        cost = bits = 0.0
        for own in coefficients.lowest_passes(self.shape):
            flag, context, near8 = coefficients.lowest_contexts(own, values)
            flags = self.binary[level][flag]
            here = np.flatnonzero(place[own.blocks] >= 0)
            at = place[own.blocks[here]]
            what = _Values(self.value[level], context[here], value_mean8(near8[here]))
            nothing = np.zeros(len(here))
            chosen = _Choice.of(target[at][None], weight[at], nothing + np.inf, flags[here, 1], [what])
            empty = weight[at] * target[at] ** 2 + flags[here, 0]
            keep = chosen.cost[0] < empty
            values[own.blocks[here]] = np.where(keep, chosen.levels[0], 0)
            idle = float(flags[:, 0].sum() - flags[here, 0].sum())
            cost += idle + float(np.where(keep, chosen.cost[0], empty).sum())
            bits += idle + float(np.where(keep, chosen.bits[0], flags[here, 0]).sum())
        if cost >= float((weight * target**2).sum()):
            levels[0] = 0
            return 0.0
        levels[0] = values[:-1]
        return bits

    def _band(self, level: int, own: Array, levels: Array, active: Array, weight: Array) -> float:
        """The same of another level: the significance of coefficients of the same block is as it stood before."""
        frequencies, here = band(level), levels[:, active]
        if level == RESIDUAL_LEVELS - 2:
            chosen, contexts = self._slopes(own[frequencies], levels, here, active, weight)
        else:
            chosen, contexts = self._upper(level, own[frequencies], levels, here, weight)
        coded, any_level = chosen.cost.sum(0), (chosen.levels != 0).any(0)
        empty = (weight * own[frequencies] ** 2).sum(0)
        place = np.full(levels.shape[1], -1)
        place[active] = np.arange(len(active))
        flags, near = np.zeros(levels.shape[1], np.int64), None
        cost = bits = 0.0
        for blocks in coefficients.parities(self.shape):
            rate = self.binary[level][contexts(blocks, None if near is None else near[blocks])]
            mine = np.flatnonzero(place[blocks] >= 0)
            at = place[blocks[mine]]
            keep = any_level[at] & (coded[at] + rate[mine, 1] < empty[at] + rate[mine, 0])
            flags[blocks[mine]] = keep
            near = coefficients.around(flags, self.shape)
            idle = float(rate[:, 0].sum() - rate[mine, 0].sum())
            cost += idle + float(np.where(keep, coded[at] + rate[mine, 1], empty[at] + rate[mine, 0]).sum())
            bits += idle + float(np.where(keep, chosen.bits.sum(0)[at] + rate[mine, 1], rate[mine, 0]).sum())
        if cost >= float(empty.sum()):
            levels[frequencies] = 0
            return 0.0
        levels[frequencies[:, None], active] = np.where(flags[active] != 0, chosen.levels, 0)
        return bits

    def _slopes(
        self, target: Array, levels: Array, here: Array, active: Array, weight: Array
    ) -> tuple[_Choice, _Contexts]:
        level, binary = RESIDUAL_LEVELS - 2, self.binary[RESIDUAL_LEVELS - 2]
        slope = coefficients.slopes(self.shape, levels[0])
        classes = coefficients.slope_flag_classes(slope, levels[0])
        own = slope[:, active]
        corner = coefficients.corner_significance_contexts(here != 0)
        significance = binary[np.concatenate([coefficients.slope_significance_contexts(own), corner[None]])]
        contexts, mean8 = coefficients.slope_value_contexts(own), value_mean8(coefficients.slope_near8(own))
        values = [_Values(self.value[level], contexts[k], mean8[k]) for k in range(len(own))]
        values.append(_Values(self.value[level], coefficients.corner_value_contexts(here)))
        chosen = _Choice.of(target, weight, significance[..., 0], significance[..., 1], values)
        return chosen, lambda blocks, near: coefficients.slope_flag_contexts(classes[blocks], near)

    def _upper(self, level: int, target: Array, levels: Array, here: Array, weight: Array) -> tuple[_Choice, _Contexts]:
        frequencies = band(level)
        own, around = coefficients.upper_flag_classes(level, self.shape, levels)
        contexts = coefficients.upper_significance_contexts(level, frequencies, here != 0)
        significance = self.binary[level][contexts]
        count = np.maximum((here[frequencies] != 0).sum(0), 1)
        classes = coefficients.upper_value_classes(level, here, count)
        values = [
            _Values(self.value[level], coefficients.upper_value_contexts(level, classes, frequency))
            for frequency in frequencies
        ]
        chosen = _Choice.of(target, weight, significance[..., 0], significance[..., 1], values)
        return chosen, lambda blocks, near: coefficients.upper_flag_contexts(own[blocks], around[blocks], near)


_Contexts = Callable[[Array, Array | None], Array]
"""Of flags of blocks, by how many neighbours of each are coded."""
