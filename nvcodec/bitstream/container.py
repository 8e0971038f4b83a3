"""The file as a row of units: a writer that streams them out, a reader that fetches single ones.

The reader touches as little as it can: file header, footer and index when it opens, then only the units that it is
asked for (`bytes_read` counts). Where footer or index is missing or damaged it walks over the unit headers from the
start instead, and serves whatever is whole.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import BinaryIO

from nvcodec.bitstream import limits
from nvcodec.bitstream.crc import crc32c
from nvcodec.bitstream.errors import (
    BitstreamError,
    DuplicateUnit,
    FileUnreadable,
    InconsistentStream,
    LimitExceeded,
    MissingUnit,
    NotMsn,
    Place,
    UnitDamaged,
    UnitTruncated,
)
from nvcodec.bitstream.headers import (
    FILE_HEADER_BYTES,
    FOOTER_BYTES,
    FOOTER_MAGIC,
    MAGIC,
    FileHeader,
    Footer,
    IndexPayload,
    UnitHeader,
)
from nvcodec.bitstream.units import UnitKey, UnitType
from nvcodec.bitstream.visitor import (
    Header,
    ReadVisitor,
    TraceEntry,
    TraceVisitor,
    WriteVisitor,
    read_payload,
    write_payload,
)

CRC_BYTES = 4
MIN_UNIT_BYTES = 9
"""Five one-byte header fields and the CRC."""
MAX_UNIT_HEADER_BYTES = 17
"""Two u8 and three varints of five bytes."""
SIGNATURE_BYTES = 64
"""Enough of a file's start to say what it is, when it isn't ours."""

UNIT_MEMORY_BYTES = 512
"""What the reader's lists take for each unit, reckoned high: key and size, entry, place in a dictionary."""
PAYLOAD_COPIES = 6
"""Copies of a unit that may exist at once while it is read and its words are decoded."""

INDEX_KEY = UnitKey(UnitType.INDEX)


@dataclass(frozen=True, slots=True)
class UnitEntry:
    """Where a unit lies: byte offset in the file, size in bytes of the whole unit."""

    key: UnitKey
    offset: int
    size: int


@dataclass(frozen=True)
class Unit:
    """A unit whose CRC has been checked; `place` is its payload's, for errors."""

    key: UnitKey
    payload: bytes
    place: Place


def _write_plain(header: Header) -> bytes:
    visitor = WriteVisitor(type(header).__name__)
    header.visit(visitor)
    return visitor.getvalue()


def write_unit_bytes(key: UnitKey, payload: bytes) -> bytes:
    """A whole unit: header, payload, CRC. Raises LimitExceeded. Source: bitstream_spec.md, section 3.2."""
    covered = _write_plain(UnitHeader(key, len(payload))) + payload
    return covered + crc32c(covered).to_bytes(CRC_BYTES, "little")


class ContainerWriter:
    """Writes a file from front to back into `file`, which needs `write` only; its OSErrors pass through."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._keys: set[UnitKey] = set()
        self.entries: list[UnitEntry] = []
        self.bytes_written = 0

    def write_file_header(self) -> None:
        """The first thing to write."""
        self._write(_write_plain(FileHeader()))

    def write_unit(self, key: UnitKey, payload: bytes) -> UnitEntry:
        """Append a unit. Raises DuplicateUnit, LimitExceeded, and InconsistentStream before the file header."""
        if not self.bytes_written:
            raise InconsistentStream(f"writing {key}: the file header comes first")
        if key in self._keys:
            raise DuplicateUnit(f"writing {key}: it has been written before")
        if len(self.entries) >= limits.MAX_UNITS:
            raise LimitExceeded(f"writing {key}: the file has {limits.MAX_UNITS} units, no more are allowed")
        unit = write_unit_bytes(key, payload)
        entry = UnitEntry(key, self.bytes_written, len(unit))
        self._write(unit)
        self._keys.add(key)
        self.entries.append(entry)
        return entry

    def finish(self) -> None:
        """Append the INDEX unit and the footer; the file stays open."""
        index_offset = self.bytes_written
        index = IndexPayload([(entry.key, entry.size) for entry in self.entries])
        self.write_unit(INDEX_KEY, write_payload(index))
        self._write(_write_plain(Footer(index_offset)))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self.bytes_written += len(data)


class ContainerReader:
    """Finds and reads the units of a file.

    source: a path, a seekable binary file object (left open on close), or the bytes of the whole file. max_memory:
    bytes that the list of units, and any single unit, may take; the caps of `limits` alone where it is None.
    Raises FileUnreadable, NotMsn, UnsupportedVersion, ReservedFlagSet, DuplicateUnit, LimitExceeded.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes | BinaryIO, *, max_memory: int | None = None) -> None:
        self._max_units, self._max_payload = limits.MAX_UNITS, limits.MAX_PAYLOAD_BYTES
        if max_memory is not None:
            self._max_units = min(self._max_units, max_memory // UNIT_MEMORY_BYTES)
            self._max_payload = min(self._max_payload, max_memory // PAYLOAD_COPIES)
        self.bytes_read = 0
        """Bytes fetched from the source so far."""
        self.truncated_at: int | None = None
        """Where scanning had to stop: offset of a unit that is cut off or makes no sense."""
        self.entries: list[UnitEntry] = []
        """All units in file order, the INDEX unit and units of unknown types among them."""
        self._stopped_by: BitstreamError | None = None
        self._owned = not hasattr(source, "read")
        self._file, self.name = _open(source)
        try:
            self.size = self._measure()
            """Bytes of the whole file."""
            self.file_header = self._read_file_header()
            indexed = self._read_index()
            self.index_source = "scan" if indexed is None else "index"
            """Where the list of units comes from: 'index' or 'scan'."""
            self.entries = self._scan() if indexed is None else indexed
            self._by_key = _by_key(self.entries)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ContainerReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if this reader opened it."""
        if self._owned:
            self._file.close()

    def __contains__(self, key: UnitKey) -> bool:
        return key in self._by_key

    def find(self, key: UnitKey) -> UnitEntry:
        """Where a unit lies. Raises MissingUnit, or UnitTruncated or UnitDamaged where the scan stopped early."""
        entry = self._by_key.get(key)
        if entry is not None:
            return entry
        if self._stopped_by is not None:
            raise type(self._stopped_by)(f"{self.name}: no {key} before the damage: {self._stopped_by}")
        hint = "" if INDEX_KEY in self else " and no INDEX unit: it may be cut off"
        raise MissingUnit(f"{self.name}: the file has no {key}{hint}")

    def unit(self, key: UnitKey) -> Unit:
        """Read one unit and check its CRC and header. Raises what `find` raises, UnitTruncated, UnitDamaged."""
        return self._read_unit(self.find(key))

    def payload(self, key: UnitKey) -> bytes:
        """As `unit`; its payload alone."""
        return self.unit(key).payload

    def trace_header(self, entry: UnitEntry) -> list[TraceEntry]:
        """The fields of a unit's header as they stand in the file; bit offsets count from `entry.offset`."""
        data = self._read_at(entry.offset, min(MAX_UNIT_HEADER_BYTES, entry.size), str(entry.key))
        trace: list[TraceEntry] = []
        UnitHeader().visit(TraceVisitor(data, Place(f"header of {entry.key}", entry.offset), trace))
        return trace

    def _measure(self) -> int:
        try:
            return self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise FileUnreadable(f"{self.name}: cannot seek: {error.strerror or error}") from error

    def _read_at(self, offset: int, count: int, what: str) -> bytes:
        try:
            self._file.seek(offset)
            data = self._file.read(count)
        except OSError as error:
            raise FileUnreadable(
                f"{self.name}: cannot read {count} bytes at byte {offset}: {error.strerror or error}"
            ) from error
        self.bytes_read += len(data)
        if len(data) < count:
            raise UnitTruncated(
                f"{what}, byte {offset}: {count} bytes are expected, the file ends after {len(data)} of them"
            )
        return data

    def _read_file_header(self) -> FileHeader:
        start = self._read_at(0, min(self.size, FILE_HEADER_BYTES), "file header")
        if len(start) < FILE_HEADER_BYTES or not start.startswith(MAGIC):
            start = self._read_at(0, min(self.size, SIGNATURE_BYTES), "file header")
            raise NotMsn(f"{self.name}: not an .msn file: {describe_content(start)}")
        header = FileHeader()
        header.visit(ReadVisitor(start, Place("file header")))
        return header

    def _read_index(self) -> list[UnitEntry] | None:
        """The units that the index lists, itself included; None where footer or index can't be trusted."""
        footer_offset = self.size - FOOTER_BYTES
        if footer_offset < FILE_HEADER_BYTES + MIN_UNIT_BYTES:
            return None
        try:
            footer = Footer()
            data = self._read_at(footer_offset, FOOTER_BYTES, "footer")
            footer.visit(ReadVisitor(data, Place("footer", footer_offset)))
            own = UnitEntry(INDEX_KEY, footer.index_offset, footer_offset - footer.index_offset)
            if own.offset < FILE_HEADER_BYTES or own.size < MIN_UNIT_BYTES:
                return None
            unit = self._read_unit(own)
            index = read_payload(IndexPayload(max_entries=self._max_units), unit.payload, unit.place)
            return _tile(index, own)
        except FileUnreadable:
            raise
        except BitstreamError:
            return None

    def _scan(self) -> list[UnitEntry]:
        """Walk over the unit headers up to the INDEX unit, the footer, the end of the file or a broken unit."""
        entries: list[UnitEntry] = []
        offset = FILE_HEADER_BYTES
        while offset < self.size and not self._is_footer(offset):
            if len(entries) >= self._max_units:
                raise LimitExceeded(f"{self.name}: more than {self._max_units} units, no more are allowed")
            try:
                entry = self._scan_unit(offset)
            except (UnitTruncated, UnitDamaged) as error:
                self.truncated_at, self._stopped_by = offset, error
                break
            entries.append(entry)
            if entry.key == INDEX_KEY:
                break
            offset += entry.size
        return entries

    def _is_footer(self, offset: int) -> bool:
        if offset != self.size - FOOTER_BYTES:
            return False
        return self._read_at(offset, FOOTER_BYTES, "footer").endswith(FOOTER_MAGIC)

    def _scan_unit(self, offset: int) -> UnitEntry:
        """The unit at `offset`, by its header alone. Raises UnitTruncated, UnitDamaged."""
        data = self._read_at(offset, min(MAX_UNIT_HEADER_BYTES, self.size - offset), "unit header")
        header, visitor = UnitHeader(), ReadVisitor(data, Place("unit header", offset))
        try:
            header.visit(visitor)
        except UnitTruncated:
            raise
        except BitstreamError as error:
            raise UnitDamaged(str(error)) from error
        size = visitor.position // 8 + header.payload_length + CRC_BYTES
        if offset + size > self.size:
            raise UnitTruncated(
                f"{header.key}, byte {offset}: the unit has {size} bytes, "
                f"the file ends after {self.size - offset} of them"
            )
        return UnitEntry(header.key, offset, size)

    def _read_unit(self, entry: UnitEntry) -> Unit:
        limit = self._max_payload + MAX_UNIT_HEADER_BYTES + CRC_BYTES
        if entry.size > limit:
            raise LimitExceeded(f"{entry.key}, byte {entry.offset}: {entry.size} bytes, allowed is at most {limit}")
        data = self._read_at(entry.offset, entry.size, str(entry.key))
        covered, stored = data[:-CRC_BYTES], int.from_bytes(data[-CRC_BYTES:], "little")
        computed = crc32c(covered)
        if computed != stored:
            raise UnitDamaged(
                f"{entry.key}, byte {entry.offset}: its CRC is {computed:#010x}, the file says {stored:#010x}"
            )
        header = UnitHeader()
        visitor = ReadVisitor(covered, Place(f"header of {entry.key}", entry.offset))
        header.visit(visitor)
        start = visitor.position // 8
        if header != UnitHeader(entry.key, len(covered) - start):
            raise InconsistentStream(
                f"{entry.key}, byte {entry.offset}: {len(covered) - start} payload bytes by the index, "
                f"but {header.key} with payload_length {header.payload_length} by its own header"
            )
        return Unit(entry.key, covered[start:], Place(str(entry.key), entry.offset + start))


def _open(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[BinaryIO, str]:
    """The source as a file, and its name for errors. Raises FileUnreadable."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source), "input"
    if not isinstance(source, (str, os.PathLike)):
        return source, str(getattr(source, "name", "input"))
    name = os.fspath(source)
    try:
        return open(name, "rb"), name
    except OSError as error:
        raise FileUnreadable(f"{name}: cannot open the file: {error.strerror or error}") from error


def _tile(index: IndexPayload, own: UnitEntry) -> list[UnitEntry] | None:
    """The index as entries, if they tile the file from the file header to the index unit; else None."""
    entries, offset = [], FILE_HEADER_BYTES
    for key, unit_size in index.entries:
        if unit_size < MIN_UNIT_BYTES:
            return None
        entries.append(UnitEntry(key, offset, unit_size))
        offset += unit_size
    return [*entries, own] if offset == own.offset else None


def _by_key(entries: list[UnitEntry]) -> dict[UnitKey, UnitEntry]:
    """Units by key. Raises DuplicateUnit; types that we don't know may repeat, for later versions to define."""
    found: dict[UnitKey, UnitEntry] = {}
    for entry in entries:
        first = found.setdefault(entry.key, entry)
        if first is not entry and entry.key.known:
            raise DuplicateUnit(f"{entry.key} at byte {entry.offset}: there is one already at byte {first.offset}")
    return found


_SIGNATURES = (
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"YUV4MPEG2", "a y4m video"),
    (4, b"ftyp", "an MP4 or MOV file"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (0, b"RIFF", "a RIFF (AVI, WAV, WebP) file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"%PDF", "a PDF document"),
)


def describe_content(start: bytes) -> str:
    """What a file that is no .msn file seems to be, from its first bytes (SIGNATURE_BYTES of them)."""
    if not start:
        return "it is empty"
    if start.startswith(MAGIC):
        return f"it has {len(start)} bytes, fewer than a file header"
    for offset, signature, name in _SIGNATURES:
        if start[offset:].startswith(signature):
            return f"it looks like {name}"
    if all(32 <= byte < 127 or byte in b"\t\n\r" for byte in start):
        return f"it looks like text ({start[:20].decode('ascii')!r})"
    return f"it starts with bytes {start[:4].hex(' ')}, the magic is {MAGIC.hex(' ')}"
