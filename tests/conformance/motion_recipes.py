"""The motion profile's conformance vectors: structures of GoPs, tools off and on, ends of ranges, base model 2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nvcodec.bitstream import INTER, INTRA, LevelConfig, ModelConfig
from nvcodec.bitstream.limits import MAX_MOTION_GOP_LENGTH, MAX_STEP_ROWS
from nvcodec.decoder.network_unit import base_config, base_level
from nvcodec.encoder.run import Gop
from nvcodec.synthesis.weights import ConvWeights, LevelWeights
from tests.conformance.assembly import (
    WeightsAndShifts,
    assemble,
    gops,
    motion_units,
    shift_heads,
    sparse,
    with_digests,
)
from tests.conformance.wild_motion import wild_motion
from tests.streams import (
    TINY_INTER,
    TINY_INTRA,
    Models,
    MotionIntegers,
    random_weights,
    video_format,
    with_level,
)

TINY: Models = (TINY_INTRA, TINY_INTER)


def _small(role: str, **changes: object) -> ModelConfig:
    """Two channels a level, and grids on the two coarsest: little to decode, for many or wide pictures."""
    levels = (*(LevelConfig(features=2),) * 3, *(LevelConfig(features=2, grid_channels=1, context_hidden=2),) * 2)
    return ModelConfig(
        levels, picture_skip_flag=True, context_coarser_flag=True, context_neighbours_flag=True, role=role, **changes
    )


SMALL: Models = (_small(INTRA), _small(INTER))


def _file(models: Models, *parameters: object, digest_bytes: int = 8, **options: object) -> bytes:
    """A file of `motion_units` with digests."""
    return assemble(with_digests(motion_units(models, *parameters, **options), digest_bytes))


def open_gops() -> bytes:
    """GoPs of 1, 4, 1, 2 and 3: anchors whose base is nothing, or the motion of the anchor before."""
    return _file(TINY, video_format("420", 8, 45, 35), [gops(1, 4, 1, 2, 3)], 1)


def closed_gops() -> bytes:
    """Closed GoPs of 1, 2 and 4 pictures, open ones after them, in two segments."""
    segments = [gops(2, 2), gops(4, 1, 1, 2, closed=(0, 2))]
    return _file(TINY, video_format("444", 10, 20, 33), segments, 2)


def scene_cut() -> bytes:
    """A closed GoP of one picture in the middle of a segment, as the encoder begins another scene."""
    return _file(TINY, video_format("422", 8, 34, 22), [gops(1, 3, 1, 3, closed=(0, 2))], 3)


def one_picture() -> bytes:
    """No references, hence no MOTION unit, and levels of the inter network without GOP units."""
    return _file(TINY, video_format("420", 12, 18, 17), [gops(1)], 4)


def two_pictures() -> bytes:
    """A closed GoP of two: one reference, whose base is zeros."""
    return _file(TINY, video_format("400", 10, 33, 18), [gops(2)], 5)


def gop_of_64() -> bytes:
    """The longest GoP: seven distances to references, a row of steps for each."""
    models = (SMALL[0], replace(SMALL[1], step_rows=MAX_STEP_ROWS))
    return _file(
        models, video_format("420", 8, 18, 16), [gops(1, MAX_MOTION_GOP_LENGTH)], 6, digest_bytes=2, head_shift=7
    )


def _wild(segment: list[Gop], size: tuple[int, int], seed: int, **options: float) -> Callable[[MotionIntegers], None]:
    def change(integers: MotionIntegers) -> None:
        integers.motion = wild_motion(segment, size, np.random.default_rng(seed), **options)

    return change


def extreme_vectors() -> bytes:
    """Vectors at the ends of their range and clamped to it, far outside the picture; every block size and context."""
    segment = gops(1, 1, 6, 3, 4, 2, closed=(0, 5))
    return _file(SMALL, video_format("420", 8, 93, 77), [segment], 7, _wild(segment, (77, 93), 7), head_shift=7)


def global_vectors() -> bytes:
    """No base is derived; the smallest and the largest global vector."""
    segment = gops(1, 4, 3)
    return _file(SMALL, video_format("444", 12, 40, 41), [segment], 8, _wild(segment, (41, 40), 8, derived=0.0))


def all_derived() -> bytes:
    """Every base is derived, and the vectors grow until their scaling is clamped."""
    segment = gops(3, 5, 2, 6)
    options = {"derived": 1.0, "spreads": (90.0,)}
    return _file(SMALL, video_format("422", 12, 41, 50), [segment], 9, _wild(segment, (50, 41), 9, **options))


def tools_off() -> bytes:
    """One pass, one row of steps, no context of the coarser level, no picture skip; context without inputs."""
    off = {"picture_skip_flag": False, "context_coarser_flag": False, "context_neighbours_flag": False}
    models = (replace(TINY_INTRA, **off), replace(TINY_INTER, **off, step_rows=1))
    return _file(models, video_format("400", 12, 30, 21), [gops(1, 3, 2)], 10, digest_bytes=4)


def grids_on_other_levels() -> bytes:
    """Intra: grids at levels 4 and 2; inter: at 4 and 0, and no hidden layer; so each level's GOP units differ."""
    intra = with_level(
        with_level(TINY_INTRA, 3, grid_channels=0, context_hidden=0), 1, grid_channels=0, context_hidden=0
    )
    inter = with_level(
        with_level(TINY_INTER, 3, grid_channels=0, context_hidden=0), 2, grid_channels=0, context_hidden=0
    )
    inter = with_level(with_level(inter, 0, grid_channels=2), 4, context_hidden=0)
    return _file((intra, inter), video_format("422", 10, 26, 24), [gops(1, 2, 2, closed=(0, 2))], 11)


def latents_not_coded() -> bytes:
    """coded_flag 0 for every picture of the first open GoP, and for every second one of the next."""

    def change(integers: MotionIntegers) -> None:
        for number, latents in enumerate(integers.latents):
            if number in (1, 2, 4, 6):
                for values in latents.values():
                    values[:] = 0

    return _file(TINY, video_format("444", 8, 24, 24), [gops(1, 2, 4)], 12, change)


def extreme_latents() -> bytes:
    """Latents of -128 and 127, the coarsest and the finest steps, loud weights: everything that clamps does."""
    models, video = (TINY_INTRA, replace(TINY_INTER, step_rows=2)), video_format("420", 10, 34, 30)

    def change(integers: MotionIntegers) -> None:
        random = np.random.default_rng(13)
        integers.weights = [random_weights(model, video.chroma_format, random, loud=True) for model in models]
        for weights in integers.weights:
            shift_heads(weights, 9)
            for level, own in weights.items():
                if "window" in own.layers:
                    own.layers["window"] = replace(own.layers["window"], shift=15 if level == 3 else 12)
                own.step.ravel()[:1] = 1
                own.step.ravel()[1:] = 1023
        for latents in integers.latents:
            for values in latents.values():
                values[:] = random.choice([-128, 127, 0, 1], values.shape)
        # Biases of loud layers are multiples of 2**10, of which 8 bits are kept.
        integers.bias_shifts = {
            (number, level, name): 10
            for number, weights in enumerate(integers.weights)
            for level, own in weights.items()
            for name in own.layers
        }

    return _file(models, video, [gops(1, 3, 2)], 13, change)


def largest_network() -> bytes:
    """63 features and hidden channels, 31 grid and hidden context channels, fusion_count 3, step_rows 8."""
    own = LevelConfig(features=63, branch=63, grid_channels=31, context_hidden=31)
    shared = {"fusion_count": 3, "picture_skip_flag": True, "context_coarser_flag": True}
    intra = ModelConfig((own,) * 5, context_neighbours_flag=True, role=INTRA, **shared)
    inter = ModelConfig((own,) * 5, context_neighbours_flag=True, role=INTER, step_rows=MAX_STEP_ROWS, **shared)

    def change(integers: MotionIntegers) -> None:
        random = np.random.default_rng(14)
        for weights in integers.weights:
            sparse(weights, random)

    return _file((intra, inter), video_format("400", 8, 16, 16), [gops(1, 1)], 14, change, head_shift=5)


def smallest() -> bytes:
    """Pictures of one sample, networks of one channel, everything off."""
    models = (ModelConfig(role=INTRA), ModelConfig(role=INTER))
    return _file(models, video_format("400", 8, 1, 1), [gops(1, 1, 2)], 15)


def widest() -> bytes:
    """Pictures of 8192x1, moved by vectors at the ends of their range."""
    segment, video = gops(1, 1), video_format("420", 8, 8192, 1)
    return _file(SMALL, video, [segment], 16, _wild(segment, (1, 8192), 16, spreads=(2.0,)), head_shift=7)


def base_weights(number: int, role: str) -> WeightsAndShifts:
    """A base model's network of some role as weights, and its bias shifts."""
    config = base_config(number, role)
    weights, shifts = {}, {}
    for level in range(len(config.levels)):
        tensors = base_level(config, level, "420")
        layers = {}
        for name in dict.fromkeys(name for name, _ in tensors.values):
            shifts[level, name] = tensors.shifts[name, "bias"]
            bias = tensors.values[name, "bias"] << tensors.shifts[name, "bias"]
            weight = tensors.values[name, "weight"].copy()  # the decoder keeps its own
            layers[name] = ConvWeights(weight, bias, tensors.shifts[name, "weight"])
        weights[level] = LevelWeights(layers, tensors.step, tensors.gop_step)
    return weights, shifts


def base_model_2() -> bytes:
    """Both networks are base model 2: the inter network as it stands, the intra network a few weights away from it."""

    def change(integers: MotionIntegers) -> None:
        random = np.random.default_rng(17)
        for number, role in enumerate((INTRA, INTER)):
            integers.weights[number], shifts = base_weights(2, role)
            integers.bias_shifts |= {(number, *key): shift for key, shift in shifts.items()}
        for own in integers.weights[0].values():
            for layer in own.layers.values():
                layer.weight[random.random(layer.weight.shape) < 0.005] += 1

    models = (base_config(2, INTRA), base_config(2, INTER))
    return _file(models, video_format("420", 8, 50, 38), [gops(1, 3, 2)], 17, change)


def base_model_far_away() -> bytes:
    """An inter network so far from base model 2 that the differences wrap; the intra network has base model 0."""
    models = (TINY_INTRA, base_config(2, INTER))
    return _file(models, video_format("420", 10, 31, 18), [gops(1, 2)], 18)


RECIPES: dict[str, Callable[[], bytes]] = {
    f"motion_{recipe.__name__}": recipe
    for recipe in (
        open_gops,
        closed_gops,
        scene_cut,
        one_picture,
        two_pictures,
        gop_of_64,
        extreme_vectors,
        global_vectors,
        all_derived,
        tools_off,
        grids_on_other_levels,
        latents_not_coded,
        extreme_latents,
        largest_network,
        smallest,
        widest,
        base_model_2,
        base_model_far_away,
    )
}
"""By the vector's name."""
