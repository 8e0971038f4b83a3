"""Vectors that no search would find: bases at the ends of their range, differences that leave it, every block size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from nvcodec.bitstream import VectorBase
from nvcodec.bitstream.headers import VECTOR_MAX, VECTOR_MIN
from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.vector_base import PictureMotion, anchor_before, base_field
from nvcodec.synthesis.vectors import add_differences, field_shape, pyramid
from tests.streams import coded_motion

CORNERS = ((VECTOR_MIN, VECTOR_MAX), (VECTOR_MAX, VECTOR_MIN), (VECTOR_MIN, VECTOR_MIN), (VECTOR_MAX, VECTOR_MAX))


def wild_motion(
    gops: Sequence[Gop],
    size: tuple[int, int],
    random: np.random.Generator,
    spreads: Sequence[float] = (0.3, 2, 12, 80),
    derived: float = 0.5,
) -> list[dict[int, CodedMotion]]:
    """By GoP and picture. Symbols, not vectors, are drawn: their spread and the block size go round from picture to
    picture. derived: how many of the bases are; the others are global vectors at the corners of what can be said.
    """
    turns = zip(cycle(spreads), cycle((6, 3, 5, 4, 3)), strict=False)
    found: list[dict[int, CodedMotion]] = []
    before: PictureMotion | None = None
    for gop in gops:
        known = {before.picture.index: before} if before is not None and gop.open else {}
        own: dict[int, CodedMotion] = {}
        for picture in hierarchical_order(gop.length, gop.open):
            if picture.references:
                spread, block_log2 = next(turns)
                coded, decoded = _picture_motion(picture, known, size, random, spread, block_log2, derived)
                own[picture.index], known[picture.index] = coded, decoded
        found.append(own)
        before = anchor_before(known.get(gop.length - 1), gop.length)
    return found


def _picture_motion(
    picture: CodedPicture,
    known: dict[int, PictureMotion],
    size: tuple[int, int],
    random: np.random.Generator,
    spread: float,
    block_log2: int,
    derived: float,
) -> tuple[CodedMotion, PictureMotion]:
    """What the packer takes, whose fields may lie beyond the vectors' range, and the motion that is decoded of it."""
    shape = field_shape(*size, block_log2)
    bases: list[VectorBase] = []
    starts: list[np.ndarray] = []
    beyond: list[np.ndarray] = []
    fields: list[np.ndarray] = []
    for k in range(len(picture.references)):
        corner = CORNERS[int(random.integers(len(CORNERS)))]
        bases.append(VectorBase() if random.random() < derived else VectorBase(False, corner))
        starts.append(base_field(bases[k], picture, k, known, fields, block_log2, size))
        delta = wild_differences(shape, k, random, spread)
        beyond.append(starts[k] + delta)
        fields.append(add_differences(starts[k], delta))
    decoded = PictureMotion(picture, block_log2, fields)
    return coded_motion(picture, block_log2, beyond, bases, starts), decoded


def wild_differences(shape: tuple[int, int], k: int, random: np.random.Generator, spread: float) -> np.ndarray:
    """(h, w, 2) int32, such that every symbol lies in -128..127."""
    delta = np.zeros((*shape, 2), np.int32)
    for each in pyramid(shape):
        prediction, _ = each.predict(delta, k)
        symbols = np.clip(random.laplace(0, spread, prediction.shape).round(), -128, 127)
        delta[each.nodes] = prediction + symbols.astype(np.int32)
    return delta
