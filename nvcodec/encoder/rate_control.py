"""Steers lambda so that a segment comes out at a wanted number of bytes.

During the fit: integral control on log lambda, by the rate that the loss sees. That rate is of noisy grids and a
quarter above what hard-rounded ones cost, so the estimate is calibrated by packing the segment now and then. After the
fit: rounds of further steps, lambda moved by the secant of log size against log lambda.
"""

from __future__ import annotations

import math
from typing import Any

from nvcodec.encoder.fit import RATE_FULL_SHARE, Fit, StepResult

MEMORY = 0.95
GAIN = 0.01
LAMBDA_RANGE = (1e-7, 100.0)
NETWORK_BITS_PER_WEIGHT = 4.5
HARD_TO_NOISY = 0.8
CALIBRATION_SHARES = (0.52, 0.6, 0.7, 0.8, 0.88, 0.95, 0.98)
TOLERANCE = 0.015
ROUNDS = 16
ROUND_STEPS = 100
"""At least so many steps a round; a pass over the segment where that is more."""

SLOPE = -0.5
SLOPE_RANGE = (-1.5, -0.2)
LARGEST_MOVE = math.log(6.0)
NARROWEST = 0.02
"""Bounds on the logarithm of lambda that are nearer than this have told all they can."""


class RateController:
    """target_bytes: of the segment's NETWORK and GOP payloads."""

    def __init__(self, target_bytes: float, pictures: int):
        self.target_bytes, self.pictures = target_bytes, pictures
        self.bits_per_picture = 0.0
        self.hard_to_noisy = HARD_TO_NOISY
        self.network_bytes: float | None = None
        self.calibrations = 0
        self.last: tuple[float, float] | None = None
        """log lambda and log size of the round before."""
        self.too_large: float | None = None
        self.too_small: float | None = None
        """The nearest log lambdas so far that gave too large and too small a size, between rounds."""

    def update(self, fit: Fit, result: StepResult) -> None:
        """After a step: nudge lambda by the ratio of the running estimate to the target."""
        if fit.share < RATE_FULL_SHARE:
            return
        old = self.bits_per_picture or result.bits_per_picture
        self.bits_per_picture = MEMORY * old + (1 - MEMORY) * result.bits_per_picture
        estimate = self.bits_per_picture * self.pictures / 8 * self.hard_to_noisy + self._network(fit)
        self._apply(fit, GAIN * math.log(estimate / self.target_bytes))

    def _network(self, fit: Fit) -> float:
        if self.network_bytes is not None:
            return self.network_bytes
        weights = sum(layer.weight.numel() + layer.bias.numel() for layer in fit.network.layers.values())
        return weights * NETWORK_BITS_PER_WEIGHT / 8

    def wants_calibration(self, share: float) -> bool:
        """Whether the segment should be packed now, at this share of the fit, for `calibrate`."""
        return self.calibrations < len(CALIBRATION_SHARES) and share >= CALIBRATION_SHARES[self.calibrations]

    def calibrate(self, network_bytes: int, grid_bytes: int) -> None:
        """Take note of what packing gave."""
        self.calibrations += 1
        self.network_bytes = float(network_bytes)
        self.hard_to_noisy = grid_bytes / max(self.bits_per_picture * self.pictures / 8, 1.0)

    def _apply(self, fit: Fit, move: float) -> None:
        low, high = LAMBDA_RANGE
        fit.lam = min(high, max(low, fit.lam * math.exp(move)))

    def settled(self, size_bytes: int) -> bool:
        return abs(size_bytes / self.target_bytes - 1) <= TOLERANCE

    def correct(self, fit: Fit, size_bytes: int) -> None:
        """Between rounds: move lambda to where the secant meets the target."""
        here = (math.log(fit.lam), math.log(size_bytes))
        slope = SLOPE
        if self.last is not None and abs(here[0] - self.last[0]) > 1e-6:
            slope = (here[1] - self.last[1]) / (here[0] - self.last[0])
            slope = min(SLOPE_RANGE[1], max(SLOPE_RANGE[0], slope))
        self.last = here
        if size_bytes > self.target_bytes:
            self.too_large = here[0] if self.too_large is None else max(self.too_large, here[0])
        else:
            self.too_small = here[0] if self.too_small is None else min(self.too_small, here[0])
        low, high = self.too_large, self.too_small
        if low is not None and high is not None and abs(high - low) < NARROWEST:
            # rounds at the same lambda differ: the older bound no longer holds
            self.too_large, self.too_small = (here[0], None) if low == here[0] else (None, here[0])
        move = (math.log(self.target_bytes) - here[1]) / slope
        low, high = self.too_large, self.too_small
        if low is not None and high is not None and low < high and not low < here[0] + move < high:
            move = 0.5 * (low + high) - here[0]  # where sizes come in steps the secant runs in circles
        self._apply(fit, min(LARGEST_MOVE, max(-LARGEST_MOVE, move)))

    def state(self) -> dict[str, Any]:
        return {
            "bits_per_picture": self.bits_per_picture,
            "hard_to_noisy": self.hard_to_noisy,
            "network_bytes": self.network_bytes,
            "calibrations": self.calibrations,
            "last": self.last,
            "too_large": self.too_large,
            "too_small": self.too_small,
        }

    def load(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
