"""Streams of the motion profile: every backend, scale and thread count, random access, and what each reads."""

from dataclasses import replace
from itertools import pairwise, product
from math import floor, log2

import numpy as np
import pytest

import nvcodec
from nvcodec.bitstream import ContainerReader, UnitKey, UnitType
from nvcodec.bitstream.headers import FILE_HEADER_BYTES, FOOTER_BYTES
from nvcodec.bitstream.limits import MAX_MOTION_GOP_LENGTH, MAX_STEP_ROWS
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.decoder.motion import step_row
from nvcodec.encoder.run import Gop
from nvcodec.synthesis.structure import hierarchical_order
from nvcodec.video.frame import Frame
from tests.streams import (
    MOTION_CASES,
    TINY_INTER,
    TINY_INTRA,
    Models,
    motion_stream,
    random_motion_integers,
    same_planes,
    video_format,
    with_level,
    write_motion_stream,
)

BACKENDS = ("numpy", "onnxruntime", "torch")
SLICES = (
    slice(None), slice(2, 5), slice(3, 4), slice(-2, None), slice(1, None, 2), slice(None, None, -1), slice(4, 1, -2),
    slice(3, 3), slice(2, 1000),
)  # fmt: skip


def assert_same(found: list[Frame], expected: list[Frame]) -> None:
    assert [frame.pts for frame in found] == [frame.pts for frame in expected]
    assert all(map(same_planes, found, expected))


def decoded(data: bytes, scale: str, backend: str = "onnxruntime", threads: int = 1) -> list[Frame]:
    with Decoder(data, scale=scale, backend=backend, threads=threads) as decoder:
        return list(decoder)


def test_the_cases_cover_formats_depths_and_structures() -> None:
    cases = MOTION_CASES.values()
    assert {case.chroma_format for case in cases} == {"400", "420", "422", "444"}
    assert {case.bit_depth for case in cases} == {8, 10, 12}
    assert {(case.width % 2, case.height % 2) for case in cases} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {case.model.context_neighbours_flag for case in cases} == {False, True}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MOTION_CASES)
def test_all_scales_and_threads_match_the_digests(name: str, backend: str) -> None:
    case, (data, _) = MOTION_CASES[name], motion_stream(name)
    for number, scale in enumerate(SCALES):
        for threads in (1, 2):
            with Decoder(data, scale=scale, backend=backend, threads=threads, verify=True) as decoder:
                assert decoder.format == case.video.scaled(number)
                frames = list(decoder)
            assert [frame.pts for frame in frames] == list(range(case.count))
            assert all(frame.format == decoder.format for frame in frames)


@pytest.mark.parametrize("name", MOTION_CASES)
def test_the_streams_carry_something(name: str) -> None:
    """Guards the others: latents and vectors of nothing but zeros would compare nothing."""
    data, _ = motion_stream(name)
    with Decoder(data, threads=1) as decoder:
        tasks = list(decoder._tasks(0, len(decoder)))
        frames = list(decoder)
    moving = [task for task in tasks if task.motion is not None]
    assert all(any(x.any() for x in task.embeddings().values()) for task in tasks if task.motion is None)
    assert bool(moving) == (len(frames) > 1)
    if moving:
        assert any(vectors.any() for task in moving for vectors in task.motion.fields)
        assert any(x.any() for task in moving for x in task.embeddings().values())
    assert all(plane.std() > 0 for frame in frames for plane in frame.planes)
    assert not any(same_planes(Frame(a.planes, b.pts, a.format), b) for a, b in pairwise(frames))


FINE_INTER = with_level(TINY_INTER, 0, grid_channels=2)
MADE = {
    "open": ("420", 8, 37, 22, [Gop(0, 1), Gop(1, 5, open=True), Gop(6, 3, open=True)], TINY_INTER),
    "closed GoPs of several pictures": ("444", 10, 20, 33, [Gop(0, 4), Gop(4, 3), Gop(7, 2, open=True)], TINY_INTER),
    "anchors alone": ("400", 12, 18, 17, [Gop(0, 1), Gop(1, 1, open=True), Gop(2, 1, open=True)], FINE_INTER),
    "more distances than rows of steps": ("422", 8, 24, 16, [Gop(0, 1), Gop(1, 17, open=True)], TINY_INTER),
}
"""Formats, GoPs and inter networks of streams that no fit made."""


def made(name: str) -> bytes:
    chroma_format, bit_depth, width, height, gops, inter = MADE[name]
    video, models = video_format(chroma_format, bit_depth, width, height), (TINY_INTRA, inter)
    integers = random_motion_integers(models, video, gops, np.random.default_rng(11))
    return write_motion_stream(models, video, gops, integers)


@pytest.mark.parametrize("name", MADE)
def test_streams_at_will_decode_equally(name: str) -> None:
    """Also structures that the encoder does not choose, and weights, vectors and latents that no picture asks for."""
    data, gops = made(name), MADE[name][4]
    for scale in SCALES:
        expected = decoded(data, scale, "numpy")
        assert len(expected) == sum(gop.length for gop in gops)
        assert_same(decoded(data, scale, "onnxruntime", 2), expected)
        assert_same(decoded(data, scale, "torch", 1), expected)
        with Decoder(data, scale=scale, threads=1) as decoder:
            for index in reversed(range(len(expected))):
                assert_same([decoder[index]], [expected[index]])


SEEKING = ("motion", "odd size", "closed GoPs", "two segments", "scene cut")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("name", "scale"), [*((name, "1") for name in SEEKING), ("motion", "1/2"), ("odd size", "1/4"), ("motion", "1/8")]
)
def test_each_picture_alone_equals_the_full_decode(name: str, scale: str, threads: int) -> None:
    with Decoder(motion_stream(name)[0], scale=scale, threads=threads, verify=True) as decoder:
        full = list(decoder)
        assert len(decoder) == len(full) == MOTION_CASES[name].count
        for index in reversed(range(len(full))):
            assert_same([decoder[index], decoder[index - len(full)]], [full[index]] * 2)


@pytest.mark.parametrize("name", ["motion", "closed GoPs"])
def test_a_fresh_decoder_finds_any_picture_first(name: str) -> None:
    data = motion_stream(name)[0]
    full = decoded(data, "1")
    for index in (len(full) - 1, 4):
        with Decoder(data, threads=2) as decoder:
            assert_same([decoder[index]], [full[index]])


@pytest.mark.parametrize("part", SLICES, ids=str)
@pytest.mark.parametrize("name", ["motion", "two segments"])
def test_slices(name: str, part: slice) -> None:
    with Decoder(motion_stream(name)[0], threads=2) as decoder:
        full = list(decoder)
        assert_same(decoder[part], full[part])


@pytest.mark.parametrize("threads", [1, 2])
def test_every_range_of_pictures(threads: int) -> None:
    with Decoder(motion_stream("motion")[0], threads=threads, scale="1/4") as decoder:
        full = list(decoder)
        for start in range(len(full)):
            for stop in range(start, len(full) + 1):
                assert_same(list(decoder.frames(start, stop)), full[start:stop])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_pass_may_end_early(threads: int) -> None:
    with Decoder(motion_stream("motion")[0], threads=threads) as decoder:
        frames = iter(decoder)
        first = next(frames)
        frames.close()
        assert_same([decoder[0]], [first])


def test_two_passes_at_once() -> None:
    with Decoder(motion_stream("motion")[0], threads=1) as decoder:
        full = list(decoder)
        for position, (a, b) in enumerate(zip(decoder.frames(), decoder.frames(3), strict=False)):
            assert_same([a, b, decoder[0]], [full[position], full[position + 3], full[0]])


def test_the_interface_is_that_of_the_grid_profile() -> None:
    data, _ = motion_stream("closed GoPs")
    found = nvcodec.probe(data)
    assert found.format == MOTION_CASES["closed GoPs"].video
    assert (found.picture_count, found.segments, found.gop_lengths) == (9, 1, (1, 2) * 3)
    part = list(nvcodec.decode(data, "1/2", start=2, stop=5, backend="numpy"))
    assert_same(part, decoded(data, "1/2")[2:5])


def needed_bytes(decoder: Decoder, finest: int, gops: set[int]) -> int:
    """Bytes of what a decode of those GoPs needs: vectors serve every scale, other units their level's alone."""

    def needed(key: UnitKey) -> bool:
        if key.unit_type == UnitType.NETWORK:
            return key.level >= finest
        if key.unit_type == UnitType.GOP:
            return key.level >= finest and key.gop in gops
        return key.gop in gops if key.unit_type == UnitType.MOTION else key.unit_type != UnitType.DIGEST

    units = sum(entry.size for entry in decoder.container.entries if needed(entry.key))
    return FILE_HEADER_BYTES + units + FOOTER_BYTES


@pytest.mark.parametrize("name", ["motion", "grid at the finest level"])
@pytest.mark.parametrize("finest", range(4))
def test_reads_only_the_units_of_its_levels(name: str, finest: int) -> None:
    data, _ = motion_stream(name)
    with Decoder(data, scale=SCALES[finest], threads=1) as decoder:
        list(decoder)
        assert decoder.container.bytes_read == needed_bytes(decoder, finest, {0, 1, 2})
        assert decoder.container.bytes_read < len(data)


@pytest.mark.parametrize(
    ("name", "picture", "gops"),
    [
        ("motion", 0, {0}),
        ("motion", 4, {0, 1}),
        ("motion", 5, {0, 1, 2}),
        ("closed GoPs", 3, {2}),
        ("closed GoPs", 4, {2, 3}),
        ("closed GoPs", 8, {4, 5}),
        ("scene cut", 6, {2, 3}),
    ],
)
def test_a_seek_reads_from_the_closed_gop_on(name: str, picture: int, gops: set[int]) -> None:
    with Decoder(motion_stream(name)[0], threads=1) as decoder:
        decoder[picture]
        assert decoder.container.bytes_read == needed_bytes(decoder, 0, gops)


@pytest.mark.parametrize(
    ("picture", "made_pictures"), [(0, {0}), (1, {0, 1, 2, 4}), (3, {0, 2, 3, 4}), (4, {0, 4}), (8, {0, 4, 8})]
)
def test_a_seek_makes_no_picture_that_nobody_needs(picture: int, made_pictures: set[int]) -> None:
    """Of GoPs of pictures 0, 1..4 and 5..8: the anchors on the way and the references."""
    with Decoder(motion_stream("motion")[0], threads=1) as decoder:
        tasks = list(decoder._tasks(picture, picture + 1))
    assert {task.number for task in tasks} == made_pictures
    assert [task.number for task in tasks if task.wanted] == [picture]


def test_a_stream_has_the_units_of_its_pictures() -> None:
    """No vectors where no picture has references, no latents of levels that its networks have no grids on."""
    data, _ = motion_stream("motion")
    with ContainerReader(data) as container:
        keys = [entry.key for entry in container.entries]
    networks = [UnitKey(UnitType.NETWORK, 0, number, level) for number in (0, 1) for level in (4, 3, 2, 1, 0)]
    expected = [UnitKey(UnitType.SEQUENCE), UnitKey(UnitType.SEGMENT), *networks]
    for gop, levels in enumerate([(4, 3, 2, 1), (4, 3, 2), (4, 3, 2)]):
        expected += [UnitKey(UnitType.MOTION, 0, gop)] * (gop > 0)
        expected += [UnitKey(UnitType.GOP, 0, gop, level) for level in levels]
        expected.append(UnitKey(UnitType.DIGEST, 0, gop))
    assert keys == [*expected, UnitKey(UnitType.INDEX)]


def test_models_of_a_file() -> None:
    with Decoder(motion_stream("motion")[0]) as decoder:
        models: Models = (TINY_INTRA, TINY_INTER)
        assert decoder.sequence.models == models
        assert [place.open for place in decoder.gops] == [False, True, True]


# Rows of quantisation steps


ROWS = {
    # of a network with 1, 3, 5 and 8 rows, each picture's in display order
    (16, True): ("0000000000000000", "2121212121212120", "4342434143424340", "7675767476757670"),
    (8, True): ("00000000", "21212120", "43424340", "76757670"),
    (4, True): ("0000", "2120", "4340", "7670"),
    (7, True): ("0000000", "1212120", "3424340", "6757670"),
    (1, True): ("0", "0", "0", "0"),
    (4, False): ("0000", "0120", "0340", "0670"),
    (1, False): ("0", "0", "0", "0"),
}
"""By a GoP's length and whether it is open."""


@pytest.mark.parametrize(("length", "opened"), ROWS)
def test_rows_by_hand(length: int, opened: bool) -> None:
    """Anchors have the first row, pictures between neighbours the last; each doubling of the distance takes one off."""
    order = sorted(hierarchical_order(length, opened), key=lambda picture: picture.index)
    for count, expected in zip((1, 3, 5, 8), ROWS[length, opened], strict=True):
        config = replace(TINY_INTER, step_rows=count)
        assert "".join(str(step_row(config, picture)) for picture in order) == expected


@pytest.mark.parametrize("step_rows", range(1, MAX_STEP_ROWS + 1))
def test_rows_of_every_structure_are_the_specifications(step_rows: int) -> None:
    """Section 4.4.2, with its logarithm."""
    config = replace(TINY_INTER, step_rows=step_rows)
    for length, opened in product(range(1, MAX_MOTION_GOP_LENGTH + 1), (False, True)):
        for picture in hierarchical_order(length, opened):
            row = step_row(config, picture)
            if picture.depth == 0 or step_rows == 1:
                assert row == 0
                continue
            distance = max(abs(picture.index - reference) for reference in picture.references)
            assert row == max(1, step_rows - 1 - floor(log2(distance)))
            assert row < step_rows
