"""A tiny source and the file made of it, for tests of whole programs."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import nvcodec
from nvcodec.video import Frame, VideoFormat, open_writer

TINY_FORMAT = VideoFormat(48, 32, "420", 8, Fraction(25))
TINY_SETTINGS = {"preset": "ultrafast", "gop_length": 3, "threads": 1, "device": "cpu"}


def tiny_picture(number: int) -> Frame:
    """Waves that move."""
    rows, columns = np.mgrid[0:32, 0:48]
    luma = 128 + 60 * np.sin((columns + 2 * number) / 7) + 40 * np.cos(rows / 5)
    chroma = 128 + 30 * np.cos((columns[::2, ::2] + number) / 9)
    planes = tuple(plane.astype(np.uint8) for plane in (luma, chroma, 255 - chroma))
    return Frame(planes, number, TINY_FORMAT)


@pytest.fixture(scope="session")
def tiny_frames() -> list[Frame]:
    """6 pictures of 48x32, 8-bit 4:2:0."""
    return [tiny_picture(number) for number in range(6)]


@pytest.fixture(scope="session")
def tiny_y4m(tiny_frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_frames` as a y4m file."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.y4m"
    with open_writer(path, TINY_FORMAT) as writer:
        for frame in tiny_frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="session")
def tiny_msn(tiny_frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_frames` encoded in seconds in the default profile: by one coding pass, without a fit."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.msn"
    nvcodec.encode(tiny_frames, path, **TINY_SETTINGS)
    return path


@pytest.fixture(scope="session")
def tiny_grid_msn(tiny_frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_frames` encoded in seconds in the grid profile, in two GoPs of 3; the pictures are valid, not good."""
    path = tmp_path_factory.mktemp("tiny_grid") / "tiny.msn"
    nvcodec.encode(tiny_frames, path, **TINY_SETTINGS, profile="grid", epochs=2)
    return path
