"""The three visitors of a header's syntax: reader, writer and tracer.

A header describes its syntax once, in `visit`: each field is a call that takes the field's present value and
returns the value to keep. The reader ignores what it is given and returns what it reads, the writer writes what it
is given and returns it, the tracer is a reader that takes notes. All of them check the same ranges.

Fields inside payloads are u(n), most significant bit first; `le` is for the few little-endian integers outside
payloads (file header, footer).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import index
from typing import Protocol, TypeVar

from nvcodec.bitstream.bits import BitReader, BitWriter
from nvcodec.bitstream.errors import PartialWord, Place, TrailingData, ValueOutOfRange

WORD_BYTES = 4


class Visitor(ABC):
    """What a header's `visit` may call. Names are the specification's; a repeated field's carry an index."""

    @abstractmethod
    def where(self) -> str:
        """The current place, as errors print it."""

    @abstractmethod
    def u(
        self,
        name: str,
        bits: int,
        value: int,
        *,
        low: int = 0,
        high: int | None = None,
        allowed: Collection[int] | None = None,
    ) -> int:
        """An unsigned bit field within low .. high, or one of `allowed`. Raises ValueOutOfRange."""

    @abstractmethod
    def varint(self, name: str, value: int, *, low: int = 0, high: int = (1 << 32) - 1) -> int:
        """An unsigned LEB128 within low .. high. Raises ValueOutOfRange."""

    @abstractmethod
    def bytes_(self, name: str, count: int, value: bytes) -> bytes:
        """`count` raw bytes, at a byte boundary."""

    @abstractmethod
    def align(self) -> None:
        """Zero bits up to the next byte boundary."""

    def custom(self, name: str, width: int, value: int, default: int, high: int) -> int:
        """A flag, and u(width) where it says that the value is not the default."""
        custom = self.flag(f"custom_{name}", value != default)
        return self.u(name, width, value, high=high) if custom else default

    def flag(self, name: str, value: bool) -> bool:
        """u(1)."""
        return bool(self.u(name, 1, int(value)))

    def choice(self, name: str, bits: int, value: str, names: Sequence[str]) -> str:
        """u(bits) that numbers `names`. Raises ValueOutOfRange."""
        code = names.index(value) if value in names else None
        if code is None:
            raise ValueOutOfRange(self.where(), name, value, " ".join(names))
        return names[self.u(name, bits, code, high=len(names) - 1)]

    def le(self, name: str, count: int, value: int) -> int:
        """A little-endian integer of `count` bytes, at a byte boundary."""
        return int.from_bytes(self.bytes_(name, count, value.to_bytes(count, "little")), "little")

    def constant(self, name: str, value: bytes) -> None:
        """Raw bytes that can only be `value`. Raises ValueOutOfRange."""
        met = self.bytes_(name, len(value), value)
        if met != value:
            raise ValueOutOfRange(self.where(), name, met, repr(value))

    def _check(self, name: str, value: int, low: int, high: int, allowed: Collection[int] | None = None) -> None:
        if allowed is not None and value not in allowed:
            raise ValueOutOfRange(self.where(), name, value, " or ".join(map(str, allowed)))
        if not low <= value <= high:
            raise ValueOutOfRange(self.where(), name, value, f"{low}..{high}")


class Header(Protocol):
    """Anything with a syntax."""

    def visit(self, v: Visitor) -> None: ...


HeaderT = TypeVar("HeaderT", bound=Header)


class ReadVisitor(Visitor):
    """Reads `data`, which lies at `place` in the file."""

    def __init__(self, data: bytes, place: Place) -> None:
        self._reader = BitReader(data, place)

    def where(self) -> str:
        return self._reader.where()

    @property
    def position(self) -> int:
        """Bits read so far."""
        return self._reader.position

    def u(
        self,
        name: str,
        bits: int,
        value: int,
        *,
        low: int = 0,
        high: int | None = None,
        allowed: Collection[int] | None = None,
    ) -> int:
        value = self._reader.u(bits, name)
        self._check(name, value, low, (1 << bits) - 1 if high is None else high, allowed)
        return value

    def varint(self, name: str, value: int, *, low: int = 0, high: int = (1 << 32) - 1) -> int:
        value = self._reader.varint(name)
        self._check(name, value, low, high)
        return value

    def bytes_(self, name: str, count: int, value: bytes) -> bytes:
        return self._reader.take_bytes(count, name)

    def align(self) -> None:
        self._reader.align()

    def take_rest(self) -> bytes:
        """Everything that is left, from a byte boundary on."""
        return self._reader.take_bytes(self._reader.remaining_bytes)


@dataclass(frozen=True)
class TraceEntry:
    """One field as it stands in the file; `bit_offset` counts from the start of the stretch that is traced."""

    bit_offset: int
    name: str
    bits: int
    value: int | bytes


class TraceVisitor(ReadVisitor):
    """Reads, and appends every field to `trace`."""

    def __init__(self, data: bytes, place: Place, trace: list[TraceEntry]) -> None:
        super().__init__(data, place)
        self.trace = trace

    def _note(self, start: int, name: str, value: int | bytes) -> None:
        self.trace.append(TraceEntry(start, name, self.position - start, value))

    def u(
        self,
        name: str,
        bits: int,
        value: int,
        *,
        low: int = 0,
        high: int | None = None,
        allowed: Collection[int] | None = None,
    ) -> int:
        start = self.position
        value = super().u(name, bits, value, low=low, high=high, allowed=allowed)
        self._note(start, name, value)
        return value

    def varint(self, name: str, value: int, *, low: int = 0, high: int = (1 << 32) - 1) -> int:
        start = self.position
        value = super().varint(name, value, low=low, high=high)
        self._note(start, name, value)
        return value

    def bytes_(self, name: str, count: int, value: bytes) -> bytes:
        start = self.position
        value = super().bytes_(name, count, value)
        self._note(start, name, value)
        return value

    def align(self) -> None:
        start = self.position
        super().align()
        if self.position > start:
            self._note(start, "padding", 0)


class WriteVisitor(Visitor):
    """Writes; `name` names what is written, in errors."""

    def __init__(self, name: str) -> None:
        self._writer = BitWriter()
        self._place = Place(f"writing {name}")

    def where(self) -> str:
        return self._place.at(self._writer.position >> 3)

    def u(
        self,
        name: str,
        bits: int,
        value: int,
        *,
        low: int = 0,
        high: int | None = None,
        allowed: Collection[int] | None = None,
    ) -> int:
        value = index(value)
        self._check(name, value, low, (1 << bits) - 1 if high is None else high, allowed)
        self._writer.u(bits, value)
        return value

    def varint(self, name: str, value: int, *, low: int = 0, high: int = (1 << 32) - 1) -> int:
        value = index(value)
        self._check(name, value, low, high)
        self._writer.varint(value)
        return value

    def bytes_(self, name: str, count: int, value: bytes) -> bytes:
        if len(value) != count:
            raise ValueOutOfRange(self.where(), f"length of {name}", len(value), str(count))
        self._writer.put_bytes(value)
        return value

    def align(self) -> None:
        self._writer.align()

    def getvalue(self) -> bytes:
        """All that was written, which must end at a byte boundary."""
        return self._writer.getvalue()


def write_payload(header: Header, coded: bytes = b"") -> bytes:
    """A unit's payload: the header, zero bits up to a byte boundary, then the entropy-coded words.

    Raises ValueOutOfRange, InconsistentStream, PartialWord. Source: bitstream_spec.md, section 5.
    """
    visitor = WriteVisitor(type(header).__name__)
    header.visit(visitor)
    visitor.align()
    _check_words(coded, visitor.where())
    return visitor.getvalue() + coded


def read_payload(header: HeaderT, payload: bytes, place: Place, *, trace: list[TraceEntry] | None = None) -> HeaderT:
    """Read a payload that is all header into `header`, a blank one, and return it.

    place: the payload's name and offset in the file. trace: where to append the fields, if anywhere.
    Raises TrailingData where the payload goes on, and what the header's `visit` raises.
    """
    visitor = _read_header(header, payload, place, trace)
    where = visitor.where()
    rest = visitor.take_rest()
    if rest:
        raise TrailingData(f"{where}: {len(rest)} bytes after the last field")
    return header


def read_coded_payload(
    header: HeaderT, payload: bytes, place: Place, *, trace: list[TraceEntry] | None = None
) -> tuple[HeaderT, bytes]:
    """As `read_payload`, for NETWORK and GOP units: the header and the bytes of the entropy-coded words after it.

    Raises PartialWord where these are not whole 32-bit words.
    """
    visitor = _read_header(header, payload, place, trace)
    where = visitor.where()
    coded = visitor.take_rest()
    _check_words(coded, where)
    return header, coded


def _read_header(header: Header, data: bytes, place: Place, trace: list[TraceEntry] | None) -> ReadVisitor:
    visitor = ReadVisitor(data, place) if trace is None else TraceVisitor(data, place, trace)
    header.visit(visitor)
    visitor.align()
    return visitor


def _check_words(coded: bytes, where: str) -> None:
    if len(coded) % WORD_BYTES:
        raise PartialWord(f"{where}: the coded part has {len(coded)} bytes, no multiple of {WORD_BYTES}")
