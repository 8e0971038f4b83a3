"""What nodes of a vector field are predicted to be; `synthesis.vectors.PyramidPass.predict` does it with numpy."""

from __future__ import annotations

from nvcodec.compiled.jit import Array, compiled


@compiled
def predict(
    delta: Array, rows: Array, columns: Array, offsets: Array, limits: Array, lone: int, first: int, prediction: Array,
    contexts: Array,
) -> None:  # fmt: skip
    """Of the nodes rows x columns, the mean of their neighbours' differences, and each one's context.

    delta: (h, w, 2) int32; offsets: (sides, 2) to each neighbour; limits: the largest spreads of the classes but the
    last; lone: the class of nodes with one neighbour; first: the context of class 0. Fills in prediction, (rows,
    columns, 2) int32, and contexts, (rows, columns) int64.
    """
    height, width = delta.shape[0], delta.shape[1]
    for i in range(len(rows)):
        for j in range(len(columns)):
            count, spread = 0, 0
            for component in range(2):
                count, total, low, high = 0, 0, 0, 0
                for side in range(len(offsets)):
                    row, column = rows[i] + offsets[side, 0], columns[j] + offsets[side, 1]
                    if row < height and column < width:  # none lies before the first row or column
                        value = delta[row, column, component]
                        low, high = (min(low, value), max(high, value)) if count else (value, value)
                        total += value
                        count += 1
                prediction[i, j, component] = (2 * total + count) // (2 * count)
                spread = max(spread, high - low)
            own = lone
            if count > 1:
                own = 0
                for limit in limits:
                    own += spread > limit
            contexts[i, j] = first + own
