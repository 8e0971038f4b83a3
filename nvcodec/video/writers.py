"""Writing pictures: raw .yuv, .y4m, lossless .mkv (FFV1 by ffmpeg), and y4m on standard output."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from io import BufferedIOBase
from pathlib import PurePath
from types import TracebackType

from nvcodec.video.errors import FrameMismatch, OutputClosed, OutputError, OutputUnsupported
from nvcodec.video.ffmpeg import FfmpegPipe, file_url
from nvcodec.video.frame import Frame, VideoFormat
from nvcodec.video.target import Target, refuse_existing
from nvcodec.video.text import shown
from nvcodec.video.y4m import stream_header

__all__ = ["Writer", "open_writer", "refuse_existing"]


def open_writer(target: str | os.PathLike[str], video_format: VideoFormat) -> Writer:
    """Open an output by its name's ending: .yuv, .y4m, .mkv; '-' is y4m on standard output.

    A file appears under its name when the writer is closed, and replaces what was there (`refuse_existing` guards).
    Raises OutputUnsupported, OutputError, OutputClosed.
    """
    name = os.fspath(target)
    if name == "-":
        return StreamWriter(_standard_output(), video_format, stream_header(video_format), "standard output")
    suffix = PurePath(name).suffix.lower()
    if suffix == ".mkv":
        return MkvWriter(Target(name), video_format)
    if suffix not in (".yuv", ".y4m"):
        raise OutputUnsupported(f"{shown(name)}: written are .yuv, .y4m, .mkv, and y4m on - (standard output)")
    place = Target(name)
    try:
        file = open(place.path, "wb")  # noqa: SIM115
    except OSError as error:
        place.discard()
        raise place.refused(error) from error
    header = stream_header(video_format) if suffix == ".y4m" else b""
    return StreamWriter(file, video_format, header, place.name, place)


def _standard_output() -> BufferedIOBase:
    """A file of our own on standard output, so that a closed pipe is met here and not when Python exits."""
    try:
        sys.stdout.flush()
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    except (OSError, ValueError, AttributeError) as error:
        raise OutputError(f"standard output: cannot be written: {error}") from error


class Writer(ABC):
    """Takes frames of one format. As a context manager it closes at the end, and aborts on an exception."""

    def __init__(self, video_format: VideoFormat):
        self.format = video_format

    def write(self, frame: Frame) -> None:
        """Append a picture. Raises FrameMismatch, OutputError, OutputClosed."""
        if (frame.format.plane_shapes, frame.format.bit_depth) != (self.format.plane_shapes, self.format.bit_depth):
            raise FrameMismatch(
                f"picture {frame.pts}: {frame.format.width}x{frame.format.height} {frame.format.pix_fmt}, the output "
                f"has {self.format.width}x{self.format.height} {self.format.pix_fmt}"
            )
        self._write(frame.tobytes())

    @abstractmethod
    def _write(self, samples: bytes) -> None:
        """Append a picture's samples."""

    @abstractmethod
    def close(self, abort: bool = False) -> None:
        """Finish the output, or, with `abort`, leave nothing behind. Raises OutputError, OutputClosed."""

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(abort=error is not None)


class StreamWriter(Writer):
    """Raw planes on a byte stream: .yuv without a header, .y4m with one and a line before each picture."""

    def __init__(
        self, file: BufferedIOBase, video_format: VideoFormat, header: bytes, name: str, place: Target | None = None
    ):
        """place: what to commit at the end; None for standard output."""
        super().__init__(video_format)
        self._file, self._name, self._place = file, name, place
        self._before_picture = b"FRAME\n" if header else b""
        self._is_open = True
        try:
            self._put(header)
        except OutputError:
            self.close(abort=True)
            raise

    def _write(self, samples: bytes) -> None:
        self._put(self._before_picture + samples)

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> OutputError:
        if isinstance(error, BrokenPipeError):
            return OutputClosed(f"{self._name}: its reader has gone")
        return OutputError(f"{self._name}: cannot be written: {error.strerror or error}")

    def close(self, abort: bool = False) -> None:
        if not self._is_open:
            return
        self._is_open = False
        failure = None
        try:
            self._file.close()
        except OSError as error:
            failure = self._refused(error)
        if self._place is not None:
            if abort or failure:
                self._place.discard()
            else:
                self._place.commit()
        if failure and not abort:
            raise failure


class MkvWriter(Writer):
    """Lossless FFV1 in Matroska, with colour description, range, frame rate and pixel aspect.

    Matroska keeps the aspect as a display size in whole samples: on small pictures it comes back rounded.
    """

    def __init__(self, place: Target, video_format: VideoFormat):
        super().__init__(video_format)
        self._place = place
        self._is_open = True
        try:
            self._ffmpeg = FfmpegPipe(_mkv_arguments(place.path, video_format), writes=False)
        except BaseException:
            place.discard()
            raise

    def _write(self, samples: bytes) -> None:
        try:
            self._ffmpeg.pipe.write(samples)
        except OSError:
            raise self._failure() from None

    def _failure(self) -> OutputError:
        self._ffmpeg.wait()
        return OutputError(f"{self._place.name}: ffmpeg cannot write it: {self._ffmpeg.last_words()}")

    def close(self, abort: bool = False) -> None:
        if not self._is_open:
            return
        self._is_open = False
        is_whole = False
        try:
            if not abort and self._ffmpeg.wait():
                raise self._failure()
            is_whole = not abort
        finally:
            self._ffmpeg.close()
            if not is_whole:
                self._place.discard()
        if is_whole:
            self._place.commit()


def _mkv_arguments(path: str, video_format: VideoFormat) -> list[str]:
    colour = ["-color_range", "pc" if video_format.full_range else "tv"]
    if video_format.colour is not None:
        for option, number in zip(("-color_primaries", "-color_trc", "-colorspace"), video_format.colour, strict=True):
            colour += [option, str(number)]
    source = ["-f", "rawvideo", "-pix_fmt", video_format.pix_fmt]
    source += ["-video_size", f"{video_format.width}x{video_format.height}"]
    source += ["-framerate", f"{video_format.frame_rate.numerator}/{video_format.frame_rate.denominator}"]
    aspect = video_format.pixel_aspect
    filters = [] if aspect is None else ["-vf", f"setsar={aspect.numerator}/{aspect.denominator}"]
    # Range and colour stand on both sides: ffmpeg then sees nothing to convert.
    return [
        *("-y", "-noauto_conversion_filters", *source, *colour, "-i", "pipe:0"),
        *(*filters, "-fps_mode", "passthrough", "-c:v", "ffv1", *colour, "-f", "matroska", file_url(path)),
    ]
