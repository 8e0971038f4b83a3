"""The 264 probability tables that the specification fixes: 200 Laplace distributions and 64 of two symbols.

A table is named by a scale i (0..39, b_i = 2 ** (i / 4 - 4) latent units) and a phase f (0..4, the mean's offset in
eighths of a latent unit); its index is 5 * i + f. Each gives the 256 symbols k = -128..127 integer frequencies, all at
least 1, that sum to 2 ** 24. No floating-point value takes part, so every decoder holds the same tables.
Tables 200 .. 263 are for what is 0 or 1; the others of their symbols have the frequency 1.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from nvcodec.entropy.errors import ShapeMismatch, SymbolOutOfRange, TableOutOfRange

PRECISION = 24
SCALE_COUNT = 40
PHASE_COUNT = 5
LAPLACE_COUNT = SCALE_COUNT * PHASE_COUNT
BINARY_COUNT = 64
TABLE_COUNT = LAPLACE_COUNT + BINARY_COUNT
SYMBOL_MIN = -128
SYMBOL_MAX = 127
SYMBOL_COUNT = SYMBOL_MAX - SYMBOL_MIN + 1

_EIGHTHS = 8  # grid points per latent unit
_TAIL_BITS = 30  # E[0] = 2 ** 30 stands for half of the distribution
_HALF = 1 << _TAIL_BITS

# round(2 ** 30 * exp(-1 / (8 * b_i))): how the tail shrinks over an eighth of a latent unit. Normative as listed.
THETA = (
    145315154, 199759078, 261044606, 326914198, 395007542, 463130302, 529428476, 592470630,
    651257337, 705182512, 753969162, 797596699, 836230973, 870163178, 899760092, 925425813,
    947573834, 966607779, 982908970, 996829173, 1008687096, 1018767490, 1027321989, 1034571010,
    1040706261, 1045893524, 1050275481, 1053974460, 1057095000, 1059726201, 1061943836, 1063812229,
    1065385899, 1066710993, 1067826536, 1068765495, 1069555701, 1070220635, 1070780095, 1071250770,
)  # fmt: skip

# round(2 ** 24 / (1 + 2 ** ((48 - j) / 4))): the symbol 1's frequency in table 200 + j. Normative as listed.
ONES = (
        4095,     4870,     5791,     6886,     8188,     9736,    11577,    13766,
       16368,    19461,    23139,    27509,    32704,    38878,    46213,    54929,
       65281,    77576,    92173,   109499,   130056,   154437,   183338,   217577,
      258111,   306057,   362713,   429583,   508400,   601147,   710074,   837717,
      986895,  1160704,  1362483,  1595755,  1864135,  2171198,  2520292,  2914316,
     3355443,  3844823,  4382274,  4966003,  5592405,  6255970,  6949350,  7663604,
     8388608,  9113612,  9827866, 10521246, 11184811, 11811213, 12394942, 12932393,
    13421773, 13862900, 14256924, 14606018, 14913081, 15181461, 15414733, 15616512,
)  # fmt: skip


@cache
def _cumulative(scale_index: int) -> npt.NDArray[np.int64]:
    """The distribution function F, scaled by 2 ** 31, on the grid of eighths n = -1032..1032; F(n) lies at n + 1032."""
    farthest = _EIGHTHS * -SYMBOL_MIN + _EIGHTHS
    tail = [_HALF]
    for _ in range(farthest):
        tail.append((tail[-1] * THETA[scale_index] + (_HALF >> 1)) >> _TAIL_BITS)
    return np.array(tail[:0:-1] + [2 * _HALF - value for value in tail], dtype=np.int64)


@cache
def frequencies(table_index: int) -> npt.NDArray[np.uint32]:
    """Integer frequencies of the symbols -128..127 in a table, (256,), read-only; they sum to 2 ** 24.

    What flooring leaves over goes to the symbol 0.
    Raises TableOutOfRange. Source: bitstream_spec.md, section 7.1.
    """
    if not 0 <= table_index < TABLE_COUNT:
        raise TableOutOfRange(f"table index {table_index}: must be 0 to {TABLE_COUNT - 1}")
    if table_index >= LAPLACE_COUNT:
        return _binary(int(table_index) - LAPLACE_COUNT)
    scale_index, phase = divmod(int(table_index), PHASE_COUNT)
    cumulative = _cumulative(scale_index)
    # Boundaries between neighbouring symbols lie half a unit (four eighths) above the lower one, less the phase.
    upper = _EIGHTHS * np.arange(SYMBOL_MIN, SYMBOL_MAX) + _EIGHTHS // 2 - phase
    boundaries = np.concatenate(([0], cumulative[upper + len(cumulative) // 2], [2 * _HALF]))
    mass = np.diff(boundaries)
    table = 1 + ((mass * ((1 << PRECISION) - SYMBOL_COUNT)) >> (_TAIL_BITS + 1))
    table[-SYMBOL_MIN] += (1 << PRECISION) - table.sum()
    result: npt.NDArray[np.uint32] = table.astype(np.uint32)
    result.setflags(write=False)
    return result


def _binary(number: int) -> npt.NDArray[np.uint32]:
    table = np.ones(SYMBOL_COUNT, np.uint32)
    table[1 - SYMBOL_MIN] = ONES[number]
    table[-SYMBOL_MIN] = (1 << PRECISION) - (SYMBOL_COUNT - 2) - ONES[number]
    table.setflags(write=False)
    return table


@cache
def cumulative_frequencies() -> npt.NDArray[np.uint32]:
    """(TABLE_COUNT, 257): by table, what the frequencies before each symbol add up to, and 2 ** 24."""
    tables = np.stack([frequencies(index) for index in range(TABLE_COUNT)])
    cumulative: npt.NDArray[np.uint32] = np.pad(np.cumsum(tables, 1), ((0, 0), (1, 0))).astype(np.uint32)
    return cumulative


@cache
def costs_bits() -> npt.NDArray[np.float64]:
    """The ideal cost of each symbol in each table, (TABLE_COUNT, 256), in bits."""
    all_frequencies = np.stack([frequencies(index) for index in range(TABLE_COUNT)])
    costs: npt.NDArray[np.float64] = PRECISION - np.log2(all_frequencies.astype(np.float64))
    return costs


def bits(symbols: npt.ArrayLike, table_indices: npt.ArrayLike) -> float:
    """Cross-entropy of symbols (-128..127) under the tables as coded, in bits; both arrays have the same shape.

    Raises ShapeMismatch, SymbolOutOfRange, TableOutOfRange.
    """
    symbol_array, table_array = np.asarray(symbols), np.asarray(table_indices)
    require_codable(symbol_array, table_array)
    return float(costs_bits()[table_array.astype(np.intp), symbol_array.astype(np.intp) - SYMBOL_MIN].sum())


def require_tables(table_indices: npt.NDArray[np.integer]) -> None:
    """Refuse an index that names no table. Raises TableOutOfRange."""
    if table_indices.size and not (table_indices.min() >= 0 and table_indices.max() < TABLE_COUNT):
        raise TableOutOfRange(
            f"table indices {table_indices.min()} to {table_indices.max()}: must be 0 to {TABLE_COUNT - 1}"
        )


def require_codable(symbols: npt.NDArray[np.integer], table_indices: npt.NDArray[np.integer]) -> None:
    """Refuse what no table can code. Raises ShapeMismatch, SymbolOutOfRange, TableOutOfRange."""
    if symbols.shape != table_indices.shape:
        raise ShapeMismatch(f"symbols have shape {symbols.shape}, their table indices {table_indices.shape}")
    require_tables(table_indices)
    if symbols.size and not (symbols.min() >= SYMBOL_MIN and symbols.max() <= SYMBOL_MAX):
        raise SymbolOutOfRange(
            f"symbols {symbols.min()} to {symbols.max()}: must be {SYMBOL_MIN} to {SYMBOL_MAX} to be coded"
        )
