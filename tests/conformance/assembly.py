"""Whole files of the conformance vectors, put together unit by unit from integers that no fit made.

`tests/streams.py` has the integers; here they become segments, and segments files: with digests, in other orders, with
units of reserved types, with index or footer damaged or missing. Everything follows from a seed, on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from nvcodec.bitstream import (
    INTER,
    LEVELS,
    ModelConfig,
    Place,
    SequenceHeader,
    TablesHeader,
    UnitHeader,
    UnitKey,
    UnitType,
    write_payload,
)
from nvcodec.bitstream.container import write_unit_bytes
from nvcodec.bitstream.default_tables import default_tables
from nvcodec.bitstream.filters import Filter
from nvcodec.bitstream.headers import (
    HYBRID_VERSION_MINOR,
    MOTION_VERSION_MINOR,
    DigestPayload,
    FileHeader,
    Footer,
    IndexPayload,
)
from nvcodec.bitstream.residual_headers import DEFAULT_CHOICE, Tables
from nvcodec.bitstream.visitor import ReadVisitor
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES, picture_digest
from nvcodec.encoder.pack import Payload, SegmentIntegers, pack_network, pack_segment, pack_segment_header
from nvcodec.encoder.run import Gop
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.weights import ConvWeights, LevelWeights
from nvcodec.video.frame import VideoFormat
from tests.conformance.wild_residual import Odds, Plan, wild_residuals
from tests.conformance.wild_splits import WILD, Wildness, wild_units
from tests.streams import (
    Models,
    MotionIntegers,
    pack_motion_integers,
    random_integers,
    random_motion_integers,
)

ALL_SCALES = tuple(range(len(SCALES)))
HEAD_SHIFT = 9
"""Brings most samples of random networks into their range."""
SMALLEST_INTER = ModelConfig(role=INTER)
"""What a SEQUENCE unit of the hybrid profile says where no segment has a network."""
PLAIN_ODDS = Odds()
WeightsAndShifts = tuple[dict[int, LevelWeights], dict[tuple[int, str], int]]
"""A network's weights by level, and its bias shifts."""


def gops(*lengths: int, closed: Sequence[int] = (0,)) -> list[Gop]:
    """A segment's GoPs by length; closed: the numbers of those that are not open (motion profile)."""
    found, first = [], 0
    for number, length in enumerate(lengths):
        found.append(Gop(first, length, open=number not in closed))
        first += length
    return found


def sequence_unit(
    video: VideoFormat, segments: Sequence[Sequence[Gop]], models: Sequence[ModelConfig], **fields: object
) -> Payload:
    """The SEQUENCE unit; fields: further ones of `SequenceHeader`, such as pixel_aspect."""
    header = SequenceHeader(
        width=video.width,
        height=video.height,
        chroma_format=video.chroma_format,
        bit_depth=video.bit_depth,
        picture_count=sum(gop.length for segment in segments for gop in segment),
        segment_count=len(segments),
        profile="motion" if len(models) > 1 else "grid",
        model=models[0],
        inter_model=models[1] if len(models) > 1 else None,
    )
    return UnitKey(UnitType.SEQUENCE), write_payload(replace(header, **fields))


def grid_units(
    model: ModelConfig,
    video: VideoFormat,
    segments: Sequence[list[Gop]],
    seed: int,
    change: Callable[[SegmentIntegers], object] = lambda integers: None,
    head_shift: int = HEAD_SHIFT,
    **fields: object,
) -> list[Payload]:
    """All units of a stream of the grid profile but digests.

    change: what to do to a segment's integers first. fields: of the SEQUENCE unit.
    """
    random, first = np.random.default_rng(seed), 0
    units = [sequence_unit(video, segments, [model], **fields)]
    for number, segment in enumerate(segments):
        integers = random_integers(model, video, segment, random)
        shift_heads(integers.weights, head_shift)
        change(integers)
        size = (video.height, video.width)
        units += pack_segment(integers, model, segment, number, first, size, video.chroma_format, threads=1)[0]
        first += sum(gop.length for gop in segment)
    return units


def motion_units(
    models: Models,
    video: VideoFormat,
    segments: Sequence[list[Gop]],
    seed: int,
    change: Callable[[MotionIntegers], object] = lambda integers: None,
    head_shift: int = HEAD_SHIFT,
    **fields: object,
) -> list[Payload]:
    """As `grid_units`, of the motion profile."""
    random, first = np.random.default_rng(seed), 0
    units = [sequence_unit(video, segments, models, **fields)]
    for number, segment in enumerate(segments):
        integers = random_motion_integers(models, video, segment, random)
        for weights in integers.weights:
            shift_heads(weights, head_shift)
        change(integers)
        units += pack_motion_integers(models, video, segment, integers, number, first)[0]
        first += sum(gop.length for gop in segment)
    return units


def hybrid_units(
    video: VideoFormat,
    segments: Sequence[list[Gop]],
    seed: int,
    plan: Callable[[CodedPicture], Plan],
    *,
    model: ModelConfig = SMALLEST_INTER,
    weights: Callable[[int], WeightsAndShifts | None] = lambda segment: None,
    tables: Callable[[int], tuple[Tables, Sequence[int]]] | None = None,
    motion: Wildness = WILD,
    odds: Odds = PLAIN_ODDS,
    finer: Callable[[int], Sequence[int]] = lambda gop: (2, 1, 0),
    intra: Callable[[int], Sequence[int] | None] = lambda segment: None,
    deblocking: Callable[[int], bool] = lambda segment: False,
    filters: Callable[[int], Sequence[Filter] | None] = lambda segment: None,
    version_minor: int = HYBRID_VERSION_MINOR,
    **fields: object,
) -> list[Payload]:
    """All units of a stream of the hybrid profile but digests.

    plan: what each picture has. weights: a segment's network and bias shifts, None where it has none; tables: a
    segment's, of coefficients and of choices, None for the default ones; motion: how vectors are drawn; finer: the
    levels of a GoP's RESIDUAL units besides 3; intra: tables of a segment's intra blocks, None where it has none;
    deblocking: whether a segment's pictures may be deblocked; filters: a segment's adaptive ones beside the default
    one, None where none of its pictures is filtered so; version_minor: of the file. fields: of the SEQUENCE unit.
    """
    random, first, size = np.random.default_rng(seed), 0, (video.height, video.width)
    kinds = min(len(video.plane_shapes), 2)
    units = [sequence_unit(video, segments, [model], profile="hybrid", **fields)]
    for number, segment in enumerate(segments):
        units.append(pack_segment_header(number, first, segment, motion=True))
        network, defaults = weights(number), default_tables(version_minor)
        own, choice = tables(number) if tables else (defaults, DEFAULT_CHOICE)
        cut = tuple(each[:kinds] for each in own)
        header = TablesHeader(kinds, defaults, network is not None, cut, tuple(choice))
        header.version_minor, header.deblocking_flag = version_minor, deblocking(number)
        if (given := intra(number)) is not None:
            header.intra_flag, header.intra = True, tuple(given)
        if (adaptive := filters(number)) is not None:
            header.adaptive_filter_flag, header.filters = True, tuple(adaptive)
        units.append((UnitKey(UnitType.TABLES, number), write_payload(header)))
        for level in reversed(range(LEVELS)) if network else ():
            units.append(pack_network(network[0][level], network[1], model, level, number, video.chroma_format))
        vectors = wild_units(number, segment, size, random, motion)
        for gop, place in enumerate(segment):
            order = hierarchical_order(place.length, place.open)
            unit = vectors[gop]
            units += [] if unit is None else [unit]
            units += wild_residuals((number, gop), order, plan, video, header, random, odds, finer(gop))
        first += sum(gop.length for gop in segment)
    return units


def shift_heads(weights: dict[int, LevelWeights], shift: int) -> None:
    """Give the heads another shift: a picture whose samples are nearly all black or white would hide what is wrong."""
    for own in weights.values():
        if "head" in own.layers:
            own.layers["head"] = replace(own.layers["head"], shift=shift)


def sparse(weights: dict[int, LevelWeights], random: np.random.Generator) -> None:
    """Keep one weight in 400, twenty times as large, and one bias in 8: a large network in a small file."""
    for own in weights.values():
        for name, layer in own.layers.items():
            weight = layer.weight * (random.random(layer.weight.shape) < 1 / 400)
            bias = layer.bias * (random.random(layer.bias.shape) < 1 / 8)
            own.layers[name] = ConvWeights(np.clip(20 * weight, -127, 127), bias, layer.shift)


def with_digests(
    units: Sequence[Payload],
    digest_bytes: int = 8,
    scales: Sequence[int] = ALL_SCALES,
    version_minor: int | None = None,
) -> list[Payload]:
    """The units, each GoP followed by a DIGEST unit of what the numpy backend decodes; version_minor: `assemble`'s."""
    digests = _digests(assemble(units, version_minor=version_minor), digest_bytes, scales)
    found: list[Payload] = []
    for position, (key, payload) in enumerate(units):
        found.append((key, payload))
        gop = (key.segment, key.gop)
        following = units[position + 1][0] if position + 1 < len(units) else UnitKey(0)
        last = following.unit_type not in _OF_A_GOP or (following.segment, following.gop) != gop
        if key.unit_type in _OF_A_GOP and last:
            found.append((UnitKey(UnitType.DIGEST, *gop), write_payload(digests[gop])))
    return found


_OF_A_GOP = (UnitType.GOP, UnitType.MOTION, UnitType.RESIDUAL)


def _digests(data: bytes, digest_bytes: int, scales: Sequence[int]) -> dict[tuple[int, int], DigestPayload]:
    found: dict[tuple[int, int], DigestPayload] = {}
    for scale in scales or ALL_SCALES[:1]:
        with Decoder(data, scale=SCALES[scale], backend="numpy", threads=1) as decoder:
            frames = list(decoder)
            for place in decoder.gops:
                own = frames[place.first : place.first + place.length]
                payload = found.setdefault((place.segment, place.gop), DigestPayload(place.length, digest_bytes, {}))
                if scales:
                    payload.digests[scale] = [picture_digest(frame.planes, digest_bytes) for frame in own]
    return found


def assemble(
    units: Sequence[Payload | bytes],
    *,
    version_minor: int | None = None,
    index: Callable[[bytes], bytes] = lambda unit: unit,
    footer: Callable[[bytes], bytes] = lambda footer: footer,
) -> bytes:
    """A file. units: keys and payloads, or the bytes of units as they shall stand there, if need be with a wrong CRC.

    version_minor: None for the one that the profile's vectors were first written with. index, footer: what to make of
    the right INDEX unit and footer.
    """
    if version_minor is None:
        hybrid = any(not isinstance(unit, bytes) and unit[0].unit_type == UnitType.TABLES for unit in units)
        version_minor = HYBRID_VERSION_MINOR if hybrid else MOTION_VERSION_MINOR
    data = write_payload(FileHeader(version_minor=version_minor))
    entries = []
    for unit in units:
        written = unit if isinstance(unit, bytes) else write_unit_bytes(*unit)
        key = _key_of(written) if isinstance(unit, bytes) else unit[0]
        entries.append((key, len(written)))
        data += written
    index_unit = write_unit_bytes(UnitKey(UnitType.INDEX), write_payload(IndexPayload(entries)))
    return data + index(index_unit) + footer(write_payload(Footer(len(data))))


def _key_of(unit: bytes) -> UnitKey:
    header, visitor = UnitHeader(), ReadVisitor(unit, Place("unit"))
    header.visit(visitor)
    return header.key


def reserved_unit(unit_type: int, payload: bytes, *numbers: int, damaged: bool = False) -> bytes:
    """A unit of a type that this version does not know; damaged: with a wrong CRC."""
    unit = bytearray(write_unit_bytes(UnitKey(unit_type, *numbers), payload))
    if damaged:
        unit[-1] ^= 0xFF
    return bytes(unit)
