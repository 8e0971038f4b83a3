"""nvinfo through real processes: its figures add up to the file, its trace covers every bit, damage is named."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import nvcodec
from nvcodec.decoder.decoder import SCALES

FILE_HEADER_BYTES, FOOTER_BYTES = 8, 12


@pytest.fixture(scope="module")
def info(tiny_grid_msn: Path) -> dict:
    """What nvinfo says of the tiny file of the grid profile, with the trace."""
    command = [sys.executable, "-m", "nvcodec.cli.nvinfo", tiny_grid_msn, "--json", "--trace"]
    ran = subprocess.run(command, cwd=Path(nvcodec.__file__).parent.parent, capture_output=True)
    assert (ran.returncode, ran.stderr) == (0, b"")
    return json.loads(ran.stdout)


def test_text(run: Callable, tiny_grid_msn: Path) -> None:
    ran = run("nvinfo", tiny_grid_msn)
    text = ran.stdout.decode()
    assert (ran.returncode, ran.stderr) == (0, b"")
    for expected in ("6 of 48x32 yuv420p", "GoPs: 2 of 3 pictures", "from the index", "network", "24x16"):
        assert expected in text


def test_from_standard_input(run: Callable, tiny_grid_msn: Path) -> None:
    ran = run("nvinfo", "-", data=tiny_grid_msn.read_bytes())
    assert ran.returncode == 0
    assert b"6 of 48x32 yuv420p" in ran.stdout


def test_json(info: dict, tiny_grid_msn: Path) -> None:
    probe = nvcodec.probe(tiny_grid_msn)
    assert (info["width"], info["height"], info["picture_count"]) == (48, 32, 6)
    assert (info["frame_rate"], info["duration_seconds"]) == ("25", 0.24)
    assert info["file_bytes"] == probe.file_bytes == tiny_grid_msn.stat().st_size
    assert info["rate_bpp"] == pytest.approx(probe.rate_bpp)
    assert [segment["gop_length"] for segment in info["segments"]] == [[3, 3]]
    assert info["missing_units"] == []


def test_components_and_levels_add_up(info: dict) -> None:
    components, levels = info["components"], info["levels"]
    assert sum(components.values()) == info["file_bytes"]
    assert (components["unknown"], components["rest"]) == (0, 0)
    assert sum(level["network_bytes"] for level in levels) == components["network"]
    assert sum(level["grid_bytes"] for level in levels) == components["grids"]


def test_units_tile_the_file(info: dict) -> None:
    offset = FILE_HEADER_BYTES
    for unit in info["units"]:
        assert unit["offset"] == offset
        offset += unit["size"]
    assert offset + FOOTER_BYTES == info["file_bytes"]


@pytest.mark.parametrize("finest", range(len(SCALES)))
def test_bytes_read_are_what_a_decode_reads(info: dict, tiny_grid_msn: Path, finest: int) -> None:
    with nvcodec.Decoder(tiny_grid_msn, scale=SCALES[finest], threads=1) as decoder:
        assert len(list(decoder)) == 6
        assert info["scales"][finest]["bytes_read"] == decoder.container.bytes_read
        assert info["scales"][finest]["width"] == decoder.format.width


def test_the_trace_covers_every_bit_once(info: dict) -> None:
    offset = 0
    for part in info["trace"]:
        assert part["offset"] == offset, part["name"]
        assert part["damage"] is None
        position = 0
        for element in part["elements"]:
            assert element["bit_offset"] == position, element
            position += element["bits"]
        assert position == 8 * part["size"]
        offset += part["size"]
    assert offset == info["file_bytes"]


def test_the_trace_has_the_elements_by_name(info: dict) -> None:
    parts = {part["name"]: {e["name"]: e["value"] for e in part["elements"]} for part in info["trace"]}
    assert parts["file header"]["magic"] == b"\x89MSN".hex()
    assert parts["SEQUENCE unit"]["width"] == 48
    assert parts["SEGMENT unit (segment 0)"]["gop_length[1]"] == 3
    assert parts["NETWORK unit (segment 0, level 4)"]["tensor_count"] > 0
    assert parts["GOP unit (segment 0, gop 1, level 4)"]["coded_words"] is None
    assert len(parts["DIGEST unit (segment 0, gop 0)"]["digest[3][2]"]) == 8
    assert parts["INDEX unit"]["entry_count"] == len(info["units"]) - 1


def test_trace_as_text(run: Callable, tiny_grid_msn: Path, info: dict) -> None:
    lines = run("nvinfo", tiny_grid_msn, "--trace").stdout.decode().splitlines()
    assert sum(" = " in line for line in lines) == sum(len(part["elements"]) for part in info["trace"])
    assert "        40     16  width = 48" in lines


def test_a_damaged_unit_is_named_and_the_rest_is_traced(
    refused: Callable, run: Callable, tiny_grid_msn: Path, tmp_path: Path, info: dict
) -> None:
    unit = next(unit for unit in info["units"] if unit["name"].startswith("GOP"))
    data = bytearray(tiny_grid_msn.read_bytes())
    data[unit["offset"] + unit["size"] - 1] ^= 1
    (tmp_path / "flipped.msn").write_bytes(data)
    assert refused("nvinfo", "flipped.msn", "--trace") == f"nvinfo: flipped.msn: damaged: {unit['name']}\n"
    traced = json.loads(run("nvinfo", "flipped.msn", "--trace", "--json").stdout)["trace"]
    assert [part["name"] for part in traced] == [part["name"] for part in info["trace"]]
    assert "its CRC is" in next(part["damage"] for part in traced if part["damage"] is not None)


def test_a_truncated_file(refused: Callable, run: Callable, tiny_grid_msn: Path, tmp_path: Path, info: dict) -> None:
    last = info["units"][-3]
    (tmp_path / "cut.msn").write_bytes(tiny_grid_msn.read_bytes()[: last["offset"] + 5])
    message = f"nvinfo: cut.msn: missing: {last['name']}\n"
    assert refused("nvinfo", "cut.msn") == message
    assert refused("nvinfo", "cut.msn", "--trace") == message.replace("missing", "damaged: rest; missing")
    told = json.loads(run("nvinfo", "cut.msn", "--json").stdout)
    assert (told["index_source"], told["components"]["rest"]) == ("scan", 5)
    assert sum(told["components"].values()) == last["offset"] + 5


def test_without_index_and_footer(
    refused: Callable, run: Callable, tiny_grid_msn: Path, tmp_path: Path, info: dict
) -> None:
    (tmp_path / "cut.msn").write_bytes(tiny_grid_msn.read_bytes()[: info["units"][-1]["offset"]])
    ran = run("nvinfo", "cut.msn")
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert b"found by scanning" in ran.stdout
    assert refused("nvinfo", "cut.msn", "--trace") == "nvinfo: cut.msn: damaged: footer\n"


def test_what_it_refuses(refused: Callable, tmp_path: Path) -> None:
    (tmp_path / "text.msn").write_bytes(b"some text\n")
    assert "text.msn: not an .msn file: it looks like text" in refused("nvinfo", "text.msn")
    assert "nowhere.msn: cannot open the file" in refused("nvinfo", "nowhere.msn")
    assert "Missing argument 'INPUT'" in refused("nvinfo", status=2)


def test_a_pipe_that_nobody_reads_ends_it_quietly(run: Callable, tiny_grid_msn: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = run("nvinfo", tiny_grid_msn, "--trace", stdout=writing)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (1, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_standard_output(refused: Callable, tiny_grid_msn: Path) -> None:
    with open("/dev/full", "wb") as full:
        message = refused("nvinfo", tiny_grid_msn, stdout=full)
    assert message == "nvinfo: standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize("name", ["nvenc", "nvdec", "nvinfo"])
def test_version(run: Callable, name: str) -> None:
    ran = run(name, "--version")
    assert (ran.returncode, ran.stdout.decode()) == (0, f"{name} {nvcodec.__version__}\n")
