"""Constants and scalar rules of the integer arithmetic (bitstream_spec.md, section 6).

Every normative value is an integer; no accumulator can reach 2**24, so float32 carries them exactly whatever
the order of a sum.
"""

from __future__ import annotations

from nvcodec.bitstream.model_config import GRID_CONTEXT_KINDS

ACTIVATION_MAX = 4095
"""Activations are clamped to [-4095, 4095] after each layer (12 bits and sign)."""

ACCUMULATOR_LIMIT = 1 << 24
"""sum|w| * max|a| + |b| + half must stay below this in every output channel."""

ACTIVATION_FRACTION_BITS = 10
"""Q-format of features: one unit is 1/1024."""

PICTURE_FRACTION_BITS = 12
"""Q-format of pictures: one unit is 1/4096 of the sample range, zero is mid-grey."""

LEAKY_SHIFT = 3
"""The activation divides negative values by 2**3."""

WINDOW_FRACTION_BITS = 6
"""Window weights are integers over 64; sum|w| of a picture's window is at most WINDOW_WEIGHT_LIMIT."""

WINDOW_WEIGHT_LIMIT = 256

INTERPOLATION_FRACTION_BITS = 3
"""Linear interpolation in time has weights over 8."""

CONTEXT_INPUT_SHIFT = 8
"""Latents enter the context network multiplied by 256 and clamped."""

CONTEXT_OUTPUT_SHIFT = 5
"""The context network's last layer is shifted by this many bits more: means come in eighths of a latent unit."""

MEAN_LIMIT = 1016
"""Means are clamped to [-1016, 1016] eighths."""

SCALE_BIAS = 16
"""Scale index of a Laplace scale of one latent unit."""

LATENT_MIN, LATENT_MAX = -128, 127

KIND_GOP, KIND_FIRST, KIND_NEXT = range(GRID_CONTEXT_KINDS)
"""Context biases of the grid profile: the GoP's grid, the first temporal grid of a GoP, the others."""

MASK_FRACTION_BITS = 8
"""Blending weights are integers over 256."""

MASK_SHIFT = 2
"""From a head's output, in 1/1024, to a blending weight."""


def level_size(height: int, width: int, level: int) -> tuple[int, int]:
    """Rows and columns of a level's grid: the picture's size over 2**(level+1), rounded up."""
    return -(-height >> (level + 1)), -(-width >> (level + 1))
