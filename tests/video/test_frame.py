"""Formats and frames: geometry, ffmpeg's names, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest

from nvcodec.video import Frame, VideoFormat
from nvcodec.video.errors import FormatUnsupported, FrameMismatch

RATE = Fraction(25)


@pytest.mark.parametrize(
    ("chroma_format", "bit_depth", "pix_fmt", "shapes", "frame_bytes"),
    [
        ("400", 8, "gray", ((3, 5),), 15),
        ("400", 12, "gray12le", ((3, 5),), 30),
        ("420", 8, "yuv420p", ((3, 5), (2, 3), (2, 3)), 27),
        ("420", 10, "yuv420p10le", ((3, 5), (2, 3), (2, 3)), 54),
        ("422", 10, "yuv422p10le", ((3, 5), (3, 3), (3, 3)), 66),
        ("444", 12, "yuv444p12le", ((3, 5), (3, 5), (3, 5)), 90),
    ],
)
def test_geometry_and_names(
    chroma_format: str, bit_depth: int, pix_fmt: str, shapes: tuple[tuple[int, int], ...], frame_bytes: int
) -> None:
    video_format = VideoFormat(5, 3, chroma_format, bit_depth, RATE)
    assert video_format.plane_shapes == shapes
    assert video_format.frame_bytes == frame_bytes
    assert video_format.pix_fmt == pix_fmt
    assert VideoFormat.from_pix_fmt(pix_fmt, 5, 3, RATE) == video_format


def test_full_range_names() -> None:
    assert VideoFormat.from_pix_fmt("yuvj422p", 16, 16, RATE) == VideoFormat(16, 16, "422", 8, RATE, full_range=True)


@pytest.mark.parametrize(
    "pix_fmt", ["rgb24", "nv12", "yuv420p9le", "yuv420p16le", "yuv420ple", "yuvj420p10le", "", "yuv420p10be"]
)
def test_other_names_are_refused(pix_fmt: str) -> None:
    with pytest.raises(FormatUnsupported, match="pixel format"):
        VideoFormat.from_pix_fmt(pix_fmt, 16, 16, RATE)


def test_scaled_sizes_are_rounded_up() -> None:
    video_format = VideoFormat(353, 289, "420", 8, RATE, pixel_aspect=Fraction(12, 11))
    sizes = [(video_format.scaled(s).width, video_format.scaled(s).height) for s in range(4)]
    assert sizes == [(353, 289), (177, 145), (89, 73), (45, 37)]
    assert video_format.scaled(3).pixel_aspect == Fraction(12, 11)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 16, "420", 8, RATE), "picture size 0x16"),
        ((8193, 16, "420", 8, RATE), "picture size 8193x16"),
        ((16, 16, "411", 8, RATE), "chroma format '411'"),
        ((16, 16, "420", 9, RATE), "bit depth 9"),
        ((16, 16, "420", 8, Fraction(0)), "frame rate 0"),
        ((16, 16, "420", 8, RATE, False, (1, 1, 256)), "colour description"),
        ((16, 16, "420", 8, RATE, False, None, Fraction(65536)), "aspect 65536"),
    ],
)
def test_formats_that_are_not_carried(values: tuple, message: str) -> None:
    with pytest.raises(FormatUnsupported, match=message):
        VideoFormat(*values)


def test_bytes_are_planar_and_little_endian() -> None:
    video_format = VideoFormat(2, 1, "420", 10, RATE)
    planes = tuple(np.array([row], np.uint16) for row in ([1, 0x3FF], [2], [3]))
    frame = Frame(planes, 0, video_format)
    assert frame.tobytes() == bytes([1, 0, 0xFF, 3, 2, 0, 3, 0])
    again = Frame.frombuffer(frame.tobytes(), 0, video_format)
    assert all(np.array_equal(one, other) for one, other in zip(frame.planes, again.planes, strict=True))


def test_planes_must_be_of_the_format() -> None:
    video_format = VideoFormat(4, 2, "400", 8, RATE)
    with pytest.raises(FrameMismatch, match="planes of"):
        Frame((np.zeros((4, 2), np.uint8),), 7, video_format)
    with pytest.raises(FrameMismatch, match="picture 7: samples of uint16"):
        Frame((np.zeros((2, 4), np.uint16),), 7, video_format)
