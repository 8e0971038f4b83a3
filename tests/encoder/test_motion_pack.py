"""Motion profile: from integers to units and back, and how close the coded size comes to the cross-entropy."""

from functools import cache

import numpy as np
import pytest

from nvcodec.bitstream import (
    ContainerReader,
    LatentHeader,
    MotionHeader,
    Place,
    SegmentHeader,
    UnitKey,
    UnitType,
    VectorBase,
    read_coded_payload,
    read_payload,
    write_payload,
)
from nvcodec.decoder import Decoder
from nvcodec.decoder.motion import GopLatents, decode_motion, has_latents, network_number
from nvcodec.decoder.network_unit import decode_network
from nvcodec.encoder import encode
from nvcodec.encoder.motion_pack import pack_motion
from nvcodec.encoder.run import Gop
from nvcodec.encoder.vector_field import choose_scale_index, symbol_counts
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.vector_base import anchor_before
from nvcodec.video.frame import VideoFormat
from tests.streams import (
    MOTION_CASES,
    Models,
    MotionIntegers,
    coded_motion,
    motion_stream,
    pack_motion_integers,
    random_motion_integers,
    video_format,
    write_motion_stream,
)

UNIT_OVERHEAD = 8
"""What ANS may add to a unit: a state of up to 64 bits."""


@cache
def made(name: str) -> tuple[Models, VideoFormat, list[Gop], MotionIntegers, bytes]:
    case = MOTION_CASES[name]
    models, gops = (case.model, case.inter_model), [Gop(0, 1)]
    if case.count > 1:
        # the format allows closed GoPs of any length
        gops += [Gop(1, case.count - 1, open=True), Gop(case.count, 3), Gop(case.count + 3, 2, open=True)]
    integers = random_motion_integers(models, case.video, gops, np.random.default_rng(7))
    return models, case.video, gops, integers, write_motion_stream(models, case.video, gops, integers)


@pytest.mark.parametrize("name", MOTION_CASES)
def test_weights_and_steps_come_back(name: str) -> None:
    models, video, _, integers, data = made(name)
    with ContainerReader(data) as container:
        for number, (model, weights) in enumerate(zip(models, integers.weights, strict=True)):
            for level, own in weights.items():
                unit = container.unit(UnitKey(UnitType.NETWORK, 0, number, level))
                found = decode_network(unit, model, level, video.chroma_format)
                assert list(found.layers) == list(own.layers)
                for layer, values in own.layers.items():
                    assert np.array_equal(found.layers[layer].weight, values.weight)
                    assert np.array_equal(found.layers[layer].bias, values.bias)
                    assert found.layers[layer].shift == values.shift
                if model.levels[level].grid_channels:
                    assert np.array_equal(found.step, own.step)
                    assert found.step.shape == own.step.shape


@pytest.mark.parametrize("name", MOTION_CASES)
def test_vectors_come_back(name: str) -> None:
    _, video, gops, integers, data = made(name)
    size, before = (video.height, video.width), None
    with ContainerReader(data) as container:
        for number, gop in enumerate(gops):
            order = hierarchical_order(gop.length, gop.open)
            found = decode_motion(container, 0, number, order, size, before if gop.open else None, hybrid=False)
            assert {index for index in found if index >= 0} == set(integers.motion[number])
            for index, coded in integers.motion[number].items():
                assert found[index].picture == coded.motion.picture
                assert found[index].block_log2 == coded.motion.block_log2
                assert all(map(np.array_equal, found[index].fields, coded.motion.fields))
            before = anchor_before(found.get(gop.length - 1), gop.length)


@pytest.mark.parametrize("finest", [0, 2, 3])
@pytest.mark.parametrize("name", MOTION_CASES)
def test_latents_come_back(name: str, finest: int) -> None:
    models, video, gops, integers, data = made(name)
    with Decoder(data, threads=1) as decoder:
        networks = decoder._segment_networks(0)
        for number, gop in enumerate(gops):
            order = hierarchical_order(gop.length, gop.open)
            latents = GopLatents(decoder.container, 0, number, order, networks, (video.height, video.width), finest)
            for picture in order:
                found = latents.latents(picture)
                expected = integers.latents[gop.first + picture.index]
                model = models[network_number(picture, len(models))]
                assert list(found) == [level for level in model.grid_levels if level >= finest]
                for level, values in found.items():
                    assert values.dtype == np.int32
                    assert np.array_equal(values, expected[level])


@pytest.mark.parametrize("name", MOTION_CASES)
def test_pictures_without_latents_cost_a_flag(name: str) -> None:
    models, _, gops, integers, data = made(name)
    flags = {True: 0, False: 0}
    with ContainerReader(data) as container:
        for number, gop in enumerate(gops):
            order = hierarchical_order(gop.length, gop.open)
            for entry in container.entries:
                if (entry.key.unit_type, entry.key.gop) != (UnitType.GOP, number):
                    continue
                level, unit = entry.key.level, container.unit(entry.key)
                pictures = [p for p in order if has_latents(models[network_number(p, len(models))], level)]
                header, words = read_coded_payload(LatentHeader(len(pictures)), unit.payload, unit.place)
                coded = [bool(integers.latents[gop.first + p.index][level].any()) for p in pictures]
                assert header.coded == coded
                assert any(coded) or len(words) <= UNIT_OVERHEAD
                for flag in coded:
                    flags[flag] += 1
    assert flags[True]
    assert flags[False] or len(gops) == 1


@pytest.mark.parametrize("name", ["motion", "one pass", "one row of steps"])
def test_size_and_cross_entropy_of_kilobytes(name: str) -> None:
    case, video = MOTION_CASES[name], video_format("420", 8, 96, 80)
    models, gops = (case.model, case.inter_model), [Gop(0, 1), Gop(1, 5, open=True)]
    integers = random_motion_integers(models, video, gops, np.random.default_rng(8))
    units, parts = pack_motion_integers(models, video, gops, integers)
    coded = count = 0
    for key, payload in units:
        if key.unit_type == UnitType.GOP:
            order = hierarchical_order(gops[key.gop].length, gops[key.gop].open)
            pictures = sum(has_latents(models[network_number(p, len(models))], key.level) for p in order)
            coded += len(read_coded_payload(LatentHeader(pictures), payload, Place(str(key)))[1])
            count += 1
    entropy = sum(parts.values()) / 8
    assert list(parts) == ["intra latents", "anchor latents", "other latents"]
    assert all(bits > 0 for bits in parts.values())
    assert entropy > 3000
    assert entropy * 0.999 <= coded <= entropy * 1.001 + UNIT_OVERHEAD * count


@pytest.mark.parametrize("name", [name for name, case in MOTION_CASES.items() if case.count > 1])
def test_the_cross_entropy_of_fitted_streams(name: str) -> None:
    """Units are as large as their symbols say; headers and the coder's state come on top."""
    data, summary = motion_stream(name)
    with ContainerReader(data) as container:
        entries = [e for e in container.entries if e.key.unit_type in (UnitType.GOP, UnitType.MOTION)]
        size = sum(len(container.payload(entry.key)) for entry in entries)
    entropy = sum(summary.cross_entropy_bytes.values())
    assert set(summary.cross_entropy_bytes) == {"intra latents", "anchor latents", "other latents", "vectors"}
    assert entropy * 0.98 <= size <= entropy * 1.02 + (UNIT_OVERHEAD + 2) * len(entries)


def test_the_tables_of_vectors_are_those_that_cost_least() -> None:
    *_, gops, integers, data = made("motion")
    with ContainerReader(data) as container:
        for number, gop in enumerate(gops):
            order = hierarchical_order(gop.length, gop.open)
            moving = [integers.motion[number][p.index] for p in order if p.references]
            if not moving:
                assert UnitKey(UnitType.MOTION, 0, number) not in container
                continue
            unit = container.unit(UnitKey(UnitType.MOTION, 0, number))
            counts = tuple(len(coded.bases) for coded in moving)
            header, words = read_coded_payload(MotionHeader(counts), unit.payload, unit.place)
            assert header.block_log2 == [coded.motion.block_log2 for coded in moving]
            assert header.bases == [coded.bases for coded in moving]
            total = sum(
                symbol_counts(vectors - base, k)
                for coded in moving
                for k, (vectors, base) in enumerate(zip(coded.motion.fields, coded.base_fields, strict=True))
            )
            scale_index, bits = choose_scale_index(total)
            assert header.scale_index == scale_index.tolist()
            assert bits / 8 * 0.99 <= len(words) <= bits / 8 * 1.01 + UNIT_OVERHEAD


def test_vectors_that_are_their_bases_cost_next_to_nothing() -> None:
    picture, base = CodedPicture(0, (-1,)), VectorBase(False, (40, -7))
    vectors = np.tile(np.array([40, -7], np.int32), (30, 50, 1))
    coded = coded_motion(picture, 3, [vectors], [base], [vectors])
    _, payload = pack_motion(0, 0, {0: coded}, [picture], (240, 400), hybrid=False)
    header, words = read_coded_payload(MotionHeader((1,)), payload, Place("test"))
    assert header.bases == [[base]]
    # 3000 symbols under the narrowest tables
    assert len(words) < 40


def test_a_segments_units_stand_in_the_files_order() -> None:
    case = MOTION_CASES["motion"]
    models, gops = (case.model, case.inter_model), [Gop(0, 1), Gop(1, 2, open=True), Gop(3, 1)]
    integers = random_motion_integers(models, case.video, gops, np.random.default_rng(0))
    units, _ = pack_motion_integers(models, case.video, gops, integers)
    assert [key for key, _ in units] == [
        UnitKey(UnitType.SEGMENT),
        *(UnitKey(UnitType.NETWORK, 0, number, level) for number in (0, 1) for level in (4, 3, 2, 1, 0)),
        *(UnitKey(UnitType.GOP, 0, 0, level) for level in (4, 3, 2, 1)),
        UnitKey(UnitType.MOTION, 0, 1),
        *(UnitKey(UnitType.GOP, 0, 1, level) for level in (4, 3, 2)),
        *(UnitKey(UnitType.GOP, 0, 2, level) for level in (4, 3, 2, 1)),
    ]
    header = read_payload(SegmentHeader(motion=True), units[0][1], Place("test"))
    assert (header.gop_length, header.open_gop) == ([1, 2, 1], [False, True, False])


@pytest.mark.parametrize("name", ["a single picture", "motion", "two segments"])
def test_the_framing_counts_the_units_that_a_file_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Decoder(motion_stream(name)[0]) as decoder:
        keys = {entry.key for entry in decoder.container.entries if entry.key.unit_type != UnitType.INDEX}
        sequence, segments = decoder.sequence, decoder.segments
    written: set[UnitKey] = set()
    monkeypatch.setattr(encode, "write_container", lambda file, payloads: written.update(key for key, _ in payloads))
    spans = [(one.first_picture, one.first_picture + one.picture_count) for one in segments]
    gops = [[Gop(0, n, opened) for n, opened in zip(one.gop_length, one.open_gop, strict=True)] for one in segments]
    encode.framing_bytes(write_payload(sequence), spans, gops, sequence.models, 4)
    assert written == keys
