"""Names and numbers as errors print them and as files write them."""

from __future__ import annotations

import os
import re
from fractions import Fraction

from nvcodec.video.errors import FormatUnsupported

# Rates whose fraction a rounded figure stands for: 23.976, 29.97, 59.94 and so on are multiples of 1000/1001.
_NTSC = Fraction(1000, 1001)
# What a rate with decimals may be off from the fraction that it rounds: 29.97 is 30000/1001.
RATE_TOLERANCE = Fraction(6, 1000)


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


def parse_rate(given: Fraction | float | str) -> Fraction:
    """Pictures a second: 25, '25', '30000/1001', and 29.97 or '29.97' for the latter. Raises FormatUnsupported."""
    text = f"{given:.6f}" if isinstance(given, float) else str(given)
    if not re.fullmatch(r"0*[1-9][0-9]{0,9}(/0*[1-9][0-9]{0,9})?|[0-9]{1,10}\.[0-9]{1,6}", text, re.ASCII):
        raise FormatUnsupported(f"frame rate {text!r}: a rate such as 25, 29.97 or 30000/1001 is expected")
    rate = Fraction(text)
    if not rate:
        raise FormatUnsupported(f"frame rate {text!r}: a rate above 0 is expected")
    return nearest_rate(rate, RATE_TOLERANCE) if "." in text else rate
