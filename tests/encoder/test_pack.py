"""From integers to units and back, and how close the coded size comes to the cross-entropy."""

from functools import cache

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from nvcodec.bitstream import (
    ContainerReader,
    GopHeader,
    ModelConfig,
    NetworkHeader,
    Place,
    UnitKey,
    UnitType,
    read_coded_payload,
)
from nvcodec.decoder import Decoder
from nvcodec.decoder.gop import undo_window_differences, window_differences
from nvcodec.decoder.network_unit import decode_network, level_tensors, weight_tables
from nvcodec.encoder.pack import SegmentIntegers, best_scale, pack_segment
from nvcodec.encoder.run import Gop
from nvcodec.entropy import SCALE_COUNT, SymbolDecoder, bits
from nvcodec.synthesis.embedding import dequantise_background, embed, window_terms
from nvcodec.video.frame import VideoFormat
from tests.streams import CASES, random_integers, stream, video_format, write_stream

NETWORKS = [name for name, case in CASES.items() if case.model is not None]
UNIT_OVERHEAD = 8
"""What ANS may add to a unit: a state of up to 64 bits."""


@cache
def made(name: str) -> tuple[ModelConfig, VideoFormat, list[Gop], SegmentIntegers, bytes]:
    case = CASES[name]
    gops = [Gop(0, 1)] if case.count == 1 else [Gop(0, case.count - 1), Gop(case.count - 1, 2)]
    integers = random_integers(case.model, case.video, gops, np.random.default_rng(7))
    return case.model, case.video, gops, integers, write_stream(case.model, case.video, gops, integers)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_and_steps_come_back(name: str) -> None:
    model, video, _, integers, data = made(name)
    with ContainerReader(data) as container:
        for level, own in integers.weights.items():
            unit = container.unit(UnitKey(UnitType.NETWORK, 0, 0, level))
            found = decode_network(unit, model, level, video.chroma_format)
            assert list(found.layers) == list(own.layers)
            for layer, values in own.layers.items():
                assert np.array_equal(found.layers[layer].weight, values.weight)
                assert np.array_equal(found.layers[layer].bias, values.bias)
                assert found.layers[layer].shift == values.shift
            assert np.array_equal(found.step, own.step)
            assert np.array_equal(found.gop_step, own.gop_step)


@pytest.mark.parametrize("name", NETWORKS)
def test_grids_and_windows_come_back(name: str) -> None:
    """The embeddings that a decode makes are those of the integers that went in."""
    model, _, gops, integers, data = made(name)
    seen: dict[int, list[dict[int, np.ndarray]]] = {}
    with Decoder(data, threads=1) as decoder:
        for task in decoder._tasks(0, len(decoder)):
            seen.setdefault(task.number, []).append(task.embeddings())
    for number, gop in enumerate(gops):
        for picture in range(gop.length):
            (embeddings,) = seen[gop.first + picture]
            for level in model.grid_levels:
                own, weights = model.levels[level], integers.weights[level]
                window = integers.window[level][gop.first + picture] if own.window_flag else None
                terms = window_terms(picture, gop.length, own.temporal_stride_log2, window, "")
                grids = dict(enumerate(integers.temporal[number][level][:, None]))
                background = None
                if own.gop_grid_flag:
                    background = dequantise_background(integers.background[number][level][None], weights.gop_step)
                assert np.array_equal(embeddings[level], embed(terms, grids, weights.step, background))


def words_bytes(data: bytes, kind: UnitType) -> tuple[int, int]:
    """(bytes of all entropy-coded parts of a kind, number of units)."""
    total = count = 0
    with Decoder(data) as decoder:
        model, chroma_format = decoder.config, decoder.sequence.chroma_format
        for entry in decoder.container.entries:
            if entry.key.unit_type != kind:
                continue
            unit, level = decoder.container.unit(entry.key), entry.key.level
            if kind == UnitType.NETWORK:
                tensors = len(list(level_tensors(model, level, chroma_format)))
                header = NetworkHeader.blank(model, level, tensors)
            else:
                length = decoder.segments[entry.key.segment].gop_length[entry.key.gop]
                header = GopHeader(length, model.levels[level].window_flag)
            total += len(read_coded_payload(header, unit.payload, unit.place)[1])
            count += 1
    return total, count


@pytest.mark.parametrize("name", CASES)
def test_size_and_cross_entropy_of_fitted_streams(name: str) -> None:
    data, summary = stream(name)
    coded, units = words_bytes(data, UnitType.GOP)
    entropy = sum(summary.cross_entropy_bytes.values())
    assert entropy * 0.98 <= coded <= entropy * 1.02 + UNIT_OVERHEAD * units


@pytest.mark.parametrize("name", ["no gop grid", "window on all levels", "no context of the coarser level"])
def test_size_and_cross_entropy_of_kilobytes(name: str) -> None:
    model, video, gops = CASES[name].model, video_format("420", 8, 96, 80), [Gop(0, 5)]
    integers = random_integers(model, video, gops, np.random.default_rng(8))
    payloads, parts = pack_segment(integers, model, gops, 0, 0, (80, 96), "420")
    coded = 0
    for key, payload in payloads:
        if key.unit_type == UnitType.GOP:
            header = GopHeader(5, model.levels[key.level].window_flag)
            coded += len(read_coded_payload(header, payload, Place(str(key)))[1])
    entropy = sum(parts.values()) / 8
    assert entropy > 8000
    assert entropy * 0.999 <= coded <= entropy * 1.001 + UNIT_OVERHEAD * len(model.grid_levels)
    assert (parts["window"] > 0) == any(own.window_flag for own in model.levels)
    assert (parts["gop grids"] > 0) == any(own.gop_grid_flag for own in model.levels)


def test_size_and_cross_entropy_of_weights() -> None:
    data, _ = stream("the chosen model")
    with Decoder(data) as decoder:
        model, entropy = decoder.config, 0.0
        for level in range(5):
            unit = decoder.container.unit(UnitKey(UnitType.NETWORK, 0, 0, level))
            tensors = list(level_tensors(model, level, "420"))
            header, words = read_coded_payload(
                NetworkHeader.blank(model, level, len(tensors)), unit.payload, unit.place
            )
            coder = SymbolDecoder(words)
            for (_, _, shape), coding in zip(tensors, header.tensors, strict=True):
                tables = weight_tables(shape, coding.scale_index)
                entropy += bits(coder.decode(tables), tables) / 8
    coded, units = words_bytes(data, UnitType.NETWORK)
    assert entropy > 4000
    assert entropy * 0.98 <= coded <= entropy * 1.02 + UNIT_OVERHEAD * units


@settings(max_examples=80)
@given(
    hnp.arrays(
        np.int64,
        hnp.array_shapes(max_dims=2, max_side=30),
        elements=st.integers(-128, 127) | st.integers(-2, 2) | st.just(0),
    )
)
def test_best_scale_is_the_cheapest(symbols: np.ndarray) -> None:
    costs = [bits(symbols, weight_tables(symbols.shape, scale)) for scale in range(SCALE_COUNT)]
    assert costs[best_scale(symbols)] == pytest.approx(min(costs))


def test_best_scale_by_hand() -> None:
    assert best_scale(np.zeros(50, np.int64)) == 0
    assert best_scale(np.array([-128, 127] * 9)) == SCALE_COUNT - 1


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=st.integers(-128, 127)))
def test_window_differences_round_trip(weights: np.ndarray) -> None:
    symbols = window_differences(weights)
    assert symbols.min() >= -128
    assert symbols.max() <= 127
    assert np.array_equal(undo_window_differences(symbols), weights)


def test_window_differences_by_hand() -> None:
    weights = np.array([[64, 0, 0], [60, 3, -1], [-128, 3, 127]])
    assert window_differences(weights).tolist() == [[0, 0, 0], [-4, 3, -1], [68, 0, -128]]


def test_a_segments_units_stand_in_the_files_order() -> None:
    model, video = CASES["grid at level 0"].model, video_format("420", 8, 16, 16)
    gops = [Gop(0, 2), Gop(2, 1)]
    integers = random_integers(model, video, gops, np.random.default_rng(0))
    payloads, _ = pack_segment(integers, model, gops, 3, 90, (16, 16), "420")
    assert [key for key, _ in payloads] == [
        UnitKey(UnitType.SEGMENT, 3),
        *(UnitKey(UnitType.NETWORK, 3, 0, level) for level in (4, 3, 2, 1, 0)),
        *(UnitKey(UnitType.GOP, 3, gop, level) for gop in (0, 1) for level in (4, 3, 2, 1, 0)),
    ]
