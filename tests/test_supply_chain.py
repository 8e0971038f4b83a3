"""What the program never does, whatever it is given: read from the sources, and tried in a process that forbids it."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*(ROOT / "nvcodec").rglob("*.py"), *(ROOT / "tools").rglob("*.py")])
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml",
           "socket", "ssl", "urllib", "http", "ftplib", "smtplib", "requests", "httpx", "aiohttp"}  # fmt: skip
"""Whose import would let data become code, or open a network connection."""
CALLS = {"eval", "exec", "compile", "os.system", "os.popen", "os.execl", "os.execv", "subprocess.getoutput",
         "subprocess.getstatusoutput", "torch.hub.load", "tempfile.mktemp"}  # fmt: skip

OFFLINE = """
import sys

def refuse(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise SystemExit(f"network: {event} {arguments}")

sys.addaudithook(refuse)
import nvcodec
source, output = sys.argv[1:]
for profile in ("grid", "motion", "hybrid"):
    nvcodec.encode(source, output, profile=profile, preset="ultrafast", epochs=1, threads=1, device="cpu")
    for backend in ("numpy", "onnxruntime", "torch"):
        assert len(list(nvcodec.decode(output, backend=backend, threads=1, verify=True))) == 2
import socket
try:
    socket.socket()
except SystemExit:
    print("offline")
"""


def faults(source: str) -> Iterator[str]:
    """What a source does that it must not: names of modules, calls and arguments."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield node.module
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if name in CALLS:
                yield name
            if given.get("shell", "False") != "False":
                yield f"{name}(shell={given['shell']})"
            if given.get("allow_pickle", "False") != "False":
                yield f"{name}(allow_pickle={given['allow_pickle']})"
            if name == "torch.load" and given.get("weights_only") != "True":
                yield "torch.load without weights_only=True"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_has_a_fault(path: Path) -> None:
    assert list(faults(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import pickle", "pickle"),
        ("from urllib.request import urlopen", "urllib.request"),
        ("def f():\n    import socket", "socket"),
        ("subprocess.run(command, shell=True)", "subprocess.run(shell=True)"),
        ("subprocess.run(command, shell=wanted)", "subprocess.run(shell=wanted)"),
        ("os.system(command)", "os.system"),
        ("torch.load(path)", "torch.load without weights_only=True"),
        ("torch.load(path, weights_only=False)", "torch.load without weights_only=True"),
        ("np.load(path, allow_pickle=True)", "np.load(allow_pickle=True)"),
        ("eval(text)", "eval"),
    ],
)
def test_faults_are_found(source: str, fault: str) -> None:
    assert list(faults(source)) == [fault]


@pytest.mark.parametrize(
    "source",
    ["subprocess.run(command, shell=False)", "torch.load(path, weights_only=True)", "np.load(path)", "re.compile(x)"],
)
def test_what_is_no_fault(source: str) -> None:
    assert list(faults(source)) == []


def test_encoding_and_decoding_open_no_socket(tiny_y4m: Path, tmp_path: Path) -> None:
    """All profiles, all backends, in a process where asking for a socket, or for a name's address, ends it."""
    data = tiny_y4m.read_bytes()
    header = data[: data.index(b"\n") + 1]
    source = tmp_path / "two.y4m"
    source.write_bytes(data[: len(header) + 2 * (len(b"FRAME\n") + 48 * 32 * 3 // 2)])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", OFFLINE, str(source), str(tmp_path / "out.msn")]
    ran = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "offline\n"), ran.stderr
