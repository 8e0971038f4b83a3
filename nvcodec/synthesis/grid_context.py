"""The context of a grid's symbols: what the context network sees, for encoder and decoder alike.

Source: bitstream_spec.md, section 6.4.
"""

from __future__ import annotations

import numpy as np

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.backend import Backend
from nvcodec.synthesis.embedding import context_input, symbol_parameters
from nvcodec.synthesis.layers import COARSEST


def grid_shape(config: ModelConfig, level: int, height: int, width: int) -> tuple[int, int, int, int]:
    """(1, L, h, w) of a level's grids."""
    return (1, config.levels[level].grid_channels, *arithmetic.level_size(height, width, level))


def sees_coarser(config: ModelConfig, level: int) -> bool:
    """Whether a level's context network looks at the coarser level's grid."""
    return config.context_coarser_flag and level < COARSEST and config.levels[level + 1].grid_channels > 0


def grid_parameters(
    backend: Backend,
    config: ModelConfig,
    level: int,
    size: tuple[int, int],
    previous: Array | None,
    coarser: Array | None,
    kind: int,
) -> tuple[Array, Array]:
    """(means in eighths, scale indices), each (1, L, h, w) int32, of a grid's symbols.

    size: the picture's (height, width); previous: the level's grid before this one, None at a GoP's start and for the
    GoP's grid; in the motion profile the picture's own latents that are known, 0 elsewhere, None before; coarser: the
    coarser level's grid of the same moment (the GoP's for the GoP's), None for zeros.
    """
    shape = grid_shape(config, level, *size)
    inputs, below = [], None
    if config.context_previous_flag or config.context_neighbours_flag:
        inputs.append(np.zeros(shape, np.float32) if previous is None else context_input(previous))
    if sees_coarser(config, level):
        empty = np.zeros(grid_shape(config, level + 1, *size), np.float32)
        below = empty if coarser is None else context_input(coarser)
    if not inputs and below is None:
        inputs.append(np.zeros((1, 1, *shape[2:]), np.float32))
    output = backend.context(level, inputs, below, kind)
    return symbol_parameters(output, shape[1])


def passes(config: ModelConfig, height: int, width: int) -> list[Array]:
    """Masks (h, w) of a level's latents that are coded together, in coding order (motion profile).

    With context_neighbours_flag first the positions whose row and column have an even sum, then the others; else all.
    """
    if not config.context_neighbours_flag:
        return [np.ones((height, width), bool)]
    even = (np.arange(height)[:, None] + np.arange(width)) % 2 == 0
    return [even, ~even]
