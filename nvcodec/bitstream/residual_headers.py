"""The syntax of the hybrid profile's own units: which tables residuals use, and which pictures and planes have any.

Source: bitstream_spec.md, sections 5.9 and 5.10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nvcodec.bitstream import limits
from nvcodec.bitstream.errors import InconsistentStream
from nvcodec.bitstream.filters import Filter, visit_filters
from nvcodec.bitstream.versions import (
    ADAPTIVE_FILTER_VERSION_MINOR,
    CONTEXTS_VERSION_MINOR,
    DEBLOCKING_VERSION_MINOR,
    VERSION_MINOR,
)
from nvcodec.bitstream.visitor import Visitor

RESIDUAL_LEVELS = 4
"""Levels 0 .. 3 have a band of coefficients each."""
COARSEST_RESIDUAL = RESIDUAL_LEVELS - 1
BINARY_CONTEXTS = (44, 44, 61, 13)
"""By level: contexts of flags and significance (bitstream_spec.md, section 7.7)."""
VALUE_CONTEXTS = (12, 12, 10, 13)
"""By level: contexts of values."""
BINARY_CONTEXTS_7, VALUE_CONTEXTS_7 = (37, 37, 29, 5), (3, 3, 3, 3)
"""The same up to version 0.7 (section 7.12)."""
MAX_REFERENCES = 2
TABLE_SETS = 3
"""For pictures without references, anchors with references, and the others."""
CHOICE_CONTEXTS = 14
"""Contexts of the choice between two references (bitstream_spec.md, section 7.9)."""
CHOICE_BITS = 2
CHOICE_LOG2_OF_NONE = 6
"""choice_size n > 0 says that choices are for blocks of 2 ** (6 - n) luma samples each way."""
QP_BITS = 6
TABLE_BITS = 6


DEFAULT_CHOICE = (35, 28, 38, 44, 50, 58, 26, 37, 44, 51, 59, 38, 48, 58)
"""The tables of choices where a TABLES unit names no others. Normative."""
INTRA_CONTEXTS = 11
"""Contexts of whether blocks are intra (bitstream_spec.md, section 7.11)."""
DEFAULT_INTRA = (31, 25, 39, 43, 48, 54, 22, 41, 50, 57, 59)
"""Their tables where a TABLES unit names no others. Normative."""
FILTER_INDEX_BITS = 2


@dataclass(frozen=True)
class LevelTables:
    """Of one level, set and kind of plane: each context's table."""

    binary: tuple[int, ...]
    """0..63, of the tables of two symbols."""
    value: tuple[int, ...]
    """Scale index 0..39."""

    def visit(self, v: Visitor, default: LevelTables, name: str, version_minor: int) -> LevelTables:
        """Those that differ from the default are coded."""
        if version_minor >= CONTEXTS_VERSION_MINOR and not v.flag(f"custom_level_flag{name}", self != default):
            return default
        top = (1 << TABLE_BITS) - 1
        binary = [
            v.custom(f"binary_table{name}[{c}]", TABLE_BITS, index, default.binary[c], top)
            for c, index in enumerate(self.binary)
        ]
        value = [
            v.custom(f"value_scale_index{name}[{c}]", TABLE_BITS, index, default.value[c], limits.MAX_SCALE_INDEX)
            for c, index in enumerate(self.value)
        ]
        return LevelTables(tuple(binary), tuple(value))


Tables = tuple[tuple[tuple[LevelTables, ...], ...], ...]
"""By set, kind of plane (luma, chroma) and level."""


@dataclass
class TablesHeader:
    """A TABLES unit: whether a segment has a network, and the tables of its residuals.

    Source: bitstream_spec.md, section 5.9.
    """

    kinds: int
    """Kinds of planes: 1 for 4:0:0, else 2; not coded here."""
    defaults: Tables
    """Normative, of the version (section 7.8); not coded here."""
    network_flag: bool = False
    """Whether the segment has a network."""
    tables: Tables = ()
    choice: tuple[int, ...] = DEFAULT_CHOICE
    """0..63 by context, of the tables of two symbols: for the choices between references."""
    intra_flag: bool = False
    """Whether pictures with references may have intra blocks."""
    intra: tuple[int, ...] = DEFAULT_INTRA
    """0..63 by context, of the tables of two symbols: for whether blocks are intra."""
    deblocking_flag: bool = False
    """Whether pictures may be deblocked."""
    adaptive_filter_flag: bool = False
    """Whether pictures may be filtered adaptively."""
    filters: tuple[Filter, ...] = ()
    """The segment's own, beside the default one."""
    version_minor: int = VERSION_MINOR
    """Of the file; not coded here."""

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange."""
        self.network_flag = v.flag("network_flag", self.network_flag)
        given = self.tables or self.defaults
        found: list[tuple[tuple[LevelTables, ...], ...]] = []
        for number in range(TABLE_SETS):
            own, default = given[number][: self.kinds], self.defaults[number][: self.kinds]
            if v.flag(f"custom_set_flag[{number}]", own != default):
                own = tuple(
                    tuple(
                        levels[level].visit(v, default[kind][level], f"[{number}][{kind}][{level}]", self.version_minor)
                        for level in range(RESIDUAL_LEVELS)
                    )
                    for kind, levels in enumerate(own)
                )
            else:
                own = default
            found.append(own)
        self.tables = tuple(found)
        top = (1 << TABLE_BITS) - 1
        if v.flag("custom_choice_flag", self.choice != DEFAULT_CHOICE):
            self.choice = tuple(
                v.custom(f"choice_table[{c}]", TABLE_BITS, index, DEFAULT_CHOICE[c], top)
                for c, index in enumerate(self.choice)
            )
        else:
            self.choice = DEFAULT_CHOICE
        later = self.version_minor >= DEBLOCKING_VERSION_MINOR
        self.deblocking_flag = later and v.flag("deblocking_flag", self.deblocking_flag)
        self.intra_flag = later and v.flag("intra_flag", self.intra_flag)
        if self.intra_flag and v.flag("custom_intra_flag", self.intra != DEFAULT_INTRA):
            self.intra = tuple(
                v.custom(f"intra_table[{c}]", TABLE_BITS, index, DEFAULT_INTRA[c], top)
                for c, index in enumerate(self.intra)
            )
        else:
            self.intra = DEFAULT_INTRA
        later = self.version_minor >= ADAPTIVE_FILTER_VERSION_MINOR
        self.adaptive_filter_flag = later and v.flag("adaptive_filter_flag", self.adaptive_filter_flag)
        self.filters = visit_filters(v, self.filters) if self.adaptive_filter_flag else ()


@dataclass
class PicturesHeader:
    """A RESIDUAL unit's header at level 3: what the GoP's pictures have, and which units the GoP has.

    Source: bitstream_spec.md, section 5.10.
    """

    reference_counts: tuple[int, ...]
    """Of the GoP's pictures, in coding order; not coded here."""
    plane_count: int
    """Not coded here."""
    network_present: bool
    """Whether the segment has a network; not coded here."""
    network: list[bool] = field(default_factory=list)
    """By picture: whether the network improves it."""
    choice_log2: list[int] = field(default_factory=list)
    """By picture: log2 of the size of the blocks that choose between its references, 3..5; 0: none do."""
    residual: list[bool] = field(default_factory=list)
    """By picture: whether it has a residual."""
    qp: list[int] = field(default_factory=list)
    """By picture: its quantisation parameter 0..63; 0 where it has neither a residual nor the network."""
    residual_levels: list[int] = field(default_factory=list)
    """Finer levels with a RESIDUAL unit; at the others all coefficients are zero."""
    coded: list[list[bool]] = field(default_factory=list)
    """By picture with a residual, and plane: whether it has coefficients of this level."""
    intra_present: bool = False
    """Whether the segment has intra blocks; not coded here."""
    intra_log2: list[int] = field(default_factory=list)
    """By picture: log2 of the size of the blocks that may be intra, 3..5; 0: none are."""
    deblocking_present: bool = False
    """Whether the segment has pictures that are deblocked; not coded here."""
    deblocked: list[bool] = field(default_factory=list)
    """By picture: whether it is deblocked; those without residual are not."""
    filter_count: int = 0
    """How many adaptive filters the segment has, the default one included; not coded here."""
    filter_index: list[int] = field(default_factory=list)
    """By picture: 0, it is not filtered adaptively; 1, by the default filter; 2 or more, by one of the segment's."""
    filter_whole: list[bool] = field(default_factory=list)
    """By picture: whether all of its blocks are, not only those with coefficients."""

    @classmethod
    def blank(cls, reference_counts: tuple[int, ...], plane_count: int, tables: TablesHeader) -> PicturesHeader:
        """Of a segment with such tables, before it is read."""
        return cls(
            reference_counts,
            plane_count,
            tables.network_flag,
            intra_present=tables.intra_flag,
            deblocking_present=tables.deblocking_flag,
            filter_count=1 + len(tables.filters) if tables.adaptive_filter_flag else 0,
        )

    @property
    def picture_count(self) -> int:
        """The GoP's length."""
        return len(self.reference_counts)

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange, InconsistentStream."""
        nothing = [False] * self.picture_count
        network, residual, deblocked, filter_whole = (
            given or nothing for given in (self.network, self.residual, self.deblocked, self.filter_whole)
        )
        qp, choice, intra, filters = (
            given or [0] * self.picture_count
            for given in (self.qp, self.choice_log2, self.intra_log2, self.filter_index)
        )
        self.network, self.residual, self.deblocked, self.filter_whole = [], [], [], []
        self.qp, self.choice_log2, self.intra_log2, self.filter_index = [], [], [], []
        for i, references in enumerate(self.reference_counts):
            code = _size_code(choice[i])
            code = v.u(f"choice_size[{i}]", CHOICE_BITS, code) if references == MAX_REFERENCES else 0
            self.choice_log2.append(_size_log2(code))
            code, may = _size_code(intra[i]), self.intra_present and references > 0
            self.intra_log2.append(_size_log2(v.u(f"intra_size[{i}]", CHOICE_BITS, code) if may else 0))
            self.network.append(self.network_present and v.flag(f"network_flag[{i}]", network[i]))
            self.residual.append(v.flag(f"residual_flag[{i}]", residual[i]))
            may = self.deblocking_present and self.residual[i]
            self.deblocked.append(may and v.flag(f"deblocked_flag[{i}]", deblocked[i]))
            name = f"filter_index[{i}]"
            top = self.filter_count
            self.filter_index.append(v.u(name, FILTER_INDEX_BITS, filters[i], high=top) if top else 0)
            may = self.filter_index[i] > 0
            self.filter_whole.append(may and v.flag(f"filter_whole_flag[{i}]", filter_whole[i]))
            needed = self.network[i] or self.residual[i]
            self.qp.append(v.u(f"qp[{i}]", QP_BITS, qp[i]) if needed else 0)
        self.residual_levels = [
            level
            for level in reversed(range(COARSEST_RESIDUAL))
            if v.flag(f"residual_level_flag[{level}]", level in self.residual_levels)
        ]
        count = sum(self.residual)
        if self.residual_levels and not count:
            raise InconsistentStream(f"{v.where()}: no picture has a residual, but levels {self.residual_levels} do")
        self.coded = _visit_coded(v, self.coded, count, self.plane_count)


def _size_code(log2: int) -> int:
    """choice_size and intra_size for blocks of 2**log2 samples each way, or for none (0)."""
    return CHOICE_LOG2_OF_NONE - log2 if log2 else 0


def _size_log2(code: int) -> int:
    """The inverse of `_size_code`."""
    return CHOICE_LOG2_OF_NONE - code if code else 0


@dataclass
class BandHeader:
    """A RESIDUAL unit's header at levels 2 .. 0. Source: bitstream_spec.md, section 5.10."""

    picture_count: int
    """Pictures of the GoP with a residual; not coded here."""
    plane_count: int
    """Not coded here."""
    coded: list[list[bool]] = field(default_factory=list)
    """By picture, in coding order, and plane: whether it has coefficients of this level."""

    def visit(self, v: Visitor) -> None:
        self.coded = _visit_coded(v, self.coded, self.picture_count, self.plane_count)


def _visit_coded(v: Visitor, coded: Sequence[Sequence[bool]], count: int, planes: int) -> list[list[bool]]:
    given = coded or [[False] * planes] * count
    return [[v.flag(f"plane_flag[{i}][{k}]", given[i][k]) for k in range(planes)] for i in range(count)]
