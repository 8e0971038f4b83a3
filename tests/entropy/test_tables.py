"""The tables are normative: their values, the recipe that makes them, and the rounding of the recipe's constants."""

import hashlib
import re
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest

from nvcodec.bitstream.default_tables import DEFAULT_TABLES, DEFAULT_TABLES_7
from nvcodec.bitstream.residual_headers import (
    BINARY_CONTEXTS,
    BINARY_CONTEXTS_7,
    VALUE_CONTEXTS,
    VALUE_CONTEXTS_7,
    Tables,
)
from nvcodec.entropy import LAPLACE_COUNT, PRECISION, SCALE_COUNT, TABLE_COUNT, bits, frequencies, tables
from nvcodec.entropy.errors import ShapeMismatch, SymbolOutOfRange, TableOutOfRange

SPECIFICATION = Path(__file__).resolve().parents[2] / "bitstream_spec.md"

# k = -128, -127, -64, -2, -1, 0, 1, 2, 64, 127
PINNED_SYMBOLS = (-128, -127, -64, -2, -1, 0, 1, 2, 64, 127)
PINNED = {
    0: (1, 1, 1, 1, 2815, 16771333, 2815, 1, 1, 1),
    102: (1, 1, 1, 1375899, 2268474, 3608878, 2912778, 1766690, 1, 1),
    199: (777591, 14584, 47019, 148797, 151588, 154558, 154431, 151588, 47901, 807032),
}


def code_block(heading: str) -> list[int]:
    """The numbers of the specification's first block of code after these words."""
    block = SPECIFICATION.read_text().partition(heading)[2].split("```")[1]
    return [int(number) for number in re.findall(r"\d+", block)]


def table_by_the_specification(table_index: int) -> list[int]:
    """bitstream_spec.md's recipe, in Python integers, one symbol at a time."""
    scale, f = table_index // 5, table_index % 5
    e = [2**30]
    for n in range(8 * 128 + 8):
        e.append((e[n] * tables.THETA[scale] + 2**29) >> 30)

    def cumulative(n: int) -> int:
        return 2**31 - e[n] if n >= 0 else e[-n]

    freq = []
    for k in range(-128, 128):
        low = 0 if k == -128 else cumulative(8 * k - f - 4)
        high = 2**31 if k == 127 else cumulative(8 * k - f + 4)
        freq.append(1 + (high - low) * (2**24 - 256) // 2**31)
    freq[128] += 2**24 - sum(freq)
    return freq


@pytest.mark.parametrize("table_index", PINNED)
def test_pinned_frequencies(table_index: int) -> None:
    table = frequencies(table_index)
    assert tuple(int(table[k + 128]) for k in PINNED_SYMBOLS) == PINNED[table_index]


def test_all_laplace_tables_digest() -> None:
    every = np.stack([frequencies(index) for index in range(LAPLACE_COUNT)])
    digest = hashlib.sha256(every.astype("<u4").tobytes()).hexdigest()
    assert digest == "919092f355a3b7fa340ac2d3e3e318e7d7608e529cfd59a8005b2e0851990c99"


@pytest.mark.parametrize("table_index", range(LAPLACE_COUNT))
def test_follows_the_recipe_sums_up_and_has_no_zero(table_index: int) -> None:
    table = frequencies(table_index)
    assert table.dtype == np.uint32
    assert table.tolist() == table_by_the_specification(table_index)
    assert int(table.sum()) == 1 << PRECISION
    assert int(table.min()) >= 1


# Tables of two symbols


def test_the_listed_frequencies_are_the_specifications() -> None:
    listed = code_block("Tables 200 + j, j = 0..63")
    assert len(listed) == tables.BINARY_COUNT == 64
    assert list(tables.ONES) == listed
    assert listed == sorted(set(listed)), "none twice, so that no table is for nothing"


@pytest.mark.parametrize("number", range(tables.BINARY_COUNT))
def test_binary_tables(number: int) -> None:
    table = frequencies(LAPLACE_COUNT + number)
    assert table.dtype == np.uint32
    assert int(table.sum()) == 1 << PRECISION
    assert int(table[129]) == tables.ONES[number]
    assert int(table[128]) == 2**24 - 254 - tables.ONES[number]
    assert (np.delete(table, [128, 129]) == 1).all()


def test_binary_frequencies_are_the_rounded_logistic() -> None:
    with localcontext() as context:
        context.prec = 50
        for j, one in enumerate(tables.ONES):
            assert one == round(2**24 / (1 + Decimal(2) ** (Decimal(48 - j) / 4)))


def test_binary_tables_are_the_last() -> None:
    assert (LAPLACE_COUNT, TABLE_COUNT) == (200, 264)
    assert bits([1, 0], [TABLE_COUNT - 16, LAPLACE_COUNT + 48]) == pytest.approx(2, abs=1e-4), "as likely as not"
    assert bits([5], [TABLE_COUNT - 1]) == 24, "what is neither can be coded, at the highest price"


@pytest.mark.parametrize(
    ("own", "binary", "value"),
    [(DEFAULT_TABLES, [44, 44, 61, 13], [12, 12, 10, 13]), (DEFAULT_TABLES_7, [37, 37, 29, 5], [3, 3, 3, 3])],
    ids=["0.8", "0.7"],
)
def test_default_tables_are_the_specifications(own: Tables, binary: list[int], value: list[int]) -> None:
    """Section 7.8: a block of numbers of each version, with a line for each set and kind of plane before its own."""
    blocks = SPECIFICATION.read_text().partition("### 7.8 ")[2].partition("\n## ")[0].split("```")[1::2]
    listed = [re.findall(r"t = (\d), k = (\d):\n([\d,\s]+)", block) for block in blocks]
    lists = {number.count(",") + 1: block for block in listed for _, _, number in block}
    assert set(lists) == {209, 120}, "as many numbers as there are contexts, in 0.8 and before"
    met = lists[sum(binary) + sum(value)]
    assert [(int(t), int(k)) for t, k, _ in met] == [(t, k) for t in range(3) for k in range(2)]
    for t, k, numbers in met:
        levels = own[int(t)][int(k)]
        found = [index for level in levels for index in level.binary] + [i for level in levels for i in level.value]
        assert found == [int(number) for number in numbers.replace("\n", " ").split(",")]


@pytest.mark.parametrize(
    ("own", "binary", "value"),
    [(DEFAULT_TABLES, BINARY_CONTEXTS, VALUE_CONTEXTS), (DEFAULT_TABLES_7, BINARY_CONTEXTS_7, VALUE_CONTEXTS_7)],
    ids=["0.8", "0.7"],
)
def test_default_tables_exist(own: Tables, binary: tuple[int, ...], value: tuple[int, ...]) -> None:
    for levels in (levels for kinds in own for levels in kinds):
        assert [(len(level.binary), len(level.value)) for level in levels] == list(zip(binary, value, strict=True))
        assert all(0 <= index < tables.BINARY_COUNT for level in levels for index in level.binary)
        assert all(0 <= index < SCALE_COUNT for level in levels for index in level.value)


def test_theta_is_listed_in_the_specification() -> None:
    assert code_block("THETA[0..39]:") == list(tables.THETA)


def test_theta_is_the_rounded_exponential() -> None:
    with localcontext() as context:
        context.prec = 50
        for i, theta in enumerate(tables.THETA):
            scale = Decimal(2) ** (Decimal(i) / 4 - 4)
            assert theta == round(2**30 * (-1 / (8 * scale)).exp())
    assert len(tables.THETA) == SCALE_COUNT


def test_tables_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        frequencies(0)[0] = 1


@pytest.mark.parametrize("table_index", [-1, 264])
def test_table_out_of_range(table_index: int) -> None:
    with pytest.raises(TableOutOfRange, match=f"{table_index}.*0 to 263"):
        frequencies(table_index)


def test_bits() -> None:
    assert bits([], []) == 0.0
    assert bits([1, -128], [0, 7]) == pytest.approx(24 - np.log2(2815) + 24)


@pytest.mark.parametrize(
    ("symbols", "table_indices", "error"),
    [
        ([1, 2], [0], ShapeMismatch),
        ([128], [0], SymbolOutOfRange),
        ([-129], [0], SymbolOutOfRange),
        ([0], [264], TableOutOfRange),
    ],
)
def test_bits_refuses(symbols: list[int], table_indices: list[int], error: type[Exception]) -> None:
    with pytest.raises(error):
        bits(symbols, table_indices)
