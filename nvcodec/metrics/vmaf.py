"""VMAF by the libvmaf of imageio-ffmpeg's ffmpeg, with its default model (vmaf_v0.6.1)."""

from __future__ import annotations

import os
import re
from functools import cache

from nvcodec.metrics.errors import VmafFailed, VmafMissing
from nvcodec.video.ffmpeg import file_url, last_line, run_ffmpeg
from nvcodec.video.frame import VideoFormat
from nvcodec.video.text import shown


@cache
def has_vmaf() -> bool:
    """Whether the ffmpeg at hand has the filter. Raises FfmpegMissing."""
    return re.search(rb"\slibvmaf\s", run_ffmpeg(["-filters"]).stdout) is not None


def vmaf_score(
    reference: str | os.PathLike[str], decoded: str | os.PathLike[str], video_format: VideoFormat, threads: int = 1
) -> float:
    """Mean VMAF of a raw .yuv file against another of the same format and number of pictures.

    Raises VmafMissing, VmafFailed, FfmpegMissing.
    """
    if not has_vmaf():
        raise VmafMissing("the ffmpeg of imageio-ffmpeg is built without libvmaf")
    sizes = [_file_bytes(path) for path in (reference, decoded)]
    if sizes[0] != sizes[1] or sizes[0] % video_format.frame_bytes or not sizes[0]:
        raise VmafFailed(
            f"{shown(reference)} of {sizes[0]} bytes against {shown(decoded)} of {sizes[1]}: "
            f"the same number of pictures of {video_format.frame_bytes} bytes is expected"
        )
    rate = video_format.frame_rate
    raw = ["-f", "rawvideo", "-pix_fmt", video_format.pix_fmt]
    raw += ["-video_size", f"{video_format.width}x{video_format.height}"]
    raw += ["-framerate", f"{rate.numerator}/{rate.denominator}"]
    inputs = [*raw, "-i", file_url(decoded), *raw, "-i", file_url(reference)]
    filters = f"[0:v][1:v]libvmaf=n_threads={threads}"
    ran = run_ffmpeg(["-v", "info", *inputs, "-lavfi", filters, "-f", "null", "-"])
    messages = ran.stderr.decode(errors="replace")
    score = re.search(r"VMAF score: ([\d.]+)", messages)
    if ran.returncode or score is None:
        raise VmafFailed(f"ffmpeg gives no VMAF score: {last_line(messages)}")
    return float(score[1])


def _file_bytes(path: str | os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size
    except OSError as error:
        raise VmafFailed(f"{shown(path)}: cannot be read: {error.strerror or error}") from error
