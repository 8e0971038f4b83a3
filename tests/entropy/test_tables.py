"""The tables are normative: their values, the recipe that makes them, and the rounding of the recipe's constants."""

import hashlib
from decimal import Decimal, localcontext

import numpy as np
import pytest

from nvcodec.entropy import PRECISION, SCALE_COUNT, TABLE_COUNT, bits, frequencies, tables
from nvcodec.entropy.errors import ShapeMismatch, SymbolOutOfRange, TableOutOfRange

# k = -128, -127, -64, -2, -1, 0, 1, 2, 64, 127
PINNED_SYMBOLS = (-128, -127, -64, -2, -1, 0, 1, 2, 64, 127)
PINNED = {
    0: (1, 1, 1, 1, 2815, 16771333, 2815, 1, 1, 1),
    102: (1, 1, 1, 1375899, 2268474, 3608878, 2912778, 1766690, 1, 1),
    199: (777591, 14584, 47019, 148797, 151588, 154558, 154431, 151588, 47901, 807032),
}


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


def test_all_tables_digest() -> None:
    every = np.stack([frequencies(index) for index in range(TABLE_COUNT)])
    digest = hashlib.sha256(every.astype("<u4").tobytes()).hexdigest()
    assert digest == "919092f355a3b7fa340ac2d3e3e318e7d7608e529cfd59a8005b2e0851990c99"


@pytest.mark.parametrize("table_index", range(TABLE_COUNT))
def test_follows_the_recipe_sums_up_and_has_no_zero(table_index: int) -> None:
    table = frequencies(table_index)
    assert table.dtype == np.uint32
    assert table.tolist() == table_by_the_specification(table_index)
    assert int(table.sum()) == 1 << PRECISION
    assert int(table.min()) >= 1


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


@pytest.mark.parametrize("table_index", [-1, 200])
def test_table_out_of_range(table_index: int) -> None:
    with pytest.raises(TableOutOfRange, match=f"{table_index}.*0 to 199"):
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
        ([0], [200], TableOutOfRange),
    ],
)
def test_bits_refuses(symbols: list[int], table_indices: list[int], error: type[Exception]) -> None:
    with pytest.raises(error):
        bits(symbols, table_indices)
