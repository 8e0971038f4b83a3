"""What decoding costs: multiply-adds per output pixel, counted by running the network's description over shapes."""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.bitstream.model_config import INTER, ModelConfig
from nvcodec.synthesis import arithmetic, network
from nvcodec.synthesis.grid_context import sees_coarser
from nvcodec.synthesis.layers import COARSEST, PICTURE_CHANNELS, level_layers

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class DecodingCost:
    """Multiply-adds per luma sample of the picture that comes out."""

    synthesis: float
    contexts: float
    embedding: float

    @property
    def total(self) -> float:
        return self.synthesis + self.contexts + self.embedding


class CountingOperations:
    """`network.Operations` on shapes (channels, rows, columns); adds up multiply-adds, dense ones as computed."""

    def __init__(self, config: ModelConfig, height: int, width: int, chroma_format: str):
        self.outputs = {
            (level, layer.name): (layer.outputs, layer.kernel)
            for level in range(COARSEST + 1)
            for layer in level_layers(config, level, chroma_format)
        }
        self.sizes = {level: arithmetic.level_size(height, width, level) for level in range(COARSEST + 1)}
        self.picture_channels = PICTURE_CHANNELS[chroma_format]
        self.count = 0

    def conv(
        self, level: int, name: str, x: Shape, *, leaky: bool = False, kind: int = 0, more_shift: int = 0
    ) -> Shape:
        outputs, kernel = self.outputs[level, name]
        self.count += x[0] * outputs * kernel**2 * x[1] * x[2]
        return outputs, x[1], x[2]

    def clamp(self, x: Shape) -> Shape:
        return x

    def add(self, a: Shape, b: Shape) -> Shape:
        assert a == b
        return a

    def concat(self, parts: list[Shape]) -> Shape:
        return sum(part[0] for part in parts), parts[0][1], parts[0][2]

    def shuffle(self, x: Shape, level: int) -> Shape:
        return x[0] // 4, *self.sizes[level]

    def repeat(self, x: Shape, level: int) -> Shape:
        return x[0], *self.sizes[level]

    def upsample_picture(self, x: Shape, level: int) -> Shape:
        self.count += x[0] * 4 * x[0] * 9 * x[1] * x[2]
        return self.shuffle((4 * x[0], x[1], x[2]), level)

    def split_head(self, x: Shape) -> tuple[Shape, Shape]:
        return (self.picture_channels, *x[1:]), (x[0] - self.picture_channels, *x[1:])

    def blend(self, window: Shape, mask: Shape, residual: Shape) -> Shape:
        self.count += residual[0] * residual[1] * residual[2]
        return residual


def decoding_cost(config: ModelConfig, height: int, width: int, chroma_format: str, finest: int) -> DecodingCost:
    """The cost of one picture at scale 1/2**finest, per luma sample of that scale."""
    pixels = (-(-height >> finest)) * (-(-width >> finest))
    ops = CountingOperations(config, height, width, chroma_format)
    grids = {
        level: (config.levels[level].grid_channels, *ops.sizes[level])
        for level in config.grid_levels
        if level >= finest
    }
    window = None
    if config.role == INTER:
        channels = 2 * ops.picture_channels
        window = {level: (channels, *ops.sizes[level]) for level in range(finest, COARSEST)}
    network.synthesise(ops, config, dict(grids), finest, window)
    synthesis, ops.count = ops.count, 0
    for level, shape in grids.items():
        inputs = [shape] if config.context_previous_flag or config.context_neighbours_flag else []
        below = grids[level + 1] if sees_coarser(config, level) else None
        if not inputs and below is None:
            inputs = [(1, *shape[1:])]
        for _ in range(2 if config.context_neighbours_flag else 1):  # each pass runs over the whole grid
            network.context(ops, config, level, inputs, below, 0)
    embedding = 0
    for level, shape in grids.items():
        own = config.levels[level]
        terms = (config.window_length if own.window_flag else 1) + own.gop_grid_flag
        embedding += terms * shape[0] * shape[1] * shape[2]
    return DecodingCost(synthesis / pixels, ops.count / pixels, embedding / pixels)
