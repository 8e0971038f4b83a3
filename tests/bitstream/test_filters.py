"""The syntax of adaptive filters: golden bytes, round trips, refusals (bitstream_spec.md, sections 5.9 and 5.10)."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import PicturesHeader, Place, TablesHeader, read_coded_payload, read_payload, write_payload
from nvcodec.bitstream.default_tables import DEFAULT_TABLES, default_tables
from nvcodec.bitstream.errors import NonZeroPadding, TrailingData, UnitTruncated, ValueOutOfRange
from nvcodec.bitstream.filters import DEFAULT_FILTER, Filter, clamped, delta_width, visit_filters
from nvcodec.bitstream.visitor import ReadVisitor, TraceEntry, WriteVisitor

PLACE = Place("test unit", 50)
BLANK = TablesHeader(2, DEFAULT_TABLES)
BEFORE = "0" + "000" + "0" + "00"
"""A TABLES unit's fields up to adaptive_filter_flag, all defaults."""


def as_bytes(fields: str) -> bytes:
    """Bits to bytes, zeros up to the boundary."""
    fields += "0" * (-len(fields) % 8)
    return int(fields, 2).to_bytes(len(fields) // 8, "big")


def with_classes(**rows: list[int]) -> Filter:
    """The default filter but for some classes: c3=[..]."""
    return tuple(tuple(rows.get(f"c{c}", row)) for c, row in enumerate(DEFAULT_FILTER))


def written(filters: tuple[Filter, ...]) -> bytes:
    """By `visit_filters` alone."""
    visitor = WriteVisitor("filters")
    assert visit_filters(visitor, filters) == filters
    visitor.align()
    return visitor.getvalue()


def read(payload: bytes) -> tuple[Filter, ...]:
    visitor = ReadVisitor(payload, PLACE)
    found = visit_filters(visitor, ())
    visitor.align()
    assert visitor.position == 8 * len(payload)
    return found


def names(header: TablesHeader | PicturesHeader, payload: bytes) -> list[str]:
    trace: list[TraceEntry] = []
    read_coded_payload(header, payload, PLACE, trace=trace)
    return [entry.name for entry in trace if entry.name != "padding"]


# The default filter


def test_the_default_filter_is_the_specifications() -> None:
    text = (Path(__file__).resolve().parents[2] / "bitstream_spec.md").read_text()
    lines = text.partition("| class | D[class][0..11] |\n|---|---|\n")[2].splitlines()[:15]
    listed = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [int(which) for which, _ in listed] == list(range(15))
    assert tuple(tuple(int(own) for own in row.split(",")) for _, row in listed) == DEFAULT_FILTER
    assert all(len(row) == 12 for row in DEFAULT_FILTER)


# Widths


def test_widths() -> None:
    """Of two's complement: from -2^(w-1) to 2^(w-1) - 1; 0 where nothing differs."""
    default = DEFAULT_FILTER[4]
    assert delta_width(default, default) == 0
    for width in range(1, 9):
        least, most = -(1 << (width - 1)), (1 << (width - 1)) - 1
        for t in (0, 11):
            for delta in (least, most) if width > 1 else (least,):
                own = [start + delta * (n == t) for n, start in enumerate(default)]
                assert delta_width(own, default) == width, delta
        assert delta_width([start + least for start in default], default) == width


# TABLES


def test_no_filter_takes_a_bit() -> None:
    assert write_payload(replace(BLANK)) == as_bytes(BEFORE + "0")
    found = read_payload(replace(BLANK), as_bytes(BEFORE + "0"), PLACE)
    assert (found.adaptive_filter_flag, found.filters) == (False, ())
    without = replace(BLANK, filters=(DEFAULT_FILTER,))
    assert write_payload(without) == as_bytes(BEFORE + "0"), "and none is coded without the flag"
    assert without.filters == ()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_filters_that_are_the_default(count: int) -> None:
    """A bit for each class; with none beside the default filter, only their number."""
    payload = as_bytes(BEFORE + "1" + f"{count:02b}" + "0" * 15 * count)
    header = replace(BLANK, adaptive_filter_flag=True, filters=(DEFAULT_FILTER,) * count)
    assert write_payload(header) == payload
    found = read_payload(replace(BLANK), payload, PLACE)
    assert found.adaptive_filter_flag is True
    assert found.filters == (DEFAULT_FILTER,) * count
    assert names(replace(BLANK), payload)[-2 - 15 * count :] == [
        "adaptive_filter_flag",
        "custom_filter_count",
        *(f"filter_class_flag[{n}][{c}]" for n in range(count) for c in range(15)),
    ]


def test_the_example() -> None:
    """The specification's: class 0 has 2, 0, 3 and so on."""
    deltas = [4, 0, *[4] * 10]
    bits = "01" + "1" + "010" + "".join(f"{delta:03b}" for delta in deltas) + "0" * 14
    own = with_classes(c0=[2, 0, *DEFAULT_FILTER[0][2:]])
    assert own[0][:3] == (2, 0, 3)
    assert delta_width(own[0], DEFAULT_FILTER[0]) == 3
    assert written((own,)) == as_bytes(bits)
    assert read(as_bytes(bits)) == (own,)
    payload = as_bytes(BEFORE + "1" + bits)
    assert write_payload(replace(BLANK, adaptive_filter_flag=True, filters=(own,))) == payload
    assert read_payload(replace(BLANK), payload, PLACE).filters == (own,)
    assert names(replace(BLANK), payload)[9:25] == [
        "filter_class_flag[0][0]",
        "filter_width_minus1[0][0]",
        *(f"filter_delta[0][0][{t}]" for t in range(12)),
        "filter_class_flag[0][1]",
        "filter_class_flag[0][2]",
    ]


def test_coefficients_are_clamped() -> None:
    """With w = 8, a filter_delta of 255 makes 127 of D = 10, as the specification has it, and one of 0 -128 of -10."""
    ten = DEFAULT_FILTER[0].index(10)
    deltas = [255 if t == ten else 128 for t in range(12)]
    bits = "01" + "1" + "111" + "".join(f"{delta:08b}" for delta in deltas) + "0" * 14
    (found,) = read(as_bytes(bits))
    assert found == with_classes(c0=[127 if t == ten else own for t, own in enumerate(DEFAULT_FILTER[0])])
    bits = "01" + "000" + "1" + "111" + "0" * 12 * 8 + "0" * 11
    (found,) = read(as_bytes(bits))
    assert -10 in DEFAULT_FILTER[3]
    assert found == with_classes(c3=[max(own - 128, -128) for own in DEFAULT_FILTER[3]])
    assert found[3][DEFAULT_FILTER[3].index(-10)] == -128
    assert [clamped(own) for own in (-1000, -129, -128, 0, 127, 128, 1000)] == [-128, -128, -128, 0, 127, 127, 127]


@pytest.mark.parametrize("width", range(1, 9))
def test_extreme_differences(width: int) -> None:
    """As wide as they come, in the first and the last class of either filter."""
    least, most = -(1 << (width - 1)), (1 << (width - 1)) - 1
    one = [clamped(start + (least if t % 2 else most)) for t, start in enumerate(DEFAULT_FILTER[0])]
    other = [clamped(start + (most if t % 2 else least)) for t, start in enumerate(DEFAULT_FILTER[14])]
    filters = with_classes(c0=one, c14=other), with_classes(c14=other)
    payload = written(filters)
    assert len(payload) == -(-(2 + 2 * 15 + 3 * (3 + 12 * width)) // 8)
    assert read(payload) == filters
    header = replace(BLANK, adaptive_filter_flag=True, filters=filters)
    assert read_payload(replace(BLANK), write_payload(header), PLACE).filters == filters


def test_a_class_may_be_wider_than_it_need_be() -> None:
    """Also all as the default."""
    for width in range(1, 9):
        bits = "01" + "0" * 14 + "1" + f"{width - 1:03b}" + f"{1 << (width - 1):0{width}b}" * 12
        assert read(as_bytes(bits)) == (DEFAULT_FILTER,)


def test_three_filters_are_refused() -> None:
    with pytest.raises(ValueOutOfRange, match=r"test unit, byte 5\d: custom_filter_count is 3, allowed is 0\.\.2"):
        read_payload(replace(BLANK), as_bytes(BEFORE + "1" + "11" + "0" * 45), PLACE)
    with pytest.raises(ValueOutOfRange, match="custom_filter_count is 3"):
        write_payload(replace(BLANK, adaptive_filter_flag=True, filters=(DEFAULT_FILTER,) * 3))


@pytest.mark.parametrize("minor", [5, 7, 8])
def test_earlier_versions_have_no_such_fields(minor: int) -> None:
    """Nor are they written, and where they would begin padding does."""
    blank = TablesHeader(2, default_tables(minor), version_minor=minor)
    plain = write_payload(replace(blank, network_flag=True))
    given_one = replace(blank, network_flag=True, adaptive_filter_flag=True, filters=(DEFAULT_FILTER,))
    assert write_payload(given_one) == plain == b"\x80"
    assert not any("filter" in name for name in names(replace(blank), plain))
    found = read_payload(replace(blank), plain, PLACE)
    assert (found.adaptive_filter_flag, found.filters) == (False, ())
    with pytest.raises(NonZeroPadding):
        read_payload(replace(blank), b"\x81", PLACE)


def any_row(default: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    """The default, or something near it, or anything that can be coded."""
    near = st.tuples(*(st.integers(own - 2, own + 1) for own in default))
    far = st.tuples(*(st.integers(max(-128, own - 128), min(127, own + 127)) for own in default))
    return st.just(default) | near | far


any_filter = st.tuples(*map(any_row, DEFAULT_FILTER))


@settings(max_examples=40)
@given(st.lists(any_filter, max_size=2).map(tuple), st.booleans(), st.booleans())
def test_filters_come_back(filters: tuple[Filter, ...], deblocking: bool, intra: bool) -> None:
    """Whatever else the unit has."""
    given_fields = {"deblocking_flag": deblocking, "intra_flag": intra}
    header = replace(BLANK, adaptive_filter_flag=True, filters=filters, **given_fields)
    payload = write_payload(header)
    found = read_payload(replace(BLANK), payload, PLACE)
    assert (found.filters, found.adaptive_filter_flag) == (filters, True)
    assert (found.deblocking_flag, found.intra_flag) == (deblocking, intra)
    assert header.filters == filters
    assert read(written(filters)) == filters
    with pytest.raises(UnitTruncated):
        read_payload(replace(BLANK), payload[:-1], PLACE)
    with pytest.raises(TrailingData):
        read_payload(replace(BLANK), payload + b"\0", PLACE)


# RESIDUAL, level 3


def test_pictures_bytes() -> None:
    """Index, whether all blocks, and then qp; without residual too; no flag where there is no filter."""
    counts = (0, 1, 1, 1)
    header = PicturesHeader(
        counts,
        1,
        False,
        residual=[True, False, True, False],
        qp=[63, 0, 1, 0],
        coded=[[True], [False]],
        deblocking_present=True,
        deblocked=[True, False, False, False],
        filter_count=3,
        filter_index=[1, 3, 0, 2],
        filter_whole=[False, True, False, False],
    )
    bits = "1" + "1" + "01" + "0" + "111111"
    bits += "0" + "11" + "1"
    bits += "1" + "0" + "00" + "000001"
    bits += "0" + "10" + "0"
    bits += "000" + "1" + "0"
    assert write_payload(header, b"WORD") == as_bytes(bits) + b"WORD"
    blank = PicturesHeader(counts, 1, False, deblocking_present=True, filter_count=3)
    assert read_coded_payload(replace(blank), as_bytes(bits) + b"WORD", PLACE) == (header, b"WORD")
    assert names(replace(blank), as_bytes(bits))[:15] == [
        *(f"{name}[0]" for name in ("residual_flag", "deblocked_flag", "filter_index", "filter_whole_flag", "qp")),
        *(f"{name}[1]" for name in ("residual_flag", "filter_index", "filter_whole_flag")),
        *(f"{name}[2]" for name in ("residual_flag", "deblocked_flag", "filter_index", "qp")),
        *(f"{name}[3]" for name in ("residual_flag", "filter_index", "filter_whole_flag")),
    ]


@pytest.mark.parametrize("own", [0, 1, 2])
def test_indices_have_a_range(own: int) -> None:
    """Up to one more than the segment's own filters."""
    tables = replace(BLANK, adaptive_filter_flag=True, filters=(DEFAULT_FILTER,) * own)
    for index in range(4):
        header = replace(PicturesHeader.blank((0,), 3, tables), filter_index=[index])
        payload = as_bytes("0" + f"{index:02b}" + "0" * (index > 0) + "000")
        if index <= own + 1:
            assert write_payload(header) == payload
            found, _ = read_coded_payload(PicturesHeader.blank((0,), 3, tables), payload, PLACE)
            assert (found.filter_index, found.filter_whole) == ([index], [False])
            continue
        message = rf"filter_index\[0\] is {index}, allowed is 0\.\.{own + 1}"
        with pytest.raises(ValueOutOfRange, match=message):
            write_payload(header)
        with pytest.raises(ValueOutOfRange, match=rf"test unit, byte 50: {message}"):
            read_coded_payload(PicturesHeader.blank((0,), 3, tables), payload, PLACE)


def test_what_a_segment_or_a_picture_cannot_have_is_not_coded() -> None:
    """No index without adaptive_filter_flag, and nothing of all blocks without an index."""
    header = PicturesHeader((0, 1), 1, False, filter_index=[1, 2], filter_whole=[True, True])
    assert write_payload(header) == as_bytes("00" + "000")
    assert (header.filter_index, header.filter_whole) == ([0, 0], [False, False])
    header = PicturesHeader((0, 1), 1, False, filter_count=1, filter_index=[0, 1], filter_whole=[True, True])
    assert write_payload(header) == as_bytes("000" + "0" + "01" + "1" + "000")
    assert (header.filter_index, header.filter_whole) == ([0, 1], [False, True])


def test_blank_pictures_follow_the_tables() -> None:
    for flag, own, count in ((False, 0, 0), (False, 2, 0), (True, 0, 1), (True, 1, 2), (True, 2, 3)):
        tables = replace(BLANK, adaptive_filter_flag=flag, filters=(DEFAULT_FILTER,) * own)
        assert PicturesHeader.blank((0, 2), 3, tables) == PicturesHeader((0, 2), 3, False, filter_count=count)


def test_more_filters_take_more_bits() -> None:
    sizes = [len(written((with_classes(c7=[own + 1 for own in DEFAULT_FILTER[7]]),) * count)) for count in range(3)]
    assert all(a < b for a, b in pairwise(sizes))
