"""Bits, most significant first within each byte. The reader cannot run past the end of its bytes."""

from __future__ import annotations

from nvcodec.bitstream.errors import NonMinimalVarint, NonZeroPadding, Place, UnitTruncated

MAX_VARINT_BYTES = 5


class BitReader:
    """Reads bit fields, varints and whole bytes from `data`; `place` is where `data` lies in the file."""

    def __init__(self, data: bytes, place: Place) -> None:
        self._data = bytes(data)
        self._end = 8 * len(self._data)
        self._place = place
        self.position = 0
        """Bits read so far."""

    @property
    def remaining_bytes(self) -> int:
        """Whole bytes that are left."""
        return (self._end - self.position) >> 3

    def where(self) -> str:
        """The current place, as errors print it."""
        return self._place.at(self.position >> 3)

    def _take(self, bits: int, what: str) -> int:
        """Move on by `bits`; return where they start. Raises UnitTruncated."""
        start = self.position
        if start + bits > self._end:
            raise UnitTruncated(f"{self.where()}: {what} needs {bits} bits, {self._end - start} are left")
        self.position = start + bits
        return start

    def u(self, bits: int, what: str = "field") -> int:
        """An unsigned bit field, u(bits). Raises UnitTruncated."""
        start = self._take(bits, what)
        if bits == 8 and not start & 7:
            return self._data[start >> 3]
        end = start + bits
        covering = int.from_bytes(self._data[start >> 3 : (end + 7) >> 3], "big")
        return (covering >> (-end & 7)) & ((1 << bits) - 1)

    def varint(self, what: str = "varint") -> int:
        """An unsigned LEB128 of at most 5 bytes, in minimal form, below 2**32.

        Raises UnitTruncated, NonMinimalVarint. Source: bitstream_spec.md, section 2.3.
        """
        start, value = self.position, 0
        for count in range(MAX_VARINT_BYTES):
            byte = self.u(8, what)
            value |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                if count and not byte:
                    where = self._place.at(start >> 3)
                    raise NonMinimalVarint(f"{where}: {what} is coded in {count + 1} bytes, more than it needs")
                if value >> 32:
                    where = self._place.at(start >> 3)
                    raise NonMinimalVarint(f"{where}: {what} is {value}, allowed is below 2**32")
                return value
        where = self._place.at(start >> 3)
        raise NonMinimalVarint(f"{where}: {what} is longer than {MAX_VARINT_BYTES} bytes")

    def take_bytes(self, count: int, what: str = "bytes") -> bytes:
        """`count` whole bytes; the position must be byte-aligned. Raises UnitTruncated."""
        if self.position & 7:
            raise ValueError(f"{what}: bytes are read only where the position is byte-aligned")
        start = self._take(8 * count, what) >> 3
        return self._data[start : start + count]

    def align(self) -> int:
        """Skip to the next byte boundary; return the number of bits skipped. Raises NonZeroPadding."""
        bits = -self.position & 7
        start = self.position
        if self.u(bits, "padding"):
            raise NonZeroPadding(f"{self._place.at(start >> 3)}: the {bits} padding bits are not zero")
        return bits


class BitWriter:
    """Collects bit fields, varints and whole bytes. Values must fit: `visitor` checks them."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._pending = 0
        self._pending_bits = 0

    @property
    def position(self) -> int:
        """Bits written so far."""
        return 8 * len(self._bytes) + self._pending_bits

    def u(self, bits: int, value: int) -> None:
        """Write u(bits). Raises ValueError for a value that does not fit."""
        if value < 0 or value >> bits:
            raise ValueError(f"{value} does not fit {bits} bits")
        self._pending = self._pending << bits | value
        self._pending_bits += bits
        whole, self._pending_bits = divmod(self._pending_bits, 8)
        if whole:
            self._bytes += (self._pending >> self._pending_bits).to_bytes(whole, "big")
            self._pending &= (1 << self._pending_bits) - 1

    def varint(self, value: int) -> None:
        """Write an unsigned LEB128 in minimal form. Raises ValueError outside 0 .. 2**32 - 1."""
        if value < 0 or value >> 32:
            raise ValueError(f"{value} is outside 0 .. 2**32 - 1")
        while value >= 0x80:
            self.u(8, value & 0x7F | 0x80)
            value >>= 7
        self.u(8, value)

    def put_bytes(self, value: bytes) -> None:
        """Write whole bytes; the position must be byte-aligned."""
        if self._pending_bits:
            raise ValueError("bytes are written only where the position is byte-aligned")
        self._bytes += value

    def align(self) -> None:
        """Write zero bits up to the next byte boundary."""
        self.u(-self._pending_bits & 7, 0)

    def getvalue(self) -> bytes:
        """All that was written; the position must be byte-aligned."""
        if self._pending_bits:
            raise ValueError("the last byte is not complete: align() first")
        return bytes(self._bytes)
