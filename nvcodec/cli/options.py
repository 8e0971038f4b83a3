"""How option values are read, and the checks of inputs and outputs that come before any work."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

import click

import nvcodec
from nvcodec.decoder.errors import PictureOutOfRange
from nvcodec.video import OutputError, refuse_existing
from nvcodec.video.errors import FormatUnsupported, InputUnreadable
from nvcodec.video.frame import parse_pix_fmt
from nvcodec.video.text import parse_rate, shown

STANDARD_STREAM = "-"
MULTIPLES = {"": 1, "k": 1000, "K": 1000, "M": 1000_000, "G": 1000_000_000}

Range = tuple[int | None, int | None]
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def video_size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT. Raises BadParameter, as all these functions do."""
    met = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", text, re.ASCII)
    if not met:
        raise click.BadParameter(f"{text!r}: a size such as 640x360 is expected")
    return int(met[1]), int(met[2])


def frame_rate(text: str) -> Fraction:
    """Pictures a second: 25, 30000/1001, or 29.97 for the latter."""
    try:
        return parse_rate(text)
    except FormatUnsupported as error:
        raise click.BadParameter(str(error)) from error


def pix_fmt(text: str) -> str:
    """ffmpeg's name of a planar format that the codec carries."""
    try:
        parse_pix_fmt(text)
    except FormatUnsupported as error:
        raise click.BadParameter(str(error)) from error
    return text


def amount(text: str) -> int:
    """A whole number above 0, with k, M or G for thousands, millions or thousands of millions."""
    met = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([kKMG]?)", text, re.ASCII)
    number = int(Fraction(met[1]) * MULTIPLES[met[2]]) if met else 0
    if number < 1:
        raise click.BadParameter(f"{text!r}: a number above 0 such as 200000, 200k or 1.5M is expected")
    return number


def frame_range(text: str) -> Range:
    """A:B as in Python's slices: either may be missing, or count from the end by a minus sign."""
    met = re.fullmatch(r"(-?[0-9]{1,10})?:(-?[0-9]{1,10})?", text, re.ASCII)
    if not met:
        raise click.BadParameter(f"{text!r}: a range such as 40:80, :80 or -25: is expected")
    start, stop = (None if end is None else int(end) for end in met.groups())
    return start, stop


def resolve_range(wanted: Range, count: int) -> tuple[int, int]:
    """The range's ends in a sequence of `count` pictures. Raises PictureOutOfRange for none, and for too many."""
    start, stop = (default if end is None else end for end, default in zip(wanted, (0, count), strict=True))
    first, end = (number + count if number < 0 else number for number in (start, stop))
    if not 0 <= first < end <= count:
        text = ":".join("" if number is None else str(number) for number in wanted)
        raise PictureOutOfRange(f"--frames {text}: no such pictures, the sequence is 0:{count}")
    return first, end


def common_options(command: Decorated) -> Decorated:
    """--version and --help."""
    version = click.version_option(nvcodec.__version__, message="%(prog)s %(version)s")
    return click.help_option("-h", "--help")(version(command))


def output_options(command: Decorated) -> Decorated:
    """-o, -y and -q."""
    output = click.option("-o", "--output", "output", required=True, metavar="OUT", help="Where to write; - is stdout.")
    overwrite = click.option("-y", "--overwrite", is_flag=True, help="Replace an output that exists.")
    quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
    return output(overwrite(quiet(command)))


def check_output(output: str, source: str, overwrite: bool) -> None:
    """Raises OutputExists, OutputError, and UsageError where the output is a terminal or the input itself."""
    if output == STANDARD_STREAM:
        if sys.stdout is None:
            raise OutputError("standard output: is closed")
        if sys.stdout.isatty():
            raise click.UsageError("standard output is a terminal: redirect it, or name a file after -o")
        return
    refuse_existing(output, overwrite)
    if os.path.isfile(output) and os.path.isfile(source) and os.path.samefile(output, source):
        raise click.UsageError(f"{output}: is the input and the output")


def check_distinct(checkpoint: str, others: dict[str, str]) -> None:
    """Raises UsageError where the checkpoint, which is replaced and in the end removed, would be another file too."""
    for what, name in others.items():
        if name != STANDARD_STREAM and os.path.realpath(name) == os.path.realpath(checkpoint):
            raise click.UsageError(f"{checkpoint}: is the {what} and the checkpoint")
    if os.path.exists(checkpoint) and not os.path.isfile(checkpoint):
        raise OutputError(f"{shown(checkpoint)}: is no file, a checkpoint cannot be kept there")


def check_input(source: str) -> None:
    """Raises InputUnreadable where standard input is wanted, and closed."""
    if source == STANDARD_STREAM and sys.stdin is None:
        raise InputUnreadable("standard input: is closed")


def read_whole(source: str) -> str | bytes:
    """A file's name as it is, or all of standard input. Raises InputUnreadable."""
    if source != STANDARD_STREAM:
        return source
    check_input(source)
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InputUnreadable(f"standard input: cannot be read: {error.strerror or error}") from error
