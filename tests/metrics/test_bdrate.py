"""BD-rate: a curve that needs a fixed factor of the rate, and curves that can't be compared."""

import sys

import pytest

from nvcodec.metrics import bd_rate_percent
from nvcodec.metrics.errors import BdRateMissing, CurvesDisjoint, CurveUnusable

pytest.importorskip("bjontegaard")

ANCHOR = [(0.05, 28.0), (0.1, 31.0), (0.2, 33.5), (0.4, 36.0)]


@pytest.mark.parametrize(("factor", "percent"), [(1.0, 0), (1.3, 30), (0.8, -20)])
@pytest.mark.parametrize("method", ["akima", "pchip", "cubic"])
def test_a_fixed_factor(factor: float, percent: float, method: str) -> None:
    test = [(rate * factor, quality) for rate, quality in reversed(ANCHOR)]
    assert bd_rate_percent(ANCHOR, test, method) == pytest.approx(percent, abs=1e-6)


def test_curves_of_different_numbers_of_points() -> None:
    assert bd_rate_percent(ANCHOR, [*ANCHOR, (0.8, 38.0)]) == pytest.approx(0, abs=1.0)


def test_curves_without_common_quality() -> None:
    with pytest.raises(CurvesDisjoint, match=r"28.00 to 36.00 dB, test 38.00 to 46.00 dB"):
        bd_rate_percent(ANCHOR, [(rate, quality + 10) for rate, quality in ANCHOR])


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (ANCHOR[:3], "3 points"),
        ([*ANCHOR[:3], (0.4, 33.0)], "does not rise"),
        ([(0.0, 20.0), *ANCHOR], "does not rise"),
    ],
)
def test_unusable_curves(curve: list[tuple[float, float]], message: str) -> None:
    with pytest.raises(CurveUnusable, match=f"test curve .*{message}"):
        bd_rate_percent(ANCHOR, curve)


def test_the_package_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bjontegaard", None)
    with pytest.raises(BdRateMissing, match="pip install"):
        bd_rate_percent(ANCHOR, ANCHOR)
