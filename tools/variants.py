"""MSNeRV's ideas, each as a change to the grid profile's network or to its fit's settings.

A variant changes whatever it is given, so that both the encoder's defaults and a network with every idea switched on
can be the base of an ablation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nvcodec.bitstream import LEVELS, ModelConfig

COARSEST = LEVELS - 1
SMALLEST_BRANCH = 8
ModelChange = Callable[[ModelConfig], ModelConfig]


@dataclass(frozen=True)
class Variant:
    """name: for the command line; what: for the table; settings: fields of EncodeSettings."""

    name: str
    what: str
    change: ModelChange = lambda model: model
    settings: Mapping[str, Any] = field(default_factory=dict)


def with_levels(model: ModelConfig, changes: Callable[[int], Mapping[str, Any]]) -> ModelConfig:
    """The model with `changes(level)` made to each level that has a grid."""
    levels = [replace(own, **changes(level)) if own.grid_channels else own for level, own in enumerate(model.levels)]
    return replace(model, levels=tuple(levels))


def with_windows(model: ModelConfig, is_wanted: Callable[[int], bool]) -> ModelConfig:
    return with_levels(model, lambda level: {"window_flag": is_wanted(level)})


def without_blocks(model: ModelConfig) -> ModelConfig:
    return replace(model, levels=tuple(replace(own, branch=0) for own in model.levels))


def with_slower_coarse_grids(model: ModelConfig) -> ModelConfig:
    """A grid at every second picture on all levels but the finest that has one."""
    finest = min(model.grid_levels)
    return with_levels(model, lambda level: {"temporal_stride_log2": int(level > finest)})


def with_coarsest_grid_alone(model: ModelConfig) -> ModelConfig:
    levels = [own if level == COARSEST else replace(own, **NO_GRID) for level, own in enumerate(model.levels)]
    return replace(model, levels=tuple(levels))


NO_GRID: dict[str, Any] = {
    "grid_channels": 0,
    "gop_grid_flag": False,
    "temporal_stride_log2": 0,
    "window_flag": False,
    "context_hidden": 0,
}


def with_every_idea(model: ModelConfig) -> ModelConfig:
    """The model with all that can be switched on switched on, on every level."""
    levels = tuple(
        replace(
            own,
            branch=own.branch or SMALLEST_BRANCH,
            gop_grid_flag=own.grid_channels > 0,
            window_flag=own.grid_channels > 0,
        )
        for own in model.levels
    )
    return replace(
        model,
        levels=levels,
        fusion_count=max(2, model.fusion_count),
        picture_skip_flag=True,
        context_previous_flag=True,
        context_coarser_flag=True,
    )


VARIANTS = (
    Variant("full", "the base"),
    Variant("no-window", "no temporal window", lambda model: with_windows(model, lambda level: False)),
    Variant(
        "window-coarsest",
        "window on the coarsest level alone",
        lambda model: with_windows(model, lambda level: level == COARSEST),
    ),
    Variant("window-all", "window on all levels", lambda model: with_windows(model, lambda level: True)),
    Variant("no-gop-grids", "no GoP grids", lambda model: with_levels(model, lambda level: {"gop_grid_flag": False})),
    Variant("no-block", "no multi-scale feature block", without_blocks),
    Variant("fusion-1", "one fusion layer: no features reused", lambda model: replace(model, fusion_count=1)),
    Variant("no-skip", "no picture skip between heads", lambda model: replace(model, picture_skip_flag=False)),
    Variant(
        "no-previous", "contexts without the previous grid", lambda model: replace(model, context_previous_flag=False)
    ),
    Variant(
        "no-coarser", "contexts without the coarser level", lambda model: replace(model, context_coarser_flag=False)
    ),
    Variant("scale-1-only", "no multi-resolution supervision", settings={"multi_scale": False}),
    Variant("fixed-weights", "fixed weights of the scales", settings={"adaptive_scales": False}),
    Variant("max-pooling", "targets by max-pooling, as the paper's", settings={"pooling": "max"}),
    Variant("stride-2", "coarser levels' grids at every second picture", with_slower_coarse_grids),
    Variant("one-grid", "no grids on the finer levels", with_coarsest_grid_alone),
)
BY_NAME = {variant.name: variant for variant in VARIANTS}
