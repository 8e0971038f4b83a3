"""Splits of blocks with a vector each: the search by rate and distortion, and their coding.

Nothing of the search is normative. A field at log2 l has one vector per block of 2**l luma samples, (h, w, 2) int32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nvcodec.bitstream.headers import DEFAULT_SPLIT_SCALE, DEFAULT_SPLIT_TABLES
from nvcodec.bitstream.residual_headers import TABLE_BITS
from nvcodec.encoder.motion import STEPS_AROUND, FieldFit, least
from nvcodec.encoder.named_tables import named_tables
from nvcodec.encoder.residual import binary_costs
from nvcodec.encoder.vector_field import scale_costs
from nvcodec.entropy import LAPLACE_COUNT, PHASE_COUNT, SymbolEncoder
from nvcodec.entropy.tables import SYMBOL_COUNT, SYMBOL_MAX, SYMBOL_MIN
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.splits import ACROSS, MOVED, NEW, SPLIT_CONTEXTS, choices, offered, split_contexts, walk_splits
from nvcodec.synthesis.vectors import VECTOR_MAX, VECTOR_MIN, field_shape

NEW_STEP_SIZES = (4, 1)
"""Quarter samples that new vectors are moved by in turn."""


@dataclass
class SplitField:
    """A field at all block sizes from the root's to the finest; as answers of `walk_splits` it tells how it's made."""

    fields: dict[int, Array]
    """By log2 of the blocks; parts of a block that isn't split have its vector."""
    splits: dict[int, Array]
    """By log2 of the blocks: (h, w) booleans."""
    symbols: list[tuple[Array, Array]] = field(default_factory=list)
    """Contexts and symbols of 0 and 1, of the last walk."""
    differences: list[Array] = field(default_factory=list)

    @property
    def root_log2(self) -> int:
        return max(self.fields)

    @property
    def finest_log2(self) -> int:
        return min(self.fields)

    def walk(self, size: tuple[int, int]) -> Array:
        """The finest field, with what codes it noted on the way; size: (height, width) of the picture."""
        self.symbols, self.differences = [], []
        return walk_splits(self.fields[self.root_log2], self.root_log2, self.finest_log2, size, self)

    def without_idle_levels(self) -> SplitField:
        """The same, ending at the last block size that a split leads to."""
        finest = min((log2 - 1 for log2, split in self.splits.items() if split.any()), default=self.root_log2)
        return self.down_to(finest)

    def down_to(self, finest_log2: int) -> SplitField:
        """The same, with nothing split into less than 2**finest_log2."""
        return SplitField(
            {log2: own for log2, own in self.fields.items() if log2 >= finest_log2},
            {log2: split for log2, split in self.splits.items() if log2 > finest_log2},
        )

    def split(self, level: int, contexts: Array, blocks: Array) -> Array:
        return self._note(contexts, self.splits[level].ravel()[blocks])

    def binary(self, level: int, contexts: Array, parts: Array, question: int) -> Array:
        shape = self.fields[level - 1].shape[:2]
        own, beside, vertical = (each.reshape(-1, 2)[parts] for each in offered(self.fields[level], shape))
        wanted = self.fields[level - 1].reshape(-1, 2)[parts]
        number, first = choices(own, beside, vertical)
        is_beside = first & (wanted == beside).all(-1)
        is_vertical = (number > first) & (wanted == vertical).all(-1)
        answers = ((wanted != own).any(-1), ~(is_beside | is_vertical), ~is_beside)
        return self._note(contexts, answers[question])

    def difference(self, level: int, parts: Array) -> Array:
        shape = self.fields[level - 1].shape[:2]
        own = offered(self.fields[level], shape)[0].reshape(-1, 2)[parts]
        found: Array = self.fields[level - 1].reshape(-1, 2)[parts] - own
        self.differences.append(found)
        return found

    def _note(self, contexts: Array, answers: Array) -> Array:
        symbols: Array = answers.astype(np.int64)
        self.symbols.append((contexts, symbols))
        return symbols


class SplitCounts:
    """How often each context saw 0 and 1, and how often each difference was met."""

    def __init__(self) -> None:
        self.binary = np.zeros((SPLIT_CONTEXTS, 2))
        self.difference = np.zeros(SYMBOL_COUNT)

    def add(self, made: SplitField, size: tuple[int, int]) -> None:
        """Count a field's symbols."""
        made.walk(size)
        for contexts, symbols in made.symbols:
            np.add.at(self.binary, (contexts, symbols), 1)
        for found in made.differences:
            np.add.at(self.difference, found.ravel() - SYMBOL_MIN, 1)

    def tables(self, *, charged: bool) -> tuple[list[int], int]:
        """The cheapest tables, and scale index of differences; charged: where they save more than naming them takes."""
        saving = TABLE_BITS if charged else 0
        best = named_tables(self.binary @ binary_costs().T, DEFAULT_SPLIT_TABLES, saving)
        (scale,) = named_tables((scale_costs() @ self.difference)[None], (DEFAULT_SPLIT_SCALE,), saving)
        return [int(index) for index in best], int(scale)

    def bits(self) -> float:
        """What the symbols take under the default tables."""
        binary = (self.binary * binary_costs()[list(DEFAULT_SPLIT_TABLES)]).sum()
        return float(binary + scale_costs()[DEFAULT_SPLIT_SCALE] @ self.difference)


class _Pushing:
    def __init__(self, made: SplitField, encoder: SymbolEncoder, tables: Sequence[int], scale_index: int):
        self.made, self.encoder = made, encoder
        self.tables, self.scale = LAPLACE_COUNT + np.asarray(tables), PHASE_COUNT * scale_index

    def split(self, level: int, contexts: Array, blocks: Array) -> Array:
        return self._pushed(contexts, self.made.split(level, contexts, blocks))

    def binary(self, level: int, contexts: Array, parts: Array, question: int) -> Array:
        return self._pushed(contexts, self.made.binary(level, contexts, parts, question))

    def difference(self, level: int, parts: Array) -> Array:
        found = self.made.difference(level, parts)
        self.encoder.push(found, np.full(found.shape, self.scale))
        return found

    def _pushed(self, contexts: Array, symbols: Array) -> Array:
        self.encoder.push(symbols, self.tables[contexts])
        return symbols


def encode_splits(
    encoder: SymbolEncoder, made: SplitField, size: tuple[int, int], tables: Sequence[int], scale_index: int
) -> None:
    """Push a field's splits; tables: of two symbols, by context."""
    pushing = _Pushing(made, encoder, tables, scale_index)
    walk_splits(made.fields[made.root_log2], made.root_log2, made.finest_log2, size, pushing)


# --- search ----------------------------------------------------------------------------------------------------------


class SplitSearch:
    """Splits the blocks of one field, for one target."""

    def __init__(self, fit: FieldFit, flow: Array, finest_log2: int, lam: float, before: SplitField | None = None):
        """fit: of the root's blocks, stepped; flow: (H, W, 2); lam: squared error per bit; before: another result,
        whose vectors are tried again."""
        self.lam, self.flow, self.before, self.finest = lam, flow, before, finest_log2
        root_log2 = fit.block.bit_length() - 1
        self.fits = {log2: fit.finer_blocks(log2) for log2 in range(finest_log2, root_log2 + 1)}
        self.root_log2 = root_log2
        self.bits = binary_costs()[list(DEFAULT_SPLIT_TABLES)]
        self.length = scale_costs()[DEFAULT_SPLIT_SCALE]

    def split(self, root: Array) -> SplitField:
        """The root field with its blocks split where that pays, down to the finest, one level after the other.

        A level looks ahead to what the next one may gain.
        """
        padded, splits = {self.root_log2: root}, {}
        active = np.ones(root.shape[:2], bool)
        options: list[tuple[Array, Array]] | None = None
        for log2 in range(self.root_log2, self.finest, -1):
            coarse = padded[log2]
            own = _doubled(coarse)
            made, cost = self._best(coarse, log2, options or self._new(own, log2 - 1))
            options = None
            if log2 - 1 > self.finest:
                options = self._new(_doubled(made), log2 - 2)
                _, ahead = self._best(made, log2 - 1, options)
                gain = self.fits[log2 - 1].errors(made) - _summed(ahead) - self._flag_cost(made, log2 - 1)
                cost = cost - np.maximum(gain, 0)
            splits[log2] = active & (self.fits[log2].errors(coarse) > _summed(cost) + self._flag_cost(coarse, log2))
            active = _doubled(splits[log2])
            padded[log2 - 1] = np.where(active[..., None], made, own)
        return self._cropped(padded, splits)

    def _flag_cost(self, field: Array, log2: int) -> Array:
        """What it costs more to say of each block that it's split than that it isn't."""
        contexts = split_contexts(field, log2)
        return self.lam * (self.bits[contexts, 1] - self.bits[contexts, 0])

    def _cropped(self, padded: dict[int, Array], splits: dict[int, Array]) -> SplitField:
        """Without the blocks outside the picture."""
        size = self.fits[self.root_log2].size
        shapes = {log2: field_shape(*size, log2) for log2 in padded}
        return SplitField(
            {log2: np.ascontiguousarray(own[: shapes[log2][0], : shapes[log2][1]]) for log2, own in padded.items()},
            {log2: own[: shapes[log2][0], : shapes[log2][1]] for log2, own in splits.items()},
        )

    def _best(self, coarse: Array, log2: int, new: list[tuple[Array, Array]]) -> tuple[Array, Array]:
        """(the field at log2 - 1 were all blocks split, the cost of each part); new: vectors and their errors."""
        fit = self.fits[log2 - 1]
        size = fit.size
        inside = coarse[tuple(slice(count) for count in field_shape(*size, log2))]
        own, beside, vertical = (_grown(each, fit.shape) for each in offered(inside, field_shape(*size, log2 - 1)))
        number, _ = choices(own, beside, vertical)
        stays, moves = (self.bits[MOVED + number, symbol] for symbol in (0, 1))
        takes = moves + self.bits[NEW + np.maximum(number, 1) - 1, 0]
        which = [np.where(number == 2, self.bits[ACROSS, symbol], 0.0) for symbol in (0, 1)]
        refuses = moves + np.where(number > 0, self.bits[NEW + np.maximum(number, 1) - 1, 1], 0.0)
        options = [(own, stays), (beside, takes + which[0]), (vertical, takes + which[1])]
        costs = [fit.errors(vectors) + self.lam * rate for vectors, rate in options]
        found = [vectors for vectors, _ in options]
        for vectors, errors in new:
            difference = vectors - own
            rate = refuses + self.length[np.clip(difference, SYMBOL_MIN, SYMBOL_MAX) - SYMBOL_MIN].sum(-1)
            reachable = (np.abs(difference) <= SYMBOL_MAX).all(-1)
            costs.append(np.where(reachable, errors + self.lam * rate, np.inf))
            found.append(vectors)
        return least(found, costs)

    def _new(self, own: Array, log2: int) -> list[tuple[Array, Array]]:
        """Vectors to try, and their errors: what flow says, least squares, and steps around the best of them."""
        fit = self.fits[log2]
        tried = [*fit.sampled(self.flow), fit.solve(fit.dense(own))]
        if self.before is not None and log2 in self.before.fields:
            tried.append(_grown(self.before.fields[log2], fit.shape))
        errors = [fit.errors(each) for each in tried]
        best, _ = least(tried, errors)
        tried.append(fit.solve(fit.dense(best)))
        errors.append(fit.errors(tried[-1]))
        best, error = least(tried, errors)
        for step in NEW_STEP_SIZES:
            around = [np.clip(best + np.array(way, np.int32) * step, VECTOR_MIN, VECTOR_MAX) for way in STEPS_AROUND]
            best, error = least([best, *around], [error, *(fit.errors(each) for each in around)])
        return [*zip(tried, errors, strict=True), (best, error)]


def _grown(field: Array, shape: tuple[int, int]) -> Array:
    """With blocks outside the picture, whose vectors are those of its edge."""
    return np.pad(field, [(0, a - b) for a, b in zip((*shape, 2), field.shape, strict=True)], "edge")


def _doubled(values: Array) -> Array:
    return np.repeat(np.repeat(values, 2, 0), 2, 1)


def _summed(values: Array) -> Array:
    """Over the four parts of each block."""
    h, w = values.shape
    return np.asarray(values.reshape(h // 2, 2, w // 2, 2).sum((1, 3)))
