"""How option values are read, and how messages stay on one line."""

from fractions import Fraction

import click
import pytest

from nvcodec.cli import options
from nvcodec.cli.command import one_line
from nvcodec.decoder.errors import PictureOutOfRange


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("30000/1001", Fraction(30000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("50.0", Fraction(50)),
    ],
)
def test_frame_rates(text: str, rate: Fraction) -> None:
    assert options.frame_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "0.0", "1/0", "0/1", "-25", "25fps", "", "1e3", "nan", "25/1/1", "٢٥"])
def test_what_is_no_frame_rate(text: str) -> None:
    with pytest.raises(click.BadParameter):
        options.frame_rate(text)


@pytest.mark.parametrize(
    ("text", "number"), [("200k", 200_000), ("1.5M", 1_500_000), ("150K", 150_000), ("1", 1), ("2G", 2_000_000_000)]
)
def test_amounts(text: str, number: int) -> None:
    assert options.amount(text) == number


@pytest.mark.parametrize("text", ["0", "-5", "k", "12kb", "0.1", "1e6", "inf", ""])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(click.BadParameter):
        options.amount(text)


def test_video_sizes() -> None:
    assert options.video_size("640x360") == (640, 360)
    for text in ("640", "640x", "0x360", "640x-360", "640X360", "640x360x3"):
        with pytest.raises(click.BadParameter):
            options.video_size(text)


def test_pixel_formats() -> None:
    assert options.pix_fmt("yuv444p10le") == "yuv444p10le"
    with pytest.raises(click.BadParameter, match="rgb24"):
        options.pix_fmt("rgb24")


PICTURES = list(range(10))


@pytest.mark.parametrize("text", [":", "3:", ":3", "2:5", "-3:", ":-3", "-5:-2", "0:10", "9:", "-10:1"])
def test_frame_ranges_are_pythons_slices(text: str) -> None:
    first, end = options.resolve_range(options.frame_range(text), len(PICTURES))
    start, stop = (int(number) if number else None for number in text.split(":"))
    assert PICTURES[first:end] == PICTURES[start:stop]


@pytest.mark.parametrize("text", ["10:", "5:11", "-11:", "3:3", "5:4", ":0", "-2:-5"])
def test_no_such_pictures(text: str) -> None:
    with pytest.raises(PictureOutOfRange, match=r"the sequence is 0:10$"):
        options.resolve_range(options.frame_range(text), len(PICTURES))


@pytest.mark.parametrize("text", ["", "5", "1:2:3", "a:b", "1-3", "1.0:2"])
def test_what_is_no_frame_range(text: str) -> None:
    with pytest.raises(click.BadParameter):
        options.frame_range(text)


def test_one_line() -> None:
    assert one_line("a\nb\r\x1b[31m\u2028\udcff é") == r"a\nb\r\x1b[31m\u2028\udcff é"
