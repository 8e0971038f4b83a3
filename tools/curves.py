"""Rate-distortion points and curves, ours and the anchors', and BD-rates in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nvcodec.encoder.presets import PRESETS, preset_of
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.metrics import bd_rate_percent
from nvcodec.metrics.errors import CurvesDisjoint, CurveUnusable

FULL_OVERLAP = 0.9


@dataclass(frozen=True)
class Point:
    """One file of one codec, as a line of anchors.csv: PSNR in dB, means over pictures."""

    clip: str
    codec: str
    bytes: int
    bpp: float
    psnr_y: float
    psnr_yuv: float


@dataclass(frozen=True)
class OurPoint:
    """A line of points.csv: the settings that make the point what it is, then what was measured."""

    clip: str
    preset: str
    epochs: float
    seed: int
    lam: float
    bytes: int = 0
    bpp: float = 0.0
    psnr_y: float = 0.0
    psnr_yuv: float = 0.0
    encode_seconds: float = 0.0
    profile: str = EncodeSettings.profile

    @property
    def settings(self) -> tuple[str, str, str, str, int, str]:
        """What two points share that need not be made twice."""
        return self.clip, self.profile, self.preset, f"{self.epochs:.6g}", self.seed, f"{self.lam:.6g}"

    @property
    def curve(self) -> str:
        """The name of its curve: profile and preset, and what differs from the latter."""
        name = f"nvcodec {self.profile} {self.preset}"
        if self.preset not in PRESETS or self.epochs != preset_of(self.profile, self.preset).epochs:
            name += f", {self.epochs:g} passes"
        return name if self.seed == 0 else f"{name}, seed {self.seed}"

    def as_point(self) -> Point:
        return Point(self.clip, self.curve, self.bytes, self.bpp, self.psnr_y, self.psnr_yuv)


def curves_of(points: Iterable[Point]) -> dict[str, list[Point]]:
    """Points by codec, in the order of the codecs' names and of rising rate."""
    curves: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: (point.codec, point.bpp)):
        curves.setdefault(point.codec, []).append(point)
    return curves


def bd_rate_words(anchor: list[Point], ours: list[Point]) -> str:
    """BD-rate over YUV-PSNR against an anchor, with how much of our curve it rests on, or why there is none."""
    theirs, own = ([(point.bpp, point.psnr_yuv) for point in curve] for curve in (anchor, ours))
    try:
        percent = bd_rate_percent(theirs, own)
    except (CurvesDisjoint, CurveUnusable) as error:
        return f"none: {error}"
    spans = [(min(db for _, db in curve), max(db for _, db in curve)) for curve in (theirs, own)]
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    share = (high - low) / (spans[1][1] - spans[1][0])
    words = f"{percent:+.1f} % over {low:.1f} to {high:.1f} dB"
    return words if share >= FULL_OVERLAP else f"{words}, only {100 * share:.0f} % of our curve's range"
