"""The differences of a vector field, from symbols, one array for each pass of the pyramid, and its splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvcodec.entropy import LAPLACE_COUNT, PHASE_COUNT, SymbolDecoder
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.vectors import pyramid


def decode_differences(
    decoder: SymbolDecoder, shape: tuple[int, int], reference: int, scale_index: Sequence[int] | Array
) -> Array:
    """The next field's differences, (h, w, 2) int32, for reference 0 or 1.

    scale_index: CONTEXT_COUNT of them, 0..39. Any symbols make a field: see `vectors.add_differences`.
    """
    tables = PHASE_COUNT * np.asarray(scale_index)
    delta = np.zeros((*shape, 2), np.int32)
    for each in pyramid(shape):
        prediction, context = each.predict(delta, reference)
        symbols = decoder.decode(np.repeat(tables[context][..., None], 2, -1))
        delta[each.nodes] = prediction + symbols
    return delta


class SplitDecoder:
    """`synthesis.splits.Answers` of a unit's words."""

    def __init__(self, decoder: SymbolDecoder, tables: Sequence[int], scale_index: int):
        """tables: of two symbols, one for each context; none where no block may be split."""
        self._decoder, self._scale = decoder, PHASE_COUNT * scale_index
        self._tables = LAPLACE_COUNT + np.asarray(tables, np.int64)

    def split(self, level: int, contexts: Array, blocks: Array) -> Array:
        return self._decoder.decode(self._tables[contexts])

    def binary(self, level: int, contexts: Array, parts: Array, question: int) -> Array:
        return self._decoder.decode(self._tables[contexts])

    def difference(self, level: int, parts: Array) -> Array:
        return self._decoder.decode(np.full((len(parts), 2), self._scale))
