"""x264 as the yardstick: veryslow, tuned for PSNR, one key picture, one thread, by imageio-ffmpeg's ffmpeg.

The message in which x264 writes down its settings (some 700 bytes) is taken out of the stream, so that at small sizes
all of its bytes are video.
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from measure import PathLike

from nvcodec.errors import NvcodecError
from nvcodec.video.ffmpeg import FfmpegInput, ffmpeg_executable, last_line

OPTIONS = (
    *("-c:v", "libx264", "-preset", "veryslow", "-tune", "psnr", "-x264-params", "keyint=9999:threads=1"),
    *("-bsf:v", "filter_units=remove_types=6", "-f", "h264"),
)
LOWEST_CRF, HIGHEST_CRF, FIRST_CRF = 1.0, 51.0, 32.0
CRF_PER_HALVING = 6.0
TOLERANCE = 0.005
TRIES = 9


class X264Failed(NvcodecError):
    """ffmpeg with libx264 makes no stream of the source."""


@dataclass(frozen=True)
class X264Stream:
    """What x264 made of a clip: raw H.264 bytes, the quality factor, and the seconds of that one encode."""

    data: bytes
    crf: float
    seconds: float


def encode_x264(source: PathLike, crf: float, pix_fmt: str) -> X264Stream:
    """Encode a file that ffmpeg reads. Raises X264Failed, FfmpegMissing."""
    start = time.perf_counter()
    with FfmpegInput(source) as given:
        command = [ffmpeg_executable(), "-v", "error", "-nostdin", *given.arguments, "-map", "0:v"]
        command += [*OPTIONS, "-pix_fmt", pix_fmt, "-crf", f"{crf:.2f}", "pipe:1"]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if ran.returncode or not ran.stdout:
        raise X264Failed(f"{source}: x264: {last_line(ran.stderr.decode(errors='replace'))}")
    return X264Stream(ran.stdout, crf, time.perf_counter() - start)


def encode_x264_within(source: PathLike, limit_bytes: int, pix_fmt: str) -> X264Stream:
    """The largest stream that is not above the limit; the smallest there is where none is."""
    made: dict[float, X264Stream] = {}

    def size_at(crf: float) -> int:
        made[crf] = encode_x264(source, crf, pix_fmt)
        return len(made[crf].data)

    return made[search_crf(size_at, limit_bytes)]


def search_crf(size_at: Callable[[float], int], limit_bytes: int) -> float:
    """The lowest of the tried quality factors whose size is not above the limit, HIGHEST_CRF where all are above.

    Steps by the rule that 6 more halve the size, aimed just below the limit, or halves the interval where the rule
    leaves it; stops within TOLERANCE of the limit, or after TRIES.
    """
    above, below = LOWEST_CRF, HIGHEST_CRF
    sizes: dict[float, int] = {}
    crf = FIRST_CRF
    for _ in range(TRIES):
        sizes[crf] = size_at(crf)
        if (1 - TOLERANCE) * limit_bytes <= sizes[crf] <= limit_bytes:
            return crf
        if sizes[crf] > limit_bytes:
            above = crf
        else:
            below = crf
        wanted = crf + CRF_PER_HALVING * math.log2(sizes[crf] / ((1 - TOLERANCE / 2) * limit_bytes))
        if not above < wanted < below:
            wanted = (above + below) / 2 if below in sizes or wanted <= above else HIGHEST_CRF
        crf = round(wanted, 2)
        if crf in sizes:
            break
    if not any(size <= limit_bytes for size in sizes.values()) and HIGHEST_CRF not in sizes:
        sizes[HIGHEST_CRF] = size_at(HIGHEST_CRF)
    return min((crf for crf, size in sizes.items() if size <= limit_bytes), default=HIGHEST_CRF)
