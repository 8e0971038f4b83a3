"""MOTION units of the hybrid profile that no search would find: pictures of every kind by turns, splits and vectors of
parts at will, differences as large as can be, tables at will. Symbols are drawn as the decoder would ask for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from nvcodec.bitstream import MotionHeader, UnitKey, UnitType, VectorBase, write_payload
from nvcodec.bitstream.headers import DEFAULT_SPLIT_SCALE, DEFAULT_SPLIT_TABLES, DEFAULT_VECTOR_SCALES
from nvcodec.bitstream.limits import MAX_SCALE_INDEX
from nvcodec.bitstream.residual_headers import TABLE_BITS
from nvcodec.encoder.pack import Payload
from nvcodec.encoder.run import Gop
from nvcodec.encoder.vector_field import encode_differences
from nvcodec.entropy import LAPLACE_COUNT, PHASE_COUNT, SymbolEncoder
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.splits import walk_splits
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.vector_base import PictureMotion, anchor_before, base_field
from nvcodec.synthesis.vectors import add_differences, field_shape
from tests.conformance.wild_motion import CORNERS, wild_differences
from tests.conformance.wild_residual import ENDS, OTHER_ONES

Kind = tuple[int, int | None]
"""block_log2, and split_depth or None for vectors that are interpolated."""
KINDS: tuple[Kind, ...] = (
    *((6, 3), (3, None), (5, 1), (4, 0), (5, 2), (6, None), (4, 1)),
    *((3, 0), (6, 2), (4, None), (5, 0), (6, 1), (5, None), (6, 0)),
)
"""All there are."""


@dataclass(frozen=True)
class Wildness:
    """How a segment's motion is drawn."""

    spreads: Sequence[float] = (0.3, 2, 12, 80)
    """Of the vectors' symbols, from picture to picture."""
    kinds: Sequence[Kind] = KINDS
    """From picture to picture."""
    derived: float = 0.5
    """How many bases are; the others are global vectors at the corners of what can be said."""
    ones: float = 0.55
    """How many blocks are split, and how many questions about parts are answered by yes."""
    other: float = 0.01
    """How many of these are said by another symbol than 1."""
    spread: float = 4.0
    """Of the differences of new vectors."""
    extreme: float = 0.05
    """How many of those are as large as can be."""
    custom: float = 0.0
    """How many tables are not the defaults."""
    split_scale_index: int | None = None
    """None where it is one of those."""


WILD = Wildness()


def wild_units(
    segment: int, gops: Sequence[Gop], size: tuple[int, int], random: np.random.Generator, wild: Wildness = WILD
) -> list[Payload | None]:
    """By GoP: its MOTION unit, None where no picture has references."""
    turns = zip(cycle(wild.spreads), cycle(wild.kinds), strict=False)
    before: PictureMotion | None = None
    found: list[Payload | None] = []
    for number, gop in enumerate(gops):
        known = {before.picture.index: before} if before is not None and gop.open else {}
        order = [picture for picture in hierarchical_order(gop.length, gop.open) if picture.references]
        payload = _motion_payload(order, known, size, random, wild, turns) if order else None
        found.append(None if payload is None else (UnitKey(UnitType.MOTION, segment, number), payload))
        before = anchor_before(known.get(gop.length - 1), gop.length)
    return found


def _motion_payload(
    order: Sequence[CodedPicture],
    known: dict[int, PictureMotion],
    size: tuple[int, int],
    random: np.random.Generator,
    wild: Wildness,
    turns: Iterator[tuple[float, Kind]],
) -> bytes:
    """known: gains these pictures."""
    kinds = [next(turns) for _ in order]
    header = MotionHeader(
        tuple(len(picture.references) for picture in order),
        [block_log2 for _, (block_log2, _) in kinds],
        [[_base(random, wild.derived) for _ in picture.references] for picture in order],
        _at_will(DEFAULT_VECTOR_SCALES, MAX_SCALE_INDEX, random, wild.custom),
        hybrid=True,
        split_depth=[depth for _, (_, depth) in kinds],
        split_tables=_at_will(DEFAULT_SPLIT_TABLES, (1 << TABLE_BITS) - 1, random, wild.custom),
        split_scale_index=_at_will((DEFAULT_SPLIT_SCALE,), MAX_SCALE_INDEX, random, wild.custom)[0],
    )
    if wild.split_scale_index is not None:
        header.split_scale_index = wild.split_scale_index
    encoder = SymbolEncoder()
    splits = DrawnSplits(encoder, header, random, wild)
    for picture, bases, (spread, (block_log2, depth)) in zip(order, header.bases, kinds, strict=True):
        finest = block_log2 - (depth or 0)
        roots: list[Array] = []
        fields: list[Array] = []
        for k, base in enumerate(bases):
            start = base_field(base, picture, k, known, roots, block_log2, size)
            delta = wild_differences(field_shape(*size, block_log2), k, random, spread)
            encode_differences(encoder, delta, k, np.array(header.scale_index))
            roots.append(add_differences(start, delta))
            fields.append(walk_splits(roots[k], block_log2, finest, size, splits))
        known[picture.index] = PictureMotion(picture, finest, fields, depth is not None)
    return write_payload(header, encoder.finish())


def _base(random: np.random.Generator, derived: float) -> VectorBase:
    corner = CORNERS[int(random.integers(len(CORNERS)))]
    return VectorBase() if random.random() < derived else VectorBase(False, corner)


def _at_will(defaults: Sequence[int], top: int, random: np.random.Generator, custom: float) -> list[int]:
    """Numbers of tables: the ends of the range, and those between, in place of so many of the defaults."""
    ends, between = random.choice((0, top), len(defaults)), random.integers(top + 1, size=len(defaults))
    others = np.where(random.random(len(defaults)) < 0.5, ends, between)
    chosen = random.random(len(defaults)) < custom
    return [int(other if here else own) for own, other, here in zip(defaults, others, chosen, strict=True)]


class DrawnSplits:
    """`synthesis.splits.Answers` that are drawn, and coded at once."""

    def __init__(self, encoder: SymbolEncoder, header: MotionHeader, random: np.random.Generator, wild: Wildness):
        self._encoder, self._random, self._wild = encoder, random, wild
        self._tables = LAPLACE_COUNT + np.array(header.split_tables)
        self._scale = PHASE_COUNT * header.split_scale_index

    def split(self, level: int, contexts: Array, blocks: Array) -> Array:
        return self._binary(contexts)

    def binary(self, level: int, contexts: Array, parts: Array, question: int) -> Array:
        return self._binary(contexts)

    def difference(self, level: int, parts: Array) -> Array:
        shape = (len(parts), 2)
        symbols = np.clip(self._random.laplace(0, self._wild.spread, shape).round(), *ENDS).astype(np.int32)
        symbols = np.where(self._random.random(shape) < self._wild.extreme, self._random.choice(ENDS, shape), symbols)
        self._encoder.push(symbols, np.full(shape, self._scale))
        return symbols

    def _binary(self, contexts: Array) -> Array:
        symbols = (self._random.random(contexts.shape) < self._wild.ones).astype(np.int64)
        other = (symbols > 0) & (self._random.random(contexts.shape) < self._wild.other)
        symbols = np.where(other, self._random.choice(OTHER_ONES, contexts.shape), symbols)
        self._encoder.push(symbols, self._tables[contexts])
        return symbols
