"""The array type of signatures: numpy's, of any element type and rank; docstrings say which."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
