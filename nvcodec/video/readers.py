"""Opening any source of pictures: what it is, is told by its first bytes and by its name."""

from __future__ import annotations

import os
import stat
import sys
from fractions import Fraction
from io import BufferedIOBase
from pathlib import PurePath
from typing import cast

from nvcodec.video.errors import FormatUnsupported, InputUnreadable, NoPictures, NotVideo, OptionMisplaced
from nvcodec.video.ffmpeg_reader import FfmpegReader
from nvcodec.video.reader import Reader
from nvcodec.video.stream import InputStream
from nvcodec.video.text import parse_rate, shown
from nvcodec.video.y4m import MAGIC, Y4mReader
from nvcodec.video.yuv import YuvReader, raw_format

RAW_SUFFIXES = (".yuv", ".raw")
_MSN_MAGIC = b"\x89MSN"


def open_reader(
    source: str | os.PathLike[str],
    *,
    video_size: tuple[int, int] | None = None,
    frame_rate: Fraction | float | str | None = None,
    pix_fmt: str | None = None,
) -> Reader:
    """Open a video: .yuv, .y4m, anything that ffmpeg reads, or '-' for raw or y4m on standard input.

    video_size (width, height) and pix_fmt are for raw video only; frame_rate, as
    `parse_rate` takes it, stands in for what the source says. Raises VideoError.
    """
    name = os.fspath(source)
    rate = None if frame_rate is None else parse_rate(frame_rate)
    stream, size_bytes = _open_standard_input() if name == "-" else _open_file(name)
    try:
        return _choose(name, stream, size_bytes, video_size, rate, pix_fmt)
    except FormatUnsupported as error:
        stream.close()
        raise FormatUnsupported(f"{stream.name}: {error}") from error
    except BaseException:
        stream.close()
        raise


def _choose(
    name: str,
    stream: InputStream,
    size_bytes: int | None,
    video_size: tuple[int, int] | None,
    frame_rate: Fraction | None,
    pix_fmt: str | None,
) -> Reader:
    """The reader for an open source; `stream` is closed where ffmpeg opens the file anew."""
    suffix = PurePath(name).suffix.lower()
    raw_options = video_size is not None or pix_fmt is not None
    start = stream.look(len(MAGIC))
    if not start:
        raise NoPictures(f"{stream.name}: is empty")
    if start.startswith(_MSN_MAGIC):
        raise NotVideo(f"{stream.name}: is a coded .msn file: nvdec turns it into pictures")
    if start == MAGIC or suffix == ".y4m":
        _refuse_raw_options(raw_options, stream.name)
        return Y4mReader(stream, size_bytes, frame_rate)
    if name == "-" or suffix in RAW_SUFFIXES:
        return YuvReader(stream, raw_format(name, stream.name, video_size, frame_rate, pix_fmt), size_bytes)
    _refuse_raw_options(raw_options, stream.name)
    if size_bytes is None:
        raise InputUnreadable(f"{stream.name}: a pipe must carry y4m, or be named .yuv and carry raw video")
    stream.close()
    return FfmpegReader(name, frame_rate)


def _open_standard_input() -> tuple[InputStream, None]:
    if sys.stdin is None:
        raise InputUnreadable("standard input: is closed")
    return InputStream(cast(BufferedIOBase, sys.stdin.buffer), "standard input"), None


def _open_file(name: str) -> tuple[InputStream, int | None]:
    """The file and its size; None for the size of a pipe. Raises InputUnreadable."""
    try:
        file = open(name, "rb")  # noqa: SIM115
        status = os.fstat(file.fileno())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputUnreadable(f"{shown(name)}: cannot be opened: {reason}") from error
    return InputStream(file, shown(name)), status.st_size if stat.S_ISREG(status.st_mode) else None


def _refuse_raw_options(given: bool, name: str) -> None:
    if given:
        raise OptionMisplaced(f"{name}: describes itself: --video-size and --pix-fmt are for raw video")
