"""Steers lambda so that a segment comes out at a wanted number of bytes."""

from __future__ import annotations

from nvcodec.encoder.fit import RATE_FULL_SHARE, Fit, StepResult

MEMORY = 0.95
GAIN = 0.01
LAMBDA_RANGE = (1e-7, 100.0)
NETWORK_BITS_PER_WEIGHT = 5.0
TOLERANCE = 0.015
ROUNDS = 16


class RateController:
    """Integral control on log lambda during the fit, then measured rounds after it."""

    def __init__(self, target_bytes: float, pictures: int):
        self.target_bytes, self.pictures = target_bytes, pictures
        self.bits_per_picture = 0.0

    def network_bytes(self, fit: Fit) -> float:
        """A first estimate, before weights can be coded."""
        weights = sum(layer.weight.numel() + layer.bias.numel() for layer in fit.network.layers.values())
        return weights * NETWORK_BITS_PER_WEIGHT / 8

    def update(self, fit: Fit, result: StepResult) -> None:
        """After a step: nudge lambda by the ratio of the running estimate to the target."""
        if fit.share < RATE_FULL_SHARE:
            return
        old = self.bits_per_picture or result.bits_per_picture
        self.bits_per_picture = MEMORY * old + (1 - MEMORY) * result.bits_per_picture
        estimate = self.bits_per_picture * self.pictures / 8 + self.network_bytes(fit)
        self.apply(fit, (estimate / self.target_bytes) ** GAIN)

    def apply(self, fit: Fit, factor: float) -> None:
        low, high = LAMBDA_RANGE
        fit.lam = min(high, max(low, fit.lam * factor))

    def settled(self, size_bytes: int) -> bool:
        return abs(size_bytes / self.target_bytes - 1) <= TOLERANCE

    def correct(self, fit: Fit, size_bytes: int) -> None:
        """Between rounds: move lambda by the measured error."""
        self.apply(fit, min(4.0, max(0.25, (size_bytes / self.target_bytes) ** 1.5)))

    def state(self) -> float:
        return self.bits_per_picture

    def load(self, state: float) -> None:
        self.bits_per_picture = state
