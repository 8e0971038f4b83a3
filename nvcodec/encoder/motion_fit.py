"""The fit of the motion profile: two networks, one for pictures without references and one for the others.

No gradient runs through references: windows are aligned from the latest reconstruction of every picture, refreshed in
coding order from time to time, and taken as given. Until the last phase latents come from the analysis networks alone,
which answer to a window that has changed; free ones would not, and errors would add up from anchor to anchor. In the
last phase the weights stand still; each picture in coding order gets its latents proposed and refined against its exact
references, and is reconstructed by the decoder's arithmetic.
Everything that a later step depends on is in `state()`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream.model_config import SCALES, ModelConfig
from nvcodec.decoder.motion import network_number, step_row
from nvcodec.encoder.crop import Crop, random_crop, whole
from nvcodec.encoder.distortion import ScaleAdaptiveLoss
from nvcodec.encoder.fit import StepResult, quantise
from nvcodec.encoder.free import normalised
from nvcodec.encoder.model import UNIT
from nvcodec.encoder.motion_pack import pack_motion_segment
from nvcodec.encoder.pack import Packed
from nvcodec.encoder.picture_model import Latents, PictureModel
from nvcodec.encoder.presets import Preset
from nvcodec.encoder.quantise import choose_shifts, prune, weight_bits
from nvcodec.encoder.run import Gop, stored
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.encoder.source import Targets
from nvcodec.encoder.start import start_from_base
from nvcodec.encoder.window_store import WindowStore
from nvcodec.encoder.zeroing import Zeroing
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.alignment import Reference, align_picture
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.packing import to_samples, unpack
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.window import window_inputs
from nvcodec.video.scaling import area_downscale

LARGEST_BATCH = 4
"""Pictures that a step looks at together, where they are small."""
REFINE_RATE, REFINE_RATE_LAST = 0.04, 0.008
"""Latent units a step, for a gradient of the channel's root mean square."""
LEAST_ITERATIONS = 4
ZEROING_ROUNDS = 3
ZEROING_ITERATIONS = 6
"""Iterations of the refinement that zeroing takes the time of, about."""
LEARNING_RATE_FLOOR = 0.01
WARM_UP_STEPS = 50
OVERFLOW_WEIGHT = 0.01
WEIGHT_RATE_EVERY = 4
"""Steps between two that charge for the weights; that one charges for them all."""
GRADIENT_NORM = 0.05
DEPTH_WEIGHT = 1.5
"""A picture's distortion weighs so much more than one's a depth below."""
ANCHOR_WEIGHT = 1.5
"""And an anchor's so much more than the first pictures' between anchors."""
REDUCED_SHARE = 0.3
"""What a reduced scale's own loop weighs beside the full size's, in the steps that look at one."""
REDUCED_EVERY = 2
"""Steps between two that look at a reduced scale's loop too."""
REDUCED_CHANCES = (2.0, 1.0, 1.0)
"""How likely such a step looks at 1/2, 1/4, 1/8."""
REFINED_SCALES = (0, 1)
"""The scales whose loops the refinement looks at."""
REFINED_REDUCED_SHARE = 0.1
"""What the loop of 1/2 weighs there, beside full size's."""
DROP_CHANCE = 0.25
"""How often a step does without latents of pictures with references, so that refinement can spare them cheaply."""
DROP_CHANCES = (1.0, 1.0, 0.0, 2.0)
"""How likely such a step drops the finest 1, 2, 3, 4 levels."""
ANCHOR_CHANCE = 3.0
"""How much more often a step looks at an anchor than at a picture between."""


@dataclass(frozen=True)
class Schedule:
    """At which shares of the work the phases of a fit begin."""

    rate_full: float
    """Until then lambda rises from nothing to its full weight."""
    rounds: float
    """Latents are rounded for the distortion; before, noise stands for rounding."""
    whole: float
    """Steps look at whole pictures; before, at crops."""
    crop_pixels: int
    """Luma samples of a crop, about; smaller pictures are looked at several together."""
    exact: float
    """Weights are rounded, and the integer arithmetic is simulated."""
    prune: float
    """Weights close to the base model's become it."""
    refine: float
    """Weights stand still; pictures are refined in coding order."""
    refreshes: int
    """How often windows are made from new reconstructions."""
    learning_rate: float
    intra_share: float
    """Of the steps, at least, for the pictures without references: their network has no others to learn from."""


FROM_SCRATCH = Schedule(
    rate_full=0.10,
    rounds=0.15,
    whole=0.40,
    crop_pixels=64_000,
    exact=0.45,
    prune=0.45,
    refine=0.70,
    refreshes=20,
    learning_rate=5e-3,
    intra_share=0.15,
)
FROM_BASE = Schedule(
    rate_full=0.01,
    rounds=0.0,
    whole=0.30,
    crop_pixels=64_000,
    exact=0.0,
    prune=0.40,
    refine=0.65,
    refreshes=8,
    learning_rate=7e-4,
    intra_share=0.08,
)
FOR_BASE = Schedule(
    rate_full=0.05,
    rounds=0.1,
    whole=0.8,
    crop_pixels=32_000,
    exact=0.5,
    prune=2.0,
    refine=1.0,
    refreshes=8,
    learning_rate=1e-3,
    intra_share=0.15,
)
"""For the fit of a base model, whose analysis networks are wanted too; no picture is refined."""


def rate_divisor(depth: int, deepest: int) -> float:
    """What lambda is divided by for a picture of some depth, in a GoP whose deepest pictures have depth `deepest`."""
    return DEPTH_WEIGHT ** (deepest - depth) * (ANCHOR_WEIGHT if depth == 0 else 1.0)


def deepest_depth(gop: Gop) -> int:
    """Of a GoP's hierarchy."""
    return max(picture.depth for picture in hierarchical_order(gop.length, gop.open))


def rate_factor(gop: Gop, depth: int) -> float:
    """What lambda is multiplied by for a picture of some depth of a GoP."""
    return 1 / rate_divisor(depth, deepest_depth(gop))


class MotionFit:
    """State of a fit of one segment. `step()` makes one step; `done` says that no step is left."""

    def __init__(
        self,
        targets: Targets,
        gops: list[Gop],
        configs: tuple[ModelConfig, ModelConfig],
        preset: Preset,
        lam: float,
        motion: list[dict[int, CodedMotion]],
        *,
        loss: ScaleAdaptiveLoss,
        seed: int,
        device: torch.device,
        schedule: Schedule = FROM_SCRATCH,
    ):
        torch.manual_seed(seed)
        self.random = random.Random(seed)
        self.noise = torch.Generator(device).manual_seed(seed)
        self.targets, self.gops, self.preset, self.lam, self.motion = targets, gops, preset, lam, motion
        self.configs, self.schedule = configs, schedule
        self.loss, self.device = loss, device
        video = self.video = targets.source.format
        self.pixels = video.width * video.height
        self.models = [
            PictureModel(config, video.chroma_format, video.height, video.width, device) for config in configs
        ]
        self.order = [
            (number, picture) for number, gop in enumerate(gops) for picture in hierarchical_order(gop.length, gop.open)
        ]
        """(GoP, picture) of the whole segment in coding order."""
        self.referred_to = {
            gops[number].first + index for number, picture in self.order for index in picture.references
        }
        """Pictures of the segment that others refer to."""
        self.rate_factors = {
            gops[number].first + picture.index: rate_factor(gops[number], picture.depth)
            for number, picture in self.order
        }
        self._chances = self._sampling_chances()
        count = sum(gop.length for gop in gops)
        self.stores = [WindowStore(video.scaled(s), count, scale_log2=s) for s in range(SCALES)]
        """Windows by scale: each has a loop of its own."""
        self.latents: list[dict[int, Tensor]] = [{} for _ in range(count)]
        """By picture and level, (1, L, h, w): int8 once the picture is refined; before, what the last refresh saw."""
        self.pruned = False
        self.power: dict[str, Tensor] = {}
        epochs = max(preset.epochs, preset.minimum_steps / count)
        self.work = round(epochs * count * self.pixels)
        self.work_done = 0
        self.step_number = 0
        self.refreshed = 0
        self.refined = 0
        """Pictures of the coding order whose final latents stand."""
        self.references: dict[int, dict[int, Reference]] = {scale_log2: {} for scale_log2 in REFINED_SCALES}
        """The last phase's exact reconstructions that are still needed, by scale and picture of the segment."""
        parameters = [parameter for model in self.models for parameter in model.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=self.schedule.learning_rate, betas=(0.9, 0.99), fused=True)
        for model, config in zip(self.models, configs, strict=True):
            if config.base_model:
                start_from_base(model, video.chroma_format)
        self._align_originals()

    # --- where the fit stands ----------------------------------------------------------------------------------------

    @property
    def share(self) -> float:
        return min(1.0, self.work_done / self.work)

    @property
    def done(self) -> bool:
        return self.refined == len(self.order)

    @property
    def phase(self) -> str:
        """As the progress bar calls it."""
        if self.share < self.schedule.prune:
            return "fit"
        return "prune and quantise" if self.share < self.schedule.refine else "refine"

    @property
    def exact(self) -> bool:
        return self.models[0].ops.exact

    def _sampling_chances(self) -> list[float]:
        """How likely a step looks at each picture of the coding order."""
        weights = [ANCHOR_CHANCE if picture.depth == 0 else 1.0 for _, picture in self.order]
        intra = [not picture.references for _, picture in self.order]
        of_intra = sum(w for w, alone in zip(weights, intra, strict=True) if alone)
        of_others = sum(weights) - of_intra
        share = max(self.schedule.intra_share, of_intra / (of_intra + of_others)) if of_others else 1.0
        factors = {True: share / of_intra, False: (1 - share) / of_others if of_others else 0.0}
        return [w * factors[alone] for w, alone in zip(weights, intra, strict=True)]

    def _number(self, gop: int, picture: CodedPicture) -> int:
        return self.gops[gop].first + picture.index

    def _model(self, picture: CodedPicture) -> PictureModel:
        return self.models[network_number(picture, len(self.models))]

    def _row(self, picture: CodedPicture) -> int:
        return step_row(self._model(picture).config, picture)

    def _rows(self, pictures: list[CodedPicture]) -> Tensor:
        return torch.tensor([self._row(picture) for picture in pictures], device=self.device)

    def learning_rate(self) -> float:
        warm = min(1.0, (self.step_number + 1) / WARM_UP_STEPS)
        share = min(1.0, self.share / self.schedule.refine)
        falling = 0.5 * (1 + math.cos(math.pi * share))
        return self.schedule.learning_rate * warm * ((1 - LEARNING_RATE_FLOOR) * falling + LEARNING_RATE_FLOOR)

    def rate_weight(self, number: int) -> float:
        """Of a picture of the segment: lambda as it stands, at the picture's depth."""
        return self.lam * min(1.0, self.share / self.schedule.rate_full) * self.rate_factors[number]

    def mode(self) -> str:
        return "noise" if self.share < self.schedule.rounds else "mixed"

    # --- windows -----------------------------------------------------------------------------------------------------

    def _align(
        self, gop: int, picture: CodedPicture, references: dict[int, Reference], scale_log2: int = 0
    ) -> list[tuple[Array, ...]]:
        """Nothing for a picture without references."""
        if not picture.references:
            return []
        motion = self.motion[gop][picture.index].motion
        first = self.gops[gop].first
        return [
            align_picture(
                references[first + index],
                vectors,
                motion.block_log2,
                self.video.chroma_format,
                scale_log2,
                stepped=motion.stepped,
            )
            for index, vectors in zip(picture.references, motion.fields, strict=True)
        ]

    def _align_originals(self) -> None:
        """The first windows: of the source itself."""
        for scale_log2 in range(SCALES):

            def original(gop: int, picture: CodedPicture, _: object, scale_log2: int = scale_log2) -> list[Array]:
                planes = self.targets.source.planes(self.targets.first + self._number(gop, picture))
                if scale_log2 == 0:
                    return planes
                return [np.floor(p + 0.5).astype(self.video.dtype) for p in area_downscale(planes, scale_log2)]

            self._walk(original, scale_log2)

    def _refresh(self) -> None:
        """Windows from the pictures as the networks reconstruct them now, of every scale's own loop."""

        def propose(gop: int, picture: CodedPicture, aligned: list[tuple[Array, ...]]) -> list[Array]:
            number = self._number(gop, picture)
            window = self._inputs(aligned) if aligned else None
            packed = self.targets.pictures([number])[0]
            proposed = self._model(picture).propose(packed, window, self._rows([picture]))
            self.latents[number] = {level: stored(z) for level, z in proposed.items()}
            return self._reconstructed(number, picture, window)

        with torch.no_grad():
            self._look_at(whole(self.video.height, self.video.width))
            self._walk(propose, 0)
            for scale_log2 in range(1, SCALES):
                self._walk(
                    lambda gop, picture, aligned, scale_log2=scale_log2: self._reconstructed(
                        self._number(gop, picture),
                        picture,
                        self._inputs(aligned, scale_log2) if aligned else None,
                        scale_log2,
                    ),
                    scale_log2,
                )

    def _walk(
        self, reconstruct: Callable[[int, CodedPicture, list[tuple[Array, ...]]], list[Array]], scale_log2: int
    ) -> None:
        """All pictures in coding order: align and keep their windows, reconstruct what others refer to."""
        references: dict[int, Reference] = {}
        for gop, picture in self.order:
            aligned = self._align(gop, picture, references, scale_log2)
            if aligned:
                self.stores[scale_log2].store(self._number(gop, picture), aligned)
            planes = reconstruct(gop, picture, aligned)
            references = self._with(references, gop, picture, planes)

    def _with(
        self, references: dict[int, Reference], gop: int, picture: CodedPicture, planes: list[Array]
    ) -> dict[int, Reference]:
        """The references that are still needed after a picture, itself among them if others refer to it."""
        number = self._number(gop, picture)
        if picture.index == self.gops[gop].length - 1:
            references = {n: r for n, r in references.items() if n >= self.gops[gop].first - 1}
        if number not in self.referred_to:
            return references
        return {**references, number: Reference(planes, self.video.bit_depth)}

    def _reconstructed(
        self, number: int, picture: CodedPicture, window: dict[int, Tensor] | None, scale_log2: int = 0
    ) -> list[Array]:
        """A picture's planes by its latents as they are coded; none where no other picture refers to it."""
        if number not in self.referred_to:
            return []
        latents = {level: z.float() for level, z in self.latents[number].items()}
        packed = self._model(picture).pictures(latents, self._rows([picture]), window, scale_log2)
        return self._planes(packed[scale_log2], scale_log2)

    def _windows(self, numbers: list[int], crop: Crop, scale_log2: int = 0) -> dict[int, Tensor]:
        """Of several pictures, one after the other."""
        each = [self._inputs(self.stores[scale_log2].window(number, crop), scale_log2) for number in numbers]
        return each[0] if len(each) == 1 else {level: torch.cat([one[level] for one in each]) for level in each[0]}

    def _inputs(self, aligned: list[Any], scale_log2: int = 0) -> dict[int, Tensor]:
        inputs = window_inputs(aligned, self.video.bit_depth, self.video.chroma_format, scale_log2)
        return {
            level: (torch.from_numpy(x).to(self.device) * (1 / UNIT)).contiguous(memory_format=torch.channels_last)
            for level, x in inputs.items()
        }

    def _planes(self, packed: Tensor, scale_log2: int) -> list[Array]:
        """A packed picture's samples, as the decoder rounds them."""
        integers = torch.round(packed[0] * (1 << arithmetic.PICTURE_FRACTION_BITS)).cpu().numpy()
        samples = to_samples(integers, self.video.bit_depth)
        return unpack(samples, self.video.chroma_format, list(self.video.scaled(scale_log2).plane_shapes))

    # --- steps -------------------------------------------------------------------------------------------------------

    def _look_at(self, crop: Crop) -> None:
        for model in self.models:
            model.look_at(crop)

    def _enter_phase(self) -> None:
        if not self.exact and self.share >= self.schedule.exact:
            for model in self.models:
                choose_shifts(model.network)
                model.ops.exact = True
        if not self.pruned and self.share >= self.schedule.prune:
            for model in self.models:
                prune(model.network)
            self.pruned = True
        due = int(self.share / self.schedule.refine * (self.schedule.refreshes + 1))
        if due > self.refreshed and self.share < self.schedule.refine:
            self.refreshed = due
            self._refresh()

    def step(self) -> StepResult:
        """One picture: forward, backward, a step of the optimiser; or, in the last phase, a picture's last latents."""
        self._enter_phase()
        if self.share >= self.schedule.refine:
            return self._refine_next()
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        crop = whole(self.video.height, self.video.width)
        if self.share < self.schedule.whole:
            crop = random_crop(self.video.height, self.video.width, self.schedule.crop_pixels, self.random)
        self._look_at(crop)
        numbers, pictures = self._choose(max(1, min(LARGEST_BATCH, self.schedule.crop_pixels // crop.pixels)))
        model = self._model(pictures[0])
        window = self._windows(numbers, crop) if pictures[0].references else None
        originals = self.targets.pictures(numbers, crop)
        proposed = model.propose(originals[0], window, self._rows(pictures))
        reduced = None
        if window is not None and self.step_number % REDUCED_EVERY == 0:
            scale_log2 = self.random.choices(range(1, SCALES), REDUCED_CHANCES)[0]
            reduced = self._windows(numbers, crop, scale_log2)
        dropped = self._drop(model.config) if window is not None else ()
        loss, bits, mse = self._loss(
            numbers, pictures, proposed, window, originals, crop, self.mode(), reduced, dropped
        )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self.exact and self.step_number % WEIGHT_RATE_EVERY == 0 and self.schedule.prune <= 1:
            pixels = self.pixels * len(self.order)
            (WEIGHT_RATE_EVERY * self.lam / pixels * weight_bits(model.network)).backward()
        torch.nn.utils.clip_grad_norm_(self.optimiser.param_groups[0]["params"], GRADIENT_NORM)
        self.optimiser.step()
        self.step_number += 1
        self.work_done += crop.pixels * len(numbers)
        return StepResult(loss.item(), mse, bits.mean().item() * self.pixels / crop.pixels)

    def _drop(self, config: ModelConfig) -> Sequence[int]:
        """The levels that a step does without."""
        if self.random.random() >= DROP_CHANCE:
            return ()
        levels = sorted(config.grid_levels)
        return levels[: self.random.choices(range(1, len(DROP_CHANCES) + 1), DROP_CHANCES)[0]]

    def _choose(self, count: int) -> tuple[list[int], list[CodedPicture]]:
        """Pictures of one network, and their numbers in the segment."""
        first = self.random.choices(self.order, self._chances)[0]
        alone = not first[1].references
        chosen = [first]
        while len(chosen) < count:
            other = self.random.choices(self.order, self._chances)[0]
            if (not other[1].references) == alone:
                chosen.append(other)
            elif alone:
                break  # pictures without references are few: rather a smaller batch than a long search
        return [self._number(*each) for each in chosen], [picture for _, picture in chosen]

    def _loss(
        self,
        numbers: list[int],
        pictures: list[CodedPicture],
        proposed: Latents,
        window: dict[int, Tensor] | None,
        originals: list[Tensor],
        crop: Crop,
        mode: str,
        reduced: dict[int, Tensor] | None = None,
        dropped: Sequence[int] = (),
        reduced_share: float = REDUCED_SHARE,
    ) -> tuple[Tensor, Tensor, list[float]]:
        """(loss, bits of each picture, luma mean squared error per scale).

        reduced: a window of a reduced scale's loop; dropped: levels without latents.
        """
        model, rows = self._model(pictures[0]), self._rows(pictures)
        pairs = {level: quantise(z, mode, self.noise) for level, z in proposed.items()}
        seen = {level: torch.zeros_like(pair[0]) if level in dropped else pair[0] for level, pair in pairs.items()}
        charged = {level: pair[1] for level, pair in pairs.items() if level not in dropped}
        distortion, mse = self.loss(model.pictures(seen, rows, window), originals)
        overflow = model.overflow
        if reduced is not None:
            distortion = distortion + reduced_share * self._reduced_distortion(model, seen, rows, reduced, originals)
        bits = model.bits(seen, charged, rows)
        weights = torch.tensor([self.rate_weight(number) for number in numbers], device=self.device)
        loss = distortion + (weights * bits).mean() / crop.pixels + OVERFLOW_WEIGHT * overflow
        return loss, bits, mse

    def _reduced_distortion(
        self, model: PictureModel, seen: Latents, rows: Tensor, window: dict[int, Tensor], originals: list[Tensor]
    ) -> Tensor:
        """Of pictures in a reduced scale's own loop, by their window there."""
        scale_log2 = min(window)
        return self.loss.one_scale(model.pictures(seen, rows, window, scale_log2)[scale_log2], originals[scale_log2])

    # --- the last phase ----------------------------------------------------------------------------------------------

    def _refine_next(self) -> StepResult:
        """Refine the next picture's latents against its exact references, and reconstruct it exactly."""
        gop, picture = self.order[self.refined]
        number = self._number(gop, picture)
        crop = whole(self.video.height, self.video.width)
        self._look_at(crop)
        windows: dict[int, dict[int, Tensor] | None] = {}
        for scale_log2, references in self.references.items():
            aligned = self._align(gop, picture, references, scale_log2)
            windows[scale_log2] = self._inputs(aligned, scale_log2) if aligned else None
        window, reduced = windows[0], windows.get(1)
        originals = self.targets.pictures([number])
        left = len(self.order) - self.refined
        share = round((self.work - self.work_done) / (left * self.pixels))
        iterations = max(LEAST_ITERATIONS, share - ZEROING_ITERATIONS)
        model = self._model(picture)
        with torch.no_grad():
            latents = model.propose(originals[0], window, self._rows([picture]))
        kind = f"{self._row(picture)}" if picture.references else "intra"
        result = StepResult(0.0, [1.0], 0.0)
        for iteration in range(iterations):
            leaves = {level: z.detach().requires_grad_() for level, z in latents.items()}
            loss, bits, mse = self._loss(
                [number], [picture], leaves, window, originals, crop, "mixed", reduced, (), REFINED_REDUCED_SHARE
            )
            gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
            rate = REFINE_RATE + (REFINE_RATE_LAST - REFINE_RATE) * iteration / iterations
            for (level, leaf), gradient in zip(leaves.items(), gradients, strict=True):
                if gradient is not None:
                    latents[level] = leaf.detach() - rate * normalised(gradient, self.power, f"{kind} {level}")
            result = StepResult(loss.item(), mse, bits.mean().item())
        rounded = {level: stored(z).float() for level, z in latents.items()}
        self.latents[number] = {
            level: stored(z) for level, z in self._zeroed(number, picture, rounded, windows, originals).items()
        }
        with torch.no_grad():
            for scale_log2, references in self.references.items():
                planes = self._reconstructed(number, picture, windows[scale_log2], scale_log2)
                self.references[scale_log2] = self._with(references, gop, picture, planes)
        self.refined += 1
        self.step_number += 1
        self.work_done = min(self.work, self.work_done + (iterations + ZEROING_ITERATIONS) * self.pixels)
        return result

    def _zeroed(
        self,
        number: int,
        picture: CodedPicture,
        latents: Latents,
        windows: dict[int, dict[int, Tensor] | None],
        originals: list[Tensor],
    ) -> Latents:
        """Integer latents after greedy steps towards zero."""
        model, rows = self._model(picture), self._rows([picture])

        def distortion(seen: Latents) -> Tensor:
            found = self.loss(model.pictures(seen, rows, windows[0]), originals, learn=False)[0]
            for window in list(windows.values())[1:]:
                if window is not None:
                    reduced = self._reduced_distortion(model, seen, rows, window, originals)
                    found = found + REFINED_REDUCED_SHARE * reduced
            return found

        rate_weight = self.rate_weight(number) / self.pixels
        return Zeroing(model, latents, rows, distortion, rate_weight, self.refined).run(ZEROING_ROUNDS)

    def finish(self) -> None:
        """Nothing is left to do: a fit that is done has been through all phases."""

    def refine_again(self) -> int:
        """Begin the last phase anew, at another lambda; returns how many steps it takes."""
        self.refined, self.references = 0, {scale_log2: {} for scale_log2 in REFINED_SCALES}
        return len(self.order)

    def pack(self, segment: int, first: int, threads: int) -> Packed:
        """The units of the segment, whose first picture is `first`, as the fit stands."""
        if not all(self.latents):
            self._refresh()
        latents = [{level: z.cpu().numpy() for level, z in own.items()} for own in self.latents]
        return pack_motion_segment(
            [model.network for model in self.models],
            self.configs,
            latents,
            self.motion,
            self.gops,
            segment,
            first,
            (self.video.height, self.video.width),
            self.video.chroma_format,
            threads,
        )

    # --- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step_number,
            "work": self.work_done,
            "exact": self.exact,
            "pruned": self.pruned,
            "refreshed": self.refreshed,
            "refined": self.refined,
            "models": [model.state_dict() for model in self.models],
            "optimiser": self.optimiser.state_dict(),
            "latents": self.latents,
            "power": self.power,
            "windows": [torch.from_numpy(store.samples.view(np.uint8)) for store in self.stores],
            "references": {
                scale_log2: {
                    number: [torch.from_numpy(plane.view(np.uint8)) for plane in reference.planes]
                    for number, reference in references.items()
                }
                for scale_log2, references in self.references.items()
            },
            "random": self.random.getstate(),
            "noise": self.noise.get_state(),
            "loss": self.loss.state(),
            "lambda": self.lam,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.step_number, self.work_done, self.lam = state["step"], state["work"], state["lambda"]
        self.pruned = state["pruned"]
        self.refreshed, self.refined = state["refreshed"], state["refined"]
        for model, kept in zip(self.models, state["models"], strict=True):
            model.load_state_dict(kept)
            model.ops.exact = state["exact"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.latents, self.power = state["latents"], state["power"]
        for store, windows in zip(self.stores, state["windows"], strict=True):
            store.samples[:] = windows.numpy().view(self.video.dtype)
        self.references = {
            scale_log2: {
                number: Reference([plane.numpy().view(self.video.dtype) for plane in planes], self.video.bit_depth)
                for number, planes in references.items()
            }
            for scale_log2, references in state["references"].items()
        }
        version, internal, gauss = state["random"]
        self.random.setstate((version, tuple(internal), gauss))
        self.noise.set_state(state["noise"].cpu())
        self.loss.load(state["loss"])
