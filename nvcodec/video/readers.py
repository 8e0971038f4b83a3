"""Opening any source of pictures: what it is, is told by its first bytes and by its name."""

from __future__ import annotations

import os
import stat
import sys
from fractions import Fraction
from io import BufferedIOBase
from pathlib import PurePath
from typing import cast

from nvcodec.video.errors import InputUnreadable, NoPictures, OptionMisplaced
from nvcodec.video.ffmpeg_reader import FfmpegReader
from nvcodec.video.reader import Reader
from nvcodec.video.stream import InputStream
from nvcodec.video.text import shown
from nvcodec.video.y4m import MAGIC, Y4mReader
from nvcodec.video.yuv import YuvReader, raw_format

RAW_SUFFIXES = (".yuv", ".raw")


def open_reader(
    source: str | os.PathLike[str],
    *,
    video_size: tuple[int, int] | None = None,
    frame_rate: Fraction | None = None,
    pix_fmt: str | None = None,
) -> Reader:
    """Open a video: .yuv, .y4m, anything that ffmpeg reads, or '-' for raw or y4m on standard input.

    video_size (width, height) and pix_fmt are for raw video only; frame_rate takes the place of what the source
    says. Raises VideoError.
    """
    name = os.fspath(source)
    raw_options = video_size is not None or pix_fmt is not None
    if name == "-":
        stream, size_bytes = InputStream(cast(BufferedIOBase, sys.stdin.buffer), "standard input"), None
        is_raw = True
    else:
        stream, size_bytes = _open_file(name)
        is_raw = PurePath(name).suffix.lower() in RAW_SUFFIXES
    try:
        if stream.look(len(MAGIC)) == MAGIC or PurePath(name).suffix.lower() == ".y4m":
            _refuse_raw_options(raw_options, stream.name)
            return Y4mReader(stream, size_bytes, frame_rate)
        if is_raw:
            return YuvReader(stream, raw_format(name, stream.name, video_size, frame_rate, pix_fmt), size_bytes)
        _refuse_raw_options(raw_options, stream.name)
        if size_bytes is None:
            raise InputUnreadable(f"{stream.name}: a pipe must carry y4m, or be named .yuv and carry raw video")
    except BaseException:
        stream.close()
        raise
    stream.close()
    return FfmpegReader(name, frame_rate)


def _open_file(name: str) -> tuple[InputStream, int | None]:
    """The file and its size; None for the size of a pipe. Raises InputUnreadable, NoPictures."""
    try:
        file = open(name, "rb")  # noqa: SIM115
        status = os.fstat(file.fileno())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputUnreadable(f"{shown(name)}: cannot be opened: {reason}") from error
    if not stat.S_ISREG(status.st_mode):
        return InputStream(file, shown(name)), None
    if status.st_size == 0:
        file.close()
        raise NoPictures(f"{shown(name)}: is empty")
    return InputStream(file, shown(name)), status.st_size


def _refuse_raw_options(given: bool, name: str) -> None:
    if given:
        raise OptionMisplaced(f"{name}: describes itself: --video-size and --pix-fmt are for raw video")
