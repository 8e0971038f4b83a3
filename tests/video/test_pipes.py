"""Standard input and output, in real processes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nvcodec.video import VideoFormat, open_reader

ROOT = Path(__file__).resolve().parents[2]
COPY = """
import sys
from fractions import Fraction
from nvcodec.video import OutputClosed, VideoError, open_reader, open_writer
raw = dict(video_size=(18, 16), frame_rate=Fraction(25)) if "raw" in sys.argv else {}
try:
    with open_reader("-", **raw) as reader, open_writer("-", reader.format) as writer:
        for frame in reader:
            for _ in range(200 if "endless" in sys.argv else 1):
                writer.write(frame)
except OutputClosed as error:
    sys.exit(f"closed: {error}")
except VideoError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def copy(data: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", COPY, *arguments], input=data, capture_output=True, cwd=ROOT)


@pytest.fixture
def y4m(make_clip: Callable, base_format: VideoFormat) -> bytes:
    pictures = b"".join(b"FRAME\n" + frame.tobytes() for frame in make_clip(base_format, 4))
    return b"YUV4MPEG2 W18 H16 F25:1 Ip A0:0 C420jpeg XCOLORRANGE=LIMITED\n" + pictures


def test_y4m_through(y4m: bytes) -> None:
    ran = copy(y4m)
    assert (ran.stdout, ran.stderr, ran.returncode) == (y4m, b"", 0)


def test_raw_in_y4m_out(y4m: bytes, make_clip: Callable, base_format: VideoFormat) -> None:
    ran = copy(b"".join(frame.tobytes() for frame in make_clip(base_format, 4)), "raw")
    assert (ran.stdout, ran.returncode) == (y4m, 0)


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (b"", [], "NoPictures"),
        (b"", ["raw"], "NoPictures: standard input: is empty"),
        (b"hello", [], "GeometryMissing"),
        (
            bytes(500),
            ["raw"],
            "PictureTruncated: standard input: ends at byte 500, inside picture 1, after 68 of its 432 bytes",
        ),
    ],
)
def test_bad_input(data: bytes, arguments: list[str], message: str) -> None:
    ran = copy(data, *arguments)
    assert ran.returncode == 1
    assert ran.stderr.decode().startswith(message)
    assert ran.stderr.count(b"\n") == 1


def test_a_closed_standard_input() -> None:
    command = f"exec '{sys.executable}' -c \"$0\" <&-"
    ran = subprocess.run(["bash", "-c", command, COPY], capture_output=True, cwd=ROOT)
    assert (ran.returncode, ran.stderr) == (1, b"InputUnreadable: standard input: is closed\n")


def test_a_reader_that_goes_away(y4m: bytes, tmp_path: Path) -> None:
    source = tmp_path / "clip.y4m"
    source.write_bytes(y4m)
    with source.open("rb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", COPY, "endless"],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        process.stdout.read(10)
        process.stdout.close()
        message = process.stderr.read()
        process.stderr.close()
    assert process.wait() == 1
    assert message == b"closed: standard output: its reader has gone\n"


def test_a_full_standard_output(y4m: bytes) -> None:
    with open("/dev/full", "wb") as full:
        ran = subprocess.run([sys.executable, "-c", COPY], input=y4m, stdout=full, stderr=subprocess.PIPE, cwd=ROOT)
    assert ran.returncode == 1
    assert ran.stderr == b"OutputError: standard output: cannot be written: No space left on device\n"


def test_reading_stops_in_the_middle(tmp_path: Path, make_clip: Callable, run_ffmpeg: Callable) -> None:
    """Closing a reader early ends its ffmpeg: nothing waits and nothing is left running."""
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=4", "-c:v", "ffv1", tmp_path / "a.mkv")
    with open_reader(tmp_path / "a.mkv") as reader:
        assert next(iter(reader)).pts == 0
        process = reader._ffmpeg._process
    assert process.poll() is not None
