"""What is wrong with a unit is said with the unit's name, whether its CRC tells or only its contents."""

import numpy as np
import pytest

from nvcodec.bitstream import ContainerReader, DigestPayload, UnitKey, UnitType, write_payload
from nvcodec.bitstream.errors import BitstreamError, MissingUnit, UnitDamaged
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES, picture_digest
from nvcodec.decoder.errors import DecodeError, DigestMismatch, NoDigest
from nvcodec.encoder.pack import pack_network
from nvcodec.encoder.run import Gop
from nvcodec.errors import NvcodecError
from nvcodec.synthesis.weights import ConvWeights
from tests.streams import TINY, damage, random_integers, rewrite, video_format, with_level, write_file, write_stream

UNITS = [
    UnitKey(UnitType.SEQUENCE),
    UnitKey(UnitType.SEGMENT),
    *(UnitKey(UnitType.NETWORK, 0, 0, level) for level in range(5)),
    *(UnitKey(UnitType.GOP, 0, gop, level) for gop in (0, 1) for level in range(1, 5)),
    UnitKey(UnitType.DIGEST, 0, 0),
    UnitKey(UnitType.DIGEST, 0, 1),
]
CODED = [key for key in UNITS if key.unit_type in (UnitType.NETWORK, UnitType.GOP)]


def decode_all(data: bytes, **options: object) -> None:
    with Decoder(data, threads=1, **options) as decoder:
        list(decoder)


def one_line(error: pytest.ExceptionInfo[NvcodecError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("key", UNITS, ids=str)
def test_a_damaged_unit_is_named(plain: bytes, key: UnitKey) -> None:
    with pytest.raises(UnitDamaged) as error:
        decode_all(damage(plain, [key]), verify=True)
    assert str(key) in one_line(error)
    assert "CRC" in one_line(error)


@pytest.mark.parametrize("key", UNITS, ids=str)
def test_a_missing_unit_is_named(plain: bytes, key: UnitKey) -> None:
    with pytest.raises(MissingUnit) as error:
        decode_all(rewrite(plain, lambda met, payload: None if met == key else payload), verify=True)
    assert str(key) in one_line(error)


def test_damage_where_a_decode_does_not_look_does_not_matter(plain: bytes) -> None:
    other_gop = [key for key in UNITS if (key.unit_type, key.gop) == (UnitType.GOP, 1)]
    with Decoder(damage(plain, [*other_gop, UNITS[-1]]), threads=1, verify=True) as decoder:
        assert len(list(decoder.frames(0, 4))) == 4
        with pytest.raises(UnitDamaged):
            decoder[4]


@pytest.mark.parametrize("position", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("key", CODED, ids=str)
def test_wrong_words_behind_a_right_crc(plain: bytes, key: UnitKey, position: float) -> None:
    """A flipped bit of the entropy-coded part, early, in the middle and at the end."""

    def flip(met: UnitKey, payload: bytes) -> bytes:
        if met != key:
            return payload
        changed = bytearray(payload)
        words = len(payload) - len(payload) // 2 // 4 * 4  # past every header of this stream
        changed[words + int(position * (len(payload) - words))] ^= 0x10
        return bytes(changed)

    with pytest.raises((DecodeError, BitstreamError)) as error:
        decode_all(rewrite(plain, flip))
    assert str(key) in one_line(error)


@pytest.mark.parametrize("key", CODED, ids=str)
@pytest.mark.parametrize("count", [-4, -1, 1, 4])
def test_too_few_and_too_many_bytes_behind_a_right_crc(plain: bytes, key: UnitKey, count: int) -> None:
    def resize(met: UnitKey, payload: bytes) -> bytes:
        if met != key:
            return payload
        return payload[:count] if count < 0 else payload + b"\x01" * count

    with pytest.raises((DecodeError, BitstreamError)) as error:
        decode_all(rewrite(plain, resize))
    assert str(key) in one_line(error)


def changed_digest(data: bytes, scale: int, picture: int) -> bytes:
    """The digest of one picture at one scale made wrong."""
    with Decoder(data, threads=1, scale=SCALES[scale]) as decoder:
        place = next(p for p in decoder.gops if p.first <= picture < p.first + p.length)
        right = picture_digest(decoder[picture].planes, 4)
    wrong = bytes([right[0] ^ 1]) + right[1:]

    def change(key: UnitKey, payload: bytes) -> bytes:
        if (key.unit_type, key.segment, key.gop) != (UnitType.DIGEST, place.segment, place.gop):
            return payload
        start = 2 + 4 * (scale * place.length + picture - place.first)
        assert payload[start : start + 4] == right
        return payload[:start] + wrong + payload[start + 4 :]

    return rewrite(data, change)


@pytest.mark.parametrize(("scale", "picture"), [(0, 0), (0, 5), (2, 3), (3, 6)])
def test_a_wrong_digest_is_found_on_request(plain: bytes, scale: int, picture: int) -> None:
    data = changed_digest(plain, scale, picture)
    with pytest.raises(DigestMismatch) as error:
        decode_all(data, scale=SCALES[scale], verify=True)
    assert f"picture {picture} at scale {SCALES[scale]}" in one_line(error)
    decode_all(data, scale=SCALES[scale])
    decode_all(data, scale=SCALES[(scale + 1) % 4], verify=True)
    with Decoder(data, scale=SCALES[scale], threads=1, verify=True) as decoder:
        assert len([decoder[other] for other in range(7) if other != picture]) == 6


VIDEO, GOPS = video_format("420", 8, 32, 32), [Gop(0, 2)]
DIGEST = UnitKey(UnitType.DIGEST, 0, 0)


def with_digests(data: bytes, payload: DigestPayload) -> bytes:
    """A stream of one GoP, with its DIGEST unit last."""
    with ContainerReader(data) as container:
        keys = [entry.key for entry in container.entries if entry.key.unit_type != UnitType.INDEX]
        units = [(key, container.payload(key)) for key in keys]
    return write_file([*units, (DIGEST, write_payload(payload))])


@pytest.mark.parametrize("digest_bytes", [1, 2, 8])
def test_another_picture_than_the_encoders_is_found(digest_bytes: int) -> None:
    """A latent changed, every unit well formed: only the digests tell."""
    integers = random_integers(TINY, VIDEO, GOPS, np.random.default_rng(3))
    data = write_stream(TINY, VIDEO, GOPS, integers)
    with Decoder(data, threads=1) as decoder:
        digests = [picture_digest(frame.planes, digest_bytes) for frame in decoder]
    payload = DigestPayload(2, digest_bytes, {0: digests})
    decode_all(with_digests(data, payload), verify=True)
    integers.temporal[0][1][1, 0, 0, 0] += 3
    with pytest.raises(DigestMismatch, match=f"picture 1 at scale 1: .*{digests[1].hex()}"):
        decode_all(with_digests(write_stream(TINY, VIDEO, GOPS, integers), payload), verify=True)


def test_no_digest_at_a_scale_or_at_all() -> None:
    data = write_stream(TINY, VIDEO, GOPS, random_integers(TINY, VIDEO, GOPS, np.random.default_rng(3)))
    decode_all(data)
    with pytest.raises(MissingUnit, match="DIGEST unit"):
        decode_all(data, verify=True)
    with Decoder(data, threads=1) as decoder:
        digests = [picture_digest(frame.planes, 4) for frame in decoder]
    some = with_digests(data, DigestPayload(2, 4, {0: digests}))
    decode_all(some, verify=True)
    with pytest.raises(NoDigest, match="segment 0, GoP 0: no digest at scale 1/4"):
        decode_all(some, scale="1/4", verify=True)


WIDE = with_level(with_level(with_level(TINY, 4, grid_channels=4), 3, features=40), 1, context_hidden=31)


@pytest.mark.parametrize(("level", "layer"), [(4, "embed"), (2, "up"), (1, "context_output"), (0, "head")])
def test_weights_beyond_the_accumulator_bound_are_refused(level: int, layer: str) -> None:
    integers = random_integers(WIDE, VIDEO, GOPS, np.random.default_rng(4))
    data = write_stream(WIDE, VIDEO, GOPS, integers)
    met = integers.weights[level].layers[layer]
    integers.bias_shifts[level, layer] = 15
    integers.weights[level].layers[layer] = ConvWeights(
        np.full_like(met.weight, -128), np.full_like(met.bias, -128 << 15), met.shift
    )
    key, payload = pack_network(integers.weights[level], integers.bias_shifts, WIDE, level, 0, "420")
    total = 4095 * 128 * met.weight[0].size + (128 << 15) + (1 << met.shift + (5 if "output" in layer else 0) >> 1)
    broken = rewrite(data, lambda other, kept: payload if other == key else kept)
    for finest, scale in enumerate(SCALES):
        if level < finest:
            decode_all(broken, scale=scale)
            continue
        with pytest.raises(DecodeError) as error:
            decode_all(broken, scale=scale)
        assert str(key) in one_line(error)
        assert f"layer {layer}, output channel 0: an accumulator could reach {total}" in one_line(error)


def test_window_weights_beyond_their_limit_are_refused() -> None:
    integers = random_integers(TINY, VIDEO, GOPS, np.random.default_rng(5))
    integers.window[4][:] = [[100, 100, 100], [127, 127, 127]]  # the GoP ends after the second: 200 and 127
    decode_all(write_stream(TINY, VIDEO, GOPS, integers))
    integers.window[4][0] = [-128, 127, 0]
    decode_all(write_stream(TINY, VIDEO, GOPS, integers))
    longer = [Gop(0, 3)]
    integers = random_integers(TINY, VIDEO, longer, np.random.default_rng(5))
    integers.window[4][0] = [127, -128, 2]
    data = write_stream(TINY, VIDEO, longer, integers)
    with pytest.raises(DecodeError) as error:
        decode_all(data, scale="1/8")
    assert "GOP unit (segment 0, gop 0, level 4)" in one_line(error)
    assert "picture 0 add up to 257, allowed is at most 256" in one_line(error)
