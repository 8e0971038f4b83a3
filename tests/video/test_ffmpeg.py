"""What ffmpeg reads and we don't carry comes as the nearest thing that we do."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nvcodec.video import VideoFormat, open_reader, open_writer
from nvcodec.video.colour import parse_colour
from nvcodec.video.errors import FfmpegFailed, FfmpegMissing
from nvcodec.video.pix_fmts import nearest_pix_fmt
from nvcodec.video.probe import parse_probe

FRAMECRC = "#tb 0: 1/25\n#dimensions 0: 64x48\n#sar 0: 1/1\n0,          0,          0,        1,     4608, 0x00000000\n"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("nv12", "yuv420p"),
        ("nv21", "yuv420p"),
        ("yuvj411p", "yuv422p"),
        ("yuv410p", "yuv420p"),
        ("yuv440p12le", "yuv444p12le"),
        ("yuva420p", "yuv420p"),
        ("yuva444p16be", "yuv444p12le"),
        ("yuv420p9be", "yuv420p10le"),
        ("yuv420p10be", "yuv420p10le"),
        ("yuv422p14le", "yuv422p12le"),
        ("yuv420p16le", "yuv420p12le"),
        ("p010le", "yuv420p10le"),
        ("p016le", "yuv420p12le"),
        ("p210be", "yuv422p10le"),
        ("yuyv422", "yuv422p"),
        ("y210le", "yuv422p10le"),
        ("gray9le", "gray10le"),
        ("gray16be", "gray12le"),
        ("ya8", "gray"),
        ("ya16le", "gray12le"),
        ("monob", "gray"),
        ("rgb24", "yuv444p"),
        ("pal8", "yuv444p"),
        ("rgb565le", "yuv444p"),
        ("gbrp10le", "yuv444p10le"),
        ("rgb48be", "yuv444p12le"),
        ("gbrpf32le", "yuv444p12le"),
        ("x2rgb10le", "yuv444p10le"),
        ("ayuv64le", "yuv444p12le"),
        ("vuyx", "yuv444p"),
    ],
)
def test_nearest_formats(theirs: str, ours: str) -> None:
    assert nearest_pix_fmt(theirs) == ours


@pytest.mark.parametrize(
    ("notes", "colour"),
    [
        ("tv, bt709, progressive", (1, 1, 1)),
        ("tv, bt2020nc/bt2020/smpte2084, progressive", (9, 16, 9)),
        ("pc, bt709/unknown/unknown", (2, 2, 1)),
        ("pc, gbr/bt709/iec61966-2-1", (1, 13, 0)),
        ("tv, smpte170m/reserved/bt709", (2, 1, 6)),
        ("smpte170m", (6, 6, 6)),
        ("tv, progressive", None),
        ("pc", None),
        ("top first", None),
        ("", None),
    ],
)
def test_colour_notes(notes: str, colour: tuple[int, int, int] | None) -> None:
    assert parse_colour(notes) == colour


@pytest.mark.parametrize(
    ("time_base", "fps", "rate"),
    [
        ("1/25", "25 fps, 25 tbr", Fraction(25)),
        ("1001/30000", "29.97 fps, 29.97 tbr", Fraction(30000, 1001)),
        ("317/19001", "59.94 fps, 59.94 tbr", Fraction(60000, 1001)),
        ("3/7", "2.33 fps, 2.33 tbr", Fraction(7, 3)),
        ("1/90000", "29.97 fps, 90k tbr", Fraction(30000, 1001)),
        ("1/25", "13.89 fps, 25 tbr", Fraction(1389, 100)),
        ("1/1000", "1k fps, 1k tbr", Fraction(1000)),
        ("1/25", "25 tbr, 25 tbn", Fraction(25)),
    ],
)
def test_frame_rates(time_base: str, fps: str, rate: Fraction) -> None:
    messages = f"Input #0, x, from 'a':\n  Stream #0:0: Video: h264 (High), yuv420p(tv), 64x48, {fps}, 1k tbn\n"
    found = parse_probe(messages, FRAMECRC.replace("1/25", time_base), 0, "a")
    assert found.frame_rate == rate


def test_stream_lines() -> None:
    line = (
        "  Stream #0:1[0x1](und): Video: h264 (High 4:4:4 Predictive) (avc1 / 0x31637661), {}, 64x48 [SAR 1:1], 25 fps"
    )
    audio = "Input #0\n  Stream #0:0: Audio: aac, 48000 Hz\n"
    found = parse_probe(audio + line.format("yuvj444p(pc, bt709/unknown/unknown, progressive)"), FRAMECRC, 0, "a")
    assert (found.pix_fmt, found.notes) == ("yuvj444p", "pc, bt709/unknown/unknown, progressive")
    assert (found.width, found.height, found.pixel_aspect) == (64, 48, 1)
    assert parse_probe(audio + line.format("gray"), FRAMECRC, 0, "a").notes == ""
    with pytest.raises(FfmpegFailed, match="first picture: Decoding is hard"):
        parse_probe(audio + line.format("none") + "\n[h264 @ 0x1] Decoding is hard", "", 1, "a")


def pixels(path: Path) -> tuple[object, list[np.ndarray]]:
    with open_reader(path) as reader:
        return reader.format, [np.array(plane) for plane in next(iter(reader)).planes]


def test_a_png_is_a_video_of_one_picture(tmp_path: Path, run_ffmpeg: Callable) -> None:
    run_ffmpeg("-f", "lavfi", "-i", "color=red:size=33x17:rate=25,format=rgb24", "-frames:v", "1", tmp_path / "a.png")
    video_format, planes = pixels(tmp_path / "a.png")
    assert (video_format.pix_fmt, video_format.full_range, video_format.colour[2]) == ("yuv444p", False, 6)
    # BT.601's red, limited range.
    for plane, value in zip(planes, (81, 90, 240), strict=True):
        assert plane.shape == (17, 33)
        assert np.abs(plane.astype(int) - value).max() <= 1


@pytest.mark.parametrize(
    ("pix_fmt", "ours", "shift"),
    [("yuv420p9le", "yuv420p10le", 1), ("yuv420p16le", "yuv420p12le", -4), ("gray16le", "gray12le", -4)],
)
def test_depths_are_scaled(tmp_path: Path, run_ffmpeg: Callable, pix_fmt: str, ours: str, shift: int) -> None:
    depth = {"yuv420p9le": 9}.get(pix_fmt, 16)
    value = 100 << (depth - 8)
    samples = np.full((16 * 16 * 3 // 2 if "420" in pix_fmt else 256,), value, "<u2")
    (tmp_path / "a.yuv").write_bytes(samples.tobytes())
    raw = [
        "-f",
        "rawvideo",
        "-pix_fmt",
        pix_fmt,
        "-video_size",
        "16x16",
        "-color_range",
        "tv",
        "-i",
        tmp_path / "a.yuv",
    ]
    run_ffmpeg(*raw, "-c:v", "ffv1", "-color_range", "tv", tmp_path / "a.mkv")
    video_format, planes = pixels(tmp_path / "a.mkv")
    assert video_format.pix_fmt == ours
    expected = value << shift if shift > 0 else value >> -shift
    assert all(np.abs(plane.astype(int) - expected).max() <= 1 for plane in planes)


def test_full_range_jpeg_samples_are_untouched(tmp_path: Path, run_ffmpeg: Callable) -> None:
    source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=32x32:rate=25",
        "-frames:v",
        "1",
        "-pix_fmt",
        "yuvj420p",
        "-c:v",
        "mjpeg",
    ]
    run_ffmpeg(*source, tmp_path / "a.avi")
    run_ffmpeg("-i", tmp_path / "a.avi", "-f", "rawvideo", "-pix_fmt", "yuvj420p", tmp_path / "a.yuv")
    video_format, planes = pixels(tmp_path / "a.avi")
    assert (video_format.pix_fmt, video_format.full_range) == ("yuv420p", True)
    assert b"".join(plane.tobytes() for plane in planes) == (tmp_path / "a.yuv").read_bytes()


def test_an_ffmpeg_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "absent"))
    (tmp_path / "a.mkv").write_bytes(b"x")
    with pytest.raises(FfmpegMissing, match="absent: No such file"):
        open_reader(tmp_path / "a.mkv")
    with pytest.raises(FfmpegMissing, match="absent: No such file"):
        open_writer(tmp_path / "b.mkv", VideoFormat(16, 16, "420", 8, Fraction(25)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv"]


def test_pictures_are_neither_repeated_nor_dropped(tmp_path: Path, run_ffmpeg: Callable) -> None:
    """Time stamps with gaps: ten coded pictures are ten pictures."""
    gaps = "setpts='if(lt(N,5),N,N*4)/25/TB'"
    source = ["-f", "lavfi", "-i", "testsrc=size=32x32:rate=25:duration=0.4", "-vf", gaps, "-fps_mode", "vfr"]
    run_ffmpeg(*source, "-c:v", "ffv1", tmp_path / "a.mkv")
    with open_reader(tmp_path / "a.mkv") as reader:
        assert [frame.pts for frame in reader] == list(range(10))


def test_a_change_of_size_within_the_stream(tmp_path: Path, run_ffmpeg: Callable) -> None:
    """All pictures come at the first one's size, samples in their places."""
    for name, colour, size in (("a", "red", "64x48"), ("b", "blue", "80x32")):
        source = ["-f", "lavfi", "-i", f"color={colour}:size={size}:rate=25:duration=0.12"]
        run_ffmpeg(*source, "-c:v", "libx264", tmp_path / f"{name}.h264")
    (tmp_path / "c.h264").write_bytes(b"".join((tmp_path / f"{name}.h264").read_bytes() for name in "ab"))
    with open_reader(tmp_path / "c.h264") as reader:
        means = [[round(float(plane.mean())) for plane in frame.planes] for frame in reader]
    assert means == [[81, 90, 240]] * 3 + [[41, 240, 110]] * 3
