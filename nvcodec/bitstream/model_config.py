"""The network's shape: all that a decoder needs to know to build it.

Frozen, so `visit` returns a new configuration made of the visited values (equal to the old one when written). A
configuration that contradicts itself cannot be made; `validate` also checks the ranges, as the writer would.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nvcodec.bitstream import limits
from nvcodec.bitstream.errors import InconsistentStream, ReservedFlagSet, UnsupportedBaseModel
from nvcodec.bitstream.visitor import Visitor, WriteVisitor

LEVELS = 5
"""Levels of the feature pyramid: 0, the finest, has half the picture's size, 4 has 1/32 of it."""

SCALES = 4
"""Sizes at which pictures come out: the head of level s yields scale 1/2**s."""

GRID, INTRA, INTER = "grid", "intra", "inter"
"""A network's pictures: all of the grid profile; those of the motion profile without, or with references."""

BASE_MODEL_ZERO = 0
"""The base model whose weights are all zero."""

BASE_MODELS = {GRID: (0,), INTRA: (0, 2), INTER: (0, 2, 3, 4)}
"""The base models that a network of each role may choose from; number 1 is withdrawn (bitstream_spec.md, 3.7)."""

GRID_CONTEXT_KINDS = 3
"""Context biases of the grid profile: for the GoP's grid, the first temporal grid of a GoP, the others."""


@dataclass(frozen=True)
class LevelConfig:
    """One level of the pyramid. Without a grid (grid_channels 0) the last four fields stay at their defaults."""

    features: int = 1
    """Channels of the level's features, 1..63."""
    branch: int = 0
    """Hidden channels of the multi-scale feature block, 0..63; 0: no block."""
    grid_channels: int = 0
    """Channels of the temporal grid, 0..31; 0: no grid."""
    gop_grid_flag: bool = False
    """Whether a grid per GoP is added."""
    temporal_stride_log2: int = 0
    """Pictures between two of the temporal grid's nodes, as a power of two, 0..3."""
    window_flag: bool = False
    """Whether the embedding is a weighted sum over a temporal window of grids."""
    context_hidden: int = 0
    """Hidden channels of the context network, 0..31; 0: no hidden layer."""

    def __post_init__(self) -> None:
        given = (self.gop_grid_flag, self.temporal_stride_log2, self.window_flag, self.context_hidden)
        if not self.grid_channels and any(given):
            raise InconsistentStream(
                "model configuration: a level with grid_channels 0 has gop_grid_flag, temporal_stride_log2, "
                f"window_flag, context_hidden {given}, allowed is zero"
            )

    def visit(self, v: Visitor, level: int, role: str = GRID) -> LevelConfig:
        """The syntax of one level. Source: bitstream_spec.md, section 5.1.1."""
        features = v.u(f"features[{level}]", 6, self.features, low=1)
        branch = v.u(f"branch[{level}]", 6, self.branch)
        grid_channels = v.u(f"grid_channels[{level}]", 5, self.grid_channels)
        if not grid_channels:
            return LevelConfig(features, branch)
        if role != GRID:
            hidden = v.u(f"context_hidden[{level}]", 5, self.context_hidden)
            return LevelConfig(features, branch, grid_channels, context_hidden=hidden)
        return LevelConfig(
            features,
            branch,
            grid_channels,
            gop_grid_flag=v.flag(f"gop_grid_flag[{level}]", self.gop_grid_flag),
            temporal_stride_log2=v.u(f"temporal_stride_log2[{level}]", 2, self.temporal_stride_log2),
            window_flag=v.flag(f"window_flag[{level}]", self.window_flag),
            context_hidden=v.u(f"context_hidden[{level}]", 5, self.context_hidden),
        )


_SMALLEST_LEVELS = (*(LevelConfig(),) * (LEVELS - 1), LevelConfig(grid_channels=1))


@dataclass(frozen=True)
class ModelConfig:
    """The whole network; the default is the smallest valid one, which readers start from."""

    levels: tuple[LevelConfig, ...] = _SMALLEST_LEVELS
    """By level: levels[0] is the finest."""
    window_length: int = 1
    """Grids under the temporal window, 1..8."""
    fusion_count: int = 1
    """Fusion layers of each multi-scale feature block, 1..3."""
    picture_skip_flag: bool = False
    """Whether a head adds to the upsampled picture of the coarser scale."""
    context_previous_flag: bool = False
    """Whether the context network sees the previous picture's grid."""
    context_coarser_flag: bool = False
    """Whether the context network sees the coarser level's grid."""
    context_neighbours_flag: bool = False
    """Motion profile: whether latents are coded in two passes, the second of which sees the neighbours in the first."""
    base_model: int = BASE_MODEL_ZERO
    """The model that the weights are coded as differences from."""
    step_rows: int = 1
    """Rows of quantisation steps and context biases, by distance to references; above 1 in inter networks only."""
    role: str = GRID
    """GRID, INTRA or INTER; not coded here: it follows from the profile and from where the configuration stands."""

    def __post_init__(self) -> None:
        if len(self.levels) != LEVELS:
            raise InconsistentStream(f"model configuration: {len(self.levels)} levels, allowed is {LEVELS}")
        if not self.levels[LEVELS - 1].grid_channels:
            raise InconsistentStream(
                f"model configuration: level {LEVELS - 1} has grid_channels 0, but synthesis starts from its grid"
            )

        if self.role != GRID:
            self._check_motion()
        elif self.step_rows > 1 or self.context_neighbours_flag:
            raise InconsistentStream("model configuration: tools of the motion profile in the grid profile")

    def _check_motion(self) -> None:
        """Grids over time are tools of the grid profile alone; the depths of a hierarchy of inter networks."""
        over_time = [self.window_length > 1, self.context_previous_flag]
        over_time += [own.gop_grid_flag or own.window_flag or own.temporal_stride_log2 > 0 for own in self.levels]
        if any(over_time) or (self.role == INTRA and self.step_rows > 1):
            raise InconsistentStream(f"model configuration: tools that a network of role {self.role} cannot have")

    @property
    def context_kinds(self) -> int:
        """Alternative biases of the context networks."""
        return GRID_CONTEXT_KINDS if self.role == GRID else self.step_rows

    @property
    def step_bits(self) -> int:
        """Width of a quantisation step in the file."""
        return limits.GRID_STEP_BITS if self.role == GRID else limits.MOTION_STEP_BITS

    @property
    def grid_levels(self) -> tuple[int, ...]:
        """The levels that have a grid, hence GOP units, in coding order: coarsest first."""
        return tuple(level for level in reversed(range(LEVELS)) if self.levels[level].grid_channels)

    def with_role(self, role: str) -> ModelConfig:
        """The same for another purpose. Raises InconsistentStream where that has no such tools."""
        return self if role == self.role else replace(self, role=role)

    def validate(self) -> None:
        """Check every range. Raises ValueOutOfRange, UnsupportedBaseModel."""
        self.visit(WriteVisitor("model configuration"))

    def visit(self, v: Visitor) -> ModelConfig:
        """The syntax, levels from the coarsest. Source: bitstream_spec.md, section 5.1.1."""
        coarse_to_fine = [self.levels[level].visit(v, level, self.role) for level in reversed(range(LEVELS))]
        window_length, previous, neighbours, rows = 1, False, False, 1
        if self.role == GRID:
            window_length = v.u("window_length", 4, self.window_length, low=1, high=limits.MAX_WINDOW_LENGTH)
        fusion_count = v.u("fusion_count", 2, self.fusion_count, low=1, high=limits.MAX_FUSION_COUNT)
        picture_skip_flag = v.flag("picture_skip_flag", self.picture_skip_flag)
        if self.role == GRID:
            previous = v.flag("context_previous_flag", self.context_previous_flag)
        context_coarser_flag = v.flag("context_coarser_flag", self.context_coarser_flag)
        if self.role != GRID:
            neighbours = v.flag("context_neighbours_flag", self.context_neighbours_flag)
        if self.role == INTER:
            rows = v.u("step_rows", 4, self.step_rows, low=1, high=limits.MAX_STEP_ROWS)
        base_model = v.u("base_model", 8, self.base_model)
        if base_model not in BASE_MODELS[self.role]:
            known = " or ".join(map(str, BASE_MODELS[self.role]))
            raise UnsupportedBaseModel(f"{v.where()}: base_model is {base_model}, allowed is {known}")
        reserved_flags = v.u("reserved_flags", 8, 0)
        if reserved_flags:
            raise ReservedFlagSet(f"{v.where()}: reserved_flags is {reserved_flags:#04x}, allowed is 0")
        return ModelConfig(
            levels=tuple(reversed(coarse_to_fine)),
            window_length=window_length,
            fusion_count=fusion_count,
            picture_skip_flag=picture_skip_flag,
            context_previous_flag=previous,
            context_coarser_flag=context_coarser_flag,
            context_neighbours_flag=neighbours,
            base_model=base_model,
            step_rows=rows,
            role=self.role,
        )
