"""Peak memory of real processes on hostile files: small ones that name large things, and what honest ones take."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nvcodec.bitstream import (
    ContainerReader,
    ModelConfig,
    Place,
    SegmentHeader,
    SequenceHeader,
    UnitKey,
    UnitType,
    read_payload,
    write_payload,
)
from nvcodec.bitstream.container import write_unit_bytes
from nvcodec.bitstream.errors import BitstreamError, LimitExceeded
from nvcodec.decoder import Decoder
from nvcodec.decoder.errors import MemoryLimit
from nvcodec.decoder.memory import DEFAULT_MAX_MEMORY, PROGRAM_BYTES
from nvcodec.encoder.run import Gop
from tests.robustness.conftest import corpus_stream
from tests.robustness.make_corpus import GRID_MODEL
from tests.streams import random_integers, rewrite, video_format, write_file, write_stream

LIMIT = 300_000_000

PROGRAM = """
import sys
from pathlib import Path
from nvcodec.decoder import Decoder
from nvcodec.errors import NvcodecError
outcome = "read"
try:
    with Decoder(sys.argv[1], backend="numpy", threads=1, max_memory=int(sys.argv[2]), conceal=len(sys.argv) > 3) as d:
        for number, _ in enumerate(d.frames()):
            if number == 200:
                break
except NvcodecError as error:
    outcome = f"{type(error).__name__}: {error}"
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print(outcome)
"""


def peak(path: Path, limit: int, *conceal: str) -> tuple[int, str]:
    """Peak resident bytes of a process that decodes a file, and what became of it.

    VmHWM, and not getrusage: that begins with what the parent had when it forked.
    """
    command = [sys.executable, "-c", PROGRAM, str(path), str(limit), *conceal]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    figure, outcome = ran.stdout.splitlines()
    return 1024 * int(figure), outcome


def with_sequence(data: bytes, **changes: object) -> bytes:
    """The file with fields of its SEQUENCE unit changed, every CRC right."""

    def change(key: UnitKey, payload: bytes) -> bytes:
        if key.unit_type != UnitType.SEQUENCE:
            return payload
        header = read_payload(SequenceHeader(), payload, Place("test"))
        for name, value in changes.items():
            setattr(header, name, value)
        return write_payload(header)

    return rewrite(data, change)


def with_gops(data: bytes, lengths: list[int]) -> bytes:
    """The file, of the grid profile, with other GoPs, and the picture_count that they have."""

    def change(key: UnitKey, payload: bytes) -> bytes:
        if key.unit_type != UnitType.SEGMENT:
            return payload
        return write_payload(SegmentHeader(0, sum(lengths), lengths))

    return rewrite(with_sequence(data, picture_count=sum(lengths)), change)


def many_units(count: int) -> bytes:
    """A file of units of a reserved type, 9 bytes each, with index."""
    return write_file((UnitKey(200, i >> 7, i & 127), b"") for i in range(count))


def long_payload(index: bool) -> bytes:
    """A unit whose payload_length is the largest; the file ends long before."""
    header = b"\x01\0\0\0" + b"\x80\x80\x80\x80\x01"
    data = corpus_stream("grid")[:8] + header + bytes(50)
    return data + write_unit_bytes(UnitKey(UnitType.INDEX), b"\0") if index else data


HOSTILE = {
    "8192x8192, grid": lambda: with_sequence(corpus_stream("grid"), width=8192, height=8192),
    "8192x8192, motion": lambda: with_sequence(corpus_stream("motion"), width=8192, height=8192),
    "8192x8192, hybrid": lambda: with_sequence(corpus_stream("hybrid"), width=8192, height=8192),
    "8192x16": lambda: with_sequence(corpus_stream("grid"), width=8192),
    "2^24 pictures": lambda: with_sequence(corpus_stream("grid"), picture_count=1 << 24),
    "65535 segments": lambda: with_sequence(corpus_stream("grid"), picture_count=1 << 24, segment_count=65535),
    "2^24 pictures, hybrid": lambda: with_sequence(corpus_stream("hybrid"), picture_count=1 << 24),
    "GoPs of 1024": lambda: with_gops(corpus_stream("grid"), [1024, 1024]),
    "65535 GoPs": lambda: with_gops(corpus_stream("grid"), [200] * 65535),
    "payload of 2^28": lambda: long_payload(False),
    "payload of 2^28 and an index": lambda: long_payload(True),
    "20000 units": lambda: many_units(20_000),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_small_files_stay_below_the_limit(tmp_path: Path, case: str) -> None:
    path = tmp_path / "hostile.msn"
    path.write_bytes(HOSTILE[case]())
    figure, outcome = peak(path, LIMIT)
    assert figure < LIMIT, f"{case}: {outcome}"
    print(f"| {case} | {path.stat().st_size} | {figure / 1e6:.0f} | {outcome} |")


@pytest.mark.parametrize("case", ["2^24 pictures", "2^24 pictures, hybrid", "65535 GoPs", "GoPs of 1024"])
def test_concealment_stays_below_it_too(tmp_path: Path, case: str) -> None:
    path = tmp_path / "hostile.msn"
    path.write_bytes(HOSTILE[case]())
    figure, outcome = peak(path, LIMIT, "conceal")
    assert figure < LIMIT, f"{case}: {outcome}"
    print(f"| {case}, concealed | {path.stat().st_size} | {figure / 1e6:.0f} | {outcome} |")


def test_a_source_of_a_few_bytes_that_names_the_largest_picture(tmp_path: Path) -> None:
    path = tmp_path / "large.y4m"
    path.write_bytes(b"YUV4MPEG2 W8192 H8192 F25:1 C444p12\nFRAME\n" + bytes(100))
    program = PROGRAM.replace(
        "with Decoder(", "with open_reader(sys.argv[1]) as d:\n        list(d)\n    with Decoder("
    )
    program = "from nvcodec.video import open_reader\n" + program
    ran = subprocess.run([sys.executable, "-c", program, str(path), "0"], capture_output=True, text=True, check=True)
    figure, outcome = ran.stdout.splitlines()
    assert outcome.startswith("PictureTruncated: ")
    assert 1024 * int(figure) < LIMIT


@pytest.mark.parametrize("name", ["grid", "motion", "hybrid"])
def test_the_refusal_names_needed_and_allowed(name: str) -> None:
    data = with_sequence(corpus_stream(name), width=8192, height=8192)
    with pytest.raises(MemoryLimit, match=r"may need \d+ MB, --max-memory allows 4000 MB") as error:
        Decoder(data)
    assert "\n" not in str(error.value)
    assert DEFAULT_MAX_MEMORY == 4_000_000_000
    Decoder(data, max_memory=None).close()
    with pytest.raises(MemoryLimit):
        Decoder(data, scale="1/8", max_memory=PROGRAM_BYTES["onnxruntime"] + 1000)


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "large.msn").write_bytes(with_sequence(corpus_stream("grid"), width=8192, height=8192))
    command = [sys.executable, "-m", "nvcodec.cli.nvdec", "large.msn", "-o", "out.yuv"]
    for option, allowed in ([], 4000), (["--max-memory", "500M"], 500):
        ran = subprocess.run([*command, *option], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 1
        (line,) = ran.stderr.splitlines()
        assert line.startswith("nvdec: large.msn: decoding may need ")
        assert line.endswith(f"--max-memory allows {allowed} MB")
        assert not (tmp_path / "out.yuv").exists()


def test_fewer_threads_where_memory_is_short() -> None:
    data = with_sequence(corpus_stream("grid"), width=2048, height=2048)
    with Decoder(data, threads=8, max_memory=None) as decoder:
        need = decoder.memory_need()
        assert decoder.threads == 8
    with Decoder(data, threads=8, max_memory=need.held + 3 * need.per_worker + 5) as decoder:
        assert decoder.threads == 3


def test_a_list_of_units_or_a_unit_beyond_the_limit() -> None:
    data = many_units(3000)
    assert len(ContainerReader(data).entries) == 3001
    with pytest.raises(LimitExceeded, match="more than 1953 units"):
        ContainerReader(data, max_memory=1_000_000)
    large = write_file([(UnitKey(UnitType.SEQUENCE), bytes(50_000))])
    with pytest.raises(LimitExceeded, match="SEQUENCE unit, byte 8: 50011 bytes"):
        ContainerReader(large, max_memory=100_000).unit(UnitKey(UnitType.SEQUENCE))


def test_more_gops_than_there_is_memory_for() -> None:
    data = with_gops(corpus_stream("grid"), [1] * 65535)
    with pytest.raises((MemoryLimit, BitstreamError)):
        Decoder(data, max_memory=5_000_000)


def test_an_honest_stream_takes_no_more_than_reckoned(tmp_path: Path) -> None:
    """And not far less: a tenth of the reckoning, beyond the program, is used."""
    model: ModelConfig = GRID_MODEL
    video, gops = video_format("420", 8, 1024, 768), [Gop(0, 2)]
    path = tmp_path / "honest.msn"
    path.write_bytes(write_stream(model, video, gops, random_integers(model, video, gops, np.random.default_rng(1))))
    with Decoder(path, backend="numpy", threads=1) as decoder:
        need = decoder.memory_need()
    figure, outcome = peak(path, need.held + need.per_worker)
    assert outcome == "read"
    reckoned = need.held + need.per_worker - PROGRAM_BYTES["numpy"]
    assert 0.1 * reckoned < figure - PROGRAM_BYTES["numpy"] < reckoned
