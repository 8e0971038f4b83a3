"""Names and numbers as errors print them and as files write them."""

from __future__ import annotations

import os
from fractions import Fraction

# Rates whose fraction a rounded figure stands for: 23.976, 29.97, 59.94 and so on are multiples of 1000/1001.
_NTSC = Fraction(1000, 1001)


def shown(path: str | os.PathLike[str]) -> str:
    """A file's name on one line: as it is, or quoted with escapes where it has unprintable characters."""
    name = os.fspath(path)
    return name if name.isprintable() else ascii(name)


def nearest_rate(rate: Fraction, tolerance: Fraction) -> Fraction:
    """The whole rate, or else the multiple of 1000/1001, that lies within `tolerance` of `rate`; else `rate`."""
    for unit in (Fraction(1), _NTSC):
        candidate = round(rate / unit) * unit
        if candidate > 0 and abs(candidate - rate) <= tolerance:
            return candidate
    return rate
