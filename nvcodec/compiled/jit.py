"""How functions are compiled."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import filelock
import numba
import numpy.typing as npt

Array = npt.NDArray[Any]

LOCK_NAME = "nvcodec.lock"


def compiled(function: Any) -> Any:
    """To machine code that lets go of Python's lock, kept on disk for the next process."""
    return numba.njit(nogil=True, cache=True, error_model="numpy")(function)


def compiled_part(function: Any) -> Any:
    """The same of what other compiled functions call, which are kept with it inside."""
    return numba.njit(nogil=True, error_model="numpy")(function)


class Kernel:
    """A compiled function whose variants, by element types, are made or fetched from disk by one process at a time:
    Numba's own index of what it keeps on disk can be spoilt by two."""

    def __init__(self, function: Any):
        """function: as `compiled` makes it."""
        self._function = function
        self._made: set[tuple[Any, ...]] = set()

    def __call__(self, *arguments: Any) -> Any:
        types = tuple([getattr(own, "dtype", None) for own in arguments])
        if types in self._made:
            return self._function(*arguments)
        with _alone(self._function.stats.cache_path):
            try:
                result = self._function(*arguments)
            except OSError:  # the disk had no room for it; the variant is there all the same
                result = self._function(*arguments)
            except Exception:  # no kernel raises anything: what was on disk is damaged
                self._function = compiled_part(self._function.py_func)
                return self._function(*arguments)
        self._made.add(types)
        return result


@contextlib.contextmanager
def _alone(folder: str | None) -> Iterator[None]:
    """While no other process is; where no lock can be had, or nothing is kept, all the same."""
    with contextlib.ExitStack() as stack:
        if folder is not None:
            with contextlib.suppress(OSError):
                os.makedirs(folder, exist_ok=True)
                stack.enter_context(filelock.FileLock(os.path.join(folder, LOCK_NAME)))
        yield
