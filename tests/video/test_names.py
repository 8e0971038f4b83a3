"""File names with anything in them, and sources that point elsewhere: one file is read, and it is the one named."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from nvcodec.video import Frame, VideoFormat, open_reader, open_writer
from nvcodec.video.errors import FfmpegFailed, InputUnreadable, NotVideo, VideoError

NAMES = [
    "with space",
    "-dash",
    "--protocol_whitelist",
    "new\nline",
    "quote'\"`$(touch x)",
    "semicolon; touch x",
    "per%cent",
    "series%03d",
    "glob*?[a]{b}",
    "http:host",
    "concat:a|b",
    "file:a",
    "pipe:0",
    "back\\slash",
    "ümläut \u202e",
    os.fsdecode(b"not\xff\xfeutf8"),
]


def same(found: list[Frame], expected: list[Frame]) -> bool:
    return [frame.tobytes() for frame in found] == [frame.tobytes() for frame in expected]


@pytest.mark.parametrize("suffix", [".mkv", ".y4m"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_clip: Callable,
    base_format: VideoFormat,
    name: str,
    suffix: str,
) -> None:
    """Relative, so that a dash or a colon comes first."""
    monkeypatch.chdir(tmp_path)
    frames = make_clip(base_format)
    with open_writer(name + suffix, base_format) as writer:
        for frame in frames:
            writer.write(frame)
    assert os.listdir(tmp_path) == [name + suffix]
    with open_reader(name + suffix) as reader:
        assert same(list(reader), frames)
    assert os.listdir(tmp_path) == [name + suffix]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_complaint_about_any_name_is_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.mkv"
    with pytest.raises(InputUnreadable) as missing, open_reader(path):
        pass
    path.write_bytes(b"hello\n" * 99)
    with pytest.raises(VideoError) as unreadable, open_reader(path):
        pass
    for caught in (missing, unreadable):
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["a%d.png", "?.png"])
def test_a_name_is_no_pattern(tmp_path: Path, run_ffmpeg: Callable, name: str) -> None:
    """Pictures whose names the pattern would take in lie beside it."""
    for number, colour in enumerate(("white", "blue")):
        for other in (f"a{number}.png", f"{number}.png"):
            source = ("-f", "lavfi", "-i", f"color={colour}:size=16x16,format=rgb24", "-frames:v", "1")
            run_ffmpeg(*source, tmp_path / other)
    run_ffmpeg("-f", "lavfi", "-i", "color=black:size=16x16,format=rgb24", "-frames:v", "1", tmp_path / "black.png")
    (tmp_path / "black.png").rename(tmp_path / name)
    with open_reader(tmp_path / name) as reader:
        lumas = [float(frame.planes[0].mean()) for frame in reader]
    assert lumas == [16.0]


def test_a_list_of_files_is_not_followed(tmp_path: Path, make_clip: Callable, base_format: VideoFormat) -> None:
    with open_writer(tmp_path / "private.mkv", base_format) as writer:
        writer.write(make_clip(base_format, 1)[0])
    (tmp_path / "list.mkv").write_text("ffconcat version 1.0\nfile private.mkv\n")
    with pytest.raises(NotVideo, match=r"list\.mkv: is a list of other files \(concat\)"):
        open_reader(tmp_path / "list.mkv")


@pytest.mark.parametrize("name", ["list.m3u8", "list.mkv", "list.mpd", "list.sdp", "list.ffconcat"])
def test_no_source_makes_ffmpeg_ask_the_network(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        lists = {
            ".m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n",
            ".mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            'mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
            f'bandwidth="1"><BaseURL>{address}</BaseURL></Representation></AdaptationSet></Period></MPD>',
            ".sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
            "a=rtpmap:96 H264/90000\n",
            ".ffconcat": f"ffconcat version 1.0\nfile {address}\n",
        }
        (tmp_path / name).write_text(lists.get(Path(name).suffix, lists[".m3u8"]))
        with pytest.raises((FfmpegFailed, NotVideo)):
            open_reader(tmp_path / name)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("suffix", [".mkv", ".y4m"])
def test_an_unfinished_output_is_its_owners(
    tmp_path: Path, make_clip: Callable, base_format: VideoFormat, suffix: str
) -> None:
    before = os.umask(0)
    try:
        with open_writer(tmp_path / f"out{suffix}", base_format) as writer:
            writer.write(make_clip(base_format, 1)[0])
            assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600]
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / f"out{suffix}").stat().st_mode) == 0o666


def test_the_link_to_a_name_like_a_pattern_goes_with_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_clip: Callable, base_format: VideoFormat
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with open_writer(tmp_path / "a%d.mkv", base_format) as writer:
        writer.write(make_clip(base_format, 1)[0])
    with open_reader(tmp_path / "a%d.mkv") as reader:
        (private,) = folder.iterdir()
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert len(list(reader)) == 1
    assert list(folder.iterdir()) == []
