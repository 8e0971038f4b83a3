"""Residuals of one GoP of the hybrid profile, in coding order: which pictures have any, and their coefficients.

Source: bitstream_spec.md, sections 5.9, 5.10, 7.7 and 7.12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nvcodec.bitstream import (
    BandHeader,
    ContainerReader,
    LevelTables,
    PicturesHeader,
    TablesHeader,
    UnitKey,
    UnitType,
    read_coded_payload,
    read_payload,
)
from nvcodec.bitstream.default_tables import default_tables
from nvcodec.bitstream.filters import DEFAULT_FILTER
from nvcodec.bitstream.residual_headers import COARSEST_RESIDUAL
from nvcodec.bitstream.versions import CONTEXTS_VERSION_MINOR
from nvcodec.decoder.errors import DecodeError
from nvcodec.entropy import LAPLACE_COUNT, PHASE_COUNT, SymbolDecoder
from nvcodec.entropy.errors import EntropyError
from nvcodec.entropy.latents import decode_residual, table_indices
from nvcodec.synthesis import coefficients_7
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.choices import walk_choices
from nvcodec.synthesis.coefficients import Answers, walk
from nvcodec.synthesis.intra import walk_intra
from nvcodec.synthesis.structure import CodedPicture
from nvcodec.synthesis.transform import COEFFICIENTS, block_shape
from nvcodec.synthesis.vectors import field_shape

HALF_PHASE = 4
"""Values that are not 0 have a mean half-way between -1 and 1, which stand for 0 and 1 there."""


@dataclass(frozen=True)
class PictureResidual:
    """What a picture's residual is made of."""

    network_flag: bool
    qp: int = 0
    levels: list[Array | None] = field(default_factory=list)
    """By plane: (64, blocks) int32, or None where all are zero."""
    choices: Array | None = None
    """Blocks' choices between two references; None where all take the mean."""
    choice_log2: int = 0
    """log2 of the blocks' size in luma samples."""
    intra: Array | None = None
    """Whether blocks are intra; None where none are."""
    intra_log2: int = 0
    """log2 of these blocks' size in luma samples."""
    deblocked: bool = False
    filter: Array | None = None
    """Coefficients (15, 12) of its adaptive filter; None where it has none."""
    filter_whole: bool = False
    """Whether that changes all blocks, not only those with coefficients."""


def table_set(picture: CodedPicture) -> int:
    """Which set of tables a picture's residual uses. Source: bitstream_spec.md, section 7.7."""
    if not picture.references:
        return 0
    return 1 if picture.depth == 0 else 2


def plane_kind(plane: int) -> int:
    """0 for luma, 1 for chroma."""
    return min(plane, 1)


def binary_tables(contexts: Array, tables: LevelTables) -> Array:
    """The table of each context's symbols."""
    found: Array = np.asarray(tables.binary)[contexts] + LAPLACE_COUNT
    return found


def value_tables(contexts: Array, tables: LevelTables, near8: Array | None = None) -> Array:
    """The same for values, of those near a prediction in eighths or of any."""
    scales = np.asarray(tables.value)[contexts]
    found: Array = PHASE_COUNT * scales + HALF_PHASE if near8 is None else table_indices(value_mean8(near8), scales)
    return found


def value_mean8(near8: Array) -> Array:
    """The mean, in eighths, of what values near a prediction become when 0, which none is, is closed up."""
    mean8: Array = near8 + HALF_PHASE - np.clip(near8, -HALF_PHASE, HALF_PHASE)
    return mean8


def value_symbols(values: Array) -> Array:
    """Values, none of them 0, to symbols: a positive one stands for itself, a negative one for one more."""
    return values + (values < 0)


def read_tables(container: ContainerReader, segment: int, plane_count: int) -> TablesHeader:
    """A segment's TABLES unit. Raises BitstreamError."""
    unit = container.unit(UnitKey(UnitType.TABLES, segment))
    return read_payload(blank_tables(container, plane_count), unit.payload, unit.place)


def blank_tables(container: ContainerReader, plane_count: int) -> TablesHeader:
    """A TABLES unit's header, before it is read."""
    version = container.file_header.version_minor
    return TablesHeader(min(plane_count, 2), default_tables(version), version_minor=version)


def decoded_values(symbols: Array, near8: Array | None) -> Array:
    """The values that symbols stand for, of those near a prediction in eighths or of any; none is 0."""
    closed: Array = symbols if near8 is None else decode_residual(symbols, value_mean8(near8))
    return closed - (closed <= 0)


def walk_of_version(version_minor: int) -> Callable[[int, tuple[int, int], Array, Answers], None]:
    """How a file's coefficients are walked."""
    return walk if version_minor >= CONTEXTS_VERSION_MINOR else coefficients_7.walk


class _Decoding:
    """Answers of the entropy coder."""

    def __init__(self, decoder: SymbolDecoder, tables: LevelTables):
        self.decoder, self.tables = decoder, tables

    def binary(self, contexts: Array, frequencies: Array | None, blocks: Array) -> Array:
        found: Array = self.decoder.decode(binary_tables(contexts, self.tables)) != 0
        return found.astype(np.int64)

    def value(self, contexts: Array, frequencies: Array, blocks: Array, near8: Array | None = None) -> Array:
        symbols = self.decoder.decode(value_tables(contexts, self.tables, near8))
        return decoded_values(symbols, near8)


class _DecodedIntra:
    """Answers of the entropy coder."""

    def __init__(self, decoder: SymbolDecoder, tables: Array):
        self.decoder, self.tables = decoder, tables

    def binary(self, contexts: Array, blocks: Array) -> Array:
        found: Array = self.decoder.decode(self.tables[contexts]) != 0
        return found.astype(np.int64)


class _DecodedChoices:
    """Answers of the entropy coder."""

    def __init__(self, decoder: SymbolDecoder, tables: Array):
        self.decoder, self.tables = decoder, tables

    def binary(self, contexts: Array, blocks: Array, which: bool) -> Array:
        found: Array = self.decoder.decode(self.tables[contexts]) != 0
        return found.astype(np.int64)


class _Band:
    """One RESIDUAL unit's state."""

    def __init__(self, place: str, coded: list[list[bool]], words: bytes):
        self.place, self.coded = place, coded
        try:
            self.decoder = SymbolDecoder(words)
        except EntropyError as error:
            raise DecodeError(f"{place}: {error}") from error


class GopResiduals:
    """Reads the RESIDUAL units of levels 3 .. finest of a GoP and yields its pictures' residuals in coding order.

    lost: finer levels whose coefficients are taken as zeros. Raises BitstreamError, DecodeError.
    """

    def __init__(
        self,
        container: ContainerReader,
        segment: int,
        gop: int,
        order: Sequence[CodedPicture],
        plane_shapes: Sequence[tuple[int, int]],
        tables: TablesHeader,
        finest: int,
        lost: frozenset[int] = frozenset(),
    ):
        """plane_shapes: of the picture at full size."""
        self.choice, self.size = np.asarray(tables.choice) + LAPLACE_COUNT, plane_shapes[0]
        self.intra = np.asarray(tables.intra) + LAPLACE_COUNT
        self.tables, self.blocks = tables.tables, [block_shape(*shape) for shape in plane_shapes]
        self.walk = walk_of_version(tables.version_minor)
        self.filters = [None, *(np.asarray(own, np.int32) for own in (DEFAULT_FILTER, *tables.filters))]
        unit = container.unit(UnitKey(UnitType.RESIDUAL, segment, gop, COARSEST_RESIDUAL))
        counts = tuple(len(picture.references) for picture in order)
        blank = PicturesHeader.blank(counts, len(plane_shapes), tables)
        self.header, words = read_coded_payload(blank, unit.payload, unit.place)
        self.bands = {COARSEST_RESIDUAL: _Band(unit.place.at(0), self.header.coded, words)}
        count = len(self.header.coded)
        for level in self.header.residual_levels:
            if level < finest or level in lost:
                continue
            unit = container.unit(UnitKey(UnitType.RESIDUAL, segment, gop, level))
            band, words = read_coded_payload(BandHeader(count, len(plane_shapes)), unit.payload, unit.place)
            self.bands[level] = _Band(unit.place.at(0), band.coded, words)
        self.next_picture = self.next_residual = 0
        if self._all_read():
            self._finish()

    def residual(self, picture: CodedPicture) -> PictureResidual:
        """Of the next picture in coding order."""
        i = self.next_picture
        self.next_picture += 1
        network, qp = self.header.network[i], self.header.qp[i]
        choices, choice_log2 = None, self.header.choice_log2[i]
        if choice_log2:
            answers = _DecodedChoices(self.bands[COARSEST_RESIDUAL].decoder, self.choice)
            choices = walk_choices(field_shape(*self.size, choice_log2), answers)
        intra, intra_log2 = None, self.header.intra_log2[i]
        if intra_log2:
            intra = walk_intra(
                field_shape(*self.size, intra_log2), _DecodedIntra(self.bands[COARSEST_RESIDUAL].decoder, self.intra)
            )
        levels: list[Array | None] = [None] * len(self.blocks)
        if self.header.residual[i]:
            own = self.tables[table_set(picture)]
            levels = [self._plane(plane, own[plane_kind(plane)]) for plane in range(len(self.blocks))]
            self.next_residual += 1
        if self._all_read():
            self._finish()
        deblocked, own_filter = self.header.deblocked[i], self.filters[self.header.filter_index[i]]
        whole = self.header.filter_whole[i]
        return PictureResidual(
            network, qp, levels, choices, choice_log2, intra, intra_log2, deblocked, own_filter, whole
        )

    def _all_read(self) -> bool:
        """Whether no picture that follows has anything coded."""
        i = self.next_picture
        header = self.header
        return not any(any(given[i:]) for given in (header.residual, header.choice_log2, header.intra_log2))

    def _plane(self, plane: int, tables: tuple[LevelTables, ...]) -> Array | None:
        shape, levels = self.blocks[plane], None
        for level, band in self.bands.items():
            if not band.coded[self.next_residual][plane]:
                continue
            if levels is None:
                levels = np.zeros((COEFFICIENTS, shape[0] * shape[1]), np.int32)
            self.walk(level, shape, levels, _Decoding(band.decoder, tables[level]))
        return levels

    def _finish(self) -> None:
        for band in self.bands.values():
            try:
                band.decoder.finish()
            except EntropyError as error:
                raise DecodeError(f"{band.place}: {error}") from error
