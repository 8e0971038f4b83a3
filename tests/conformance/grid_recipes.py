"""The grid profile's conformance vectors: ends of ranges, every table, many GoPs, windows at their limit, fields of the
SEQUENCE unit. What tools do off and on is in the vectors that fits made (`fitted_recipes`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nvcodec.bitstream import ColourDescription, LevelConfig, ModelConfig
from nvcodec.encoder.pack import SegmentIntegers
from nvcodec.entropy import SCALE_COUNT
from nvcodec.synthesis.arithmetic import ACCUMULATOR_LIMIT, SCALE_BIAS, WINDOW_WEIGHT_LIMIT
from nvcodec.synthesis.weights import AccumulatorBound, ConvWeights, check_bound
from tests.conformance.assembly import assemble, gops, grid_units, shift_heads, sparse, with_digests
from tests.streams import TINY, random_weights, video_format, with_grids, with_level


def small(**changes: object) -> ModelConfig:
    """Two channels a level, and grids on the two coarsest: little to decode, for many or wide pictures."""
    levels = (*(LevelConfig(features=2),) * 3, *(LevelConfig(features=2, grid_channels=1, context_hidden=2),) * 2)
    return ModelConfig(levels, picture_skip_flag=True, context_coarser_flag=True, **changes)


def _file(model: ModelConfig, *parameters: object, digest_bytes: int = 8, **options: object) -> bytes:
    """A file of `grid_units` with digests."""
    return assemble(with_digests(grid_units(model, *parameters, **options), digest_bytes))


def smallest() -> bytes:
    """One picture of one sample, a network of one channel, everything off; a frame rate of 1 in 2^32 - 1 seconds."""
    rate = {"frame_rate_num": 1, "frame_rate_den": (1 << 32) - 1}
    return _file(ModelConfig(), video_format("400", 8, 1, 1), [gops(1)], 101, digest_bytes=2, **rate)


def largest_network() -> bytes:
    """63 features and hidden channels, 31 grid and hidden context channels, fusion_count 3, window_length 8."""
    own = LevelConfig(63, 63, 31, gop_grid_flag=True, temporal_stride_log2=3, window_flag=True, context_hidden=31)
    flags = {"picture_skip_flag": True, "context_previous_flag": True, "context_coarser_flag": True}
    model = ModelConfig((own,) * 5, window_length=8, fusion_count=3, **flags)

    def change(integers: SegmentIntegers) -> None:
        sparse(integers.weights, np.random.default_rng(102))

    return _file(model, video_format("444", 8, 16, 16), [gops(2)], 102, change, head_shift=5)


def tallest() -> bytes:
    """Pictures of 1x8192."""
    return _file(small(), video_format("422", 10, 1, 8192), [gops(2)], 103, head_shift=7)


def many_gops() -> bytes:
    """Three segments of GoPs of 1 to 9 pictures, shorter than strides and windows, and as long, and longer."""
    model = with_level(with_level(with_grids(TINY, window_flag=True), 1, temporal_stride_log2=1, window_flag=False), 2,
                       temporal_stride_log2=2)  # fmt: skip
    model = with_level(replace(model, window_length=4), 4, temporal_stride_log2=3)
    return _file(model, video_format("420", 8, 23, 18), [gops(1, 2), gops(9), gops(5, 3)], 104)


def many_pictures() -> bytes:
    """37 pictures in GoPs of 33 and 4."""
    model = small(window_length=2, context_previous_flag=True)
    model = with_level(with_level(model, 3, window_flag=True), 4, temporal_stride_log2=3)
    return _file(model, video_format("420", 10, 17, 16), [gops(33, 4)], 105, head_shift=7)


def every_table() -> bytes:
    """Contexts whose scales go through all of 0..39, under means of all phases."""
    sight = {"context_previous_flag": True, "context_coarser_flag": True}
    levels = [LevelConfig(features=3)] * 5
    levels[4] = LevelConfig(features=3, grid_channels=2)
    levels[2] = LevelConfig(features=3, grid_channels=2)
    levels[1] = LevelConfig(features=3, grid_channels=14, gop_grid_flag=True)

    def change(integers: SegmentIntegers) -> None:
        layer = integers.weights[1].layers["context_output"]
        channels = len(layer.weight) // 2
        layer.weight[channels:] = 0
        wanted = np.arange(layer.bias[:, channels:].size) % SCALE_COUNT
        outputs = 2 * (wanted.reshape(-1, channels) - SCALE_BIAS)  # -32..46
        layer.bias[:, channels:] = outputs << 11
        layer.bias[:, :channels] = (layer.bias[:, :channels] >> 11) << 11
        integers.bias_shifts[1, "context_output"] = 11

    return _file(ModelConfig(tuple(levels), **sight), video_format("420", 12, 36, 36), [gops(4)], 106, change)


def every_tensor_scale() -> bytes:
    """Weights and biases from all zeros to uniform noise, shifts from 0 to 15, steps of 1 and 255."""

    def change(integers: SegmentIntegers) -> None:
        random, number = np.random.default_rng(107), 0
        for level, own in integers.weights.items():
            for name, layer in own.layers.items():
                own.layers[name] = _swept(name, layer, number, random)
                integers.bias_shifts[level, name] = number % 16
                number += 1
            own.step[:] = [255, *own.step[1:]][: len(own.step)]
            own.gop_step[:] = [1, *own.gop_step[1:-1], 255][: len(own.gop_step)]
            own.step[-1:] = 1

    return _file(with_level(TINY, 0, grid_channels=3), video_format("444", 10, 20, 20), [gops(3)], 107, change)


def _swept(name: str, layer: ConvWeights, number: int, random: np.random.Generator) -> ConvWeights:
    """A layer whose values' spread follows from its number; its shift keeps features alive, but the context's is 15."""
    spreads = [2 ** ((2 * number + part) % SCALE_COUNT / 4 - 4) for part in (0, 1)]
    weight, bias = (
        np.clip(random.laplace(0, spread, values.shape).round(), -127, 127).astype(np.int64)
        for spread, values in zip(spreads, (layer.weight, layer.bias), strict=True)
    )
    taps = weight[0].size
    shift = 15 if name == "context_output" else int(np.clip(np.log2(spreads[0] * taps**0.5).round(), 0, 15))
    while True:
        found = ConvWeights(weight, bias << number % 16, shift)
        try:
            check_bound("", name, found)
            return found
        except AccumulatorBound:
            weight = weight * 3 // 4 if np.abs(weight).sum((1, 2, 3)).max() > ACCUMULATOR_LIMIT >> 14 else weight * 0


def extreme_grids() -> bytes:
    """Latents of -128 and 127, the coarsest steps, loud weights, means far outside: all that clamps does."""

    def change(integers: SegmentIntegers) -> None:
        random = np.random.default_rng(108)
        integers.weights = random_weights(TINY, "420", random, loud=True)
        shift_heads(integers.weights, 9)
        for level in (1, 2, 3):
            contexts = integers.weights[level].layers
            contexts["context_output"] = replace(contexts["context_output"], shift=5)
        for level, own in integers.weights.items():
            own.step[:], own.gop_step[:] = 255, 255
            for name in own.layers:
                integers.bias_shifts[level, name] = 10
        for grids in (*integers.temporal, *integers.background):
            for values in grids.values():
                values[:] = random.choice([-128, 127, 0, 1], values.shape)

    return _file(TINY, video_format("420", 8, 34, 30), [gops(4)], 108, change)


def windows_at_the_limit() -> bytes:
    """Window weights that jump from one end of their range to the other, wrap, and sum to the limit."""
    model = with_level(with_grids(TINY, window_flag=True), 2, temporal_stride_log2=1)

    def change(integers: SegmentIntegers) -> None:
        for weights in integers.window.values():
            weights[:] = 0
            weights[0::3] = (127, -128, 1)
            weights[1::3] = (-128, 127, -1)
            weights[2::3, 1:] = (WINDOW_WEIGHT_LIMIT // 2 - 1, -WINDOW_WEIGHT_LIMIT // 2)

    return _file(model, video_format("400", 10, 26, 25), [gops(7)], 109, change)


def described_in_full() -> bytes:
    """Colour description, full range, pixel aspect and frame rate at the upper ends of their fields."""
    fields = {
        "full_range_flag": True,
        "colour_description": ColourDescription(255, 255, 255),
        "pixel_aspect": (65535, 65535),
        "frame_rate_num": (1 << 32) - 1,
        "frame_rate_den": (1 << 32) - 1,
    }
    return _file(small(), video_format("444", 12, 18, 16), [gops(1)], 110, digest_bytes=4, head_shift=7, **fields)


def described_in_zeros() -> bytes:
    """Colour description of zeros, and the smallest numbers of a pixel aspect."""
    fields = {"colour_description": ColourDescription(0, 0, 0), "pixel_aspect": (1, 1)}
    return _file(small(), video_format("422", 8, 16, 18), [gops(1)], 111, head_shift=7, **fields)


RECIPES: dict[str, Callable[[], bytes]] = {
    f"grid_{recipe.__name__}": recipe
    for recipe in (
        smallest,
        largest_network,
        tallest,
        many_gops,
        many_pictures,
        every_table,
        every_tensor_scale,
        extreme_grids,
        windows_at_the_limit,
        described_in_full,
        described_in_zeros,
    )
}
"""By the vector's name."""
