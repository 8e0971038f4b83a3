"""The fit of the hybrid profile's network: on windows of coded pictures, as a coding pass left them.

No gradient runs through references: windows are given. A step looks at pictures of one scale; full size comes most
often, and each reduced scale's pictures are those of its own loop, so that errors don't add up there.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nvcodec.encoder.distortion import ScaleAdaptiveLoss
from nvcodec.encoder.hybrid_model import HybridModel
from nvcodec.encoder.model import UNIT
from nvcodec.encoder.quantise import weight_bits
from nvcodec.encoder.source import Targets
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.window import fine_window

SCALE_CHANCES = (0.7, 0.15, 0.1, 0.05)
"""How likely a step looks at 1, 1/2, 1/4, 1/8."""
BATCH_PIXELS = 250_000
"""Luma samples of the pictures that a step looks at together, about."""
LARGEST_BATCH = 4
GRADIENT_NORM = 0.05
LAST_RATE_SHARE = 0.02
WEIGHT_RATE_EVERY = 4
"""Steps between two that charge for the weights; that one charges for them all."""


@dataclass
class CodedWindow:
    """A coded picture's window at one scale, its residual added."""

    picture: int
    """In the targets."""
    scale_log2: int
    qp: int
    weight: float
    """Of its distortion."""
    inputs: dict[int, Array]
    """By level, (1, 2P, h, w) int16."""


def coded_window(
    picture: int, scale_log2: int, qp: int, weight: float, window: Sequence[Sequence[Array]], chroma_format: str
) -> CodedWindow:
    """window: one or two pictures' fine planes."""
    inputs = fine_window(window, chroma_format, scale_log2)
    kept = {level: x.astype(np.int16) for level, x in inputs.items()}
    return CodedWindow(picture, scale_log2, qp, weight, kept)


def network_inputs(window: dict[int, Array], device: torch.device) -> dict[int, Tensor]:
    """Window inputs as the fit's network takes them."""
    return {
        level: (torch.from_numpy(x).to(device).float() * (1 / UNIT)).contiguous(memory_format=torch.channels_last)
        for level, x in window.items()
    }


def batch_size(pixels: int) -> int:
    """Pictures of so many luma samples that a step looks at together."""
    return max(1, min(LARGEST_BATCH, BATCH_PIXELS // pixels))


class NetworkFit:
    """Steps on windows of coded pictures."""

    def __init__(
        self,
        model: HybridModel,
        targets: Targets,
        windows: list[CodedWindow],
        *,
        steps: int,
        learning_rate: float,
        bit_weight: float,
        seed: int,
    ):
        """bit_weight: what a bit of the weights costs, in mean squared error of a picture; 0: nothing."""
        self.model, self.targets, self.steps, self.bit_weight = model, targets, steps, bit_weight
        self.learning_rate = learning_rate
        self.by_scale = [[each for each in windows if each.scale_log2 == s] for s in range(len(SCALE_CHANCES))]
        self.random = random.Random(seed)
        self.loss = ScaleAdaptiveLoss()
        self.device = model.device
        self.optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, betas=(0.9, 0.99), fused=True)
        self.step_number = 0

    def step(self) -> tuple[float, float]:
        """One step; (mean squared error with the network, and of the windows' mean), three quarters luma."""
        share = self.step_number / self.steps
        falling = 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate * ((1 - LAST_RATE_SHARE) * falling + LAST_RATE_SHARE)
        scale_log2 = self.random.choices(range(len(SCALE_CHANCES)), SCALE_CHANCES)[0]
        several = self.by_scale[scale_log2] or self.by_scale[0]
        scale_log2 = several[0].scale_log2
        shape = several[0].inputs[scale_log2].shape
        chosen = self.random.choices(several, k=batch_size(4 * shape[2] * shape[3]))
        window = network_inputs(
            {level: np.concatenate([each.inputs[level] for each in chosen]) for level in chosen[0].inputs}, self.device
        )
        originals = self.targets.pictures([each.picture for each in chosen])[scale_log2]
        qp = torch.tensor([float(each.qp) for each in chosen], device=self.device)
        made = self.model.pictures(window, qp, scale_log2)[scale_log2]
        errors = self._errors(made, originals)
        weights = torch.tensor([each.weight for each in chosen], device=self.device)
        total = (weights * errors).mean() / weights.mean()
        self.optimiser.zero_grad(set_to_none=True)
        (total * (1 / total.detach())).backward()
        if self.bit_weight and self.step_number % WEIGHT_RATE_EVERY == 0:
            charge = WEIGHT_RATE_EVERY * self.bit_weight / float(total.detach())
            (charge * weight_bits(self.model.network)).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM)
        self.optimiser.step()
        self.step_number += 1
        with torch.no_grad():
            first, difference = window[scale_log2].chunk(2, 1)
            plain = self._errors((first + 0.5 * difference) * 0.25, originals)
        return float(errors.detach().mean()), float(plain.mean())

    def _errors(self, made: Tensor, originals: Tensor) -> Tensor:
        return torch.stack([self.loss.one_scale(made[i : i + 1], originals[i : i + 1]) for i in range(len(made))])

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step_number,
            "optimiser": self.optimiser.state_dict(),
            "random": self.random.getstate(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.step_number = state["step"]
        self.optimiser.load_state_dict(state["optimiser"])
        version, internal, gauss = state["random"]
        self.random.setstate((version, tuple(internal), gauss))
