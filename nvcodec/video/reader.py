"""What every reader has in common: a format, a number of pictures where it is known, and one pass over the frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType

from nvcodec.video.errors import NoPictures, PictureTruncated, SampleOutOfRange, VideoError
from nvcodec.video.frame import Frame, VideoFormat
from nvcodec.video.stream import InputStream


class Reader(ABC):
    """A video, read one picture at a time: memory holds one. Iterate once; close, or use as a context manager."""

    format: VideoFormat
    picture_count: int | None
    """None where only reading to the end would tell."""

    def __init__(self, stream: InputStream, video_format: VideoFormat, picture_count: int | None):
        self.stream = stream
        self.format = video_format
        self.picture_count = picture_count

    @abstractmethod
    def starts_picture(self, number: int) -> bool:
        """Move to the samples of the next picture; False where the stream ends instead."""

    def failure(self, picture_count: int) -> VideoError | None:
        """What made the stream end after so many whole pictures, if it was not the end of the video."""
        return None

    def __iter__(self) -> Iterator[Frame]:
        """Frames in display order. Raises NoPictures, PictureTruncated, SampleOutOfRange and other VideoErrors."""
        number = 0
        while self.starts_picture(number):
            samples = self.stream.read(self.format.frame_bytes)
            if len(samples) < self.format.frame_bytes:
                raise self.failure(number) or PictureTruncated(
                    f"{self.stream.name}: ends at byte {self.stream.offset}, inside picture {number}, after "
                    f"{len(samples)} of its {self.format.frame_bytes} bytes"
                )
            frame = Frame.frombuffer(samples, number, self.format)
            self._check_samples(frame)
            yield frame
            number += 1
        failure = self.failure(number)
        if failure is not None or number == 0:
            raise failure or NoPictures(f"{self.stream.name}: has no pictures")

    def _check_samples(self, frame: Frame) -> None:
        if self.format.bit_depth == 8:
            return
        highest = max(int(plane.max()) for plane in frame.planes)
        if highest >> self.format.bit_depth:
            raise SampleOutOfRange(
                f"{self.stream.name}: picture {frame.pts} has a sample of {highest}, {self.format.bit_depth}-bit "
                f"samples end at {(1 << self.format.bit_depth) - 1}"
            )

    def close(self) -> None:
        self.stream.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
