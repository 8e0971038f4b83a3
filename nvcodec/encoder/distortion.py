"""The scale-adaptive loss: a distortion per scale, weighted by weights that follow the fit.

`psnr`: squared error, three quarters luma. `ssim`: alpha * L1 + beta * (1 - SSIM) on luma phases with the paper's
weights per scale. How the paper adapts its weights is not public; here a scale that lags behind the finest weighs
more: weight = share * (running distortion of the scale / running distortion at scale 1), within limits.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SHARES = (0.9, 0.07, 0.02, 0.01)
PAPER_ALPHA = (0.6, 0.7, 0.8, 0.9)  # by scale, fine to coarse
PAPER_BETA = (0.3, 0.3, 0.2, 0.1)
MEMORY = 0.98
RATIO_LIMIT = 4.0
LUMA_PHASES = 4
LUMA_SHARE = 0.75


class ScaleAdaptiveLoss:
    """Weighted sum over scales 1 .. 1/8 of a distortion between packed pictures."""

    def __init__(self, tune: str = "psnr", *, adaptive: bool = True, multi_scale: bool = True):
        self.tune, self.adaptive = tune, adaptive
        self.shares = SHARES if multi_scale else (1.0, 0.0, 0.0, 0.0)
        self.running = [0.0] * len(SHARES)

    def __call__(
        self, decoded: dict[int, Tensor], originals: list[Tensor], *, learn: bool = True
    ) -> tuple[Tensor, list[float]]:
        """decoded: packed pictures by level; originals: by scale; learn: whether the weights follow what is seen.

        Returns (loss, luma mean squared error per scale).
        """
        total, mse = torch.zeros((), device=originals[0].device), []
        for scale, share in enumerate(self.shares):
            if scale not in decoded:
                continue
            distortion, luma = self._squared(decoded[scale], originals[scale])
            mse.append(luma.item())
            if learn:
                self._update(scale, distortion.item())
            if self.tune == "ssim":
                distortion = self._perceptual(decoded[scale], originals[scale], scale)
            if share:
                total = total + self._weight(scale, share) * distortion
        return total, mse

    def one_scale(self, decoded: Tensor, original: Tensor) -> Tensor:
        """The squared error of packed pictures of one scale, three quarters luma."""
        return self._squared(decoded, original)[0]

    @staticmethod
    def _squared(decoded: Tensor, original: Tensor) -> tuple[Tensor, Tensor]:
        """(squared error, three quarters luma; of luma alone)."""
        error = ((decoded - original) ** 2).mean((0, 2, 3))
        luma, chroma = error[:LUMA_PHASES].mean(), error[LUMA_PHASES:]
        return luma if len(chroma) == 0 else LUMA_SHARE * luma + (1 - LUMA_SHARE) * chroma.mean(), luma

    def _update(self, scale: int, value: float) -> None:
        old = self.running[scale]
        self.running[scale] = value if old == 0.0 else MEMORY * old + (1 - MEMORY) * value

    def _weight(self, scale: int, share: float) -> float:
        if not self.adaptive or self.running[0] == 0.0:
            return share
        ratio = self.running[scale] / self.running[0]
        return share * min(RATIO_LIMIT, max(1 / RATIO_LIMIT, ratio))

    @staticmethod
    def _perceptual(decoded: Tensor, original: Tensor, scale: int) -> Tensor:
        l1 = (decoded - original).abs().mean()
        luma = [F.pixel_shuffle(x[:, :LUMA_PHASES], 2) for x in (decoded, original)]
        # brought to the order of magnitude of a squared error, so that one lambda scale serves both
        return 0.02 * (PAPER_ALPHA[scale] * l1 + PAPER_BETA[scale] * (1 - ssim(*luma)))

    def state(self) -> list[float]:
        return list(self.running)

    def load(self, state: list[float]) -> None:
        self.running = list(state)


def ssim(a: Tensor, b: Tensor, window: int = 7) -> Tensor:
    """Mean SSIM of (N, 1, h, w) pictures with samples in [-0.5, 0.5]; box window of at most `window` samples."""
    size = min(window, a.shape[-1], a.shape[-2])
    mean_a, mean_b = F.avg_pool2d(a, size, 1), F.avg_pool2d(b, size, 1)
    var_a = F.avg_pool2d(a * a, size, 1) - mean_a**2
    var_b = F.avg_pool2d(b * b, size, 1) - mean_b**2
    covariance = F.avg_pool2d(a * b, size, 1) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = mean_a + 0.5, mean_b + 0.5
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return (luminance * (2 * covariance + c2) / (var_a + var_b + c2)).mean()
