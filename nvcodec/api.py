"""The Python interface: decode, probe, encode. Importable without torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

from nvcodec.decoder import Decoder
from nvcodec.decoder.memory import DEFAULT_MAX_MEMORY
from nvcodec.errors import NvcodecError
from nvcodec.video import Frame, VideoFormat, open_reader

if TYPE_CHECKING:
    from nvcodec.encoder.encode import EncodeSummary, ProgressEvent

Source = str | os.PathLike[str]


class EncoderMissing(NvcodecError):
    """The encoder's packages are not installed."""


@dataclass(frozen=True)
class Probe:
    """What a file says of itself, without decoding a picture."""

    format: VideoFormat
    picture_count: int
    file_bytes: int
    segments: int
    gop_lengths: tuple[int, ...]
    profile: str
    """'hybrid', 'motion', or 'grid' where every picture decodes without any other."""
    index_source: str
    """'index', or 'scan' where the index is missing or damaged."""

    @property
    def duration_seconds(self) -> float:
        return self.picture_count / float(self.format.frame_rate)

    @property
    def rate_bpp(self) -> float:
        """Bits of the whole file per luma sample."""
        return self.file_bytes * 8 / (self.format.width * self.format.height * self.picture_count)


def decode(
    source: Source | bytes | BinaryIO,
    scale: str = "1",
    *,
    start: int = 0,
    stop: int | None = None,
    backend: str = "onnxruntime",
    threads: int = 0,
    verify: bool = False,
    conceal: bool = False,
    max_memory: int | None = DEFAULT_MAX_MEMORY,
) -> Iterator[Frame]:
    """Pictures start .. stop-1 in display order, one by one. See `Decoder` for the options and errors."""
    options: dict[str, Any] = {"scale": scale, "backend": backend, "threads": threads}
    with Decoder(source, verify=verify, conceal=conceal, max_memory=max_memory, **options) as decoder:
        yield from decoder.frames(start, stop)


def probe(source: Source | bytes | BinaryIO) -> Probe:
    """Read the headers of a file. Raises BitstreamError."""
    with Decoder(source, max_memory=None) as decoder:
        return Probe(
            format=decoder.source_format,
            picture_count=len(decoder),
            file_bytes=decoder.container.size,
            segments=len(decoder.segments),
            gop_lengths=tuple(place.length for place in decoder.gops),
            profile=decoder.sequence.profile,
            index_source=decoder.container.index_source,
        )


def encode(
    source: Source | Iterable[Frame],
    output: Source | BinaryIO,
    *,
    video_size: tuple[int, int] | None = None,
    frame_rate: Fraction | float | str | None = None,
    pix_fmt: str | None = None,
    checkpoint: Source | None = None,
    resume: bool = False,
    overwrite: bool = True,
    progress: Callable[[ProgressEvent], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    **settings: Any,
) -> EncodeSummary:
    """Fit a network to a video and write the file; an existing `output` path is replaced when the new one is whole.

    overwrite: False refuses instead to replace one.
    source: a path (see `nvcodec.video.open_reader`; video_size, frame_rate and pix_fmt are for raw video), or frames.
    settings: fields of `nvcodec.encoder.settings.EncodeSettings`, such as preset, quality, size_bytes, seed.
    Raises EncoderMissing, EncodeError, VideoError.
    """
    try:
        from nvcodec.encoder.encode import encode_frames
        from nvcodec.encoder.settings import EncodeSettings
    except ImportError as error:
        raise EncoderMissing(f"{error.name} is not installed: pip install 'nvcodec[encoder]'") from error
    chosen = EncodeSettings(**settings)
    chosen.validate()
    if isinstance(source, (str, os.PathLike)):
        with open_reader(source, video_size=video_size, frame_rate=frame_rate, pix_fmt=pix_fmt) as reader:
            return encode_frames(
                reader,
                reader.format,
                output,
                chosen,
                picture_count=reader.picture_count,
                checkpoint=checkpoint,
                resume=resume,
                overwrite=overwrite,
                progress=progress,
                should_stop=should_stop,
            )
    frames = iter(source)
    first = next(frames, None)
    if first is None:
        raise NvcodecError("the source has no pictures")
    return encode_frames(
        _chain(first, frames),
        first.format,
        output,
        chosen,
        checkpoint=checkpoint,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
        should_stop=should_stop,
    )


def _chain(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest
