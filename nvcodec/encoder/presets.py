"""How much time a fit may take, and how wide its network is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from nvcodec.bitstream.model_config import INTER, INTRA, LevelConfig, ModelConfig


@dataclass(frozen=True)
class Preset:
    """A fit's length. The times in docs/guide.md are for 132 pictures of 640x360 on two cores."""

    epochs: float  # passes over the video
    minimum_steps: int  # runs, for very short videos
    run_length: int = 2  # consecutive pictures in a run
    learning_rate: float = 5e-3
    coding_passes: int = 1  # of the hybrid profile, over all pictures; between two of them its network is fitted


PRESETS = {
    "ultrafast": Preset(epochs=6, minimum_steps=300),
    "fast": Preset(epochs=33, minimum_steps=4000),
    "medium": Preset(epochs=100, minimum_steps=12000),
    "veryslow": Preset(epochs=300, minimum_steps=36000),
}

MOTION_PRESETS = {
    "ultrafast": Preset(epochs=2, minimum_steps=300),
    "fast": Preset(epochs=4, minimum_steps=4000),
    "medium": Preset(epochs=14, minimum_steps=12000),
    "veryslow": Preset(epochs=50, minimum_steps=36000),
}
"""The motion profile's: fewer passes, since motion is searched, and windows refreshed, in the same time."""


HYBRID_PRESETS = {
    "ultrafast": Preset(epochs=0, minimum_steps=0, coding_passes=1),
    "fast": Preset(epochs=0, minimum_steps=0, coding_passes=2),
    "medium": Preset(epochs=5, minimum_steps=0, coding_passes=2),
    "veryslow": Preset(epochs=40, minimum_steps=0, coding_passes=3),
}
"""The hybrid profile's: epochs are those of its network's fits alone."""


def preset_of(profile: str, name: str) -> Preset:
    """The fit's length by the names of the command line."""
    return {"grid": PRESETS, "motion": MOTION_PRESETS, "hybrid": HYBRID_PRESETS}[profile][name]


BASE_MODEL = 2
BASE_CHROMA_FORMAT = "420"

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


_INTRA = (
    LevelConfig(features=12, branch=6),
    LevelConfig(features=20, branch=8, grid_channels=4, context_hidden=12),
    LevelConfig(features=24, branch=16, grid_channels=6, context_hidden=12),
    LevelConfig(features=24, branch=16, grid_channels=8, context_hidden=12),
    LevelConfig(features=16, grid_channels=8, context_hidden=8),
)

_INTER = (
    LevelConfig(features=10, branch=4),
    LevelConfig(features=16, branch=8, grid_channels=3, context_hidden=12),
    LevelConfig(features=24, branch=12, grid_channels=5, context_hidden=12),
    LevelConfig(features=24, branch=12, grid_channels=6, context_hidden=12),
    LevelConfig(features=16, grid_channels=4, context_hidden=8),
)
_SHARED: dict[str, Any] = {
    "fusion_count": 2,
    "picture_skip_flag": True,
    "context_coarser_flag": True,
    "context_neighbours_flag": True,
}


def models_without_base() -> tuple[ModelConfig, ModelConfig]:
    """The motion profile's two networks, for pictures without and with references; weights from nothing."""
    return ModelConfig(_INTRA, role=INTRA, **_SHARED), ModelConfig(_INTER, role=INTER, step_rows=5, **_SHARED)


def motion_models(chroma_format: str) -> tuple[ModelConfig, ModelConfig]:
    """The same, from the base model where it was made for the chroma format."""
    intra, inter = models_without_base()
    if chroma_format != BASE_CHROMA_FORMAT:
        return intra, inter
    return replace(intra, base_model=BASE_MODEL), replace(inter, base_model=BASE_MODEL)


_HYBRID = (
    LevelConfig(features=12, branch=6),
    LevelConfig(features=16, branch=8),
    LevelConfig(features=16, branch=8),
    LevelConfig(features=12),
    LevelConfig(features=4, grid_channels=1),
)


HYBRID_BASE_MODEL = 4


def hybrid_network(base_model: int) -> ModelConfig:
    """The hybrid profile's network."""
    return ModelConfig(_HYBRID, role=INTER, fusion_count=2, base_model=base_model)


def hybrid_model(chroma_format: str) -> ModelConfig:
    """The same, from the base model where it was made for the chroma format."""
    return hybrid_network(HYBRID_BASE_MODEL if chroma_format == BASE_CHROMA_FORMAT else 0)
