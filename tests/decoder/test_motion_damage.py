"""Damage to streams of the motion profile: the unit is named, and nothing that hangs on it comes out wrong."""

import numpy as np
import pytest

from nvcodec.bitstream import ContainerReader, DigestPayload, UnitKey, UnitType, read_coded_payload, write_payload
from nvcodec.bitstream.errors import BitstreamError, MissingUnit, Place, UnitDamaged, UnsupportedVersion
from nvcodec.bitstream.headers import LatentHeader, MotionHeader
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES, picture_digest
from nvcodec.decoder.errors import DecodeError, DigestMismatch
from nvcodec.encoder.motion_pack import pack_motion
from nvcodec.encoder.run import Gop
from nvcodec.errors import NvcodecError
from nvcodec.synthesis.structure import hierarchical_order
from nvcodec.video.frame import Frame
from tests.streams import (
    TINY_INTER,
    TINY_INTRA,
    damage,
    motion_stream,
    random_motion_integers,
    rewrite,
    same_planes,
    video_format,
    write_file,
    write_motion_stream,
)

# Pictures 0, 1..4 and 5..8 are GoPs 0 (closed), 1 and 2 (open).
NETWORKS = [UnitKey(UnitType.NETWORK, 0, number, level) for number in (0, 1) for level in range(5)]
VECTORS = [UnitKey(UnitType.MOTION, 0, gop) for gop in (1, 2)]
LATENTS = [
    *(UnitKey(UnitType.GOP, 0, 0, level) for level in (1, 2, 3, 4)),
    *(UnitKey(UnitType.GOP, 0, gop, level) for gop in (1, 2) for level in (2, 3, 4)),
]
CODED = [*NETWORKS, *VECTORS, *LATENTS]
OTHERS = [
    UnitKey(UnitType.SEQUENCE),
    UnitKey(UnitType.SEGMENT),
    *(UnitKey(UnitType.DIGEST, 0, gop) for gop in range(3)),
]


@pytest.fixture(scope="module")
def data() -> bytes:
    return motion_stream("motion")[0]


@pytest.fixture(scope="module")
def right(data: bytes) -> list[Frame]:
    with Decoder(data, threads=1) as decoder:
        return list(decoder)


def decode_all(data: bytes, **options: object) -> None:
    with Decoder(data, threads=1, **options) as decoder:
        list(decoder)


def one_line(error: pytest.ExceptionInfo[NvcodecError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("key", [*CODED, *OTHERS], ids=str)
def test_a_damaged_unit_is_named(data: bytes, key: UnitKey) -> None:
    with pytest.raises(UnitDamaged) as error:
        decode_all(damage(data, [key]), verify=True)
    assert str(key) in one_line(error)
    assert "CRC" in one_line(error)


@pytest.mark.parametrize("key", [*CODED, *OTHERS], ids=str)
def test_a_missing_unit_is_named(data: bytes, key: UnitKey) -> None:
    with pytest.raises(MissingUnit) as error:
        decode_all(rewrite(data, lambda met, payload: None if met == key else payload), verify=True)
    assert str(key) in one_line(error)


def words_start(key: UnitKey, payload: bytes) -> int:
    """Where the coded words of a MOTION or GOP unit begin; of a NETWORK unit, a place within them."""
    pictures = {0: (0,), 1: (1, 2, 2, 2), 2: (1, 2, 2, 2)}[key.gop]
    if key.unit_type == UnitType.MOTION:
        header: MotionHeader | LatentHeader = MotionHeader(pictures)
    elif key.unit_type == UnitType.GOP:
        header = LatentHeader(len(pictures))
    else:
        return len(payload) - len(payload) // 2 // 4 * 4
    return len(payload) - len(read_coded_payload(header, payload, Place("test"))[1])


@pytest.mark.parametrize("position", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("key", CODED, ids=str)
def test_wrong_words_behind_a_right_crc(data: bytes, key: UnitKey, position: float) -> None:
    """A flipped bit of the entropy-coded part."""

    def flip(met: UnitKey, payload: bytes) -> bytes:
        if met != key:
            return payload
        changed, first = bytearray(payload), words_start(key, payload)
        changed[first + int(position * (len(payload) - first))] ^= 0x10
        return bytes(changed)

    with pytest.raises((DecodeError, BitstreamError)) as error:
        decode_all(rewrite(data, flip))
    assert str(key) in one_line(error)


@pytest.mark.parametrize("key", CODED, ids=str)
@pytest.mark.parametrize("count", [-4, -1, 1, 4])
def test_too_few_and_too_many_bytes_behind_a_right_crc(data: bytes, key: UnitKey, count: int) -> None:
    def resize(met: UnitKey, payload: bytes) -> bytes:
        if met != key:
            return payload
        return payload[:count] if count < 0 else payload + b"\x01" * count

    with pytest.raises((DecodeError, BitstreamError)) as error:
        decode_all(rewrite(data, resize))
    assert str(key) in one_line(error)


@pytest.mark.parametrize("key", LATENTS, ids=str)
def test_a_picture_that_is_said_to_have_latents_or_none(data: bytes, key: UnitKey) -> None:
    """The first coded_flag turned round: words are left over, or are missing."""

    def turn(met: UnitKey, payload: bytes) -> bytes:
        return payload if met != key else bytes([payload[0] ^ 0x80]) + payload[1:]

    with pytest.raises((DecodeError, BitstreamError)) as error:
        decode_all(rewrite(data, turn))
    assert str(key) in one_line(error)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("key", [*VECTORS, *LATENTS], ids=str)
def test_pictures_before_the_damage_are_right_and_none_after_it_comes(
    data: bytes, right: list[Frame], key: UnitKey, threads: int
) -> None:
    found: list[Frame] = []
    with Decoder(damage(data, [key]), threads=threads) as decoder:
        with pytest.raises(UnitDamaged):
            found += decoder
        first = decoder.gops[key.gop].first
    assert len(found) <= first
    assert all(map(same_planes, found, right[: len(found)]))
    for frame in found:
        assert frame.pts < first


@pytest.mark.parametrize("key", [LATENTS[0], VECTORS[0], LATENTS[4]], ids=str)
def test_a_picture_whose_references_gop_is_damaged_does_not_come_out(data: bytes, key: UnitKey) -> None:
    with Decoder(damage(data, [key]), threads=1) as decoder:
        for index in range(5, 9):
            with pytest.raises(UnitDamaged) as error:
                decoder[index]
            assert str(key) in one_line(error)


@pytest.mark.parametrize("threads", [1, 2])
def test_damage_behind_a_closed_gop_does_not_matter(threads: int) -> None:
    """GoPs 2 (closed) and 3 are pictures 3 to 5; all that is before and after them may be lost."""
    data, _ = motion_stream("closed GoPs")
    with Decoder(data, threads=1) as decoder:
        expected = decoder[3:6]
    lost = [UnitKey(UnitType.GOP, 0, gop, level) for gop in (0, 1, 4, 5) for level in (2, 3, 4)]
    lost += [UnitKey(UnitType.MOTION, 0, gop) for gop in (1, 5)]
    with Decoder(damage(data, lost), threads=threads, verify=True) as decoder:
        found = decoder[3:6]
        for index in (2, 6, 8):
            with pytest.raises(UnitDamaged):
                decoder[index]
    assert len(found) == 3
    assert all(map(same_planes, found, expected))


def test_a_reduced_decode_survives_damage_to_finer_levels() -> None:
    data, _ = motion_stream("grid at the finest level")
    finer = [UnitKey(UnitType.NETWORK, 0, number, 0) for number in (0, 1)] + [UnitKey(UnitType.GOP, 0, 1, 0)]
    with Decoder(data, scale="1/2", threads=1) as decoder:
        expected = list(decoder)
    with Decoder(damage(data, finer), scale="1/2", threads=1, verify=True) as decoder:
        assert all(map(same_planes, decoder, expected))
    with pytest.raises(UnitDamaged):
        decode_all(damage(data, finer[-1:]))


def changed_digest(data: bytes, scale: int, picture: int) -> bytes:
    """The digest of one picture at one scale made wrong."""
    with Decoder(data, threads=1) as decoder:
        place = next(p for p in decoder.gops if p.first <= picture < p.first + p.length)

    def change(key: UnitKey, payload: bytes) -> bytes:
        if (key.unit_type, key.segment, key.gop) != (UnitType.DIGEST, place.segment, place.gop):
            return payload
        start = 2 + 4 * (scale * place.length + picture - place.first)
        return payload[:start] + bytes([payload[start] ^ 1]) + payload[start + 1 :]

    return rewrite(data, change)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("scale", "picture"), [(0, 0), (0, 2), (1, 4), (3, 8)])
def test_a_wrong_digest_is_found_on_request(data: bytes, scale: int, picture: int, threads: int) -> None:
    broken = changed_digest(data, scale, picture)
    with Decoder(broken, scale=SCALES[scale], threads=threads, verify=True) as decoder:
        with pytest.raises(DigestMismatch) as error:
            list(decoder)
        assert f"picture {picture} at scale {SCALES[scale]}" in one_line(error)
        with pytest.raises(DigestMismatch):
            decoder[picture]
        # whoever refers to it does not ask for its digest
        assert [decoder[other].pts for other in range(9) if other != picture] == [n for n in range(9) if n != picture]
    decode_all(broken, scale=SCALES[scale])
    decode_all(broken, scale=SCALES[(scale + 1) % 4], verify=True)


VIDEO, GOPS = video_format("420", 8, 32, 32), [Gop(0, 1), Gop(1, 2, open=True)]
MODELS = (TINY_INTRA, TINY_INTER)


def test_other_vectors_than_the_encoders_are_found() -> None:
    """Vectors changed, every unit well formed: only the digests tell, also of what hangs on the picture."""
    integers = random_motion_integers(MODELS, VIDEO, GOPS, np.random.default_rng(3))
    data = write_motion_stream(MODELS, VIDEO, GOPS, integers)
    with Decoder(data, threads=1) as decoder:
        digests = [picture_digest(frame.planes, 4) for frame in decoder]
    anchor = integers.motion[1][1]
    anchor.motion.fields[0][...] = anchor.base_fields[0] + 5
    key, payload = pack_motion(
        0, 1, integers.motion[1], hierarchical_order(2, True), (VIDEO.height, VIDEO.width), hybrid=False
    )
    wrong = DigestPayload(2, 4, {0: digests[1:]})
    units = {key: payload, UnitKey(UnitType.DIGEST, 0, 1): write_payload(wrong)}

    def change(met: UnitKey, kept: bytes) -> bytes:
        return units.get(met, kept)

    right_digests = {UnitKey(UnitType.DIGEST, 0, 0): DigestPayload(1, 4, {0: digests[:1]})}
    right_digests[UnitKey(UnitType.DIGEST, 0, 1)] = wrong
    whole = with_units(data, {other: write_payload(header) for other, header in right_digests.items()})
    decode_all(whole, verify=True)
    with Decoder(rewrite(whole, change), threads=1, verify=True) as decoder:
        assert picture_digest(decoder[0].planes, 4) == digests[0]
        for index in (1, 2):
            with pytest.raises(DigestMismatch, match=f"picture {index} at scale 1"):
                decoder[index]


def with_units(data: bytes, more: dict[UnitKey, bytes]) -> bytes:
    """The file with units added at its end."""
    with ContainerReader(data) as container:
        keys = [entry.key for entry in container.entries if entry.key.unit_type != UnitType.INDEX]
        return write_file([*((key, container.payload(key)) for key in keys), *more.items()])


def test_a_picture_count_that_no_chain_bears() -> None:
    """A GoP's anchor refers to the GoP before; a file whose first GoP is cut out of a longer one says so at once."""
    data = motion_stream("motion")[0]

    def opened(key: UnitKey, payload: bytes) -> bytes:
        return payload[:-1] + bytes([payload[-1] | 0x80]) if key.unit_type == UnitType.SEGMENT else payload

    with pytest.raises(BitstreamError, match=r"SEGMENT unit .*open_gop_flag\[0\] is 1"):
        Decoder(rewrite(data, opened))


def test_motion_of_an_earlier_version_is_refused_by_name(data: bytes) -> None:
    earlier = data[:5] + b"\x02" + data[6:]
    with pytest.raises(UnsupportedVersion, match=r"motion profile of format version 0\.2"):
        Decoder(earlier)
