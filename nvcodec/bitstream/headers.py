"""The syntax of every header, once each; reader, writer and tracer visit it.

Memory holds true values (4:2:0 is "420", a flag is a bool); codes live only here. A header is read into a blank
one. Where a header's syntax depends on other units (NETWORK, GOP, DIGEST), the blank one is made from what those
say, and reading checks that the two agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from nvcodec.bitstream import limits
from nvcodec.bitstream.errors import (
    InconsistentStream,
    LimitExceeded,
    ReservedFlagSet,
    UnsupportedBaseModel,
    UnsupportedProfile,
    UnsupportedVersion,
)
from nvcodec.bitstream.model_config import GRID, INTER, INTRA, SCALES, LevelConfig, ModelConfig
from nvcodec.bitstream.units import UnitKey
from nvcodec.bitstream.versions import (
    HYBRID_VERSION_MINOR,
    MOTION_VERSION_MINOR,
    VERSION_MAJOR,
    VERSION_MINOR,
)
from nvcodec.bitstream.visitor import Visitor

MAGIC = b"\x89MSN"
FOOTER_MAGIC = b"MSNX"
FILE_HEADER_BYTES = 8
FOOTER_BYTES = 12

CHROMA_FORMATS = ("400", "420", "422", "444")
BIT_DEPTHS = (8, 10, 12)
DIGEST_SIZES = (1, 2, 4, 8)
PROFILES = ("grid", "motion", "hybrid")
_FIRST_ROLES = {"grid": GRID, "motion": INTRA, "hybrid": INTER}
"""Of network 0."""
_FOREIGN_BASE_MODELS = {"grid": (), "motion": (3, 4), "hybrid": (2,)}
"""The base models of each profile that are the other's."""
CONTEXT_COUNT = 26
"""Contexts of the vectors' symbols (bitstream_spec.md, section 7.6)."""
DEFAULT_VECTOR_SCALES = (8, 5, 10, 18, 31, 5, 12, 18, 31, 4, 10, 19, 30, 6, 4, 7, 15, 27, 4, 10, 20, 29, 3, 7, 17, 29)
"""Of the hybrid profile, by context (bitstream_spec.md, section 7.8)."""
SPLIT_CONTEXTS = 15
"""Contexts of symbols of 0 and 1 in splits (bitstream_spec.md, section 7.10)."""
DEFAULT_SPLIT_TABLES = (22, 32, 42, 4, 25, 44, 12, 26, 34, 38, 47, 50, 45, 46, 47)
DEFAULT_SPLIT_SCALE = 28
VECTOR_BITS = 11
VECTOR_MIN, VECTOR_MAX = -1024, 1023
"""Vector components, in quarter luma samples."""
MIN_BLOCK_LOG2, MAX_BLOCK_LOG2 = 3, 6
MAX_REFERENCES = 2

CICP_UNSPECIFIED = 2


@dataclass
class FileHeader:
    """The first eight bytes. Source: bitstream_spec.md, section 3.1."""

    version_major: int = VERSION_MAJOR
    version_minor: int = VERSION_MINOR

    def visit(self, v: Visitor) -> None:
        """Raises UnsupportedVersion, ReservedFlagSet."""
        v.constant("magic", MAGIC)
        self.version_major = v.u("version_major", 8, self.version_major)
        self.version_minor = v.u("version_minor", 8, self.version_minor)
        if self.version_major != VERSION_MAJOR:
            raise UnsupportedVersion(
                f"{v.where()}: format version {self.version_major}.{self.version_minor}, "
                f"this program knows major version {VERSION_MAJOR}"
            )
        flags = v.le("flags", 2, 0)
        if flags:
            raise ReservedFlagSet(f"{v.where()}: flags is {flags:#06x}, allowed is 0")


@dataclass
class Footer:
    """The last twelve bytes: where the INDEX unit starts. Source: bitstream_spec.md, section 3.4."""

    index_offset: int = 0

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange where there is no footer."""
        self.index_offset = v.le("index_offset", 8, self.index_offset)
        v.constant("footer_magic", FOOTER_MAGIC)


@dataclass
class UnitHeader:
    """What precedes a unit's payload. Source: bitstream_spec.md, section 3.2."""

    key: UnitKey = field(default_factory=lambda: UnitKey(0))
    payload_length: int = 0

    def visit(self, v: Visitor) -> None:
        """Raises LimitExceeded."""
        self.key = visit_key(v, self.key)
        self.payload_length = v.varint("payload_length", self.payload_length)
        if self.payload_length > limits.MAX_PAYLOAD_BYTES:
            raise LimitExceeded(
                f"{v.where()}: {self.key} has payload_length {self.payload_length}, "
                f"allowed is at most {limits.MAX_PAYLOAD_BYTES}"
            )


def visit_key(v: Visitor, key: UnitKey, suffix: str = "") -> UnitKey:
    """The four numbers that name a unit, as unit headers and the index carry them."""
    return UnitKey(
        unit_type=v.u(f"unit_type{suffix}", 8, key.unit_type),
        segment=v.varint(f"segment{suffix}", key.segment),
        gop=v.varint(f"gop{suffix}", key.gop),
        level=v.u(f"level{suffix}", 8, key.level),
    )


@dataclass(frozen=True)
class ColourDescription:
    """CICP numbers (ITU-T H.273); 2 is unspecified."""

    colour_primaries: int = CICP_UNSPECIFIED
    transfer_characteristics: int = CICP_UNSPECIFIED
    matrix_coefficients: int = CICP_UNSPECIFIED

    def visit(self, v: Visitor) -> ColourDescription:
        return ColourDescription(
            v.u("colour_primaries", 8, self.colour_primaries),
            v.u("transfer_characteristics", 8, self.transfer_characteristics),
            v.u("matrix_coefficients", 8, self.matrix_coefficients),
        )


@dataclass
class SequenceHeader:
    """The SEQUENCE unit: what holds for the whole file. Source: bitstream_spec.md, section 5.1."""

    width: int = 1
    height: int = 1
    chroma_format: str = "420"
    bit_depth: int = 8
    frame_rate_num: int = 25
    frame_rate_den: int = 1
    picture_count: int = 1
    segment_count: int = 1
    profile: str = "grid"
    full_range_flag: bool = False
    colour_description: ColourDescription | None = None
    pixel_aspect: tuple[int, int] | None = None
    """Width to height of a sample: (par_num, par_den)."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Of all pictures in the grid and the hybrid profile, of those without references in the motion profile."""
    inter_model: ModelConfig | None = None
    """Of the motion profile's pictures with references."""

    @property
    def motion(self) -> bool:
        """Whether pictures may have references: in the motion and in the hybrid profile."""
        return self.profile != "grid"

    @property
    def hybrid(self) -> bool:
        """Whether pictures have coded residuals."""
        return self.profile == "hybrid"

    @property
    def plane_count(self) -> int:
        """Planes of a picture."""
        return 1 if self.chroma_format == "400" else 3

    @property
    def models(self) -> tuple[ModelConfig, ...]:
        """The configurations of a segment's networks, by number."""
        return (self.model,) if self.inter_model is None else (self.model, self.inter_model)

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange, UnsupportedProfile, UnsupportedBaseModel, InconsistentStream, LimitExceeded, and as
        ModelConfig.visit."""
        self.width = v.u("width", 16, self.width, low=1, high=limits.MAX_WIDTH)
        self.height = v.u("height", 16, self.height, low=1, high=limits.MAX_HEIGHT)
        self.chroma_format = v.choice("chroma_format", 2, self.chroma_format, CHROMA_FORMATS)
        self.bit_depth = v.u("bit_depth", 4, self.bit_depth, allowed=BIT_DEPTHS)
        self.frame_rate_num = v.u("frame_rate_num", 32, self.frame_rate_num, low=1)
        self.frame_rate_den = v.u("frame_rate_den", 32, self.frame_rate_den, low=1)
        self.picture_count = v.u("picture_count", 32, self.picture_count, low=1, high=limits.MAX_PICTURES)
        self.segment_count = v.u("segment_count", 16, self.segment_count, low=1, high=limits.MAX_SEGMENTS)
        if self.segment_count > self.picture_count:
            raise InconsistentStream(
                f"{v.where()}: segment_count {self.segment_count} is above picture_count {self.picture_count}"
            )
        profile = v.u("profile", 4, PROFILES.index(self.profile))
        if profile >= len(PROFILES):
            known = ", ".join(f"{number} ({name})" for number, name in enumerate(PROFILES))
            raise UnsupportedProfile(f"{v.where()}: profile is {profile}, allowed is {known}")
        self.profile = PROFILES[profile]
        self.full_range_flag = v.flag("full_range_flag", self.full_range_flag)
        self._visit_colour(v)
        self._visit_pixel_aspect(v)
        self.model = self.model.with_role(_FIRST_ROLES[self.profile]).visit(v)
        two = self.profile == "motion"
        self.inter_model = (self.inter_model or ModelConfig(role=INTER)).with_role(INTER).visit(v) if two else None
        for model in self.models:
            self._check_latents(v, model)
            self._check_base_model(v, model)
        if self.hybrid and [own.grid_channels for own in self.model.levels] != [0, 0, 0, 0, 1]:
            raise InconsistentStream(
                f"{v.where()}: hybrid profile: grid_channels must be 1 at level {len(self.model.levels) - 1}, else 0"
            )

    def _check_base_model(self, v: Visitor, model: ModelConfig) -> None:
        """Networks of the same role in different profiles have different bases (bitstream_spec.md, section 5.3.2)."""
        if model.base_model in _FOREIGN_BASE_MODELS[self.profile]:
            raise UnsupportedBaseModel(
                f"{v.where()}: base_model is {model.base_model}, not allowed in the {self.profile} profile"
            )

    def _check_latents(self, v: Visitor, model: ModelConfig) -> None:
        latents = sum(
            own.grid_channels * -(-self.height // (2 << level)) * -(-self.width // (2 << level))
            for level, own in enumerate(model.levels)
        )
        if latents > limits.MAX_PICTURE_LATENTS:
            raise LimitExceeded(
                f"{v.where()}: the grids of {self.width}x{self.height} pictures have {latents} latents, "
                f"allowed is at most {limits.MAX_PICTURE_LATENTS}"
            )

    def _visit_colour(self, v: Visitor) -> None:
        present = v.flag("colour_description_present_flag", self.colour_description is not None)
        colour = self.colour_description or ColourDescription()
        self.colour_description = colour.visit(v) if present else None

    def _visit_pixel_aspect(self, v: Visitor) -> None:
        present = v.flag("pixel_aspect_present_flag", self.pixel_aspect is not None)
        par_num, par_den = self.pixel_aspect or (1, 1)
        if present:
            par_num, par_den = v.u("par_num", 16, par_num, low=1), v.u("par_den", 16, par_den, low=1)
        self.pixel_aspect = (par_num, par_den) if present else None


def check_version(file: FileHeader, sequence: SequenceHeader, name: str) -> None:
    """Raise UnsupportedVersion where the profile was another in the file's version (bitstream_spec.md, section 3.7)."""
    lowest = {"grid": 0, "motion": MOTION_VERSION_MINOR, "hybrid": HYBRID_VERSION_MINOR}[sequence.profile]
    if file.version_minor < lowest:
        raise UnsupportedVersion(
            f"{name}: {sequence.profile} profile of format version {file.version_major}.{file.version_minor}, "
            f"this program knows that of version 0.{lowest}"
        )


@dataclass
class SegmentHeader:
    """A SEGMENT unit: which pictures it has, and in which GoPs. Source: bitstream_spec.md, section 5.2."""

    first_picture: int = 0
    picture_count: int = 1
    gop_length: list[int] = field(default_factory=list)
    """Pictures per GoP."""
    motion: bool = False
    """Whether the sequence has the motion profile; not coded here."""
    open_gop: list[bool] = field(default_factory=list)
    """Motion profile: whether a GoP's anchor refers to the GoP before it; never the first."""

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange, InconsistentStream, LimitExceeded."""
        self.first_picture = v.u("first_picture", 32, self.first_picture, high=limits.MAX_PICTURES - 1)
        self.picture_count = v.u("picture_count", 32, self.picture_count, low=1, high=limits.MAX_PICTURES)
        gop_count = v.u("gop_count", 16, len(self.gop_length), low=1, high=limits.MAX_GOPS)
        given = self.gop_length or [1] * gop_count
        longest = limits.MAX_MOTION_GOP_LENGTH if self.motion else limits.MAX_GOP_LENGTH
        self.gop_length = [v.u(f"gop_length[{i}]", 16, given[i], low=1, high=longest) for i in range(gop_count)]
        if self.motion:
            flags = self.open_gop or [False] * gop_count
            first = v.u("open_gop_flag[0]", 1, int(flags[0]), high=0)
            self.open_gop = [bool(first), *(v.flag(f"open_gop_flag[{i}]", flags[i]) for i in range(1, gop_count))]
            self._check_chains(v)
        if sum(self.gop_length) != self.picture_count:
            raise InconsistentStream(
                f"{v.where()}: the GoPs have {sum(self.gop_length)} pictures, picture_count is {self.picture_count}"
            )

    def _check_chains(self, v: Visitor) -> None:
        longest = max(sum(run) for _, run in groupby(self.open_gop))
        if longest > limits.MAX_OPEN_GOPS:
            raise LimitExceeded(
                f"{v.where()}: {longest} open GoPs follow each other, allowed are at most {limits.MAX_OPEN_GOPS}"
            )


def check_segments(sequence: SequenceHeader, segments: Sequence[SegmentHeader]) -> None:
    """Check that the segments, in order, hold each picture of the sequence once. Raises InconsistentStream."""
    if len(segments) != sequence.segment_count:
        raise InconsistentStream(f"{len(segments)} SEGMENT units, segment_count is {sequence.segment_count}")
    first = 0
    for number, segment in enumerate(segments):
        if segment.first_picture != first:
            raise InconsistentStream(
                f"SEGMENT unit (segment {number}): first_picture is {segment.first_picture}, "
                f"the segments before it end at picture {first}"
            )
        first += segment.picture_count
    if first != sequence.picture_count:
        raise InconsistentStream(f"the segments have {first} pictures, picture_count is {sequence.picture_count}")


@dataclass(frozen=True)
class TensorCoding:
    """How one weight or bias tensor is coded: the table of its symbols, and its shift (see NetworkHeader)."""

    scale_index: int = 0
    shift: int = 0

    def visit(self, v: Visitor, i: int) -> TensorCoding:
        return TensorCoding(
            v.u(f"scale_index[{i}]", 6, self.scale_index, high=limits.MAX_SCALE_INDEX),
            v.u(f"shift[{i}]", 4, self.shift),
        )


@dataclass
class NetworkHeader:
    """A NETWORK unit's header: tensors and quantisation steps of a level.

    A weight tensor's shift is the right shift after its layer; a bias tensor's the left shift that takes a coded
    bias to accumulator units. Source: bitstream_spec.md, section 5.3.
    """

    level_config: LevelConfig
    """Of the level that the unit is for; not coded here."""
    tensors: list[TensorCoding]
    step: list[int] = field(default_factory=list)
    """Quantisation step per channel of the grid, 1..255, motion profile 1..1023; inter networks: rows of them."""
    gop_step: list[int] = field(default_factory=list)
    """The same for the GoP's grid; empty without one."""
    step_rows: int = 1
    """Of the model configuration; not coded here."""
    step_bits: int = limits.GRID_STEP_BITS
    """As the profile has it; not coded here."""

    @classmethod
    def blank(cls, model: ModelConfig, level: int, tensor_count: int) -> NetworkHeader:
        """A header to read into, of the shape that the model configuration and its layers demand."""
        own = model.levels[level]
        step = [1] * own.grid_channels
        gop_step = list(step) if own.gop_grid_flag else []
        tensors = [TensorCoding()] * tensor_count
        return cls(own, tensors, step * model.step_rows, gop_step, model.step_rows, model.step_bits)

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange, InconsistentStream."""
        tensor_count = v.u("tensor_count", 8, len(self.tensors))
        if tensor_count != len(self.tensors):
            raise InconsistentStream(
                f"{v.where()}: tensor_count is {tensor_count}, the model configuration has {len(self.tensors)}"
            )
        self._check_steps(v)
        self.tensors = [tensor.visit(v, i) for i, tensor in enumerate(self.tensors)]
        self.step = [v.u(f"step[{i}]", self.step_bits, step, low=1) for i, step in enumerate(self.step)]
        self.gop_step = [v.u(f"gop_step[{i}]", 8, step, low=1) for i, step in enumerate(self.gop_step)]

    def _check_steps(self, v: Visitor) -> None:
        channels = self.level_config.grid_channels
        demanded = (channels * self.step_rows, channels if self.level_config.gop_grid_flag else 0)
        if (len(self.step), len(self.gop_step)) != demanded:
            raise InconsistentStream(
                f"{v.where()}: {len(self.step)} steps and {len(self.gop_step)} gop_steps, "
                f"the model configuration has {demanded[0]} and {demanded[1]}"
            )


@dataclass
class GopHeader:
    """A GOP unit's header. Both fields of the blank one come from the segment and the model configuration.

    Source: bitstream_spec.md, section 5.4.
    """

    picture_count: int
    window_flag: bool
    """Of the level that the unit is for; not coded here."""
    window_scale_index: int = 0
    """The table of the window weights' symbols."""

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange, InconsistentStream."""
        picture_count = v.u("picture_count", 16, self.picture_count, low=1, high=limits.MAX_GOP_LENGTH)
        if picture_count != self.picture_count:
            raise InconsistentStream(
                f"{v.where()}: picture_count is {picture_count}, the segment's gop_length is {self.picture_count}"
            )
        if self.window_flag:
            self.window_scale_index = v.u("window_scale_index", 6, self.window_scale_index, high=limits.MAX_SCALE_INDEX)


@dataclass
class LatentHeader:
    """A GOP unit's header in the motion profile: which of the GoP's pictures have latents of the level.

    Source: bitstream_spec.md, section 5.7.
    """

    picture_count: int
    """Pictures of the GoP whose network has a grid on the level; not coded here."""
    coded: list[bool] = field(default_factory=list)
    """By picture, in coding order; the latents of a picture that is not coded are all 0."""

    def visit(self, v: Visitor) -> None:
        flags = self.coded or [False] * self.picture_count
        self.coded = [v.flag(f"coded_flag[{i}]", flags[i]) for i in range(self.picture_count)]


@dataclass(frozen=True)
class VectorBase:
    """What a vector field is coded as a difference from: another field, scaled, or one vector for the whole picture."""

    derived_flag: bool = True
    """Reference 0: the field of a reference picture, scaled; reference 1: that of reference 0, mirrored."""
    global_vector: tuple[int, int] = (0, 0)
    """Rows and columns in quarter samples, where derived_flag is 0."""

    def visit(self, v: Visitor, name: str) -> VectorBase:
        if v.flag(f"derived_flag{name}", self.derived_flag):
            return VectorBase()
        rows, columns = (
            v.u(f"global_vector{name}[{axis}]", VECTOR_BITS, value - VECTOR_MIN) + VECTOR_MIN
            for axis, value in enumerate(self.global_vector)
        )
        return VectorBase(False, (rows, columns))


@dataclass
class MotionHeader:
    """A MOTION unit's header: how the vectors of a GoP's pictures are coded. Source: bitstream_spec.md, section 5.8."""

    reference_counts: tuple[int, ...]
    """Of the GoP's pictures with references, in coding order; not coded here."""
    block_log2: list[int] = field(default_factory=list)
    """Per picture: log2 of the distance between two nodes of its fields, in luma samples."""
    bases: list[list[VectorBase]] = field(default_factory=list)
    """Per picture and reference."""
    scale_index: list[int] = field(default_factory=list)
    """The table of each context's symbols."""
    hybrid: bool = False
    """Whether the syntax is that of the hybrid profile; not coded here."""
    split_depth: list[int | None] = field(default_factory=list)
    """Per picture: how often its blocks may be split in four; None where vectors are interpolated between nodes
    instead, as they always are in the motion profile."""
    split_tables: list[int] = field(default_factory=list)
    """Tables of two symbols (0..63) of each context, if any block may be split."""
    split_scale_index: int = DEFAULT_SPLIT_SCALE

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange."""
        count = len(self.reference_counts)
        blocks = self.block_log2 or [MIN_BLOCK_LOG2] * count
        bases = self.bases or [[VectorBase()] * references for references in self.reference_counts]
        scales = self.scale_index or (list(DEFAULT_VECTOR_SCALES) if self.hybrid else [0] * CONTEXT_COUNT)
        depths = self.split_depth or [None] * count
        self.block_log2, self.bases, self.split_depth = [], [], []
        for i, references in enumerate(self.reference_counts):
            block = v.u(f"block_log2_minus3[{i}]", 2, blocks[i] - MIN_BLOCK_LOG2, high=MAX_BLOCK_LOG2 - MIN_BLOCK_LOG2)
            self.block_log2.append(block + MIN_BLOCK_LOG2)
            self.split_depth.append(_visit_depth(v, i, depths[i], block) if self.hybrid else None)
            self.bases.append([bases[i][k].visit(v, f"[{i}][{k}]") for k in range(references)])
        if any(self.split_depth):
            self._visit_splits(v)
        if self.hybrid:
            self.scale_index = [
                v.custom(f"vector_scale_index[{c}]", 6, scales[c], DEFAULT_VECTOR_SCALES[c], limits.MAX_SCALE_INDEX)
                for c in range(CONTEXT_COUNT)
            ]
        else:
            self.scale_index = [
                v.u(f"vector_scale_index[{c}]", 6, scales[c], high=limits.MAX_SCALE_INDEX) for c in range(CONTEXT_COUNT)
            ]

    @property
    def finest_log2(self) -> list[int]:
        """Per picture: log2 of the distance between two vectors, in luma samples, once blocks are split."""
        depths = self.split_depth or [None] * len(self.block_log2)
        return [block - (depth or 0) for block, depth in zip(self.block_log2, depths, strict=True)]

    def _visit_splits(self, v: Visitor) -> None:
        tables = self.split_tables or DEFAULT_SPLIT_TABLES
        self.split_tables = [
            v.custom(f"split_table[{c}]", 6, tables[c], DEFAULT_SPLIT_TABLES[c], 63) for c in range(SPLIT_CONTEXTS)
        ]
        self.split_scale_index = v.custom(
            "split_scale_index", 6, self.split_scale_index, DEFAULT_SPLIT_SCALE, limits.MAX_SCALE_INDEX
        )


def _visit_depth(v: Visitor, picture: int, depth: int | None, block_log2_minus3: int) -> int | None:
    if not v.flag(f"stepped_flag[{picture}]", depth is not None):
        return None
    return v.u(f"split_depth[{picture}]", 2, depth or 0, high=block_log2_minus3)


@dataclass
class DigestPayload:
    """A DIGEST unit: the first bytes of SHA-256 over each picture of a GoP. Source: bitstream_spec.md, section 5.5."""

    picture_count: int
    """The GoP's length; not coded here."""
    digest_bytes: int = 8
    digests: dict[int, list[bytes]] = field(default_factory=dict)
    """By scale s (1/2**s), in display order."""

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange, InconsistentStream."""
        for scale, digests in self.digests.items():
            if scale not in range(SCALES) or len(digests) != self.picture_count:
                raise InconsistentStream(
                    f"{v.where()}: {len(digests)} digests at scale {scale}, allowed are "
                    f"{self.picture_count} at scales 0..{SCALES - 1}"
                )
        self.digest_bytes = v.u("digest_bytes", 8, self.digest_bytes, allowed=DIGEST_SIZES)
        scale_mask = v.u("scale_mask", SCALES, sum(1 << scale for scale in self.digests))
        v.align()
        blank = [b""] * self.picture_count
        self.digests = {
            scale: [
                v.bytes_(f"digest[{scale}][{i}]", self.digest_bytes, digest)
                for i, digest in enumerate(self.digests.get(scale, blank))
            ]
            for scale in range(SCALES)
            if scale_mask >> scale & 1
        }


@dataclass
class IndexPayload:
    """The INDEX unit: key and size in bytes of every unit before it, in file order from byte 8.

    Source: bitstream_spec.md, section 5.6.
    """

    entries: list[tuple[UnitKey, int]] = field(default_factory=list)
    max_entries: int = limits.MAX_UNITS
    """How many this program has memory for; not coded here."""

    def visit(self, v: Visitor) -> None:
        """Raises ValueOutOfRange."""
        entry_count = v.varint("entry_count", len(self.entries), high=self.max_entries)
        given = iter(self.entries)
        entries = []
        for i in range(entry_count):
            key, unit_size = next(given, (UnitKey(0), 0))
            key = visit_key(v, key, f"[{i}]")
            entries.append((key, v.varint(f"unit_size[{i}]", unit_size)))
        self.entries = entries
