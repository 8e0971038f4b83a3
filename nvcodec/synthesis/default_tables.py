"""The tables that residuals use where a TABLES unit names no others: normative as listed (bitstream_spec.md, 7.8).

Made by tools/make_default_tables.py from made-up clips, none of them a test clip.
"""

from __future__ import annotations

from nvcodec.bitstream import LevelTables
from nvcodec.bitstream.residual_headers import BINARY_CONTEXTS, RESIDUAL_LEVELS, TABLE_SETS, VALUE_CONTEXTS, Tables

KINDS = 2
_NUMBERS = ((24,) * (sum(BINARY_CONTEXTS)) + (12,) * (VALUE_CONTEXTS * RESIDUAL_LEVELS),) * (TABLE_SETS * KINDS)
"""By set and kind: for levels 0 .. 3 the binary contexts' tables, then for levels 0 .. 3 the values'."""


def _tables(numbers: tuple[int, ...]) -> tuple[LevelTables, ...]:
    found, first, values = [], 0, sum(BINARY_CONTEXTS)
    for level, count in enumerate(BINARY_CONTEXTS):
        at = values + VALUE_CONTEXTS * level
        found.append(LevelTables(numbers[first : first + count], numbers[at : at + VALUE_CONTEXTS]))
        first += count
    return tuple(found)


DEFAULT_TABLES: Tables = tuple(
    tuple(_tables(_NUMBERS[KINDS * number + kind]) for kind in range(KINDS)) for number in range(TABLE_SETS)
)
