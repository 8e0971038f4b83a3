"""A level's integers as the file carries them, and the check that no accumulator can reach 2**24."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nvcodec.errors import NvcodecError
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.arrays import Array


class AccumulatorBound(NvcodecError):
    """A layer's weights could take an accumulator to 2**24 or beyond, where float32 is no longer exact."""


@dataclass(frozen=True)
class ConvWeights:
    """One layer: weight (out, in, k, k) and bias (kinds, out) in accumulator units, both int64; shift s."""

    weight: Array
    bias: Array
    shift: int

    def bias_with_half(self, kind: int, more_shift: int) -> Array:
        """Bias plus half of the divisor, the constant that is added before the shift."""
        result: Array = self.bias[kind] + (1 << (self.shift + more_shift) >> 1)
        return result


@dataclass
class LevelWeights:
    """All layers of a level by name, and the quantisation steps of its grids, (L,), empty without one.

    An inter network has several rows of steps, (step_rows, L).
    """

    layers: dict[str, ConvWeights]
    step: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    gop_step: Array = field(default_factory=lambda: np.zeros(0, np.int64))


def check_bound(where: str, name: str, layer: ConvWeights) -> None:
    """Raise AccumulatorBound unless sum|w| * 4095 + |b| + half < 2**24 in every output channel.

    Source: bitstream_spec.md, section 6.1.
    """
    more_shift = arithmetic.CONTEXT_OUTPUT_SHIFT if name == "context_output" else 0
    half = 1 << (layer.shift + more_shift) >> 1
    total = np.abs(layer.weight).sum((1, 2, 3)) * arithmetic.ACTIVATION_MAX + np.abs(layer.bias).max(0) + half
    worst = int(total.argmax())
    if total[worst] >= arithmetic.ACCUMULATOR_LIMIT:
        raise AccumulatorBound(
            f"{where}: layer {name}, output channel {worst}: an accumulator could reach {int(total[worst])}, "
            f"allowed is below {arithmetic.ACCUMULATOR_LIMIT}"
        )
