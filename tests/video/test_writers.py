"""Outputs appear whole or not at all."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nvcodec.video import OutputError, OutputExists, VideoFormat, open_writer, refuse_existing
from nvcodec.video.errors import FrameMismatch, OutputUnsupported

SUFFIXES = [".yuv", ".y4m", ".mkv"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_has_the_name_before_the_end(
    tmp_path: Path, make_clip: Callable, base_format: VideoFormat, suffix: str
) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"old")
    with open_writer(path, base_format) as writer:
        writer.write(make_clip(base_format, 1)[0])
        assert path.read_bytes() == b"old"
    assert path.read_bytes() != b"old"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_exception_leaves_nothing(
    tmp_path: Path, make_clip: Callable, base_format: VideoFormat, suffix: str
) -> None:
    def interrupted() -> None:
        with open_writer(tmp_path / f"out{suffix}", base_format) as writer:
            writer.write(make_clip(base_format, 1)[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_abort_and_close_twice(tmp_path: Path, base_format: VideoFormat, suffix: str) -> None:
    writer = open_writer(tmp_path / f"out{suffix}", base_format)
    writer.close(abort=True)
    writer.close()
    assert os.listdir(tmp_path) == []


def test_permissions_follow_the_umask(tmp_path: Path, base_format: VideoFormat) -> None:
    before = os.umask(0o027)
    try:
        open_writer(tmp_path / "out.y4m", base_format).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.y4m").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path, base_format: VideoFormat) -> None:
    (tmp_path / "real.y4m").write_bytes(b"old")
    (tmp_path / "link.y4m").symlink_to("real.y4m")
    open_writer(tmp_path / "link.y4m", base_format).close()
    assert (tmp_path / "link.y4m").is_symlink()
    assert (tmp_path / "real.y4m").read_bytes().startswith(b"YUV4MPEG2")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk(tmp_path: Path, make_clip: Callable, base_format: VideoFormat, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left") as caught, open_writer(path, base_format) as writer:
        writer.write(make_clip(base_format, 1)[0])
    assert "\n" not in str(caught.value)
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_places_that_cannot_be_written(tmp_path: Path, base_format: VideoFormat, suffix: str) -> None:
    with pytest.raises(OutputError, match="No such file or directory"):
        open_writer(tmp_path / "absent" / f"out{suffix}", base_format)
    (tmp_path / f"dir{suffix}").mkdir()
    with pytest.raises(OutputError, match="is a directory"):
        open_writer(tmp_path / f"dir{suffix}", base_format)


def test_an_unknown_ending(tmp_path: Path, base_format: VideoFormat) -> None:
    with pytest.raises(OutputUnsupported, match=r"out.mp4: written are .yuv, .y4m, .mkv"):
        open_writer(tmp_path / "out.mp4", base_format)


def test_frames_of_another_format(tmp_path: Path, make_clip: Callable, base_format: VideoFormat) -> None:
    other = make_clip(replace(base_format, width=20), 1)[0]
    with open_writer(tmp_path / "out.yuv", base_format) as writer, pytest.raises(FrameMismatch, match="20x16"):
        writer.write(other)


def test_refusing_what_exists(tmp_path: Path) -> None:
    path = tmp_path / "out.yuv"
    refuse_existing(path, overwrite=False)
    path.write_bytes(b"old")
    refuse_existing(path, overwrite=True)
    refuse_existing("-", overwrite=False)
    refuse_existing("/dev/null", overwrite=False)
    with pytest.raises(OutputExists, match="-y"):
        refuse_existing(path, overwrite=False)


def test_y4m_header_bytes(tmp_path: Path, base_format: VideoFormat) -> None:
    open_writer(tmp_path / "out.y4m", base_format).close()
    expected = b"YUV4MPEG2 W18 H16 F25:1 Ip A0:0 C420jpeg XCOLORRANGE=LIMITED\n"
    assert (tmp_path / "out.y4m").read_bytes() == expected
