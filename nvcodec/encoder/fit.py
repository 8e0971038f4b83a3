"""The fit: gradient descent on the network, with the rate in the loss, in phases (docs/decisions.md).

Shares of the work: no rate, then the rate ramped in; first additive noise, then hard rounding for the distortion
with noise for the rate (a rate computed on rounded grids explodes); last, weights pruned and quantised and the
integer arithmetic simulated. Everything that a later step depends on is in `state()`, so a resumed fit equals an
uninterrupted one.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.encoder.analysis import AnalysisNetwork
from nvcodec.encoder.crop import Crop, random_crop, whole
from nvcodec.encoder.distortion import ScaleAdaptiveLoss
from nvcodec.encoder.free import FreeGrids
from nvcodec.encoder.model import FitOperations, NetworkParameters, round_through
from nvcodec.encoder.pack import Packed, export_integers, pack_segment
from nvcodec.encoder.presets import Preset
from nvcodec.encoder.quantise import choose_shifts, prune
from nvcodec.encoder.run import Gop, GridCache, Grids, RunModel
from nvcodec.encoder.source import Targets
from nvcodec.synthesis.layers import PICTURE_CHANNELS

RATE_FREE_SHARE = 0.05
RATE_FULL_SHARE = 0.10
NOISE_SHARE = 0.15
CROP_SHARE = 0.40
CROP_PIXELS = 64_000
QUANTISE_SHARE = 0.40
FREE_SHARE = 0.50
FREE_RATE = 0.02  # latent units a step, for a gradient of the channel's root mean square
FREE_RATE_LAST = 0.002
FREE_RATE_EXTRA = 0.02  # in the steps after the last, by which a wanted size is hit
WARM_UP_STEPS = 50
GRADIENT_NORM = 0.05


@dataclass
class StepResult:
    """What one step says of itself: loss, mean squared error per scale, bits per picture."""

    loss: float
    mse: list[float]
    bits_per_picture: float


def quantise(z: Tensor, mode: str, noise: torch.Generator) -> tuple[Tensor, Tensor]:
    """(what the network sees, what the rate is computed on)."""
    if mode == "none":
        return z, z
    noisy = z + torch.rand(z.shape, generator=noise, device=z.device) - 0.5
    return (noisy, noisy) if mode == "noise" else (round_through(z.clamp(-128, 127)), noisy)


class Fit:
    """State of a fit of one segment. `step()` makes one step; `done` says that no step is left."""

    def __init__(
        self,
        targets: Targets,
        gops: list[Gop],
        config: ModelConfig,
        preset: Preset,
        lam: float,
        *,
        loss: ScaleAdaptiveLoss,
        seed: int,
        device: torch.device,
    ):
        torch.manual_seed(seed)
        self.random = random.Random(seed)
        self.noise = torch.Generator(device).manual_seed(seed)
        self.targets, self.gops, self.config, self.preset, self.lam = targets, gops, config, preset, lam
        self.loss, self.device = loss, device
        video = targets.source.format
        self.pixels = video.width * video.height
        pictures = sum(gop.length for gop in gops)
        self.network = NetworkParameters(config, video.chroma_format, pictures).to(device)
        self.analysis = AnalysisNetwork(config, 2 * PICTURE_CHANNELS[video.chroma_format]).to(device)
        self.ops = FitOperations(self.network, video.height, video.width)
        self.cache = GridCache(config, gops, video.height, video.width, device)
        self.model = RunModel(self.network, self.ops, self.cache, gops)
        epochs = max(preset.epochs, preset.minimum_steps * preset.run_length / pictures)
        self.work = round(epochs * pictures * self.pixels)
        """Luma samples to visit; a step's cost grows with the samples it visits, so shares of this are of time."""
        self.work_done = 0
        self.step_number = 0
        self.free: FreeGrids | None = None
        self.means = [self._mean_picture(gop) for gop in gops]
        parameters = [*self.network.parameters(), *self.analysis.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=preset.learning_rate, betas=(0.9, 0.99))

    def _mean_picture(self, gop: Gop) -> Tensor:
        total = torch.zeros(())
        for index in range(gop.first, gop.first + gop.length):
            total = total + self.targets.pictures([index])[0]
        return (total / gop.length).contiguous(memory_format=torch.channels_last)

    @property
    def done(self) -> bool:
        return self.work_done >= self.work

    @property
    def share(self) -> float:
        return min(1.0, self.work_done / self.work)

    @property
    def phase(self) -> str:
        """As the progress bar calls it."""
        if self.share < QUANTISE_SHARE:
            return "fit"
        return "prune and quantise" if self.share < FREE_SHARE else "refine"

    def rate_weight(self) -> float:
        ramp = (self.share - RATE_FREE_SHARE) / (RATE_FULL_SHARE - RATE_FREE_SHARE)
        return self.lam * min(1.0, max(0.0, ramp))

    def learning_rate(self) -> float:
        warm = min(1.0, (self.step_number + 1) / WARM_UP_STEPS)
        return self.preset.learning_rate * warm * (0.99 * 0.5 * (1 + math.cos(math.pi * self.share)) + 0.01)

    def _choose_run(self) -> tuple[int, list[int]]:
        total = sum(gop.length for gop in self.gops)
        position = self.random.randrange(total)
        index = next(i for i, gop in enumerate(self.gops) if gop.first <= position < gop.first + gop.length)
        length = min(self.preset.run_length, self.gops[index].length)
        first = self.random.randrange(-(length - 1), self.gops[index].length)
        first = min(max(first, 0), self.gops[index].length - length)
        return index, list(range(first, first + length))

    def _choose_crop(self) -> Crop:
        if self.share >= CROP_SHARE:
            return whole(self.ops.height, self.ops.width)
        return random_crop(self.ops.height, self.ops.width, CROP_PIXELS, self.random)

    def grids(self, gop_index: int, pictures: list[int], packed: Tensor, mode: str) -> Grids:
        """Analysis of a run: its fresh temporal grids and its GoP's grids, quantised as the mode says."""
        gop = self.gops[gop_index]
        rows, columns = self.model.crop.slices(0)
        mean = self.means[gop_index][:, :, rows, columns]
        both = torch.cat([torch.cat([packed, mean.expand(len(packed), -1, -1, -1)], 1), torch.cat([mean, mean], 1)])
        temporal, background = self.analysis(both.contiguous(memory_format=torch.channels_last), 1)
        grids = Grids()
        exact = self.ops.exact
        for level, value in temporal.items():
            fresh = self.model.fresh_grids(level, gop, pictures)
            z = value / self.network.steps(level, exact).view(1, -1, 1, 1)
            seen, charged = quantise(z, mode, self.noise)
            grids.temporal[level] = {grid: seen[row : row + 1] for grid, row in fresh.items()}
            grids.temporal_rate[level] = {grid: charged[row : row + 1] for grid, row in fresh.items()}
        for level, value in background.items():
            z = value / self.network.steps(level, exact, gop=True).view(1, -1, 1, 1)
            grids.background[level], grids.background_rate[level] = quantise(z, mode, self.noise)
        return grids

    def mode(self) -> str:
        if self.share < RATE_FREE_SHARE:
            return "none"
        return "noise" if self.share < NOISE_SHARE else "mixed"

    def _enter_phase(self) -> None:
        if not self.ops.exact and self.share >= QUANTISE_SHARE:
            choose_shifts(self.network)
            prune(self.network)
            self.ops.exact = True
        if self.free is None and self.share >= FREE_SHARE:
            self.free = FreeGrids(self.cache)
            self._analyse_all()

    def finish(self) -> None:
        """After the last step: enter the phases that a very short fit never reached, so that all is quantised."""
        self._enter_phase()

    def step(self) -> StepResult:
        """One run: forward, backward, one step of the optimiser, and of the run's grids once they are free."""
        self._enter_phase()
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        gop_index, pictures = self._choose_run()
        gop = self.gops[gop_index]
        self.model.look_at(self._choose_crop())
        crop = self.model.crop
        originals = self.targets.pictures([gop.first + picture for picture in pictures], crop)
        leaves = None
        if self.free is None:
            grids = self.grids(gop_index, pictures, originals[0], self.mode())
        else:
            fresh = {level: self.model.fresh_grids(level, gop, pictures) for level in self.model.levels}
            leaves = self.free.leaves(gop_index, fresh)
            grids = self._quantised(leaves)
        decoded = self.model.pictures(gop_index, grids, pictures)
        distortion, mse = self.loss(decoded, originals)
        temporal_bits, gop_bits = self.model.bits(gop_index, grids)
        bits = temporal_bits / len(pictures) + gop_bits / gop.length
        loss = distortion + self.rate_weight() * bits / crop.pixels
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.optimiser.param_groups[0]["params"], GRADIENT_NORM)
        self.optimiser.step()
        if leaves is not None:
            progress = (self.share - FREE_SHARE) / (1 - FREE_SHARE)
            rate = FREE_RATE_EXTRA if self.done else FREE_RATE + (FREE_RATE_LAST - FREE_RATE) * progress
            self.free.descend(gop_index, leaves, rate)
        self.cache.store(gop_index, grids if leaves is None else leaves, crop)
        self.step_number += 1
        self.work_done += len(pictures) * crop.pixels
        return StepResult(loss.item(), mse, bits.item() * self.pixels / crop.pixels)

    def _quantised(self, leaves: Grids) -> Grids:
        grids = Grids()
        for level, values in leaves.temporal.items():
            pairs = {grid: quantise(z, "mixed", self.noise) for grid, z in values.items()}
            grids.temporal[level] = {grid: pair[0] for grid, pair in pairs.items()}
            grids.temporal_rate[level] = {grid: pair[1] for grid, pair in pairs.items()}
        for level, z in leaves.background.items():
            grids.background[level], grids.background_rate[level] = quantise(z, "mixed", self.noise)
        return grids

    def _analyse_all(self) -> None:
        """Fill the cache, and the free grids, with every picture's grids by the analysis network as it is now."""
        self.model.look_at(whole(self.ops.height, self.ops.width))
        with torch.no_grad():
            for index, gop in enumerate(self.gops):
                for picture in range(gop.length):
                    packed = self.targets.pictures([gop.first + picture])[0]
                    grids = self.grids(index, [picture], packed, "none")
                    self.free.store(index, grids)
                    self.cache.store(index, grids, self.model.crop)

    def pack(self, segment: int, first: int, threads: int) -> Packed:
        """The units of the segment, whose first picture is `first`, as the fit stands."""
        integers = export_integers(self.network, self.cache, self.gops)
        video = self.targets.source.format
        size = (video.height, video.width)
        return pack_segment(integers, self.config, self.gops, segment, first, size, video.chroma_format, threads)

    def state(self) -> dict:
        return {
            "step": self.step_number,
            "work": self.work_done,
            "exact": self.ops.exact,
            "network": self.network.state_dict(),
            "analysis": self.analysis.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "cache": self.cache.state(),
            "random": self.random.getstate(),
            "noise": self.noise.get_state(),
            "loss": self.loss.state(),
            "lambda": self.lam,
            "free": None if self.free is None else self.free.state(),
        }

    def load(self, state: dict) -> None:
        self.step_number, self.work_done = state["step"], state["work"]
        self.ops.exact, self.lam = state["exact"], state["lambda"]
        self.network.load_state_dict(state["network"])
        self.analysis.load_state_dict(state["analysis"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.cache.load(state["cache"])
        version, internal, gauss = state["random"]
        self.random.setstate((version, tuple(internal), gauss))
        self.noise.set_state(state["noise"].cpu())
        self.loss.load(state["loss"])
        if state["free"] is not None:
            self.free = FreeGrids(self.cache)
            self.free.load(state["free"])
