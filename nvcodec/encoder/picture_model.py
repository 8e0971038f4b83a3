"""One network of the motion profile in the fit: a picture's latents, their rate, and the picture at all scales.

Latents are a picture's own; nothing in them looks at other pictures but through the window.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nvcodec.bitstream.model_config import INTER, ModelConfig
from nvcodec.encoder.analysis import AnalysisNetwork
from nvcodec.encoder.crop import Crop
from nvcodec.encoder.laplace import laplace_bits
from nvcodec.encoder.model import LIMIT, UNIT, FitOperations, NetworkParameters, round_through
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.grid_context import passes
from nvcodec.synthesis.layers import COARSEST, PICTURE_CHANNELS
from nvcodec.synthesis.network import context, synthesise

Latents = dict[int, Tensor]
"""By level, (N, L, h, w), in units of their steps."""

EMBEDDING_SOFT_LIMIT = 2.5
"""Beyond it the fit pulls embeddings back: where they are clamped no gradient would, and the level would be dead."""
FIRST_STEP = 0.12
STEP_GROWTH = 1.3
"""How much coarser a row's steps start than those of the row before it."""


class PictureModel(nn.Module):
    """Parameters of one network and of its analysis network."""

    def __init__(self, config: ModelConfig, chroma_format: str, height: int, width: int, device: torch.device):
        super().__init__()
        self.config = config
        self.network = NetworkParameters(config, chroma_format, 0)
        with torch.no_grad():
            for steps in self.network.log_step.values():
                for row in range(config.step_rows):
                    start = math.log(FIRST_STEP * STEP_GROWTH**row)
                    (steps[row] if config.role == INTER else steps).fill_(start)
        channels = PICTURE_CHANNELS[chroma_format]
        self.analysis = AnalysisNetwork(config, channels * (3 if config.role == INTER else 1), deep=True)
        self.overflow = torch.zeros(())
        """How far the last pictures' embeddings went beyond EMBEDDING_SOFT_LIMIT, mean square."""
        self.to(device)
        self.ops = FitOperations(self.network, height, width)

    def look_at(self, crop: Crop) -> None:
        """Everything that follows is about this part of the pictures."""
        self.ops.sizes = crop.sizes()

    def steps(self, level: int, rows: Tensor) -> Tensor:
        """(N or 1, L, 1, 1) quantisation steps, real values, of pictures that use these rows."""
        steps = self.network.steps(level, self.ops.exact)
        return steps[rows][:, :, None, None] if self.config.role == INTER else steps.view(1, -1, 1, 1)

    def propose(self, packed: Tensor, window: dict[int, Tensor] | None, rows: Tensor) -> Latents:
        """The analysis network's latents of packed pictures (samples over their range, less one half).

        rows: (N,) each picture's row of steps and context biases.
        """
        if window is None:
            seen = packed
        else:
            first, difference = (window[0] * 0.25).chunk(2, 1)
            seen = torch.cat([packed - first - 0.5 * difference, first, difference], 1)
        found, _ = self.analysis(seen.contiguous(memory_format=torch.channels_last), 0)
        return {level: value / self.steps(level, rows) for level, value in found.items()}

    def bits(self, latents: Latents, charged: Latents, rows: Tensor) -> Tensor:
        """(N,) bits of each picture's latents; `latents` make the contexts, those of levels in `charged` cost."""
        total = torch.zeros(len(rows), device=self.ops.kernel.device)
        contexts = self.contexts(latents, rows)
        for level, values in charged.items():
            mean, scale = contexts[level]
            total = total + laplace_bits(values, mean, scale).sum((1, 2, 3))
        return total

    def contexts(self, latents: Latents, rows: Tensor) -> dict[int, tuple[Tensor, Tensor]]:
        """By level: means and log2 scales of the latents, in units of their steps, each (N, L, h, w)."""
        found = {}
        for level in self.config.grid_levels:
            coarser = None
            if self.config.context_coarser_flag and level < COARSEST and level + 1 in latents:
                coarser = self._seen(latents[level + 1])
            found[level] = self._predict(level, latents[level], coarser, rows)
        return found

    def _seen(self, latents: Tensor) -> Tensor:
        gain = float(1 << arithmetic.CONTEXT_INPUT_SHIFT) / UNIT
        return (latents * gain).clamp(-LIMIT, LIMIT)

    def _predict(self, level: int, latents: Tensor, coarser: Tensor | None, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log2 scales of a level's latents; of both passes, where there are two, in one go."""
        if self.config.context_neighbours_flag:
            even = torch.from_numpy(passes(self.config, *latents.shape[2:])[0]).to(latents.device)
            inputs = [torch.cat([torch.zeros_like(latents), self._seen(latents * even)])]
            coarser = None if coarser is None else torch.cat([coarser, coarser])
            rows = torch.cat([rows, rows])
        else:
            inputs = [] if coarser is not None else [torch.zeros_like(latents[:, :1])]
        out = context(self.ops, self.config, level, inputs, coarser, rows) * (UNIT / 8)
        if self.config.context_neighbours_flag:
            out = torch.where(even, *out.chunk(2))
        mean, scale = out.chunk(2, 1)
        return mean, scale

    def pictures(
        self, latents: Latents, rows: Tensor, window: dict[int, Tensor] | None, finest: int = 0
    ) -> dict[int, Tensor]:
        """Packed pictures by level, 3 .. finest, samples over the sample range less one half."""
        embeddings = {}
        self.overflow = torch.zeros((), device=self.ops.kernel.device)
        for level, values in latents.items():
            if level < finest:
                continue
            x = values * self.steps(level, rows)
            self.overflow = self.overflow + torch.relu(x.abs() - EMBEDDING_SOFT_LIMIT).square().mean()
            if self.ops.exact:
                x = round_through(x * UNIT) / UNIT
            embeddings[level] = x.clamp(-LIMIT, LIMIT)
        packed = synthesise(self.ops, self.config, embeddings, finest, window)
        gain = UNIT / (1 << arithmetic.PICTURE_FRACTION_BITS)
        return {level: picture * gain for level, picture in packed.items()}
