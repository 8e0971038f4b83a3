"""When the kernels are used: where there is enough to do, where they can be had, and as the environment says."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nvcodec import compiled
from nvcodec.compiled import ENVIRONMENT, WORTHWHILE_SAMPLES, kernels, use_kernels
from nvcodec.decoder import Decoder
from nvcodec.decoder.memory import KERNELS_BYTES
from tests.streams import same_planes

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "conformance" / "vectors"
HYBRID = VECTORS / "hybrid_adaptive_filters.msn"
MUCH = 1 << 30


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process begins: no kernels yet, and nothing said of them."""
    monkeypatch.setattr(compiled, "_kernels", None)
    monkeypatch.delenv(ENVIRONMENT, raising=False)


@pytest.fixture
def forgotten(unloaded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And their modules are loaded anew when they are asked for."""
    for name in [name for name in sys.modules if name.startswith("nvcodec.compiled.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(compiled, "table", raising=False)


@pytest.fixture
def numba() -> ModuleType:
    return pytest.importorskip("numba")


def decode() -> str:
    """The digest of a file's pictures."""
    with Decoder(HYBRID, threads=1) as decoder:
        return hashlib.sha256(b"".join(frame.tobytes() for frame in decoder)).hexdigest()


def expected_digest() -> str:
    return str(json.loads((VECTORS / "manifest.json").read_text())[HYBRID.name]["scales"]["1"])


def test_only_where_there_is_enough_to_do(unloaded: None, numba: ModuleType) -> None:
    assert not use_kernels(WORTHWHILE_SAMPLES - 1)
    assert kernels() is None
    assert use_kernels(WORTHWHILE_SAMPLES)
    assert kernels() is importlib.import_module("nvcodec.compiled.table")
    assert use_kernels(1), "once loaded they stay"


def test_the_environment_keeps_them_off(unloaded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "0")
    assert not use_kernels(MUCH)
    assert kernels() is None


@pytest.mark.parametrize(("said", "used"), [("1", True), ("0", False), ("", False), ("2", False)])
def test_the_environment_asks_for_them(
    said: str, used: bool, unloaded: None, numba: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, said)
    assert use_kernels(1) == used
    assert (kernels() is not None) == used


def test_without_numba(forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)  # makes `import` raise ImportError
    monkeypatch.setenv(ENVIRONMENT, "1")
    assert not use_kernels(MUCH)
    assert kernels() is None
    assert decode() == expected_digest()
    assert kernels() is None


def test_with_nowhere_to_keep_what_is_compiled(
    forgotten: None, numba: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an installation that can't be written to, of a user without a home: Numba tries it with a file."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setenv(ENVIRONMENT, "1")
    with pytest.raises(RuntimeError, match="no locator available"):
        importlib.import_module("nvcodec.compiled.table")
    assert not use_kernels(MUCH)
    assert kernels() is None
    assert decode() == expected_digest()


def test_the_decoder_asks_for_them(unloaded: None, numba: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the hybrid profile, if the file's samples are many or the environment says so."""
    decode()
    assert kernels() is None
    monkeypatch.setenv(ENVIRONMENT, "1")
    for other in ("grid_smallest.msn", "motion_all_derived.msn"):
        Decoder(VECTORS / other, threads=1).close()
        assert kernels() is None
    assert decode() == expected_digest()
    assert kernels() is not None


def test_the_decoder_has_room_for_them(unloaded: None, numba: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "1")
    with Decoder(HYBRID, threads=1, max_memory=None) as decoder:
        need = decoder.memory_need()
    monkeypatch.setattr(compiled, "_kernels", None)
    enough = need.held + need.per_worker + KERNELS_BYTES
    Decoder(HYBRID, threads=1, max_memory=enough - 1).close()
    assert kernels() is None
    Decoder(HYBRID, threads=1, max_memory=enough).close()
    assert kernels() is not None


def test_all_of_them_are_used(fast: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the other tests: a step that did not use its kernel would equal numpy's."""
    table = kernels()
    assert table is not None

    class Watched:
        asked: set[str] = set()  # noqa: RUF012

        def __getattr__(self, name: str) -> Any:
            self.asked.add(name)
            return getattr(table, name)

    monkeypatch.setattr(compiled, "_kernels", Watched())
    assert decode() == expected_digest()
    for name in ("hybrid_choices.msn", "hybrid_deblocking.msn"):
        with Decoder(VECTORS / name, threads=1) as decoder:
            list(decoder)
    assert sorted(Watched.asked) == sorted(table.__all__)


def test_loaded_in_the_middle_of_a_decode(unloaded: None, numba: ModuleType) -> None:
    """By another decoder of the process: payloads that were begun go on as they were."""
    with Decoder(HYBRID, threads=1) as decoder:
        whole = list(decoder)
        assert kernels() is None
        frames = iter(decoder)
        found = [next(frames)]
        assert use_kernels(MUCH)
        found += frames
    assert all(map(same_planes, found, whole))
    assert len(found) == len(whole)


PROGRAM = """
import sys
from nvcodec.cli.nvdec import main
try:
    main()
finally:
    print("numba" in sys.modules)
"""


@pytest.mark.parametrize(("said", "loaded"), [("0", "False"), ("1", "True"), (None, "False")])
def test_the_command(said: str | None, loaded: str, numba: ModuleType, tmp_path: Path) -> None:
    """A process of its own; without being told it does not load Numba for a small file."""
    environment = {name: value for name, value in os.environ.items() if name != ENVIRONMENT}
    environment |= {} if said is None else {ENVIRONMENT: said}
    output = tmp_path / "out.yuv"
    command = [sys.executable, "-c", PROGRAM, str(HYBRID), "-o", str(output), "--verify", "--quiet", "--threads", "1"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split() == [loaded]
    assert hashlib.sha256(output.read_bytes()).hexdigest() == expected_digest()
