"""The committed vectors, decoded with the kernels, give the manifest's pictures; damaged ones give what numpy gives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nvcodec.bitstream import UnitKey, UnitType
from nvcodec.decoder import Decoder
from nvcodec.decoder.conceal import Loss
from nvcodec.decoder.decoder import SCALES
from nvcodec.errors import NvcodecError
from nvcodec.video import Frame
from tests.compiled.conftest import Both, all_same
from tests.conformance.test_vectors import FILES, MANIFEST, VECTORS, WITHOUT_DIGESTS
from tests.robustness.mutate import take_apart
from tests.streams import damage, rewrite

CORPUS = Path(__file__).resolve().parents[1] / "robustness" / "corpus"
DAMAGED = (CORPUS / "hybrid.msn", CORPUS / "motion_short.msn")
WITH_WORDS = (UnitType.GOP, UnitType.MOTION, UnitType.RESIDUAL)


@pytest.mark.parametrize("file", FILES)
def test_vector(file: str, fast: None) -> None:
    for scale in SCALES:
        sha = hashlib.sha256()
        with Decoder(VECTORS / file, scale=scale, threads=1, verify=file not in WITHOUT_DIGESTS) as decoder:
            for frame in decoder:
                sha.update(frame.tobytes())
        assert sha.hexdigest() == MANIFEST[file]["scales"][scale], scale


@pytest.mark.parametrize("file", ["motion_open_gops.msn", "motion_extreme_vectors.msn", "hybrid_splits.msn"])
def test_several_threads(file: str, fast: None) -> None:
    """Align pictures side by side."""
    with Decoder(VECTORS / file, threads=4, verify=True) as decoder:
        pictures = b"".join(frame.tobytes() for frame in decoder)
    assert hashlib.sha256(pictures).hexdigest() == MANIFEST[file]["scales"]["1"]


def decode(data: bytes, conceal: bool) -> tuple[list[Frame], list[Loss], str]:
    """Pictures, losses, and what was wrong."""
    frames: list[Frame] = []
    with Decoder(data, backend="numpy", threads=1, conceal=conceal, verify=True) as decoder:
        try:
            frames += decoder
        except NvcodecError as error:
            return frames, decoder.losses, f"{type(error).__name__}: {error}"
        return frames, decoder.losses, ""


def damaged_streams(data: bytes) -> list[bytes]:
    """Without each unit in turn, and with other words behind right CRCs: bits of all payloads, one at a time."""
    keys = [key for key, _ in take_apart(data) if key.unit_type in (*WITH_WORDS, UnitType.TABLES)]
    found = [damage(data, [key]) for key in keys]

    def turned(place: int, key: UnitKey) -> bytes:
        def change(own: UnitKey, payload: bytes) -> bytes:
            if own != key or place >= len(payload):
                return payload
            return payload[: -place - 1] + bytes([payload[-place - 1] ^ 0x10]) + payload[len(payload) - place :]

        return rewrite(data, change)

    return found + [turned(place, key) for key in keys if key.unit_type in WITH_WORDS for place in (0, 5)]


@pytest.mark.parametrize("path", DAMAGED, ids=lambda path: path.stem)
def test_damage(path: Path, both: Both) -> None:
    """The same pictures, losses and errors, concealed or not."""
    wrong = 0
    for data in damaged_streams(path.read_bytes()):
        for conceal in (False, True):
            (frames, losses, error), (frames_too, losses_too, error_too) = both(decode, data, conceal)
            assert (losses, error) == (losses_too, error_too)
            assert [frame.pts for frame in frames] == [frame.pts for frame in frames_too]
            assert all(all_same((a.planes, b.planes)) for a, b in zip(frames, frames_too, strict=True))
            wrong += bool(losses or error)
    assert wrong >= 4
