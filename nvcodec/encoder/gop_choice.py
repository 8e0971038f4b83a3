"""The lengths of open GoPs by content: a quiet scene wants few anchors, a fast camera wants them near.

GoPs are of powers of two, besides the last ones before a closed GoP. Two halves of such a GoP differ from the whole in
two pictures only: the middle, predicted from both anchors or an anchor itself, and the last, predicted from far away or
from nearby. All others keep their references. So a GoP is halved for as long as that saves enough of the bits that
`GopChoice.bits` estimates.

Motion is optical flow at a reduced size, averaged over the cells of a vector field: on the test clips the error that it
leaves per sample is that of the same at full size, within about 1 dB. Nothing here is normative; it all runs in one
thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from nvcodec.encoder.motion import best_flow, chain, search, to_8_bit
from nvcodec.encoder.source import SourceStore
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.structure import hierarchical_order

WIDEST = 320
"""Columns that flow is searched at, at most."""
SHORTEST = 4
"""A GoP of as many pictures isn't divided. What remains before a closed GoP may be shorter."""
GOP_BITS = 500.0
"""What a GoP takes besides its pictures: headers, and its places in the index."""
SPLIT_AT = {"motion": 0.92, "hybrid": 0.6}
"""By profile: a GoP is divided where its parts take less than this share of its bits. Less of a gain was a loss in real
encodes: the estimate knows nothing of blocks that are split, or of anchors that wear off in a chain."""
FIELD_CELL = 16
"""Distance of a vector field's nodes, in samples of the source."""
BLOCK = 8
"""Samples at the reduced size, each way, whose errors count together."""
SAMPLE_RANGE_8_BIT = 256.0


def whole_lengths(count: int, longest: int) -> list[int]:
    """`longest` as often as it fits, then the rest."""
    whole, rest = divmod(count, longest)
    return [longest] * whole + [rest] * (rest > 0)


class GopChoice:
    """Chooses GoPs of a source, for one lambda."""

    def __init__(
        self,
        source: SourceStore,
        lam: float,
        longest: int,
        divisor: Callable[[int, int], float],
        progress: Callable[[int], None] = lambda _: None,
        profile: str = "motion",
    ):
        """lam: as the fit's, of the deepest pictures; divisor: what it is divided by, from depth and deepest depth.

        progress: told up to which picture of the source the GoPs are chosen.
        """
        self.source, self.longest, self.divisor, self.progress = source, longest, divisor, progress
        self.split_at = SPLIT_AT[profile]
        self.distortion = lam / (2 * math.log(2))
        self.factor = -(-source.format.width // WIDEST)
        self._luma: dict[int, Array] = {}
        self._flows: dict[tuple[int, int], Array] = {}
        self._errors: dict[tuple[int, tuple[int, ...]], Array] = {}

    def lengths(self, begin: int, finish: int) -> list[int]:
        """Lengths of open GoPs for pictures begin .. finish-1 of the source; picture begin-1 is an anchor."""
        cv2.setNumThreads(1)
        chosen: list[int] = []
        for length in whole_lengths(finish - begin, self.longest):
            chosen += self._divided(begin, length)[1]
            begin += length
            self._forget(begin - 1)
            self.progress(begin)
        return chosen

    def bits(self, first: int, length: int) -> float:
        """Estimated bits of the open GoP of pictures first .. first+length-1.

        A sample of variance V takes 1/2 log2(V / D) bits, or none if V < D (reverse water-filling, block by block). D
        is the distortion at which another bit is worth lambda, lambda / (2 ln 2); as in the fit, it is less for
        pictures that others refer to. V is the error of predicting the original from aligned originals, plus what
        coding does to the references: D of the one reference, or, two errors being independent, a quarter of their sum.

        An anchor thus takes 1/2 log2(1 + error / D): nothing only where the prediction is perfect. Pictures between
        have two references that are better than they need to be themselves, and many of their blocks take nothing.
        That is what long GoPs have in their favour. Without the references' own error, near ones would seem too good.
        """
        order = hierarchical_order(length, open_gop=True)
        deepest = max(picture.depth for picture in order)
        distortion = {picture.index: self.distortion / self.divisor(picture.depth, deepest) for picture in order}
        distortion[-1] = distortion[length - 1]  # the anchor before
        total = GOP_BITS
        for picture in order:
            errors = self._block_errors(first + picture.index, tuple(first + index for index in picture.references))
            inherited = sum(distortion[index] for index in picture.references) / len(picture.references) ** 2
            ratio = (errors + inherited) / distortion[picture.index]
            total += self._samples / 2 * float(np.log2(np.maximum(1.0, ratio)).mean())
        return total

    @property
    def _samples(self) -> int:
        return self.source.format.width * self.source.format.height

    def _divided(self, first: int, length: int) -> tuple[float, list[int]]:
        """(bits, lengths) of the best division of a GoP; undivided unless that saves enough."""
        whole = (self.bits(first, length), [length])
        if length <= SHORTEST:
            return whole
        half = 1 << (length - 1).bit_length() - 1  # the largest power of two below the length
        total, lengths = 0.0, []
        for part in whole_lengths(length, half):
            bits, chosen = self._divided(first, part)
            total, lengths, first = total + bits, lengths + chosen, first + part
        return (total, lengths) if total < self.split_at * whole[0] else whole

    # --- prediction --------------------------------------------------------------------------------------------------

    def _block_errors(self, picture: int, references: tuple[int, ...]) -> Array:
        """Mean squared error by block of predicting a picture from the mean of its aligned references; samples 0..1."""
        if (picture, references) not in self._errors:
            aligned = [self._aligned(picture, index) for index in references]
            prediction = np.mean(aligned, 0)
            difference = (prediction - self._reduced(picture)) / SAMPLE_RANGE_8_BIT
            columns, rows = (max(1, size // BLOCK) for size in difference.shape[::-1])
            blocks = cv2.resize(difference * difference, (columns, rows), interpolation=cv2.INTER_AREA)
            self._errors[picture, references] = blocks
        return self._errors[picture, references]

    def _aligned(self, picture: int, reference: int) -> Array:
        """The reference, moved as a field of vectors can: flow averaged over cells, interpolated between them."""
        flow = self._flow(picture, reference)
        rows, columns = flow.shape[:2]
        cell = max(1, FIELD_CELL // self.factor)
        nodes = cv2.resize(flow, (-(-columns // cell), -(-rows // cell)), interpolation=cv2.INTER_AREA)
        vectors = cv2.resize(nodes, (columns, rows), interpolation=cv2.INTER_LINEAR)
        places = np.dstack(np.meshgrid(np.arange(columns), np.arange(rows))).astype(np.float32) + vectors[..., ::-1]
        other = self._reduced(reference).astype(np.float32)
        return cv2.remap(other, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _flow(self, picture: int, reference: int) -> Array:
        """Over a distance, also by two shorter flows, which may be made of shorter ones themselves."""
        key = (picture, reference)
        if key not in self._flows:
            current, other = self._reduced(picture), self._reduced(reference)
            flow = search(current, other)
            if abs(picture - reference) > 1:
                middle = (picture + reference) // 2
                chained = chain([self._flow(picture, middle), self._flow(middle, reference)])
                flow = best_flow(current, other, [flow, chained])
            self._flows[key] = flow
        return self._flows[key]

    def _reduced(self, picture: int) -> Array:
        """8-bit luma at the reduced size."""
        if picture not in self._luma:
            luma = to_8_bit(self.source.planes(picture)[0], self.source.format.bit_depth)
            size = tuple(max(1, side // self.factor) for side in luma.shape[::-1])
            self._luma[picture] = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
        return self._luma[picture]

    def _forget(self, anchor: int) -> None:
        """Drop what lies before a GoP's last picture."""
        self._luma = {picture: luma for picture, luma in self._luma.items() if picture >= anchor}
        self._flows, self._errors = {}, {}
