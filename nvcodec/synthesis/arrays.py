"""The array type of signatures: numpy's, of any element type and rank; docstrings say which."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


def clamp(values: Array, low: int, high: int) -> Array:
    """In place; returns `values`. Limits of the array's own type spare numpy a search for a common one, and `clip` has
    fast loops for them where `minimum` and `maximum` with a number don't."""
    own = values.dtype.type
    clamped: Array = values.clip(own(low), own(high), out=values)
    return clamped
