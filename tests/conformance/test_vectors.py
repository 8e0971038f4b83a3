"""The committed vectors decode to the pictures of the manifest, by every backend: the format does not move by accident.

`tools/make_vectors.py` makes them anew, which is a change of the format and needs a line in CHANGELOG.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from nvcodec.cli.nvdec import nvdec
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.decoder.errors import NoDigest
from nvcodec.entropy import TABLE_COUNT

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import coverage_of_syntax  # noqa: E402

VECTORS = Path(__file__).parent / "vectors"
MANIFEST = json.loads((VECTORS / "manifest.json").read_text())
FILES = sorted(MANIFEST)
WITHOUT_DIGESTS = (
    "container_no_digests.msn",
    "container_digests_of_no_scale.msn",
    "container_digests_of_two_scales.msn",
)
"""Those that lack a digest of scale 1."""
MOST_BYTES = 3 << 20
FULL_PRODUCT = bool(os.environ.get("NVCODEC_FULL_PRODUCT"))
"""Whether every backend decodes every vector at every scale with every number of threads, which takes twice as long."""


def decodings(backend: str) -> Iterator[tuple[str, int]]:
    """(scale, threads): every scale, and every number of threads."""
    for number, scale in enumerate(SCALES):
        for threads in (1,) if backend == "numpy" else (1, 2):
            if FULL_PRODUCT or backend == "numpy" or number % 2 == threads - 1:
                yield scale, threads


def test_the_manifest_is_complete() -> None:
    assert sorted(path.name for path in VECTORS.glob("*.msn")) == FILES
    assert len(FILES) >= 24
    assert sum(path.stat().st_size for path in VECTORS.glob("*.msn")) <= MOST_BYTES
    for entry in MANIFEST.values():
        assert set(entry) == {"profile", "pictures", "picture_bytes", "scales", "picture_digests", "reaches"}
        assert tuple(entry["scales"]) == tuple(entry["picture_digests"]) == SCALES
        assert all(len(digests) == entry["pictures"] for digests in entry["picture_digests"].values())
        assert any(tag.startswith("tables=") for tag in entry["reaches"])


@pytest.mark.parametrize("backend", ["numpy", "onnxruntime", "torch"])
@pytest.mark.parametrize("file", FILES)
def test_vector(file: str, backend: str) -> None:
    for scale, threads in decodings(backend):
        expected, sha = MANIFEST[file]["scales"][scale], hashlib.sha256()
        with Decoder(VECTORS / file, scale=scale, backend=backend, threads=threads) as decoder:
            for frame in decoder:
                raw = frame.tobytes()
                assert MANIFEST[file]["picture_digests"][scale][frame.pts] == hashlib.sha256(raw).hexdigest()[:16], (
                    scale,
                    threads,
                )
                sha.update(raw)
        assert sha.hexdigest() == expected, (scale, threads)


@pytest.mark.parametrize("file", FILES)
def test_nvdec_verifies(file: str, tmp_path: Path) -> None:
    """Or says that there is nothing to compare with."""
    output = tmp_path / "out.yuv"
    arguments = [str(VECTORS / file), "-o", str(output), "--verify", "--threads", "1"]
    result = CliRunner().invoke(nvdec, arguments)
    if file in WITHOUT_DIGESTS:
        assert result.exit_code != 0
        assert not output.exists()
        return
    assert result.exit_code == 0, result.output
    assert hashlib.sha256(output.read_bytes()).hexdigest() == MANIFEST[file]["scales"]["1"]


def test_some_scales_have_digests() -> None:
    path = VECTORS / "container_digests_of_two_scales.msn"
    for scale in ("1/2", "1/8"):
        with Decoder(path, scale=scale, threads=1, verify=True) as decoder:
            assert len(list(decoder)) == 2
    with Decoder(path, scale="1/4", threads=1, verify=True) as decoder, pytest.raises(NoDigest):
        list(decoder)


def test_every_syntax_element_has_a_vector() -> None:
    elements = coverage_of_syntax.all_elements([VECTORS / file for file in FILES])
    assert coverage_of_syntax.missing_elements(elements) == []
    assert [row for row in coverage_of_syntax.unreached_ends(elements) if not row[2]] == []


def test_every_table_has_a_vector() -> None:
    tables: set[int] = set()
    for entry in MANIFEST.values():
        ranges = next(tag for tag in entry["reaches"] if tag.startswith("tables=")).removeprefix("tables=")
        for run in ranges.split():
            first, _, last = run.partition("-")
            tables.update(range(int(first), int(last or first) + 1))
    assert tables == set(range(TABLE_COUNT))
