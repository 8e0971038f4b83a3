"""The committed vectors decode to the pictures of the manifest: the format of version 0.1 does not move by accident.

`tools/make_vectors.py` makes them anew, which is a change of the format and needs a line in CHANGELOG.md.
"""

import hashlib
import json
from pathlib import Path

import pytest

from nvcodec.decoder import Decoder

VECTORS = Path(__file__).parent / "vectors"
MANIFEST = json.loads((VECTORS / "manifest.json").read_text())


def test_every_vector_is_in_the_manifest() -> None:
    assert sorted(MANIFEST) == sorted(path.name for path in VECTORS.glob("*.msn"))
    assert len(MANIFEST) >= 12


@pytest.mark.parametrize(("backend", "threads"), [("numpy", 1), ("onnxruntime", 1), ("onnxruntime", 2), ("torch", 2)])
@pytest.mark.parametrize("file", sorted(MANIFEST))
def test_vector(file: str, backend: str, threads: int) -> None:
    for scale, expected in MANIFEST[file]["scales"].items():
        sha = hashlib.sha256()
        with Decoder(VECTORS / file, scale=scale, backend=backend, threads=threads, verify=True) as decoder:
            for frame in decoder:
                sha.update(frame.tobytes())
        assert sha.hexdigest() == expected, scale
