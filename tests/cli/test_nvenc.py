"""nvenc through real processes. What can be refused is refused before torch is loaded, so most of these are quick."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import nvcodec
from nvcodec.video import Frame

QUICK = ("--preset", "ultrafast", "--gop", 3, "--threads", 1, "--device", "cpu")
RAW = ("--video-size", "48x32", "--framerate", 25)


@pytest.fixture
def raw_file(tiny_frames: list[Frame], tmp_path: Path) -> Path:
    """The tiny source as raw video whose name says nothing."""
    path = tmp_path / "raw.yuv"
    path.write_bytes(b"".join(frame.tobytes() for frame in tiny_frames))
    return path


def test_same_seed_same_file(run: Callable, raw_file: Path, tiny_msn: Path, tmp_path: Path) -> None:
    ran = run("nvenc", raw_file, "-o", "out.msn", *RAW, "--pix-fmt", "yuv420p", "--json", *QUICK)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert (tmp_path / "out.msn").read_bytes() == tiny_msn.read_bytes()
    summary = json.loads(ran.stdout)
    assert summary["file_bytes"] == tiny_msn.stat().st_size == sum(summary["component_bytes"].values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.msn", "raw.yuv"]


def test_pipe_to_pipe(run: Callable, tiny_y4m: Path, tiny_msn: Path, tmp_path: Path) -> None:
    ran = run("nvenc", "-", "-o", "-", "--json", *QUICK, data=tiny_y4m.read_bytes())
    assert ran.returncode == 0
    assert ran.stdout == tiny_msn.read_bytes()
    assert json.loads(ran.stderr)["picture_count"] == 6
    assert list(tmp_path.iterdir()) == []


def test_interrupted_it_leaves_a_checkpoint(start: Callable, refused: Callable, tiny_y4m: Path, tmp_path: Path) -> None:
    terminal, stderr = pty.openpty()
    endless = ("--profile", "motion", "--preset", "ultrafast", "--epochs", 100_000, "--threads", 1, "--device", "cpu")
    process = start("nvenc", tiny_y4m, "-o", "out.msn", *endless, stderr=stderr)
    os.close(stderr)
    shown = b""
    while b"\rfit: " not in shown:
        shown += os.read(terminal, 1000)
    process.send_signal(signal.SIGINT)
    try:
        while piece := os.read(terminal, 1000):
            shown += piece
    except OSError:  # how Linux says that the other end of a terminal is closed
        pass
    os.close(terminal)
    assert process.wait() == 130
    assert b"nvenc: interrupted while fitting" in shown.splitlines()[-1]
    assert b"Traceback" not in shown
    assert b"motion: 100%" in shown
    assert b"6 pictures of 48x32 yuv420p; keeping them takes 0.0 MB" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["out.msn.checkpoint"]
    message = refused("nvenc", tiny_y4m, "-o", "out.msn", *endless)
    assert message.startswith("nvenc: out.msn.checkpoint: the checkpoint of an interrupted encode: --resume goes on")


def test_the_grid_profile(run: Callable, tiny_y4m: Path, tiny_grid_msn: Path, tmp_path: Path) -> None:
    ran = run("nvenc", tiny_y4m, "-o", "out.msn", "-q", "--profile", "grid", "--epochs", 2, *QUICK)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert (tmp_path / "out.msn").read_bytes() == tiny_grid_msn.read_bytes()


def test_the_motion_profile_and_its_options(run: Callable, tiny_y4m: Path, tmp_path: Path) -> None:
    given = ("--profile", "motion", "--keyint", 4, "--epochs", 2, *QUICK, "--gop", 2)
    ran = run("nvenc", tiny_y4m, "-o", "out.msn", *given)
    assert (ran.returncode, ran.stderr.count(b"\n")) == (0, 2), ran.stderr
    with nvcodec.Decoder(tmp_path / "out.msn", verify=True, threads=1) as decoder:
        assert decoder.sequence.profile == "motion"
        assert [(place.length, place.open) for place in decoder.gops] == [(1, False), (2, True)] * 2
        assert len(list(decoder)) == 6


def test_the_hybrid_profile_is_the_default(tiny_msn: Path) -> None:
    with nvcodec.Decoder(tiny_msn, threads=1) as decoder:
        assert decoder.sequence.profile == "hybrid"


def test_an_impossible_size(refused: Callable, tiny_y4m: Path) -> None:
    message = refused("nvenc", tiny_y4m, "-o", "out.msn", "--size", 100, *QUICK)
    assert "the wanted size is 100 bytes" in message


def test_without_torch(tiny_y4m: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        f"sys.argv = ['nvenc', {str(tiny_y4m)!r}, '-o', {str(tmp_path / 'out.msn')!r}]\n"
        "from nvcodec.cli.nvenc import main\n"
        "main()\n"
    )
    root = Path(nvcodec.__file__).parent.parent
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True)
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert ran.stderr == b"nvenc: torch is not installed: pip install 'nvcodec[encoder]'\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--size", "200k", "--quality", "50"], "--quality and --size: only one of them"),
        (["--size", "many"], "'many': a number above 0"),
        (["--quality", "101"], "101"),
        (["--lambda", "0"], "0"),
        (["--preset", "slow"], "'slow' is not one of"),
        (["--video-size", "48"], "'48': a size such as 640x360"),
        (["--framerate", "0"], "'0': a rate"),
        (["--pix-fmt", "rgb24"], "pixel format 'rgb24'"),
        (["--profile", "still"], "'still' is not one of"),
        (["--gop", "65"], "--gop 65: allowed is 1 to 64 in the hybrid profile"),
        (["--gop", "65", "--profile", "motion"], "--gop 65: allowed is 1 to 64 in the motion profile"),
        (["--gop", "1025", "--profile", "grid"], "--gop 1025: allowed is 1 to 1024 in the grid profile"),
        (["--gop", "0"], "0"),
        (["--keyint", "0"], "0"),
        (["--keyint", "9", "--profile", "grid"], "--keyint: the grid profile has none"),
    ],
)
def test_wrong_options(refused: Callable, tiny_y4m: Path, arguments: list[str], says: str) -> None:
    assert says in refused("nvenc", tiny_y4m, "-o", "out.msn", *arguments, status=2)


def test_wrong_outputs(refused: Callable, tiny_y4m: Path, tmp_path: Path) -> None:
    (tmp_path / "there.msn").write_bytes(b"hours of work")
    (tmp_path / "folder.msn").mkdir()
    assert "there.msn: exists already: give -y" in refused("nvenc", tiny_y4m, "-o", "there.msn")
    assert "folder.msn: is a directory" in refused("nvenc", tiny_y4m, "-o", "folder.msn")
    assert "nowhere/out.msn: cannot be written" in refused("nvenc", tiny_y4m, "-o", "nowhere/out.msn")
    message = refused("nvenc", tiny_y4m, "-o", "out.msn", "--checkpoint", "nowhere/kept")
    assert "nowhere/kept: cannot be written" in message
    assert "is the input and the output" in refused("nvenc", "there.msn", "-o", "there.msn", "-y", status=2)
    assert "--checkpoint must say" in refused("nvenc", tiny_y4m, "-o", "-", "--resume", status=2)


HEADER = b"YUV4MPEG2 W48 H32 F25:1 Ip C420jpeg\n"
WRONG_SOURCES = {
    "empty.yuv": (b"", RAW, "is empty"),
    "empty.y4m": (b"", (), "is empty"),
    "headed.y4m": (HEADER, (), "has no pictures"),
    "text.y4m": (b"to be, or not to be\n", (), "y4m begins with YUV4MPEG2"),
    "text.mkv": (b"to be, or not to be\n", (), "text.mkv"),
    "odd.yuv": (bytes(48 * 32 * 3 // 2 * 2 + 7), RAW, "2 pictures leave 7 bytes over"),
    "nameless.yuv": (bytes(48 * 32 * 3 // 2), (), "give --video-size"),
    "rateless_48x32.yuv": (bytes(48 * 32 * 3 // 2), (), "give --framerate"),
    "lies_47x31_25.yuv": (bytes(48 * 32 * 3 // 2), (), "are no whole number of 47x31 yuv420p pictures"),
    "y4m with a size.y4m": (HEADER, ("--video-size", "48x32"), "--video-size"),
}


@pytest.mark.parametrize("name", WRONG_SOURCES)
def test_wrong_sources(refused: Callable, tmp_path: Path, name: str) -> None:
    data, options, says = WRONG_SOURCES[name]
    (tmp_path / name).write_bytes(data)
    assert says in refused("nvenc", name, "-o", "out.msn", *options)


def test_no_file(refused: Callable) -> None:
    assert "nowhere.yuv: cannot be opened: No such file" in refused("nvenc", "nowhere.yuv", "-o", "out.msn", *RAW)
