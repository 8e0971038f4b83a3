"""Decoding of entropy-coded symbols: constriction's ANS decoder, for arrays whose symbols have a table each.

Source: bitstream_spec.md, section 7.1. `entropy.coder.SymbolDecoder` does the same with constriction itself.
"""

from __future__ import annotations

import numpy as np

from nvcodec.compiled.jit import Array, compiled

PRECISION = np.uint64(24)
WORD_BITS = np.uint64(32)
NONE = np.uint64(0)


@compiled
def pop(words: Array, coder: Array, tables: Array, cumulative: Array, symbols: Array) -> bool:
    """Decodes a symbol for each table index into `symbols`, tables ascending and each table's in raster order.

    words: uint32; coder: (state, words left), uint64, changed; tables: (n,) int64; cumulative: (tables, symbols + 1)
    uint32, what the frequencies before a symbol add up to; symbols: (n,) int32, counted from 0. Returns False, with
    nothing decoded, where an index names no table.
    """
    counts = np.zeros(cumulative.shape[0] + 1, np.int64)
    for table in tables:
        if table < 0 or table >= cumulative.shape[0]:
            return False
        counts[table + 1] += 1
    for number in range(cumulative.shape[0]):
        counts[number + 1] += counts[number]
    order = np.empty(len(tables), np.int64)
    for raster in range(len(tables)):
        order[counts[tables[raster]]] = raster
        counts[tables[raster]] += 1
    state, left = coder[0], coder[1]
    mask = (np.uint64(1) << PRECISION) - np.uint64(1)
    middle = cumulative.shape[1] // 2
    for place in order:
        own = cumulative[tables[place]]
        quantile = np.uint32(state & mask)
        low, high = 0, cumulative.shape[1] - 1
        # mostly a small number, around the middle
        if own[middle] <= quantile:
            low = middle
            if quantile < own[middle + 1]:
                high = middle + 1
        else:
            high = middle
        while high - low > 1:
            half = (low + high) >> 1
            if own[half] <= quantile:
                low = half
            else:
                high = half
        symbols[place] = low
        frequency = np.uint64(own[low + 1]) - np.uint64(own[low])
        state = (state >> PRECISION) * frequency + np.uint64(quantile) - np.uint64(own[low])
        if state >> WORD_BITS == NONE and left > NONE:
            left -= np.uint64(1)
            state = (state << WORD_BITS) | np.uint64(words[left])
    coder[0], coder[1] = state, left
    return True
