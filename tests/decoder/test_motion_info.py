"""What is said of streams of the motion profile: traces, needed units, bytes, costs, structure; and their caps."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import nvcodec
from nvcodec.bitstream import (
    ContainerReader,
    ModelConfig,
    MotionHeader,
    NetworkHeader,
    Place,
    Unit,
    UnitKey,
    UnitType,
    limits,
    write_payload,
)
from nvcodec.bitstream.errors import LimitExceeded
from nvcodec.cli.info_text import info_lines
from nvcodec.cli.nvinfo import describe
from nvcodec.decoder import Decoder, network_unit, trace
from nvcodec.decoder.decoder import SCALES
from nvcodec.decoder.errors import DecodeError
from nvcodec.decoder.motion import decode_motion, reference_counts
from nvcodec.decoder.network_unit import base_config, decode_network, level_tensors
from nvcodec.synthesis.cost import decoding_cost
from nvcodec.synthesis.structure import hierarchical_order
from tests.streams import MOTION_CASES, TINY_INTER, TINY_INTRA, damage, motion_stream, rewrite, stream, write_file

MORE = (UnitType.DIGEST, UnitType.INDEX)


def elements(data: bytes) -> dict[str, dict[str, object]]:
    with Decoder(data) as decoder:
        return {part.name: {e.name: e.value for e in part.elements} for part in trace.trace_file(decoder)}


@pytest.mark.parametrize("name", MOTION_CASES)
def test_the_trace_covers_every_bit_once(name: str) -> None:
    data, _ = motion_stream(name)
    offset = 0
    with Decoder(data) as decoder:
        for part in trace.trace_file(decoder):
            assert (part.offset, part.damage) == (offset, None), part.name
            position = 0
            for element in part.elements:
                assert element.bit_offset == position, element
                position += element.bits
            assert position == 8 * part.size
            offset += part.size
    assert offset == len(data)


def test_the_trace_has_the_elements_by_name() -> None:
    parts = elements(motion_stream("motion")[0])
    assert parts["SEQUENCE unit"]["profile"] == 1
    assert [parts["SEGMENT unit (segment 0)"][f"open_gop_flag[{g}]"] for g in range(3)] == [0, 1, 1]
    assert len([name for name in parts["NETWORK unit (segment 0, level 4)"] if name.startswith("step[")]) == 2
    inter = parts["NETWORK unit (segment 0, level 4, network 1)"]
    assert len([name for name in inter if name.startswith("step[")]) == 2 * TINY_INTER.step_rows
    assert "coded_flag[0]" in parts["GOP unit (segment 0, gop 0, level 1)"]
    assert "coded_flag[3]" in parts["GOP unit (segment 0, gop 1, level 4)"]
    vectors = parts["MOTION unit (segment 0, gop 1)"]
    assert "derived_flag[3][1]" in vectors
    assert "vector_scale_index[25]" in vectors
    assert vectors["coded_words"] is None


@pytest.mark.parametrize(
    "key",
    [
        UnitKey(UnitType.MOTION, 0, 0),  # of a GoP whose only picture has no references
        UnitKey(UnitType.MOTION, 0, 3),
        UnitKey(UnitType.MOTION, 1, 1),
        UnitKey(UnitType.NETWORK, 0, 2, 4),
        UnitKey(UnitType.NETWORK, 0, 1, 5),
        UnitKey(UnitType.GOP, 0, 1, 1),  # the inter network has no grid there
        UnitKey(UnitType.GOP, 0, 0, 0),
    ],
    ids=str,
)
def test_units_without_a_place_are_named(key: UnitKey) -> None:
    data, _ = motion_stream("motion")
    with ContainerReader(data) as container:
        units = [(entry.key, container.payload(entry.key)) for entry in container.entries[:-1]]
    with Decoder(write_file([*units, (key, b"\0" * 8)])) as decoder:
        damaged = {part.name: part.damage for part in trace.trace_file(decoder) if part.damage}
    assert list(damaged) == [str(key)]
    assert "has no place" in damaged[str(key)]


def test_vectors_have_no_place_in_the_grid_profile() -> None:
    data, _ = stream("plain")
    with ContainerReader(data) as container:
        units = [(entry.key, container.payload(entry.key)) for entry in container.entries[:-1]]
    key = UnitKey(UnitType.MOTION, 0, 1)
    with Decoder(write_file([*units, (key, b"\0" * 8)])) as decoder:
        assert [part.name for part in trace.trace_file(decoder) if part.damage] == [str(key)]


@pytest.mark.parametrize("name", MOTION_CASES)
def test_needed_units_are_those_of_the_file(name: str) -> None:
    data, _ = motion_stream(name)
    with Decoder(data) as decoder:
        keys = [entry.key for entry in decoder.container.entries if entry.key.unit_type not in MORE]
        assert trace.needed_units(decoder) == keys
        assert trace.missing_units(decoder) == []


@pytest.mark.parametrize("name", ["motion", "grid at the finest level", "two segments"])
@pytest.mark.parametrize("finest", range(4))
def test_bytes_read_are_what_a_decode_reads(name: str, finest: int) -> None:
    with Decoder(motion_stream(name)[0], scale=SCALES[finest], threads=1) as decoder:
        list(decoder)
        assert trace.bytes_read(decoder, finest) == decoder.container.bytes_read


@pytest.mark.parametrize("key", [UnitKey(UnitType.MOTION, 0, 2), UnitKey(UnitType.NETWORK, 0, 1, 2)], ids=str)
def test_missing_and_damaged_units_are_named(key: UnitKey) -> None:
    data, _ = motion_stream("motion")
    with Decoder(rewrite(data, lambda met, payload: None if met == key else payload)) as decoder:
        assert trace.missing_units(decoder) == [key]
    with Decoder(damage(data, [key])) as decoder:
        assert [part.name for part in trace.trace_file(decoder) if part.damage] == [str(key)]


def test_components_add_up() -> None:
    data, _ = motion_stream("motion")
    with Decoder(data) as decoder:
        sizes = trace.component_bytes(decoder)
        units = decoder.container.entries
        assert sum(sizes.values()) == len(data)
        assert sizes["vectors"] == sum(e.size for e in units if e.key.unit_type == UnitType.MOTION) > 0
        levels = [trace.level_bytes(decoder, level) for level in range(5)]
        assert sum(network for network, _ in levels) == sizes["network"]
        assert sum(grids for _, grids in levels) == sizes["grids"]


def test_costs_are_of_the_inter_network() -> None:
    with Decoder(motion_stream("motion")[0]) as decoder:
        for finest in range(4):
            assert trace.scale_cost(decoder, finest) == decoding_cost(TINY_INTER, 32, 48, "420", finest)
            assert trace.network_cost(decoder, decoder.config, finest) == decoding_cost(
                TINY_INTRA, 32, 48, "420", finest
            )


@pytest.mark.parametrize(("name", "keyint"), [("motion", 9), ("closed GoPs", 3), ("two segments", 4), ("scene cut", 4)])
def test_how_far_it_is_to_where_decoding_can_begin(name: str, keyint: int) -> None:
    with Decoder(motion_stream(name)[0]) as decoder:
        assert trace.access_distance(decoder) == keyint


def test_nvinfo_and_probe() -> None:
    data, _ = motion_stream("motion")
    assert nvcodec.probe(data).profile == "motion"
    assert nvcodec.probe(stream("plain")[0]).profile == "grid"
    with Decoder(data) as decoder:
        info = json.loads(json.dumps(describe(decoder)))
    assert (info["profile"], info["open_gops"], info["keyint"]) == ("motion", 2, 9)
    assert [network["role"] for network in info["networks"]] == ["intra", "inter"]
    assert info["scales"][0]["intra_mac_per_pixel"]["total"] > 0
    text = "\n".join(info_lines(info))
    for expected in (
        "profile     motion",
        "GoPs: 3 of 1 to 4 pictures; closed: 1, open: 2, keyint: 9",
        "intra       rows of steps 1, fusion layers 2, base model 0, picture_skip, context_coarser, context_neighbours",
        "inter       rows of steps 3,",
        "vectors ",
        "; intra ",
    ):
        assert expected in text


# --- caps ------------------------------------------------------------------------------------------------------------


def vectors_of(block_log2: int, split_depth: int | None = None) -> bytes:
    """A MOTION unit's file of an open GoP of 64 pictures, without a coded word; split_depth: in the hybrid profile."""
    counts = reference_counts(hierarchical_order(64, True))
    own = {} if split_depth is None else {"hybrid": True, "split_depth": [split_depth] * len(counts)}
    payload = write_payload(MotionHeader(counts, [block_log2] * len(counts), **own))
    return write_file([(UnitKey(UnitType.MOTION, 0, 1), payload)])


def test_vectors_that_would_take_too_much_memory_are_refused_at_once() -> None:
    order = hierarchical_order(64, True)
    with ContainerReader(vectors_of(3)) as container:
        message = rf"MOTION unit \(segment 0, gop 1\).*133169152 nodes, allowed are at most {limits.MAX_GOP_NODES}"
        with pytest.raises(LimitExceeded, match=message):
            decode_motion(container, 0, 1, order, (8192, 8192), None, hybrid=False)
    with ContainerReader(vectors_of(4)) as container, pytest.raises(DecodeError, match="MOTION unit"):
        decode_motion(container, 0, 1, order, (8192, 8192), None, hybrid=False)


@pytest.mark.parametrize(("block_log2", "split_depth"), [(3, 0), (6, 3), (4, 1)])
def test_nodes_count_at_the_blocks_last_size(block_log2: int, split_depth: int) -> None:
    order = hierarchical_order(64, True)
    file, refused = vectors_of(block_log2, split_depth), pytest.raises(LimitExceeded, match="133169152 nodes")
    with ContainerReader(file) as container, refused:
        decode_motion(container, 0, 1, order, (8192, 8192), None, hybrid=True)
    with ContainerReader(vectors_of(6, 2)) as container, pytest.raises(DecodeError, match="MOTION unit"):
        decode_motion(container, 0, 1, order, (8192, 8192), None, hybrid=True)


# --- base models -----------------------------------------------------------------------------------------------------

NETWORK = UnitKey(UnitType.NETWORK, 0, 1, 3)


@pytest.fixture
def no_cached_base() -> Iterator[None]:
    caches = (network_unit._base_file, network_unit.base_level)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def decode_level(config: ModelConfig, chroma_format: str = "420") -> None:
    """A unit of a right header and no coded word."""
    blank = NetworkHeader.blank(config, 3, sum(1 for _ in level_tensors(config, 3, chroma_format)))
    unit = Unit(NETWORK, write_payload(blank), Place(str(NETWORK), 70))
    decode_network(unit, config, 3, chroma_format)


@pytest.mark.parametrize("content", [None, b"", b"no .msn file", b"\x89MSN\x00\x03\x00\x00"])
def test_a_base_model_that_is_not_there_or_damaged(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cached_base: None
) -> None:
    config = replace(TINY_INTER, base_model=2)
    (tmp_path / "base_models").mkdir()
    if content is not None:
        (tmp_path / "base_models" / "2.msn").write_bytes(content)
    monkeypatch.setattr(network_unit, "files", lambda package: tmp_path)
    says = "not installed" if content is None else "damaged"
    with pytest.raises(DecodeError, match=rf"NETWORK unit \(segment 0, level 3, network 1\).*base model 2 is {says}"):
        decode_level(config)
    with pytest.raises(DecodeError, match="base model 2"):
        base_config(2, "inter")


def test_a_base_model_of_another_shape() -> None:
    with pytest.raises(DecodeError, match=r"network 1\), byte 70: base model 2 has another shape"):
        decode_level(replace(TINY_INTER, base_model=2))
    with pytest.raises(DecodeError, match=r"network 1\), byte 70: base model 2 has another shape .* 444 sequence"):
        decode_level(base_config(2, "inter"), "444")
