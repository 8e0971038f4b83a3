"""The commands as real processes, in an empty folder."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}

Ran = subprocess.CompletedProcess[bytes]


def command_line(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"nvcodec.cli.{name}", *map(str, arguments)]


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start a command in tmp_path; stdin is empty, stdout and stderr are pipes unless told otherwise."""

    def begin(name: str, *arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(command_line(name, *arguments), cwd=tmp_path, env=ENVIRONMENT, **given)

    return begin


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., Ran]:
    """Run a command to its end. data: what it gets on standard input."""

    def finish(name: str, *arguments: object, data: bytes | None = None, **options: Any) -> Ran:
        if data is not None:
            options["stdin"] = subprocess.PIPE
        process = start(name, *arguments, **options)
        stdout, stderr = process.communicate(data)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return finish


@pytest.fixture
def refused(run: Callable[..., Ran], tmp_path: Path) -> Callable[..., str]:
    """Run a command that must fail: with one line on stderr, the given status, and no trace in the folder."""

    def check(name: str, *arguments: object, status: int = 1, **options: Any) -> str:
        before = contents(tmp_path)
        ran = run(name, *arguments, **options)
        message = ran.stderr.decode()
        assert ran.returncode == status, message
        assert message.startswith(f"{name}: ")
        assert message.endswith("\n")
        assert message.count("\n") == 1, message
        assert "Traceback" not in message
        assert contents(tmp_path) == before
        return message

    return check


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
