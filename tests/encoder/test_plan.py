"""Scene cuts, segments and GoPs."""

from itertools import groupby, pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nvcodec.bitstream import limits
from nvcodec.encoder.plan import luma_thumbnail, plan_gops, plan_motion_gops, plan_segments, scene_cuts
from nvcodec.encoder.run import Gop
from nvcodec.encoder.source import SourceStore
from nvcodec.video.frame import Frame
from tests.streams import video_format


def store_of(levels: list[float], bit_depth: int = 8, *, texture: float = 0.0, size: tuple = (40, 24)) -> SourceStore:
    """Flat grey pictures of the given levels (0..1), with a texture that shows the same in all."""
    video = video_format("400", bit_depth, *size)
    store, noise = SourceStore(video), np.random.default_rng(0).normal(0, texture, video.plane_shapes[0])
    for pts, level in enumerate(levels):
        samples = np.clip(level + noise, 0, 1) * ((1 << bit_depth) - 1)
        store.append(Frame((samples.round().astype(video.dtype),), pts, video))
    return store


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize(
    ("levels", "cuts"),
    [
        ([0.2] * 6 + [0.7] * 6, [6]),
        ([0.2] * 5 + [0.7] * 5 + [0.3] * 5, [5, 10]),
        ([0.5] * 12, []),
        # below the least difference of a cut
        ([0.50] * 6 + [0.54] * 6, []),
        # a fade, and unrest all through: the jumps are no larger than those around them
        ([0.1 * step for step in range(10)], []),
        ([0.2, 0.6] * 6, []),
        # one picture, two pictures
        ([0.3], []),
        ([0.1, 0.9], [1]),
    ],
)
def test_scene_cuts(levels: list[float], cuts: list[int], bit_depth: int) -> None:
    assert scene_cuts(store_of(levels, bit_depth, texture=0.02)) == cuts


@pytest.mark.parametrize("size", [(16, 16), (33, 95), (100, 64)])
def test_thumbnails_keep_the_mean(size: tuple[int, int]) -> None:
    thumbnail = luma_thumbnail(store_of([0.4], 10, size=size), 0)
    assert max(thumbnail.shape) <= 32
    assert thumbnail == pytest.approx(0.4, abs=0.002)


def test_gops_by_hand() -> None:
    assert plan_gops(0, 10, [], 10) == [Gop(0, 10)]
    assert plan_gops(0, 10, [], 4) == [Gop(0, 3), Gop(3, 4), Gop(7, 3)]
    assert plan_gops(20, 30, [5, 20, 24, 30], 33) == [Gop(0, 4), Gop(4, 6)]
    assert plan_gops(7, 8, [], 1) == [Gop(0, 1)]


@given(st.integers(0, 50), st.integers(1, 120), st.lists(st.integers(0, 170), max_size=5), st.integers(1, 40))
@settings(max_examples=150)
def test_gops_tile_and_cross_no_cut(first: int, count: int, cuts: list[int], gop_length: int) -> None:
    gops = plan_gops(first, first + count, sorted(set(cuts)), gop_length)
    borders = [gop.first for gop in gops] + [count]
    assert borders[0] == 0
    assert [gop.length for gop in gops] == [b - a for a, b in pairwise(borders)]
    assert all(1 <= gop.length <= gop_length for gop in gops)
    assert {cut - first for cut in cuts if first < cut < first + count} <= set(borders)
    scene = [0, *sorted({cut - first for cut in cuts if first < cut < first + count}), count]
    for start, stop in pairwise(scene):
        lengths = [gop.length for gop in gops if start <= gop.first < stop]
        assert max(lengths) - min(lengths) <= 1
        assert len(lengths) == -(-(stop - start) // gop_length)


def test_motion_gops_by_hand() -> None:
    assert plan_motion_gops(0, 1, [], 16, 250) == [Gop(0, 1)]
    assert plan_motion_gops(0, 9, [], 4, 250) == [Gop(0, 1), Gop(1, 4, open=True), Gop(5, 4, open=True)]
    assert plan_motion_gops(0, 9, [], 16, 250) == [Gop(0, 1), Gop(1, 8, open=True)]
    # in even pieces of at most keyint pictures
    assert plan_motion_gops(0, 9, [], 16, 4) == [
        Gop(0, 1), Gop(1, 2, open=True), Gop(3, 1), Gop(4, 2, open=True), Gop(6, 1), Gop(7, 2, open=True),
    ]  # fmt: skip
    assert plan_motion_gops(20, 27, [5, 20, 24, 27], 16, 250) == [
        Gop(0, 1), Gop(1, 3, open=True), Gop(4, 1), Gop(5, 2, open=True),
    ]  # fmt: skip
    assert plan_motion_gops(0, 3, [1, 2], 16, 250) == [Gop(0, 1), Gop(1, 1), Gop(2, 1)]
    assert plan_motion_gops(0, 3, [], 16, 1) == [Gop(0, 1), Gop(1, 1), Gop(2, 1)]


@given(
    st.integers(0, 50), st.integers(1, 120), st.lists(st.integers(0, 170), max_size=5), st.integers(1, 64),
    st.integers(1, 60),
)  # fmt: skip
@settings(max_examples=150)
def test_motion_gops_tile_begin_at_cuts_and_hold_keyint(
    first: int, count: int, cuts: list[int], gop_length: int, keyint: int
) -> None:
    gops = plan_motion_gops(first, first + count, sorted(set(cuts)), gop_length, keyint)
    borders = [gop.first for gop in gops] + [count]
    assert borders[0] == 0
    assert [gop.length for gop in gops] == [b - a for a, b in pairwise(borders)]
    assert all(1 <= gop.length <= gop_length for gop in gops)
    closed = [gop.first for gop in gops if not gop.open]
    assert closed[0] == 0
    assert all(b - a <= keyint for a, b in pairwise([*closed, count]))
    assert {cut - first for cut in cuts if first < cut < first + count} <= set(closed)
    # an anchor without references comes out by itself, at once
    assert all(gop.length == 1 for gop in gops if not gop.open)


def test_segments_by_hand() -> None:
    assert plan_segments(100, [], 100) == [(0, 100)]
    assert plan_segments(100, [], 50) == [(0, 50), (50, 100)]
    assert plan_segments(100, [], 60) == [(0, 50), (50, 100)]
    assert plan_segments(100, [45], 60) == [(0, 45), (45, 100)]
    assert plan_segments(100, [10], 60) == [(0, 50), (50, 100)]
    assert plan_segments(1, [], 512) == [(0, 1)]
    # at the cut, the rest would not fit into one segment
    assert plan_segments(9, [3], 5) == [(0, 4), (4, 9)]


@given(st.integers(1, 400), st.lists(st.integers(1, 399), max_size=8), st.integers(1, 120))
@settings(max_examples=200)
def test_segments_tile_and_keep_their_longest(count: int, cuts: list[int], longest: int) -> None:
    segments = plan_segments(count, sorted(set(cuts)), longest)
    assert segments[0][0] == 0
    assert segments[-1][1] == count
    assert all(a[1] == b[0] for a, b in pairwise(segments))
    assert all(1 <= end - first <= longest for first, end in segments)
    assert len(segments) == -(-count // longest), "each costs a network"


def test_a_large_keyint_makes_no_longer_chain_than_the_format_allows() -> None:
    gops = plan_motion_gops(0, 3 * limits.MAX_OPEN_GOPS, [], 1, 1_000_000)
    runs = [len(list(run)) for is_open, run in groupby(gop.open for gop in gops) if is_open]
    assert len(runs) == 3
    assert max(runs) <= limits.MAX_OPEN_GOPS
