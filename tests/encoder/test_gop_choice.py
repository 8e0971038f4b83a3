"""Lengths of open GoPs by content."""

import cv2
import numpy as np
import pytest

from nvcodec.encoder import encode as encode_module
from nvcodec.encoder.encode import ProgressEvent
from nvcodec.encoder.gop_choice import SHORTEST, GopChoice, whole_lengths
from nvcodec.encoder.motion_fit import rate_divisor
from nvcodec.encoder.plan import plan_motion_gops
from nvcodec.encoder.run import Gop
from nvcodec.encoder.source import SourceStore
from nvcodec.synthesis.arrays import Array
from nvcodec.video.frame import Frame
from tests.streams import encode_bytes, motion_settings, video_format

SIZE = (64, 48)
LAM = 0.0004
LONGEST = 16


def noise(seed: int, grain: float = 0.0, size: tuple[int, int] = SIZE) -> Array:
    """(rows, columns), 0..255; grain: standard deviation of the blur, in samples."""
    values = np.random.default_rng(seed).normal(0, 1, size[::-1])
    values = cv2.GaussianBlur(values, (0, 0), grain) if grain else values
    return 127 + 60 * values / values.std()


def store_of(pictures: list[Array], bit_depth: int = 8) -> SourceStore:
    rows, columns = pictures[0].shape
    video = video_format("400", bit_depth, columns, rows)
    store = SourceStore(video)
    for pts, picture in enumerate(pictures):
        samples = np.clip(picture, 0, 255) / 255 * ((1 << bit_depth) - 1)
        store.append(Frame((samples.round().astype(video.dtype),), pts, video))
    return store


def pan(count: int, step: int = 4) -> list[Array]:
    """A camera that passes over a still scene; in 16 pictures all that it saw has left."""
    scene = noise(0, 2.0, (SIZE[0] + step * count, SIZE[1]))
    return [scene[:, step * number :][:, : SIZE[0]] for number in range(count)]


def choice(pictures: list[Array], longest: int = LONGEST, lam: float = LAM, bit_depth: int = 8) -> GopChoice:
    return GopChoice(store_of(pictures, bit_depth), lam, longest, rate_divisor)


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize(("longest", "lengths"), [(4, [4] * 8), (16, [16] * 2), (32, [32])])
def test_a_still_picture_wants_the_longest(longest: int, lengths: list[int], bit_depth: int) -> None:
    assert choice([noise(0, 2.0)] * 33, longest, bit_depth=bit_depth).lengths(1, 33) == lengths


def test_a_fast_camera_wants_the_shortest() -> None:
    assert choice(pan(33)).lengths(1, 33) == [SHORTEST] * 8


def test_lengths_follow_the_content_within_a_stretch() -> None:
    quick = pan(17)
    still = [quick[-1]] * 16
    assert choice(quick + still).lengths(1, 33) == [SHORTEST] * 4 + [16]
    assert choice((quick + still)[::-1]).lengths(1, 33) == [16] + [SHORTEST] * 4


def test_what_nothing_predicts_takes_no_more_anchors_than_it_must() -> None:
    """Noise is unlike all other noise, however near: another anchor would save nothing."""
    assert choice([noise(seed) for seed in range(17)]).lengths(1, 17) == [16]


def test_bits_by_hand() -> None:
    """A flat picture one sixteenth of the range brighter: no motion mends that."""
    flat = [np.full(SIZE[::-1], level) for level in (128, 144, 144)]
    found = choice(flat, lam=0.001)
    samples, distortion = SIZE[0] * SIZE[1], 0.001 / (2 * np.log(2))
    anchor = samples / 2 * np.log2(1 + (1 / 16) ** 2 / (distortion / rate_divisor(0, 0)))
    overhead = found.bits(2, 1)  # no change at all
    assert 0 < overhead < 1000
    assert found.bits(1, 1) - overhead == pytest.approx(anchor, rel=0.01)


def test_a_distance_that_costs_nothing_makes_no_difference() -> None:
    """Errors far below the distortion that lambda asks for are no reason for more anchors."""
    pictures = [picture * 0.03 + 100 for picture in pan(17)]
    assert choice(pictures, lam=0.01).lengths(1, 17) == [16]


@pytest.mark.parametrize("longest", [1, 2, 4, 16, 32])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 7, 8, 13, 17, 33, 40])
def test_lengths_tile_the_stretch(count: int, longest: int) -> None:
    lengths = choice([picture[:16, :16] for picture in pan(43)], longest).lengths(3, 3 + count)
    assert sum(lengths) == count
    assert all(0 < length <= longest for length in lengths)
    assert {length.bit_count() for length in lengths[:-1]} <= {1}, "powers of two, besides the last"
    assert all(length >= min(SHORTEST, longest) for length in lengths[:-1])


def test_whole_lengths_by_hand() -> None:
    assert whole_lengths(0, 16) == []
    assert whole_lengths(3, 16) == [3]
    assert whole_lengths(32, 16) == [16, 16]
    assert whole_lengths(39, 16) == [16, 16, 7]
    assert whole_lengths(35, 16) == [16, 16, 3]


def test_the_choice_is_the_same_whatever_was_asked_before_and_however_many_threads() -> None:
    pictures = pan(24) + [noise(0, 2.0)] * 16 + pan(20, 1)
    fresh = choice(pictures).lengths(20, 60)
    used = choice(pictures)
    used.lengths(1, 60)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(4)
        assert used.lengths(20, 60) == fresh
    finally:
        cv2.setNumThreads(threads)


def test_progress_is_told() -> None:
    told: list[int] = []
    GopChoice(store_of(pan(40)), LAM, LONGEST, rate_divisor, told.append).lengths(1, 40)
    assert told == [17, 33, 40]


@pytest.mark.parametrize(("given", "lengths"), [({"gop_length": 16}, [1, 16]), ({"gop_length": None}, [1, 4, 4, 4, 4])])
def test_an_encode_chooses_unless_it_is_told(given: dict, lengths: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to where the motion would be searched."""
    planned: list[list[Gop]] = []
    told: list[ProgressEvent] = []

    def stop(_: object, __: int, gops: list[Gop], *___: object) -> None:
        planned.append(gops)
        raise InterruptedError

    monkeypatch.setattr(encode_module.Encode, "_search_motion", lambda self, first, gops, lam: stop(self, first, gops))
    source = store_of(pan(17))
    frames = [Frame(tuple(source.planes(pts)), pts, source.format) for pts in range(17)]
    with pytest.raises(InterruptedError):
        encode_bytes(frames, motion_settings(lam=LAM, **given), progress=told.append)
    assert [gop.length for gop in planned[0]] == lengths
    analysed = [event.done for event in told if event.phase == "analyse"]
    assert analysed == sorted(analysed)
    assert analysed[-1] == 17


def test_gops_of_chosen_lengths() -> None:
    asked: list[tuple[int, int]] = []

    def lengths(begin: int, finish: int) -> list[int]:
        asked.append((begin, finish))
        return [4] * ((finish - begin) // 4) + [(finish - begin) % 4] * (1 if (finish - begin) % 4 else 0)

    assert plan_motion_gops(20, 34, [29], 16, 250, lengths) == [
        Gop(0, 1), Gop(1, 4, open=True), Gop(5, 4, open=True), Gop(9, 1), Gop(10, 4, open=True),
    ]  # fmt: skip
    assert asked == [(21, 29), (30, 34)], "pictures of the source"
    assert plan_motion_gops(0, 1, [], 16, 250, lengths) == [Gop(0, 1)]


def test_no_more_open_gops_than_the_format_allows() -> None:
    gops = plan_motion_gops(0, 1 + 4096, [], 16, 1_000_000, lambda begin, finish: [1] * (finish - begin))
    assert [gop.length for gop in gops] == [1] + [16] * 256
