"""From the fit's parameters to the file's integers: shifts and pruning."""

from __future__ import annotations

import math

from nvcodec.encoder.model import BIAS_SHIFT_MAX, UNIT, WEIGHT_MAX, NetworkParameters

WEIGHT_STEP_SHARE = 0.15
SHIFT_MAX = 12
PRUNED_BELOW_STEPS = 0.75


def choose_shifts(network: NetworkParameters) -> None:
    """Give every layer its shift (a power-of-two weight step near a share of the weights' spread) and bias shift."""
    for parameters in network.layers.values():
        weight = parameters.weight.detach()
        spread = weight.square().mean().sqrt().clamp_min(1e-6)
        finest = math.floor(math.log2(WEIGHT_MAX / float(weight.abs().max().clamp_min(1e-6))))
        wanted = round(-math.log2(float(spread) * WEIGHT_STEP_SHARE))
        shift = max(0, min(wanted, finest, SHIFT_MAX))
        parameters.shift.fill_(shift)
        peak = float(parameters.bias.detach().abs().max()) * UNIT * 2.0**shift
        bias_shift = max(0, math.ceil(math.log2(max(peak, 1.0) * 1.25 / WEIGHT_MAX)))
        parameters.bias_shift.fill_(min(bias_shift, BIAS_SHIFT_MAX))


def prune(network: NetworkParameters) -> None:
    """Mask the weights that are smaller than PRUNED_BELOW_STEPS weight steps; they stay zero from here on."""
    for parameters in network.layers.values():
        threshold = PRUNED_BELOW_STEPS * 2.0 ** -int(parameters.shift)
        parameters.mask.copy_(parameters.weight.detach().abs() >= threshold)
