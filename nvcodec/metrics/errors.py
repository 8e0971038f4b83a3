"""One class per way in which a measurement cannot be made. Every message is one line."""

from __future__ import annotations

from nvcodec.errors import NvcodecError


class MetricError(NvcodecError):
    """A measurement cannot be made."""


class NothingToMeasure(MetricError):
    """A figure is asked for before any picture was added."""


class PlanesDiffer(MetricError):
    """The two pictures do not have the same planes."""


class VmafFailed(MetricError):
    """ffmpeg's libvmaf gives no score."""


class VmafMissing(MetricError):
    """The ffmpeg at hand has no libvmaf."""


class BdRateMissing(MetricError):
    """The bjontegaard package is not installed."""


class CurvesDisjoint(MetricError):
    """Two rate-distortion curves share no range of quality."""


class CurveUnusable(MetricError):
    """A rate-distortion curve has too few points, or its quality does not rise with its rate."""
