"""The smallest streams of both profiles, and their right pictures."""

from functools import cache
from pathlib import Path

import pytest

from nvcodec.decoder import Decoder
from nvcodec.video import Frame

CORPUS = Path(__file__).parent / "corpus"


@cache
def corpus_stream(name: str) -> bytes:
    return (CORPUS / f"{name}.msn").read_bytes()


@cache
def right_pictures(name: str, scale: str = "1") -> list[Frame]:
    with Decoder(corpus_stream(name), backend="numpy", threads=1, scale=scale, verify=True) as decoder:
        return list(decoder)


@pytest.fixture(params=["grid", "motion"])
def name(request: pytest.FixtureRequest) -> str:
    """A stream of each profile."""
    return str(request.param)
