"""Every header, drawn at random: written, read back, traced, cut and lengthened."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.bitstream import (
    INTER,
    INTRA,
    ColourDescription,
    DigestPayload,
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
    VectorBase,
    limits,
    read_coded_payload,
    read_payload,
    write_payload,
)
from nvcodec.bitstream.errors import TrailingData, UnitTruncated
from nvcodec.bitstream.headers import DEFAULT_SPLIT_SCALE, DEFAULT_SPLIT_TABLES, DEFAULT_VECTOR_SCALES
from nvcodec.bitstream.visitor import Header, TraceEntry

PLACE = Place("test unit", 50)

u8, u32 = st.integers(0, (1 << 8) - 1), st.integers(0, (1 << 32) - 1)
positive_u16, positive_u32 = st.integers(1, (1 << 16) - 1), st.integers(1, (1 << 32) - 1)


def levels(*, with_grid: bool) -> st.SearchStrategy[LevelConfig]:
    shape = {"features": st.integers(1, 63), "branch": st.integers(0, 63)}
    if not with_grid:
        return st.builds(LevelConfig, **shape)
    return st.builds(
        LevelConfig,
        **shape,
        grid_channels=st.integers(1, 31),
        gop_grid_flag=st.booleans(),
        temporal_stride_log2=st.integers(0, 3),
        window_flag=st.booleans(),
        context_hidden=st.integers(0, 31),
    )


any_level = levels(with_grid=False) | levels(with_grid=True)
models = st.builds(
    ModelConfig,
    levels=st.tuples(any_level, any_level, any_level, any_level, levels(with_grid=True)),
    window_length=st.integers(1, 8),
    fusion_count=st.integers(1, 3),
    picture_skip_flag=st.booleans(),
    context_previous_flag=st.booleans(),
    context_coarser_flag=st.booleans(),
)


def motion_levels(*, with_grid: bool) -> st.SearchStrategy[LevelConfig]:
    shape = {"features": st.integers(1, 63), "branch": st.integers(0, 63)}
    if with_grid:
        shape |= {"grid_channels": st.integers(1, 31), "context_hidden": st.integers(0, 31)}
    return st.builds(LevelConfig, **shape)


def motion_models(role: str) -> st.SearchStrategy[ModelConfig]:
    level = motion_levels(with_grid=False) | motion_levels(with_grid=True)
    return st.builds(
        ModelConfig,
        levels=st.tuples(level, level, level, level, motion_levels(with_grid=True)),
        fusion_count=st.integers(1, 3),
        picture_skip_flag=st.booleans(),
        context_coarser_flag=st.booleans(),
        context_neighbours_flag=st.booleans(),
        base_model=st.sampled_from([0, 2]),
        step_rows=st.integers(1, 8) if role == INTER else st.just(1),
        role=st.just(role),
    )


sequences = st.builds(
    SequenceHeader,
    width=st.integers(1, 8192),
    height=st.integers(1, 768),  # grids of any model then stay below MAX_PICTURE_LATENTS
    chroma_format=st.sampled_from(["400", "420", "422", "444"]),
    bit_depth=st.sampled_from([8, 10, 12]),
    frame_rate_num=positive_u32,
    frame_rate_den=positive_u32,
    picture_count=st.integers(65535, 1 << 24),
    segment_count=positive_u16,
    full_range_flag=st.booleans(),
    colour_description=st.none() | st.builds(ColourDescription, u8, u8, u8),
    pixel_aspect=st.none() | st.tuples(positive_u16, positive_u16),
    model=models,
)
segments = st.lists(st.integers(1, 1024), min_size=1, max_size=20).flatmap(
    lambda lengths: st.builds(
        SegmentHeader,
        first_picture=st.integers(0, (1 << 24) - 1),
        picture_count=st.just(sum(lengths)),
        gop_length=st.just(lengths),
    )
)
motion_segments = st.lists(st.tuples(st.integers(1, 64), st.booleans()), min_size=1, max_size=20).map(
    lambda gops: SegmentHeader(
        3,
        sum(length for length, _ in gops),
        [length for length, _ in gops],
        True,
        [False, *(opened for _, opened in gops[1:])],
    )
)
components = st.integers(-1024, 1023)
bases = st.just(VectorBase()) | st.builds(VectorBase, st.just(False), st.tuples(components, components))


@st.composite
def motion_headers(draw: st.DrawFn, hybrid: bool) -> MotionHeader:
    counts = tuple(draw(st.lists(st.integers(1, 2), max_size=8)))
    header = MotionHeader(
        counts,
        [draw(st.integers(3, 6)) for _ in counts],
        [[draw(bases) for _ in range(count)] for count in counts],
        draw(st.lists(st.integers(0, 39), min_size=26, max_size=26)),
    )
    if not hybrid:
        return header
    own = list(zip(header.scale_index, DEFAULT_VECTOR_SCALES, strict=True))
    header.scale_index = [default if draw(st.booleans()) else index for index, default in own]
    header.hybrid = True
    header.split_depth = [draw(st.none() | st.integers(0, block - 3)) for block in header.block_log2]
    if any(header.split_depth):
        header.split_tables = [draw(st.just(default) | st.integers(0, 63)) for default in DEFAULT_SPLIT_TABLES]
        header.split_scale_index = draw(st.just(DEFAULT_SPLIT_SCALE) | st.integers(0, 39))
    return header


tensors = st.builds(TensorCoding, scale_index=st.integers(0, 39), shift=st.integers(0, 15))


@st.composite
def networks(draw: st.DrawFn) -> tuple[ModelConfig, int, NetworkHeader]:
    model, level = draw(models | motion_models(INTRA) | motion_models(INTER)), draw(st.integers(0, 4))
    own, rows = model.levels[level], model.step_rows
    row = st.lists(st.integers(1, (1 << model.step_bits) - 1), min_size=own.grid_channels, max_size=own.grid_channels)
    gop_step = draw(row) if own.gop_grid_flag else []
    step = [value for _ in range(rows) for value in draw(row)]
    return model, level, NetworkHeader(own, draw(st.lists(tensors, max_size=20)), step, gop_step, rows, model.step_bits)


gops = st.builds(GopHeader, st.integers(1, 1024), st.just(True), st.integers(0, 39)) | st.builds(
    GopHeader, st.integers(1, 1024), st.just(False)
)


@st.composite
def digest_payloads(draw: st.DrawFn) -> DigestPayload:
    pictures, size = draw(st.integers(1, 6)), draw(st.sampled_from([1, 2, 4, 8]))
    scales = draw(st.sets(st.integers(0, 3)))
    one = st.lists(st.binary(min_size=size, max_size=size), min_size=pictures, max_size=pictures)
    return DigestPayload(pictures, size, {scale: draw(one) for scale in scales})


keys = st.builds(UnitKey, u8, u32, u32, u8)
indexes = st.builds(IndexPayload, st.lists(st.tuples(keys, u32), max_size=20))


def round_trip(header: Header, blank: Callable[[], Header]) -> list[TraceEntry]:
    """Write, read back and trace; the trace, whose fields must tile the payload."""
    payload = write_payload(header)
    assert read_payload(blank(), payload, PLACE) == header
    trace: list[TraceEntry] = []
    assert read_payload(blank(), payload, PLACE, trace=trace) == header
    offset = 0
    for entry in trace:
        assert entry.bit_offset == offset
        offset += entry.bits
    assert offset == 8 * len(payload)
    with pytest.raises(UnitTruncated):
        read_payload(blank(), payload[:-1], PLACE)
    with pytest.raises(TrailingData, match=f"byte {50 + len(payload)}: 1 bytes after the last field"):
        read_payload(blank(), payload + b"\0", PLACE)
    return trace


def names(trace: list[TraceEntry]) -> list[str]:
    return [entry.name for entry in trace]


@given(sequences)
def test_sequence_round_trip(header: SequenceHeader) -> None:
    trace = round_trip(header, SequenceHeader)
    assert names(trace)[:4] == ["width", "height", "chroma_format", "bit_depth"]
    assert ("par_num" in names(trace)) == (header.pixel_aspect is not None)
    assert ("colour_primaries" in names(trace)) == (header.colour_description is not None)


@given(models)
def test_model_configuration_survives_and_is_traced_by_level(model: ModelConfig) -> None:
    model.validate()
    trace = names(round_trip(SequenceHeader(model=model), SequenceHeader))
    for level, own in enumerate(model.levels):
        assert f"features[{level}]" in trace
        assert (f"context_hidden[{level}]" in trace) == bool(own.grid_channels)
    assert trace.index("features[4]") < trace.index("features[0]")
    assert model.grid_levels == tuple(level for level in (4, 3, 2, 1, 0) if model.levels[level].grid_channels)


@given(sequences, motion_models(INTRA), motion_models(INTER))
def test_motion_sequence_round_trip(header: SequenceHeader, intra: ModelConfig, inter: ModelConfig) -> None:
    header.profile, header.model, header.inter_model = "motion", intra, inter
    trace = names(round_trip(header, SequenceHeader))
    assert trace.count("step_rows") == 1
    assert trace.count("context_neighbours_flag") == 2
    assert not {"window_length", "context_previous_flag", "gop_grid_flag[4]", "window_flag[4]"} & set(trace)
    assert read_payload(SequenceHeader(), write_payload(header), PLACE).models == (intra, inter)


@given(motion_segments)
def test_motion_segment_round_trip(header: SegmentHeader) -> None:
    trace = names(round_trip(header, lambda: SegmentHeader(motion=True)))
    count = len(header.gop_length)
    assert [name for name in trace if name.startswith("open_gop")] == [f"open_gop_flag[{i}]" for i in range(count)]


words_at_will = st.integers(0, 5).map(lambda count: bytes(range(4 * count)))


@given(st.lists(st.booleans(), min_size=1, max_size=64), words_at_will)
def test_latent_header_round_trip(coded: list[bool], words: bytes) -> None:
    header = LatentHeader(len(coded), coded)
    trace = names(round_trip(header, lambda: LatentHeader(len(coded))))
    assert trace[: len(coded)] == [f"coded_flag[{i}]" for i in range(len(coded))]
    assert read_coded_payload(LatentHeader(len(coded)), write_payload(header, words), PLACE) == (header, words)


@given(motion_headers(hybrid=True), words_at_will)
def test_motion_header_of_the_hybrid_profile_round_trip(header: MotionHeader, words: bytes) -> None:
    def blank() -> MotionHeader:
        return MotionHeader(header.reference_counts, hybrid=True)

    trace = names(round_trip(header, blank))
    assert sum(name.startswith("stepped_flag") for name in trace) == len(header.reference_counts)
    assert sum(name.startswith("split_depth") for name in trace) == sum(d is not None for d in header.split_depth)
    assert sum(name.startswith("custom_split_table") for name in trace) == (15 if any(header.split_depth) else 0)
    assert trace.count("custom_split_scale_index") == any(header.split_depth)
    assert sum(name.startswith("custom_vector_scale_index") for name in trace) == 26
    customs = sum(map(int.__ne__, header.scale_index, DEFAULT_VECTOR_SCALES))
    assert sum(name.startswith("vector_scale_index") for name in trace) == customs
    assert read_coded_payload(blank(), write_payload(header, words), PLACE) == (header, words)
    depths = [depth or 0 for depth in header.split_depth]
    assert header.finest_log2 == [block - depth for block, depth in zip(header.block_log2, depths, strict=True)]


@given(motion_headers(hybrid=False), words_at_will)
def test_motion_header_round_trip(header: MotionHeader, words: bytes) -> None:
    def blank() -> MotionHeader:
        return MotionHeader(header.reference_counts)

    trace = names(round_trip(header, blank))
    assert sum(name.startswith("derived_flag") for name in trace) == sum(header.reference_counts)
    assert sum(name.startswith("vector_scale_index") for name in trace) == 26
    assert read_coded_payload(blank(), write_payload(header, words), PLACE) == (header, words)


@given(segments)
def test_segment_round_trip(header: SegmentHeader) -> None:
    trace = round_trip(header, SegmentHeader)
    assert names(trace)[:4] == ["first_picture", "picture_count", "gop_count", "gop_length[0]"]


@given(networks(), st.integers(0, 5).map(lambda count: bytes(range(4 * count))))
def test_network_round_trip(drawn: tuple[ModelConfig, int, NetworkHeader], words: bytes) -> None:
    model, level, header = drawn

    def blank() -> NetworkHeader:
        return NetworkHeader.blank(model, level, len(header.tensors))

    trace = round_trip(header, blank)
    assert names(trace).count("step[0]") == bool(header.step)
    assert names(trace).count("gop_step[0]") == bool(header.gop_step)
    assert read_coded_payload(blank(), write_payload(header, words), PLACE) == (header, words)


@given(gops, st.integers(0, 5).map(lambda count: bytes(range(4 * count))))
def test_gop_round_trip(header: GopHeader, words: bytes) -> None:
    def blank() -> GopHeader:
        return GopHeader(header.picture_count, header.window_flag)

    trace = round_trip(header, blank)
    assert ("window_scale_index" in names(trace)) == header.window_flag
    assert read_coded_payload(blank(), write_payload(header, words), PLACE) == (header, words)


@given(digest_payloads())
def test_digest_round_trip(header: DigestPayload) -> None:
    trace = round_trip(header, lambda: DigestPayload(header.picture_count))
    assert names(trace)[:3] == ["digest_bytes", "scale_mask", "padding"]


@given(indexes)
def test_index_round_trip(header: IndexPayload) -> None:
    round_trip(header, IndexPayload)


@given(keys, st.integers(0, limits.MAX_PAYLOAD_BYTES))
def test_unit_header_round_trip(key: UnitKey, length: int) -> None:
    trace = round_trip(UnitHeader(key, length), UnitHeader)
    assert names(trace) == ["unit_type", "segment", "gop", "level", "payload_length"]


@given(st.integers(0, (1 << 64) - 1))
def test_footer_round_trip(offset: int) -> None:
    round_trip(Footer(offset), Footer)
