"""Byte streams that are read in exact pieces, and whose first bytes can be looked at, on pipes too."""

from __future__ import annotations

from io import BufferedIOBase

from nvcodec.video.errors import InputUnreadable

FIRST_ROOM_BYTES = 1 << 24
"""Made at once for what is to be read; then as much again as has come."""


class InputStream:
    """A binary stream with a look ahead. `name` is how errors call it. All of it raises InputUnreadable.

    offset: how many bytes have been read, those only looked at not among them.
    """

    def __init__(self, file: BufferedIOBase, name: str):
        self.name = name
        self.offset = 0
        self._file = file
        self._ahead = bytearray()

    def look(self, size: int) -> bytes:
        """The next bytes, which stay unread; fewer than `size` where the stream ends."""
        if len(self._ahead) < size:
            self._ahead += self._fill(size - len(self._ahead))
        return bytes(self._ahead[:size])

    def read(self, size: int) -> bytearray:
        """The next `size` bytes, fewer only where the stream ends."""
        taken = self._ahead[:size]
        del self._ahead[:size]
        taken = taken + self._fill(size - len(taken)) if taken else self._fill(size)
        self.offset += len(taken)
        return taken

    def read_line(self, limit: int) -> bytes:
        """Bytes up to and with the next newline; without it where `limit` bytes or the stream end before."""
        line = bytearray()
        while len(line) < limit and not line.endswith(b"\n"):
            byte = self.read(1)
            if not byte:
                break
            line += byte
        return bytes(line)

    def close(self) -> None:
        self._file.close()

    def _fill(self, size: int) -> bytearray:
        """As `read`, past the look ahead. Room is made as bytes come: a header alone may name 400 MB of picture."""
        held = bytearray(min(size, FIRST_ROOM_BYTES))
        filled = 0
        while filled < size:
            if filled == len(held):
                held += bytes(min(filled, size - filled))
            try:
                with memoryview(held) as view:
                    count = self._file.readinto(view[filled:])
            except OSError as error:
                raise InputUnreadable(f"{self.name}: cannot be read: {error.strerror or error}") from error
            if not count:
                break
            filled += count
        del held[filled:]
        return held
