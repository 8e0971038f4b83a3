"""Small random videos."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from nvcodec.video import Frame, VideoFormat
from nvcodec.video.ffmpeg import ffmpeg_executable

Clip = list[Frame]


@pytest.fixture
def make_clip() -> Callable[..., Clip]:
    def make(video_format: VideoFormat, count: int = 3, seed: int = 1) -> Clip:
        random = np.random.default_rng(seed)
        top = 1 << video_format.bit_depth
        return [
            Frame(
                tuple(random.integers(0, top, shape).astype(video_format.dtype) for shape in video_format.plane_shapes),
                pts,
                video_format,
            )
            for pts in range(count)
        ]

    return make


@pytest.fixture
def base_format() -> VideoFormat:
    return VideoFormat(18, 16, "420", 8, Fraction(25))


@pytest.fixture
def gray_format(base_format: VideoFormat) -> VideoFormat:
    return replace(base_format, chroma_format="400")


@pytest.fixture
def run_ffmpeg() -> Callable[..., None]:
    def run(*arguments: object) -> None:
        command = [ffmpeg_executable(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
        subprocess.run(command, check=True)

    return run
