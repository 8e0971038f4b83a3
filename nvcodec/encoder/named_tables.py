"""Which tables a header names, and which it leaves at their defaults."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvcodec.bitstream.residual_headers import TABLE_BITS
from nvcodec.synthesis.arrays import Array


def named_tables(bits: Array, default: Sequence[int], saving: float = TABLE_BITS) -> Array:
    """(contexts,) numbers of tables: the cheapest where it saves more than so many bits, else the default.

    bits: (contexts, tables), of all symbols of a context under each table.
    """
    rows, own, best = np.arange(len(bits)), np.asarray(default), bits.argmin(1)
    return np.where(bits[rows, own] - bits[rows, best] > saving, best, own)
