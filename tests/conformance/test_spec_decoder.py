"""The second decoder, tools/spec_decoder, which was written from the specification alone: it decodes the vectors to the
manifest's digests, and refuses damaged files with one line.

It shares no code with nvcodec: where both agree, bitstream_spec.md says enough.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECODER = ROOT / "tools" / "spec_decoder"
VECTORS = Path(__file__).parent / "vectors"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="node, which the second decoder runs on, is not installed")


def run(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(NODE), str(DECODER / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def test_vectors_decode_to_the_digests_of_the_manifest() -> None:
    result = run("test.mjs", VECTORS)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("script", ["test_examples.mjs", "test_refusals.mjs"])
def test_examples_and_refusals_of_the_specification(script: str) -> None:
    result = run(script)
    assert result.returncode == 0, result.stdout + result.stderr


def truncated(data: bytearray) -> bytearray:
    return data[: len(data) // 2]


def flipped_bit(data: bytearray) -> bytearray:
    data[len(data) // 2] ^= 1
    return data


def other_magic(data: bytearray) -> bytearray:
    data[0] = 0
    return data


def other_version(data: bytearray) -> bytearray:
    data[4] = 1
    return data


def set_flag(data: bytearray) -> bytearray:
    data[6] = 1
    return data


def empty(data: bytearray) -> bytearray:
    return data[:0]


@pytest.mark.parametrize("damage", [truncated, flipped_bit, other_magic, other_version, set_flag, empty])
def test_a_damaged_file_is_one_line_and_status_1(damage: Callable[[bytearray], bytearray], tmp_path: Path) -> None:
    source, target = tmp_path / "in.msn", tmp_path / "out.yuv"
    source.write_bytes(damage(bytearray((VECTORS / "plain.msn").read_bytes())))
    result = run("cli.mjs", source, "-o", target)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == [source], "something half-written stays behind"


@pytest.mark.parametrize("arguments", [[], ["in.msn"], ["in.msn", "-o", "x", "--scale", "1/3"], ["--no-such-option"]])
def test_a_wrong_option_is_one_line_and_status_2(arguments: list[str], tmp_path: Path) -> None:
    result = run("cli.mjs", *arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_is_status_1(tmp_path: Path) -> None:
    result = run("cli.mjs", tmp_path / "none.msn", "-o", tmp_path / "out.yuv")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """The first version renamed its file over whatever OUT was, /dev/null included."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [str(NODE), str(DECODER / "cli.mjs"), str(VECTORS / "one_picture.msn"), "-o", str(pipe)]
    with subprocess.Popen(command) as process:
        pictures = pipe.read_bytes()
    assert process.returncode == 0
    assert pictures == run_bytes(VECTORS / "one_picture.msn", "-o", "-")
    assert pipe.is_fifo()


def run_bytes(*arguments: str | Path) -> bytes:
    command = [str(NODE), str(DECODER / "cli.mjs"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=600, check=True).stdout


def test_a_part_at_a_scale_is_that_part_of_the_whole(tmp_path: Path) -> None:
    source = VECTORS / "plain.msn"
    part, whole = tmp_path / "part.yuv", tmp_path / "whole.yuv"
    assert run("cli.mjs", source, "-o", part, "--scale", "1/2", "--frames", "1:2", "--verify").returncode == 0
    assert run("cli.mjs", source, "-o", whole, "--scale", "1/2").returncode == 0
    picture_bytes = part.stat().st_size
    assert picture_bytes > 0
    assert part.read_bytes() == whole.read_bytes()[picture_bytes : 2 * picture_bytes]
