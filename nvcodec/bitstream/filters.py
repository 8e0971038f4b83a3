"""The syntax of adaptive filters: the default one, and what a TABLES unit says of a segment's own.

Source: bitstream_spec.md, sections 5.9 and 6.16.
"""

from __future__ import annotations

from collections.abc import Sequence

from nvcodec.bitstream.visitor import Visitor

FILTER_CLASSES = 15
MAX_CUSTOM_FILTERS = 2
FILTER_COUNT_BITS = 2
WIDTH_BITS = 3
LEAST_COEFFICIENT, LARGEST_COEFFICIENT = -128, 127

Filter = tuple[tuple[int, ...], ...]
"""By class: 12 coefficients in 1/128."""

DEFAULT_FILTER: Filter = (
    (2, 4, 3, 2, 2, 2, 2, 11, 2, 3, 10, 6),
    (2, 4, 3, 2, 2, 0, 3, 10, 3, 0, 10, 13),
    (-1, 4, 9, 5, 1, -1, 0, 6, 8, 2, 10, 10),
    (7, 7, -10, 0, 6, 7, 7, 8, 1, 8, 10, -5),
    (7, 5, -9, -2, 6, 7, 7, 4, 0, 6, 12, 4),
    (5, 6, -7, -2, 8, 3, 6, 0, 2, 4, 9, 14),
    (11, 4, -6, 0, 6, 13, 12, 0, 0, 8, 2, -7),
    (10, 2, -3, -3, 9, 13, 11, -3, -2, 13, 4, -6),
    (9, 3, 0, -6, 10, 10, 9, -5, -2, 11, 4, 6),
    (14, -2, -2, -2, 8, 18, 10, -2, -1, 1, -1, -5),
    (11, -2, 1, -3, 8, 17, 10, -4, -2, 10, 0, -6),
    (7, 1, 2, -3, 5, 16, 8, -6, -4, 15, -1, -2),
    (14, -9, 2, -2, 6, 18, 4, -1, -1, -10, 0, 2),
    (8, -5, 3, -3, 5, 22, 3, -2, 0, -6, 1, -2),
    (1, -1, 1, 0, 2, 23, 2, -2, -2, 7, 0, -5),
)
"""Normative."""


def delta_width(own: Sequence[int], default: Sequence[int]) -> int:
    """The bits, 1..8, that a class's differences from the default take each; 0 where there are none."""
    deltas = [a - b for a, b in zip(own, default, strict=True)]
    if not any(deltas):
        return 0
    return next(n for n in range(1, (1 << WIDTH_BITS) + 1) if all(-(1 << n - 1) <= d < 1 << n - 1 for d in deltas))


def visit_filters(v: Visitor, filters: Sequence[Filter]) -> tuple[Filter, ...]:
    """A segment's own filters, as differences from the default. Raises ValueOutOfRange."""
    count = v.u("custom_filter_count", FILTER_COUNT_BITS, len(filters), high=MAX_CUSTOM_FILTERS)
    blank: Sequence[Filter] = filters or [DEFAULT_FILTER] * count
    return tuple(
        tuple(_visit_class(v, f"[{n}][{c}]", blank[n][c], DEFAULT_FILTER[c]) for c in range(FILTER_CLASSES))
        for n in range(count)
    )


def _visit_class(v: Visitor, name: str, own: Sequence[int], default: Sequence[int]) -> tuple[int, ...]:
    width = delta_width(own, default)
    if not v.flag(f"filter_class_flag{name}", width > 0):
        return tuple(default)
    width = v.u(f"filter_width_minus1{name}", WIDTH_BITS, width - 1) + 1
    half = 1 << (width - 1)
    found = []
    for t, (value, start) in enumerate(zip(own, default, strict=True)):
        delta = v.u(f"filter_delta{name}[{t}]", width, value - start + half) - half
        found.append(clamped(start + delta))
    return tuple(found)


def clamped(coefficient: int) -> int:
    """Within the range of coefficients."""
    return max(LEAST_COEFFICIENT, min(LARGEST_COEFFICIENT, coefficient))
