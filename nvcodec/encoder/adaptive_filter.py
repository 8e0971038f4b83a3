"""Fitting the adaptive filters of a segment: by least squares, class by class, each weighed against its bits.

A picture's `statistics` hold all that its squared error under any filter depends on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvcodec.bitstream.filters import (
    DEFAULT_FILTER,
    FILTER_CLASSES,
    LARGEST_COEFFICIENT,
    LEAST_COEFFICIENT,
    MAX_CUSTOM_FILTERS,
    WIDTH_BITS,
    Filter,
    delta_width,
)
from nvcodec.synthesis.adaptive_filter import (
    COEFFICIENT_LOG2,
    FILTER_BLOCK,
    RADIUS,
    TAPS,
    TRANSPOSED,
    block_kinds,
    extended,
    pair_sum,
)
from nvcodec.synthesis.arrays import Array

STATISTICS = (FILTER_CLASSES, len(TAPS), len(TAPS) + 1)
"""The shape of a picture's: by class, the products of what coefficients weigh with each other and with the error."""
RIDGE = 1e-4
"""Added to the diagonal of a class's products, relative to its mean, so that classes of few samples have a solution."""
ROUNDS = 3
"""Of dealing pictures out to filters, and fitting these anew."""
CHANGE = 1 << ((1 << WIDTH_BITS) - 1)
"""Differences from the default are -CHANGE .. CHANGE - 1."""


def statistics(plane: Array, source: Array, levels: Array | None, bit_depth: int) -> Array:
    """float32 (15, 12, 13), of a plane before it is filtered; source: what it should be; levels: as
    `changed_blocks`."""
    wide = extended(plane)
    kinds = block_kinds(wide, plane.shape, levels, bit_depth)
    rows, columns = kinds.shape
    height, width = rows * FILTER_BLOCK, columns * FILTER_BLOCK
    inside = wide[RADIUS:-RADIUS, RADIUS:-RADIUS]
    error = np.zeros((height, width), np.float32)
    error[: plane.shape[0], : plane.shape[1]] = source.astype(np.int32) - plane
    weighed = np.empty((len(TAPS) + 1, height, width), np.float32)
    for tap in range(len(TAPS)):
        weighed[tap] = pair_sum(wide, slice(0, height), tap) - 2 * inside
    weighed[:, plane.shape[0] :] = 0
    weighed[:, :, plane.shape[1] :] = 0
    weighed[-1] = error
    blocks = weighed.reshape(-1, rows, FILTER_BLOCK, columns, FILTER_BLOCK).transpose(1, 3, 2, 4, 0)
    blocks = blocks.reshape(rows * columns, FILTER_BLOCK**2, len(TAPS) + 1)
    turned = [*TRANSPOSED, len(TAPS)]
    kind = kinds.ravel()
    found = np.zeros(STATISTICS, np.float32)
    for which in np.unique(kind[kind >= 0]):
        own = blocks[kind == which].reshape(-1, len(TAPS) + 1)
        products = own[:, :-1].T @ own
        if which >= FILTER_CLASSES:
            products = products[TRANSPOSED, :][:, turned]
        found[which % FILTER_CLASSES] += products
    return found


def error_change(given: Array, own: Filter | Array) -> Array:
    """By class, by how much a filter changes the squared error; given: statistics, their first axes free."""
    k = np.asarray(own, np.float64) / (1 << COEFFICIENT_LOG2)
    products, wanted = given[..., :-1].astype(np.float64), given[..., -1].astype(np.float64)
    quadratic: Array = np.einsum("...cij,ci,cj->...c", products, k, k) - 2 * np.einsum("...ci,ci->...c", wanted, k)
    return quadratic


def ideal_coefficients(given: Array, ridge: float = RIDGE) -> Array:
    """float64 (15, 12), in 1/128: those of the least squared error, not rounded."""
    products, wanted = given[..., :-1].astype(np.float64), given[..., -1:].astype(np.float64)
    scale = np.trace(products, axis1=-2, axis2=-1)[:, None, None] / len(TAPS)
    ideal: Array = np.linalg.solve(products + np.eye(len(TAPS)) * (ridge * scale + 1e-6), wanted)[..., 0]
    return ideal * (1 << COEFFICIENT_LOG2)


def fitted_filter(given: Array, bit_weight: float) -> Filter:
    """The filter of least squared error plus bits. given: summed statistics; bit_weight: squared error that a bit is
    worth."""
    default = np.asarray(DEFAULT_FILTER)
    kept = error_change(given, default)
    found: list[tuple[int, ...]] = []
    change = np.clip(np.round(ideal_coefficients(given)) - default, -CHANGE, CHANGE - 1)
    best = np.clip(default + change, LEAST_COEFFICIENT, LARGEST_COEFFICIENT).astype(int)
    gained = kept - error_change(given, best)
    for c in range(FILTER_CLASSES):
        own, start = tuple(int(x) for x in best[c]), DEFAULT_FILTER[c]
        found.append(own if gained[c] > bit_weight * _class_bits(own, start) else start)
    return tuple(found)


def filter_bits(own: Filter) -> int:
    """What a segment's own filter takes."""
    pairs = zip(own, DEFAULT_FILTER, strict=True)
    return FILTER_CLASSES + sum(_class_bits(row, start) for row, start in pairs if row != start)


def _class_bits(own: Sequence[int], default: Sequence[int]) -> int:
    """What a class's differences from the default take, beside their flag."""
    return WIDTH_BITS + len(TAPS) * delta_width(own, default)


def fitted_filters(given: Sequence[Array | None], weights: Sequence[float], bit_weight: float) -> tuple[Filter, ...]:
    """A segment's own filters. given: pictures' statistics; weights: of their squared errors, one that weighs 1 being
    worth a bit where it is bit_weight."""
    present = [(own, weight) for own, weight in zip(given, weights, strict=True) if own is not None]
    if not present:
        return ()
    each = np.stack([own * np.float32(weight) for own, weight in present])
    none, default = np.zeros(len(each)), error_change(each, DEFAULT_FILTER).sum(-1)
    best: tuple[Filter, ...] = ()

    def errors(filters: Sequence[Filter]) -> Array:
        """By filter, none and the default one first: what each picture's squared error changes by."""
        return np.stack([none, default, *(error_change(each, own).sum(-1) for own in filters)])

    least = float(errors(best).min(0).sum())
    for count in range(1, MAX_CUSTOM_FILTERS + 1):
        # a filter more begins with the pictures that the others serve worst
        relative = errors(best).min(0) / np.maximum(1e-9, np.trace(each[..., :-1], axis1=-2, axis2=-1).sum(-1))
        taken = relative >= np.median(relative)
        filters = [*best, fitted_filter(each[taken].sum(0), bit_weight)]
        for _ in range(ROUNDS):
            which = errors(filters).argmin(0)
            filters = [
                fitted_filter(each[which == 2 + n].sum(0), bit_weight) for n in range(count) if (which == 2 + n).any()
            ]
            if len(filters) < count:
                break
        if len(filters) < count:
            break
        total = float(errors(filters).min(0).sum()) + bit_weight * sum(map(filter_bits, filters))
        if total >= least:
            break
        best, least = tuple(filters), total
    return best
