"""YUV4MPEG2: a line of text about the stream, then a line and raw planes per picture.

Read are progressive streams of 4:0:0, 4:2:0 (any chroma siting, which is not carried on), 4:2:2 and 4:4:4 at 8, 10
and 12 bit, with the frame rate (F), the sample aspect (A) and the range (XCOLORRANGE).
"""

from __future__ import annotations

import re
from fractions import Fraction

from nvcodec.video.errors import NoPictures, Y4mSyntax
from nvcodec.video.frame import VideoFormat
from nvcodec.video.reader import Reader
from nvcodec.video.stream import InputStream

MAGIC = b"YUV4MPEG2"
_LINE_LIMIT = 4096
_LAYOUTS = {
    **dict.fromkeys(("420jpeg", "420mpeg2", "420paldv", "420"), ("420", 8)),
    "422": ("422", 8),
    "444": ("444", 8),
    "mono": ("400", 8),
    **{f"{chroma}p{depth}": (chroma, depth) for chroma in ("420", "422", "444") for depth in (10, 12)},
    **{f"mono{depth}": ("400", depth) for depth in (10, 12)},
}
_NAMES = {layout: name for name, layout in _LAYOUTS.items()} | {("420", 8): "420jpeg"}


def stream_header(video_format: VideoFormat) -> bytes:
    """The first line of a stream of that format. Colour descriptions have no place in y4m."""
    layout = _NAMES[video_format.chroma_format, video_format.bit_depth]
    rate, aspect = video_format.frame_rate, video_format.pixel_aspect
    fields = [
        MAGIC.decode(),
        f"W{video_format.width}",
        f"H{video_format.height}",
        f"F{rate.numerator}:{rate.denominator}",
        "Ip",
        "A0:0" if aspect is None else f"A{aspect.numerator}:{aspect.denominator}",
        f"C{layout}",
        f"XCOLORRANGE={'FULL' if video_format.full_range else 'LIMITED'}",
    ]
    return " ".join(fields).encode() + b"\n"


def read_header_line(stream: InputStream) -> bytes:
    """The first line, newline included. Raises Y4mSyntax."""
    line = stream.read_line(_LINE_LIMIT)
    if not re.match(MAGIC + rb"[ \n]", line):
        raise Y4mSyntax(f"{stream.name}: y4m begins with {MAGIC.decode()} and a space, met {line[:10]!r} at byte 0")
    if not line.endswith(b"\n"):
        raise Y4mSyntax(f"{stream.name}: the y4m header of byte 0 does not end before byte {len(line)}")
    return line


def parse_header_line(line: bytes, name: str, frame_rate: Fraction | None = None) -> VideoFormat:
    """What the first line says. frame_rate: takes the place of the stream's own. Raises Y4mSyntax."""
    return _HeaderFields(name, line).format(frame_rate)


class _HeaderFields:
    """The fields of a stream header, by their first letter; of several X fields each is kept whole."""

    def __init__(self, name: str, line: bytes):
        self.name = name
        self.values: dict[str, str] = {}
        self.offsets: dict[str, int] = {}
        for met in re.finditer(rb"[^ \n]+", line[len(MAGIC) :]):
            word = met[0].decode("ascii", "backslashreplace")
            key = word if word[0] == "X" else word[0]
            self.values[key], self.offsets[key] = word[1:], len(MAGIC) + met.start()

    def format(self, frame_rate: Fraction | None) -> VideoFormat:
        interlacing = self.values.get("I", "p")
        if interlacing not in ("p", "?"):
            raise Y4mSyntax(f"{self.place('I')}: interlaced y4m (I{interlacing}) is not read, only progressive (Ip)")
        layout = self.values.get("C", "420")
        if layout not in _LAYOUTS:
            raise Y4mSyntax(f"{self.place('C')}: y4m layout C{layout} is not read: allowed are C{', C'.join(_LAYOUTS)}")
        chroma_format, bit_depth = _LAYOUTS[layout]
        rate = frame_rate or self.ratio("F")
        if rate is None:
            raise Y4mSyntax(f"{self.name}: the y4m header has no frame rate: give --framerate")
        return VideoFormat(
            self.size("W"),
            self.size("H"),
            chroma_format,
            bit_depth,
            rate,
            full_range="XCOLORRANGE=FULL" in self.values,
            pixel_aspect=self.ratio("A"),
        )

    def place(self, letter: str) -> str:
        """Where a field stands, for errors."""
        return f"{self.name}: byte {self.offsets[letter]}"

    def size(self, letter: str) -> int:
        value = self.values.get(letter)
        if value is None:
            raise Y4mSyntax(f"{self.name}: the y4m header has no {letter} field")
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise Y4mSyntax(f"{self.place(letter)}: y4m field {letter}{value[:20]}: a whole number is expected")
        return int(value)

    def ratio(self, letter: str) -> Fraction | None:
        """A field such as F30000:1001; None where it is absent or 0:0, which stands for unknown."""
        value = self.values.get(letter, "0:0")
        met = re.fullmatch(r"([0-9]{1,10}):([0-9]{1,10})", value)
        if not met or (int(met[1]) == 0) != (int(met[2]) == 0):
            expected = f"a ratio such as {letter}30:1 is expected"
            raise Y4mSyntax(f"{self.place(letter)}: y4m field {letter}{value[:30]}: {expected}")
        return Fraction(int(met[1]), int(met[2])) if int(met[2]) else None


class Y4mReader(Reader):
    """Pictures of a y4m stream. size_bytes: of the whole stream, None on a pipe. Raises NoPictures, Y4mSyntax."""

    def __init__(self, stream: InputStream, size_bytes: int | None, frame_rate: Fraction | None = None):
        line = read_header_line(stream)
        video_format = parse_header_line(line, stream.name, frame_rate)
        count = None
        if size_bytes is not None:
            # Frame lines may carry fields; with the usual bare ones the division leaves nothing.
            count, remainder = divmod(size_bytes - len(line), len(b"FRAME\n") + video_format.frame_bytes)
            if size_bytes == len(line):
                raise NoPictures(f"{stream.name}: has no pictures")
            count = None if remainder else count
        super().__init__(stream, video_format, count)

    def starts_picture(self, number: int) -> bool:
        offset = self.stream.offset
        line = self.stream.read_line(_LINE_LIMIT)
        if not line:
            return False
        if not re.fullmatch(rb"FRAME( [^\n]*)?\n", line):
            raise Y4mSyntax(
                f"{self.stream.name}: byte {offset}: a FRAME line is expected before picture {number}, "
                f"met {line[:16]!r}"
            )
        return True
