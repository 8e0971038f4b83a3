"""Streams of the hybrid profile: random access, what is read, damage by unit, and what nvinfo and the trace say."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

import nvcodec
from nvcodec.bitstream import (
    INTER,
    ContainerReader,
    LevelConfig,
    ModelConfig,
    SequenceHeader,
    TablesHeader,
    UnitKey,
    UnitType,
    write_payload,
)
from nvcodec.bitstream.default_tables import DEFAULT_TABLES, default_tables
from nvcodec.bitstream.errors import (
    BitstreamError,
    MissingUnit,
    NonZeroPadding,
    TrailingData,
    UnitDamaged,
    UnitTruncated,
    UnsupportedVersion,
)
from nvcodec.bitstream.residual_headers import DEFAULT_CHOICE
from nvcodec.bitstream.versions import CONTEXTS_VERSION_MINOR, VERSION_MINOR
from nvcodec.cli.info_text import info_lines
from nvcodec.cli.nvinfo import describe
from nvcodec.decoder import Decoder, trace
from nvcodec.decoder.decoder import SCALES, picture_digest
from nvcodec.decoder.errors import DecodeError
from nvcodec.encoder import residual as residual_module
from nvcodec.encoder.hybrid_model import HybridModel
from nvcodec.encoder.hybrid_pack import CodedPictures, pack_hybrid_segment
from nvcodec.encoder.pack import pack_digests
from nvcodec.encoder.quantise import choose_shifts
from nvcodec.encoder.run import Gop
from nvcodec.errors import NvcodecError
from nvcodec.synthesis import coefficients_7
from nvcodec.synthesis.alignment import EIGHT_TAPS, FOUR_TAPS
from nvcodec.synthesis.structure import hierarchical_order
from nvcodec.synthesis.transform import block_shape
from nvcodec.synthesis.vectors import field_shape
from nvcodec.video.frame import Frame
from tests.streams import damage, random_motion, rewrite, same_planes, video_format, write_file

VIDEO = video_format("420", 8, 40, 26)
GOPS = [Gop(0, 1), Gop(1, 4, open=True), Gop(5, 3, open=True), Gop(8, 3)]
"""Pictures 0, 1..4, 5..7 and 8..10; the last GoP is closed."""
COUNT = 11
CONFIG = ModelConfig(
    levels=(*(LevelConfig(features=3, branch=2),) * 4, LevelConfig(features=2, grid_channels=1)),
    role=INTER,
    fusion_count=2,
)


TABLES = UnitKey(UnitType.TABLES, 0)
FLAGS = ("intra_flag", "deblocking_flag")
OTHER_CHOICE = (63 - DEFAULT_CHOICE[0], 63 - DEFAULT_CHOICE[1], *DEFAULT_CHOICE[2:])
"""With these the fields of version 0.6 of a TABLES unit take 31 bits, so that those of 0.7 take another byte."""


def build(
    *, network: bool, filters: bool = True, choice: tuple[int, ...] = DEFAULT_CHOICE, minor: int = VERSION_MINOR
) -> bytes:
    """A file that no encoder made, with digests: residuals, vectors and weights at will, the same for each version.

    filters: whether it has intra blocks and pictures that are deblocked.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random = np.random.default_rng(3)
    model = HybridModel(CONFIG, VIDEO.chroma_format, VIDEO.height, VIDEO.width, torch.device("cpu"))
    with torch.no_grad():
        for layer in model.network.layers.values():
            if not layer.weight.any():
                layer.weight.copy_(0.1 * torch.randn(layer.weight.shape))
    choose_shifts(model.network)
    levels: list[list[np.ndarray | None]] = []
    for place in range(COUNT):
        levels.append([])
        for shape in VIDEO.plane_shapes:
            rows, columns = block_shape(*shape)
            own = random.integers(-9, 10, (64, rows * columns)).astype(np.int8)
            own *= random.random(own.shape) < 0.15
            levels[-1].append(own if place % 4 != 3 else None)
    coded = CodedPictures.blank(COUNT)
    coded.qp, coded.levels, coded.network = [int(x) for x in random.integers(8, 30, COUNT)], levels, [network] * COUNT
    coded.choices = []
    for gop in GOPS:
        for picture in hierarchical_order(gop.length, gop.open):
            log2 = 3 + len(coded.choices) % 3
            shape = field_shape(VIDEO.height, VIDEO.width, log2)
            chosen = random.integers(0, 3, shape).astype(np.int8)
            coded.choices.append((log2, chosen) if len(picture.references) == 2 else (0, None))
    if filters:
        add_filters(coded)
    motion = random_motion(GOPS, (VIDEO.height, VIDEO.width), random)
    with pytest.MonkeyPatch.context() as patch:
        if minor < CONTEXTS_VERSION_MINOR:
            patch.setattr(residual_module, "walk", coefficients_7.walk)
        units, _ = pack_hybrid_segment(coded, default_tables(minor), motion, GOPS, 0, 0, VIDEO, choice, model.network)
    tables = write_payload(blank_tables(minor, network_flag=network, choice=choice, **dict.fromkeys(FLAGS, filters)))
    units = [(key, tables if key == TABLES else payload) for key, payload in units]
    sequence = SequenceHeader(
        width=VIDEO.width, height=VIDEO.height, picture_count=COUNT, profile="hybrid", model=CONFIG
    )
    units = [(UnitKey(UnitType.SEQUENCE), write_payload(sequence)), *units]
    draft, digests = of_version(write_file(units), minor), {}
    for number, scale in enumerate(SCALES):
        with Decoder(draft, scale=scale, backend="numpy", threads=1) as decoder:
            digests[number] = [picture_digest(frame.planes, 4) for frame in decoder]
    for number, gop in enumerate(GOPS):
        own = {s: digests[s][gop.first : gop.first + gop.length] for s in digests}
        units.append(pack_digests(0, number, own))
    return of_version(write_file(units), minor)


def blank_tables(minor: int, **fields: object) -> TablesHeader:
    """Of the default tables of a version."""
    return TablesHeader(2, default_tables(minor), version_minor=minor, **fields)


def of_version(data: bytes, minor: int) -> bytes:
    """The file with another version_minor, the rest as it is."""
    return data[:5] + bytes([minor]) + data[6:]


def add_filters(coded: CodedPictures) -> None:
    """Intra blocks of all sizes, and the filter in most pictures with a residual."""
    random = np.random.default_rng(4)
    order = [picture for gop in GOPS for picture in hierarchical_order(gop.length, gop.open)]
    for place, picture in enumerate(order):
        log2 = 3 + place % 3
        if picture.references and place % 4 != 2:
            coded.intra[place] = (log2, random.random(field_shape(VIDEO.height, VIDEO.width, log2)) < 0.4)
        if coded.has_residual(place) and place % 5:
            coded.qp[place], coded.deblocked[place] = int(random.integers(24, 36)), True


@cache
def made(network: bool) -> bytes:
    return build(network=network)


@cache
def right(network: bool, scale: str = "1") -> tuple[Frame, ...]:
    with Decoder(made(network), scale=scale, threads=1) as decoder:
        return tuple(decoder)


def decode_all(data: bytes, **options: object) -> list[Frame]:
    with Decoder(data, threads=1, **options) as decoder:
        return list(decoder)


def one_line(error: pytest.ExceptionInfo[NvcodecError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


# Decoding


@pytest.mark.parametrize("network", [False, True])
@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_backends_scales_and_threads_match_the_digests(network: bool, backend: str) -> None:
    """The digests are numpy's."""
    for scale in SCALES:
        for threads in (1, 2):
            with Decoder(made(network), scale=scale, backend=backend, threads=threads, verify=True) as decoder:
                assert [frame.pts for frame in decoder] == list(range(COUNT))


def test_intra_blocks_and_the_filter_change_pictures() -> None:
    """Guards the others: without them the same residuals and vectors make other pictures."""
    assert not any(map(same_planes, right(False)[1:], decode_all(build(network=False, filters=False))[1:]))


def test_the_streams_carry_something() -> None:
    """Guards the others."""
    frames = right(True)
    assert all(plane.std() > 0 for frame in frames for plane in frame.planes)
    assert not any(map(same_planes, right(True), right(False)))
    with Decoder(made(True), threads=1) as decoder:
        tasks = list(decoder._tasks(0, COUNT))
    assert all(task.residual.network_flag for task in tasks)
    assert sum(any(own is not None for own in task.residual.levels) for task in tasks) == COUNT - 2
    assert {task.residual.choice_log2 for task in tasks} >= {0, 3, 4}
    assert all(task.residual.choices is None or task.residual.choices.any() for task in tasks)
    assert {task.residual.intra_log2 for task in tasks} == {0, 3, 4, 5}
    assert sum(task.residual.intra is not None and bool(task.residual.intra.any()) for task in tasks) >= 5
    assert {task.residual.deblocked for task in tasks} == {False, True}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("network", "scale"), [(False, "1"), (True, "1"), (True, "1/4")])
def test_each_picture_alone_equals_the_full_decode(network: bool, scale: str, threads: int) -> None:
    expected = right(network, scale)
    with Decoder(made(network), scale=scale, threads=threads, verify=True) as decoder:
        for index in reversed(range(COUNT)):
            assert same_planes(decoder[index], expected[index])
        for start, stop in ((2, 5), (4, 9), (7, 8), (3, COUNT)):
            assert all(map(same_planes, decoder.frames(start, stop), expected[start:stop]))
    for index in (COUNT - 1, 6):
        with Decoder(made(network), scale=scale, threads=threads) as decoder:
            assert same_planes(decoder[index], expected[index])


@pytest.mark.parametrize(
    ("picture", "pictures"), [(0, {0}), (4, {0, 4}), (1, {0, 1, 2, 4}), (7, {0, 4, 7}), (9, {8, 9, 10}), (10, {8, 10})]
)
def test_a_seek_makes_no_picture_that_nobody_needs(picture: int, pictures: set[int]) -> None:
    with Decoder(made(False), threads=1) as decoder:
        tasks = list(decoder._tasks(picture, picture + 1))
    assert [task.number for task in tasks if task.wanted] == [picture]
    assert {task.number for task in tasks} == pictures


@pytest.mark.parametrize("finest", range(4))
def test_reads_only_the_units_of_its_levels(finest: int) -> None:
    with Decoder(made(True), scale=SCALES[finest], threads=1) as decoder:
        list(decoder)
        assert decoder.container.bytes_read == trace.bytes_read(decoder, finest)
        needed = trace.needed_units(decoder, finest)
    assert {key.level for key in needed if key.unit_type == UnitType.RESIDUAL} == set(range(finest, 4))
    assert {key.level for key in needed if key.unit_type == UnitType.NETWORK} == set(range(finest, 5))


# Damage

NETWORK = [UnitKey(UnitType.NETWORK, 0, 0, level) for level in range(5)]
RESIDUALS = [UnitKey(UnitType.RESIDUAL, 0, gop, level) for gop in (0, 1, 3) for level in range(4)]
VECTORS = [UnitKey(UnitType.MOTION, 0, gop) for gop in (1, 2, 3)]
ALL = [UnitKey(UnitType.SEQUENCE), UnitKey(UnitType.SEGMENT), TABLES, *NETWORK, *VECTORS, *RESIDUALS]


@pytest.mark.parametrize("key", ALL, ids=str)
def test_a_damaged_or_missing_unit_is_named(key: UnitKey) -> None:
    with pytest.raises(UnitDamaged) as damaged:
        decode_all(damage(made(True), [key]))
    assert str(key) in one_line(damaged)
    with pytest.raises(MissingUnit) as missing:
        decode_all(rewrite(made(True), lambda met, payload: None if met == key else payload))
    assert str(key) in one_line(missing)


@pytest.mark.parametrize("position", [0.3, 0.99])
@pytest.mark.parametrize("key", RESIDUALS, ids=str)
def test_wrong_words_behind_a_right_crc(key: UnitKey, position: float) -> None:
    def flip(met: UnitKey, payload: bytes) -> bytes:
        changed = bytearray(payload)
        if met == key:
            # at most 8 bytes before the words
            changed[8 + int(position * (len(payload) - 8))] ^= 0x10
        return bytes(changed)

    with pytest.raises((DecodeError, BitstreamError)) as error:
        decode_all(rewrite(made(False), flip))
    assert str(key) in one_line(error)


@pytest.mark.parametrize("key", [TABLES, *RESIDUALS[4:8]], ids=str)
@pytest.mark.parametrize("count", [-4, -1, 1, 4])
def test_too_few_and_too_many_bytes_behind_a_right_crc(key: UnitKey, count: int) -> None:
    def resize(met: UnitKey, payload: bytes) -> bytes:
        if met != key:
            return payload
        return payload[:count] if count < 0 else payload + b"\x01" * count

    with pytest.raises((DecodeError, BitstreamError)) as error:
        decode_all(rewrite(made(False), resize))
    assert str(key) in one_line(error)


def test_other_tables_than_the_encoders_are_found() -> None:
    """All words well formed for other tables: the coder does not end where it must."""
    luma = DEFAULT_TABLES[2][0]
    binary = list(luma[0].binary)
    binary[32:36] = [0] * 4  # significance on the next diagonals of level 0
    other = (replace(luma[0], binary=tuple(binary)), *luma[1:])
    tables = (*DEFAULT_TABLES[:2], (other, DEFAULT_TABLES[2][1]))
    header = TablesHeader(2, DEFAULT_TABLES, False, tables, intra_flag=True, deblocking_flag=True)
    changed = write_payload(header)
    with pytest.raises((DecodeError, BitstreamError), match=r"RESIDUAL unit \(segment 0, gop 1, level 0\)"):
        decode_all(rewrite(made(False), lambda met, payload: changed if met == TABLES else payload))


def test_damage_elsewhere_does_not_matter() -> None:
    """A reduced scale does without finer levels; a closed GoP without those before it."""
    finer = [UnitKey(UnitType.RESIDUAL, 0, gop, level) for gop in range(4) for level in (0, 1)]
    data = damage(made(True), [*finer, UnitKey(UnitType.NETWORK, 0, 0, 0)])
    assert all(map(same_planes, decode_all(data, scale="1/4", verify=True), right(True, "1/4")))
    before = [UnitKey(UnitType.RESIDUAL, 0, gop, level) for gop in range(3) for level in range(4)]
    with Decoder(damage(made(False), [*before, *VECTORS[:2]]), threads=1, verify=True) as decoder:
        assert all(map(same_planes, decoder[8:], right(False)[8:]))
        for index in (0, 3, 7):
            with pytest.raises(UnitDamaged):
                decoder[index]


@pytest.mark.parametrize("key", [RESIDUALS[4], RESIDUALS[7], VECTORS[0]], ids=str)
def test_pictures_before_the_damage_are_right_and_none_after_it_comes(key: UnitKey) -> None:
    found: list[Frame] = []
    with Decoder(damage(made(True), [key]), threads=2) as decoder, pytest.raises(UnitDamaged):
        found += decoder
    assert len(found) <= GOPS[1].first
    assert all(map(same_planes, found, right(True)[: len(found)]))


@pytest.mark.parametrize("minor", [5, 6])
def test_a_file_of_an_earlier_version_decodes_as_it_did(minor: int) -> None:
    """Its TABLES unit has no flags of intra blocks and of the filter, and its chroma is at quarter samples."""
    data = build(network=True, filters=False, choice=OTHER_CHOICE, minor=7)
    old = write_payload(blank_tables(minor, network_flag=True, choice=OTHER_CHOICE))
    earlier = rewrite(data, lambda met, payload: old if met == TABLES else payload)
    assert len(earlier) == len(data) - 1
    with Decoder(of_version(earlier, minor), threads=1) as decoder:
        found = list(decoder)
        assert trace.missing_units(decoder) == []
        parts = {part.name: part for part in trace.trace_file(decoder)}
    assert len(found) == COUNT
    later = decode_all(data, verify=True)
    with Decoder(data, threads=1) as decoder:
        decoder._fine = False
        assert all(map(same_planes, found, decoder))
    assert same_planes(found[0], later[0]), "it has no references"
    assert not all(map(same_planes, found, later))
    assert not any(part.damage for part in parts.values())
    names = [element.name for element in parts[str(TABLES)].elements]
    assert "choice_table[1]" in names
    assert "deblocking_flag" not in names
    for other in (7, 8):
        with pytest.raises(UnitTruncated, match=r"TABLES unit \(segment 0\)") as short:
            decode_all(of_version(earlier, other))
        one_line(short)
    with pytest.raises(TrailingData, match=r"TABLES unit \(segment 0\)") as long:
        decode_all(of_version(data, minor))
    one_line(long)


@pytest.mark.parametrize("network", [False, True])
def test_a_file_of_version_7_shows_the_same_pictures_as_one_of_version_8(network: bool) -> None:
    """Of the same coefficients, choices and vectors; the coefficients' words are other ones, by their own tables."""
    data, later = build(network=network, minor=7), build(network=network, minor=8)
    found = decode_all(data, verify=True)
    assert all(map(same_planes, found, decode_all(later, verify=True)))
    words = []
    for each in (data, later):
        with ContainerReader(each) as container:
            words.append([container.payload(entry.key) for entry in container.entries])
    kinds = [entry.key.unit_type for entry in container.entries]
    differing = {kind for kind, a, b in zip(kinds, *words, strict=True) if a != b}
    assert differing == {UnitType.RESIDUAL, UnitType.INDEX}
    with Decoder(data) as decoder:
        assert not any(part.damage for part in trace.trace_file(decoder))
        assert describe(decoder)["format_version"] == "0.7"
    for other, minor in ((data, 8), (later, 7)):
        with pytest.raises(
            (DecodeError, BitstreamError), match=r"RESIDUAL unit \(segment 0, gop 0, level \d\)"
        ) as error:
            decode_all(of_version(other, minor))
        one_line(error)


@pytest.mark.parametrize("network", [False, True])
def test_a_file_of_version_8_is_aligned_by_four_taps(network: bool) -> None:
    """Else it decodes as one of version 0.9, of the same coefficients, choices and vectors."""
    data = build(network=network, minor=8)
    found = decode_all(data, verify=True)
    with Decoder(data, threads=1) as decoder:
        alone = {task.number for task in decoder._tasks(0, COUNT) if task.motion is None}
    assert alone == {0, 8}
    for frame, later in zip(found, right(network), strict=True):
        assert same_planes(frame, later) == (frame.pts in alone)
    with Decoder(data, threads=1) as decoder:
        assert decoder._taps is FOUR_TAPS
        decoder._taps = EIGHT_TAPS
        assert all(map(same_planes, decoder, right(network)))
    with Decoder(made(network), threads=1) as decoder:
        assert decoder._taps is EIGHT_TAPS


@pytest.mark.parametrize("minor", [5, 6])
def test_an_earlier_version_with_the_new_flags_is_refused(minor: int) -> None:
    data = made(False)
    with pytest.raises(NonZeroPadding, match=r"TABLES unit \(segment 0\)") as error:
        decode_all(of_version(data, minor))
    one_line(error)


@pytest.mark.parametrize("minor", [3, 4])
def test_an_earlier_version_is_refused(minor: int) -> None:
    data = made(False)
    message = rf"hybrid profile of format version 0\.{minor}, .* version 0\.5"
    with pytest.raises(UnsupportedVersion, match=message) as refused:
        Decoder(of_version(data, minor))
    one_line(refused)


# nvinfo and the trace


@pytest.mark.parametrize("network", [False, True])
def test_the_trace_covers_every_bit_once(network: bool) -> None:
    data, offset = made(network), 0
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
    with Decoder(made(True)) as decoder:
        parts = {part.name: {e.name: e.value for e in part.elements} for part in trace.trace_file(decoder)}
    assert parts["SEQUENCE unit"]["profile"] == 2
    assert parts["TABLES unit (segment 0)"]["network_flag"] == 1
    assert parts["TABLES unit (segment 0)"]["deblocking_flag"] == parts["TABLES unit (segment 0)"]["intra_flag"] == 1
    first = parts["RESIDUAL unit (segment 0, gop 0, level 3)"]
    assert "intra_size[0]" not in first
    pictures = parts["RESIDUAL unit (segment 0, gop 1, level 3)"]
    assert [pictures[f"network_flag[{i}]"] for i in range(4)] == [1] * 4
    assert [pictures[f"residual_flag[{i}]"] for i in range(4)].count(0) == 1
    assert 8 <= pictures["qp[0]"] < 36
    assert "intra_size[0]" in pictures
    assert "deblocked_flag[1]" in pictures
    assert [pictures[f"residual_level_flag[{level}]"] for level in (2, 1, 0)] == [1] * 3
    assert pictures["coded_words"] is None
    assert "plane_flag[2][2]" in parts["RESIDUAL unit (segment 0, gop 1, level 0)"]
    assert "plane_flag[3][0]" not in parts["RESIDUAL unit (segment 0, gop 1, level 0)"]


@pytest.mark.parametrize(
    "key",
    [
        UnitKey(UnitType.RESIDUAL, 0, 4, 3),
        UnitKey(UnitType.RESIDUAL, 0, 1, 4),
        UnitKey(UnitType.TABLES, 1),
        UnitKey(UnitType.NETWORK, 0, 1, 3),
        UnitKey(UnitType.NETWORK, 0, 0, 3),
        UnitKey(UnitType.GOP, 0, 1, 4),
    ],
    ids=str,
)
def test_units_without_a_place_are_named(key: UnitKey) -> None:
    """Also of a network where the segment has none."""
    with ContainerReader(made(False)) as container:
        units = [(entry.key, container.payload(entry.key)) for entry in container.entries[:-1]]
    with Decoder(write_file([*units, (key, b"\0" * 8)])) as decoder:
        damaged = {part.name: part.damage for part in trace.trace_file(decoder) if part.damage}
    assert list(damaged) == [str(key)]
    assert "has no place" in damaged[str(key)]


@pytest.mark.parametrize("key", [TABLES, RESIDUALS[5], RESIDUALS[7], NETWORK[2]], ids=str)
def test_missing_and_damaged_units_are_listed(key: UnitKey) -> None:
    with Decoder(rewrite(made(True), lambda met, payload: None if met == key else payload)) as decoder:
        assert key in trace.missing_units(decoder)
    with Decoder(damage(made(True), [key])) as decoder:
        assert str(key) in [part.name for part in trace.trace_file(decoder) if part.damage]


@pytest.mark.parametrize("network", [False, True])
def test_needed_units_are_those_of_the_file(network: bool) -> None:
    with Decoder(made(network)) as decoder:
        keys = [entry.key for entry in decoder.container.entries]
        assert trace.needed_units(decoder) == [k for k in keys if k.unit_type not in (UnitType.DIGEST, UnitType.INDEX)]
        assert trace.missing_units(decoder) == []
        sizes = trace.component_bytes(decoder)
    assert sum(sizes.values()) == len(made(network))
    assert sizes["residuals"] > sizes["vectors"] > 0
    assert (sizes["network"] > 0) == network
    assert sizes["tables"] > 0


@pytest.mark.parametrize("network", [False, True])
def test_nvinfo_and_probe(network: bool) -> None:
    data = made(network)
    found = nvcodec.probe(data)
    assert (found.profile, found.picture_count, found.gop_lengths) == ("hybrid", COUNT, (1, 4, 3, 3))
    with Decoder(data) as decoder:
        info = json.loads(json.dumps(describe(decoder)))
    assert (info["profile"], info["open_gops"], info["keyint"]) == ("hybrid", 2, 8)
    assert info["missing_units"] == []
    assert info["format_version"] == "0.9"
    assert sum(level["grid_bytes"] for level in info["levels"]) == info["components"]["residuals"]
    assert [scale["bytes_read"] for scale in info["scales"]] == sorted(
        (scale["bytes_read"] for scale in info["scales"]), reverse=True
    )
    text = "\n".join(info_lines(info))
    for expected in ("profile     hybrid", "GoPs: 4 of 1 to 4 pictures; closed: 2, open: 2", "residuals ", "vectors "):
        assert expected in text


def test_the_command(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from nvcodec.cli.nvinfo import nvinfo

    path = tmp_path / "clip.msn"
    path.write_bytes(made(True))
    ran = CliRunner().invoke(nvinfo, [str(path), "--json", "--trace"], standalone_mode=False)
    info = json.loads(ran.output)
    assert ran.return_value == 0
    assert info["profile"] == "hybrid"
    assert not any(part["damage"] for part in info["trace"])
    assert any(part["name"] == "RESIDUAL unit (segment 0, gop 3, level 2)" for part in info["trace"])
