"""Files: found by index, found by scanning, cut, flipped, foreign; each refusal on literal bytes."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.bitstream import (
    ContainerReader,
    ContainerWriter,
    IndexPayload,
    UnitKey,
    UnitType,
    write_payload,
)
from nvcodec.bitstream.container import INDEX_KEY, write_unit_bytes
from nvcodec.bitstream.crc import crc32c
from nvcodec.bitstream.errors import (
    BitstreamError,
    DuplicateUnit,
    FileUnreadable,
    InconsistentStream,
    MissingUnit,
    NotMsn,
    ReservedFlagSet,
    UnitDamaged,
    UnitTruncated,
    UnsupportedVersion,
)

FILE_HEADER = b"\x89MSN\x00\x01\x00\x00"
SEQUENCE = UnitKey(UnitType.SEQUENCE)
FINE, COARSE = UnitKey(UnitType.NETWORK, 0, 0, 0), UnitKey(UnitType.NETWORK, 0, 0, 4)
UNKNOWN = UnitKey(77, 1, 2, 3)
GOP = UnitKey(UnitType.GOP, 0, 300, 2)
PAYLOADS = {SEQUENCE: b"sequence", COARSE: b"coarse" * 20, UNKNOWN: b"?", FINE: bytes(1000), GOP: b""}


def whole_file(payloads: dict[UnitKey, bytes] = PAYLOADS) -> bytes:
    file = io.BytesIO()
    writer = ContainerWriter(file)
    writer.write_file_header()
    for key, payload in payloads.items():
        writer.write_unit(key, payload)
    writer.finish()
    assert writer.bytes_written == len(file.getvalue())
    return file.getvalue()


WHOLE = whole_file()


def flipped(data: bytes, offset: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[offset] ^= 1 << bit
    return bytes(changed)


def entry_of(key: UnitKey) -> tuple[int, int]:
    entry = ContainerReader(WHOLE).find(key)
    return entry.offset, entry.size


def check_all(reader: ContainerReader, index_source: str) -> None:
    assert reader.index_source == index_source
    assert [entry.key for entry in reader.entries] == [*PAYLOADS, INDEX_KEY]
    for key, payload in PAYLOADS.items():
        assert reader.payload(key) == payload


def test_units_are_found_by_the_index() -> None:
    reader = ContainerReader(WHOLE)
    check_all(reader, "index")
    assert reader.entries[0].offset == 8
    assert sum(entry.size for entry in reader.entries) + 8 + 12 == reader.size == len(WHOLE)


def test_unit_bytes() -> None:
    covered = bytes([4, 0, 0xAC, 0x02, 2, 3]) + b"abc"
    assert write_unit_bytes(GOP, b"abc") == covered + crc32c(covered).to_bytes(4, "little")
    assert write_unit_bytes(SEQUENCE, b"") == bytes.fromhex("01000000009919637d")


def test_a_path_a_file_and_bytes_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "clip.msn"
    path.write_bytes(WHOLE)
    for source in (path, str(path), WHOLE, bytearray(WHOLE)):
        with ContainerReader(source) as reader:
            check_all(reader, "index")
    with path.open("rb") as file:
        with ContainerReader(file) as reader:
            check_all(reader, "index")
        assert not file.closed


def test_only_what_is_asked_for_is_read() -> None:
    reader = ContainerReader(WHOLE)
    opening = 8 + 12 + reader.find(INDEX_KEY).size
    assert reader.bytes_read == opening
    reader.payload(COARSE)
    assert reader.bytes_read == opening + reader.find(COARSE).size


@pytest.mark.parametrize("cut", range(1, 13))
def test_without_a_whole_footer_the_units_are_found_by_scanning(cut: int) -> None:
    reader = ContainerReader(WHOLE[:-cut])
    check_all(reader, "scan")
    assert reader.truncated_at is None


def test_scanning_reads_unit_headers_only() -> None:
    reader = ContainerReader(WHOLE[:-12])
    assert reader.bytes_read < 8 + 12 + 30 * len(reader.entries)


@pytest.mark.parametrize("from_end", range(1, 13))
@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_footer_is_survived(from_end: int, bit: int) -> None:
    check_all(ContainerReader(flipped(WHOLE, len(WHOLE) - from_end, bit)), "scan")


def test_a_flipped_index_is_survived() -> None:
    offset, size = entry_of(INDEX_KEY)
    for byte in range(offset, offset + size):
        reader = ContainerReader(flipped(WHOLE, byte, 3))
        assert reader.index_source == "scan"
        for key, payload in PAYLOADS.items():
            assert reader.payload(key) == payload


def with_index(entries: list[tuple[UnitKey, int]], tail: bytes = b"") -> bytes:
    """The whole file's units under an index that says `entries`, its CRC right."""
    offset, _ = entry_of(INDEX_KEY)
    index = write_unit_bytes(INDEX_KEY, write_payload(IndexPayload(entries)))
    return WHOLE[:offset] + index + tail + offset.to_bytes(8, "little") + b"MSNX"


TRUE_ENTRIES = [(entry.key, entry.size) for entry in ContainerReader(WHOLE).entries[:-1]]


def test_an_index_that_does_not_tile_the_file_is_ignored() -> None:
    assert with_index(TRUE_ENTRIES) == WHOLE
    for entries in ([], TRUE_ENTRIES[:-1], [*TRUE_ENTRIES, (GOP, 9)], [(key, size + 1) for key, size in TRUE_ENTRIES]):
        check_all(ContainerReader(with_index(entries)), "scan")
    check_all(ContainerReader(with_index(TRUE_ENTRIES, tail=b"between")), "scan")


def test_an_index_with_a_size_too_small_for_a_unit_is_ignored() -> None:
    (first, first_size), *rest = TRUE_ENTRIES
    check_all(ContainerReader(with_index([(UNKNOWN, 0), (first, first_size), *rest])), "scan")


def test_an_index_that_names_another_unit_is_caught_when_the_unit_is_read() -> None:
    (_, size), *rest = TRUE_ENTRIES
    reader = ContainerReader(with_index([(UnitKey(UnitType.SEGMENT), size), *rest]))
    with pytest.raises(InconsistentStream, match=r"SEGMENT unit \(segment 0\), byte 8: .* but SEQUENCE unit"):
        reader.payload(UnitKey(UnitType.SEGMENT))


@pytest.mark.parametrize("offset", [0, 1 << 63, len(WHOLE), len(WHOLE) - 12, len(WHOLE) - 20])
def test_a_footer_that_points_elsewhere_is_ignored(offset: int) -> None:
    check_all(ContainerReader(WHOLE[:-12] + offset.to_bytes(8, "little") + b"MSNX"), "scan")


def test_every_flipped_bit_of_a_unit_is_caught_and_harms_no_other() -> None:
    offset, size = entry_of(COARSE)
    for byte in range(offset, offset + size):
        reader = ContainerReader(flipped(WHOLE, byte, byte & 7))
        with pytest.raises(UnitDamaged, match=rf"NETWORK unit \(segment 0, level 4\), byte {offset}: its CRC is"):
            reader.payload(COARSE)
        assert reader.payload(SEQUENCE) == PAYLOADS[SEQUENCE]
        assert reader.payload(FINE) == PAYLOADS[FINE]


def test_flips_without_an_index_leave_the_units_before_them() -> None:
    offset, size = entry_of(FINE)
    units_only = WHOLE[: entry_of(INDEX_KEY)[0]]
    for byte in range(offset, offset + size):
        for bit in range(8):
            try:
                reader = ContainerReader(flipped(units_only, byte, bit))
                assert reader.payload(COARSE) == PAYLOADS[COARSE]
                with pytest.raises(BitstreamError):
                    reader.payload(FINE)
            except DuplicateUnit:
                assert byte < offset + 5


def test_files_cut_anywhere_serve_what_is_whole() -> None:
    ends = {entry.key: entry.offset + entry.size for entry in ContainerReader(WHOLE).entries}
    for cut in range(8, ends[INDEX_KEY]):
        reader = ContainerReader(WHOLE[:cut])
        assert reader.index_source == "scan"
        for key, payload in PAYLOADS.items():
            if ends[key] <= cut:
                assert reader.payload(key) == payload
            else:
                at_border = cut == 8 or cut in ends.values()
                with pytest.raises(MissingUnit if at_border else UnitTruncated) as caught:
                    reader.payload(key)
                assert str(key) in str(caught.value)
                assert "\n" not in str(caught.value)


def test_a_truncated_unit_is_named_with_its_offset() -> None:
    offset, size = entry_of(FINE)
    reader = ContainerReader(WHOLE[: offset + 100])
    assert reader.truncated_at == offset
    with pytest.raises(UnitTruncated, match=rf"level 0\), byte {offset}: the unit has {size} bytes, .* after 100"):
        reader.find(FINE)


def test_a_unit_header_that_makes_no_sense_ends_the_scan() -> None:
    data = FILE_HEADER + write_unit_bytes(SEQUENCE, b"abc") + bytes.fromhex("028000000000000000")
    reader = ContainerReader(data)
    assert reader.truncated_at == 8 + 12
    assert reader.payload(SEQUENCE) == b"abc"
    with pytest.raises(UnitDamaged, match="byte 21: segment is coded in 2 bytes, more than it needs"):
        reader.find(FINE)


def test_a_payload_above_the_cap_ends_the_scan() -> None:
    with pytest.raises(UnitDamaged, match="payload_length 4294967295, allowed is at most 268435456"):
        ContainerReader(FILE_HEADER + bytes.fromhex("01000000ffffffff0f")).find(SEQUENCE)


def test_a_file_that_shrinks_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "clip.msn"
    path.write_bytes(WHOLE)
    offset, size = entry_of(FINE)
    with ContainerReader(path) as reader:
        os.truncate(path, offset + 100)
        with pytest.raises(UnitTruncated, match=f"byte {offset}: {size} bytes are expected"):
            reader.payload(FINE)


def test_missing_units() -> None:
    with pytest.raises(MissingUnit, match=r"the file has no DIGEST unit \(segment 0, gop 3\)$"):
        ContainerReader(WHOLE).find(UnitKey(UnitType.DIGEST, 0, 3))
    reader = ContainerReader(FILE_HEADER)
    assert (reader.entries, reader.index_source) == ([], "scan")
    with pytest.raises(MissingUnit, match="no SEQUENCE unit and no INDEX unit: it may be cut off"):
        reader.find(SEQUENCE)
    assert SEQUENCE not in reader
    assert SEQUENCE in ContainerReader(WHOLE)


def test_duplicates_are_refused_by_reader_and_writer() -> None:
    data = FILE_HEADER + write_unit_bytes(SEQUENCE, b"a") + write_unit_bytes(SEQUENCE, b"b")
    with pytest.raises(DuplicateUnit, match="SEQUENCE unit at byte 18: there is one already at byte 8"):
        ContainerReader(data)
    writer = ContainerWriter(io.BytesIO())
    writer.write_file_header()
    writer.write_unit(SEQUENCE, b"a")
    with pytest.raises(DuplicateUnit, match="writing SEQUENCE unit"):
        writer.write_unit(SEQUENCE, b"b")


def test_units_of_unknown_types_may_repeat() -> None:
    data = FILE_HEADER + 2 * write_unit_bytes(UNKNOWN, b"a") + write_unit_bytes(SEQUENCE, b"b")
    reader = ContainerReader(data)
    assert [entry.key.known for entry in reader.entries] == [False, False, True]
    assert reader.payload(SEQUENCE) == b"b"


def test_the_writer_wants_the_file_header_first() -> None:
    with pytest.raises(InconsistentStream, match="the file header comes first"):
        ContainerWriter(io.BytesIO()).write_unit(SEQUENCE, b"a")


def test_the_writer_needs_no_seeking() -> None:
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += data
            return len(data)

    pipe = Pipe()
    writer = ContainerWriter(pipe)  # type: ignore[arg-type]
    writer.write_file_header()
    for key, payload in PAYLOADS.items():
        writer.write_unit(key, payload)
    writer.finish()
    assert pipe.data == WHOLE


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"\x89MS", "starts with bytes 89 4d 53"),
        (b"\x89MSN\x00", "it has 5 bytes, fewer than a file header"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG picture"),
        (b"YUV4MPEG2 W352 H288 F30:1\n", "a y4m video"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", "an MP4 or MOV file"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0\0", "a Matroska or WebM file"),
        (b"PK\x03\x04" + bytes(20), "a ZIP archive"),
        (b"Dear decoder,\nplease", r"text \('Dear decoder,\\nplease'\)"),
        (bytes(1000), "starts with bytes 00 00 00 00, the magic is 89 4d 53 4e"),
    ],
)
def test_other_files_are_refused_by_what_they_are(data: bytes, said: str) -> None:
    with pytest.raises(NotMsn, match=f"not an .msn file: .*{said}") as caught:
        ContainerReader(data)
    assert "\n" not in str(caught.value)


def test_later_major_versions_and_flags_are_refused() -> None:
    with pytest.raises(UnsupportedVersion, match=r"file header, byte 6: format version 2\.0"):
        ContainerReader(b"\x89MSN\x02\x00\x00\x00" + WHOLE[8:])
    with pytest.raises(ReservedFlagSet, match="flags is 0x0001"):
        ContainerReader(b"\x89MSN\x00\x01\x01\x00" + WHOLE[8:])
    check_all(ContainerReader(b"\x89MSN\x00\xff\x00\x00" + WHOLE[8:]), "index")


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"none\.msn: cannot open the file: No such file"):
        ContainerReader(tmp_path / "none.msn")
    with pytest.raises(FileUnreadable, match="cannot open the file"):
        ContainerReader(tmp_path)
    receiving, sending = os.pipe()
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe, pytest.raises(FileUnreadable, match="cannot seek"):
        ContainerReader(pipe)


def test_unit_headers_can_be_traced() -> None:
    reader = ContainerReader(WHOLE)
    trace = reader.trace_header(reader.find(GOP))
    assert [(entry.name, entry.value) for entry in trace] == [
        ("unit_type", 4),
        ("segment", 0),
        ("gop", 300),
        ("level", 2),
        ("payload_length", 0),
    ]
    assert [entry.bit_offset for entry in trace] == [0, 8, 16, 32, 40]


@given(st.data())
def test_no_damage_raises_anything_but_our_errors(data: st.DataObject) -> None:
    changed = bytearray(WHOLE[: data.draw(st.integers(8, len(WHOLE)))])
    for _ in range(data.draw(st.integers(0, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        reader = ContainerReader(changed)
    except BitstreamError:
        return
    for entry in reader.entries:
        try:
            payload = reader.payload(entry.key)
        except BitstreamError:
            continue
        assert payload == PAYLOADS.get(entry.key, payload)
