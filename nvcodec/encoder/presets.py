"""How much time a fit may take, and how wide its network is."""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.bitstream.model_config import LevelConfig, ModelConfig


@dataclass(frozen=True)
class Preset:
    """A fit's length. The times in docs/guide.md are for 132 pictures of 640x360 on two cores."""

    epochs: float  # passes over the video
    minimum_steps: int  # runs, for very short videos
    run_length: int = 2  # consecutive pictures in a run
    learning_rate: float = 5e-3


PRESETS = {
    "ultrafast": Preset(epochs=6, minimum_steps=300),
    "fast": Preset(epochs=33, minimum_steps=4000),
    "medium": Preset(epochs=100, minimum_steps=12000),
    "veryslow": Preset(epochs=300, minimum_steps=36000),
}

SMALL_SEGMENT_PIXELS = 12_000_000
"""Below this a segment gets the small network: its bits would outweigh what the large one gains."""

_LARGE = (
    LevelConfig(features=16, branch=4),
    LevelConfig(features=24, branch=8, grid_channels=6, gop_grid_flag=True, context_hidden=16),
    LevelConfig(features=24, branch=16, grid_channels=8, gop_grid_flag=True, context_hidden=16),
    LevelConfig(features=24, branch=16, grid_channels=8, gop_grid_flag=True, context_hidden=16),
    LevelConfig(features=24, branch=8, grid_channels=8, gop_grid_flag=True, window_flag=True, context_hidden=16),
)

_SMALL = (
    LevelConfig(features=8, branch=8),
    LevelConfig(features=12, branch=8, grid_channels=5, gop_grid_flag=True, context_hidden=8),
    LevelConfig(features=12, branch=8, grid_channels=6, gop_grid_flag=True, context_hidden=8),
    LevelConfig(features=12, branch=8, grid_channels=6, gop_grid_flag=True, context_hidden=8),
    LevelConfig(features=8, branch=8, grid_channels=4, gop_grid_flag=True, window_flag=True, context_hidden=4),
)


def make_model(levels: tuple[LevelConfig, ...]) -> ModelConfig:
    """The default network around the given levels."""
    return ModelConfig(
        levels=levels,
        window_length=5,
        fusion_count=2,
        picture_skip_flag=True,
        context_previous_flag=True,
        context_coarser_flag=True,
    )


def default_model() -> ModelConfig:
    """The network of all but small sources."""
    return make_model(_LARGE)


def model_for(pixels: int) -> ModelConfig:
    """The network for a segment of so many luma samples in all its pictures."""
    return make_model(_SMALL if pixels < SMALL_SEGMENT_PIXELS else _LARGE)
