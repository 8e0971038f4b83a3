"""MSNeRV's maths, once (bitstream_spec.md, section 6.7). Backends supply the operations.

A level takes its grid's embedding and the coarser level's features, runs the multi-scale feature block and, on
the four finest levels, a head that yields the picture of its scale. The paper (arXiv 2506.15276) leaves the
layout of its fusion layers open: the one below, a chain of 3x3 convolutions whose hidden features are all reused by
one fusing layer, is ours; so is the addition of the upsampled coarser picture to a head's output.

An inter network's levels also see the window of aligned pictures; its heads yield what is added to the aligned
pictures' blend, and the blend's weights.
"""

from __future__ import annotations

from typing import Any, Protocol

from nvcodec.bitstream.model_config import INTER, ModelConfig
from nvcodec.synthesis.arithmetic import CONTEXT_OUTPUT_SHIFT
from nvcodec.synthesis.layers import COARSEST

Tensor = Any


class Operations(Protocol):
    """What a backend supplies. Tensors are (N, C, H, W); values are integers (or the fit's image of them)."""

    def conv(
        self, level: int, name: str, x: Tensor, *, leaky: bool = False, kind: int = 0, more_shift: int = 0
    ) -> Tensor:
        """floor((sum w*x + b + half(s)) / 2**s), s = shift + more_shift, half(s) = 2**(s-1), or 0 for s = 0.

        leaky: a negative numerator is divided by 2**(s+3) instead. Source: bitstream_spec.md, section 6.2.
        """

    def clamp(self, x: Tensor) -> Tensor:
        """Clamp to [-ACTIVATION_MAX, ACTIVATION_MAX]."""

    def add(self, a: Tensor, b: Tensor) -> Tensor: ...

    def concat(self, parts: list[Tensor]) -> Tensor: ...

    def shuffle(self, x: Tensor, level: int) -> Tensor:
        """(N, 4C, h, w) to (N, C, 2h, 2w) by pixel shuffle, cropped to the level's size."""

    def repeat(self, x: Tensor, level: int) -> Tensor:
        """Nearest-neighbour upsampling by 2, cropped to the level's size."""

    def upsample_picture(self, x: Tensor, level: int) -> Tensor:
        """Bilinear upsampling by 2 of a packed picture to the level's size (bitstream_spec.md, section 6.5)."""

    def split_head(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A head's output: the packed picture's channels, and those of the blending weights (there may be none)."""

    def blend(self, window: Tensor, mask: Tensor, residual: Tensor) -> Tensor:
        """A + floor((m * D + 128) / 256) + residual, m = clamp(128 + floor(mask / 4), 0, 256).

        window: (N, 2P, h, w), the first aligned picture A and the second's difference D from it; mask: (N, 1 or 2, h,
        w), for the four luma phases and for chroma; residual: (N, P, h, w). Source: bitstream_spec.md, section 6.9.
        """


def level_features(
    ops: Operations,
    config: ModelConfig,
    level: int,
    embedding: Tensor | None,
    window: Tensor | None,
    coarser: Tensor | None,
) -> Tensor:
    """Features of a level, (N, C_l, h_l, w_l), from its embedding, window and the coarser level's features."""
    own = config.levels[level]
    parts = []
    if embedding is not None:
        parts.append(ops.conv(level, "embed", embedding, leaky=True))
    if window is not None:
        parts.append(ops.conv(level, "window", window, leaky=True))
    if coarser is not None:
        parts.append(ops.shuffle(ops.conv(level, "up", coarser), level))
    features = parts[0] if len(parts) > 1 else ops.clamp(parts[0])
    for part in parts[1:]:  # clamped after each sum: float32 would round three large ones
        features = ops.clamp(ops.add(features, part))
    if own.branch:
        hidden, reused = features, []
        for i in range(config.fusion_count):
            hidden = ops.clamp(ops.conv(level, f"branch{i}", hidden, leaky=True))
            reused.append(hidden)
        fused = ops.conv(level, "fuse", reused[0] if len(reused) == 1 else ops.concat(reused))
        features = ops.clamp(ops.add(features, fused))
    return features


def level_head(
    ops: Operations, config: ModelConfig, level: int, features: Tensor, coarser_picture: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The head of a level: a packed picture, (N, P, h_l, w_l), in 1/4096 of the sample range, and the rest.

    The picture is around mid-grey or, in inter networks, what is added to the blend.
    """
    picture, mask = ops.split_head(ops.conv(level, "head", features))
    if coarser_picture is not None and config.picture_skip_flag:
        picture = ops.add(picture, ops.upsample_picture(coarser_picture, level))
    return ops.clamp(picture), mask


def synthesise(
    ops: Operations,
    config: ModelConfig,
    embeddings: dict[int, Tensor],
    finest: int,
    window: dict[int, Tensor] | None = None,
) -> dict[int, Tensor]:
    """Packed pictures of levels 3 .. finest, by level, from the embeddings of the levels that have a grid.

    window: by level, for inter networks.
    """
    features, added, pictures = None, None, {}
    for level in range(COARSEST, finest - 1, -1):
        seen = window[level] if window is not None and level < COARSEST else None
        features = level_features(ops, config, level, embeddings.get(level), seen, features)
        if level < COARSEST:
            added, mask = level_head(ops, config, level, features, added)
            pictures[level] = ops.clamp(ops.blend(seen, mask, added)) if config.role == INTER else added
    return pictures


def context(
    ops: Operations, config: ModelConfig, level: int, inputs: list[Tensor], coarser: Tensor | None, kind: int
) -> Tensor:
    """Means and scales of a level's symbols, (N, 2L, h, w): L means in eighths, then L log2 scales in eighths.

    inputs: what the network sees at its own size (the previous grid), already scaled; coarser: the coarser level's
    grid of the same moment, scaled, at the coarser size.
    """
    seen = list(inputs)
    if coarser is not None:
        seen.append(ops.repeat(coarser, level))
    joined = seen[0] if len(seen) == 1 else ops.concat(seen)
    if config.levels[level].context_hidden:
        hidden = ops.clamp(ops.conv(level, "context_hidden", joined, leaky=True, kind=kind))
        joined = ops.concat([hidden, *seen])
    return ops.conv(level, "context_output", joined, kind=kind, more_shift=CONTEXT_OUTPUT_SHIFT)
