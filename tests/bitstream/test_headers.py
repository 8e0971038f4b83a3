"""Every header's layout on golden bytes, and each refusal on literal values or bytes."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from nvcodec.bitstream import (
    INTER,
    INTRA,
    LEVELS,
    ColourDescription,
    DigestPayload,
    FileHeader,
    Footer,
    GopHeader,
    IndexPayload,
    LatentHeader,
    LevelConfig,
    ModelConfig,
    MotionHeader,
    NetworkHeader,
    Place,
    SegmentHeader,
    SequenceHeader,
    TensorCoding,
    UnitHeader,
    UnitKey,
    UnitType,
    VectorBase,
    check_segments,
    limits,
    read_coded_payload,
    read_payload,
    write_payload,
)
from nvcodec.bitstream.errors import (
    InconsistentStream,
    LimitExceeded,
    NonZeroPadding,
    PartialWord,
    ReservedFlagSet,
    UnitTruncated,
    UnsupportedBaseModel,
    UnsupportedProfile,
    UnsupportedVersion,
    ValueOutOfRange,
)
from nvcodec.bitstream.headers import (
    CONTEXT_COUNT,
    DEFAULT_SPLIT_SCALE,
    DEFAULT_SPLIT_TABLES,
    DEFAULT_VECTOR_SCALES,
    SPLIT_CONTEXTS,
)
from nvcodec.bitstream.visitor import TraceEntry

PLACE = Place("test unit", 50)
GRID = LevelConfig(features=8, grid_channels=2)


# Golden bytes: these pin the layout itself.


def test_file_header_bytes() -> None:
    assert write_payload(FileHeader()) == b"\x89MSN\x00\x09\x00\x00"


def test_footer_bytes() -> None:
    assert write_payload(Footer(0x0102)) == b"\x02\x01\0\0\0\0\0\0MSNX"


def test_unit_header_bytes() -> None:
    assert write_payload(UnitHeader(UnitKey(UnitType.GOP, 1, 300, 2), 5)) == bytes([4, 1, 0xAC, 0x02, 2, 5])


def test_sequence_bytes() -> None:
    header = SequenceHeader(width=352, height=288, frame_rate_num=30, picture_count=2, pixel_aspect=(16, 11))
    fields = "".join(
        [
            f"{352:016b}{288:016b}",
            "01" + "1000",  # 4:2:0, 8 bit
            f"{30:032b}{1:032b}{2:032b}{1:016b}",
            "0000" + "0" + "0" + "1",  # profile, full range, colour description, pixel aspect
            f"{16:016b}{11:016b}",
            f"{1:06b}{0:06b}{1:05b}" + "0" + "00" + "0" + "00000",  # level 4
            f"{1:06b}{0:06b}{0:05b}" * 4,
            "0001" + "01" + "000" + "00000000" + "00000000",
        ]
    )
    fields += "0" * (-len(fields) % 8)
    assert write_payload(header) == int(fields, 2).to_bytes(len(fields) // 8, "big")


def test_segment_bytes() -> None:
    assert write_payload(SegmentHeader(32, 5, [3, 2])).hex() == "0000002000000005000200030002"


def test_network_bytes() -> None:
    own = LevelConfig(grid_channels=2, gop_grid_flag=True)
    header = NetworkHeader(own, [TensorCoding(39, 15), TensorCoding(1, 2)], [255, 1], [2, 3])
    bits = "00000010" + "100111" + "1111" + "000001" + "0010" + "11111111" + "00000001" + "00000010" + "00000011"
    assert write_payload(header, b"WORD") == int(bits + "0000", 2).to_bytes(8, "big") + b"WORD"


def test_gop_bytes() -> None:
    assert write_payload(GopHeader(32, True, 39), b"WORD") == bytes([0, 32, 39 << 2]) + b"WORD"
    assert write_payload(GopHeader(32, False)) == bytes([0, 32])


def as_bytes(fields: str) -> bytes:
    """Bits to bytes, zeros up to the boundary."""
    fields += "0" * (-len(fields) % 8)
    return int(fields, 2).to_bytes(len(fields) // 8, "big")


def test_motion_sequence_bytes() -> None:
    levels = (*(LevelConfig(features=2),) * 4, LevelConfig(grid_channels=3, context_hidden=5))
    shared = {"fusion_count": 2, "picture_skip_flag": True, "context_neighbours_flag": True}
    header = SequenceHeader(
        width=16,
        height=8,
        profile="motion",
        model=ModelConfig(levels=levels, role=INTRA, base_model=0, **shared),
        inter_model=ModelConfig(levels=levels, role=INTER, step_rows=5, base_model=2, **shared),
    )
    network_levels = f"{1:06b}{0:06b}{3:05b}{5:05b}" + f"{2:06b}{0:06b}{0:05b}" * 4
    flags = "10" + "1" + "0" + "1"  # fusion_count, picture_skip, context_coarser, context_neighbours
    fields = (
        f"{16:016b}{8:016b}" + "01" + "1000" + f"{25:032b}{1:032b}{1:032b}{1:016b}" + "0001" + "000"
        + network_levels + flags + "00000000" + "00000000"
        + network_levels + flags + "0101" + "00000010" + "00000000"
    )  # fmt: skip
    assert write_payload(header) == as_bytes(fields)
    assert read_payload(SequenceHeader(), as_bytes(fields), PLACE) == header


def test_motion_segment_bytes() -> None:
    header = SegmentHeader(32, 6, [1, 3, 2], True, [False, True, False])
    assert write_payload(header).hex() == "0000002000000006" + "0003" + "000100030002" + "40"


def test_latent_header_bytes() -> None:
    assert write_payload(LatentHeader(3, [True, False, True]), b"WORD") == b"\xa0WORD"
    assert write_payload(LatentHeader(9, [True] * 9)) == b"\xff\x80"
    assert write_payload(LatentHeader(2)) == b"\0"


def test_motion_bytes() -> None:
    header = MotionHeader(
        (1, 2),
        [6, 3],
        [[VectorBase(False, (-1024, 1023))], [VectorBase(), VectorBase(False, (0, -1))]],
        [39, *[0] * 24, 1],
    )
    fields = (
        "11" + "0" + "00000000000" + "11111111111"
        + "00" + "1" + "0" + "10000000000" + "01111111111"
        + "100111" + "000000" * 24 + "000001"
    )  # fmt: skip
    assert write_payload(header, b"WORD") == as_bytes(fields) + b"WORD"
    assert read_payload(MotionHeader((1, 2)), as_bytes(fields), PLACE) == header


def test_motion_bytes_of_the_hybrid_profile() -> None:
    """The specification's example."""
    header = MotionHeader(
        (1, 2),
        [6, 3],
        [[VectorBase(False, (-1024, 1023))], [VectorBase(), VectorBase(False, (0, -1))]],
        [*DEFAULT_VECTOR_SCALES[:25], 1],
        hybrid=True,
        split_depth=[2, None],
        split_tables=[63, *DEFAULT_SPLIT_TABLES[1:]],
        split_scale_index=39,
    )
    fields = (
        "11" + "1" + "10" + "0" + "00000000000" + "11111111111"
        + "00" + "0" + "1" + "0" + "10000000000" + "01111111111"
        + "1" + "111111" + "0" * 14 + "1" + "100111" + "0" * 25 + "1" + "000001"
    )  # fmt: skip
    assert write_payload(header, b"WORD") == as_bytes(fields) + b"WORD"
    assert as_bytes(fields) == bytes.fromhex("F0 00 7F F1 40 07 FF FC 00 0C E0 00 00 08 20")
    assert read_payload(MotionHeader((1, 2), hybrid=True), as_bytes(fields), PLACE) == header
    assert header.finest_log2 == [4, 3]


def test_pictures_without_splits_have_no_tables_of_them() -> None:
    header = MotionHeader((1, 1), [5, 3], hybrid=True, split_depth=[0, None])
    assert write_payload(header) == as_bytes("10" + "1" + "00" + "1" + "00" + "0" + "1" + "0" * 26)
    found = read_payload(MotionHeader((1, 1), hybrid=True), write_payload(header), PLACE)
    assert (found.split_depth, found.split_tables) == ([0, None], [])
    assert found.scale_index == list(DEFAULT_VECTOR_SCALES)


def test_a_table_may_be_named_though_it_is_the_default() -> None:
    named = f"1{DEFAULT_VECTOR_SCALES[0]:06b}"
    payload = as_bytes("00" + "0" + "1" + named + "0" * 25)
    assert read_payload(MotionHeader((1,), hybrid=True), payload, PLACE).scale_index == list(DEFAULT_VECTOR_SCALES)


def test_default_tables_of_vectors_are_those_of_the_specification() -> None:
    text = (Path(__file__).resolve().parents[2] / "bitstream_spec.md").read_text()
    listed = text.split("### 7.8 ")[1].split("**Vectors** (5.8)")[1].split("```")[1]
    numbers = [[int(number) for number in part.split(":")[1].split("\n", 1)[1].replace("\n", "").split(",")]
               for part in re.findall(r"\w+(?:\[[\d.]+\])?:\n[\d,\s]+", listed)]  # fmt: skip
    assert numbers == [
        list(DEFAULT_VECTOR_SCALES[:13]),
        list(DEFAULT_VECTOR_SCALES[13:]),
        list(DEFAULT_SPLIT_TABLES),
        [DEFAULT_SPLIT_SCALE],
    ]
    assert (len(DEFAULT_VECTOR_SCALES), len(DEFAULT_SPLIT_TABLES)) == (CONTEXT_COUNT, SPLIT_CONTEXTS)
    assert max(*DEFAULT_VECTOR_SCALES, DEFAULT_SPLIT_SCALE) <= limits.MAX_SCALE_INDEX
    assert max(DEFAULT_SPLIT_TABLES) < 64


def test_network_bytes_with_rows_of_steps() -> None:
    model = ModelConfig((*(LevelConfig(),) * 4, LevelConfig(grid_channels=2)), role=INTER, step_rows=3)
    blank = NetworkHeader.blank(model, 4, 0)
    steps = [1, 2, 3, 4, 5, 1023]
    payload = as_bytes(f"{0:08b}" + "".join(f"{step:010b}" for step in steps))
    assert read_payload(blank, payload, PLACE).step == steps
    assert write_payload(blank) == payload


def test_digest_bytes() -> None:
    payload = write_payload(DigestPayload(2, 2, {1: [b"ab", b"cd"], 0: [b"ef", b"gh"]}))
    assert payload == b"\x02\x30efghabcd"


def test_index_bytes() -> None:
    assert write_payload(IndexPayload([(UnitKey(3, 0, 0, 4), 200)])) == bytes([1, 3, 0, 0, 4, 0xC8, 0x01])


# Refusals


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0),
        ("width", 8193),
        ("height", 0),
        ("chroma_format", "411"),
        ("bit_depth", 9),
        ("frame_rate_num", 0),
        ("frame_rate_den", 0),
        ("picture_count", 0),
        ("picture_count", (1 << 24) + 1),
        ("segment_count", 0),
    ],
)
def test_the_writer_refuses_sequence_values_out_of_range(field: str, value: Any) -> None:
    with pytest.raises(ValueOutOfRange, match=f"writing SequenceHeader, byte .*: {field} is ") as caught:
        write_payload(dataclasses.replace(SequenceHeader(), **{field: value}))
    assert (caught.value.field, caught.value.value) == (field, value)


@pytest.mark.parametrize(
    ("byte", "value", "field", "allowed"),
    [
        (0, 0x40, "width", "1..8192"),  # 0x4001
        (2, 0xFF, "height", "1..8192"),
        (4, 0b01_1001_00, "bit_depth", "8 or 10 or 12"),
    ],
)
def test_the_reader_refuses_sequence_values_out_of_range(byte: int, value: int, field: str, allowed: str) -> None:
    payload = bytearray(write_payload(SequenceHeader()))
    payload[byte] = value
    with pytest.raises(ValueOutOfRange, match=f"test unit, byte 5.: {field} is .*, allowed is {allowed}"):
        read_payload(SequenceHeader(), bytes(payload), PLACE)


def test_pixel_aspect_of_zero_is_refused() -> None:
    with pytest.raises(ValueOutOfRange, match="par_den"):
        write_payload(SequenceHeader(pixel_aspect=(1, 0)))


def test_more_segments_than_pictures_are_refused() -> None:
    with pytest.raises(InconsistentStream, match="segment_count 2 is above picture_count 1"):
        write_payload(SequenceHeader(segment_count=2))


def patched_sequence(field: str, value: int) -> bytes:
    """A sequence payload with one field overwritten, found by its trace."""
    payload = write_payload(SequenceHeader(colour_description=ColourDescription(1, 13, 5)))
    trace: list[TraceEntry] = []
    read_payload(SequenceHeader(), payload, PLACE, trace=trace)
    entry = next(entry for entry in trace if entry.name == field)
    shift = 8 * len(payload) - entry.bit_offset - entry.bits
    bits = int.from_bytes(payload, "big") & ~(((1 << entry.bits) - 1) << shift) | value << shift
    return bits.to_bytes(len(payload), "big")


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("profile", 3, UnsupportedProfile),
        ("base_model", 1, UnsupportedBaseModel),
        ("reserved_flags", 0x80, ReservedFlagSet),
        ("features[3]", 0, ValueOutOfRange),
        ("window_length", 0, ValueOutOfRange),
        ("window_length", 9, ValueOutOfRange),
        ("fusion_count", 0, ValueOutOfRange),
        ("padding", 1, NonZeroPadding),
    ],
)
def test_the_reader_refuses_what_it_does_not_know(field: str, value: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="test unit, byte "):
        read_payload(SequenceHeader(), patched_sequence(field, value), PLACE)


@pytest.mark.parametrize(
    "fields",
    [{"gop_grid_flag": True}, {"temporal_stride_log2": 1}, {"window_flag": True}, {"context_hidden": 4}],
)
def test_a_level_without_a_grid_has_no_grid_settings(fields: dict[str, Any]) -> None:
    with pytest.raises(InconsistentStream, match="grid_channels 0"):
        LevelConfig(features=4, **fields)


def test_a_model_has_five_levels_and_a_grid_at_the_coarsest() -> None:
    with pytest.raises(InconsistentStream, match="4 levels, allowed is 5"):
        ModelConfig(levels=(GRID,) * 4)
    with pytest.raises(InconsistentStream, match="level 4 has grid_channels 0"):
        ModelConfig(levels=(GRID,) * 4 + (LevelConfig(),))


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig(levels=(LevelConfig(features=64),) + (GRID,) * 4),
        ModelConfig(levels=(LevelConfig(branch=64),) + (GRID,) * 4),
        ModelConfig(levels=(GRID,) * 4 + (LevelConfig(grid_channels=32),)),
        ModelConfig(levels=(GRID,) * LEVELS, window_length=9),
        ModelConfig(levels=(GRID,) * LEVELS, fusion_count=4),
    ],
)
def test_validate_refuses_models_out_of_range(model: ModelConfig) -> None:
    with pytest.raises(ValueOutOfRange, match="writing model configuration"):
        model.validate()


def test_validate_refuses_another_base_model() -> None:
    with pytest.raises(UnsupportedBaseModel, match="base_model is 3"):
        ModelConfig(base_model=3).validate()


def test_gop_lengths_must_add_up() -> None:
    with pytest.raises(InconsistentStream, match="the GoPs have 5 pictures, picture_count is 6"):
        read_payload(SegmentHeader(), bytes.fromhex("0000000000000006000200030002"), PLACE)


@pytest.mark.parametrize("data", ["00000000000000010000", "000000000000040100010401"])
def test_gop_count_and_length_have_ranges(data: str) -> None:
    with pytest.raises(ValueOutOfRange):
        read_payload(SegmentHeader(), bytes.fromhex(data), PLACE)


def test_segments_must_tile_the_sequence() -> None:
    sequence = SequenceHeader(picture_count=5, segment_count=2)
    first, second = SegmentHeader(0, 3, [3]), SegmentHeader(3, 2, [1, 1])
    check_segments(sequence, [first, second])
    with pytest.raises(InconsistentStream, match="1 SEGMENT units, segment_count is 2"):
        check_segments(sequence, [first])
    with pytest.raises(InconsistentStream, match=r"segment 1\): first_picture is 4"):
        check_segments(sequence, [first, SegmentHeader(4, 2, [2])])
    with pytest.raises(InconsistentStream, match="4 pictures, picture_count is 5"):
        check_segments(sequence, [first, SegmentHeader(3, 1, [1])])


def test_network_header_must_fit_the_model() -> None:
    model = ModelConfig(levels=(GRID,) * LEVELS)
    header = NetworkHeader.blank(model, 0, 3)
    with pytest.raises(InconsistentStream, match="tensor_count is 3, the model configuration has 4"):
        read_payload(NetworkHeader.blank(model, 0, 4), write_payload(header), PLACE)
    with pytest.raises(InconsistentStream, match="1 steps and 0 gop_steps, the model configuration has 2 and 0"):
        write_payload(dataclasses.replace(header, step=[1]))
    with pytest.raises(ValueOutOfRange, match=r"step\[1\] is 0"):
        write_payload(dataclasses.replace(header, step=[1, 0]))
    with pytest.raises(ValueOutOfRange, match=r"scale_index\[0\] is 40, allowed is 0\.\.39"):
        write_payload(dataclasses.replace(header, tensors=[TensorCoding(40, 0)]))


def test_gop_header_must_fit_the_segment() -> None:
    with pytest.raises(InconsistentStream, match="picture_count is 4, the segment's gop_length is 5"):
        read_payload(GopHeader(5, False), write_payload(GopHeader(4, False)), PLACE)


def test_coded_parts_are_whole_words() -> None:
    with pytest.raises(PartialWord, match="test unit, byte 52: the coded part has 3 bytes"):
        read_coded_payload(GopHeader(5, False), b"\0\x05abc", PLACE)
    with pytest.raises(PartialWord):
        write_payload(GopHeader(5, False), b"abc")


def test_digests_must_fit_the_gop() -> None:
    with pytest.raises(InconsistentStream, match="1 digests at scale 0, allowed are 2"):
        write_payload(DigestPayload(2, 2, {0: [b"ab"]}))
    with pytest.raises(InconsistentStream, match="scale 4"):
        write_payload(DigestPayload(1, 2, {4: [b"ab"]}))
    with pytest.raises(ValueOutOfRange, match="digest_bytes is 3, allowed is 1 or 2 or 4 or 8"):
        read_payload(DigestPayload(1), b"\x03\x10abc", PLACE)
    with pytest.raises(ValueOutOfRange, match=r"length of digest\[0\]\[0\] is 3, allowed is 2"):
        write_payload(DigestPayload(1, 2, {0: [b"abc"]}))
    with pytest.raises(NonZeroPadding):
        read_payload(DigestPayload(1), b"\x02\x11ab", PLACE)


def test_an_index_of_more_entries_than_bytes_stops_at_its_end() -> None:
    with pytest.raises(UnitTruncated):
        read_payload(IndexPayload(), bytes.fromhex("808080020100000009"), PLACE)
    with pytest.raises(ValueOutOfRange, match="entry_count"):
        read_payload(IndexPayload(), bytes.fromhex("81808002"), PLACE)


def test_payload_length_has_a_cap() -> None:
    with pytest.raises(LimitExceeded, match="SEQUENCE unit has payload_length 4294967295"):
        read_payload(UnitHeader(), bytes.fromhex("01000000ffffffff0f"), PLACE)


def test_file_header_refusals() -> None:
    with pytest.raises(UnsupportedVersion, match=r"format version 1\.2, this program knows major version 0"):
        read_payload(FileHeader(), b"\x89MSN\x01\x02\x00\x00", PLACE)
    with pytest.raises(ReservedFlagSet, match="flags is 0x0100"):
        read_payload(FileHeader(), b"\x89MSN\x00\x01\x00\x01", PLACE)
    assert read_payload(FileHeader(), b"\x89MSN\x00\x09\x00\x00", PLACE) == FileHeader(0, 9)


def test_visitors_take_any_integer_type() -> None:
    np = pytest.importorskip("numpy")
    header = GopHeader(np.int64(5), True, np.uint8(3))
    assert read_payload(GopHeader(5, True), write_payload(header), PLACE) == GopHeader(5, True, 3)


def test_a_tiny_file_cannot_ask_for_giant_grids() -> None:
    levels = (LevelConfig(1, 0, 31), *ModelConfig().levels[1:])
    header = SequenceHeader(width=8192, height=8192, model=ModelConfig(levels=levels))
    with pytest.raises(LimitExceeded, match="latents, allowed is at most 67108864"):
        write_payload(header)


# Refusals of the motion profile


def test_the_first_gop_of_a_segment_is_closed() -> None:
    with pytest.raises(ValueOutOfRange, match=r"open_gop_flag\[0\] is 1"):
        write_payload(SegmentHeader(0, 2, [1, 1], True, [True, True]))
    payload = bytes.fromhex("00000000" + "00000002" + "0002" + "00010001" + "c0")
    with pytest.raises(ValueOutOfRange, match=r"test unit, byte 64: open_gop_flag\[0\] is 1"):
        read_payload(SegmentHeader(motion=True), payload, PLACE)


def test_gops_of_the_motion_profile_are_short() -> None:
    longest = SegmentHeader(0, 64, [64], True, [False])
    assert read_payload(SegmentHeader(motion=True), write_payload(longest), PLACE) == longest
    with pytest.raises(ValueOutOfRange, match=r"gop_length\[0\] is 65, allowed is 1\.\.64"):
        write_payload(SegmentHeader(0, 65, [65], True, [False]))
    with pytest.raises(ValueOutOfRange, match=r"gop_length\[0\] is 65, allowed is 1\.\.64"):
        read_payload(SegmentHeader(motion=True), write_payload(SegmentHeader(0, 65, [65])) + b"\0", PLACE)


@pytest.mark.parametrize("block_log2", [2, 7])
def test_block_sizes_have_a_range(block_log2: int) -> None:
    with pytest.raises(ValueOutOfRange, match=r"block_log2_minus3\[1\] is "):
        write_payload(MotionHeader((1, 1), [3, block_log2]))


@pytest.mark.parametrize("block_log2", [3, 4, 5])
def test_splits_end_at_blocks_of_8(block_log2: int) -> None:
    depth = block_log2 - 2
    message = rf"split_depth\[0\] is {depth}, allowed is 0\.\.{depth - 1}"
    with pytest.raises(ValueOutOfRange, match=message):
        write_payload(MotionHeader((1,), [block_log2], hybrid=True, split_depth=[depth]))
    payload = as_bytes(f"{block_log2 - 3:02b}" + "1" + f"{depth:02b}" + "1" + "0" * 50)
    with pytest.raises(ValueOutOfRange, match=message):
        read_payload(MotionHeader((1,), hybrid=True), payload, PLACE)


def test_tables_of_splits_have_a_range() -> None:
    split = {"hybrid": True, "split_depth": [1]}
    with pytest.raises(ValueOutOfRange, match=r"split_scale_index is 40, allowed is 0\.\.39"):
        write_payload(MotionHeader((1,), [4], **split, split_scale_index=40))
    with pytest.raises(ValueOutOfRange, match=r"split_table\[14\] is 64, allowed is 0\.\.63"):
        write_payload(MotionHeader((1,), [4], **split, split_tables=[0] * 14 + [64]))
    with pytest.raises(ValueOutOfRange, match=r"vector_scale_index\[25\] is 40, allowed is 0\.\.39"):
        write_payload(MotionHeader((), [], [], [0] * 25 + [40], hybrid=True))


@pytest.mark.parametrize("vector", [(-1025, 0), (0, 1024)])
def test_global_vectors_have_a_range(vector: tuple[int, int]) -> None:
    with pytest.raises(ValueOutOfRange, match=r"global_vector\[0\]\[0\]\[[01]\] is "):
        write_payload(MotionHeader((1,), [3], [[VectorBase(False, vector)]]))


def test_vector_tables_have_a_range() -> None:
    with pytest.raises(ValueOutOfRange, match=r"vector_scale_index\[25\] is 40, allowed is 0\.\.39"):
        write_payload(MotionHeader((), [], [], [0] * 25 + [40]))
    payload = bytes([0xFC] + [0] * 19)
    with pytest.raises(ValueOutOfRange, match=r"vector_scale_index\[0\] is 63"):
        read_payload(MotionHeader(()), payload, PLACE)


def test_motion_headers_end_where_their_pictures_do() -> None:
    payload = write_payload(MotionHeader((2, 1)))
    with pytest.raises(UnitTruncated):
        read_payload(MotionHeader((2, 2, 2, 2)), payload, PLACE)
    with pytest.raises(UnitTruncated):
        read_payload(LatentHeader(9), b"\xff", PLACE)


OVER_TIME = {
    "gop_grid_flag": ModelConfig((*(LevelConfig(),) * 4, LevelConfig(grid_channels=1, gop_grid_flag=True))),
    "temporal_stride_log2": ModelConfig((*(LevelConfig(),) * 4, LevelConfig(grid_channels=1, temporal_stride_log2=1))),
    "window_flag": ModelConfig((*(LevelConfig(),) * 4, LevelConfig(grid_channels=1, window_flag=True))),
    "window_length": ModelConfig(window_length=2),
    "context_previous_flag": ModelConfig(context_previous_flag=True),
}


@pytest.mark.parametrize("role", [INTRA, INTER])
@pytest.mark.parametrize("tool", OVER_TIME)
def test_networks_of_the_motion_profile_have_no_grids_over_time(role: str, tool: str) -> None:
    with pytest.raises(InconsistentStream, match=f"role {role} cannot have"):
        OVER_TIME[tool].with_role(role)


@pytest.mark.parametrize("tool", OVER_TIME)
def test_the_writer_refuses_grids_over_time_in_the_motion_profile(tool: str) -> None:
    with pytest.raises(InconsistentStream):
        write_payload(SequenceHeader(profile="motion", model=OVER_TIME[tool]))
    with pytest.raises(InconsistentStream):
        write_payload(SequenceHeader(profile="motion", inter_model=OVER_TIME[tool]))


@pytest.mark.parametrize("fields", [{"context_neighbours_flag": True}, {"step_rows": 2}])
def test_the_grid_profile_has_no_tools_of_the_motion_profile(fields: dict[str, Any]) -> None:
    with pytest.raises(InconsistentStream, match="motion profile in the grid profile"):
        ModelConfig(**fields)
    with pytest.raises(InconsistentStream, match="motion profile in the grid profile"):
        write_payload(SequenceHeader(model=ModelConfig(role=INTER, **fields)))


def test_only_inter_networks_have_rows_of_steps() -> None:
    with pytest.raises(InconsistentStream, match="role intra cannot have"):
        ModelConfig(role=INTRA, step_rows=2)
    ModelConfig(role=INTER, step_rows=8).validate()
    with pytest.raises(ValueOutOfRange, match=r"step_rows is 9, allowed is 1\.\.8"):
        ModelConfig(role=INTER, step_rows=9).validate()


@pytest.mark.parametrize("role", [INTRA, INTER])
def test_base_models_of_the_motion_profile(role: str) -> None:
    ModelConfig(role=role, base_model=2).validate()
    with pytest.raises(UnsupportedBaseModel, match="base_model is 1, allowed is 0 or 2"):
        ModelConfig(role=role, base_model=1).validate()


@pytest.mark.parametrize(("network", "first"), [("intra", True), ("inter", False)])
def test_the_reader_refuses_unknown_base_models(network: str, first: bool) -> None:
    payload = write_payload(SequenceHeader(profile="motion"))
    trace: list[TraceEntry] = []
    read_payload(SequenceHeader(), payload, PLACE, trace=trace)
    places = [entry for entry in trace if entry.name == "base_model"]
    assert len(places) == 2
    entry = places[0 if first else 1]
    shift = 8 * len(payload) - entry.bit_offset - entry.bits
    broken = (int.from_bytes(payload, "big") | 1 << shift).to_bytes(len(payload), "big")
    with pytest.raises(UnsupportedBaseModel, match=r"test unit, byte .*: base_model is 1, allowed is 0 or 2"):
        read_payload(SequenceHeader(), broken, PLACE)


def test_networks_take_the_role_of_their_place() -> None:
    """A configuration that was made for another profile is written as what it is used for."""
    header = SequenceHeader(profile="motion", model=ModelConfig(), inter_model=ModelConfig(fusion_count=3))
    found = read_payload(SequenceHeader(), write_payload(header), PLACE)
    assert [model.role for model in found.models] == [INTRA, INTER]
    assert found.inter_model == ModelConfig(fusion_count=3, role=INTER)


def test_giant_grids_of_the_inter_network_are_refused_too() -> None:
    levels = (LevelConfig(1, 0, 31), *ModelConfig().levels[1:])
    inter = ModelConfig(levels=levels, role=INTER)
    header = SequenceHeader(width=8192, height=8192, profile="motion", inter_model=inter)
    with pytest.raises(LimitExceeded, match="latents, allowed is at most 67108864"):
        write_payload(header)


def test_networks_with_rows_demand_a_step_for_each() -> None:
    model = ModelConfig((*(LevelConfig(),) * 4, LevelConfig(grid_channels=2)), role=INTER, step_rows=3)
    header = NetworkHeader.blank(model, 4, 0)
    with pytest.raises(InconsistentStream, match="2 steps and 0 gop_steps, the model configuration has 6 and 0"):
        write_payload(dataclasses.replace(header, step=[1, 2]))


def test_names_of_motion_units() -> None:
    assert str(UnitKey(UnitType.MOTION, 1, 2)) == "MOTION unit (segment 1, gop 2)"
    assert str(UnitKey(UnitType.NETWORK, 1, 0, 3)) == "NETWORK unit (segment 1, level 3)"
    assert str(UnitKey(UnitType.NETWORK, 1, 1, 3)) == "NETWORK unit (segment 1, level 3, network 1)"


def test_open_gops_follow_each_other_up_to_a_cap() -> None:
    def segment(opened: int) -> SegmentHeader:
        flags = [False, *[True] * opened, False, True]
        return SegmentHeader(0, len(flags), [1] * len(flags), True, flags)

    payload = write_payload(segment(limits.MAX_OPEN_GOPS))
    assert read_payload(SegmentHeader(motion=True), payload, PLACE).open_gop[-2:] == [False, True]
    with pytest.raises(LimitExceeded, match="1025 open GoPs follow each other, allowed are at most 1024"):
        write_payload(segment(limits.MAX_OPEN_GOPS + 1))
    count = limits.MAX_OPEN_GOPS + 2
    hostile = bytes(4) + count.to_bytes(4, "big") + count.to_bytes(2, "big") + b"\0\1" * count
    hostile += as_bytes("0" + "1" * (count - 1))
    with pytest.raises(LimitExceeded, match=r"test unit, byte .*1025 open GoPs"):
        read_payload(SegmentHeader(motion=True), hostile, PLACE)
