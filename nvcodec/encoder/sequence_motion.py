"""Motion of all pictures of a segment: searched on the source, fitted to fields by rate and distortion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nvcodec.bitstream import VectorBase
from nvcodec.encoder.motion import best_flow, chain, fit_field, global_vector, search, to_8_bit
from nvcodec.encoder.run import Gop
from nvcodec.encoder.source import SourceStore
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.vector_base import PictureMotion, anchor_before, base_field

SAMPLE_RANGE_8_BIT = 256.0
LAMBDA_FACTOR = 4.0
"""One reference's error counts for less than it seems: two are blended, and what is left may be mended by latents."""
GLOBAL_BITS = 22.0
"""What a global vector takes in the header."""


@dataclass(frozen=True)
class CodedMotion:
    """A picture's motion, and what its fields are coded as differences from."""

    motion: PictureMotion
    bases: list[VectorBase]
    base_fields: list[Array]


class MotionSearch:
    """Searches a segment's pictures, GoP by GoP; keeps the flows of neighbouring pictures for chains."""

    def __init__(self, source: SourceStore, first: int, lam: float, block_log2: int, effort: int):
        """first: the segment's first picture; lam: as the fit's, of anchors; block_log2: of all fields."""
        self.source, self.first, self.block_log2, self.effort = source, first, block_log2, effort
        self.lam = lam * SAMPLE_RANGE_8_BIT**2 * LAMBDA_FACTOR
        self.size = (source.format.height, source.format.width)
        self._luma: dict[int, Array] = {}

    def luma(self, picture: int) -> Array:
        """8-bit luma of a picture of the segment."""
        if picture not in self._luma:
            self._luma[picture] = to_8_bit(self.source.planes(self.first + picture)[0], self.source.format.bit_depth)
        return self._luma[picture]

    def gop(
        self, gop: Gop, before: PictureMotion | None, weight: Callable[[int], float], progress: Callable[[], None]
    ) -> dict[int, CodedMotion]:
        """The motion of a GoP's pictures by index; before: that of the anchor before; weight: lambda's by depth."""
        self._luma = {number: luma for number, luma in self._luma.items() if number >= gop.first - 1}
        known = {} if before is None else {before.picture.index: before}
        found: dict[int, CodedMotion] = {}
        for picture in hierarchical_order(gop.length, gop.open):
            if picture.references:
                found[picture.index] = self._picture(gop, picture, known, self.lam * weight(picture.depth))
                known[picture.index] = found[picture.index].motion
            progress()
        return found

    def _picture(self, gop: Gop, picture: CodedPicture, known: dict[int, PictureMotion], lam: float) -> CodedMotion:
        fields: list[Array] = []
        bases: list[VectorBase] = []
        starts: list[Array] = []
        current = self.luma(gop.first + picture.index)
        for k, index in enumerate(picture.references):
            reference = self.luma(gop.first + index)
            flow = self._flow(gop.first + picture.index, gop.first + index)
            best: tuple[float, VectorBase, Array, Array] | None = None
            for base in (VectorBase(), VectorBase(False, global_vector(flow))):
                start = base_field(base, picture, k, known, fields, self.block_log2, self.size)
                field, cost = fit_field(current, reference, flow, self.block_log2, start, lam, self.effort, k)
                cost += 0.0 if base.derived_flag else lam * GLOBAL_BITS
                if best is None or cost < best[0]:
                    best = (cost, base, start, field)
            assert best is not None
            bases.append(best[1])
            starts.append(best[2])
            fields.append(best[3])
        return CodedMotion(PictureMotion(picture, self.block_log2, fields), bases, starts)

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
    block_log2: int,
    effort: int,
    weight: Callable[[int], float],
    progress: Callable[[], None],
) -> list[dict[int, CodedMotion]]:
    """The motion of every GoP of a segment, by index in the GoP."""
    search = MotionSearch(source, first, lam, block_log2, effort)
    result: list[dict[int, CodedMotion]] = []
    before: PictureMotion | None = None
    for gop in gops:
        result.append(search.gop(gop, before if gop.open else None, weight, progress))
        last = result[-1].get(gop.length - 1)
        before = anchor_before(None if last is None else last.motion, gop.length)
    return result
