"""Tiny clips, tiny networks and the streams made of them, for the tests of decoder and encoder.

The clips move and have texture, so that no grid is all zeros and a wrong order of pictures, planes or phases shows.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache

import numpy as np
import torch

from nvcodec.bitstream import (
    INTER,
    INTRA,
    ContainerReader,
    ContainerWriter,
    LevelConfig,
    ModelConfig,
    SequenceHeader,
    UnitKey,
    UnitType,
    VectorBase,
    write_payload,
)
from nvcodec.decoder.motion import Network, network_number
from nvcodec.encoder.distortion import ScaleAdaptiveLoss
from nvcodec.encoder.encode import EncodeSummary, encode_frames
from nvcodec.encoder.motion_fit import MotionFit
from nvcodec.encoder.motion_pack import LatentPacker, pack_motion
from nvcodec.encoder.pack import Payload, SegmentIntegers, pack_network, pack_segment, pack_segment_header
from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.encoder.vector_field import codable
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.backend import make_backend
from nvcodec.synthesis.layers import level_layers
from nvcodec.synthesis.structure import CodedPicture, grid_count, hierarchical_order
from nvcodec.synthesis.vector_base import PictureMotion, anchor_before, base_field
from nvcodec.synthesis.vectors import field_shape
from nvcodec.synthesis.weights import ConvWeights, LevelWeights, check_bound
from nvcodec.video.frame import Frame, VideoFormat

RATE = Fraction(30000, 1001)

TINY_LEVELS = (
    LevelConfig(features=4, branch=3),
    LevelConfig(features=5, branch=4, grid_channels=3, gop_grid_flag=True, context_hidden=4),
    LevelConfig(features=6, branch=4, grid_channels=2, gop_grid_flag=True, context_hidden=3),
    LevelConfig(features=6, branch=4, grid_channels=3, gop_grid_flag=True, context_hidden=4),
    LevelConfig(features=5, branch=3, grid_channels=2, gop_grid_flag=True, window_flag=True, context_hidden=2),
)
TINY = ModelConfig(
    levels=TINY_LEVELS,
    window_length=3,
    fusion_count=2,
    picture_skip_flag=True,
    context_previous_flag=True,
    context_coarser_flag=True,
)

# A kilobyte, so that a small clip's grids outweigh it; quick to fit.
SLIM = ModelConfig(
    levels=(
        LevelConfig(features=2),
        LevelConfig(features=4, grid_channels=4, gop_grid_flag=True, context_hidden=2),
        LevelConfig(features=4, grid_channels=3),
        LevelConfig(features=3, branch=2),
        LevelConfig(features=3, grid_channels=1, window_flag=True),
    ),
    window_length=2,
    picture_skip_flag=True,
    context_previous_flag=True,
    context_coarser_flag=True,
)

TINY_INTRA = ModelConfig(
    levels=(
        LevelConfig(features=4, branch=3),
        LevelConfig(features=5, branch=4, grid_channels=3, context_hidden=4),
        LevelConfig(features=6, branch=4, grid_channels=2, context_hidden=3),
        LevelConfig(features=6, branch=4, grid_channels=3, context_hidden=4),
        LevelConfig(features=5, branch=3, grid_channels=2, context_hidden=2),
    ),
    fusion_count=2,
    picture_skip_flag=True,
    context_coarser_flag=True,
    context_neighbours_flag=True,
    role=INTRA,
)
# Without a grid at level 1, so that the two networks' pictures have latents on different levels.
TINY_INTER = ModelConfig(
    levels=(
        LevelConfig(features=4, branch=2),
        LevelConfig(features=5, branch=3),
        LevelConfig(features=5, branch=3, grid_channels=2, context_hidden=3),
        LevelConfig(features=6, branch=3, grid_channels=3, context_hidden=3),
        LevelConfig(features=4, grid_channels=2, context_hidden=2),
    ),
    fusion_count=2,
    picture_skip_flag=True,
    context_coarser_flag=True,
    context_neighbours_flag=True,
    step_rows=3,
    role=INTER,
)


def with_grids(model: ModelConfig, **changes: object) -> ModelConfig:
    """The model with fields of every level that has a grid changed."""
    levels = tuple(replace(own, **changes) if own.grid_channels else own for own in model.levels)
    return replace(model, levels=levels)


def with_level(model: ModelConfig, level: int, **changes: object) -> ModelConfig:
    """The model with fields of one level changed."""
    levels = list(model.levels)
    levels[level] = replace(levels[level], **changes)
    return replace(model, levels=tuple(levels))


def video_format(chroma_format: str, bit_depth: int, width: int, height: int) -> VideoFormat:
    return VideoFormat(width, height, chroma_format, bit_depth, RATE)


def moving_frames(video: VideoFormat, count: int, seed: int = 0) -> list[Frame]:
    """Drifting waves with a little fixed noise; each plane differs."""
    noise = np.random.default_rng(seed)
    textures = [noise.normal(0, 0.04, shape) for shape in video.plane_shapes]
    frames = []
    for pts in range(count):
        planes = []
        for number, (rows, columns) in enumerate(video.plane_shapes):
            y, x = np.mgrid[:rows, :columns]
            wave = 0.5 + 0.25 * np.sin((x + 1.5 * pts) / 4 + number) + 0.12 * np.cos((y - pts) / 3)
            samples = np.clip(wave + textures[number], 0, 1) * ((1 << video.bit_depth) - 1)
            planes.append(samples.round().astype(video.dtype))
        frames.append(Frame(tuple(planes), pts, video))
    return frames


def noisy_frames(video: VideoFormat, count: int, seed: int = 0) -> list[Frame]:
    """Independent noise: nothing predicts it, so it takes many bits."""
    noise = np.random.default_rng(seed)
    top = 1 << video.bit_depth
    shapes = video.plane_shapes
    return [
        Frame(tuple(noise.integers(0, top, shape).astype(video.dtype) for shape in shapes), pts, video)
        for pts in range(count)
    ]


def tiny_settings(**changes: object) -> EncodeSettings:
    """A short fit on one thread, at many bits, so that grids and weights come out far from zero."""
    given = {"preset": "ultrafast", "epochs": 6, "lam": 1e-5, "gop_length": 3, "threads": 1, "model": TINY}
    return EncodeSettings(**{**given, "profile": "grid", **changes})


def motion_settings(**changes: object) -> EncodeSettings:
    """The same for the motion profile, on two tiny networks that no base model helps; vectors 8 samples apart."""
    given = {"preset": "ultrafast", "epochs": 6, "lam": 1e-5, "gop_length": 4, "threads": 1, "block_log2": 3}
    models = {"model": TINY_INTRA, "inter_model": TINY_INTER}
    return EncodeSettings(**{**given, **models, "profile": "motion", **changes})


def encode_bytes(frames: list[Frame], settings: EncodeSettings, **options: object) -> tuple[bytes, EncodeSummary]:
    """A whole file in memory, and the encode's summary."""
    output = io.BytesIO()
    summary = encode_frames(iter(frames), frames[0].format, output, settings, **options)
    return output.getvalue(), summary


@dataclass(frozen=True)
class Case:
    """A stream of the matrix: format, pictures, and what is special about its network."""

    chroma_format: str
    bit_depth: int
    width: int
    height: int
    count: int
    model: ModelConfig | None = TINY
    settings: dict[str, object] = field(default_factory=dict)
    inter_model: ModelConfig | None = None
    """Of the motion profile."""
    cut: int | None = None
    """The picture that another scene begins with."""

    @property
    def video(self) -> VideoFormat:
        return video_format(self.chroma_format, self.bit_depth, self.width, self.height)

    def frames(self) -> list[Frame]:
        frames = moving_frames(self.video, self.count)
        for frame in frames[self.cut :] if self.cut else []:
            for plane in frame.planes:
                np.subtract((1 << self.bit_depth) - 1, plane // 3, out=plane)
        return frames


CASES = {
    "plain": Case("420", 8, 48, 32, 7, settings={"gop_length": 4}),
    "temporal stride": Case("420", 10, 33, 19, 6, with_grids(TINY, temporal_stride_log2=1, window_flag=False)),
    "window on all levels": Case("444", 8, 35, 17, 4, with_grids(TINY, window_flag=True)),
    "no gop grid": Case("422", 12, 34, 21, 4, with_grids(TINY, gop_grid_flag=False)),
    "no context of the previous grid": Case("400", 8, 17, 16, 4, replace(TINY, context_previous_flag=False)),
    "no context of the coarser level": Case("420", 12, 31, 17, 4, replace(TINY, context_coarser_flag=False)),
    "no picture skip": Case("444", 10, 24, 18, 3, replace(TINY, picture_skip_flag=False)),
    "no block": Case("422", 8, 18, 27, 4, replace(TINY, levels=tuple(replace(own, branch=0) for own in TINY_LEVELS))),
    "no hidden context layer": Case("400", 10, 32, 20, 4, with_grids(TINY, context_hidden=0)),
    "grid at level 0": Case("420", 8, 21, 17, 5, with_level(TINY, 0, grid_channels=2, temporal_stride_log2=1)),
    "one picture": Case("444", 12, 16, 16, 1),
    "strides and windows that differ": Case(
        "422",
        10,
        18,
        16,
        9,
        with_level(
            with_level(with_grids(TINY, window_flag=True), 1, temporal_stride_log2=2), 3, temporal_stride_log2=3
        ),
        {"gop_length": 9, "epochs": 4},
    ),
    "a level without a grid": Case(
        "400",
        12,
        19,
        23,
        3,
        replace(
            with_level(TINY, 2, grid_channels=0, gop_grid_flag=False, context_hidden=0), context_previous_flag=False
        ),
    ),
    "the chosen model": Case("420", 8, 40, 24, 2, None),
}


@cache
def stream(name: str) -> tuple[bytes, EncodeSummary]:
    """The file of a case, and its summary; made once a session."""
    case = CASES[name]
    return encode_bytes(case.frames(), tiny_settings(model=case.model, **case.settings))


# Of the motion profile. With gop_length 4, 9 pictures are GoPs of 1 (closed), 4 and 4.
MOTION_CASES = {
    "motion": Case("420", 8, 48, 32, 9, TINY_INTRA, {}, TINY_INTER),
    "odd size": Case("444", 10, 35, 17, 6, TINY_INTRA, {"gop_length": 5}, TINY_INTER),
    "one pass": Case(
        "400",
        12,
        33,
        20,
        5,
        replace(TINY_INTRA, context_neighbours_flag=False),
        {},
        replace(TINY_INTER, context_neighbours_flag=False),
    ),
    "one row of steps": Case(
        "422",
        10,
        34,
        21,
        4,
        replace(TINY_INTRA, context_coarser_flag=False, picture_skip_flag=False),
        {"gop_length": 3},
        replace(TINY_INTER, context_coarser_flag=False, context_neighbours_flag=False, step_rows=1),
    ),
    "grid at the finest level": Case(
        "420",
        12,
        21,
        26,
        4,
        replace(TINY_INTRA, context_neighbours_flag=False),
        {"block_log2": 4},
        with_level(TINY_INTER, 0, grid_channels=1),
    ),
    "a single picture": Case("420", 8, 18, 16, 1, TINY_INTRA, {}, TINY_INTER),
    "closed GoPs": Case("420", 10, 32, 24, 9, TINY_INTRA, {"keyint": 4, "epochs": 4}, TINY_INTER),
    "two segments": Case("444", 8, 24, 18, 7, TINY_INTRA, {"segment_length": 4, "gop_length": 2}, TINY_INTER),
    "scene cut": Case("420", 8, 32, 18, 7, TINY_INTRA, {}, TINY_INTER, cut=4),
}


@cache
def motion_stream(name: str) -> tuple[bytes, EncodeSummary]:
    """As `stream`, of a case of the motion profile."""
    case = MOTION_CASES[name]
    given = motion_settings(model=case.model, inter_model=case.inter_model, **case.settings)
    return encode_bytes(case.frames(), given)


def gops_of(count: int) -> list[Gop]:
    """A closed GoP of one picture, as the encoder plans them, and two open ones."""
    if count == 1:
        return [Gop(0, 1)]
    half = (count - 1) // 2
    return [Gop(0, 1), Gop(1, half, open=True), Gop(1 + half, count - 1 - half, open=True)]


def motion_fit(models: Models, video: VideoFormat, gops: list[Gop], epochs: float) -> MotionFit:
    """A fit at its beginning, with vectors that no search found."""
    torch.set_num_threads(1)
    source, cpu = SourceStore(video), torch.device("cpu")
    for frame in moving_frames(video, sum(gop.length for gop in gops)):
        source.append(frame)
    motion = random_motion(gops, (video.height, video.width), np.random.default_rng(2))
    preset = motion_settings(epochs=epochs).resolved_preset()
    targets = Targets(source, cpu)
    return MotionFit(targets, gops, models, preset, 1e-4, motion, loss=ScaleAdaptiveLoss(), seed=0, device=cpu)


def random_weights(
    model: ModelConfig, chroma_format: str, random: np.random.Generator, *, loud: bool = False
) -> dict[int, LevelWeights]:
    """Integers for every layer of every level; loud ones come close to the accumulator bound."""
    found = {}
    for level, own in enumerate(model.levels):
        layers = {}
        for layer in level_layers(model, level, chroma_format):
            taps = layer.inputs * layer.kernel**2
            spread, shift = (min(60.0, 3000 / taps), 12) if loud else (60 / taps**0.5, 6)
            weight = np.clip(random.laplace(0, spread, layer.weight_shape).round(), -127, 127).astype(np.int64)
            while loud and np.abs(weight).sum((1, 2, 3)).max() > 4000:
                weight = weight * 7 // 8
            bias = random.integers(-127, 128, layer.bias_shape) << (10 if loud else 8)
            layers[layer.name] = ConvWeights(weight, bias, shift)
            check_bound(f"level {level}", layer.name, layers[layer.name])
        found[level] = LevelWeights(layers)
        if own.grid_channels:
            rows = (model.step_rows,) if model.role == INTER else ()
            found[level].step = random.integers(1, 1 << model.step_bits, (*rows, own.grid_channels))
        if own.gop_grid_flag:
            found[level].gop_step = random.integers(1, 256, own.grid_channels)
    return found


def random_integers(
    model: ModelConfig, video: VideoFormat, gops: list[Gop], random: np.random.Generator
) -> SegmentIntegers:
    """A segment that no fit made: weights, steps, window weights and grids at will, within the limits."""
    weights = random_weights(model, video.chroma_format, random)
    pictures = sum(gop.length for gop in gops)
    most = arithmetic.WINDOW_WEIGHT_LIMIT // model.window_length - 1
    shapes = {
        level: (model.levels[level].grid_channels, *arithmetic.level_size(video.height, video.width, level))
        for level in model.grid_levels
    }
    strides = {level: model.levels[level].temporal_stride_log2 for level in shapes}

    def latents(*shape: int) -> np.ndarray:
        return np.clip(random.laplace(0, 3, shape).round(), -128, 127).astype(np.int8)

    return SegmentIntegers(
        weights=weights,
        bias_shifts={(level, name): 8 for level, own in weights.items() for name in own.layers},
        window={
            level: random.integers(-most, most + 1, (pictures, model.window_length))
            for level in shapes
            if model.levels[level].window_flag
        },
        temporal=[
            {level: latents(grid_count(gop.length, strides[level]), *shape) for level, shape in shapes.items()}
            for gop in gops
        ],
        background=[
            {level: latents(*shape) for level, shape in shapes.items() if model.levels[level].gop_grid_flag}
            for _ in gops
        ],
    )


def write_stream(model: ModelConfig, video: VideoFormat, gops: list[Gop], integers: SegmentIntegers) -> bytes:
    """A file of one segment, without digests."""
    sequence = SequenceHeader(
        width=video.width,
        height=video.height,
        chroma_format=video.chroma_format,
        bit_depth=video.bit_depth,
        picture_count=sum(gop.length for gop in gops),
        model=model,
    )
    size = (video.height, video.width)
    units, _ = pack_segment(integers, model, gops, 0, 0, size, video.chroma_format)
    return write_file([(UnitKey(UnitType.SEQUENCE), write_payload(sequence)), *units])


Models = tuple[ModelConfig, ModelConfig]


@dataclass
class MotionIntegers:
    """A segment of the motion profile: weights by network and level, motion by GoP and picture, latents by picture."""

    weights: list[dict[int, LevelWeights]]
    motion: list[dict[int, CodedMotion]]
    latents: list[dict[int, np.ndarray]]
    bias_shifts: dict[tuple[int, int, str], int] = field(default_factory=dict)
    """By network, level and layer; 8 for those that are not named."""


def random_motion(gops: list[Gop], size: tuple[int, int], random: np.random.Generator) -> list[dict[int, CodedMotion]]:
    """Vectors at will, within a few samples of bases at will; every picture has a block size of its own."""
    found: list[dict[int, CodedMotion]] = []
    before: PictureMotion | None = None
    for gop in gops:
        known = {before.picture.index: before} if before is not None and gop.open else {}
        own: dict[int, CodedMotion] = {}
        for picture in hierarchical_order(gop.length, gop.open):
            if picture.references:
                own[picture.index] = _random_picture_motion(picture, known, size, random)
                known[picture.index] = own[picture.index].motion
        found.append(own)
        before = anchor_before(known.get(gop.length - 1), gop.length)
    return found


def _random_picture_motion(
    picture: CodedPicture, known: dict[int, PictureMotion], size: tuple[int, int], random: np.random.Generator
) -> CodedMotion:
    block_log2 = int(random.integers(3, 7))
    fields: list[np.ndarray] = []
    bases: list[VectorBase] = []
    starts: list[np.ndarray] = []
    for k in range(len(picture.references)):
        rows, columns = (int(x) for x in random.integers(-20, 21, 2))
        bases.append(VectorBase() if random.random() < 0.6 else VectorBase(False, (rows, columns)))
        starts.append(base_field(bases[k], picture, k, known, fields, block_log2, size))
        wanted = starts[k] + random.laplace(0, 4, (*field_shape(*size, block_log2), 2)).round().astype(np.int32)
        fields.append(codable(wanted, starts[k]))
    return coded_motion(picture, block_log2, fields, bases, starts)


def coded_motion(
    picture: CodedPicture,
    block_log2: int,
    fields: list[np.ndarray],
    bases: list[VectorBase],
    base_fields: list[np.ndarray],
) -> CodedMotion:
    """What the packer takes, of a picture whose vectors are interpolated."""
    motion = PictureMotion(picture, block_log2, fields)
    return CodedMotion(motion, bases, base_fields, fields, block_log2)


def random_motion_integers(
    models: Models, video: VideoFormat, gops: list[Gop], random: np.random.Generator
) -> MotionIntegers:
    """A segment that no fit made. Some latents of some pictures are all 0, as those that are not coded."""
    size = (video.height, video.width)
    latents: list[dict[int, np.ndarray]] = []
    for gop in gops:
        for picture in sorted(hierarchical_order(gop.length, gop.open), key=lambda picture: picture.index):
            model = models[network_number(picture, len(models))]
            latents.append({})
            for level in model.grid_levels:
                shape = (1, model.levels[level].grid_channels, *arithmetic.level_size(*size, level))
                values = np.clip(random.laplace(0, 3, shape).round(), -128, 127)
                latents[-1][level] = (values * (random.random() < 0.8)).astype(np.int8)
    weights = [random_weights(model, video.chroma_format, random) for model in models]
    return MotionIntegers(weights, random_motion(gops, size, random), latents)


def pack_motion_integers(
    models: Models,
    video: VideoFormat,
    gops: list[Gop],
    integers: MotionIntegers,
    segment: int = 0,
    first_picture: int = 0,
) -> tuple[list[Payload], dict[str, float]]:
    """Units of a segment, and the bits of its latents by part, as `pack_motion_segment` does from a fit."""
    size, chroma_format = (video.height, video.width), video.chroma_format
    units: list[Payload] = [pack_segment_header(segment, first_picture, gops, motion=True)]
    networks = []
    for number, (model, weights) in enumerate(zip(models, integers.weights, strict=True)):
        shifts = {
            (level, name): integers.bias_shifts.get((number, level, name), 8)
            for level, own in weights.items()
            for name in own.layers
        }
        for level in reversed(range(len(model.levels))):
            units.append(pack_network(weights[level], shifts, model, level, segment, chroma_format, number))
        networks.append(Network(model, weights, make_backend("numpy", model, weights, *size, chroma_format)))
    packer = LatentPacker(networks, size)
    for number, gop in enumerate(gops):
        order = hierarchical_order(gop.length, gop.open)
        vectors = pack_motion(segment, number, integers.motion[number], order, size, hybrid=False)
        units += [] if vectors is None else [vectors]
        units += packer.pack(segment, number, order, {i: integers.latents[gop.first + i] for i in range(gop.length)})
    return units, packer.bits


def write_motion_stream(models: Models, video: VideoFormat, gops: list[Gop], integers: MotionIntegers) -> bytes:
    """A file of one segment, without digests."""
    sequence = SequenceHeader(
        width=video.width,
        height=video.height,
        chroma_format=video.chroma_format,
        bit_depth=video.bit_depth,
        picture_count=sum(gop.length for gop in gops),
        profile="motion",
        model=models[0],
        inter_model=models[1],
    )
    units, _ = pack_motion_integers(models, video, gops, integers)
    return write_file([(UnitKey(UnitType.SEQUENCE), write_payload(sequence)), *units])


def write_file(units: Iterable[tuple[UnitKey, bytes]]) -> bytes:
    """A file of the given keys and payloads, with CRCs, index and footer as they must be."""
    file = io.BytesIO()
    writer = ContainerWriter(file)
    writer.write_file_header()
    for key, payload in units:
        writer.write_unit(key, payload)
    writer.finish()
    return file.getvalue()


def rewrite(data: bytes, change: Callable[[UnitKey, bytes], bytes | None]) -> bytes:
    """A file with other payloads, and without the units whose payload becomes None."""
    with ContainerReader(data) as container:
        keys = [entry.key for entry in container.entries if entry.key.unit_type != UnitType.INDEX]
        changed = [(key, change(key, container.payload(key))) for key in keys]
    return write_file((key, payload) for key, payload in changed if payload is not None)


def damage(data: bytes, keys: Iterable[UnitKey]) -> bytes:
    """The file with one payload byte of each of the units changed, their CRCs left as they were."""
    damaged = bytearray(data)
    with ContainerReader(data) as container:
        for key in keys:
            entry = container.find(key)
            damaged[entry.offset + entry.size - 7] ^= 0x55
    return bytes(damaged)


def same_planes(a: Frame, b: Frame) -> bool:
    return a.pts == b.pts and all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))
