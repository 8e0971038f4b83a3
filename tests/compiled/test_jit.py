"""Variants of a kernel are made by one process at a time, and a full disk costs nothing but the keeping of them."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

jit = pytest.importorskip("nvcodec.compiled.jit", reason="needs Numba")
filelock = pytest.importorskip("filelock")


class Function:
    """As Numba's, called for the first time."""

    def __init__(self, folder: Path, fails: int = 0):
        self.stats = SimpleNamespace(cache_path=str(folder))
        self.fails, self.locked = fails, []

    def __call__(self, values: np.ndarray) -> int:
        other = filelock.FileLock(Path(self.stats.cache_path) / jit.LOCK_NAME, timeout=0)
        try:
            with other:
                self.locked.append(False)
        except (filelock.Timeout, OSError):
            self.locked.append(True)
        if self.fails:
            self.fails -= 1
            raise OSError(28, "No space left on device")
        return int(values.sum())


def test_locked_at_the_first_call_with_a_type(tmp_path: Path) -> None:
    function = Function(tmp_path / "not there yet")
    kernel = jit.Kernel(function)
    for dtype in (np.uint8, np.uint8, np.uint16, np.uint8, np.uint16):
        assert kernel(np.ones(3, dtype)) == 3
    assert function.locked == [True, False, True, False, False]


def test_no_room_for_what_is_compiled(tmp_path: Path) -> None:
    function = Function(tmp_path, fails=1)
    assert jit.Kernel(function)(np.ones(3)) == 3
    assert function.locked == [True, True]


def test_another_failure_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        jit.Kernel(Function(tmp_path, fails=2))(np.ones(3))


def test_without_a_place_for_the_lock(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    kernel = jit.Kernel(Function(tmp_path / "file"))
    assert kernel(np.ones(3)) == 3


def test_what_is_on_disk_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled again then, once for each type."""
    source = "from nvcodec.compiled.jit import compiled\n\n@compiled\ndef total(values):\n    return values.sum()\n"
    (tmp_path / "summing.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    import summing  # type: ignore[import-not-found]

    assert jit.Kernel(summing.total)(np.ones(3, np.int64)) == 3
    kept = list(Path(summing.total.stats.cache_path).glob("*.nbc"))
    assert kept
    for file in kept:
        file.write_bytes(file.read_bytes()[:100])
    kernel = jit.Kernel(importlib.reload(summing).total)
    for count, dtype in ((3, np.int64), (4, np.int64), (5, np.int32), (6, np.int32)):
        assert kernel(np.ones(count, dtype)) == count
    monkeypatch.delitem(sys.modules, "summing")
