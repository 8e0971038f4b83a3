"""A picture's fields for the hybrid profile, where blocks choose between the mean of two references and either of them.

Two fields are found by turns, each against what the other leaves to it: half the error where the mean is taken, all
where its reference alone is, nothing where the other is. Fields interpolated between nodes compete with fields of
blocks that may be split; what each would cost in the end is estimated from the transform of what it leaves.
Nothing here is normative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nvcodec.bitstream import VectorBase
from nvcodec.bitstream.residual_headers import DEFAULT_CHOICE
from nvcodec.encoder.choices import block_costs, choice_cost
from nvcodec.encoder.motion import STEP_SIZES, FieldFit, choice_weight, fit_with, global_vector, likely_choice
from nvcodec.encoder.splits import SplitCounts, SplitField, SplitSearch
from nvcodec.encoder.vector_field import choose_scale_index, codable, symbol_counts
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.choices import MEAN

GLOBAL_BITS = 22.0
"""What a global vector takes in the header."""
ROOT_LOG2, SMALL_ROOT_LOG2, FINEST_LOG2 = 6, 5, 3
"""Blocks that splits start from, in large and in small pictures, and the smallest."""
SMALL_SAMPLES = 1 << 17
"""Pictures of fewer luma samples are small."""
_FINE_SHIFT = 4
"""From 8 bits to 1/4096 of the sample range."""


@dataclass
class Fields:
    """One way to code a picture's motion."""

    block_log2: int
    bases: list[VectorBase]
    base_fields: list[Array]
    roots: list[Array]
    stepped: bool = False
    """Whether blocks have a vector each, instead of vectors interpolated between the nodes of the roots."""
    splits: list[SplitField] = field(default_factory=list)

    @property
    def finest_log2(self) -> int:
        return self.splits[0].finest_log2 if self.splits else self.block_log2

    @property
    def fields(self) -> list[Array]:
        """What the decoder has in the end."""
        return [made.fields[made.finest_log2] for made in self.splits] or self.roots

    def down_to(self, finest_log2: int) -> Fields:
        """The same, with nothing split into less than 2**finest_log2."""
        return replace(self, splits=[made.down_to(finest_log2) for made in self.splits])


class BlockMotion:
    """The search for one picture's fields."""

    def __init__(
        self,
        current: Array,
        references: Sequence[Array],
        flows: Sequence[Array],
        weights: Sequence[Array],
        base_of: Callable[[VectorBase, int, list[Array], int], Array],
        lam: float,
        vector_weight: float,
        rounds: int,
    ):
        """current: 8-bit luma; references: as `upsampled` makes them; flows, weights: one for each, weights of
        squared errors by what dense flow says of where the reference serves; base_of(base, k, roots, block_log2):
        the base of field k; lam: squared error per bit of the residual, at 8 bits; vector_weight: how many of them
        a vector's bit must save; rounds: of joint refinement."""
        self.current, self.references, self.flows, self.weights = current, references, flows, weights
        self.base_of = base_of
        self.lam, self.vector_lam, self.rounds = lam, lam * vector_weight, rounds

    def best(self, interpolated_log2: Sequence[int]) -> Fields:
        """The cheapest of fields interpolated between nodes, at any of some distances, and fields of blocks.

        Interpolated ones are refined only where they cost less before than blocks do after it.
        """
        quick = [self._interpolated(log2) for log2 in interpolated_log2]
        blocks = self._blocks(quick[-1])
        tried = [blocks.down_to(log2) for log2 in range(blocks.finest_log2, blocks.block_log2 + 1)]
        costs = [self.cost(made) for made in tried]
        promising = min(costs)
        for made in quick:
            if self.cost(made) < promising:
                tried.append(self._joined(self._refined(made)))
                costs.append(self.cost(tried[-1]))
        return tried[int(np.argmin(costs))]

    def cost(self, made: Fields) -> float:
        """What the picture may cost with these fields: squared error of 1/4096 of the sample range, with bits."""
        lam = self.lam * (1 << 2 * _FINE_SHIFT)
        predicted = [_fine(plane) for plane in self._predictions(self._final_fits(made), made.fields)]
        costs = block_costs([_fine(self.current)], [[plane] for plane in predicted], lam)
        if len(predicted) == 1:
            left = float(costs[0].sum())
        else:
            left = choice_cost(costs, lam, self.current.shape, DEFAULT_CHOICE)
        return left + lam * self._bits(made)

    def _bits(self, made: Fields) -> float:
        bits = sum(0.0 if base.derived_flag else GLOBAL_BITS for base in made.bases)
        pairs = enumerate(zip(made.roots, made.base_fields, strict=True))
        bits += sum(choose_scale_index(symbol_counts(root - start, k))[1] for k, (root, start) in pairs)
        if made.splits:
            counts = SplitCounts()
            for own in made.splits:
                counts.add(own, self.current.shape)
            bits += counts.bits()
        return bits

    # --- the two kinds -----------------------------------------------------------------------------------------------

    def _interpolated(self, block_log2: int) -> Fields:
        """Quickly fitted, and by what comes of it the bases are chosen."""
        made = Fields(block_log2, [], [], [])
        for k, flow in enumerate(self.flows):
            candidates = []
            for base in (VectorBase(), VectorBase(False, global_vector(flow))):
                start = self.base_of(base, k, made.roots, block_log2)
                fit = self._fit(k, block_log2, start, stepped=False, weight=self.weights[k])
                field, cost = fit_with(fit, [flow], effort=0)
                bits = 0.0 if base.derived_flag else GLOBAL_BITS
                candidates.append((cost + self.vector_lam * bits, base, start, field))
            _, base, start, field = min(candidates, key=lambda candidate: candidate[0])
            made.bases.append(base)
            made.base_fields.append(start)
            made.roots.append(field)
        return made

    def _refined(self, quick: Fields) -> Fields:
        """Interpolated fields of the same bases, fitted with more effort."""
        made = replace(quick, base_fields=[], roots=[])
        for k, flow in enumerate(self.flows):
            start = self.base_of(made.bases[k], k, made.roots, made.block_log2)
            fit = self._fit(k, made.block_log2, start, stepped=False, weight=self.weights[k])
            made.base_fields.append(start)
            made.roots.append(fit_with(fit, [flow], effort=1)[0])
        return made

    def _blocks(self, like: Fields) -> Fields:
        """From interpolated fields of the same bases: at first without splits, then with them."""
        root_log2 = ROOT_LOG2 if self.current.size >= SMALL_SAMPLES else SMALL_ROOT_LOG2
        made = Fields(root_log2, list(like.bases), [], [], stepped=True)
        for k, flow in enumerate(self.flows):
            start = self.base_of(made.bases[k], k, made.roots, root_log2)
            fit = self._fit(k, root_log2, start, stepped=True, weight=self.weights[k])
            others = [codable(each, start) for each in fit.sampled(flow)]
            if like.block_log2 == root_log2:
                others.append(codable(like.roots[k], start))
            field, _ = fit_with(fit, [flow], effort=1, others=others)
            made.base_fields.append(start)
            made.roots.append(field)
        return self._split(self._joined(made))

    def _joined(self, made: Fields) -> Fields:
        """The fields after the rounds of refinement, each against what the other predicts."""
        if len(made.roots) == 1:
            return made
        fits = [self._fit(k, made.block_log2, start, made.stepped) for k, start in enumerate(made.base_fields)]
        for number in range(self.rounds):
            for k in range(2):
                start = self.base_of(made.bases[k], k, made.roots, made.block_log2)
                fit = self._against_other(fits[k], self._predictions(fits, made.roots), k, start)
                field = codable(made.roots[k], start)
                solved = codable(fit.solve(fit.dense(field)), start)
                steps = STEP_SIZES[number % len(STEP_SIZES)]
                made.roots[k] = codable(fit.refine(field, [start, solved], steps), start)
                made.base_fields[k] = start
        # the second field's base follows from the first
        made.base_fields[1] = self.base_of(made.bases[1], 1, made.roots, made.block_log2)
        made.roots[1] = codable(made.roots[1], made.base_fields[1])
        return made

    def _split(self, made: Fields) -> Fields:
        fits = [
            self._fit(k, made.block_log2, start, stepped=True, weight=self.weights[k])
            for k, start in enumerate(made.base_fields)
        ]
        splits: list[SplitField | None] = [None] * len(fits)
        for _ in range(self.rounds if len(fits) == 2 else 1):
            for k, fit in enumerate(fits):
                if len(fits) == 2:
                    finest = [made.roots[n] if own is None else own.fields[FINEST_LOG2] for n, own in enumerate(splits)]
                    parts = [
                        self._fit(n, made.block_log2 if own is None else FINEST_LOG2, finest[n], stepped=True)
                        for n, own in enumerate(splits)
                    ]
                    fit = self._against_other(fit, self._predictions(parts, finest), k, made.base_fields[k])
                search = SplitSearch(fit, self.flows[k], FINEST_LOG2, self.vector_lam, splits[k])
                splits[k] = search.split(made.roots[k])
        done = [own for own in splits if own is not None]
        depth = min(own.without_idle_levels().finest_log2 for own in done)
        made.splits = [own.down_to(depth) for own in done]
        return made

    # --- predictions -------------------------------------------------------------------------------------------------

    def _fit(self, k: int, block_log2: int, base: Array, stepped: bool, weight: Array | None = None) -> FieldFit:
        return FieldFit(self.current, self.references[k], block_log2, base, self.vector_lam, k, weight, stepped)

    def _final_fits(self, made: Fields) -> list[FieldFit]:
        return [self._fit(k, made.finest_log2, own, made.stepped) for k, own in enumerate(made.fields)]

    def _predictions(self, fits: Sequence[FieldFit], fields: Sequence[Array]) -> list[Array]:
        """8-bit luma, (H, W)."""
        height, width = self.current.shape
        return [fit.warped(fit.dense(field))[:height, :width] for fit, field in zip(fits, fields, strict=True)]

    def _against_other(self, fit: FieldFit, predictions: Sequence[Array], k: int, base: Array) -> FieldFit:
        """The fit of field k against what the other field leaves to it, as they predict now."""
        whole = self.current.astype(np.float32)
        made = [plane.astype(np.float32) for plane in predictions]
        choice = likely_choice(whole, made)
        target = np.where(choice == MEAN, 2 * whole - made[1 - k], whole)
        return fit.against(target, choice_weight(choice, k), base)


def _fine(plane: Array) -> Array:
    fine: Array = (plane.astype(np.int32) << _FINE_SHIFT) - (128 << _FINE_SHIFT)
    return fine
