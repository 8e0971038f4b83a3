"""Source pictures in memory and on disk, and the targets made of them."""

import random
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.encoder import source, window_store
from nvcodec.encoder.crop import Crop, random_crop, whole
from nvcodec.encoder.errors import TemporaryFileFailed
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.encoder.window_store import WindowStore
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.packing import pack
from nvcodec.video.scaling import area_downscale, max_pool_downscale
from tests.streams import noisy_frames, video_format

CPU = torch.device("cpu")
FORMATS = [("400", 8, 17, 16), ("420", 10, 33, 19), ("422", 12, 18, 21), ("444", 8, 20, 16)]


def filled(case: tuple, count: int, directory: Path | None = None) -> SourceStore:
    video = video_format(*case)
    store = SourceStore(video, None if directory is None else str(directory))
    for frame in noisy_frames(video, count):
        store.append(frame)
    return store


@pytest.mark.parametrize("case", FORMATS, ids=str)
@pytest.mark.parametrize("pictures_in_memory", [0, 2])
def test_on_disk_equals_in_memory(
    case: tuple, pictures_in_memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the store moves to disk between two pictures; the file has no name and leaves nothing."""
    in_memory = filled(case, 5)
    monkeypatch.setattr(source, "IN_MEMORY_BYTES", pictures_in_memory * video_format(*case).frame_bytes)
    on_disk = filled(case, 5, tmp_path)
    assert len(on_disk) == len(in_memory) == 5
    for index in (0, 4, 2, 3, 1, 1):
        for a, b in zip(in_memory.planes(index), on_disk.planes(index), strict=True):
            assert a.dtype == b.dtype == video_format(*case).dtype
            assert np.array_equal(a, b)
    for a, b in zip(Targets(in_memory, CPU).pictures([3, 0]), Targets(on_disk, CPU).pictures([3, 0]), strict=True):
        assert torch.equal(a, b)
    assert list(tmp_path.iterdir()) == []
    on_disk.close()


def test_a_full_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the source's samples and of the windows: an error of ours, not the system's, and no signal."""
    monkeypatch.setattr(source, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(window_store, "IN_MEMORY_BYTES", 0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(TemporaryFileFailed, match="source's temporary file: File too large"):
            filled(("420", 8, 64, 64), 2, tmp_path)
        with pytest.raises(TemporaryFileFailed, match="temporary file of windows: File too large"):
            WindowStore(video_format("420", 8, 64, 64), 2, directory=str(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("pooling", "downscale"), [("area", area_downscale), ("max", max_pool_downscale)])
@pytest.mark.parametrize("case", FORMATS, ids=str)
def test_targets_are_the_downscaled_source(case: tuple, pooling: str, downscale: object) -> None:
    store, (chroma_format, bit_depth, width, height) = filled(case, 4), case
    for scale, batch in enumerate(Targets(store, CPU, pooling, first=1).pictures([2, 0])):
        assert batch.shape[2:] == arithmetic.level_size(height, width, scale)
        for row, index in enumerate((3, 1)):
            expected = pack(downscale(store.planes(index), scale), chroma_format) / 2**bit_depth - 0.5
            assert np.allclose(batch[row].numpy(), expected, atol=1e-6)


@settings(max_examples=60)
@given(st.integers(16, 500), st.integers(16, 500), st.integers(1, 90_000), st.integers(0, 99))
def test_crops_agree_between_levels_and_stay_inside(height: int, width: int, pixels: int, seed: int) -> None:
    crop = random_crop(height, width, pixels, random.Random(seed))
    assert crop.pixels <= height * width
    for level in range(5):
        bounds = arithmetic.level_size(height, width, level)
        for axis, part in enumerate(crop.slices(level)):
            assert 0 <= part.start < part.stop <= bounds[axis]
            assert crop.sizes()[level][axis] == part.stop - part.start
        if level:
            finer = crop.sizes()[level - 1]
            assert crop.sizes()[level] == (-(-finer[0] // 2), -(-finer[1] // 2))
    everything = whole(height, width)
    assert everything.pixels == height * width
    assert everything.sizes() == {level: arithmetic.level_size(height, width, level) for level in range(5)}


@pytest.mark.parametrize("case", [("420", 8, 97, 75), ("422", 10, 64, 99), ("444", 8, 70, 65)], ids=str)
def test_targets_of_a_crop_are_parts_of_the_whole(case: tuple) -> None:
    store, (_, _, width, height) = filled(case, 1), case
    targets = Targets(store, CPU)
    for crop in (Crop(0, 0, 1, 2, height, width), Crop(1, 1, 2, 2, height, width), whole(height, width)):
        pairs = zip(targets.pictures([0], crop), targets.pictures([0]), strict=True)
        for scale, (part, complete) in enumerate(pairs):
            rows, columns = crop.slices(scale)
            assert torch.equal(part, complete[:, :, rows, columns])
