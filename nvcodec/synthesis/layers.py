"""Which convolutions a level has, in the order of its network unit; shapes follow from the model configuration.

Shapes are never transmitted. `level_layers` is the one list that the reader, the writer, the backends and the fit
go by (bitstream_spec.md, section 5.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.bitstream.model_config import INTER, ModelConfig

COARSEST = 4
PICTURE_CHANNELS = {"400": 4, "420": 6, "422": 8, "444": 12}
MASK_CHANNELS = {"400": 1, "420": 2, "422": 2, "444": 2}
"""Blending weights that the head of an inter network yields: for luma, for chroma."""
WINDOW_PICTURES = 2


@dataclass(frozen=True)
class ConvLayer:
    """One convolution, stride 1, zero padding, `kinds` alternative bias vectors."""

    name: str
    inputs: int
    outputs: int
    kernel: int
    kinds: int = 1

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        return self.outputs, self.inputs, self.kernel, self.kernel

    @property
    def bias_shape(self) -> tuple[int, int]:
        return self.kinds, self.outputs


def context_inputs(config: ModelConfig, level: int) -> int:
    """Channels that the context network of a level sees (one plane of zeros where it sees nothing)."""
    sees_own = config.context_previous_flag or config.context_neighbours_flag
    channels = config.levels[level].grid_channels if sees_own else 0
    if config.context_coarser_flag and level < COARSEST:
        channels += config.levels[level + 1].grid_channels
    return max(channels, 1)


def head_channels(config: ModelConfig, chroma_format: str) -> int:
    """Outputs of a head: the packed picture, and in inter networks the blending weights."""
    return PICTURE_CHANNELS[chroma_format] + (MASK_CHANNELS[chroma_format] if config.role == INTER else 0)


def level_layers(config: ModelConfig, level: int, chroma_format: str) -> list[ConvLayer]:
    """The level's convolutions in coding order: context network, embedding, window, upsampling, block, head."""
    own = config.levels[level]
    layers: list[ConvLayer] = []
    if own.grid_channels:
        seen = context_inputs(config, level)
        if own.context_hidden:
            layers.append(ConvLayer("context_hidden", seen, own.context_hidden, 3, config.context_kinds))
        layers.append(
            ConvLayer("context_output", own.context_hidden + seen, 2 * own.grid_channels, 1, config.context_kinds)
        )
        layers.append(ConvLayer("embed", own.grid_channels, own.features, 3))
    if config.role == INTER and level < COARSEST:
        layers.append(ConvLayer("window", WINDOW_PICTURES * PICTURE_CHANNELS[chroma_format], own.features, 3))
    if level < COARSEST:
        layers.append(ConvLayer("up", config.levels[level + 1].features, 4 * own.features, 1))
    if own.branch:
        for i in range(config.fusion_count):
            layers.append(ConvLayer(f"branch{i}", own.features if i == 0 else own.branch, own.branch, 3))
        layers.append(ConvLayer("fuse", config.fusion_count * own.branch, own.features, 1))
    if level < COARSEST:
        layers.append(ConvLayer("head", own.features, head_channels(config, chroma_format), 3))
    return layers
