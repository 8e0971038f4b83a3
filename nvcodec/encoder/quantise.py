"""From the fit's parameters to the file's integers: shifts, pruning, and what the weights take."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nvcodec.encoder.laplace import laplace_bits
from nvcodec.encoder.model import BIAS_SHIFT_MAX, UNIT, WEIGHT_MAX, NetworkParameters

WEIGHT_STEP_SHARE = 0.15
SHIFT_MAX = 12
PRUNED_BELOW_STEPS = 0.75
SMALLEST_SPREAD = 0.08


def choose_shifts(network: NetworkParameters) -> None:
    """Give every layer its shift (a power-of-two weight step near a share of the weights' spread) and bias shift.

    A layer that starts from a base model keeps that one's.
    """
    for parameters in network.layers.values():
        if parameters.based:
            continue
        weight = parameters.weight.detach()
        spread = weight.square().mean().sqrt().clamp_min(1e-6)
        finest = math.floor(math.log2(WEIGHT_MAX / float(weight.abs().max().clamp_min(1e-6))))
        wanted = round(-math.log2(float(spread) * WEIGHT_STEP_SHARE))
        shift = max(0, min(wanted, finest, SHIFT_MAX))
        parameters.shift.fill_(shift)
        peak = float(parameters.bias.detach().abs().max()) * UNIT * 2.0**shift
        bias_shift = max(0, math.ceil(math.log2(max(peak, 1.0) * 1.25 / WEIGHT_MAX)))
        parameters.bias_shift.fill_(min(bias_shift, BIAS_SHIFT_MAX))


def weight_bits(network: NetworkParameters) -> Tensor:
    """Bits of a network's symbols, about: each tensor's differences under the Laplace distribution that fits them."""
    values, scales = [], []
    for parameters in network.layers.values():
        for part in parameters.differences():
            flat = part.reshape(-1)
            spread = flat.detach().abs().mean().clamp_min(SMALLEST_SPREAD)
            values.append(flat)
            scales.append(torch.log2(spread).expand(flat.shape))
    joined = torch.cat(values)
    return laplace_bits(joined, torch.zeros_like(joined), torch.cat(scales)).sum()


def prune(network: NetworkParameters) -> None:
    """Mask the weights within PRUNED_BELOW_STEPS weight steps of the base model's: they are its from here on."""
    for parameters in network.layers.values():
        steps, _ = parameters.differences()
        parameters.mask.copy_(steps.detach().abs() >= PRUNED_BELOW_STEPS)
