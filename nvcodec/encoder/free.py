"""The grids as free parameters, for the last part of the fit, when the analysis network has done its work.

Descent without per-latent state: a gradient is divided by a running root mean square of its channel, so that memory
stays at one float per latent.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nvcodec.encoder.run import GridCache, Grids

MEMORY = 0.98
SMALLEST = 1e-20


def normalised(gradient: Tensor, power: dict[str, Tensor], key: str) -> Tensor:
    """A gradient (1, L, h, w) over the running root mean square of its channels, kept under `key`."""
    present = gradient.square().mean((0, 2, 3), keepdim=True)
    power[key] = MEMORY * power.get(key, present) + (1 - MEMORY) * present
    return gradient / power[key].clamp_min(SMALLEST).sqrt()


class FreeGrids:
    """Real-valued grids of every GoP, in units of their quantisation steps."""

    def __init__(self, cache: GridCache):
        self.temporal = [{level: grids.float() for level, grids in gop.items()} for gop in cache.temporal]
        self.background = [{level: grid.float() for level, grid in gop.items()} for gop in cache.background]
        self.power: dict[str, Tensor] = {}

    def store(self, gop: int, grids: Grids) -> None:
        for level, fresh in grids.temporal.items():
            for number, value in fresh.items():
                self.temporal[gop][level][number] = value[0]
        for level, value in grids.background.items():
            self.background[gop][level].copy_(value[0])

    def leaves(self, gop: int, fresh: dict[int, dict[int, int]]) -> Grids:
        """The grids of a run, {level: {grid: row}}, and the GoP's, as leaves that collect gradients."""
        grids = Grids()
        for level, numbers in fresh.items():
            values = self.temporal[gop][level]
            grids.temporal[level] = {number: values[number][None].clone().requires_grad_() for number in numbers}
        grids.background = {
            level: value[None].clone().requires_grad_() for level, value in self.background[gop].items()
        }
        return grids

    def descend(self, gop: int, leaves: Grids, rate: float) -> None:
        """One step down the leaves' gradients, stored back; the leaves end up holding the new values."""
        with torch.no_grad():
            for level, values in leaves.temporal.items():
                for leaf in values.values():
                    self._descend(leaf, f"{level}", rate)
            for level, leaf in leaves.background.items():
                self._descend(leaf, f"{level} gop", rate)
            self.store(gop, leaves)

    def _descend(self, leaf: Tensor, key: str, rate: float) -> None:
        if leaf.grad is not None:
            leaf -= rate * normalised(leaf.grad, self.power, key)

    def state(self) -> dict[str, Any]:
        return {"temporal": self.temporal, "background": self.background, "power": self.power}

    def load(self, state: dict[str, Any]) -> None:
        self.temporal, self.background, self.power = state["temporal"], state["background"], state["power"]
