"""The hybrid profile's coding loop: pictures in coding order, from exact references, residuals by rate and distortion.

Passes over the segment: each codes all pictures anew; what a pass counts decides the tables that the next one reckons
with.
A picture's references are its decoder's, bit by bit. Everything that a later step depends on is in `state()`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import SCALES, LevelTables, ModelConfig
from nvcodec.bitstream.default_tables import DEFAULT_TABLES
from nvcodec.bitstream.filters import DEFAULT_FILTER, Filter
from nvcodec.bitstream.residual_headers import DEFAULT_CHOICE, DEFAULT_INTRA, MAX_REFERENCES, Tables
from nvcodec.decoder.residual import plane_kind, table_set
from nvcodec.encoder.adaptive_filter import fitted_filters, statistics
from nvcodec.encoder.choices import ChoiceCounts, best_choices, block_costs
from nvcodec.encoder.fit import StepResult
from nvcodec.encoder.hybrid_model import HybridModel
from nvcodec.encoder.hybrid_pack import CodedPictures, pack_hybrid_segment
from nvcodec.encoder.influence import block_influence, chroma_mean
from nvcodec.encoder.intra import IntraCounts, best_intra
from nvcodec.encoder.network_fit import CodedWindow, NetworkFit, batch_size, coded_window, network_inputs
from nvcodec.encoder.pack import Packed
from nvcodec.encoder.presets import Preset
from nvcodec.encoder.quantise import weight_bits
from nvcodec.encoder.residual import Quantiser, ResidualCounts
from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.encoder.source import Targets
from nvcodec.synthesis.adaptive_filter import adapted, changed_samples
from nvcodec.synthesis.alignment import EIGHT_TAPS, Reference, align_picture
from nvcodec.synthesis.arithmetic import PICTURE_FRACTION_BITS
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.choices import choose_references
from nvcodec.synthesis.deblocking import deblocked
from nvcodec.synthesis.intra import with_intra
from nvcodec.synthesis.packing import to_samples, unpack
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.transform import QP_COUNT, block_shape, forward, inverse, quantisation_step
from nvcodec.synthesis.window import GREY, fine_planes, fine_window, mean_planes, with_residual

DISTANCE_WEIGHT = 1.6
"""A picture's distortion usually weighs so much more for each doubling of the distance to its references."""
ANCHOR_WEIGHT = 1.7
"""And an anchor's so much more than that of a picture whose references are a GoP away."""
INTRA_WEIGHT = 1.7
"""And that of a picture without references, from which a chain of anchors begins, so much more again."""
PICTURE_POWER = 0.65
"""A picture's distortion weighs this power of its blocks' influence, of their geometric mean."""
BLOCK_POWER = 0.5
"""And a block's, beside its picture's, this power of its own over that mean."""
BLOCK_WEIGHTS = (0.2, 4.0)
"""The least and the most that a block may weigh: its picture's blocks share a quantisation step."""
STEP_PER_LAMBDA = 8.0
"""The squared step over the squared error that a bit is worth."""
NETWORK_GAIN = 0.01
"""The share of a picture's squared error that the network must take off: what it smooths, all that follows inherits."""
FILTER_GAIN = 0.001
"""And that an adaptive filter must take off."""
WHOLE_GAIN = 0.005
"""And that it must, if it changes blocks without coefficients too, which earlier pictures' filters have changed."""
FIT_RATE = 4e-4
"""The network's learning rate, at first: it starts from the base model."""
LARGEST_WINDOWS = 150_000_000
"""Samples of all windows that a fit of the network looks at; of longer segments it sees evenly chosen pictures."""


def usual_importance(gops: Sequence[Gop], number: int, picture: CodedPicture) -> float:
    """How much a picture's distortion weighs by its place alone, the deepest pictures' weighing 1; number: its GoP's.

    It tells about how fine its quantisation will be, before `influence` says what hangs on it in this video.
    """
    if picture.depth:
        return float(DISTANCE_WEIGHT ** math.log2(picture.distance))
    span = gops[number].length
    if number + 1 < len(gops) and gops[number + 1].open:
        span = max(span, gops[number + 1].length)
    first = INTRA_WEIGHT if not picture.references and span > 1 else 1.0
    return float(first * ANCHOR_WEIGHT * DISTANCE_WEIGHT ** math.log2(span))


def parameter_for(lam: float) -> int:
    """The quantisation parameter for so much squared error, in 1/4096 of the sample range, per bit."""
    step = math.sqrt(STEP_PER_LAMBDA * lam)
    return max(0, min(QP_COUNT - 1, round(6 * math.log2(step / quantisation_step(0)))))


def _squared_errors(planes: Sequence[Array], source: Sequence[Array]) -> list[float]:
    """Of each plane, summed."""
    return [
        float(((made.astype(np.int32) - wanted) ** 2).sum(dtype=np.int64))
        for made, wanted in zip(planes, source, strict=True)
    ]


def _filters(given: Sequence[Sequence[Sequence[int]]]) -> tuple[Filter, ...]:
    """Of a checkpoint."""
    return tuple(tuple(tuple(row) for row in own) for own in given)


class Loop:
    """The pictures that others are predicted from, at one scale."""

    def __init__(self, fit: HybridFit, scale_log2: int = 0):
        self.fit, self.scale_log2 = fit, scale_log2
        self.video = fit.video.scaled(scale_log2)
        self.references: dict[int, Reference] = {}
        """By number in the segment."""

    def window(self, gop: int, picture: CodedPicture) -> list[list[Array]]:
        """A picture's references, aligned, fine; mid-grey where there are none."""
        video = self.video
        if not picture.references:
            return [[np.full(shape, GREY, np.int16) for shape in video.plane_shapes]]
        motion, first = self.fit.motion[gop][picture.index].motion, self.fit.gops[gop].first
        aligned = [
            align_picture(
                self.references[first + i],
                vectors,
                motion.block_log2,
                video.chroma_format,
                self.scale_log2,
                stepped=motion.stepped,
                fine=True,
            )
            for i, vectors in zip(picture.references, motion.fields, strict=True)
        ]
        return [fine_planes(planes, video.bit_depth) for planes in aligned]

    def chosen(self, window: list[list[Array]], choices: tuple[int, Array | None]) -> list[list[Array]]:
        """The same with blocks' choices between two references made."""
        log2, own = choices
        if own is None:
            return window
        return choose_references(window, own, log2, self.video.chroma_format, self.scale_log2)

    def filled(self, window: list[list[Array]], intra: tuple[int, Array | None]) -> list[list[Array]]:
        """The same with intra blocks filled in."""
        log2, own = intra
        return window if own is None else with_intra(window, own, log2, self.video.chroma_format, self.scale_log2)

    def with_residual(self, window: list[list[Array]], levels: Sequence[Array | None], qp: int) -> list[list[Array]]:
        """The same with a picture's residual added; levels: by plane."""
        parts = zip(levels, self.fit.blocks, self.video.plane_shapes, strict=True)
        added = [
            None if own is None else inverse(own.astype(np.int32), qp, blocks, shape, self.scale_log2)
            for own, blocks, shape in parts
        ]
        return [with_residual(planes, added) for planes in window]

    def planes(self, window: list[list[Array]], qp: int, network: bool) -> list[Array]:
        """A picture's samples, of its window with the residual; network: whether the network improves it."""
        video, model = self.video, self.fit.model
        if not network or model is None:
            return [to_samples(plane, video.bit_depth) for plane in mean_planes(window)]
        inputs = network_inputs(fine_window(window, video.chroma_format, self.scale_log2), model.device)
        with torch.no_grad():
            parameter = torch.tensor([float(qp)], device=model.device)
            packed = model.pictures(inputs, parameter, self.scale_log2)[self.scale_log2][0]
        integers = torch.round(packed * (1 << PICTURE_FRACTION_BITS)).cpu().numpy()
        return unpack(to_samples(integers, video.bit_depth), video.chroma_format, list(video.plane_shapes))

    def deblocked(self, planes: list[Array], levels: Sequence[Array | None], qp: int, filtered: bool) -> list[Array]:
        """The picture's samples after the deblocking filter, if it has any."""
        if not filtered:
            return planes
        return deblocked(planes, levels, qp, self.fit.video.plane_shapes, self.video.bit_depth, self.scale_log2)

    def filtered(self, planes: list[Array], levels: Array | None, own: Filter, whole: bool) -> list[Array]:
        """And after an adaptive filter, which only full size has; levels: of luma."""
        return adapted(planes, np.asarray(own), whole, levels, self.video.bit_depth)

    def remember(self, gop: int, number: int, planes: list[Array]) -> None:
        """Keep a picture that others refer to, and of the GoPs before this one the last anchor alone."""
        self.references = {n: r for n, r in self.references.items() if n >= self.fit.gops[gop].first - 1}
        if number in self.fit.referred_to:
            self.references[number] = Reference(planes, self.video.bit_depth, taps=EIGHT_TAPS)


@dataclass
class Outcome:
    """What a coding pass came to."""

    cost: float
    """Squared error, samples over their range, plus lambda times bits."""
    coded: CodedPictures
    counts: ResidualCounts
    choice: ChoiceCounts
    intra: IntraCounts
    filters: tuple[Filter, ...]
    """The segment's own adaptive filters."""
    weights: dict[str, Tensor]
    """Of the network that it used."""


class HybridFit:
    """State of one segment. `step()` codes the next picture or makes a step of the network's fit."""

    def __init__(
        self,
        targets: Targets,
        gops: list[Gop],
        config: ModelConfig,
        preset: Preset,
        lam: float,
        motion: list[dict[int, CodedMotion]],
        *,
        seed: int,
        device: torch.device,
        adaptive: bool = True,
    ):
        """targets: of the segment; lam: as the settings have it, of the deepest pictures; preset: its epochs are those
        of the network's fits together. Without a base model there is no network. adaptive: whether pictures may be
        filtered adaptively; if not, `filter_statistics` are of all their blocks."""
        self.adaptive = adaptive
        self.targets, self.gops, self.lam, self.motion, self.seed = targets, gops, lam, motion, seed
        video = self.video = targets.source.format
        self.pixels = video.width * video.height
        self.blocks = [block_shape(*shape) for shape in video.plane_shapes]
        self.order = [
            (number, picture) for number, gop in enumerate(gops) for picture in hierarchical_order(gop.length, gop.open)
        ]
        self.referred_to = {
            gops[number].first + index for number, picture in self.order for index in picture.references
        }
        self.importance, self.block_weights = self._weights()
        self.model: HybridModel | None = None
        if config.base_model:
            torch.manual_seed(seed)
            self.model = HybridModel(config, video.chroma_format, video.height, video.width, device)
            self.model.start_from_base()
        fits = preset.coding_passes - 1 if self.model is not None and preset.epochs else 0
        samples = preset.epochs * len(self.order) / fits if fits else 0
        self.fit_steps = math.ceil(samples / batch_size(self.pixels)) if fits else 0
        self.passes, self.pass_number, self.next = preset.coding_passes, 0, 0
        self.network_fit: NetworkFit | None = None
        self.pass_weights: dict[str, Tensor] = {}
        """Of the network that made the windows of the fit under way."""
        self.tables: Tables = DEFAULT_TABLES
        self.choice: tuple[int, ...] = DEFAULT_CHOICE
        self.intra: tuple[int, ...] = DEFAULT_INTRA
        self.filters: tuple[Filter, ...] = ()
        """The segment's own adaptive filters, of the pass that comes next."""
        self.loop = Loop(self)
        self._begin_pass()
        self.best: Outcome | None = None

    def _weights(self) -> tuple[list[float], list[list[Array]]]:
        """How much each picture's distortion weighs, and besides, by plane, that of each of its blocks (blocks,)."""
        steps = [
            quantisation_step(parameter_for(self._error_per_bit(usual_importance(self.gops, number, picture))))
            for number, picture in self.order
        ]
        found = block_influence(self._source, self.video, self.gops, self.order, self.motion, steps)
        pictures, blocks = [], []
        for influence in found:
            logs = np.log(influence)
            mean = float(logs.mean())
            pictures.append(math.exp(PICTURE_POWER * mean))
            own = np.clip(np.exp(BLOCK_POWER * (logs - mean)), *BLOCK_WEIGHTS)
            blocks.append([chroma_mean(own, shape).ravel() for shape in self.blocks])
        return pictures, blocks

    def _source(self, number: int) -> list[Array]:
        """A picture's planes, by its number in the segment."""
        return self.targets.source.planes(self.targets.first + number)

    def _error_per_bit(self, importance: float) -> float:
        """The squared error, in 1/4096 of the sample range, that a bit is worth in a picture of some importance."""
        return self.lam * (1 << PICTURE_FRACTION_BITS) ** 2 / importance

    # --- where it stands ---------------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self.pass_number == self.passes

    @property
    def share(self) -> float:
        each, count = self.fit_steps, len(self.order)
        total = self.passes * (count + each) - each
        fitted = 0 if self.network_fit is None else self.network_fit.step_number
        # a fit precedes every pass but the first
        spent = self.pass_number * (count + each) + self.next
        spent = spent if self.network_fit is None else spent - each + fitted
        return min(1.0, spent / total)

    @property
    def phase(self) -> str:
        """As the progress bar calls it."""
        if self.network_fit is not None:
            return "fit"
        return "refine" if self.pass_number else "code"

    def finish(self) -> None:
        """Nothing is left to do: a loop that is done has coded all pictures."""

    def refine_again(self) -> int:
        """Begin a pass anew, at another lambda; returns how many steps it takes."""
        self.passes, self.pass_number, self.best = 1, 0, None
        self._begin_pass()
        return len(self.order)

    # --- steps -------------------------------------------------------------------------------------------------------

    def step(self) -> StepResult:
        """Code the next picture, or make a step of the network's fit."""
        if self.network_fit is not None:
            return self._fit_network(self.network_fit)
        result = self._code(*self.order[self.next], self.next)
        self.next += 1
        if self.next == len(self.order):
            self._end_pass()
        return result

    def _begin_pass(self) -> None:
        count = len(self.order)
        self.next, self.cost = 0, 0.0
        self.counts, self.choice_counts, self.intra_counts = ResidualCounts(), ChoiceCounts(), IntraCounts()
        self.coded = CodedPictures.blank(count)
        self.filter_statistics: list[Array | None] = [None] * count
        self.pass_filters = self.filters
        self.loop = Loop(self)

    def _end_pass(self) -> None:
        self.tables, self.choice = self.counts.tables(charged=False), self.choice_counts.tables()
        self.intra = self.intra_counts.tables()
        if self.model is not None and any(self.coded.network):
            with torch.no_grad():
                self.cost += self.lam * float(weight_bits(self.model.network)) / self.pixels
        if self.best is None or self.cost < self.best.cost:
            weights = {} if self.model is None else {k: v.clone() for k, v in self.model.state_dict().items()}
            counts = self.counts, self.choice_counts, self.intra_counts
            self.best = Outcome(self.cost, self.coded, *counts, self.pass_filters, weights)
        error_per_bit = self.lam * float(1 << self.video.bit_depth) ** 2
        self.filters = fitted_filters(self.filter_statistics, self.importance, error_per_bit)
        self.pass_number, self.next = self.pass_number + 1, 0
        if self.done:
            return
        if self.fit_steps:
            self.network_fit = self._start_network_fit()
        else:
            self._begin_pass()

    def _code(self, gop: int, picture: CodedPicture, place: int) -> StepResult:
        index = self.gops[gop].first + picture.index
        source = [plane.astype(np.int32) for plane in self._source(index)]
        loop = self.loop
        window = loop.window(gop, picture)
        lam = self._error_per_bit(self.importance[place])
        qp, own = parameter_for(lam), table_set(picture)
        shift = PICTURE_FRACTION_BITS - self.video.bit_depth
        fine = [(plane << shift) - GREY for plane in source]
        if len(window) == MAX_REFERENCES:
            costs = block_costs(fine, window, lam)
            log2, choices = best_choices(costs, lam, (self.video.height, self.video.width), self.choice)
            if choices is not None:
                self.choice_counts.add(choices)
                self.coded.choices[place] = (log2, choices.astype(np.int8))
                window = loop.chosen(window, self.coded.choices[place])
        levels: list[Array | None] = []
        bits = 0.0
        if picture.references:
            intra_log2, intra, bits = best_intra(fine, window, lam, self.video.chroma_format, self.intra)
            if intra is not None:
                self.intra_counts.add(intra)
                self.coded.intra[place] = (intra_log2, intra)
                window = loop.filled(window, self.coded.intra[place])
        for k, (plane, mean) in enumerate(zip(fine, mean_planes(window), strict=True)):
            wanted = forward(plane - mean)
            kind, shape = plane_kind(k), self.blocks[k]
            quantiser = Quantiser(self.tables[own][kind], shape)
            found, cost = quantiser.quantise(wanted, qp, lam / self.block_weights[place][k])
            bits += cost
            self.counts.add(own, kind, shape, found)
            levels.append(found.astype(np.int8) if found.any() else None)
        self.coded.qp[place], self.coded.levels[place] = qp, levels
        window = loop.with_residual(window, levels, qp)
        planes, errors = self._finished(window, place, source)
        loop.remember(gop, index, planes)
        scale = float(1 << self.video.bit_depth) ** 2 * self.pixels
        self.cost += sum(errors) / scale + self.lam * bits / self.pixels
        error = errors[0] / scale
        return StepResult(error + self.lam * bits / self.pixels, [error], bits)

    def _finished(
        self, window: list[list[Array]], place: int, source: Sequence[Array]
    ) -> tuple[list[Array], list[float]]:
        """(planes, their squared errors) of a picture, by what serves it best: with or without network and filter."""
        qp, levels, loop = self.coded.qp[place], self.coded.levels[place], self.loop
        best: tuple[list[Array], list[float]] | None = None
        kept: list[Array] = []
        for network in (False, True) if self.model is not None else (False,):
            made = loop.planes(window, qp, network)
            tried = [(False, made)]
            if any(own is not None for own in levels):
                tried.append((True, loop.deblocked(made, levels, qp, True)))
            found = [(filtered, planes, _squared_errors(planes, source)) for filtered, planes in tried]
            smoothed, before, errors = min(found, key=lambda each: sum(each[2]))
            index, whole, planes, errors = self._adapted(before, errors, source, levels[0])
            if best is None or sum(errors) < (1 - NETWORK_GAIN) * sum(best[1]):
                best, kept = (planes, errors), before
                self.coded.network[place], self.coded.deblocked[place] = network, smoothed
                self.coded.filter_index[place], self.coded.filter_whole[place] = index, whole
        assert best is not None
        whole = self.coded.filter_whole[place] or not self.adaptive
        if whole or levels[0] is not None:
            which = None if whole else levels[0]
            self.filter_statistics[place] = statistics(kept[0], source[0], which, self.video.bit_depth)
        return best

    def _adapted(
        self, planes: list[Array], errors: list[float], source: Sequence[Array], levels: Array | None
    ) -> tuple[int, bool, list[Array], list[float]]:
        """(index, whether all blocks are filtered, planes, their squared errors) by the adaptive filter that serves a
        picture best, if any does."""
        best = 0, False, planes, errors
        if not self.adaptive:
            return best
        everywhere = [self.loop.filtered(planes, None, own, True) for own in (DEFAULT_FILTER, *self.pass_filters)]
        for whole in (False, True) if levels is not None else (True,):
            changed = None if whole else changed_samples(levels, planes[0].shape)
            for index, made in enumerate(everywhere, start=1):
                tried = made if changed is None else [np.where(changed, made[0], planes[0]), *planes[1:]]
                found = [*_squared_errors(tried[:1], source[:1]), *errors[1:]]
                needed = WHOLE_GAIN if whole else FILTER_GAIN
                if sum(found) < (1 - needed) * sum(errors) and sum(found) < (1 - needed) * sum(best[3]):
                    best = index, whole, tried, found
        return best

    def windows(self, scale_log2: int) -> Iterator[tuple[int, list[list[Array]]]]:
        """In coding order: (place, window with residual) of what has been coded, in a reduced scale's own loop."""
        loop = Loop(self, scale_log2)
        for place, (gop, picture) in enumerate(self.order):
            qp = self.coded.qp[place]
            window = loop.chosen(loop.window(gop, picture), self.coded.choices[place])
            window = loop.filled(window, self.coded.intra[place])
            window = loop.with_residual(window, self.coded.levels[place], qp)
            yield place, window
            planes = loop.planes(window, qp, self.coded.network[place])
            planes = loop.deblocked(planes, self.coded.levels[place], qp, self.coded.deblocked[place])
            index = self.coded.filter_index[place]
            if index and not scale_log2:
                own = (DEFAULT_FILTER, *self.pass_filters)[index - 1]
                planes = loop.filtered(planes, self.coded.levels[place][0], own, self.coded.filter_whole[place])
            loop.remember(gop, self.gops[gop].first + picture.index, planes)

    # --- the network -------------------------------------------------------------------------------------------------

    def _start_network_fit(self) -> NetworkFit:
        """On the windows of the pass that has just ended."""
        assert self.model is not None
        self.pass_weights = {name: value.clone() for name, value in self.model.state_dict().items()}
        every = max(1, math.ceil(len(self.order) * 4 * self.pixels / LARGEST_WINDOWS))
        kept: list[CodedWindow] = []
        for scale_log2 in range(SCALES):
            for place, window in self.windows(scale_log2):
                if place % every == 0:
                    gop, picture = self.order[place]
                    number, weight = self.gops[gop].first + picture.index, self.importance[place]
                    qp = self.coded.qp[place]
                    kept.append(coded_window(number, scale_log2, qp, weight, window, self.video.chroma_format))
        return NetworkFit(
            self.model,
            self.targets,
            kept,
            steps=self.fit_steps,
            learning_rate=FIT_RATE,
            bit_weight=self.lam / (self.pixels * len(self.order)),
            seed=self.seed + self.pass_number,
        )

    def _fit_network(self, fit: NetworkFit) -> StepResult:
        error, _ = fit.step()
        if fit.step_number == fit.steps:
            self.network_fit = None
            self._begin_pass()
        return StepResult(error, [error], 0.0)

    # --- the file ----------------------------------------------------------------------------------------------------

    def pack(self, segment: int, first: int, threads: int) -> Packed:
        """The units of the segment, whose first picture is `first`, as the best pass left it."""
        best = self.best
        assert best is not None
        network = None
        if self.model is not None:
            self.model.load_state_dict(best.weights)
            network = self.model.network
        return pack_hybrid_segment(
            best.coded,
            best.counts.tables(charged=True),
            self.motion,
            self.gops,
            segment,
            first,
            self.video,
            best.choice.tables(),
            network,
            best.intra.tables(),
            best.filters,
        )

    # --- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        best = self.best
        return {
            "passes": self.passes,
            "pass_number": self.pass_number,
            "next": self.next,
            "cost": self.cost,
            "coded": self.coded.state(),
            "filters": self.filters,
            "pass_filters": self.pass_filters,
            "filter_statistics": [None if x is None else torch.from_numpy(x) for x in self.filter_statistics],
            "counts": self.counts.state(),
            "choice_counts": torch.from_numpy(self.choice_counts.binary.copy()),
            "choice": list(self.choice),
            "intra_counts": torch.from_numpy(self.intra_counts.binary.copy()),
            "intra": list(self.intra),
            "tables": [[[[list(t.binary), list(t.value)] for t in kind] for kind in own] for own in self.tables],
            "references": {
                number: [torch.from_numpy(plane.view(np.uint8)) for plane in reference.planes]
                for number, reference in self.loop.references.items()
            },
            "model": None if self.model is None else self.model.state_dict(),
            "pass_weights": self.pass_weights,
            "network_fit": None if self.network_fit is None else self.network_fit.state(),
            "best": None
            if best is None
            else {
                "cost": best.cost,
                "coded": best.coded.state(),
                "counts": best.counts.state(),
                "choice": torch.from_numpy(best.choice.binary.copy()),
                "intra": torch.from_numpy(best.intra.binary.copy()),
                "filters": best.filters,
                "weights": best.weights,
            },
            "lambda": self.lam,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.passes, self.pass_number = state["passes"], state["pass_number"]
        self.next, self.cost, self.lam = state["next"], state["cost"], state["lambda"]
        self.coded = CodedPictures.loaded(state["coded"])
        self.filters, self.pass_filters = _filters(state["filters"]), _filters(state["pass_filters"])
        self.filter_statistics = [None if x is None else x.numpy() for x in state["filter_statistics"]]
        self.counts.load(state["counts"])
        self.choice_counts.binary[:] = state["choice_counts"].numpy()
        self.choice = tuple(state["choice"])
        self.intra_counts.binary[:] = state["intra_counts"].numpy()
        self.intra = tuple(state["intra"])
        self.tables = tuple(
            tuple(tuple(LevelTables(tuple(b), tuple(v)) for b, v in kind) for kind in own) for own in state["tables"]
        )
        self.loop.references = {
            number: Reference(
                [plane.numpy().view(self.video.dtype) for plane in planes], self.video.bit_depth, taps=EIGHT_TAPS
            )
            for number, planes in state["references"].items()
        }
        if state["best"] is not None:
            kept = state["best"]
            counts = ResidualCounts()
            counts.load(kept["counts"])
            choice = ChoiceCounts()
            choice.binary[:] = kept["choice"].numpy()
            intra = IntraCounts()
            intra.binary[:] = kept["intra"].numpy()
            coded = CodedPictures.loaded(kept["coded"])
            filters = _filters(kept["filters"])
            self.best = Outcome(kept["cost"], coded, counts, choice, intra, filters, kept["weights"])
        if self.model is None:
            return
        if state["network_fit"] is not None:
            # its windows are those of the pass before, by the weights of that pass
            self.model.load_state_dict(state["pass_weights"])
            self.network_fit = self._start_network_fit()
            self.network_fit.load(state["network_fit"])
        self.model.load_state_dict(state["model"])
