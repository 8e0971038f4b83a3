"""Motion of all pictures of a segment: searched on the source, fitted to fields by rate and distortion."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

import cv2

from nvcodec.bitstream import VectorBase
from nvcodec.encoder.block_motion import GLOBAL_BITS, BlockMotion
from nvcodec.encoder.motion import (
    best_flow,
    chain,
    fit_field,
    global_vector,
    reference_weights,
    search,
    to_8_bit,
    upsampled,
)
from nvcodec.encoder.run import Gop
from nvcodec.encoder.source import SourceStore
from nvcodec.encoder.splits import SplitField
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.vector_base import PictureMotion, anchor_before, base_field

SAMPLE_RANGE_8_BIT = 256.0


@dataclass(frozen=True)
class CodedMotion:
    """A picture's motion, and what its fields are coded as differences from."""

    motion: PictureMotion
    bases: list[VectorBase]
    base_fields: list[Array]
    roots: list[Array]
    """The fields before their blocks are split; the fields where they aren't."""
    block_log2: int
    """Of the roots."""
    splits: list[SplitField] = field(default_factory=list)
    """Of each field, where blocks have a vector each."""

    @property
    def split_depth(self) -> int | None:
        """How often blocks may be split; None where vectors are interpolated between nodes."""
        return self.block_log2 - self.motion.block_log2 if self.motion.stepped else None


class MotionSearch:
    """Searches a segment's pictures, GoP by GoP; keeps the flows of neighbouring pictures for chains."""

    def __init__(
        self,
        source: SourceStore,
        first: int,
        lam: float,
        blocks: Sequence[int],
        effort: int,
        pool: ThreadPoolExecutor,
        choosing: bool,
        vector_weight: float,
    ):
        """first: the segment's first picture; lam: squared error, samples over their range, per bit, of the deepest
        pictures; vector_weight: how many of them a vector's bit must save; blocks: block_log2 of nodes to try;
        choosing: whether blocks may choose between references."""
        self.vector_weight = vector_weight
        self.pool, self.choosing = pool, choosing
        self.source, self.first, self.blocks, self.effort = source, first, blocks, effort
        self.lam = lam * SAMPLE_RANGE_8_BIT**2
        self.size = (source.format.height, source.format.width)
        self._luma: dict[int, Array] = {}

    def luma(self, picture: int) -> Array:
        """8-bit luma of a picture of the segment."""
        if picture not in self._luma:
            self._luma[picture] = to_8_bit(self.source.planes(self.first + picture)[0], self.source.format.bit_depth)
        return self._luma[picture]

    def gop(
        self, gop: Gop, before: PictureMotion | None, weight: Callable[[Gop, int], float], progress: Callable[[], None]
    ) -> dict[int, CodedMotion]:
        """The motion of a GoP's pictures by index; before: that of the anchor before; weight: of lambda."""
        self._luma = {number: luma for number, luma in self._luma.items() if number >= gop.first - 1}
        known = {} if before is None else {before.picture.index: before}
        found: dict[int, CodedMotion] = {}
        moving = [picture for picture in hierarchical_order(gop.length, gop.open) if picture.references]
        for number in range(gop.first - 1 if gop.open else gop.first, gop.first + gop.length):
            self.luma(number)  # the source is read in this thread alone
        for depth, group in groupby(moving, key=lambda picture: picture.depth):
            # pictures of one depth don't refer to one another
            search = partial(self._picture, gop, known, self.lam * weight(gop, depth))
            for made in self.pool.map(search, group):
                found[made.motion.picture.index] = made
                progress()
            known = known | {index: made.motion for index, made in found.items()}
        return found

    def _picture(self, gop: Gop, known: dict[int, PictureMotion], lam: float, picture: CodedPicture) -> CodedMotion:
        """The picture's motion at the block size that costs least."""
        flows = [self._flow(gop.first + picture.index, gop.first + index) for index in picture.references]
        if self.choosing:
            return self._chosen(gop, known, lam, picture, flows)
        tried = [self._fitted(gop, known, lam, picture, block_log2, flows) for block_log2 in self.blocks]
        return min(tried, key=lambda found: found[0])[1]

    def _chosen(
        self, gop: Gop, known: dict[int, PictureMotion], lam: float, picture: CodedPicture, flows: list[Array]
    ) -> CodedMotion:
        """The hybrid profile's."""
        current = self.luma(gop.first + picture.index)
        references = [self.luma(gop.first + index) for index in picture.references]

        def base_of(base: VectorBase, k: int, roots: list[Array], block_log2: int) -> Array:
            return base_field(base, picture, k, known, roots, block_log2, self.size)

        search = BlockMotion(
            current,
            [upsampled(reference) for reference in references],
            flows,
            reference_weights(current, references, flows),
            base_of,
            lam,
            self.vector_weight,
            self.effort,
        )
        made = search.best(self.blocks)
        motion = PictureMotion(picture, made.finest_log2, made.fields, made.stepped)
        return CodedMotion(motion, made.bases, made.base_fields, made.roots, made.block_log2, made.splits)

    def _fitted(
        self,
        gop: Gop,
        known: dict[int, PictureMotion],
        lam: float,
        picture: CodedPicture,
        block_log2: int,
        flows: list[Array],
    ) -> tuple[float, CodedMotion]:
        """(cost, motion) at one block size; the base of each field is chosen by quick fits."""
        fields: list[Array] = []
        bases: list[VectorBase] = []
        starts: list[Array] = []
        total = 0.0
        current = self.luma(gop.first + picture.index)
        for k, (index, flow) in enumerate(zip(picture.references, flows, strict=True)):
            fit = partial(
                fit_field,
                current,
                self.luma(gop.first + index),
                flow,
                block_log2,
                lam=lam * self.vector_weight,
                reference_index=k,
            )
            candidates = []
            for base in (VectorBase(), VectorBase(False, global_vector(flow))):
                start = base_field(base, picture, k, known, fields, block_log2, self.size)
                _, cost = fit(base=start, effort=0)
                candidates.append(
                    (cost + (0.0 if base.derived_flag else lam * self.vector_weight * GLOBAL_BITS), base, start)
                )
            _, base, start = min(candidates, key=lambda candidate: candidate[0])
            field, cost = fit(base=start, effort=self.effort)
            total += cost
            bases.append(base)
            starts.append(start)
            fields.append(field)
        motion = PictureMotion(picture, block_log2, fields)
        return total, CodedMotion(motion, bases, starts, fields, block_log2)

    def _flow(self, picture: int, reference: int) -> Array:
        """From a picture to its reference; over a distance also by two shorter steps, the better sample by sample."""
        current, other = self.luma(picture), self.luma(reference)
        direct = search(current, other)
        if abs(picture - reference) < 2:
            return direct
        middle = (picture + reference) // 2
        chained = chain([search(current, self.luma(middle)), search(self.luma(middle), other)])
        return best_flow(current, other, [direct, chained])


def segment_motion(
    source: SourceStore,
    first: int,
    gops: list[Gop],
    lam: float,
    blocks: Sequence[int],
    effort: int,
    weight: Callable[[Gop, int], float],
    progress: Callable[[], None],
    threads: int = 0,
    choosing: bool = False,
    vector_weight: float = 1.0,
    found: Sequence[dict[int, CodedMotion]] = (),
    keep: Callable[[list[dict[int, CodedMotion]]], None] = lambda _: None,
) -> list[dict[int, CodedMotion]]:
    """The motion of every GoP of a segment, by index in the GoP; the same whatever the number of threads.

    choosing: whether blocks may choose between two references (the hybrid profile); vector_weight: how many lambdas of
    squared error a vector's bit must save; found: the result for the first GoPs, of an earlier search; keep: called
    with all that has been found after each GoP.
    """
    cv2.setNumThreads(1)
    result = list(found)
    before: PictureMotion | None = None
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        search = MotionSearch(source, first, lam, blocks, effort, pool, choosing, vector_weight)
        for number, gop in enumerate(gops):
            if number == len(result):
                result.append(search.gop(gop, before if gop.open else None, weight, progress))
                keep(result)
            last = result[number].get(gop.length - 1)
            before = anchor_before(None if last is None else last.motion, gop.length)
    return result
