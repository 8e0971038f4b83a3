"""VMAF by the libvmaf of imageio-ffmpeg's ffmpeg, with its default model (vmaf_v0.6.1)."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache

from nvcodec.metrics.errors import VmafFailed, VmafMissing
from nvcodec.video.ffmpeg import ffmpeg_executable, file_url, last_line
from nvcodec.video.frame import VideoFormat


@cache
def has_vmaf() -> bool:
    """Whether the ffmpeg at hand has the filter. Raises FfmpegMissing."""
    listed = subprocess.run([ffmpeg_executable(), "-hide_banner", "-filters"], capture_output=True, check=False).stdout
    return re.search(rb"\slibvmaf\s", listed) is not None


def vmaf(
    reference: str | os.PathLike[str], decoded: str | os.PathLike[str], video_format: VideoFormat, threads: int = 1
) -> float:
    """Mean VMAF of a raw .yuv file against another of the same format.

    Raises VmafMissing, VmafFailed, FfmpegMissing.
    """
    if not has_vmaf():
        raise VmafMissing("the ffmpeg of imageio-ffmpeg is built without libvmaf")
    rate = video_format.frame_rate
    raw = ["-f", "rawvideo", "-pix_fmt", video_format.pix_fmt]
    raw += ["-video_size", f"{video_format.width}x{video_format.height}"]
    raw += ["-framerate", f"{rate.numerator}/{rate.denominator}"]
    command = [ffmpeg_executable(), "-hide_banner", "-nostdin", "-nostats", "-v", "info"]
    command += [*raw, "-i", file_url(decoded), *raw, "-i", file_url(reference)]
    command += ["-lavfi", f"[0:v][1:v]libvmaf=n_threads={threads}:shortest=1", "-f", "null", "-"]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    messages = ran.stderr.decode(errors="replace")
    score = re.search(r"VMAF score: ([\d.]+)", messages)
    if ran.returncode or score is None:
        raise VmafFailed(f"ffmpeg gives no VMAF score: {last_line(messages)}")
    return float(score[1])
