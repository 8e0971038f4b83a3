"""What befalls an encode from outside: one line and status 1, the checkpoint kept, nothing half-written."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

QUICK = ("--preset", "ultrafast", "--gop", 3, "--threads", 1, "--device", "cpu")
KEPT = "kept.checkpoint"


def complaint(ran: subprocess.CompletedProcess[bytes], status: int = 1) -> str:
    """The one line that a command failed with."""
    message = ran.stderr.decode(errors="surrogateescape")
    assert ran.returncode == status, message
    assert message.startswith("nvenc: ")
    assert message.count("\n") == 1, message
    return message


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wait_for_locks(folder: Path) -> None:
    """Until a running command holds those of its output and of its checkpoint."""
    for _ in range(4000):
        if len(list(folder.glob(".nvcodec-*.lock"))) == 2:
            return
        time.sleep(0.05)
    raise AssertionError("no locks come")


def no_file_above(size_bytes: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


@pytest.fixture(scope="module")
def checkpoint(tiny_y4m: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of a finished encode whose file could not be written."""
    from tests.cli.conftest import ENVIRONMENT, command_line

    folder = tmp_path_factory.mktemp("kept")
    command = command_line("nvenc", tiny_y4m, "-o", "/dev/full", "--checkpoint", KEPT, *QUICK)
    ran = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True)
    assert complaint(ran) == "nvenc: /dev/full: cannot be written: No space left on device\n"
    assert names(folder) == [KEPT]
    return (folder / KEPT).read_bytes()


@pytest.fixture
def kept(checkpoint: bytes, tmp_path: Path) -> Path:
    path = tmp_path / KEPT
    path.write_bytes(checkpoint)
    return path


def test_a_full_disk_at_the_end_costs_nothing(
    run: Callable, kept: Path, tiny_y4m: Path, tiny_msn: Path, tmp_path: Path
) -> None:
    """The checkpoint that was left goes on to the file, elsewhere."""
    ran = run("nvenc", tiny_y4m, "-o", "out.msn", "--checkpoint", KEPT, "--resume", "-q", *QUICK)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert (tmp_path / "out.msn").read_bytes() == tiny_msn.read_bytes()
    assert names(tmp_path) == ["out.msn"]


def test_a_full_disk_at_the_beginning(run: Callable, tiny_y4m: Path, tmp_path: Path) -> None:
    ran = run("nvenc", tiny_y4m, "-o", "out.msn", *QUICK, preexec_fn=no_file_above(200))
    assert "out.msn.checkpoint: cannot write the checkpoint: " in complaint(ran)
    assert names(tmp_path) == []


def test_a_full_disk_while_the_file_is_written(
    run: Callable, kept: Path, tiny_y4m: Path, tiny_msn: Path, tmp_path: Path
) -> None:
    before = kept.read_bytes()
    limit = no_file_above(tiny_msn.stat().st_size // 2)
    ran = run("nvenc", tiny_y4m, "-o", "out.msn", "--checkpoint", KEPT, "--resume", *QUICK, preexec_fn=limit)
    assert "out.msn: cannot be written: File too large" in complaint(ran)
    assert names(tmp_path) == [KEPT]
    assert kept.read_bytes() == before


def test_a_folder_where_nothing_can_be_written(run: Callable, tiny_y4m: Path, tmp_path: Path) -> None:
    assert "/proc/out.msn: cannot be written" in complaint(run("nvenc", tiny_y4m, "-o", "/proc/out.msn", *QUICK))
    (tmp_path / "file").write_bytes(b"")
    assert "file/out.msn: cannot be written" in complaint(run("nvenc", tiny_y4m, "-o", "file/out.msn", *QUICK))
    assert names(tmp_path) == ["file"]


def test_a_source_that_ends_in_the_middle(start: Callable, run: Callable, tiny_y4m: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "source.y4m")
    process = start("nvenc", "source.y4m", "-o", "out.msn", *QUICK)
    (tmp_path / "source.y4m").write_bytes(tiny_y4m.read_bytes()[:6000])
    stdout, stderr = process.communicate()
    message = complaint(subprocess.CompletedProcess([], process.returncode, stdout, stderr))
    assert "source.y4m: ends at byte 6000, inside picture 2" in message
    assert names(tmp_path) == ["source.y4m"]


def test_a_source_that_has_gone(run: Callable, kept: Path, tmp_path: Path) -> None:
    before = kept.read_bytes()
    ran = run("nvenc", "gone.y4m", "-o", "out.msn", "--checkpoint", KEPT, "--resume", *QUICK)
    assert "gone.y4m: cannot be opened: No such file" in complaint(ran)
    assert names(tmp_path) == [KEPT]
    assert kept.read_bytes() == before


def test_signals_while_the_source_is_stalled(start: Callable, tiny_y4m: Path, tmp_path: Path) -> None:
    """The first is noted, and heeded with the next picture, which does not come; the second stops at once."""
    process = start("nvenc", "-", "-o", "out.msn", *QUICK, stdin=subprocess.PIPE)
    process.stdin.write(tiny_y4m.read_bytes()[:6000])
    process.stdin.flush()
    wait_for_locks(tmp_path)
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)  # two that come at once count as one, so there may be more
        time.sleep(0.3)
    stderr = process.communicate()[1]
    assert process.returncode == 143
    assert stderr.count(b"\n") <= 1, stderr
    assert names(tmp_path) == []


def test_two_encodes_at_once(start: Callable, run: Callable, tiny_y4m: Path, tiny_msn: Path, tmp_path: Path) -> None:
    """While one reads its source, another into the same output, and another with the same checkpoint, are refused."""
    data = tiny_y4m.read_bytes()
    first = start("nvenc", "-", "-o", "out.msn", "-q", "--checkpoint", KEPT, *QUICK, stdin=subprocess.PIPE)
    first.stdin.write(data[:6000])
    first.stdin.flush()
    wait_for_locks(tmp_path)
    ran = run("nvenc", tiny_y4m, "-o", "out.msn", *QUICK)
    assert complaint(ran) == "nvenc: out.msn: another encode has this output under way\n"
    ran = run("nvenc", tiny_y4m, "-o", "other.msn", "--checkpoint", KEPT, *QUICK)
    assert complaint(ran) == f"nvenc: {KEPT}: another encode has this checkpoint under way\n"
    assert first.communicate(data[6000:]) == (b"", b"")
    assert (tmp_path / "out.msn").read_bytes() == tiny_msn.read_bytes()
    assert names(tmp_path) == ["out.msn"]


def test_an_output_that_came_meanwhile(start: Callable, tiny_y4m: Path, tmp_path: Path) -> None:
    """Two started together, without -y: the second, which begins when the first has finished, replaces nothing."""
    processes = [start("nvenc", tiny_y4m, "-o", "out.msn", "-q", *QUICK) for _ in range(2)]
    said = [process.communicate()[1].decode() for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 1]
    refusal = max(said)
    assert "another encode has" in refusal or "exists already" in refusal or "of an interrupted encode" in refusal
    assert names(tmp_path) == ["out.msn"]


def test_what_the_checkpoint_must_not_be(refused: Callable, tiny_y4m: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.y4m"
    source.write_bytes(tiny_y4m.read_bytes())
    given = ("source.y4m", "-o", "out.msn", "-y", "--checkpoint")
    assert "is the input and the checkpoint" in refused("nvenc", *given, "source.y4m", status=2)
    assert "is the output and the checkpoint" in refused("nvenc", *given, "./out.msn", status=2)
    assert "/dev/null: is no file, a checkpoint cannot be kept there" in refused("nvenc", *given, "/dev/null")
    (tmp_path / "folder").mkdir()
    assert "folder: is no file" in refused("nvenc", *given, "folder")
