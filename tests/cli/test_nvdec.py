"""nvdec through real processes: the Python interface's pictures come out, and every refusal is one line."""

import contextlib
import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import nvcodec
from nvcodec.video import open_reader

SCALES = ("1", "1/2", "1/4", "1/8")


def samples(source: Path, scale: str = "1", first: int = 0, end: int | None = None) -> bytes:
    return b"".join(frame.tobytes() for frame in nvcodec.decode(source, scale, start=first, stop=end, threads=1))


@pytest.mark.parametrize("scale", SCALES)
def test_yuv_at_each_scale(run: Callable, tiny_msn: Path, tmp_path: Path, scale: str) -> None:
    ran = run("nvdec", tiny_msn, "-o", "out.yuv", "--scale", scale, "--threads", 1, "--verify", "-q")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert (tmp_path / "out.yuv").read_bytes() == samples(tiny_msn, scale)


def test_y4m_on_standard_output_from_standard_input(run: Callable, tiny_msn: Path, tmp_path: Path) -> None:
    ran = run("nvdec", "-", "-o", "-", "--threads", 2, "--backend", "numpy", data=tiny_msn.read_bytes())
    assert ran.returncode == 0
    assert ran.stderr.startswith(b"nvdec: 6 pictures of 48x32 in ")
    (tmp_path / "piped.y4m").write_bytes(ran.stdout)
    with open_reader(tmp_path / "piped.y4m") as reader:
        assert reader.format == nvcodec.probe(tiny_msn).format
        assert b"".join(frame.tobytes() for frame in reader) == samples(tiny_msn)


def test_mkv_is_lossless(run: Callable, tiny_msn: Path, tmp_path: Path) -> None:
    assert run("nvdec", tiny_msn, "-o", "out.mkv").returncode == 0
    with open_reader(tmp_path / "out.mkv") as reader:
        assert b"".join(frame.tobytes() for frame in reader) == samples(tiny_msn)


def test_frames_count_from_the_end_as_in_a_slice(run: Callable, tiny_msn: Path, tmp_path: Path) -> None:
    assert run("nvdec", tiny_msn, "-o", "part.yuv", "--frames", "-4:-1").returncode == 0
    assert (tmp_path / "part.yuv").read_bytes() == samples(tiny_msn, "1", 2, 5)


def test_an_existing_output_is_replaced_on_request_only(
    run: Callable, refused: Callable, tiny_msn: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.yuv").write_bytes(b"kept")
    assert "out.yuv: exists already" in refused("nvdec", tiny_msn, "-o", "out.yuv")
    assert run("nvdec", tiny_msn, "-o", "out.yuv", "-y").returncode == 0
    assert (tmp_path / "out.yuv").read_bytes() == samples(tiny_msn)


def test_decodes_where_the_encoders_libraries_cannot_be_imported(tiny_grid_msn: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.yuv"
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['torch', 'tqdm']))\n"  # None makes `import` raise ImportError
        f"sys.argv = ['nvdec', {str(tiny_grid_msn)!r}, '-o', {str(out)!r}, '--verify', *sys.argv[1:]]\n"
        "from nvcodec.cli.nvdec import main\n"
        "main()\n"
    )
    root = Path(nvcodec.__file__).parent.parent
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=root, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    ran = subprocess.run([*command, "-y", "--backend", "torch"], cwd=root, capture_output=True)
    assert (ran.returncode, ran.stderr) == (1, b"nvdec: backend torch: torch is not installed\n")
    assert out.read_bytes() == samples(tiny_grid_msn)


NO_MSN = {
    "empty": (b"", "it is empty"),
    "text": (b"to be, or not to be\n" * 10, "it looks like text"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "it looks like a PNG picture"),
    "magic alone": (b"\x89MSN\x00", "it has 5 bytes, fewer than a file header"),
    "later major version": (b"\x89MSN\x01\x00\x00\x00" + bytes(100), "format version 1.0"),
}


@pytest.mark.parametrize("case", NO_MSN)
def test_other_files_are_refused_by_what_they_are(refused: Callable, tmp_path: Path, case: str) -> None:
    data, says = NO_MSN[case]
    (tmp_path / "other.msn").write_bytes(data)
    assert says in refused("nvdec", "other.msn", "-o", "out.y4m")


def test_no_file(refused: Callable) -> None:
    assert "nowhere.msn: cannot open the file: No such file" in refused("nvdec", "nowhere.msn", "-o", "out.y4m")


def test_a_newline_in_a_name_stays_on_the_line(refused: Callable, tiny_msn: Path) -> None:
    assert r"no\nwhere.msn" in refused("nvdec", "no\nwhere.msn", "-o", "out.y4m")
    assert r"out\n" in refused("nvdec", tiny_msn, "-o", "out\n.txt", status=2)


@pytest.fixture
def units(tiny_grid_msn: Path) -> list[tuple[str, int, int]]:
    """(name, offset, size) of every unit of the tiny file of the grid profile."""
    with nvcodec.Decoder(tiny_grid_msn) as decoder:
        return [(str(entry.key), entry.offset, entry.size) for entry in decoder.container.entries]


@pytest.mark.parametrize("damaged", ["SEQUENCE", "SEGMENT", "NETWORK", "GOP", "DIGEST"])
def test_a_flipped_bit_is_found_in_its_unit(
    refused: Callable, tiny_grid_msn: Path, tmp_path: Path, units: list, damaged: str
) -> None:
    name, offset, size = next(unit for unit in units if unit[0].startswith(damaged))
    data = bytearray(tiny_grid_msn.read_bytes())
    data[offset + size // 2] ^= 0x10
    (tmp_path / "flipped.msn").write_bytes(data)
    message = refused("nvdec", "flipped.msn", "-o", "out.y4m", "--verify")
    assert f"{name}, byte {offset}: its CRC is " in message


@pytest.mark.parametrize("share", [0.01, 0.4, 0.95])
def test_a_truncated_file_is_refused(refused: Callable, tiny_grid_msn: Path, tmp_path: Path, share: float) -> None:
    data = tiny_grid_msn.read_bytes()
    (tmp_path / "cut.msn").write_bytes(data[: int(share * len(data))])
    assert "the file ends after" in refused("nvdec", "cut.msn", "-o", "out.y4m", "--verify")


def test_without_its_index_a_file_still_decodes(
    run: Callable, tiny_grid_msn: Path, tmp_path: Path, units: list
) -> None:
    (tmp_path / "cut.msn").write_bytes(tiny_grid_msn.read_bytes()[: units[-1][1]])
    assert run("nvdec", "cut.msn", "-o", "out.yuv", "--verify").returncode == 0
    assert (tmp_path / "out.yuv").read_bytes() == samples(tiny_grid_msn)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "out.y4m", "--scale", "1/3"], "'1/3' is not one of '1', '1/2', '1/4', '1/8'"),
        (["-o", "out.y4m", "--frames", "7"], "'7': a range such as 40:80"),
        (["-o", "out.y4m", "--backend", "abacus"], "'abacus' is not one of"),
        (["-o", "out.y4m", "--threads", "-1"], "-1"),
        (["-o", "out.mp4"], "out.mp4: written are .yuv, .y4m, .mkv"),
        (["-o", "out.y4m", "--nonsense"], "No such option"),
        ([], "Missing option '-o' / '--output'"),
    ],
)
def test_wrong_options(refused: Callable, tiny_msn: Path, arguments: list[str], says: str) -> None:
    assert says in refused("nvdec", tiny_msn, *arguments, status=2)


@pytest.mark.parametrize("frames", ["6:", "2:7", "4:4", "5:2", "-7:"])
def test_frames_out_of_range(refused: Callable, tiny_msn: Path, frames: str) -> None:
    message = refused("nvdec", tiny_msn, "-o", "out.y4m", "--frames", frames)
    assert message == f"nvdec: --frames {frames}: no such pictures, the sequence is 0:6\n"


def test_unwritable_outputs(refused: Callable, tiny_msn: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.yuv").mkdir()
    assert "nowhere/out.yuv: cannot be written: No such file" in refused("nvdec", tiny_msn, "-o", "nowhere/out.yuv")
    assert "folder.yuv: is a directory" in refused("nvdec", tiny_msn, "-o", "folder.yuv")


def test_a_full_disk(refused: Callable, tiny_msn: Path) -> None:
    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    message = refused("nvdec", tiny_msn, "-o", "out.yuv", preexec_fn=limit_files)
    assert message == "nvdec: out.yuv: cannot be written: File too large\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_standard_output(refused: Callable, tiny_msn: Path) -> None:
    with open("/dev/full", "wb") as full:
        message = refused("nvdec", tiny_msn, "-o", "-", stdout=full)
    assert message == "nvdec: standard output: cannot be written: No space left on device\n"


def test_a_pipe_that_nobody_reads_ends_it_quietly(run: Callable, tiny_msn: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = run("nvdec", tiny_msn, "-o", "-", stdout=writing)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (1, b"")


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="needs pipes of a chosen size")
@pytest.mark.parametrize(
    ("number", "status", "says"), [(signal.SIGINT, 130, b"nvdec: interrupted\n"), (signal.SIGTERM, 143, b"")]
)
def test_signals_stop_it_without_a_traceback(
    start: Callable, tiny_msn: Path, number: int, status: int, says: bytes
) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)  # less than the pictures: it has to wait for us

    def obey() -> None:  # whoever runs the tests in the background ignores SIGINT, and hands that on
        signal.signal(number, signal.SIG_DFL)

    process = start("nvdec", tiny_msn, "-o", "-", stdout=writing, preexec_fn=obey)
    os.close(writing)
    assert os.read(reading, 9) == b"YUV4MPEG2"
    process.send_signal(number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)
    os.close(reading)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (status, says)


def test_a_closed_standard_stream_is_named(refused: Callable, tiny_msn: Path) -> None:
    assert "standard input: is closed" in refused("nvdec", "-", "-o", "out.y4m", preexec_fn=lambda: os.close(0))
    assert "standard output: is closed" in refused("nvdec", tiny_msn, "-o", "-", preexec_fn=lambda: os.close(1))
