"""The rate of a symbol in the fit: a Laplace distribution's mass on a unit interval, in bits, with its gradients.

Written out as one autograd function: built from torch's operations it took a sixth of a step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nvcodec.entropy.tables import SCALE_COUNT
from nvcodec.synthesis import arithmetic

LN2 = math.log(2.0)
LOG2_LOWEST = -arithmetic.SCALE_BIAS / 4
LOG2_HIGHEST = (SCALE_COUNT - 1 - arithmetic.SCALE_BIAS) / 4
SMALLEST_MASS = 1e-9


class _LaplaceBits(torch.autograd.Function):
    """With x = |q - mean| / b and h = 1 / (2b): the mass is 1 - (e^-(h+x) + e^(x-h)) / 2 where x < h, else
    e^(h-x) (1 - e^-2h) / 2. Gradients are taken through x and through log b."""

    @staticmethod
    def forward(ctx, q: Tensor, mean: Tensor, log2_scale: Tensor) -> Tensor:
        clamped = log2_scale.clamp(LOG2_LOWEST, LOG2_HIGHEST)
        inverse = torch.exp(clamped * -LN2)
        difference = q - mean
        x = difference.abs() * inverse
        h = 0.5 * inverse
        e_h, e_x = torch.exp(-h), torch.exp(-x)
        inside = x < h
        down = e_h * e_x
        up = torch.where(inside, e_h / e_x.clamp_min(1e-30), 0.0)
        mass = torch.where(inside, 1 - 0.5 * (down + up), 1.0).clamp_min(SMALLEST_MASS)
        tail = 1 - e_h * e_h
        nats = torch.where(inside, -torch.log(mass), x - h - torch.log(tail) + LN2)
        by_x = torch.where(inside, 0.5 * (up - down) / mass, 1.0)
        by_h = torch.where(inside, -0.5 * (up + down) / mass, -1 - 2 * e_h * e_h / tail)
        by_log2 = (by_x * x + by_h * h) * -1.0  # d/d(log2 b) over ln 2, and bits are nats over ln 2
        by_log2 = torch.where(clamped == log2_scale, by_log2, 0.0)
        by_q = by_x * inverse * torch.sign(difference) * (1 / LN2)
        ctx.save_for_backward(by_q, by_log2)
        return nats * (1 / LN2)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        by_q, by_log2 = ctx.saved_tensors
        q = gradient * by_q
        return q, -q, gradient * by_log2


def laplace_bits(q: Tensor, mean: Tensor, log2_scale: Tensor) -> Tensor:
    """-log2 of a Laplace distribution's mass on [q - 1/2, q + 1/2], elementwise; scales as the tables have them."""
    return _LaplaceBits.apply(q, mean, log2_scale)
