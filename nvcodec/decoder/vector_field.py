"""The differences of a vector field, from symbols: one array of symbols for each pass of the pyramid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvcodec.entropy import PHASE_COUNT, SymbolDecoder
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
