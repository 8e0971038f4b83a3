"""Locks: one holder, none left by the dead, nothing left in the folder."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nvcodec.encoder.errors import EncodeError, InUse
from nvcodec.encoder.lock import held
from nvcodec.video.target import Target

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from nvcodec.encoder.lock import held
with held(sys.argv[1], "output"):
    print("held", flush=True)
    time.sleep(1000)
"""
COUNT = """
import os, sys
from nvcodec.encoder.errors import InUse
from nvcodec.encoder.lock import held
output, wanted = sys.argv[1], int(sys.argv[2])
while wanted:
    try:
        with held(output, "output"):
            os.close(os.open(output + ".inside", os.O_CREAT | os.O_EXCL))
            count = int(open(output + ".count").read())
            open(output + ".count", "w").write(str(count + 1))
            os.unlink(output + ".inside")
            wanted -= 1
    except InUse:
        pass
"""


def run_here(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_one_at_a_time(tmp_path: Path) -> None:
    with held(tmp_path / "out", "output"):
        assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
        with (
            pytest.raises(InUse, match="out: another encode has this output under way"),
            held(tmp_path / "out", "output"),
        ):
            pass
        with held(tmp_path / "other", "checkpoint"):
            pass
    with held(tmp_path / "out", "output"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("out")
    with held(tmp_path / "link", "output"), pytest.raises(InUse), held(tmp_path / "out", "output"):
        pass


def test_a_killed_holder_leaves_no_lock_and_its_remains_go(tmp_path: Path) -> None:
    with run_here(HOLD, tmp_path / "out") as process:
        assert process.stdout.readline() == "held\n"
        unfinished, others = Target(tmp_path / "out").path, Target(tmp_path / "other").path
        with pytest.raises(InUse), held(tmp_path / "out", "output"):
            pass
        process.send_signal(signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 3
    with held(tmp_path / "out", "output"):
        assert not Path(unfinished).exists()
    assert list(tmp_path.iterdir()) == [Path(others)]


def test_several_processes(tmp_path: Path) -> None:
    """Each comes in as often as it wants to, and never two at once."""
    (tmp_path / "out.count").write_text("0")
    processes = [run_here(COUNT, tmp_path / "out", 20) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        process.stdout.close()
    assert (tmp_path / "out.count").read_text() == "60"
    assert [path.name for path in tmp_path.iterdir()] == ["out.count"]


def test_no_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(EncodeError, match="out: cannot lock the output: No such file"),
        held(tmp_path / "absent" / "out", "output"),
    ):
        pass


def test_devices_are_not_locked() -> None:
    with held("/dev/null", "output"), held("/dev/null", "output"):
        pass
