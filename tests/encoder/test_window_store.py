"""Windows come back as they were stored, whole or in part, from memory and from disk."""

import numpy as np
import pytest

from nvcodec.bitstream import SCALES
from nvcodec.encoder import window_store
from nvcodec.encoder.crop import Crop, whole
from nvcodec.encoder.window_store import WindowStore
from nvcodec.synthesis.window import window_inputs
from tests.streams import noisy_frames, video_format

FORMATS = [("420", 8, 48, 32), ("444", 10, 35, 17), ("422", 12, 34, 21), ("400", 8, 33, 19), ("420", 10, 37, 35)]


@pytest.fixture(params=["memory", "disk"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "disk":
        monkeypatch.setattr(window_store, "IN_MEMORY_BYTES", 0)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("chroma_format", "bit_depth", "width", "height"), FORMATS)
def test_windows_come_back(chroma_format: str, bit_depth: int, width: int, height: int) -> None:
    video = video_format(chroma_format, bit_depth, width, height)
    pairs = [noisy_frames(video, 2, seed) for seed in range(3)]
    store = WindowStore(video, 3)
    for picture, pair in enumerate(pairs):
        store.store(picture, [frame.planes for frame in pair])
    for picture, pair in enumerate(pairs):
        for found, frame in zip(store.window(picture, whole(height, width)), pair, strict=True):
            assert all(map(np.array_equal, found, frame.planes))
            assert all(plane.dtype == video.dtype for plane in found)


def test_a_single_aligned_picture_stands_for_both() -> None:
    video = video_format("420", 8, 20, 18)
    (frame,) = noisy_frames(video, 1)
    store = WindowStore(video, 1)
    store.store(0, [frame.planes])
    first, second = store.window(0, whole(18, 20))
    assert all(map(np.array_equal, first, frame.planes))
    assert all(map(np.array_equal, second, frame.planes))


@pytest.mark.parametrize("scale_log2", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("chroma_format", "bit_depth", "crop"),
    [
        ("420", 8, Crop(0, 1, 2, 2, 99, 131)),
        ("444", 10, Crop(1, 0, 1, 3, 99, 131)),
        ("422", 12, Crop(2, 3, 2, 2, 99, 131)),  # up to the picture's odd edges
        ("400", 8, Crop(3, 4, 1, 1, 99, 131)),
    ],
)
def test_a_part_of_a_window_is_the_part_of_the_whole_at_every_level(
    chroma_format: str, bit_depth: int, crop: Crop, scale_log2: int
) -> None:
    video = video_format(chroma_format, bit_depth, crop.width, crop.height).scaled(scale_log2)
    store = WindowStore(video, 2, scale_log2=scale_log2)
    pair = [frame.planes for frame in noisy_frames(video, 2)]
    store.store(1, pair)
    full = window_inputs(pair, bit_depth, chroma_format, scale_log2)
    part = window_inputs(store.window(1, crop), bit_depth, chroma_format, scale_log2)
    assert sorted(part) == list(range(scale_log2, SCALES))
    for level, seen in part.items():
        rows, columns = crop.slices(level)
        assert np.array_equal(seen, full[level][..., rows, columns]), level
