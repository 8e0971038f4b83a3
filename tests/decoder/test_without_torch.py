"""A process in which `import torch` fails decodes all the same, and says what is missing where torch is asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES, picture_digest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "cv2", "tqdm"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())

import nvcodec
from nvcodec.decoder.decoder import picture_digest

def message(call):
    try:
        call()
    except nvcodec.NvcodecError as error:
        return f"{type(error).__name__}: {error}"

path = sys.argv[1]
found = {}
for scale in ("1", "1/2", "1/4", "1/8"):
    for backend in ("onnxruntime", "numpy"):
        frames = nvcodec.decode(path, scale, backend=backend, verify=True)
        found[f"{backend} {scale}"] = [picture_digest(frame.planes, 8).hex() for frame in frames]
found["probe"] = nvcodec.probe(path).picture_count
with nvcodec.Decoder(path, backend="torch") as decoder:
    found["torch"] = message(lambda: decoder[0])
found["loaded"] = sorted(name for name in sys.modules if name.startswith(("torch", "nvcodec.encoder")))
found["encode"] = message(lambda: nvcodec.encode(nvcodec.decode(path), path + ".new"))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(plain_file: Path) -> dict:
    command = [sys.executable, "-c", PROGRAM, str(plain_file)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("backend", ["onnxruntime", "numpy"])
def test_decodes_to_the_same_pictures(found: dict, plain: bytes, backend: str, scale: str) -> None:
    with Decoder(plain, scale=scale, backend="torch", threads=1) as decoder:
        expected = [picture_digest(frame.planes, 8).hex() for frame in decoder]
    assert found[f"{backend} {scale}"] == expected


def test_probes(found: dict) -> None:
    assert found["probe"] == 7


def test_says_what_is_missing(found: dict, plain_file: Path) -> None:
    assert found["torch"] == "UnknownBackend: backend torch: torch is not installed"
    assert found["encode"].startswith("EncoderMissing: torch is not installed")
    assert not plain_file.with_suffix(".msn.new").exists()


def test_loads_nothing_of_the_encoder(found: dict) -> None:
    assert found["loaded"] == []
