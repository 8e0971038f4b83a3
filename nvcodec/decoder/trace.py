"""What a file consists of: every syntax element of every unit, bytes by component and scale, and what decoding costs.

The elements come from the headers' own `visit`, so there is no second description of the syntax here. Nothing is
entropy-decoded: coded words appear as one element without a value.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from nvcodec.bitstream import (
    LEVELS,
    BandHeader,
    BitstreamError,
    DigestPayload,
    FileHeader,
    Footer,
    GopHeader,
    IndexPayload,
    LatentHeader,
    ModelConfig,
    MotionHeader,
    NetworkHeader,
    PicturesHeader,
    Place,
    SegmentHeader,
    SequenceHeader,
    TraceEntry,
    Unit,
    UnitEntry,
    UnitKey,
    UnitType,
    read_coded_payload,
    read_payload,
    write_payload,
)
from nvcodec.bitstream.container import CRC_BYTES, write_unit_bytes
from nvcodec.bitstream.errors import InconsistentStream
from nvcodec.bitstream.headers import FILE_HEADER_BYTES, FOOTER_BYTES
from nvcodec.bitstream.residual_headers import COARSEST_RESIDUAL
from nvcodec.decoder.decoder import Decoder
from nvcodec.decoder.motion import latent_levels, latent_pictures, reference_counts
from nvcodec.decoder.network_unit import level_tensors
from nvcodec.decoder.residual import blank_tables, read_tables
from nvcodec.synthesis.cost import DecodingCost, decoding_cost
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order

COMPONENTS = {
    UnitType.SEQUENCE: "headers",
    UnitType.SEGMENT: "headers",
    UnitType.NETWORK: "network",
    UnitType.MOTION: "vectors",
    UnitType.RESIDUAL: "residuals",
    UnitType.TABLES: "tables",
    UnitType.GOP: "grids",
    UnitType.DIGEST: "digests",
    UnitType.INDEX: "index",
}


@dataclass(frozen=True)
class Element:
    """A syntax element. value: raw bytes in hexadecimal; None for payloads that are not taken apart here."""

    bit_offset: int
    """From the start of the part that it stands in."""
    name: str
    bits: int
    value: int | str | None


@dataclass(frozen=True)
class TracedPart:
    """A unit, the file header or the footer: where it lies in the file, in bytes, and its elements in file order.

    damage: what stopped the reading; the elements are then those before it.
    """

    name: str
    offset: int
    size: int
    elements: list[Element]
    damage: str | None = None


def trace_file(decoder: Decoder) -> Iterator[TracedPart]:
    """Every part of the file, in file order. Raises nothing for damage: it is named in the part that has it."""
    container = decoder.container
    yield _plain_part(container.file_header, "file header", 0)
    for entry in container.entries:
        yield _unit_part(decoder, entry)
    if container.index_source == "index":
        index_offset = container.entries[-1].offset
        yield _plain_part(Footer(index_offset), "footer", container.size - FOOTER_BYTES)
    elif container.truncated_at is None:
        yield TracedPart("footer", container.size, 0, [], "footer or INDEX unit is missing or damaged")
    else:
        rest = container.size - container.truncated_at
        damage = f"byte {container.truncated_at}: a unit is cut off or damaged here, {rest} bytes are left"
        yield TracedPart("rest", container.truncated_at, rest, [], damage)


def _plain_part(header: FileHeader | Footer, name: str, offset: int) -> TracedPart:
    """Of a header that can only have been written in one way: writing it again gives the file's bytes."""
    data = write_payload(header)
    trace: list[TraceEntry] = []
    read_payload(type(header)(), data, Place(name, offset), trace=trace)
    return TracedPart(name, offset, len(data), _elements(trace, 0))


def _elements(trace: list[TraceEntry], start_bits: int) -> list[Element]:
    return [
        Element(
            start_bits + entry.bit_offset,
            entry.name,
            entry.bits,
            entry.value.hex() if isinstance(entry.value, bytes) else entry.value,
        )
        for entry in trace
    ]


def _unit_part(decoder: Decoder, entry: UnitEntry) -> TracedPart:
    container = decoder.container
    elements: list[Element] = []
    trace: list[TraceEntry] = []
    start_bits, unit, coded, damage = 0, None, b"", None
    try:
        elements += _elements(container.trace_header(entry), 0)
        if container.find(entry.key) is entry:  # units of unknown types may repeat; only the first can be asked for
            unit = container.unit(entry.key)
            start_bits = 8 * (unit.place.offset - entry.offset)
            coded = _trace_payload(decoder, unit, trace)
    except BitstreamError as error:
        damage = str(error)
    elements += _elements(trace, start_bits)
    if damage is None and elements:
        elements += _tail(entry, elements[-1], unit, coded)
    return TracedPart(str(entry.key), entry.offset, entry.size, elements, damage)


def _tail(entry: UnitEntry, last: Element, unit: Unit | None, coded: bytes) -> list[Element]:
    """What follows a payload's header: coded words or an unknown payload, and the CRC (known where it was checked)."""
    start_bits, crc_bits = last.bit_offset + last.bits, 8 * (entry.size - CRC_BYTES)
    tail = []
    if start_bits < crc_bits:
        tail.append(Element(start_bits, "coded_words" if coded else "payload", crc_bits - start_bits, None))
    crc = None
    if unit is not None:
        crc = int.from_bytes(write_unit_bytes(unit.key, unit.payload)[-CRC_BYTES:], "little")
    return [*tail, Element(crc_bits, "crc32c", 8 * CRC_BYTES, crc)]


def _trace_payload(decoder: Decoder, unit: Unit, trace: list[TraceEntry]) -> bytes:
    """Append a payload's elements to `trace`; return its coded words. Raises BitstreamError."""
    key = unit.key
    if not key.known:
        return b""
    if not _has_place(decoder, key):
        raise InconsistentStream(f"{unit.place}: {key} has no place in the sequence that the other units describe")
    if key.unit_type == UnitType.NETWORK:
        config = decoder.sequence.models[key.gop]
        tensor_count = sum(1 for _ in level_tensors(config, key.level, decoder.sequence.chroma_format))
        blank = NetworkHeader.blank(config, key.level, tensor_count)
        return read_coded_payload(blank, unit.payload, unit.place, trace=trace)[1]
    if key.unit_type == UnitType.GOP:
        return read_coded_payload(_gop_header(decoder, key), unit.payload, unit.place, trace=trace)[1]
    if key.unit_type == UnitType.MOTION:
        counts = reference_counts(_motion_order(decoder, key.segment, key.gop))
        header = MotionHeader(counts, hybrid=decoder.sequence.hybrid)
        return read_coded_payload(header, unit.payload, unit.place, trace=trace)[1]
    if key.unit_type == UnitType.RESIDUAL:
        return read_coded_payload(_residual_header(decoder, key), unit.payload, unit.place, trace=trace)[1]
    if key.unit_type == UnitType.DIGEST:
        read_payload(DigestPayload(_gop_length(decoder, key)), unit.payload, unit.place, trace=trace)
    elif key.unit_type == UnitType.SEQUENCE:
        read_payload(SequenceHeader(), unit.payload, unit.place, trace=trace)
    elif key.unit_type == UnitType.TABLES:
        tables = blank_tables(decoder.container, decoder.sequence.plane_count)
        read_payload(tables, unit.payload, unit.place, trace=trace)
    elif key.unit_type == UnitType.SEGMENT:
        read_payload(SegmentHeader(motion=decoder.sequence.motion), unit.payload, unit.place, trace=trace)
    else:
        read_payload(IndexPayload(), unit.payload, unit.place, trace=trace)
    return b""


def _has_place(decoder: Decoder, key: UnitKey) -> bool:
    """Whether the sequence has the segment, GoP, network and level that a unit is for."""
    if key.unit_type in (UnitType.SEQUENCE, UnitType.INDEX):
        return True
    if key.segment >= len(decoder.segments):
        return False
    if key.unit_type == UnitType.NETWORK:
        return key.level < LEVELS and key.gop < _network_count(decoder, key.segment)
    if key.unit_type == UnitType.SEGMENT:
        return True
    if key.unit_type == UnitType.TABLES:
        return decoder.sequence.hybrid
    if key.gop >= len(decoder.segments[key.segment].gop_length):
        return False
    return key.unit_type == UnitType.DIGEST or key in _gop_units(decoder, key.segment, key.gop, 0)


def _motion_order(decoder: Decoder, segment: int, gop: int) -> list[CodedPicture]:
    header = decoder.segments[segment]
    return hierarchical_order(header.gop_length[gop], header.open_gop[gop])


def _gop_header(decoder: Decoder, key: UnitKey) -> GopHeader | LatentHeader:
    """A blank header of a GOP unit that has a place."""
    if not decoder.sequence.motion:
        return GopHeader(_gop_length(decoder, key), decoder.config.levels[key.level].window_flag)
    order = _motion_order(decoder, key.segment, key.gop)
    return LatentHeader(latent_pictures(decoder.sequence.models, order, key.level))


def _gop_units(decoder: Decoder, segment: int, gop: int, finest: int) -> list[UnitKey]:
    """The units that a GoP must have, in file order, as far as scale 1/2**finest needs them."""
    keys, levels = [], list(decoder.config.grid_levels)
    if decoder.sequence.motion:
        order = _motion_order(decoder, segment, gop)
        levels = latent_levels(decoder.sequence.models, order)
        if reference_counts(order):
            keys.append(UnitKey(UnitType.MOTION, segment, gop))
        if decoder.sequence.hybrid:
            return keys + _residual_units(decoder, segment, gop, finest)
    return keys + [UnitKey(UnitType.GOP, segment, gop, level) for level in levels if level >= finest]


def _residual_units(decoder: Decoder, segment: int, gop: int, finest: int) -> list[UnitKey]:
    """The RESIDUAL units of a GoP of the hybrid profile; where that of level 3 is lost, it alone."""
    levels = [COARSEST_RESIDUAL]
    with contextlib.suppress(BitstreamError):
        levels += _pictures_header(decoder, segment, gop).residual_levels
    return [UnitKey(UnitType.RESIDUAL, segment, gop, level) for level in levels if level >= finest]


def _residual_header(decoder: Decoder, key: UnitKey) -> PicturesHeader | BandHeader:
    """A blank header of a RESIDUAL unit that has a place."""
    if key.level == COARSEST_RESIDUAL:
        return _blank_pictures(decoder, key.segment, key.gop)
    coarsest = _pictures_header(decoder, key.segment, key.gop)
    return BandHeader(len(coarsest.coded), decoder.sequence.plane_count)


def _blank_pictures(decoder: Decoder, segment: int, gop: int) -> PicturesHeader:
    """A blank header of a RESIDUAL unit of level 3. Raises BitstreamError."""
    planes = decoder.sequence.plane_count
    counts = tuple(len(picture.references) for picture in _motion_order(decoder, segment, gop))
    return PicturesHeader.blank(counts, planes, read_tables(decoder.container, segment, planes))


def _pictures_header(decoder: Decoder, segment: int, gop: int) -> PicturesHeader:
    """What the RESIDUAL unit of level 3 says of a GoP. Raises BitstreamError."""
    unit = decoder.container.unit(UnitKey(UnitType.RESIDUAL, segment, gop, COARSEST_RESIDUAL))
    return read_coded_payload(_blank_pictures(decoder, segment, gop), unit.payload, unit.place)[0]


def _network_count(decoder: Decoder, segment: int) -> int:
    """Networks of a segment. Where a segment of the hybrid profile has lost its tables, none."""
    sequence = decoder.sequence
    if not sequence.hybrid:
        return len(sequence.models)
    try:
        return int(read_tables(decoder.container, segment, sequence.plane_count).network_flag)
    except BitstreamError:
        return 0


def _gop_length(decoder: Decoder, key: UnitKey) -> int:
    return decoder.segments[key.segment].gop_length[key.gop]


def needed_units(decoder: Decoder, finest: int = 0) -> list[UnitKey]:
    """What decoding all pictures at scale 1/2**finest reads, in file order; digests are read on request only."""
    keys = [UnitKey(UnitType.SEQUENCE)]
    for segment, header in enumerate(decoder.segments):
        keys.append(UnitKey(UnitType.SEGMENT, segment))
        if decoder.sequence.hybrid:
            keys.append(UnitKey(UnitType.TABLES, segment))
        for network in range(_network_count(decoder, segment)):
            keys += [UnitKey(UnitType.NETWORK, segment, network, level) for level in reversed(range(finest, LEVELS))]
        for gop in range(len(header.gop_length)):
            keys += _gop_units(decoder, segment, gop, finest)
    return keys


def missing_units(decoder: Decoder) -> list[UnitKey]:
    """Units without which not every picture can be decoded, and that the file does not have."""
    return [key for key in needed_units(decoder) if key not in decoder.container]


def bytes_read(decoder: Decoder, finest: int) -> int:
    """Bytes that decoding all pictures at scale 1/2**finest reads of an undamaged file, index and footer included."""
    container = decoder.container
    wanted = {*needed_units(decoder, finest), UnitKey(UnitType.INDEX)}
    units = sum(entry.size for entry in container.entries if entry.key in wanted)
    return FILE_HEADER_BYTES + units + FOOTER_BYTES


def component_bytes(decoder: Decoder) -> dict[str, int]:
    """Bytes by component; they add up to the file's size."""
    container = decoder.container
    sizes = dict.fromkeys((*COMPONENTS.values(), "unknown", "rest"), 0)
    sizes["headers"] = FILE_HEADER_BYTES
    for entry in container.entries:
        sizes[COMPONENTS[UnitType(entry.key.unit_type)] if entry.key.known else "unknown"] += entry.size
    rest = container.size - sum(sizes.values())
    sizes["index" if container.index_source == "index" else "rest"] += rest
    return sizes


def level_bytes(decoder: Decoder, level: int) -> tuple[int, int]:
    """Bytes of a level's NETWORK units (of all networks) and of its GOP or RESIDUAL units."""
    own = [entry for entry in decoder.container.entries if entry.key.level == level]
    network = sum(entry.size for entry in own if entry.key.unit_type == UnitType.NETWORK)
    return network, sum(entry.size for entry in own if entry.key.unit_type in (UnitType.GOP, UnitType.RESIDUAL))


def network_cost(decoder: Decoder, config: ModelConfig, finest: int) -> DecodingCost:
    """Multiply-adds per luma sample of the output at scale 1/2**finest, of a picture that one network makes."""
    sequence = decoder.sequence
    return decoding_cost(config, sequence.height, sequence.width, sequence.chroma_format, finest)


def scale_cost(decoder: Decoder, finest: int) -> DecodingCost:
    """Of the network that makes most pictures: in the motion profile the inter network. See `network_cost`."""
    return network_cost(decoder, decoder.sequence.models[-1], finest)


def access_distance(decoder: Decoder) -> int:
    """From some picture of any so many on, decoding can begin: the longest way from one closed GoP to the next."""
    distances: list[int] = []
    for place in decoder.gops:
        if place.open:
            distances[-1] += place.length
        else:
            distances.append(place.length)
    return max(distances)
