"""Sources that are not what they should be: one line that says what and where, by the cause's own class."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from threading import Thread

import pytest

from nvcodec.video import Frame, VideoError, VideoFormat, open_reader, open_writer
from nvcodec.video.errors import (
    FfmpegFailed,
    FormatUnsupported,
    GeometryMissing,
    InputUnreadable,
    NoPictures,
    NotVideo,
    OptionMisplaced,
    PictureTruncated,
    SampleOutOfRange,
    SizeMismatch,
    Y4mSyntax,
)

PICTURE = bytes(range(6))  # 2x2, 4:2:0, 8 bit


def read_all(path: Path, **options: object) -> list[Frame]:
    with open_reader(path, **options) as reader:
        return list(reader)


def refused(path: Path, kind: type[VideoError], *parts: str, **options: object) -> None:
    with pytest.raises(kind) as caught:
        read_all(path, **options)
    message = str(caught.value)
    assert type(caught.value) is kind
    assert "\n" not in message
    for part in (path.name if path.name.isprintable() else ascii(path.name)[1:-1], *parts):
        assert part in message


@pytest.mark.parametrize(
    ("data", "kind", "parts"),
    [
        (
            b"YUV4MPEG2 W2 H2 F25:1 C420\nFRAME\n" + PICTURE[:5],
            PictureTruncated,
            ["byte 38,", "picture 0", "5 of its 6"],
        ),
        (b"YUV4MPEG2 W2 H2 F25:1\nFRAME\n" + PICTURE + b"FRAME\n", PictureTruncated, ["picture 1", "0 of its 6"]),
        (
            b"YUV4MPEG2 W2 H2 F25:1\nFRAME\n" + PICTURE + b"GARBAGE",
            Y4mSyntax,
            ["byte 34:", "FRAME", "picture 1", "GARBAGE"],
        ),
        (b"YUV4MPEG2 W2 H2 F25:1\nFRAMES\n" + PICTURE, Y4mSyntax, ["FRAME line", "picture 0"]),
        (b"YUV4MPEG2 W2 H2 F25:1\n", NoPictures, ["no pictures"]),
        (b"YUV4MPEG2 W2 H2 F25:1", Y4mSyntax, ["does not end"]),
        (b"YUV4MPEG2 " + b"X" * 9999, Y4mSyntax, ["does not end"]),
        (b"YUV4MPEG3 W2 H2 F25:1\n", Y4mSyntax, ["begins with YUV4MPEG2", "YUV4MPEG3"]),
        (b"YUV4MPEG22 W2 H2 F25:1\n", Y4mSyntax, ["begins with YUV4MPEG2"]),
        (b"YUV4MPEG2 H2 F25:1\nFRAME\n", Y4mSyntax, ["no W field"]),
        (b"YUV4MPEG2 W2 F25:1\nFRAME\n", Y4mSyntax, ["no H field"]),
        (b"YUV4MPEG2 W2 H2\nFRAME\n", Y4mSyntax, ["no frame rate"]),
        (b"YUV4MPEG2 W2 H2 F0:0\nFRAME\n", Y4mSyntax, ["no frame rate"]),
        (b"YUV4MPEG2 W2 H2 F25:0\nFRAME\n", Y4mSyntax, ["F25:0"]),
        (b"YUV4MPEG2 W2 H2 F25\nFRAME\n", Y4mSyntax, ["F25"]),
        (b"YUV4MPEG2 W-2 H2 F25:1\nFRAME\n", Y4mSyntax, ["byte 10:", "W-2"]),
        (b"YUV4MPEG2 W2 H2 F25:1 A1\nFRAME\n", Y4mSyntax, ["byte 22:", "A1"]),
        (b"YUV4MPEG2 W2 H2 F25:1 It\nFRAME\n", Y4mSyntax, ["byte 22:", "interlaced", "It"]),
        (b"YUV4MPEG2 W2 H2 F25:1 Im\nFRAME\n", Y4mSyntax, ["interlaced"]),
        (b"YUV4MPEG2 W2 H2 F25:1 C411\nFRAME\n", Y4mSyntax, ["C411"]),
        (b"YUV4MPEG2 W2 H2 F25:1 C420p9\nFRAME\n", Y4mSyntax, ["C420p9"]),
    ],
)
def test_y4m(tmp_path: Path, data: bytes, kind: type[VideoError], parts: list[str]) -> None:
    path = tmp_path / "bad.y4m"
    path.write_bytes(data)
    refused(path, kind, *parts)


@pytest.mark.parametrize("size", [b"W0 H2", b"W2 H0", b"W8193 H2", b"W999999999 H999999999"])
def test_y4m_sizes_are_capped_before_anything_is_allocated(tmp_path: Path, size: bytes) -> None:
    path = tmp_path / "bad.y4m"
    path.write_bytes(b"YUV4MPEG2 " + size + b" F25:1\nFRAME\n")
    refused(path, FormatUnsupported, "picture size")


@pytest.mark.parametrize("layout", ["", " C420", " C420jpeg", " C420mpeg2", " C420paldv"])
def test_y4m_spellings_of_420(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "clip.y4m"
    path.write_bytes(b"YUV4MPEG2 W2 H2 F25:1 Ip A0:0%s XYSCSS=420\nFRAME Xcomment\n" % layout.encode() + PICTURE)
    (frame,) = read_all(path)
    assert frame.tobytes() == PICTURE
    assert frame.format == VideoFormat(2, 2, "420", 8, Fraction(25))


def test_a_frame_rate_option_takes_the_headers_place(tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    path.write_bytes(b"YUV4MPEG2 W2 H2\nFRAME\n" + PICTURE)
    (frame,) = read_all(path, frame_rate=Fraction(30))
    assert frame.format.frame_rate == 30


def test_y4m_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "clip.dat"
    path.write_bytes(b"YUV4MPEG2 W2 H2 F25:1\nFRAME\n" + PICTURE)
    assert len(read_all(path)) == 1
    refused(path, OptionMisplaced, "--video-size", video_size=(2, 2))


def test_a_raw_file_of_a_size_that_is_no_multiple(tmp_path: Path) -> None:
    path = tmp_path / "clip_3x3_25.yuv"  # 4:2:0 of odd size: 9 + 4 + 4 bytes
    path.write_bytes(bytes(40))
    refused(path, SizeMismatch, "40 bytes", "3x3 yuv420p", "17 bytes", "2 pictures", "6 bytes over")


def test_raw_files_without_geometry(tmp_path: Path) -> None:
    path = tmp_path / "clip.yuv"
    path.write_bytes(PICTURE)
    refused(path, GeometryMissing, "--video-size")
    refused(path, GeometryMissing, "--framerate", video_size=(2, 2))
    refused(path, FormatUnsupported, "rgb24", video_size=(2, 2), frame_rate=Fraction(25), pix_fmt="rgb24")


@pytest.mark.parametrize("name", ["empty.yuv", "empty.y4m", "empty.mkv", "empty"])
def test_empty_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    refused(tmp_path / name, NoPictures, "empty")


@pytest.mark.parametrize("suffix", [".yuv", ".y4m"])
def test_samples_above_the_bit_depth(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip_2x1_25_gray10le{suffix}"
    header = b"YUV4MPEG2 W2 H1 F25:1 Cmono10\nFRAME\n" if suffix == ".y4m" else b""
    path.write_bytes(header + bytes([0xFF, 0x03, 0x00, 0x04]))
    refused(path, SampleOutOfRange, "picture 0", "1024", "1023")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "absent.mkv", InputUnreadable, "No such file")
    refused(tmp_path, InputUnreadable, "directory")
    with pytest.raises(InputUnreadable, match="null byte"):
        read_all(Path("a\0b"))


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("short.txt", b"hello\n", FfmpegFailed),
        ("long.txt", b"A line of words, as people write them.\n" * 300, NotVideo),
        ("text.mkv", b"hello\n" * 99, FfmpegFailed),
        ("new\nline.mkv", b"hello\n" * 99, FfmpegFailed),
        ("words.srt", b"1\n00:00:01,000 --> 00:00:02,000\nhello\n", NotVideo),
        ("file.msn", b"\x89MSN\0\1\0\0" + bytes(300), NotVideo),
        ("guess.cdg", bytes(312), NotVideo),
        ("head.png", b"\x89PNG\r\n\x1a\n" + bytes(100), FfmpegFailed),
    ],
)
def test_what_ffmpeg_cannot_read(tmp_path: Path, name: str, data: bytes, kind: type[VideoError]) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    refused(path, kind)


def test_noise(tmp_path: Path) -> None:
    """ffmpeg 7 takes it for nothing, ffmpeg 9 guesses at something."""
    path = tmp_path / "noise.mp4"
    path.write_bytes(bytes(i * i * 7 & 255 for i in range(5000)))
    with pytest.raises((FfmpegFailed, NotVideo), match=r"noise\.mp4: "):
        read_all(path)


def test_raw_options_are_refused_where_ffmpeg_reads(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    path.write_bytes(b"x")
    refused(path, OptionMisplaced, "--pix-fmt", pix_fmt="yuv420p")


def test_a_damaged_matroska_file_never_yields_part_of_a_picture(tmp_path: Path, make_clip: Callable) -> None:
    path = tmp_path / "clip.mkv"
    clip = make_clip(VideoFormat(64, 48, "420", 8, Fraction(25)), 5)
    with open_writer(path, clip[0].format) as writer:
        for frame in clip:
            writer.write(frame)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    read = read_all(path)
    assert 0 < len(read) < 5
    assert [frame.tobytes() for frame in read[:-1]] == [frame.tobytes() for frame in clip[: len(read) - 1]]


def test_the_cause_is_told_and_not_what_came_of_it(tmp_path: Path, run_ffmpeg: Callable) -> None:
    """Of the ten lines that ffmpeg writes here the first tells why, and the last that the "conversion failed"."""
    path = tmp_path / "clip.mkv"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=0.4", "-c:v", "libx264", path)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"x264 - core") - 40])
    refused(path, FfmpegFailed, "first picture: File ended prematurely")


def test_a_named_pipe_of_an_unknown_kind(tmp_path: Path) -> None:
    path = tmp_path / "pipe.mkv"
    os.mkfifo(path)
    writer = Thread(target=path.write_bytes, args=(b"something that is not y4m",))
    writer.start()
    refused(path, InputUnreadable, "a pipe must carry y4m")
    writer.join()


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        (25, Fraction(25)),
        ("25", Fraction(25)),
        (29.97, Fraction(30000, 1001)),
        (24000 / 1001, Fraction(24000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
    ],
)
def test_rates_as_they_are_written(given: float | str, rate: Fraction, tmp_path: Path) -> None:
    path = tmp_path / "clip.yuv"
    path.write_bytes(bytes(6))
    with open_reader(path, video_size=(2, 2), frame_rate=given) as reader:
        assert reader.format.frame_rate == rate


@pytest.mark.parametrize("given", [0, -25, "fast", "25 fps", "1/0", float("nan")])
def test_rates_that_are_none(given: float | str, tmp_path: Path) -> None:
    path = tmp_path / "clip.yuv"
    path.write_bytes(bytes(6))
    with pytest.raises(FormatUnsupported, match=f"^frame rate '{given}': a rate "):
        open_reader(path, video_size=(2, 2), frame_rate=given)
