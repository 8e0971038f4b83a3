"""What ffmpeg says of a source.

The source is probed by having ffmpeg decode its first picture: the stream line on stderr tells pixel format, range,
colour and the average rate; the header of the framecrc output tells the exact time base, the size and the sample
aspect.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fractions import Fraction

from nvcodec.video.colour import UNKNOWN, parse_colour
from nvcodec.video.errors import FfmpegFailed, NotVideo
from nvcodec.video.ffmpeg import FfmpegInput, first_complaint, last_line, run_ffmpeg
from nvcodec.video.frame import VideoFormat
from nvcodec.video.pix_fmts import is_ours, is_rgb, nearest_pix_fmt
from nvcodec.video.text import nearest_rate, shown

# ffmpeg "decodes" text files: it draws them as a terminal would.
_TEXT_CODECS = ("ansi", "bintext", "xbin", "idf")
# Formats that are lists of other files, or of places on a network.
_PLAYLISTS = ("hls", "concat", "dash", "imf", "webm_dash_manifest", "sdp", "rtsp", "rtp", "avisynth")
_BT601 = 6


@dataclass(frozen=True)
class Probe:
    """What ffmpeg says of a source's first video stream."""

    pix_fmt: str
    notes: str
    """What stands in brackets behind the pixel format: range, colour, field order."""
    width: int
    height: int
    frame_rate: Fraction
    pixel_aspect: Fraction | None


def probe(path: str | os.PathLike[str]) -> Probe:
    """Raises FfmpegFailed, NotVideo, FfmpegMissing, InputUnreadable."""
    with FfmpegInput(path) as source:
        ran = run_ffmpeg([*source.arguments, "-map", "0:V:0", "-frames:v", "1", "-f", "framecrc", "pipe:1"])
    messages = ran.stderr.decode(errors="replace")
    return parse_probe(messages, ran.stdout.decode(errors="replace"), ran.returncode, shown(path))


_STREAM_LINE = re.compile(r"Stream #0:\d+.*?: Video: (?P<codec>\w+)[^,]*(?:\([^)]*\))?[^,]*, (?P<rest>.*)")
_PIX_FMT = re.compile(r"(?P<name>\w+)(?:\((?P<notes>[^)]*)\))?,")


def parse_probe(messages: str, framecrc: str, status: int, name: str) -> Probe:
    """Make sense of what the probing ffmpeg wrote. Raises FfmpegFailed, NotVideo."""
    # The input's streams come first, the output's stream line, of the same look, after "Output #0".
    described = messages.split("Output #0")[0]
    container = re.search(r"^Input #0, (\S+), from", described, re.MULTILINE)
    if container and not set(container[1].split(",")).isdisjoint(_PLAYLISTS):
        raise NotVideo(f"{name}: is a list of other files ({container[1]}), which are not followed")
    lines = [met for met in map(_STREAM_LINE.search, described.splitlines()) if met and "attached pic" not in met[0]]
    if not lines:
        if "Input #0" in described:
            raise NotVideo(f"{name}: ffmpeg finds no video in it")
        raise FfmpegFailed(f"{name}: ffmpeg cannot read it: {last_line(messages)}")
    stream = lines[0]
    if stream["codec"] in _TEXT_CODECS:
        raise NotVideo(f"{name}: is no video: ffmpeg takes it for text")
    guess = re.search(r"Format (\S+) detected only with low score of \d,", described)
    if guess:
        raise NotVideo(f"{name}: is no video that ffmpeg knows: it only guesses at {guess[1]}")
    head = dict(re.findall(r"^#(tb|dimensions|sar) 0: (\S+)", framecrc, re.MULTILINE))
    pixels = _PIX_FMT.match(stream["rest"])
    if status or not pixels or not {"tb", "dimensions"} <= head.keys() or "\n0," not in framecrc:
        raise FfmpegFailed(f"{name}: ffmpeg cannot decode its first picture: {first_complaint(messages)}")
    width, height = map(int, head["dimensions"].split("x"))
    sar = [int(number) for number in head.get("sar", "0/1").split("/")]
    return Probe(
        pixels["name"],
        pixels["notes"] or "",
        width,
        height,
        _frame_rate(1 / Fraction(head["tb"]), stream["rest"]),
        _bounded(Fraction(*sar), 0xFFFF) if sar[0] and sar[1] else None,
    )


def _frame_rate(exact: Fraction, stream_line: str) -> Fraction:
    """The time base's rate where the printed average agrees with it, else the average itself.

    Time bases of containers round to nanoseconds or so: 317/19001 stands for 1001/60000.
    """
    met = re.search(r"([\d.]+)(k?) fps", stream_line)
    average = Fraction(met[1]) * (1000 if met[2] else 1) if met else exact
    rounding = Fraction(6, 1000) if average < 1000 else average / 100
    if abs(exact - average) > rounding and average > 0:
        return nearest_rate(average, rounding)
    return _bounded(nearest_rate(exact, exact / 100_000), 0xFFFFFFFF)


def _bounded(ratio: Fraction, limit: int) -> Fraction:
    """The nearest fraction whose parts do not pass the limit."""
    if max(ratio.numerator, ratio.denominator) <= limit:
        return ratio
    return ratio.limit_denominator(int(limit / ratio) if ratio > 1 else limit)


def decoded_format(found: Probe, frame_rate: Fraction | None = None) -> tuple[VideoFormat, str | None]:
    """The format of the pictures we read, and the filter that makes it, None where nothing is converted.

    frame_rate: takes the place of the source's own. RGB becomes BT.601 in limited range, and the format says so.
    Raises FormatUnsupported.
    """
    notes = [note.strip() for note in found.notes.split(",")]
    full_range = "pc" in notes or found.pix_fmt.startswith("yuvj")
    colour = parse_colour(found.notes)
    chosen, conversion = found.pix_fmt, None
    if not is_ours(found.pix_fmt):
        chosen = nearest_pix_fmt(found.pix_fmt)
        options = "flags=bicubic+accurate_rnd+full_chroma_int"
        if is_rgb(found.pix_fmt):
            full_range = False
            primaries, transfer = colour[:2] if colour else (UNKNOWN, UNKNOWN)
            colour = (primaries, transfer, _BT601)
            options += ":out_color_matrix=bt601"
        conversion = f"scale=out_range={'full' if full_range else 'limited'}:{options},format={chosen}"
    video_format = VideoFormat.from_pix_fmt(
        chosen,
        found.width,
        found.height,
        frame_rate or found.frame_rate,
        full_range=full_range,
        colour=colour,
        pixel_aspect=found.pixel_aspect,
    )
    return video_format, conversion
