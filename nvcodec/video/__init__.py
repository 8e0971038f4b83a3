"""Pictures in and out: frames, readers (raw, y4m, ffmpeg), writers (raw, y4m, lossless Matroska), downscaling."""

from __future__ import annotations

from nvcodec.video.errors import OutputClosed, OutputError, OutputExists, VideoError
from nvcodec.video.frame import Frame, VideoFormat
from nvcodec.video.reader import Reader
from nvcodec.video.readers import open_reader
from nvcodec.video.scaling import area_downscale, max_pool_downscale
from nvcodec.video.writers import Writer, open_writer, refuse_existing

__all__ = [
    "Frame",
    "OutputClosed",
    "OutputError",
    "OutputExists",
    "Reader",
    "VideoError",
    "VideoFormat",
    "Writer",
    "area_downscale",
    "max_pool_downscale",
    "open_reader",
    "open_writer",
    "refuse_existing",
]
