"""Raw planar video, which has no header: the geometry comes from options, or from the file's name.

Names are read as test sequences are usually named: bus_352x288_30.yuv, foo_1920x1080_50_10bit_422.yuv,
foo_1280x720p60.yuv, foo_640x360_24fps_yuv444p12le.yuv.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePath

from nvcodec.video.errors import FormatUnsupported, GeometryMissing, SizeMismatch
from nvcodec.video.frame import SUBSAMPLING, VideoFormat, parse_pix_fmt
from nvcodec.video.reader import Reader
from nvcodec.video.stream import InputStream
from nvcodec.video.text import RATE_TOLERANCE, nearest_rate

_SIZE = re.compile(r"(?<!\d)(\d{1,5})x(\d{1,5})(?!\d)p?")
_NUMBER = r"(\d{1,3}(?:\.\d{1,3})?)"
_RATE_AFTER_SIZE = re.compile(rf"[_\-]?{_NUMBER}(?:fps|hz|p)?(?![\da-z])(?!\.\d)", re.IGNORECASE)
_RATE_WITH_UNIT = re.compile(rf"(?<![\d.]){_NUMBER}(?:fps|hz)(?![a-z])", re.IGNORECASE)
_DEPTH = re.compile(r"(?<!\d)(8|10|12)[_\-]?bits?(?![a-z])", re.IGNORECASE)
_WORDS = re.compile(r"[_\-. ]+")


@dataclass(frozen=True)
class NameGeometry:
    """What a raw file's name says; None where it says nothing."""

    size: tuple[int, int] | None = None
    frame_rate: Fraction | None = None
    chroma_format: str | None = None
    bit_depth: int | None = None
    full_range: bool = False


def geometry_from_name(name: str) -> NameGeometry:
    """Read width x height, pictures a second, chroma format and bit depth out of a file's name."""
    stem = PurePath(name).stem
    size = frame_rate = chroma_format = bit_depth = None
    full_range = False
    met = _SIZE.search(stem)
    rate = _RATE_WITH_UNIT.search(stem)
    if met:
        size = int(met[1]), int(met[2])
        rate = rate or _RATE_AFTER_SIZE.match(stem, met.end())
    if rate and rate[1] not in SUBSAMPLING and Fraction(rate[1]) > 0:
        frame_rate = _rate(rate[1])
    depth = _DEPTH.search(stem)
    if depth:
        bit_depth = int(depth[1])
    for word in _WORDS.split(stem.lower()):
        if word in SUBSAMPLING:
            chroma_format = word
        elif word.startswith(("yuv", "gray")):
            try:
                chroma_format, named_depth, full_range = parse_pix_fmt(word)
            except FormatUnsupported:
                continue
            bit_depth = bit_depth or named_depth
    return NameGeometry(size, frame_rate, chroma_format, bit_depth, full_range)


def _rate(figure: str) -> Fraction:
    """'25' as it is; '29.97', '23.976' as the fraction that they round."""
    rate = Fraction(figure)
    return rate if rate.denominator == 1 else nearest_rate(rate, RATE_TOLERANCE)


def raw_format(
    name: str,
    shown_name: str,
    video_size: tuple[int, int] | None,
    frame_rate: Fraction | None,
    pix_fmt: str | None,
) -> VideoFormat:
    """The format of a raw file: options before its name, 8-bit 4:2:0 where neither tells the samples' layout.

    Raises GeometryMissing, FormatUnsupported.
    """
    said = geometry_from_name(name)
    size = video_size or said.size
    rate = frame_rate or said.frame_rate
    if size is None:
        raise GeometryMissing(f"{shown_name}: raw video of unknown picture size: give --video-size WIDTHxHEIGHT")
    if rate is None:
        raise GeometryMissing(f"{shown_name}: raw video of unknown frame rate: give --framerate")
    if pix_fmt is not None:
        return VideoFormat.from_pix_fmt(pix_fmt, *size, rate)
    return VideoFormat(*size, said.chroma_format or "420", said.bit_depth or 8, rate, said.full_range)


class YuvReader(Reader):
    """Raw pictures, one after the other. size_bytes: of the whole stream, None on a pipe.

    Raises SizeMismatch.
    """

    def __init__(self, stream: InputStream, video_format: VideoFormat, size_bytes: int | None):
        count = None
        if size_bytes is not None:
            count, remainder = divmod(size_bytes, video_format.frame_bytes)
            if remainder:
                raise SizeMismatch(
                    f"{stream.name}: {size_bytes} bytes are no whole number of {video_format.width}x"
                    f"{video_format.height} {video_format.pix_fmt} pictures of {video_format.frame_bytes} bytes: "
                    f"{count} pictures leave {remainder} bytes over"
                )
        super().__init__(stream, video_format, count)

    def starts_picture(self, number: int) -> bool:
        return bool(self.stream.look(1))
