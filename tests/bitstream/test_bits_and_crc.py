"""The lowest layer: bit fields, varints, padding, and CRC-32C against published values."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.bitstream.bits import BitReader, BitWriter
from nvcodec.bitstream.crc import crc32c
from nvcodec.bitstream.errors import NonMinimalVarint, NonZeroPadding, Place, UnitTruncated

PLACE = Place("test unit", 100)
FIELDS = st.integers(1, 64).flatmap(lambda bits: st.tuples(st.just(bits), st.integers(0, (1 << bits) - 1)))


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        # RFC 3720, appendix B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
    ],
)
def test_crc_has_the_published_values(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc


@given(st.binary(max_size=70))
def test_crc_equals_its_definition_bit_by_bit(data: bytes) -> None:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    assert crc32c(data) == crc ^ 0xFFFFFFFF


def test_crc_sees_every_single_flipped_bit() -> None:
    data = random.Random(1).randbytes(29)
    whole = crc32c(data)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        assert crc32c(bytes(flipped)) != whole


def test_fields_are_most_significant_bit_first() -> None:
    writer = BitWriter()
    writer.u(3, 0b101)
    writer.u(6, 0b000011)
    writer.u(16, 0x1234)
    writer.align()
    assert writer.getvalue() == bytes([0b10100001, 0b10001001, 0b00011010, 0b00000000])


@given(st.lists(FIELDS))
def test_fields_round_trip(fields: list[tuple[int, int]]) -> None:
    writer = BitWriter()
    for bits, value in fields:
        writer.u(bits, value)
    assert writer.position == sum(bits for bits, _ in fields)
    writer.align()
    reader = BitReader(writer.getvalue(), PLACE)
    assert [reader.u(bits) for bits, _ in fields] == [value for _, value in fields]
    reader.align()
    assert reader.remaining_bytes == 0


@given(st.integers(0, (1 << 32) - 1))
def test_varints_round_trip_in_minimal_form(value: int) -> None:
    writer = BitWriter()
    writer.varint(value)
    data = writer.getvalue()
    assert len(data) == max(1, -(-value.bit_length() // 7))
    assert BitReader(data, PLACE).varint() == value


@pytest.mark.parametrize(
    ("value", "data"),
    [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), ((1 << 32) - 1, "ffffffff0f")],
)
def test_varint_literals(value: int, data: str) -> None:
    assert BitReader(bytes.fromhex(data), PLACE).varint() == value


@pytest.mark.parametrize("data", ["8000", "ff00", "ffffffff1f", "ffffffffff01", "8080808000"])
def test_varints_longer_than_needed_or_beyond_32_bits_are_refused(data: str) -> None:
    with pytest.raises(NonMinimalVarint, match="test unit, byte 100"):
        BitReader(bytes.fromhex(data), PLACE).varint()


def test_the_reader_cannot_run_past_the_end() -> None:
    reader = BitReader(b"\x12\x34", PLACE)
    assert reader.u(9) == 0b000100100
    with pytest.raises(UnitTruncated, match="test unit, byte 101: width needs 8 bits, 7 are left"):
        reader.u(8, "width")
    assert reader.position == 9
    with pytest.raises(UnitTruncated):
        BitReader(b"\x80\x80", PLACE).varint()
    with pytest.raises(UnitTruncated):
        BitReader(b"abc", PLACE).take_bytes(4)


def test_padding_bits_must_be_zero() -> None:
    reader = BitReader(b"\xa4", PLACE)
    assert reader.u(3) == 5
    with pytest.raises(NonZeroPadding, match="byte 100: the 5 padding bits"):
        reader.align()


@pytest.mark.parametrize(("bits", "value"), [(4, 16), (4, -1), (1, 2)])
def test_the_writer_refuses_what_does_not_fit(bits: int, value: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        BitWriter().u(bits, value)
