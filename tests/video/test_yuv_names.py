"""The geometry that a raw file's name tells."""

from fractions import Fraction

import pytest

from nvcodec.video.yuv import geometry_from_name

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("name", "size", "rate", "chroma", "depth"),
    [
        ("bus_352x288_30.yuv", (352, 288), 30, None, None),
        ("foo_1920x1080_50_10bit_422.yuv", (1920, 1080), 50, "422", 10),
        ("RitualDance_1920x1080_60fps_10bit_420.yuv", (1920, 1080), 60, "420", 10),
        ("BasketballDrive_1920x1080_50.yuv", (1920, 1080), 50, None, None),
        ("park_1280x720p60.yuv", (1280, 720), 60, None, None),
        ("park_1280x720p_60.yuv", (1280, 720), 60, None, None),
        ("foo-640x360-24fps-yuv444p12le.yuv", (640, 360), 24, "444", 12),
        ("foo_640x360_29.97.yuv", (640, 360), NTSC, None, None),
        ("foo_640x360_23.976fps.yuv", (640, 360), Fraction(24000, 1001), None, None),
        ("foo_640x360_12.5.yuv", (640, 360), Fraction(25, 2), None, None),
        ("foo_50fps_640x360.yuv", (640, 360), 50, None, None),
        ("foo_352x288_420.yuv", (352, 288), None, "420", None),
        ("foo_352x288_10bit.yuv", (352, 288), None, None, 10),
        ("foo_352x288_25_12bits_gray.yuv", (352, 288), 25, "400", 12),
        ("foo_352x288_25_gray10le.yuv", (352, 288), 25, "400", 10),
        ("foo_352x288.yuv", (352, 288), None, None, None),
        ("/data/1280x720_60/clip.yuv", None, None, None, None),
        ("foo_352x288_0.yuv", (352, 288), None, None, None),
        ("clip.yuv", None, None, None, None),
        ("clip7.yuv", None, None, None, None),
        ("clip_123456x99.yuv", None, None, None, None),
        ("yuv_352x288_30.yuv", (352, 288), 30, None, None),
    ],
)
def test_names(
    name: str, size: tuple[int, int] | None, rate: Fraction | None, chroma: str | None, depth: int | None
) -> None:
    said = geometry_from_name(name)
    assert (said.size, said.frame_rate, said.chroma_format, said.bit_depth) == (size, rate, chroma, depth)


def test_a_full_range_name() -> None:
    assert geometry_from_name("a_16x16_25_yuvj420p.yuv").full_range
