"""The clip that ships with the project, end to end through real processes: a short fit, then every scale back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nvcodec.metrics import PsnrAccumulator
from nvcodec.video import area_downscale, open_reader

CLIP = Path(__file__).resolve().parents[2] / "demo" / "bunny_320x180.mkv"
PICTURES = 50
SIZES = {"1": (320, 180), "1/2": (160, 90), "1/4": (80, 45), "1/8": (40, 23)}


def command(name: str, *arguments: object) -> str:
    words = [sys.executable, "-m", f"nvcodec.cli.{name}", *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    stream = tmp_path_factory.mktemp("demo") / "demo.msn"
    given = ("--profile", "grid", "--epochs", 2, "--lambda", 0.0015, "--threads", 1)
    said = command("nvenc", CLIP, "-o", stream, *given, "--json")
    return stream, json.loads(said)


@pytest.mark.parametrize("scale", SIZES)
def test_every_scale(encoded: tuple[Path, dict], tmp_path: Path, scale: str) -> None:
    stream, summary = encoded
    assert summary["file_bytes"] == stream.stat().st_size == sum(summary["component_bytes"].values())
    out = tmp_path / "out.y4m"
    command("nvdec", stream, "-o", out, "--scale", scale, "--verify")
    quality = PsnrAccumulator(8)
    with open_reader(CLIP) as originals, open_reader(out) as decoded:
        assert (decoded.format.width, decoded.format.height) == SIZES[scale]
        for original, picture in zip(originals, decoded, strict=True):
            quality.add(area_downscale(original.planes, list(SIZES).index(scale)), picture.planes)
    assert len(quality.pictures_db) == PICTURES
    assert quality.mean_y == pytest.approx(summary["psnr_y"][scale], abs=1e-6)
    if scale == "1":
        assert quality.mean_y > 18  # one grey, the right one, for all samples of a picture has 14.2 dB
