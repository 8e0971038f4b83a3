"""The encoder's helper: a network that looks at a picture and proposes its grids. Never in the file.

The grids of a clip are found several times faster through it than by gradient descent on free grids
(docs/decisions.md). It sees the picture and its GoP's mean picture; the GoP's own grids come from the mean picture
through output layers of their own.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.synthesis.layers import COARSEST

WIDTHS = {0: 0, 1: 24, 2: 32, 3: 32, 4: 32}
KERNEL = 5
LATENT_GAIN = 2.0


class AnalysisNetwork(nn.Module):
    """(N, input_channels, h_0, w_0) to real-valued grids of every level (in steps).

    Grid profile: a packed picture beside its GoP's mean; motion profile: a packed picture, or its difference from the
    mean of its window beside the window.
    """

    def __init__(self, config: ModelConfig, input_channels: int, *, deep: bool = False):
        """deep: a residual layer on every level, for networks that a base model has taught."""
        super().__init__()
        self.config = config
        self.down, self.out, self.gop_out = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self.more = nn.ModuleDict()
        channels = input_channels
        if config.levels[0].grid_channels:
            self._add_outputs(0, channels)
        for level in range(1, COARSEST + 1):
            self.down[str(level)] = nn.Conv2d(channels, WIDTHS[level], KERNEL, 2, KERNEL // 2)
            channels = WIDTHS[level]
            if deep:
                self.more[str(level)] = nn.Conv2d(channels, channels, 3, padding=1)
            if config.levels[level].grid_channels:
                self._add_outputs(level, channels)
        self.to(memory_format=torch.channels_last)

    def _add_outputs(self, level: int, channels: int) -> None:
        own = self.config.levels[level]
        self.out[str(level)] = nn.Conv2d(channels, own.grid_channels, 3, padding=1)
        if own.gop_grid_flag:
            self.gop_out[str(level)] = nn.Conv2d(channels, own.grid_channels, 3, padding=1)

    def forward(self, x: Tensor, gops: int) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Outputs by level: for the first N - gops rows the temporal grids', for the last `gops` rows the GoP's."""
        temporal, background = {}, {}
        for level in range(COARSEST + 1):
            if level:
                x = F.leaky_relu(self.down[str(level)](x), 0.125)
            if str(level) in self.more:
                x = x + F.leaky_relu(self.more[str(level)](x), 0.125)
            pictures = len(x) - gops
            if str(level) in self.out:
                temporal[level] = self.out[str(level)](x[:pictures]) * LATENT_GAIN
            if str(level) in self.gop_out and gops:
                background[level] = self.gop_out[str(level)](x[pictures:]) * LATENT_GAIN
        return temporal, background
