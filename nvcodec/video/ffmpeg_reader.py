"""Anything that ffmpeg reads, decoded on a pipe.

Formats that the codec carries come through untouched (ffmpeg's automatic conversions are switched off); others are
converted to the nearest one. Every coded picture comes once, whatever its time stamp.
"""

from __future__ import annotations

import os
from fractions import Fraction

from nvcodec.video.errors import FfmpegFailed, VideoError
from nvcodec.video.ffmpeg import FfmpegInput, FfmpegPipe
from nvcodec.video.probe import decoded_format, probe
from nvcodec.video.reader import Reader
from nvcodec.video.stream import InputStream
from nvcodec.video.text import shown


class FfmpegReader(Reader):
    """The first video stream of a file. frame_rate: takes the place of the file's own.

    Raises FfmpegFailed, NotVideo, FfmpegMissing, FormatUnsupported, InputUnreadable.
    """

    def __init__(self, path: str | os.PathLike[str], frame_rate: Fraction | None = None):
        video_format, conversion = decoded_format(probe(path), frame_rate)
        filters = [] if conversion is None else ["-vf", conversion]
        output = ["-map", "0:V:0", "-fps_mode", "passthrough", *filters, "-f", "rawvideo", "pipe:1"]
        self._input = FfmpegInput(path)
        try:
            self._ffmpeg = FfmpegPipe(["-noauto_conversion_filters", *self._input.arguments, *output], writes=True)
        except BaseException:
            self._input.close()
            raise
        super().__init__(InputStream(self._ffmpeg.pipe, shown(path)), video_format, None)

    def starts_picture(self, number: int) -> bool:
        return bool(self.stream.look(1))

    def failure(self, picture_count: int) -> VideoError | None:
        if not self._ffmpeg.wait():
            return None
        reason = self._ffmpeg.last_words()
        return FfmpegFailed(f"{self.stream.name}: ffmpeg cannot read it beyond {picture_count} pictures: {reason}")

    def close(self) -> None:
        self._ffmpeg.close()
        self._input.close()
