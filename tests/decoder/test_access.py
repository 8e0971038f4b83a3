"""A decoder as a sequence: random access equals the full decode, and reads only what it needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nvcodec.bitstream import UnitKey, UnitType
from nvcodec.bitstream.headers import FILE_HEADER_BYTES, FOOTER_BYTES
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.decoder.errors import PictureOutOfRange, ScaleUnknown
from nvcodec.synthesis.backend import UnknownBackend
from nvcodec.video.frame import Frame
from tests.streams import CASES, damage, same_planes, stream

SEEKING = ("plain", "temporal stride", "window on all levels", "grid at level 0", "strides and windows that differ")
SLICES = (
    slice(None), slice(2, 5), slice(3, 4), slice(-2, None), slice(None, -1), slice(1, None, 2), slice(None, None, -1),
    slice(4, 1, -2), slice(3, 3), slice(5, 2), slice(2, 1000), slice(1000, None),
)  # fmt: skip


@pytest.fixture
def decoder(plain: bytes) -> Iterator[Decoder]:
    with Decoder(plain, threads=1) as opened:
        yield opened


def assert_same(found: list[Frame], expected: list[Frame]) -> None:
    assert [frame.pts for frame in found] == [frame.pts for frame in expected]
    assert all(map(same_planes, found, expected))


@pytest.mark.parametrize(
    ("name", "scale"),
    [*((name, "1") for name in SEEKING), ("plain", "1/4"), ("strides and windows that differ", "1/8")],
)
def test_each_picture_alone_equals_the_full_decode(name: str, scale: str) -> None:
    with Decoder(stream(name)[0], scale=scale, threads=1) as decoder:
        full = list(decoder)
        assert len(decoder) == len(full) == CASES[name].count
        for index in reversed(range(len(full))):
            assert_same([decoder[index], decoder[index - len(full)]], [full[index]] * 2)


@pytest.mark.parametrize("name", ["plain", "strides and windows that differ"])
def test_a_fresh_decoder_finds_any_picture_first(name: str) -> None:
    data = stream(name)[0]
    with Decoder(data, threads=1) as decoder:
        full = list(decoder)
    for index in (len(full) - 1, len(full) // 2):
        with Decoder(data, threads=2) as decoder:
            assert_same([decoder[index]], [full[index]])


def test_slices(decoder: Decoder) -> None:
    full = list(decoder)
    for part in SLICES:
        assert_same(decoder[part], full[part])


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_of_a_range(plain: bytes, threads: int) -> None:
    with Decoder(plain, threads=threads) as decoder:
        full = list(decoder)
        for start, stop in ((0, 7), (2, 5), (3, 4), (4, 4), (7, 7), (6, 7)):
            assert_same(list(decoder.frames(start, stop)), full[start:stop])
        assert_same(list(decoder.frames(5)), full[5:])


@pytest.mark.parametrize("index", [7, -8, 10**9])
def test_no_such_index(decoder: Decoder, index: int) -> None:
    with pytest.raises(IndexError, match=f"picture {index}: the sequence has 7"):
        decoder[index]


@pytest.mark.parametrize(("start", "stop"), [(0, 8), (-1, 3), (8, 8), (5, 4)])
def test_no_such_range(decoder: Decoder, start: int, stop: int) -> None:
    with pytest.raises(PictureOutOfRange, match=f"pictures {start}:{stop}: .* 0 to 6"):
        list(decoder.frames(start, stop))


def test_the_rest_of_a_sequence(decoder: Decoder) -> None:
    full = list(decoder)
    assert_same(list(decoder), full)
    assert_same(list(reversed(decoder)), full[::-1])
    first, *_, last = decoder
    assert_same([first, last], [full[0], full[-1]])


def test_two_passes_at_once(decoder: Decoder) -> None:
    full = list(decoder)
    for position, (a, b) in enumerate(zip(decoder.frames(), decoder.frames(2), strict=False)):
        assert_same([a, b, decoder[0]], [full[position], full[position + 2], full[0]])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_pass_may_end_early(plain: bytes, threads: int) -> None:
    with Decoder(plain, threads=threads) as decoder:
        frames = iter(decoder)
        first = next(frames)
        frames.close()
        assert_same([decoder[0]], [first])


def test_sources(plain: bytes, plain_file: Path) -> None:
    with Decoder(plain, threads=1) as decoder:
        expected = decoder[3]
    with plain_file.open("rb") as file:
        for source in (plain_file, str(plain_file), file):
            with Decoder(source, threads=1) as decoder:
                assert_same([decoder[3]], [expected])
        assert not file.closed


@pytest.mark.parametrize("scale", ["1/3", "2", "1/16", "", "0.5"])
def test_unknown_scale(plain: bytes, scale: str) -> None:
    with pytest.raises(ScaleUnknown, match="1, 1/2, 1/4, 1/8"):
        Decoder(plain, scale=scale)


def test_unknown_backend(plain: bytes) -> None:
    with pytest.raises(UnknownBackend, match="numpy, onnxruntime, torch"):
        Decoder(plain, backend="jax")[0]


def unit_bytes(decoder: Decoder, *, finest: int, gops: set[int]) -> int:
    """Bytes of all that a decode of those GoPs needs: file header, index, footer, and the levels' units."""

    def needed(key: UnitKey) -> bool:
        if key.unit_type in (UnitType.NETWORK, UnitType.GOP):
            return key.level >= finest and (key.unit_type == UnitType.NETWORK or key.gop in gops)
        return key.unit_type != UnitType.DIGEST

    units = sum(entry.size for entry in decoder.container.entries if needed(entry.key))
    return FILE_HEADER_BYTES + units + FOOTER_BYTES


@pytest.mark.parametrize("name", ["plain", "grid at level 0"])
@pytest.mark.parametrize("finest", range(4))
def test_reads_only_the_units_of_its_levels(name: str, finest: int) -> None:
    data = stream(name)[0]
    with Decoder(data, scale=SCALES[finest], threads=1) as decoder:
        list(decoder)
        assert decoder.container.bytes_read == unit_bytes(decoder, finest=finest, gops={0, 1})
        assert decoder.container.bytes_read < len(data)


@pytest.mark.parametrize(("picture", "gop"), [(0, 0), (3, 0), (4, 1), (6, 1)])
def test_a_seek_reads_the_network_and_one_gop(plain_file: Path, picture: int, gop: int) -> None:
    with Decoder(plain_file, threads=1) as decoder:
        decoder[picture]
        assert decoder.container.bytes_read == unit_bytes(decoder, finest=0, gops={gop})


def test_a_reduced_decode_survives_damage_to_finer_levels(with_level_0: bytes) -> None:
    network, gop = UnitKey(UnitType.NETWORK, 0, 0, 0), UnitKey(UnitType.GOP, 0, 0, 0)
    with Decoder(with_level_0, scale="1/2", threads=1) as decoder:
        expected = list(decoder)
    data = damage(with_level_0, [network, gop])
    with Decoder(data, scale="1/2", threads=1, verify=True) as decoder:
        assert_same(list(decoder), expected)
