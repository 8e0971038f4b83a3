"""tools/conformance.py against our own decoder, and against decoders that lie, fail, hang, or are not there."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "conformance" / "vectors"
FILES = ("container_no_index.msn", "motion_smallest.msn")

DECODER = """
import sys
from nvcodec.decoder import Decoder
source, output, scale, lie = sys.argv[1:]
with Decoder(source, scale=scale, backend="numpy", threads=1) as decoder, open(output, "wb") as file:
    for frame in decoder:
        raw = bytearray(frame.tobytes())
        if lie == "change" and frame.pts == 1:
            raw[-1] ^= 1
        if lie != "drop" or frame.pts:
            file.write(raw)
if lie == "more":
    open(output, "ab").write(b"?")
"""


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Two of them, one of each profile."""
    folder = tmp_path / "vectors of two profiles"
    folder.mkdir()
    manifest = json.loads((VECTORS / "manifest.json").read_text())
    for name in FILES:
        (folder / name).write_bytes((VECTORS / name).read_bytes())
    (folder / "manifest.json").write_text(json.dumps({name: manifest[name] for name in FILES}))
    return folder


def run(command: str, vectors: Path, *options: str) -> subprocess.CompletedProcess[str]:
    tool = [sys.executable, str(ROOT / "tools" / "conformance.py"), command, "--vectors", str(vectors), *options]
    return subprocess.run(tool, cwd=ROOT, capture_output=True, text=True, check=False)


def python(code: str, *arguments: str) -> str:
    return shlex.join([sys.executable, "-c", code, *arguments])


def cells(result: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """The table's rows, without the files' names."""
    rows = result.stdout.splitlines()[2:-2]
    return [[cell.strip() for cell in row.split("  ") if cell.strip()][1:] for row in rows]


def test_our_own_decoder(vectors: Path) -> None:
    nvdec = shlex.join([sys.executable, "-m", "nvcodec.cli.nvdec", "{input}", "-o", "{output}", "--scale", "{scale}"])
    result = run(nvdec, vectors, "--scale", "1", "--scale", "1/8")
    assert result.returncode == 0, result.stdout + result.stderr
    assert cells(result) == [["ok", "ok"]] * 2
    assert "4 of 4 are right" in result.stdout


def test_a_decoder_that_lies(vectors: Path) -> None:
    found = {}
    for lie in ("change", "drop", "more"):
        result = run(
            python(DECODER, "{input}", "{output}", "{scale}", lie), vectors, "--scale", "1/4", "--profile", "grid"
        )
        assert result.returncode == 1
        ((found[lie],),) = cells(result)
    size = json.loads((vectors / "manifest.json").read_text())[FILES[0]]["picture_bytes"]["1/4"]
    assert found == {
        "change": "differs at picture 1",
        "drop": "differs at picture 0",
        "more": f"{3 * size + 1} bytes, not {3 * size}",
    }


def test_a_decoder_without_scales_is_asked_for_full_size(vectors: Path) -> None:
    result = run(python(DECODER, "{input}", "{output}", "1", ""), vectors, "--profile", "motion")
    assert result.returncode == 0
    assert cells(result) == [["ok"]]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (python("import sys; sys.exit('first\\nno such profile')", "{input}{output}"), "failed: no such profile"),
        (python("raise SystemExit(3)", "{input}{output}"), "failed: exit status 3"),
        (python("", "{input}{output}"), "failed: no output"),
        (python("import time; time.sleep(60)", "{input}{output}"), "timeout"),
        ("no-such-decoder {input} {output}", "failed: No such file or directory"),
    ],
)
def test_decoders_that_fail(command: str, said: str, vectors: Path) -> None:
    timeout = "1" if said == "timeout" else "60"
    result = run(command, vectors, "--profile", "grid", "--timeout", timeout)
    assert result.returncode == 1
    assert cells(result) == [[said]]
    assert "0 of 1 are right" in result.stdout


def test_a_command_without_places_for_files_is_a_wrong_option(vectors: Path) -> None:
    result = run("nvdec {input}", vectors)
    assert result.returncode == 2
    assert "{output}" in result.stderr
