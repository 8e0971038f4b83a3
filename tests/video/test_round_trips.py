"""What a writer wrote, the reader gives back: samples and what the container carries of the format."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from nvcodec.video import Frame, VideoFormat, open_reader, open_writer

EVERY_LAYOUT = [(chroma, depth) for chroma in ("400", "420", "422", "444") for depth in (8, 10, 12)]


def write_clip(path: Path, frames: list[Frame]) -> None:
    with open_writer(path, frames[0].format) as writer:
        for frame in frames:
            writer.write(frame)


def assert_same(path: Path, frames: list[Frame], expected: VideoFormat, **options: object) -> None:
    with open_reader(path, **options) as reader:
        assert reader.format == expected
        assert reader.picture_count in (None, len(frames))
        read = list(reader)
    assert [frame.pts for frame in read] == list(range(len(frames)))
    assert [frame.tobytes() for frame in read] == [frame.tobytes() for frame in frames]


@pytest.mark.parametrize("size", [(16, 18), (17, 19)])
@pytest.mark.parametrize(("chroma", "depth"), EVERY_LAYOUT)
def test_yuv(tmp_path: Path, make_clip: Callable, chroma: str, depth: int, size: tuple[int, int]) -> None:
    video_format = VideoFormat(*size, chroma, depth, Fraction(30000, 1001))
    clip = make_clip(video_format)
    write_clip(tmp_path / "clip.yuv", clip)
    options = {"video_size": size, "frame_rate": video_format.frame_rate, "pix_fmt": video_format.pix_fmt}
    assert_same(tmp_path / "clip.yuv", clip, video_format, **options)


@pytest.mark.parametrize("size", [(16, 18), (17, 19)])
@pytest.mark.parametrize(("chroma", "depth"), EVERY_LAYOUT)
def test_y4m(tmp_path: Path, make_clip: Callable, chroma: str, depth: int, size: tuple[int, int]) -> None:
    video_format = VideoFormat(
        *size, chroma, depth, Fraction(30000, 1001), full_range=True, pixel_aspect=Fraction(12, 11)
    )
    clip = make_clip(video_format)
    write_clip(tmp_path / "clip.y4m", clip)
    assert_same(tmp_path / "clip.y4m", clip, video_format)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("chroma", "depth"), EVERY_LAYOUT)
def test_mkv(tmp_path: Path, make_clip: Callable, chroma: str, depth: int, full_range: bool) -> None:
    video_format = VideoFormat(
        17, 19, chroma, depth, Fraction(60000, 1001), full_range, colour=(9, 16, 9), pixel_aspect=Fraction(20, 17)
    )
    clip = make_clip(video_format)
    write_clip(tmp_path / "clip.mkv", clip)
    assert_same(tmp_path / "clip.mkv", clip, video_format)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), Fraction(7, 3), Fraction(12.5), Fraction(1)])
@pytest.mark.parametrize("suffix", [".mkv", ".y4m"])
def test_frame_rates(tmp_path: Path, make_clip: Callable, suffix: str, rate: Fraction) -> None:
    video_format = VideoFormat(16, 16, "420", 8, rate, pixel_aspect=Fraction(1))
    clip = make_clip(video_format, 2)
    write_clip(tmp_path / f"clip{suffix}", clip)
    assert_same(tmp_path / f"clip{suffix}", clip, video_format)


@pytest.mark.parametrize("colour", [(1, 1, 1), (6, 6, 6), (5, 6, 5), (1, 13, 0), (12, 18, 14), (1, 2, 2)])
def test_colour_descriptions(tmp_path: Path, make_clip: Callable, colour: tuple[int, int, int]) -> None:
    video_format = VideoFormat(16, 16, "420", 8, Fraction(25), colour=colour, pixel_aspect=Fraction(1))
    clip = make_clip(video_format, 1)
    write_clip(tmp_path / "clip.mkv", clip)
    assert_same(tmp_path / "clip.mkv", clip, video_format)


@pytest.mark.parametrize(
    "name", ["with space.mkv", "-leading dash.mkv", "new\nline.mkv", "quote'\"%d.mkv", "a:b?c.mkv"]
)
def test_awkward_names(
    tmp_path: Path, make_clip: Callable, base_format: VideoFormat, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = make_clip(base_format)
    write_clip(Path(name), clip)
    assert_same(Path(name), clip, replace(base_format, pixel_aspect=None))


def test_ffmpegs_own_y4m_is_read(tmp_path: Path, make_clip: Callable, run_ffmpeg: Callable) -> None:
    video_format = VideoFormat(17, 19, "422", 10, Fraction(25), pixel_aspect=Fraction(4, 3))
    clip = make_clip(video_format)
    write_clip(tmp_path / "clip.mkv", clip)
    run_ffmpeg("-i", tmp_path / "clip.mkv", "-strict", "-1", tmp_path / "clip.y4m")
    assert_same(tmp_path / "clip.y4m", clip, video_format)
