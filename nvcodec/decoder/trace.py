"""What a file consists of: every syntax element of every unit, bytes by component and scale, and what decoding costs.

The elements come from the headers' own `visit`, so there is no second description of the syntax here. Nothing is
entropy-decoded: coded words appear as one element without a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nvcodec.bitstream import (
    LEVELS,
    BitstreamError,
    ContainerReader,
    DigestPayload,
    FileHeader,
    Footer,
    GopHeader,
    IndexPayload,
    NetworkHeader,
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
from nvcodec.decoder.decoder import Decoder
from nvcodec.decoder.network_unit import level_tensors
from nvcodec.synthesis.cost import DecodingCost, decoding_cost

COMPONENTS = {
    UnitType.SEQUENCE: "headers",
    UnitType.SEGMENT: "headers",
    UnitType.NETWORK: "network",
    UnitType.GOP: "grids",
    UnitType.DIGEST: "digests",
    UnitType.INDEX: "index",
}


@dataclass(frozen=True)
class Element:
    """A syntax element. value: raw bytes in hexadecimal; None for words that would have to be entropy-decoded."""

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
    damage = None
    try:
        elements += _elements(container.trace_header(entry), 0)
        if container.find(entry.key) is entry:  # units of unknown types may repeat, and only the first can be read
            elements += _payload_elements(decoder, entry, unit := container.unit(entry.key), trace := [])
            crc = int.from_bytes(write_unit_bytes(unit.key, unit.payload)[-CRC_BYTES:], "little")
            elements.append(Element(8 * (entry.size - CRC_BYTES), "crc32c", 8 * CRC_BYTES, crc))
    except BitstreamError as error:
        damage = str(error)
    return TracedPart(str(entry.key), entry.offset, entry.size, elements, damage)
