"""How functions are compiled."""

from __future__ import annotations

from typing import Any

import numba
import numpy.typing as npt

Array = npt.NDArray[Any]


def compiled(function: Any) -> Any:
    """To machine code that lets go of Python's lock, kept on disk for the next process."""
    return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
