"""Whether Numba's compiled kernels are used, which give what numpy gives in a fraction of its time.

They need the package numba (`pip install "nvcodec[fast]"`), and half a second to load; the very first time in an
installation some seconds to be compiled. So they are asked for where there is enough to do (`use_kernels`); without
them, numpy does the same. NVCODEC_NUMBA=0 in the environment keeps them off, NVCODEC_NUMBA=1 asks for them always.
Numba checks no index: kernels get arrays of shapes that follow from headers, and clamp positions that vectors give.
"""

from __future__ import annotations

import os
from types import ModuleType

ENVIRONMENT = "NVCODEC_NUMBA"
WORTHWHILE_SAMPLES = 1 << 22
"""Luma samples to decode from which on loading kernels is sooner paid back."""

_kernels: ModuleType | None = None


def use_kernels(samples: int) -> bool:
    """Loads the kernels for so many luma samples, if that pays and they can be had; whether they are there now."""
    global _kernels
    wanted = os.environ.get(ENVIRONMENT)
    if _kernels is None and wanted != "0" and (samples >= WORTHWHILE_SAMPLES or wanted == "1"):
        try:
            from nvcodec.compiled import table
        except (ImportError, RuntimeError):  # RuntimeError: Numba has nowhere to keep what it compiles
            return False
        _kernels = table
    return _kernels is not None


def kernels() -> ModuleType | None:
    """`compiled.table`, or None where numpy does their work."""
    return _kernels
