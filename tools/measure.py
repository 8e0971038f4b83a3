"""What every tool measures in the same way: PSNR as anchors.csv has it, bits per pixel, and decoding times.

PSNR is the mean over pictures of each picture's figure, of planes decoded from the file; the YUV figure is
(6 Y + U + V) / 8. Smaller scales are measured against the source averaged down (area).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.errors import NvcodecError
from nvcodec.metrics import PsnrAccumulator
from nvcodec.video import Frame, VideoFormat, area_downscale, open_reader, open_writer

PathLike = str | os.PathLike[str]


class CountsDiffer(NvcodecError):
    """Source and decoded video don't have the same number of pictures."""


@dataclass(frozen=True)
class Clip:
    """A source: its path, format and number of pictures."""

    path: Path
    format: VideoFormat
    picture_count: int

    def rate_bpp(self, file_bytes: float) -> float:
        """Bits of a file per luma sample of the whole clip."""
        return file_bytes * 8 / (self.format.width * self.format.height * self.picture_count)

    def __str__(self) -> str:
        video = self.format
        return (
            f"{self.path.name}: {self.picture_count} pictures of {video.width}x{video.height}, "
            f"{float(video.frame_rate):.5g} fps, {video.pix_fmt}"
        )


def open_clip(path: PathLike) -> Clip:
    """Read a source once, to count its pictures. Raises VideoError."""
    with open_reader(path) as reader:
        return Clip(Path(path), reader.format, sum(1 for _ in reader))


def compare(source: Iterable[Frame], decoded: Iterable[Frame], scale_log2: int = 0) -> PsnrAccumulator:
    """PSNR of decoded pictures at scale 1 / 2**scale_log2 against full-size sources. Raises CountsDiffer."""
    accumulator: PsnrAccumulator | None = None
    sources, pictures = iter(source), 0
    for frame in decoded:
        original = next(sources, None)
        if original is None:
            raise CountsDiffer(f"more pictures were decoded than the source's {pictures}")
        accumulator = accumulator or PsnrAccumulator(original.format.bit_depth)
        accumulator.add(area_downscale(original.planes, scale_log2), frame.planes)
        pictures += 1
    if accumulator is None or next(sources, None) is not None:
        raise CountsDiffer(f"{pictures} pictures were decoded, the source has more")
    return accumulator


def compare_files(source: PathLike, decoded: PathLike, scale_log2: int = 0) -> PsnrAccumulator:
    """As `compare`, of two files that `open_reader` reads."""
    with open_reader(source) as originals, open_reader(decoded) as pictures:
        return compare(originals, pictures, scale_log2)


def compare_stream(clip: Clip, stream: PathLike, scale: str = "1", threads: int = 0) -> PsnrAccumulator:
    """Decode an .msn file at a scale, check its digests, and measure it. Raises what the decoder raises."""
    with Decoder(stream, scale=scale, threads=threads, verify=True) as decoder, open_reader(clip.path) as originals:
        return compare(originals, decoder, SCALES.index(scale))


@dataclass(frozen=True)
class Decoding:
    """One decoding, file to file: seconds from opening the stream to the finished output."""

    pictures: int
    seconds: float
    bytes_read: int
    file_bytes: int

    @property
    def pictures_per_second(self) -> float:
        return self.pictures / self.seconds


def decode_to_file(
    stream: PathLike,
    target: PathLike,
    *,
    scale: str = "1",
    backend: str = "onnxruntime",
    threads: int = 0,
    verify: bool = False,
    start: int = 0,
    stop: int | None = None,
    decoder_class: type[Decoder] = Decoder,
) -> Decoding:
    """Decode pictures start .. stop-1 into a .yuv or .y4m file. Raises what the decoder and the writer raise."""
    begun, pictures = time.perf_counter(), 0
    with decoder_class(stream, scale=scale, backend=backend, threads=threads, verify=verify) as decoder:
        with open_writer(target, decoder.format) as writer:
            for frame in decoder.frames(start, stop):
                writer.write(frame)
                pictures += 1
        read, size = decoder.container.bytes_read, decoder.container.size
    return Decoding(pictures, time.perf_counter() - begun, read, size)
