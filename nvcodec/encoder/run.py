"""One run of the fit's model: a few consecutive pictures of a GoP through analysis, contexts and synthesis.

Grids of pictures outside the run, which the window, the time interpolation and the contexts may ask for, come from a
cache of the latest quantised grids; no gradient runs through them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.encoder.crop import Crop, whole
from nvcodec.encoder.laplace import laplace_bits
from nvcodec.encoder.model import LIMIT, UNIT, FitOperations, NetworkParameters, round_through
from nvcodec.synthesis import arithmetic, structure
from nvcodec.synthesis.layers import COARSEST
from nvcodec.synthesis.network import context, synthesise

WINDOW_ONE = float(1 << arithmetic.WINDOW_FRACTION_BITS)


@dataclass(frozen=True)
class Gop:
    """A GoP of a segment: its first picture (in the segment) and its length."""

    first: int
    length: int
    open: bool = False
    """Motion profile: whether its anchor refers to the GoP before."""


@dataclass
class Grids:
    """Quantised grids of a run: `synthesis` feeds the network and the contexts, `rate` is what is charged for.

    temporal: {level: {grid: (1, L, h, w)}}; background: {level: (1, L, h, w)}.
    """

    temporal: dict[int, dict[int, Tensor]] = field(default_factory=dict)
    temporal_rate: dict[int, dict[int, Tensor]] = field(default_factory=dict)
    background: dict[int, Tensor] = field(default_factory=dict)
    background_rate: dict[int, Tensor] = field(default_factory=dict)


class GridCache:
    """The latest quantised grids of every GoP of a segment, int8 on the fit's device."""

    def __init__(self, config: ModelConfig, gops: list[Gop], height: int, width: int, device: torch.device):
        self.temporal: list[dict[int, Tensor]] = []
        self.background: list[dict[int, Tensor]] = []
        for gop in gops:
            temporal, background = {}, {}
            for level, own in enumerate(config.levels):
                if not own.grid_channels:
                    continue
                shape = (own.grid_channels, *arithmetic.level_size(height, width, level))
                count = structure.grid_count(gop.length, own.temporal_stride_log2)
                temporal[level] = torch.zeros((count, *shape), dtype=torch.int8, device=device)
                if own.gop_grid_flag:
                    background[level] = torch.zeros(shape, dtype=torch.int8, device=device)
            self.temporal.append(temporal)
            self.background.append(background)

    def grid(self, gop: int, level: int, grid: int, crop: Crop) -> Tensor:
        """(1, L, h, w) float of a crop."""
        rows, columns = crop.slices(level)
        return self.temporal[gop][level][grid][None, :, rows, columns].float()

    def gop_grid(self, gop: int, level: int, crop: Crop) -> Tensor:
        """(1, L, h, w) float of a crop."""
        rows, columns = crop.slices(level)
        return self.background[gop][level][None, :, rows, columns].float()

    def store(self, gop: int, grids: Grids, crop: Crop) -> None:
        with torch.no_grad():
            for level, fresh in grids.temporal.items():
                rows, columns = crop.slices(level)
                for number, value in fresh.items():
                    self.temporal[gop][level][number, :, rows, columns] = stored(value[0])
            for level, value in grids.background.items():
                rows, columns = crop.slices(level)
                self.background[gop][level][:, rows, columns] = stored(value[0])

    def state(self) -> dict[str, Any]:
        return {"temporal": self.temporal, "background": self.background}

    def load(self, state: dict[str, Any]) -> None:
        self.temporal, self.background = state["temporal"], state["background"]


def stored(value: Tensor) -> Tensor:
    rounded = torch.floor(value.detach() + 0.5)
    return rounded.clamp(arithmetic.LATENT_MIN, arithmetic.LATENT_MAX).to(torch.int8)


class RunModel:
    """Rates, embeddings and pictures of a run of consecutive pictures, given the grids."""

    def __init__(self, network: NetworkParameters, ops: FitOperations, cache: GridCache, gops: list[Gop]):
        self.network, self.ops, self.cache, self.gops = network, ops, cache, gops
        self.config = network.config
        self.crop = whole(ops.height, ops.width)
        self.levels = [level for level in range(COARSEST, -1, -1) if self.config.levels[level].grid_channels]

    def look_at(self, crop: Crop) -> None:
        """Everything that follows is about this part of the pictures."""
        self.crop = crop
        self.ops.sizes = crop.sizes()

    def fresh_grids(self, level: int, gop: Gop, pictures: list[int]) -> dict[int, int]:
        """{grid: row in the run} of the grids that stand at one of the run's pictures."""
        stride_log2 = self.config.levels[level].temporal_stride_log2
        rows = {picture: row for row, picture in enumerate(pictures)}
        count = structure.grid_count(gop.length, stride_log2)
        found = {}
        for picture, row in rows.items():
            grid = -(-picture >> stride_log2) if picture == gop.length - 1 else picture >> stride_log2
            if grid < count and structure.grid_picture(grid, gop.length, stride_log2) == picture:
                found[grid] = row
        return found

    def _grid(self, gop_index: int, grids: Grids, level: int, grid: int) -> Tensor:
        fresh = grids.temporal.get(level, {})
        return fresh[grid] if grid in fresh else self.cache.grid(gop_index, level, grid, self.crop)

    def _seen(self, q: Tensor) -> Tensor:
        gain = float(1 << arithmetic.CONTEXT_INPUT_SHIFT) / UNIT
        return (q * gain).clamp(-LIMIT, LIMIT)

    def _zeros(self, level: int) -> Tensor:
        channels = self.config.levels[level].grid_channels
        return torch.zeros((1, channels, *self.ops.sizes[level]), device=self.ops.kernel.device)

    def _previous(self, gop_index: int, grids: Grids, level: int, grid: int) -> Tensor:
        if grid == 0:
            return self._zeros(level)
        return self._grid(gop_index, grids, level, grid - 1)

    def laplace(self, gop_index: int, grids: Grids, level: int) -> tuple[Tensor, Tensor, Tensor] | None:
        """(symbols charged for, means, log2 scales) of a level's fresh grids, each (N, L, h, w); GoP grid last."""
        own, config, gop = self.config.levels[level], self.config, self.gops[gop_index]
        fresh = sorted(grids.temporal.get(level, {}))
        charged = [grids.temporal_rate[level][grid] for grid in fresh]
        kinds = [arithmetic.KIND_NEXT if grid else arithmetic.KIND_FIRST for grid in fresh]
        previous = [self._previous(gop_index, grids, level, grid) for grid in fresh]
        use_coarser = config.context_coarser_flag and level < COARSEST and config.levels[level + 1].grid_channels
        coarser = []
        if use_coarser:
            numbers = [structure.coarser_grid(config, level, grid, gop.length) for grid in fresh]
            coarser = [self._grid(gop_index, grids, level + 1, number) for number in numbers]
        if level in grids.background_rate:
            charged.append(grids.background_rate[level])
            kinds.append(arithmetic.KIND_GOP)
            previous.append(torch.zeros_like(grids.background_rate[level]))
            if use_coarser:
                below = grids.background.get(level + 1)
                coarser.append(self._zeros(level + 1) if below is None else below)
        if not charged:
            return None
        inputs = []
        if config.context_previous_flag:
            inputs.append(self._seen(torch.cat(previous)))
        elif not use_coarser:
            inputs.append(torch.zeros_like(torch.cat(charged)[:, :1]))
        kind = torch.tensor(kinds, device=charged[0].device)
        out = context(self.ops, config, level, inputs, self._seen(torch.cat(coarser)) if use_coarser else None, kind)
        mean, scale = (out * (UNIT / 8)).split(own.grid_channels, 1)
        return torch.cat(charged), mean, scale

    def bits(self, gop_index: int, grids: Grids) -> tuple[Tensor, Tensor]:
        """(bits of the fresh temporal grids, bits of the GoP's grids), summed over levels."""
        temporal, background = torch.zeros(()), torch.zeros(())
        for level in self.levels:
            found = self.laplace(gop_index, grids, level)
            if found is None:
                continue
            bits = laplace_bits(*found).sum((1, 2, 3))
            if level in grids.background_rate:
                background = background + bits[-1]
                bits = bits[:-1]
            temporal = temporal + bits.sum()
        return temporal, background

    def embedding(self, gop_index: int, grids: Grids, level: int, pictures: list[int]) -> Tensor:
        """(N, L, h, w): the weighted sum over the window, dequantised, plus the GoP's grid."""
        own, gop = self.config.levels[level], self.gops[gop_index]
        weights = self.network.window_weights(level, self.ops.exact) if own.window_flag else None
        rows = []
        for picture in pictures:
            terms: dict[int, Tensor | float] = {}
            reach = min(self.config.window_length, gop.length - picture) if own.window_flag else 1
            for i in range(reach):
                weight = weights[gop.first + picture, i] if weights is not None else 1.0
                for grid, eighths in structure.interpolation(picture + i, own.temporal_stride_log2):
                    terms[grid] = terms.get(grid, 0.0) + weight * (eighths / 8)
            if weights is not None and self.ops.exact and own.temporal_stride_log2:
                terms = {grid: round_through(w * WINDOW_ONE) / WINDOW_ONE for grid, w in terms.items()}
            rows.append(sum(w * self._grid(gop_index, grids, level, grid) for grid, w in terms.items()))
        step = self.network.steps(level, self.ops.exact).view(1, -1, 1, 1)
        x = torch.cat(rows) * step
        if own.gop_grid_flag:
            background = grids.background.get(level)
            if background is None:
                background = self.cache.gop_grid(gop_index, level, self.crop)
            x = x + background * self.network.steps(level, self.ops.exact, gop=True).view(1, -1, 1, 1)
        if self.ops.exact:
            x = round_through(x * UNIT) / UNIT
        return x.clamp(-LIMIT, LIMIT).contiguous(memory_format=torch.channels_last)

    def pictures(self, gop_index: int, grids: Grids, pictures: list[int], finest: int = 0) -> dict[int, Tensor]:
        """Packed pictures by level, samples over the sample range minus one half."""
        embeddings = {
            level: self.embedding(gop_index, grids, level, pictures) for level in self.levels if level >= finest
        }
        packed = synthesise(self.ops, self.config, embeddings, finest)
        gain = UNIT / (1 << arithmetic.PICTURE_FRACTION_BITS)
        return {level: picture * gain for level, picture in packed.items()}
