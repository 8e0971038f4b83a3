"""The .msn file: syntax, units and container. Needs the standard library only.

Each header describes its syntax once (`headers`, `model_config`); the visitors of `visitor` read, write or trace it.
`container` finds units in a file and checks their CRCs. All multi-byte integers outside payloads are little-endian;
payload headers are bit fields, most significant bit first.

    with ContainerReader("clip.msn") as file:
        unit = file.unit(UnitKey(UnitType.SEQUENCE))
        sequence = read_payload(SequenceHeader(), unit.payload, unit.place)
"""

from nvcodec.bitstream.container import ContainerReader, ContainerWriter, Unit, UnitEntry
from nvcodec.bitstream.errors import BitstreamError, Place
from nvcodec.bitstream.headers import (
    ColourDescription,
    DigestPayload,
    FileHeader,
    Footer,
    GopHeader,
    IndexPayload,
    LatentHeader,
    MotionHeader,
    NetworkHeader,
    SegmentHeader,
    SequenceHeader,
    TensorCoding,
    UnitHeader,
    VectorBase,
    check_segments,
    check_version,
)
from nvcodec.bitstream.model_config import GRID, INTER, INTRA, LEVELS, SCALES, LevelConfig, ModelConfig
from nvcodec.bitstream.residual_headers import BandHeader, LevelTables, PicturesHeader, TablesHeader
from nvcodec.bitstream.units import UnitKey, UnitType
from nvcodec.bitstream.visitor import TraceEntry, Visitor, read_coded_payload, read_payload, write_payload

__all__ = [
    "GRID",
    "INTER",
    "INTRA",
    "LEVELS",
    "SCALES",
    "BandHeader",
    "BitstreamError",
    "ColourDescription",
    "ContainerReader",
    "ContainerWriter",
    "DigestPayload",
    "FileHeader",
    "Footer",
    "GopHeader",
    "IndexPayload",
    "LatentHeader",
    "LevelConfig",
    "LevelTables",
    "ModelConfig",
    "MotionHeader",
    "NetworkHeader",
    "PicturesHeader",
    "Place",
    "SegmentHeader",
    "SequenceHeader",
    "TablesHeader",
    "TensorCoding",
    "TraceEntry",
    "Unit",
    "UnitEntry",
    "UnitHeader",
    "UnitKey",
    "UnitType",
    "VectorBase",
    "Visitor",
    "check_segments",
    "check_version",
    "read_coded_payload",
    "read_payload",
    "write_payload",
]
