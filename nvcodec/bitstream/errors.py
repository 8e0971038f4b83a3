"""One class per way in which a file can be wrong, and `Place`, which says where.

Every message is one line: what is wrong, in which unit, at which byte of the file, what was met and what is
allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nvcodec.errors import NvcodecError


@dataclass(frozen=True)
class Place:
    """A stretch of the file that is being read or written: its name and the byte offset of its start."""

    name: str
    offset: int = 0

    def at(self, byte: int) -> str:
        """The place as errors print it, `byte` bytes into the stretch."""
        return f"{self.name}, byte {self.offset + byte}"

    def __str__(self) -> str:
        return self.at(0)


class BitstreamError(NvcodecError):
    """Something about an .msn file, or about the values that should go into one, is wrong."""


class FileUnreadable(BitstreamError):
    """The operating system refuses to open or read the file."""


class NotMsn(BitstreamError):
    """The file is something else: it has no magic, or is shorter than a file header."""


class UnsupportedVersion(BitstreamError):
    """The file's major format version is not ours."""


class UnsupportedFeature(BitstreamError):
    """The file asks for something that this version of the format reserves."""


class ReservedFlagSet(UnsupportedFeature):
    """A reserved flag, which must be zero, is set."""


class UnsupportedProfile(UnsupportedFeature):
    """The sequence is of a profile that this decoder does not implement."""


class UnsupportedBaseModel(UnsupportedFeature):
    """The weights are differences from a base model that this decoder does not have."""


class UnitTruncated(BitstreamError):
    """A unit, or its payload, ends before its declared length or before its last field."""


class UnitDamaged(BitstreamError):
    """A unit's CRC does not match its bytes, or its header makes no sense."""


class ValueOutOfRange(BitstreamError):
    """A field's value is outside what the syntax allows."""

    def __init__(self, where: str, field: str, value: Any, allowed: str) -> None:
        super().__init__(f"{where}: {field} is {value!r}, allowed is {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class NonMinimalVarint(BitstreamError):
    """A varint is longer than its value needs, or longer than five bytes, or reaches 2**32."""


class NonZeroPadding(BitstreamError):
    """Padding bits are not zero."""


class TrailingData(BitstreamError):
    """A payload goes on after its last field."""


class PartialWord(BitstreamError):
    """The entropy-coded part of a payload is not a whole number of 32-bit words."""


class MissingUnit(BitstreamError):
    """The file has no such unit."""


class LimitExceeded(BitstreamError):
    """The file is beyond one of the caps in `limits`."""


class InconsistentStream(BitstreamError):
    """Two parts of the file, each valid alone, contradict each other."""


class DuplicateUnit(InconsistentStream):
    """Two units have the same type, segment, GoP and level."""
