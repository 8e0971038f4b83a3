"""Greedy steps of a picture's integer latents towards zero, by rate and distortion.

Gradient descent on rounded latents finds where a latent should be, not whether it should be at all. Here a whole level
is dropped where that lowers the cost; then every latent whose step towards zero would save more than it is expected to
spoil takes that step, all of them together, and what the cost does not confirm is taken back. The expectation is the
distortion's second-order expansion, with one curvature per level, found by one perturbed synthesis.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nvcodec.encoder.laplace import laplace_bits
from nvcodec.encoder.picture_model import Latents, PictureModel

HALVINGS = 2
"""How often a set of steps that raises the cost is halved before it is given up."""
SMALLEST_CURVATURE = 1e-12

Distortion = Callable[[Latents], Tensor]
"""A picture's distortion by its latents."""


class Zeroing:
    """One picture's latents on their way. `cost` is distortion + rate_weight * bits."""

    def __init__(
        self, model: PictureModel, latents: Latents, rows: Tensor, distortion: Distortion, rate_weight: float, seed: int
    ):
        """latents: integers as floats, (1, L, h, w) by level; seed: of the perturbation's signs."""
        self.model, self.rows, self.distortion, self.rate_weight = model, rows, distortion, rate_weight
        self.generator = torch.Generator(rows.device).manual_seed(seed)
        self.latents = latents
        self.curvatures: dict[int, float] = {}
        with torch.no_grad():
            self.cost = self._cost(latents)

    def _cost(self, latents: Latents) -> float:
        bits = self.model.bits(latents, latents, self.rows)
        return float(self.distortion(latents) + self.rate_weight * bits.sum())

    def _try(self, latents: Latents) -> bool:
        cost = self._cost(latents)
        if cost >= self.cost:
            return False
        self.latents, self.cost = latents, cost
        return True

    def run(self, rounds: int) -> Latents:
        """Drop levels, then make so many rounds of single steps."""
        with torch.no_grad():
            for level in sorted(self.latents):
                if bool(self.latents[level].any()):
                    self._try({**self.latents, level: torch.zeros_like(self.latents[level])})
            self._try({level: torch.zeros_like(value) for level, value in self.latents.items()})
        for _ in range(rounds):
            if not self._round():
                break
        return self.latents

    def _round(self) -> bool:
        """One round of single steps. Whether any was taken."""
        gains, smaller = self._gains()
        with torch.no_grad():
            everything = torch.cat([gain[gain > 0] for gain in gains.values()])
            for _ in range(1 + HALVINGS):
                if not len(everything):
                    return False
                least = float(everything.min())
                tried = {
                    level: torch.where(gains[level] >= least, smaller[level], value)
                    for level, value in self.latents.items()
                }
                if self._try(tried):
                    return True
                everything = everything[everything > everything.median()]
        return False

    def _gains(self) -> tuple[Latents, Latents]:
        """What each latent's step towards zero is expected to gain (0: nothing), and the latents after it."""
        leaves = {level: value.clone().requires_grad_() for level, value in self.latents.items()}
        with torch.enable_grad():
            distortion = self.distortion(leaves)
        gradients = torch.autograd.grad(distortion, list(leaves.values()), allow_unused=True)
        gains, smaller = {}, {}
        with torch.no_grad():
            contexts = self.model.contexts(self.latents, self.rows)
            for (level, value), gradient in zip(self.latents.items(), gradients, strict=True):
                down = torch.sign(value)
                smaller[level] = value - down
                if gradient is None or not bool(down.any()):
                    gains[level] = torch.zeros_like(value)
                    continue
                if level not in self.curvatures:
                    self.curvatures[level] = self._curvature(level, gradient, float(distortion))
                spoils = -gradient * down + 0.5 * self.curvatures[level]
                mean, scale = contexts[level]
                saves = laplace_bits(value, mean, scale) - laplace_bits(smaller[level], mean, scale)
                gains[level] = torch.where(down != 0, self.rate_weight * saves - spoils, 0.0).clamp_min(0)
        return gains, smaller

    def _curvature(self, level: int, gradient: Tensor, distortion: float) -> float:
        """The distortion's mean second derivative by a latent of a level."""
        value = self.latents[level]
        signs = torch.randint(0, 2, value.shape, generator=self.generator, device=value.device) * 1.0 - 0.5
        there = float(self.distortion({**self.latents, level: value + signs}))
        rise = there - distortion - float((gradient * signs).sum())
        return max(SMALLEST_CURVATURE, 8 * rise / value.numel())
