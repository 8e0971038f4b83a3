"""Units of the hybrid profile: golden bytes, round trips, refusals (bitstream_spec.md, sections 5.1, 5.9 and 5.10)."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import (
    INTER,
    BandHeader,
    FileHeader,
    LevelConfig,
    LevelTables,
    ModelConfig,
    PicturesHeader,
    Place,
    SequenceHeader,
    TablesHeader,
    UnitKey,
    UnitType,
    check_version,
    read_coded_payload,
    read_payload,
    write_payload,
)
from nvcodec.bitstream.default_tables import DEFAULT_TABLES, DEFAULT_TABLES_7, default_tables
from nvcodec.bitstream.errors import (
    InconsistentStream,
    NonZeroPadding,
    TrailingData,
    UnitTruncated,
    UnsupportedBaseModel,
    UnsupportedVersion,
    ValueOutOfRange,
)
from nvcodec.bitstream.residual_headers import (
    BINARY_CONTEXTS,
    BINARY_CONTEXTS_7,
    CHOICE_CONTEXTS,
    DEFAULT_CHOICE,
    DEFAULT_INTRA,
    INTRA_CONTEXTS,
    TABLE_SETS,
    VALUE_CONTEXTS,
    VALUE_CONTEXTS_7,
    Tables,
)
from nvcodec.bitstream.versions import (
    ADAPTIVE_FILTER_VERSION_MINOR,
    CONTEXTS_VERSION_MINOR,
    DEBLOCKING_VERSION_MINOR,
    VERSION_MINOR,
)
from nvcodec.bitstream.visitor import TraceEntry

PLACE = Place("test unit", 50)
HYBRID_LEVELS = (*(LevelConfig(features=2),) * 4, LevelConfig(features=3, grid_channels=1))
HYBRID = ModelConfig(levels=HYBRID_LEVELS, role=INTER)


def as_bytes(fields: str) -> bytes:
    """Bits to bytes, zeros up to the boundary."""
    fields += "0" * (-len(fields) % 8)
    return int(fields, 2).to_bytes(len(fields) // 8, "big")


def with_table(tables: Tables, number: int, kind: int, level: int, **changes: dict[int, int]) -> Tables:
    """Other tables for some contexts: binary={context: table}, value={context: scale index}."""
    sets = [[list(own) for own in kinds] for kinds in tables]
    own = sets[number][kind][level]
    for name, given_changes in changes.items():
        numbers = list(getattr(own, name))
        for context, index in given_changes.items():
            numbers[context] = index
        own = replace(own, **{name: tuple(numbers)})
    sets[number][kind][level] = own
    return tuple(tuple(tuple(own) for own in kinds) for kinds in sets)


def names(header: TablesHeader | PicturesHeader | BandHeader, payload: bytes) -> list[str]:
    trace: list[TraceEntry] = []
    read_coded_payload(header, payload, PLACE, trace=trace)
    return [entry.name for entry in trace]


# TABLES


def test_default_tables_take_a_byte() -> None:
    assert write_payload(TablesHeader(2, DEFAULT_TABLES)) == b"\0"
    assert write_payload(TablesHeader(2, DEFAULT_TABLES, True)) == b"\x80"
    for kinds in (1, 2):
        found = read_payload(TablesHeader(kinds, DEFAULT_TABLES), b"\x80", PLACE)
        assert found.network_flag is True
        assert found.tables == tuple(own[:kinds] for own in DEFAULT_TABLES)


@pytest.mark.parametrize("minor", range(CONTEXTS_VERSION_MINOR + 3))
def test_default_tables_are_of_the_version(minor: int) -> None:
    expected = DEFAULT_TABLES_7 if minor <= 7 else DEFAULT_TABLES
    assert default_tables(minor) is expected
    found = read_payload(TablesHeader(2, default_tables(minor), version_minor=minor), b"\x80", PLACE)
    assert found.tables == expected


def other_table(defaults: Tables, number: int, kind: int, level: int, context: int) -> int:
    return 63 - defaults[number][kind][level].binary[context]


def other_scale(defaults: Tables, number: int, kind: int, level: int, context: int) -> int:
    return 39 - defaults[number][kind][level].value[context]


@pytest.mark.parametrize("kinds", [1, 2])
def test_table_bytes(kinds: int) -> None:
    """Of set 1, luma: at level 0 the table of context 2, at level 3 the third scale of values; others take a bit."""
    table, scale = other_table(DEFAULT_TABLES, 1, 0, 0, 2), other_scale(DEFAULT_TABLES, 1, 0, 3, 2)
    tables = with_table(DEFAULT_TABLES, 1, 0, 0, binary={2: table})
    tables = with_table(tables, 1, 0, 3, value={2: scale})
    bits = "0" + "0" + "1"
    bits += "1" + "00" + f"1{table:06b}" + "0" * 41 + "0" * 12  # level 0
    bits += "0" + "0"  # levels 1 and 2
    bits += "1" + "0" * 13 + "00" + f"1{scale:06b}" + "0" * 10  # level 3
    bits += "0000" * (kinds - 1) + "0" + "0" + "00"
    payload = as_bytes(bits)
    assert write_payload(TablesHeader(kinds, DEFAULT_TABLES, False, tables)) == payload
    found = read_payload(TablesHeader(kinds, DEFAULT_TABLES), payload, PLACE)
    assert found.tables == tuple(own[:kinds] for own in tables)


@pytest.mark.parametrize("minor", [5, 6, 7])
@pytest.mark.parametrize("kinds", [1, 2])
def test_table_bytes_of_earlier_versions(kinds: int, minor: int) -> None:
    """They have no custom_level_flag. Of set 1, luma: at level 0 the table of context 2 (36), at level 3 the last
    value's scale (30)."""
    tables = with_table(DEFAULT_TABLES_7, 1, 0, 0, binary={2: 63})
    tables = with_table(tables, 1, 0, 3, value={2: 39})
    bits = "0" + "0" + "1"
    bits += "00" + "1111111" + "0" * 34 + "000"  # level 0
    bits += "0" * (37 + 3 + 29 + 3 + 5 + 2) + "1100111"  # levels 1, 2, 3
    bits += "0" * (37 + 37 + 29 + 5 + 12) * (kinds - 1) + "0" + "0"
    bits += "00" if minor == 7 else ""
    payload = as_bytes(bits)
    blank = TablesHeader(kinds, DEFAULT_TABLES_7, version_minor=minor)
    assert write_payload(replace(blank, tables=tables)) == payload
    traced = names(replace(blank), payload)
    assert not any(name.startswith("custom_level_flag") for name in traced)
    assert sum(name.startswith("custom_binary_table") for name in traced) == kinds * 108
    assert read_payload(blank, payload, PLACE).tables == tuple(own[:kinds] for own in tables)


def test_a_set_may_be_custom_and_all_as_the_defaults() -> None:
    """With a level's flag 0, and with all of its contexts' flags 0."""
    custom = ["1" + "0" * (b + v) for b, v in zip(BINARY_CONTEXTS, VALUE_CONTEXTS, strict=True)]
    for levels in ("0000", "".join(custom), "0" + custom[1] + "0" + custom[3]):
        payload = as_bytes("1" + "1" + levels + "00" + "0" + "00")
        found = read_payload(TablesHeader(1, DEFAULT_TABLES), payload, PLACE)
        assert found.network_flag is True
        assert found.tables == tuple(own[:1] for own in DEFAULT_TABLES)
    payload = as_bytes("1" + "1" + "0" * (108 + 12) + "00" + "0" + "00")
    found = read_payload(TablesHeader(1, DEFAULT_TABLES_7, version_minor=7), payload, PLACE)
    assert found.tables == tuple(own[:1] for own in DEFAULT_TABLES_7)


@pytest.mark.parametrize("level", range(4))
def test_a_levels_flag_says_whether_any_of_its_tables_is_custom(level: int) -> None:
    """Its last context's alone, of values or of the others."""
    for changed in ("binary", "value"):
        last = len(getattr(DEFAULT_TABLES[0][1][level], changed)) - 1
        index = (other_table if changed == "binary" else other_scale)(DEFAULT_TABLES, 0, 1, level, last)
        tables = with_table(DEFAULT_TABLES, 0, 1, level, **{changed: {last: index}})
        payload = write_payload(TablesHeader(2, DEFAULT_TABLES, tables=tables))
        trace: list[TraceEntry] = []
        found = read_payload(TablesHeader(2, DEFAULT_TABLES), payload, PLACE, trace=trace)
        assert found.tables == tables
        flags = {entry.name: entry.value for entry in trace if entry.name.startswith("custom_level_flag")}
        assert flags == {f"custom_level_flag[0][{k}][{n}]": int((k, n) == (1, level)) for k in (0, 1) for n in range(4)}
        fields = 1 + 3 + 8 + BINARY_CONTEXTS[level] + VALUE_CONTEXTS[level] + 6 + 1 + 3
        assert sum(entry.bits for entry in trace if entry.name != "padding") == fields
        assert len(payload) == -(-fields // 8)


def test_names_of_tables() -> None:
    index, scale = other_table(DEFAULT_TABLES, 2, 1, 2, 60), other_scale(DEFAULT_TABLES, 2, 1, 2, 1)
    tables = with_table(DEFAULT_TABLES, 2, 1, 2, binary={60: index}, value={1: scale})
    payload = write_payload(TablesHeader(2, DEFAULT_TABLES, True, tables))
    found = names(TablesHeader(2, DEFAULT_TABLES), payload)
    assert found[:4] == ["network_flag", "custom_set_flag[0]", "custom_set_flag[1]", "custom_set_flag[2]"]
    level_flags = [f"custom_level_flag[2][{kind}][{level}]" for kind in (0, 1) for level in range(4)]
    assert found[4:12] == [*level_flags[:7], "custom_binary_table[2][1][2][0]"]
    assert [name for name in found if name.startswith("custom_level_flag")] == level_flags
    coded = [name for name in found[4:] if not name.startswith(("custom_", "padding"))]
    assert [name for name in found if name != "padding"][-5:] == [
        "custom_level_flag[2][1][3]",
        "custom_choice_flag",
        "deblocking_flag",
        "intra_flag",
        "adaptive_filter_flag",
    ]
    assert coded[:-3] == ["binary_table[2][1][2][60]", "value_scale_index[2][1][2][1]"]
    assert sum(name.startswith("custom_binary_table") for name in found) == BINARY_CONTEXTS[2] == 61
    assert sum(name.startswith("custom_value_scale_index") for name in found) == VALUE_CONTEXTS[2] == 10


@st.composite
def any_tables(draw: st.DrawFn, defaults: Tables) -> Tables:
    """Some contexts of some sets other than the defaults."""
    tables = defaults
    for _ in range(draw(st.integers(0, 6))):
        number, kind, level = draw(st.integers(0, 2)), draw(st.integers(0, 1)), draw(st.integers(0, 3))
        own = defaults[number][kind][level]
        binary = st.dictionaries(st.integers(0, len(own.binary) - 1), st.integers(0, 63), max_size=5)
        value = st.dictionaries(st.integers(0, len(own.value) - 1), st.integers(0, 39), max_size=3)
        tables = with_table(tables, number, kind, level, binary=draw(binary), value=draw(value))
    return tables


def test_choice_table_bytes() -> None:
    """Of context 2 table 0, of context 13 table 63."""
    choice = (*DEFAULT_CHOICE[:2], 0, *DEFAULT_CHOICE[3:13], 63)
    payload = as_bytes("0" + "000" + "1" + "00" + "1000000" + "0" * 10 + "1111111" + "00")
    assert write_payload(TablesHeader(2, DEFAULT_TABLES, choice=choice)) == payload
    assert read_payload(TablesHeader(2, DEFAULT_TABLES), payload, PLACE).choice == choice
    assert "choice_table[13]" in names(TablesHeader(2, DEFAULT_TABLES), payload)
    default = read_payload(TablesHeader(2, DEFAULT_TABLES), b"\0", PLACE)
    assert default.choice == DEFAULT_CHOICE
    assert len(DEFAULT_CHOICE) == CHOICE_CONTEXTS
    with pytest.raises(ValueOutOfRange, match=r"choice_table\[0\] is 64"):
        write_payload(TablesHeader(2, DEFAULT_TABLES, choice=(64, *DEFAULT_CHOICE[1:])))


def test_default_choice_tables_are_the_specifications() -> None:
    text = (Path(__file__).resolve().parents[2] / "bitstream_spec.md").read_text()
    listed = text.partition("- **choice_table**: where they are not coded, they are, for c = 0..13: ")[2].partition(
        "."
    )[0]
    assert tuple(int(number) for number in listed.split(",")) == DEFAULT_CHOICE


def test_flags_of_intra_blocks_and_of_the_filter() -> None:
    """Without an intra block there are no tables of theirs, not even a flag."""
    assert write_payload(TablesHeader(2, DEFAULT_TABLES, deblocking_flag=True)) == as_bytes("00000" + "10" + "0")
    assert write_payload(TablesHeader(2, DEFAULT_TABLES, intra_flag=True)) == as_bytes("00000" + "01" + "0" + "0")
    for bits, deblocking, intra in (
        ("00", False, False),
        ("10", True, False),
        ("010", False, True),
        ("110", True, True),
    ):
        payload = as_bytes("00000" + bits + "0")
        found = read_payload(TablesHeader(2, DEFAULT_TABLES), payload, PLACE)
        assert (found.deblocking_flag, found.intra_flag) == (deblocking, intra)
        assert found.intra == DEFAULT_INTRA
        given = ["custom_choice_flag", "deblocking_flag", "intra_flag", *["custom_intra_flag"] * intra]
        traced = names(TablesHeader(2, DEFAULT_TABLES), payload)
        assert [name for name in traced[4:] if name != "padding"] == [*given, "adaptive_filter_flag"]
    header = TablesHeader(2, DEFAULT_TABLES, intra=(63 - DEFAULT_INTRA[0], *DEFAULT_INTRA[1:]))
    assert write_payload(header) == b"\0"
    assert header.intra == DEFAULT_INTRA


def test_intra_table_bytes() -> None:
    """Of context 2 and of the last one other tables than the defaults."""
    last = INTRA_CONTEXTS - 1
    third, eleventh = 63 - DEFAULT_INTRA[2], 63 - DEFAULT_INTRA[last]
    intra = (*DEFAULT_INTRA[:2], third, *DEFAULT_INTRA[3:last], eleventh)
    bits = "00" + f"1{third:06b}" + "0" * (last - 3) + f"1{eleventh:06b}"
    payload = as_bytes("00000" + "01" + "1" + bits)
    assert write_payload(TablesHeader(2, DEFAULT_TABLES, intra_flag=True, intra=intra)) == payload
    assert read_payload(TablesHeader(2, DEFAULT_TABLES), payload, PLACE).intra == intra
    traced = names(TablesHeader(2, DEFAULT_TABLES), payload)
    assert [name for name in traced if name.startswith("intra_table")] == ["intra_table[2]", f"intra_table[{last}]"]
    assert [name for name in traced if name.startswith("custom_intra_table")] == [
        f"custom_intra_table[{c}]" for c in range(INTRA_CONTEXTS)
    ]
    custom = as_bytes("00000" + "01" + "1" + "0" * INTRA_CONTEXTS)
    assert read_payload(TablesHeader(2, DEFAULT_TABLES), custom, PLACE).intra == DEFAULT_INTRA
    with pytest.raises(ValueOutOfRange, match=r"intra_table\[0\] is 64, allowed is 0\.\.63"):
        write_payload(TablesHeader(2, DEFAULT_TABLES, intra_flag=True, intra=(64, *DEFAULT_INTRA[1:])))


def test_default_intra_tables_are_the_specifications() -> None:
    text = (Path(__file__).resolve().parents[2] / "bitstream_spec.md").read_text()
    last = INTRA_CONTEXTS - 1
    listed = text.partition(f"- **intra_table**: where they are not coded, they are, for c = 0..{last}: ")[2]
    assert tuple(int(number) for number in listed.partition(".")[0].split(",")) == DEFAULT_INTRA
    assert len(DEFAULT_INTRA) == INTRA_CONTEXTS


@pytest.mark.parametrize("minor", [5, DEBLOCKING_VERSION_MINOR - 1])
def test_earlier_versions_have_no_flags_of_either(minor: int) -> None:
    """Nor are they written, and where they would begin padding does."""
    given = TablesHeader(2, DEFAULT_TABLES_7, True, intra_flag=True, deblocking_flag=True, version_minor=minor)
    assert write_payload(given) == b"\x80"
    traced = names(TablesHeader(2, DEFAULT_TABLES_7, version_minor=minor), b"\x80")
    assert traced[4:] == ["custom_choice_flag", "padding"]
    found = read_payload(TablesHeader(2, DEFAULT_TABLES_7, version_minor=minor), b"\x80", PLACE)
    assert (found.intra_flag, found.deblocking_flag, found.intra) == (False, False, DEFAULT_INTRA)
    for bits in ("10", "01", "11"):
        with pytest.raises(NonZeroPadding):
            read_payload(TablesHeader(2, DEFAULT_TABLES_7, version_minor=minor), as_bytes("00000" + bits), PLACE)
    longest = write_payload(TablesHeader(1, DEFAULT_TABLES_7, choice=(0,) * CHOICE_CONTEXTS, version_minor=minor))
    assert len(longest) == -(-(5 + 7 * CHOICE_CONTEXTS) // 8)


def test_later_versions_have_them() -> None:
    for minor in range(DEBLOCKING_VERSION_MINOR, VERSION_MINOR + 1):
        payload = as_bytes("00000" + "11" + "0" + "0" * (minor >= ADAPTIVE_FILTER_VERSION_MINOR))
        found = read_payload(TablesHeader(2, default_tables(minor), version_minor=minor), payload, PLACE)
        assert (found.deblocking_flag, found.intra_flag) == (True, True)


def tables_of(contexts: int, default: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(0, 63), min_size=contexts, max_size=contexts).map(tuple) | st.just(default)


choices, intras = tables_of(CHOICE_CONTEXTS, DEFAULT_CHOICE), tables_of(INTRA_CONTEXTS, DEFAULT_INTRA)


@settings(max_examples=40)
@given(st.data(), st.integers(5, 9), st.integers(1, 2), st.booleans(), choices, st.none() | intras, st.booleans())
def test_tables_come_back(
    data: st.DataObject,
    minor: int,
    kinds: int,
    network: bool,
    choice: tuple[int, ...],
    intra: tuple[int, ...] | None,
    deblocking: bool,
) -> None:
    blank = TablesHeader(kinds, default_tables(minor), version_minor=minor)
    tables = data.draw(any_tables(blank.defaults))
    if minor < DEBLOCKING_VERSION_MINOR:
        intra, deblocking = None, False
    more = {} if intra is None else {"intra_flag": True, "intra": intra}
    payload = write_payload(
        replace(blank, network_flag=network, tables=tables, choice=choice, deblocking_flag=deblocking, **more)
    )
    found = read_payload(replace(blank), payload, PLACE)
    assert found.network_flag == network
    assert found.tables == tuple(own[:kinds] for own in tables)
    assert found.choice == choice
    assert found.intra_flag == (intra is not None)
    assert found.intra == (DEFAULT_INTRA if intra is None else intra)
    assert found.deblocking_flag == deblocking
    assert len(found.tables) == TABLE_SETS
    with pytest.raises(UnitTruncated):
        read_payload(replace(blank), payload[:-1], PLACE)
    with pytest.raises(TrailingData):
        read_payload(replace(blank), payload + b"\0", PLACE)


def test_scale_indices_have_a_range() -> None:
    message = r"test unit, byte 5\d: value_scale_index\[0\]\[0\]\[0\]\[0\] is 40, .*0..39"
    for minor, flags in ((7, "0" * 37), (8, "1" + "0" * 44)):
        payload = as_bytes("0" + "1" + flags + "1" + f"{40:06b}" + "0" * 300)
        with pytest.raises(ValueOutOfRange, match=message):
            read_payload(TablesHeader(1, default_tables(minor), version_minor=minor), payload, PLACE)
    tables = with_table(DEFAULT_TABLES, 0, 0, 0, value={0: 40})
    with pytest.raises(ValueOutOfRange, match=r"value_scale_index\[0\]\[0\]\[0\]\[0\] is 40"):
        write_payload(TablesHeader(1, DEFAULT_TABLES, False, tables))
    with pytest.raises(ValueOutOfRange, match=r"binary_table\[0\]\[0\]\[3\]\[12\] is 64"):
        write_payload(TablesHeader(1, DEFAULT_TABLES, False, with_table(DEFAULT_TABLES, 0, 0, 3, binary={12: 64})))


def test_tables_are_padded_with_zeros() -> None:
    for minor, payload in ((8, b"\x01"), (9, b"\x01\x01")):
        with pytest.raises(NonZeroPadding):
            read_payload(TablesHeader(2, DEFAULT_TABLES, version_minor=minor), payload, PLACE)


@pytest.mark.parametrize(
    ("tables", "binary", "value"),
    [(DEFAULT_TABLES, BINARY_CONTEXTS, VALUE_CONTEXTS), (DEFAULT_TABLES_7, BINARY_CONTEXTS_7, VALUE_CONTEXTS_7)],
    ids=["0.8", "0.7"],
)
def test_levels_have_as_many_tables_as_contexts(
    tables: Tables, binary: tuple[int, ...], value: tuple[int, ...]
) -> None:
    assert [len(kinds) for kinds in tables] == [2] * TABLE_SETS
    for own in (own for kinds in tables for own in kinds):
        assert all(isinstance(level, LevelTables) for level in own)
        assert tuple(len(level.binary) for level in own) == binary
        assert tuple(len(level.value) for level in own) == value


# RESIDUAL, level 3


def test_pictures_bytes() -> None:
    """Four pictures: a residual at qp 63; the network at qp 1; both at qp 32; nothing. Levels 2 and 0.

    The last two have two references, and the third's blocks of 8 samples choose between them.
    """
    counts = (0, 1, 2, 2)
    header = PicturesHeader(
        counts,
        3,
        True,
        network=[False, True, True, False],
        choice_log2=[0, 0, 3, 0],
        residual=[True, False, True, False],
        qp=[63, 1, 32, 0],
        residual_levels=[2, 0],
        coded=[[True, False, False], [False, True, True]],
    )
    bits = "01" + "111111" + "10" + "000001" + "11" + "11" + "100000" + "00" + "00"  # pictures
    bits += "101" + "100" + "011"
    assert write_payload(header, b"WORD") == as_bytes(bits) + b"WORD"
    assert read_coded_payload(PicturesHeader(counts, 3, True), as_bytes(bits) + b"WORD", PLACE) == (header, b"WORD")


def test_choice_sizes() -> None:
    """1 is 32 samples, 2 is 16, 3 is 8."""
    for log2, code in ((0, "00"), (5, "01"), (4, "10"), (3, "11")):
        payload = as_bytes(code + "0" + "000")
        assert write_payload(PicturesHeader((2,), 1, False, choice_log2=[log2])) == payload
        assert read_coded_payload(PicturesHeader((2,), 1, False), payload, PLACE)[0].choice_log2 == [log2]
    for log2 in (2, 7):
        with pytest.raises(ValueOutOfRange, match=r"choice_size\[0\]"):
            write_payload(PicturesHeader((2,), 1, False, choice_log2=[log2]))


def test_pictures_bytes_with_intra_blocks_and_the_filter() -> None:
    """Without references no intra size; without residual no flag of the filter. Between them the others, in order."""
    counts = (0, 1, 2, 2)
    header = PicturesHeader(
        counts,
        1,
        True,
        network=[False, True, True, False],
        choice_log2=[0, 0, 3, 4],
        residual=[True, False, True, True],
        qp=[63, 1, 32, 5],
        residual_levels=[],
        coded=[[True], [False], [True]],
        intra_present=True,
        intra_log2=[0, 5, 0, 3],
        deblocking_present=True,
        deblocked=[True, False, False, True],
    )
    bits = "0" + "1" + "1" + "111111"
    bits += "01" + "1" + "0" + "000001"
    bits += "11" + "00" + "1" + "1" + "0" + "100000"
    bits += "10" + "11" + "0" + "1" + "1" + "000101"
    bits += "000" + "1" + "0" + "1"
    assert write_payload(header, b"WORD") == as_bytes(bits) + b"WORD"
    blank = PicturesHeader(counts, 1, True, intra_present=True, deblocking_present=True)
    assert read_coded_payload(blank, as_bytes(bits) + b"WORD", PLACE) == (header, b"WORD")
    assert names(replace(blank), as_bytes(bits)) == [
        *(f"{name}[0]" for name in ("network_flag", "residual_flag", "deblocked_flag", "qp")),
        *(f"{name}[1]" for name in ("intra_size", "network_flag", "residual_flag", "qp")),
        *(
            f"{name}[{i}]"
            for i in (2, 3)
            for name in ("choice_size", "intra_size", "network_flag", "residual_flag", "deblocked_flag", "qp")
        ),
        *(f"residual_level_flag[{level}]" for level in (2, 1, 0)),
        *(f"plane_flag[{i}][0]" for i in range(3)),
        "padding",
    ]


def test_intra_sizes() -> None:
    """1 is 32 samples, 2 is 16, 3 is 8."""
    for references in (1, 2):
        for log2, code in ((0, "00"), (5, "01"), (4, "10"), (3, "11")):
            payload = as_bytes("00" * (references == 2) + code + "0" + "000")
            header = PicturesHeader((references,), 1, False, intra_present=True, intra_log2=[log2])
            assert write_payload(header) == payload
            blank = PicturesHeader((references,), 1, False, intra_present=True)
            assert read_coded_payload(blank, payload, PLACE)[0].intra_log2 == [log2]
    for log2 in (2, 7):
        with pytest.raises(ValueOutOfRange, match=r"intra_size\[0\]"):
            write_payload(PicturesHeader((1,), 1, False, intra_present=True, intra_log2=[log2]))


def test_what_a_segment_or_a_picture_cannot_have_is_not_coded() -> None:
    """Intra blocks without references or intra_flag, the filter without a residual or deblocking_flag."""
    given = {"residual": [True, False], "qp": [7, 0], "coded": [[True]]}
    header = PicturesHeader((0, 1), 1, False, **given, intra_log2=[4, 4], deblocked=[True, True])
    assert write_payload(header) == as_bytes("1" + "000111" + "0" + "000" + "1")
    assert (header.intra_log2, header.deblocked) == ([0, 0], [False, False])
    more = {"intra_present": True, "deblocking_present": True}
    header = PicturesHeader((0, 1), 1, False, **given, intra_log2=[4, 4], deblocked=[True, True], **more)
    assert write_payload(header) == as_bytes("1" + "1" + "000111" + "10" + "0" + "000" + "1")
    assert (header.intra_log2, header.deblocked) == ([0, 4], [True, False])


def test_blank_pictures_follow_the_tables() -> None:
    for network, intra, deblocking in ((True, False, False), (False, True, False), (False, False, True)):
        tables = TablesHeader(2, DEFAULT_TABLES, network, intra_flag=intra, deblocking_flag=deblocking)
        expected = PicturesHeader((0, 2), 3, network, intra_present=intra, deblocking_present=deblocking)
        assert PicturesHeader.blank((0, 2), 3, tables) == expected


def test_pictures_of_a_segment_without_a_network() -> None:
    header = PicturesHeader((0, 1), 1, False, residual=[False, True], qp=[0, 17], residual_levels=[], coded=[[True]])
    bits = "0" + "1" + "010001" + "000" + "1"
    assert write_payload(header) == as_bytes(bits)
    found, words = read_coded_payload(PicturesHeader((0, 1), 1, False), as_bytes(bits), PLACE)
    assert words == b""
    assert (found.network, found.residual, found.qp) == ([False, False], [False, True], [0, 17])


def test_a_picture_with_nothing_takes_a_bit() -> None:
    """Its quantisation parameter is not coded."""
    header = PicturesHeader((0, 1, 1, 0, 1), 3, False, qp=[9] * 5)
    assert write_payload(header) == b"\0"
    assert header.qp == [0] * 5
    found, _ = read_coded_payload(PicturesHeader((0, 1, 1, 0, 1), 3, False), b"\0", PLACE)
    assert (found.residual, found.qp, found.residual_levels, found.coded) == ([False] * 5, [0] * 5, [], [])


@st.composite
def pictures_headers(draw: st.DrawFn) -> PicturesHeader:
    counts = tuple(draw(st.lists(st.integers(0, 2), min_size=1, max_size=64)))
    count, planes, network = len(counts), draw(st.sampled_from([1, 3])), draw(st.booleans())
    some_intra, filtered, filters = draw(st.booleans()), draw(st.booleans()), draw(st.integers(0, 3))
    sizes = st.sampled_from([0, 3, 4, 5])
    choice = [draw(sizes) if references == 2 else 0 for references in counts]
    intra = [draw(sizes) if some_intra and references else 0 for references in counts]
    residual = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    used = draw(st.lists(st.booleans(), min_size=count, max_size=count)) if network else [False] * count
    qp = [draw(st.integers(0, 63)) if a or b else 0 for a, b in zip(residual, used, strict=True)]
    levels = draw(st.lists(st.sampled_from([2, 1, 0]), unique=True)) if any(residual) else []
    flags = st.lists(st.booleans(), min_size=planes, max_size=planes)
    coded = [draw(flags) for _ in range(sum(residual))]
    index = [draw(st.integers(0, filters)) for _ in counts]
    return PicturesHeader(
        counts,
        planes,
        network,
        used,
        choice,
        residual,
        qp,
        sorted(levels, reverse=True),
        coded,
        some_intra,
        intra,
        filtered,
        [filtered and own and draw(st.booleans()) for own in residual],
        filters,
        index,
        [own > 0 and draw(st.booleans()) for own in index],
    )


def blank_of(header: PicturesHeader) -> PicturesHeader:
    return PicturesHeader(
        header.reference_counts,
        header.plane_count,
        header.network_present,
        intra_present=header.intra_present,
        deblocking_present=header.deblocking_present,
        filter_count=header.filter_count,
    )


@settings(max_examples=25)
@given(pictures_headers(), st.binary(max_size=3).map(lambda words: 4 * words))
def test_pictures_come_back(header: PicturesHeader, words: bytes) -> None:
    payload = write_payload(header, words)
    assert read_coded_payload(blank_of(header), payload, PLACE) == (header, words)
    with pytest.raises(UnitTruncated):
        read_coded_payload(blank_of(header), payload[: len(payload) - len(words) - 1], PLACE)


def test_residual_levels_need_a_residual() -> None:
    for level, bits in ((2, "100"), (1, "010"), (0, "001")):
        with pytest.raises(InconsistentStream, match=rf"test unit, byte 50: no picture has a residual.*\[{level}\]"):
            read_coded_payload(PicturesHeader((0, 1), 3, False), as_bytes("00" + bits), PLACE)
        with pytest.raises(InconsistentStream, match="no picture has a residual"):
            write_payload(PicturesHeader((0, 1), 3, False, residual_levels=[level]))


def test_parameters_have_a_range() -> None:
    with pytest.raises(ValueOutOfRange, match=r"qp\[1\] is 64, allowed is 0\.\.63"):
        write_payload(PicturesHeader((0, 1), 1, False, residual=[False, True], qp=[0, 64], coded=[[True]]))


def test_names_of_pictures() -> None:
    header = PicturesHeader((0, 2), 1, True, [False, True], [0, 4], [True, False], [3, 4], [1], [[True]])
    assert names(PicturesHeader((0, 2), 1, True), write_payload(header)) == [
        "network_flag[0]",
        "residual_flag[0]",
        "qp[0]",
        "choice_size[1]",
        "network_flag[1]",
        "residual_flag[1]",
        "qp[1]",
        "residual_level_flag[2]",
        "residual_level_flag[1]",
        "residual_level_flag[0]",
        "plane_flag[0][0]",
        "padding",
    ]


# RESIDUAL, levels 2 to 0


def test_band_bytes() -> None:
    coded = [[True, False, True], [False, False, False], [True, True, True]]
    assert write_payload(BandHeader(3, 3, coded), b"WORD") == as_bytes("101" + "000" + "111") + b"WORD"
    found, words = read_coded_payload(BandHeader(3, 3), as_bytes("101000111") + b"WORD", PLACE)
    assert (found.coded, words) == (coded, b"WORD")


@settings(max_examples=25)
@given(st.integers(1, 64), st.sampled_from([1, 3]), st.data())
def test_bands_come_back(count: int, planes: int, data: st.DataObject) -> None:
    flags = st.lists(st.booleans(), min_size=planes, max_size=planes)
    coded = data.draw(st.lists(flags, min_size=count, max_size=count))
    payload = write_payload(BandHeader(count, planes, coded))
    assert len(payload) == -(-count * planes // 8)
    assert read_coded_payload(BandHeader(count, planes), payload, PLACE)[0].coded == coded
    with pytest.raises(UnitTruncated):
        read_coded_payload(BandHeader(count, planes), payload[:-1], PLACE)


# Units and the sequence


def test_names_of_units() -> None:
    assert str(UnitKey(UnitType.TABLES, 2)) == "TABLES unit (segment 2)"
    assert str(UnitKey(UnitType.RESIDUAL, 1, 4, 3)) == "RESIDUAL unit (segment 1, gop 4, level 3)"


def test_a_hybrid_sequence_has_one_network() -> None:
    header = SequenceHeader(width=16, height=8, profile="hybrid", model=HYBRID)
    payload = write_payload(header)
    found = read_payload(SequenceHeader(), payload, PLACE)
    assert found == header
    assert (found.motion, found.hybrid, found.models) == (True, True, (HYBRID,))
    trace: list[TraceEntry] = []
    read_payload(SequenceHeader(), payload, PLACE, trace=trace)
    assert next(entry.value for entry in trace if entry.name == "profile") == 2
    assert sum(entry.name == "step_rows" for entry in trace) == 1


def test_the_network_has_a_single_channel_at_the_coarsest_level() -> None:
    two = ModelConfig((*HYBRID_LEVELS[:4], LevelConfig(grid_channels=2)), role=INTER)
    finer = ModelConfig((*HYBRID_LEVELS[:3], LevelConfig(grid_channels=1), HYBRID_LEVELS[4]), role=INTER)
    for model in (two, finer):
        header = SequenceHeader(profile="motion", inter_model=model)
        write_payload(header)
        with pytest.raises(InconsistentStream, match="hybrid profile: grid_channels must be 1 at level 4, else 0"):
            write_payload(SequenceHeader(profile="hybrid", model=model))


def test_base_models_of_the_hybrid_profile() -> None:
    ModelConfig(role=INTER, base_model=3).validate()
    ModelConfig(role=INTER, base_model=4).validate()
    for base_model in (1, 5):
        with pytest.raises(UnsupportedBaseModel, match=f"base_model is {base_model}, allowed is 0 or 2 or 3 or 4"):
            ModelConfig(role=INTER, base_model=base_model).validate()
    with pytest.raises(UnsupportedBaseModel, match="base_model is 3, allowed is 0 or 2"):
        ModelConfig(role="intra", base_model=3).validate()


@pytest.mark.parametrize(("profile", "base_model"), [("hybrid", 2), ("motion", 3), ("motion", 4)])
def test_base_models_of_another_profile_are_refused(profile: str, base_model: int) -> None:
    """Section 5.3.2: base models 3 and 4 are the hybrid profile's, base model 2 the motion profile's."""
    model = replace(HYBRID, base_model=base_model)
    header = SequenceHeader(profile=profile, **{"model" if profile == "hybrid" else "inter_model": model})
    with pytest.raises(UnsupportedBaseModel, match=f"base_model is {base_model}, not allowed in the {profile} profile"):
        write_payload(header)


@pytest.mark.parametrize(("profile", "lowest"), [("grid", 0), ("motion", 3), ("hybrid", 5)])
def test_versions(profile: str, lowest: int) -> None:
    sequence = SequenceHeader(profile=profile, **({"model": HYBRID} if profile == "hybrid" else {}))
    for minor in range(VERSION_MINOR + 1):
        header = FileHeader(0, minor)
        if minor >= lowest:
            check_version(header, sequence, "clip.msn")
            continue
        message = rf"clip.msn: {profile} profile of format version 0\.{minor}, .* version 0\.{lowest}"
        with pytest.raises(UnsupportedVersion, match=message):
            check_version(header, sequence, "clip.msn")
