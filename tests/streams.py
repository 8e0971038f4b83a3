"""Tiny clips, tiny networks and the streams made of them, for the tests of decoder and encoder.

The clips move and have texture, so that no grid is all zeros and a wrong order of pictures, planes or phases shows.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache

import numpy as np

from nvcodec.bitstream import LevelConfig, ModelConfig
from nvcodec.encoder.encode import EncodeSummary, encode_frames
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.video.frame import Frame, VideoFormat

RATE = Fraction(30000, 1001)

TINY_LEVELS = (
    LevelConfig(features=4, branch=3),
    LevelConfig(features=5, branch=4, grid_channels=3, gop_grid_flag=True, context_hidden=4),
    LevelConfig(features=6, branch=4, grid_channels=2, gop_grid_flag=True, context_hidden=3),
    LevelConfig(features=6, branch=4, grid_channels=3, gop_grid_flag=True, context_hidden=4),
    LevelConfig(features=5, branch=3, grid_channels=2, gop_grid_flag=True, window_flag=True, context_hidden=2),
)
TINY = ModelConfig(
    levels=TINY_LEVELS,
    window_length=3,
    fusion_count=2,
    picture_skip_flag=True,
    context_previous_flag=True,
    context_coarser_flag=True,
)


def with_grids(model: ModelConfig, **changes: object) -> ModelConfig:
    """The model with fields of every level that has a grid changed."""
    levels = tuple(replace(own, **changes) if own.grid_channels else own for own in model.levels)
    return replace(model, levels=levels)


def with_level(model: ModelConfig, level: int, **changes: object) -> ModelConfig:
    """The model with fields of one level changed."""
    levels = list(model.levels)
    levels[level] = replace(levels[level], **changes)
    return replace(model, levels=tuple(levels))


def video_format(chroma_format: str, bit_depth: int, width: int, height: int) -> VideoFormat:
    return VideoFormat(width, height, chroma_format, bit_depth, RATE)


def moving_frames(video: VideoFormat, count: int, seed: int = 0) -> list[Frame]:
    """Drifting waves with a little fixed noise; each plane differs."""
    noise = np.random.default_rng(seed)
    textures = [noise.normal(0, 0.04, shape) for shape in video.plane_shapes]
    frames = []
    for pts in range(count):
        planes = []
        for number, (rows, columns) in enumerate(video.plane_shapes):
            y, x = np.mgrid[:rows, :columns]
            wave = 0.5 + 0.25 * np.sin((x + 1.5 * pts) / 4 + number) + 0.12 * np.cos((y - pts) / 3)
            samples = np.clip(wave + textures[number], 0, 1) * ((1 << video.bit_depth) - 1)
            planes.append(samples.round().astype(video.dtype))
        frames.append(Frame(tuple(planes), pts, video))
    return frames


def noisy_frames(video: VideoFormat, count: int, seed: int = 0) -> list[Frame]:
    """Independent noise: nothing predicts it, so it takes many bits."""
    noise = np.random.default_rng(seed)
    top = 1 << video.bit_depth
    shapes = video.plane_shapes
    return [
        Frame(tuple(noise.integers(0, top, shape).astype(video.dtype) for shape in shapes), pts, video)
        for pts in range(count)
    ]


def tiny_settings(**changes: object) -> EncodeSettings:
    """A short fit on one thread, at many bits, so that grids and weights come out far from zero."""
    given = {"preset": "ultrafast", "epochs": 12, "lam": 1e-5, "gop_length": 4, "threads": 1, "model": TINY}
    return EncodeSettings(**{**given, **changes})


def encode_bytes(frames: list[Frame], settings: EncodeSettings, **options: object) -> tuple[bytes, EncodeSummary]:
    """A whole file in memory, and the encode's summary."""
    output = io.BytesIO()
    summary = encode_frames(iter(frames), frames[0].format, output, settings, **options)
    return output.getvalue(), summary


@dataclass(frozen=True)
class Case:
    """A stream of the matrix: format, pictures, and what is special about its network."""

    chroma_format: str
    bit_depth: int
    width: int
    height: int
    count: int
    model: ModelConfig | None = TINY
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def video(self) -> VideoFormat:
        return video_format(self.chroma_format, self.bit_depth, self.width, self.height)

    def frames(self) -> list[Frame]:
        return moving_frames(self.video, self.count)


CASES = {
    "plain": Case("420", 8, 48, 32, 7),
    "temporal stride": Case("420", 10, 33, 19, 7, with_grids(TINY, temporal_stride_log2=1, window_flag=False)),
    "window on all levels": Case("444", 8, 35, 17, 5, with_grids(TINY, window_flag=True)),
    "no gop grid": Case("422", 12, 50, 41, 5, with_grids(TINY, gop_grid_flag=False)),
    "no context of the previous grid": Case("400", 8, 17, 16, 5, replace(TINY, context_previous_flag=False)),
    "no context of the coarser level": Case("420", 12, 31, 33, 5, replace(TINY, context_coarser_flag=False)),
    "no picture skip": Case("444", 10, 40, 24, 4, replace(TINY, picture_skip_flag=False)),
    "no block": Case("422", 8, 18, 27, 4, replace(TINY, levels=tuple(replace(own, branch=0) for own in TINY_LEVELS))),
    "no hidden context layer": Case("400", 10, 32, 32, 5, with_grids(TINY, context_hidden=0)),
    "grid at level 0": Case("420", 8, 21, 17, 5, with_level(TINY, 0, grid_channels=2, temporal_stride_log2=1)),
    "one picture": Case("444", 12, 16, 16, 1),
    "strides and windows that differ": Case(
        "422",
        10,
        34,
        18,
        9,
        with_level(with_level(with_grids(TINY, window_flag=True), 1, temporal_stride_log2=2), 3, temporal_stride_log2=3),
        {"gop_length": 9},
    ),
    "a level without a grid": Case(
        "400",
        12,
        19,
        23,
        4,
        replace(with_level(TINY, 2, grid_channels=0, gop_grid_flag=False, context_hidden=0), context_previous_flag=False),
    ),
    "the chosen model": Case("420", 8, 64, 48, 3, None),
}


@cache
def stream(name: str) -> tuple[bytes, EncodeSummary]:
    """The file of a case, and its summary; made once a session."""
    case = CASES[name]
    return encode_bytes(case.frames(), tiny_settings(model=case.model, **case.settings))
