"""BD-rate (Bjontegaard) by the `bjontegaard` package, which the `dev` extra brings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise

from nvcodec.metrics.errors import BdRateMissing, CurvesDisjoint, CurveUnusable

Curve = Sequence[tuple[float, float]]
"""Points of (rate, quality in dB)."""

MINIMUM_POINTS = 4


def bd_rate_percent(anchor: Curve, test: Curve, method: str = "akima") -> float:
    """How many percent more rate the test's curve needs than the anchor's at equal quality; negative: less.

    anchor, test: at least 4 points each, in any order, rate in any unit that both share. method: one of the
    package's interpolations. Raises CurvesDisjoint, CurveUnusable, BdRateMissing.
    """
    try:
        import bjontegaard
    except ImportError as error:
        raise BdRateMissing("bjontegaard is not installed: pip install 'nvcodec[dev]'") from error
    for name, curve in (("anchor", anchor), ("test", test)):
        if len(curve) < MINIMUM_POINTS:
            raise CurveUnusable(f"the {name} curve has {len(curve)} points, BD-rate needs {MINIMUM_POINTS}")
        qualities = [quality for _, quality in sorted(curve)]
        if any(lower >= higher for lower, higher in pairwise(qualities)) or min(curve)[0] <= 0:
            raise CurveUnusable(f"the {name} curve does not rise with a positive rate: {sorted(curve)}")
    low = max(min(quality for _, quality in curve) for curve in (anchor, test))
    high = min(max(quality for _, quality in curve) for curve in (anchor, test))
    if low >= high:
        spans = [f"{min(q for _, q in curve):.2f} to {max(q for _, q in curve):.2f}" for curve in (anchor, test)]
        raise CurvesDisjoint(f"the curves share no quality: anchor {spans[0]} dB, test {spans[1]} dB")
    rates_and_qualities = [column for curve in (anchor, test) for column in zip(*sorted(curve), strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where the curves overlap little
        columns = [list(column) for column in rates_and_qualities]
        return float(bjontegaard.bd_rate(*columns, method=method, require_matching_points=False))
