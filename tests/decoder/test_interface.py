"""`nvcodec.decode` and `nvcodec.probe`: what they say and yield for a path, bytes and an open file."""

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import nvcodec
from nvcodec.bitstream.errors import FileUnreadable, NotMsn
from nvcodec.decoder import Decoder
from nvcodec.decoder.errors import PictureOutOfRange
from tests.streams import CASES, encode_bytes, moving_frames, same_planes, tiny_settings, video_format


@pytest.mark.parametrize("scale", ["1", "1/2", "1/8"])
def test_decode(plain: bytes, plain_file: Path, scale: str) -> None:
    with Decoder(plain, scale=scale, threads=1) as decoder:
        full = list(decoder)
    for source in (plain, plain_file, str(plain_file), io.BytesIO(plain)):
        found = list(nvcodec.decode(source, scale, threads=1, verify=True))
        assert len(found) == len(full)
        assert all(map(same_planes, found, full))
    part = list(nvcodec.decode(plain, scale, start=2, stop=5, backend="numpy"))
    assert all(map(same_planes, part, full[2:5]))
    assert [frame.pts for frame in part] == [2, 3, 4]


def test_decode_out_of_range(plain: bytes) -> None:
    with pytest.raises(PictureOutOfRange):
        list(nvcodec.decode(plain, start=3, stop=8))


def test_probe(plain: bytes, plain_file: Path) -> None:
    for source in (plain, plain_file, io.BytesIO(plain)):
        found = nvcodec.probe(source)
        assert found.format == CASES["plain"].video
        assert (found.picture_count, found.file_bytes, found.segments) == (7, len(plain), 1)
        assert found.gop_lengths == (4, 3)
        assert found.index_source == "index"
        assert found.duration_seconds == pytest.approx(7 * 1001 / 30000)
        assert found.rate_bpp == pytest.approx(len(plain) * 8 / (7 * 48 * 32))
    assert nvcodec.probe(plain[:-1]).index_source == "scan"


def test_every_field_of_the_format_passes_through() -> None:
    video = replace(
        video_format("420", 10, 17, 18),
        frame_rate=Fraction(24000, 1001),
        full_range=True,
        colour=(9, 16, 9),
        pixel_aspect=Fraction(40, 33),
    )
    data, _ = encode_bytes(moving_frames(video, 1), tiny_settings())
    assert nvcodec.probe(data).format == video
    for scale, width, height in (("1", 17, 18), ("1/2", 9, 9), ("1/4", 5, 5), ("1/8", 3, 3)):
        (frame,) = nvcodec.decode(data, scale, backend="numpy")
        assert frame.format == replace(video, width=width, height=height)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="absent"):
        nvcodec.probe(tmp_path / "absent.msn")
    with pytest.raises(NotMsn, match="empty"):
        next(nvcodec.decode(b""))
