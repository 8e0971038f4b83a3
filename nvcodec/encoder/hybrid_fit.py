"""The hybrid profile's coding loop: pictures in coding order, from exact references, residuals by rate and distortion.

Passes over the segment: each codes all pictures anew; what a pass counts decides the tables that the next one reckons
with.
A picture's references are its decoder's, bit by bit. Everything that a later step depends on is in `state()`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from nvcodec.bitstream import LevelTables
from nvcodec.bitstream.residual_headers import Tables
from nvcodec.decoder.residual import plane_kind, table_set
from nvcodec.encoder.fit import StepResult
from nvcodec.encoder.hybrid_pack import CodedPictures, pack_hybrid_segment
from nvcodec.encoder.pack import Packed
from nvcodec.encoder.residual import Quantiser, ResidualCounts
from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.encoder.source import SourceStore
from nvcodec.synthesis.alignment import Reference, align_picture
from nvcodec.synthesis.arithmetic import PICTURE_FRACTION_BITS
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.default_tables import DEFAULT_TABLES
from nvcodec.synthesis.packing import to_samples
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.transform import QP_COUNT, block_shape, forward, inverse, quantisation_step
from nvcodec.synthesis.window import GREY, fine_planes, mean_planes, with_residual

DISTANCE_WEIGHT = 1.6
"""A picture's distortion weighs so much more for each doubling of the distance to its references."""
ANCHOR_WEIGHT = 1.7
"""And an anchor's so much more than that of a picture whose references are a GoP away."""
INTRA_WEIGHT = 1.7
"""And that of a picture without references, from which a chain of anchors begins, so much more again."""
STEP_PER_LAMBDA = 8.0
"""The squared step over the squared error that a bit is worth."""
PASSES = 2


def importance(gops: Sequence[Gop], number: int, picture: CodedPicture) -> float:
    """How much a picture's distortion weighs, the deepest pictures' weighing 1; number: its GoP's."""
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


def _luma_error(planes: Sequence[Array], source: Sequence[Array], bit_depth: int) -> float:
    """Mean squared error of luma, samples over their range."""
    return float(((planes[0].astype(np.int32) - source[0]) ** 2).mean()) / (1 << bit_depth) ** 2


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
            align_picture(self.references[first + i], vectors, motion.block_log2, video.chroma_format, self.scale_log2)
            for i, vectors in zip(picture.references, motion.fields, strict=True)
        ]
        return [fine_planes(planes, video.bit_depth) for planes in aligned]

    def with_residual(self, window: list[list[Array]], levels: Sequence[Array | None], qp: int) -> list[list[Array]]:
        """The same with a picture's residual added; levels: by plane."""
        parts = zip(levels, self.fit.blocks, self.video.plane_shapes, strict=True)
        added = [
            None if own is None else inverse(own.astype(np.int32), qp, blocks, shape, self.scale_log2)
            for own, blocks, shape in parts
        ]
        return [with_residual(planes, added) for planes in window]

    def remember(self, gop: int, number: int, planes: list[Array]) -> None:
        """Keep a picture that others refer to, and of the GoPs before this one the last anchor alone."""
        self.references = {n: r for n, r in self.references.items() if n >= self.fit.gops[gop].first - 1}
        if number in self.fit.referred_to:
            self.references[number] = Reference(planes, self.video.bit_depth)


class HybridFit:
    """State of one segment. `step()` codes the next picture; `done` says that none is left."""

    def __init__(
        self, source: SourceStore, first: int, gops: list[Gop], lam: float, motion: list[dict[int, CodedMotion]]
    ):
        """first: the segment's first picture in the source; lam: as the settings have it, of the deepest pictures."""
        self.source, self.first, self.gops, self.lam, self.motion = source, first, gops, lam, motion
        video = self.video = source.format
        self.pixels = video.width * video.height
        self.blocks = [block_shape(*shape) for shape in video.plane_shapes]
        self.order = [
            (number, picture) for number, gop in enumerate(gops) for picture in hierarchical_order(gop.length, gop.open)
        ]
        self.referred_to = {
            gops[number].first + index for number, picture in self.order for index in picture.references
        }
        self.importance = [importance(gops, number, picture) for number, picture in self.order]
        self.passes_left, self.next = PASSES, 0
        self.tables: Tables = DEFAULT_TABLES
        self.counts = ResidualCounts()
        count = len(self.order)
        self.coded = CodedPictures([0] * count, [[] for _ in range(count)], [False] * count)
        self.loop = Loop(self)

    # --- where it stands ---------------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self.passes_left == 0

    @property
    def share(self) -> float:
        return 1 - (self.passes_left - self.next / len(self.order)) / max(PASSES, self.passes_left)

    @property
    def phase(self) -> str:
        """As the progress bar calls it."""
        return "refine" if self.passes_left <= 1 else "fit"

    def finish(self) -> None:
        """Nothing is left to do: a loop that is done has coded all pictures."""

    def refine_again(self) -> int:
        """Begin a pass anew, at another lambda; returns how many steps it takes."""
        self.passes_left, self.next = 1, 0
        return len(self.order)

    # --- steps -------------------------------------------------------------------------------------------------------

    def step(self) -> StepResult:
        """Code the next picture."""
        if self.next == 0:
            self.counts = ResidualCounts()
            self.loop = Loop(self)
        number, picture = self.order[self.next]
        result = self._code(number, picture, self.next)
        self.next += 1
        if self.next == len(self.order):
            self.next = 0
            self.passes_left -= 1
            self.tables = self.counts.tables(charged=False)
        return result

    def _code(self, gop: int, picture: CodedPicture, place: int) -> StepResult:
        index = self.gops[gop].first + picture.index
        source = [plane.astype(np.int32) for plane in self.source.planes(self.first + index)]
        loop = self.loop
        window = loop.window(gop, picture)
        lam = self.lam * (1 << PICTURE_FRACTION_BITS) ** 2 / self.importance[place]
        qp, own = parameter_for(lam), table_set(picture)
        shift = PICTURE_FRACTION_BITS - self.video.bit_depth
        levels: list[Array | None] = []
        bits = 0.0
        for k, (plane, mean) in enumerate(zip(source, mean_planes(window), strict=True)):
            wanted = forward((plane << shift) - GREY - mean)
            kind, shape = plane_kind(k), self.blocks[k]
            found, cost = Quantiser(self.tables[own][kind], shape).quantise(wanted, qp, lam)
            bits += cost
            self.counts.add(own, kind, shape, found)
            levels.append(found.astype(np.int8) if found.any() else None)
        self.coded.qp[place], self.coded.levels[place] = qp, levels
        window = loop.with_residual(window, levels, qp)
        planes = [to_samples(plane, self.video.bit_depth) for plane in mean_planes(window)]
        loop.remember(gop, index, planes)
        error = _luma_error(planes, source, self.video.bit_depth)
        return StepResult(error + self.lam * bits / self.pixels, [error], bits)

    def windows(self, scale_log2: int) -> Iterator[tuple[int, list[list[Array]]]]:
        """In coding order: (place, window with residual) of what has been coded, in a reduced scale's own loop."""
        loop = Loop(self, scale_log2)
        for place, (gop, picture) in enumerate(self.order):
            window = loop.with_residual(loop.window(gop, picture), self.coded.levels[place], self.coded.qp[place])
            yield place, window
            planes = [to_samples(plane, self.video.bit_depth) for plane in mean_planes(window)]
            loop.remember(gop, self.gops[gop].first + picture.index, planes)

    # --- the file ----------------------------------------------------------------------------------------------------

    def pack(self, segment: int, first: int, threads: int) -> Packed:
        """The units of the segment, whose first picture is `first`, as the last whole pass left it."""
        tables = self.counts.tables(charged=True)
        return pack_hybrid_segment(self.coded, tables, self.motion, self.gops, segment, first, self.video)

    # --- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return {
            "passes_left": self.passes_left,
            "next": self.next,
            "qp": self.coded.qp,
            "network": self.coded.network,
            "levels": [[None if x is None else torch.from_numpy(x) for x in own] for own in self.coded.levels],
            "counts": self.counts.state(),
            "tables": [[[[list(t.binary), list(t.value)] for t in kind] for kind in own] for own in self.tables],
            "references": {
                number: [torch.from_numpy(plane.view(np.uint8)) for plane in reference.planes]
                for number, reference in self.loop.references.items()
            },
            "lambda": self.lam,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.passes_left, self.next, self.lam = state["passes_left"], state["next"], state["lambda"]
        self.coded.qp, self.coded.network = state["qp"], state["network"]
        self.coded.levels = [[None if x is None else x.numpy() for x in own] for own in state["levels"]]
        self.counts.load(state["counts"])
        self.tables = tuple(
            tuple(tuple(LevelTables(tuple(b), tuple(v)) for b, v in kind) for kind in own) for own in state["tables"]
        )
        self.loop.references = {
            number: Reference([plane.numpy().view(self.video.dtype) for plane in planes], self.video.bit_depth)
            for number, planes in state["references"].items()
        }
