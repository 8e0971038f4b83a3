"""Residuals and choices that no encoder would code: symbols are drawn, not coefficients, so that every context sees
every symbol, flags stand over blocks without a coefficient, and what is 0 or 1 is also coded as -128, 2 or 127.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nvcodec.bitstream import BandHeader, LevelTables, PicturesHeader, TablesHeader, UnitKey, UnitType, write_payload
from nvcodec.bitstream.residual_headers import COARSEST_RESIDUAL, MAX_REFERENCES
from nvcodec.decoder.residual import (
    binary_tables,
    decoded_values,
    plane_kind,
    table_set,
    value_tables,
    walk_of_version,
)
from nvcodec.encoder.pack import Payload
from nvcodec.entropy import LAPLACE_COUNT, SymbolEncoder
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.choices import walk_choices
from nvcodec.synthesis.intra import walk_intra
from nvcodec.synthesis.structure import CodedPicture
from nvcodec.synthesis.transform import COEFFICIENTS, block_shape
from nvcodec.synthesis.vectors import field_shape
from nvcodec.video.frame import VideoFormat

OTHER_ONES = (-128, -1, 2, 127)
"""Symbols under tables of two symbols that say the same as 1."""
ENDS = (-128, 127)


@dataclass(frozen=True)
class Plan:
    """What a picture has besides vectors."""

    residual: bool = True
    qp: int = 0
    network: bool = False
    choice_log2: int = 0
    """3..5, or 0; only of pictures with two references."""
    intra_log2: int = 0
    """The same of intra blocks; only of pictures with references, in segments that have such blocks."""
    deblocked: bool = False
    """Only of pictures with a residual, in segments whose pictures may be deblocked."""
    filter_index: int = 0
    """0..3, at most what the segment has; only in segments whose pictures may be filtered adaptively."""
    filter_whole: bool = False
    """Only of pictures that are filtered adaptively."""


@dataclass(frozen=True)
class Odds:
    """How symbols are drawn."""

    plane: float = 0.8
    """How many of the plane flags are 1."""
    flag: float = 0.5
    """How many blocks have coefficients in a band."""
    significant: float = 0.3
    """How many coefficients are not 0 in those blocks."""
    spread: float = 1.5
    """Of values."""
    extreme: float = 0.0
    """How many values are as far from 0 as can be."""
    other: float = 0.01
    """How many ones are coded by other symbols."""
    alone: float = 0.5
    """How many blocks choose one of two references."""
    intra: float = 0.4
    """How many blocks are intra."""


class _Drawing:
    """Answers that are drawn, and pushed."""

    def __init__(self, encoder: SymbolEncoder, odds: Odds, random: np.random.Generator):
        self.encoder, self.odds, self.random = encoder, odds, random

    def _ones(self, share: float, tables: Array) -> Array:
        symbols = (self.random.random(tables.shape) < share).astype(np.int64)
        other = (self.random.random(tables.shape) < self.odds.other) & (symbols > 0)
        symbols[other] = self.random.choice(OTHER_ONES, int(other.sum()))
        self.encoder.push(symbols, tables)
        return (symbols != 0).astype(np.int64)


class _DrawnBand(_Drawing):
    def __init__(self, tables: LevelTables, encoder: SymbolEncoder, odds: Odds, random: np.random.Generator):
        super().__init__(encoder, odds, random)
        self.tables = tables

    def binary(self, contexts: Array, frequencies: Array | None, blocks: Array) -> Array:
        share = self.odds.flag if frequencies is None else self.odds.significant
        return self._ones(share, binary_tables(contexts, self.tables))

    def value(self, contexts: Array, frequencies: Array, blocks: Array, near8: Array | None = None) -> Array:
        symbols = np.clip(self.random.laplace(0, self.odds.spread, contexts.shape).round(), *ENDS).astype(np.int64)
        extreme = self.random.random(contexts.shape) < self.odds.extreme
        symbols[extreme] = self.random.choice(ENDS, int(extreme.sum()))
        self.encoder.push(symbols, value_tables(contexts, self.tables, near8))
        return decoded_values(symbols, near8)


class _DrawnChoices(_Drawing):
    def __init__(self, tables: Sequence[int], encoder: SymbolEncoder, odds: Odds, random: np.random.Generator):
        super().__init__(encoder, odds, random)
        self.tables = np.asarray(tables) + LAPLACE_COUNT

    def binary(self, contexts: Array, blocks: Array, which: bool) -> Array:
        return self._ones(0.5 if which else self.odds.alone, self.tables[contexts])


class _DrawnIntra(_Drawing):
    def __init__(self, tables: Sequence[int], encoder: SymbolEncoder, odds: Odds, random: np.random.Generator):
        super().__init__(encoder, odds, random)
        self.tables = np.asarray(tables) + LAPLACE_COUNT

    def binary(self, contexts: Array, blocks: Array) -> Array:
        return self._ones(self.odds.intra, self.tables[contexts])


def wild_residuals(
    key: tuple[int, int],
    order: Sequence[CodedPicture],
    plan: Callable[[CodedPicture], Plan],
    video: VideoFormat,
    tables: TablesHeader,
    random: np.random.Generator,
    odds: Odds,
    finer: Sequence[int] = (2, 1, 0),
) -> list[Payload]:
    """A GoP's RESIDUAL units. key: segment and GoP; finer: the levels below 3 that have a unit, descending."""
    plans, shapes = [plan(picture) for picture in order], video.plane_shapes
    blocks = [block_shape(*shape) for shape in shapes]
    finer = tuple(finer) if any(own.residual for own in plans) else ()
    walk = walk_of_version(tables.version_minor)
    encoders = {level: SymbolEncoder() for level in (COARSEST_RESIDUAL, *finer)}
    coded: dict[int, list[list[bool]]] = {level: [] for level in encoders}
    sizes: list[int] = []
    intra: list[int] = []
    for picture, own in zip(order, plans, strict=True):
        sizes.append(own.choice_log2 if len(picture.references) == MAX_REFERENCES else 0)
        if sizes[-1]:
            answers = _DrawnChoices(tables.choice, encoders[COARSEST_RESIDUAL], odds, random)
            walk_choices(field_shape(*shapes[0], sizes[-1]), answers)
        intra.append(own.intra_log2 if picture.references and tables.intra_flag else 0)
        if intra[-1]:
            drawn = _DrawnIntra(tables.intra, encoders[COARSEST_RESIDUAL], odds, random)
            walk_intra(field_shape(*shapes[0], intra[-1]), drawn)
        if not own.residual:
            continue
        for flags in coded.values():
            flags.append([bool(x) for x in random.random(len(shapes)) < odds.plane])
        for plane, shape in enumerate(blocks):
            levels = np.zeros((COEFFICIENTS, shape[0] * shape[1]), np.int32)
            for level, encoder in encoders.items():
                if coded[level][-1][plane]:
                    its = tables.tables[table_set(picture)][plane_kind(plane)][level]
                    walk(level, shape, levels, _DrawnBand(its, encoder, odds, random))
    blank = PicturesHeader.blank(tuple(len(picture.references) for picture in order), len(shapes), tables)
    filters = [min(own.filter_index, blank.filter_count) for own in plans]
    header = replace(
        blank,
        network=[own.network and tables.network_flag for own in plans],
        choice_log2=sizes,
        intra_log2=intra,
        deblocked=[own.deblocked and own.residual and tables.deblocking_flag for own in plans],
        filter_index=filters,
        filter_whole=[own.filter_whole and index > 0 for own, index in zip(plans, filters, strict=True)],
        residual=[own.residual for own in plans],
        qp=[own.qp for own in plans],
        residual_levels=list(finer),
        coded=coded[COARSEST_RESIDUAL],
    )
    units = [(_key(key, COARSEST_RESIDUAL), write_payload(header, encoders[COARSEST_RESIDUAL].finish()))]
    for level in finer:
        band = BandHeader(len(coded[level]), len(shapes), coded[level])
        units.append((_key(key, level), write_payload(band, encoders[level].finish())))
    return units


def _key(key: tuple[int, int], level: int) -> UnitKey:
    return UnitKey(UnitType.RESIDUAL, *key, level)
