"""Fields of motion vectors, and the interpolating pyramid in which their differences are coded.

The pyramid goes from sparse nodes to dense ones: every node but the sparsest is predicted by the mean of nodes on two
or four sides of it, so a smooth field costs little, and every pass is one vectorised step.
`pyramid` is its only description: decoder, encoder and search walk the same passes.
Fields are int32, (h, w, 2), (dy, dx) in quarter luma samples at full size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from nvcodec.compiled import kernels
from nvcodec.synthesis.arrays import Array

VECTOR_MIN = -1024
VECTOR_MAX = 1023

COARSEST_STEP = 8
SPREAD_LIMITS = (0, 2, 6)  # the largest spread of the classes 0, 1 and 2; class 3 has any larger one
LONE_CLASS = 1  # a single neighbour has no spread
CLASS_COUNT = len(SPREAD_LIMITS) + 1
STEPS = (4, 2, 1)
REFERENCE_CONTEXTS = 1 + len(STEPS) * CLASS_COUNT
CONTEXT_COUNT = 2 * REFERENCE_CONTEXTS

_VERTICAL = ((-1, 0), (1, 0))
_HORIZONTAL = ((0, -1), (0, 1))


def field_shape(height: int, width: int, block_log2: int) -> tuple[int, int]:
    """Nodes (rows, columns) of a field over height x width luma samples: one per started block."""
    return -(-height >> block_log2), -(-width >> block_log2)


def add_differences(base: Array, delta: Array) -> Array:
    """The field of a base and coded differences: their sum, every component clamped to VECTOR_MIN..VECTOR_MAX."""
    field: Array = np.clip(base + delta, VECTOR_MIN, VECTOR_MAX).astype(np.int32)
    return field


def scale_field(field: Array, numerator: int, denominator: int) -> Array:
    """The field times numerator / denominator (> 0), rounded half up, clamped to the range of vectors.

    floor((2 * v * numerator + denominator) / (2 * denominator)).
    """
    scaled = (2 * numerator * field.astype(np.int64) + denominator) // (2 * denominator)
    result: Array = np.clip(scaled, VECTOR_MIN, VECTOR_MAX).astype(np.int32)
    return result


def resample_field(field: Array, block_log2_from: int, block_log2_to: int, shape: tuple[int, int]) -> Array:
    """The field on nodes of another block size, `shape` of them: each takes the vector of the block it stands in."""
    rows, columns = (
        np.minimum(((2 * np.arange(count) + 1) << block_log2_to) >> (block_log2_from + 1), limit - 1)
        for count, limit in zip(shape, field.shape[:2], strict=True)
    )
    resampled: Array = field[rows[:, None], columns]
    return resampled


@dataclass(frozen=True, eq=False)
class PyramidPass:
    """Nodes that are coded together: those at `rows` x `columns`.

    offsets: (sides, 2), in nodes to each neighbour. neighbours: for each side, the neighbours' (rows, columns), clipped
    to the field, and which of them lie inside, (n rows, n columns) booleans. context: that of the spread class 0, for
    reference 0.
    """

    rows: Array
    columns: Array
    offsets: Array
    neighbours: tuple[tuple[Array, Array, Array], ...]
    context: int

    @property
    def nodes(self) -> tuple[Array, Array]:
        """Index of the pass's nodes in a field: field[nodes] is (n rows, n columns, 2)."""
        return self.rows[:, None], self.columns

    def predict(self, delta: Array, reference: int) -> tuple[Array, Array]:
        """Prediction (n rows, n columns, 2) and context (n rows, n columns) from the differences of earlier passes.

        delta: (h, w, 2) int32; reference: 0 or 1. The mean of n neighbours is floor((2 * sum + n) / (2 * n)).
        """
        shape = (len(self.rows), len(self.columns))
        first = REFERENCE_CONTEXTS * reference + self.context
        if not self.neighbours:
            return np.zeros((*shape, 2), np.int32), np.full(shape, first)
        if (fast := kernels()) is not None:
            prediction, contexts = np.empty((*shape, 2), np.int32), np.empty(shape, np.int64)
            own = (delta, self.rows, self.columns, self.offsets, np.array(SPREAD_LIMITS), LONE_CLASS, first)
            fast.predict(*own, prediction, contexts)
            return prediction, contexts
        values = np.stack([delta[rows[:, None], columns] for rows, columns, _ in self.neighbours])
        inside = np.stack([inside for *_, inside in self.neighbours])[..., None]
        count = inside.sum(0)
        prediction = (2 * np.where(inside, values, 0).sum(0) + count) // (2 * count)
        far = np.iinfo(np.int32).max
        spread = np.where(inside, values, -far).max(0) - np.where(inside, values, far).min(0)
        spread_class = np.searchsorted(SPREAD_LIMITS, spread.max(-1))
        return prediction.astype(np.int32), first + np.where(count[..., 0] == 1, LONE_CLASS, spread_class)


@cache
def pyramid(shape: tuple[int, int]) -> tuple[PyramidPass, ...]:
    """The passes over a field of `shape` nodes, in coding order; each node is in exactly one; empty ones are left out.

    First the nodes at multiples of COARSEST_STEP, without prediction; then, for each step s of STEPS (rows and columns
    counted in units of s): odd rows of even columns from above and below, even rows of odd columns from left and right,
    odd rows of odd columns from all four. Source: bitstream_spec.md.
    """
    passes = [_make_pass(shape, COARSEST_STEP, (0, 0), (), 0)]
    for number, step in enumerate(STEPS):
        context = 1 + number * CLASS_COUNT
        for odd, sides in (((1, 0), _VERTICAL), ((0, 1), _HORIZONTAL), ((1, 1), _VERTICAL + _HORIZONTAL)):
            start = (odd[0] * step, odd[1] * step)
            offsets = tuple((step * row, step * column) for row, column in sides)
            passes.append(_make_pass(shape, 2 * step, start, offsets, context))
    return tuple(each for each in passes if len(each.rows) and len(each.columns))


def _make_pass(
    shape: tuple[int, int], spacing: int, start: tuple[int, int], offsets: tuple[tuple[int, int], ...], context: int
) -> PyramidPass:
    rows, columns = (np.arange(first, size, spacing) for first, size in zip(start, shape, strict=True))
    neighbours = []
    for row, column in offsets:
        at_rows, at_columns = rows + row, columns + column
        inside = (at_rows < shape[0])[:, None] & (at_columns < shape[1])  # none lies before the first row or column
        neighbours.append((np.minimum(at_rows, shape[0] - 1), np.minimum(at_columns, shape[1] - 1), inside))
    return PyramidPass(rows, columns, np.array(offsets, np.int64), tuple(neighbours), context)
