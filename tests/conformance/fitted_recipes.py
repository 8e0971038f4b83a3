"""Conformance vectors that the encoder made: of the moving pictures of tests/streams.py, and of a real clip.

The former are the vectors of version 0.1 of the format, kept as they were written: their file headers say 0.1. Of the
hybrid profile there are files of real pictures of versions 0.5, 0.8 and 0.9, kept likewise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from nvcodec.encoder.settings import EncodeSettings
from nvcodec.video import open_reader
from nvcodec.video.frame import Frame
from tests.streams import CASES, encode_bytes, stream

CLIP = Path(__file__).resolve().parents[3] / "shared" / "clips" / "carphone_176x144.mkv"
ROWS, COLUMNS = slice(24, 104), slice(40, 136)
"""What is encoded of the clip's pictures, luma samples: the head."""


def cropped_pictures(count: int) -> list[Frame]:
    """The first pictures of the clip, 4:2:0, cropped to 96x80."""
    with open_reader(CLIP) as reader:
        frames = list(islice(reader, count))
    video = replace(frames[0].format, width=COLUMNS.stop - COLUMNS.start, height=ROWS.stop - ROWS.start)
    halves = tuple(slice(part.start // 2, part.stop // 2) for part in (ROWS, COLUMNS))
    parts = ((ROWS, COLUMNS), halves, halves)
    return [
        Frame(tuple(plane[part].copy() for plane, part in zip(frame.planes, parts, strict=True)), frame.pts, video)
        for frame in frames
    ]


def real_pictures(profile: str, count: int) -> bytes:
    """The encoder's own model and choices on real pictures, in its quickest preset."""
    settings = EncodeSettings(preset="ultrafast", profile=profile, epochs=40, quality=60, gop_length=4, threads=1)
    return encode_bytes(cropped_pictures(count), settings)[0]


def hybrid_real_pictures() -> bytes:
    """The same of the hybrid profile, with a short fit of its network."""
    settings = EncodeSettings(preset="fast", profile="hybrid", epochs=20, quality=60, gop_length=8, threads=1)
    return encode_bytes(cropped_pictures(12), settings)[0]


def _moving_pictures(name: str) -> bytes:
    return stream(name)[0]


RECIPES: dict[str, Callable[[], bytes]] = {
    **{name.replace(" ", "_"): partial(_moving_pictures, name) for name in CASES},
    "grid_real_pictures": partial(real_pictures, "grid", 4),
    "motion_real_pictures": partial(real_pictures, "motion", 6),
    "hybrid_real_pictures": hybrid_real_pictures,
    "hybrid_real_pictures_of_version_8": hybrid_real_pictures,
    "hybrid_real_pictures_of_version_9": hybrid_real_pictures,
}
"""By the vector's name."""
