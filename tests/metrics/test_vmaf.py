"""VMAF by ffmpeg: order, and clear errors."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import nvcodec.metrics.vmaf as vmaf_module
from nvcodec.metrics import vmaf_score
from nvcodec.metrics.errors import VmafFailed, VmafMissing
from nvcodec.video import VideoFormat

FORMAT = VideoFormat(192, 160, "420", 8, Fraction(25))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A reference of three moving pictures, and a version with noise."""
    random = np.random.default_rng(4)
    places = np.add.outer(np.arange(160), np.arange(192))
    pictures = [np.full(FORMAT.frame_bytes, 128, np.uint8) for _ in range(3)]
    for number, picture in enumerate(pictures):
        picture[: places.size] = (128 + 90 * np.sin((places + 3 * number) / 6)).ravel()
    reference = np.concatenate(pictures)
    (tmp_path / "a.yuv").write_bytes(reference.tobytes())
    noisy = (reference + random.normal(0, 25, reference.shape)).clip(0, 255).astype(np.uint8)
    (tmp_path / "b 'x'.yuv").write_bytes(noisy.tobytes())
    return tmp_path / "a.yuv", tmp_path / "b 'x'.yuv"


@pytest.mark.skipif(not vmaf_module.has_vmaf(), reason="this ffmpeg has no libvmaf")
def test_the_same_is_better_than_noise(files: tuple[Path, Path]) -> None:
    reference, noisy = files
    same = vmaf_score(reference, reference, FORMAT)
    assert 90 < same <= 100
    assert 0 <= vmaf_score(reference, noisy, FORMAT) < same - 10


@pytest.mark.skipif(not vmaf_module.has_vmaf(), reason="this ffmpeg has no libvmaf")
def test_a_file_that_is_not_there(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(VmafFailed, match="No such file") as caught:
        vmaf_score(files[0], tmp_path / "absent.yuv", FORMAT)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not vmaf_module.has_vmaf(), reason="this ffmpeg has no libvmaf")
def test_files_of_different_lengths(files: tuple[Path, Path]) -> None:
    reference, noisy = files
    noisy.write_bytes(noisy.read_bytes()[: 2 * FORMAT.frame_bytes])
    with pytest.raises(VmafFailed, match=r"138240 bytes against .* of 92160"):
        vmaf_score(reference, noisy, FORMAT)


def test_an_ffmpeg_without_libvmaf(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vmaf_module, "has_vmaf", lambda: False)
    with pytest.raises(VmafMissing, match="libvmaf"):
        vmaf_score(*files, FORMAT)
