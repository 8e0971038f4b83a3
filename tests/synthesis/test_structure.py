"""Which grids there are and who asks for them, as properties over all lengths, strides and windows."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from nvcodec.bitstream import ModelConfig
from nvcodec.synthesis.structure import (
    CodedPicture,
    coarser_grid,
    coding_order,
    grid_count,
    grid_picture,
    hierarchical_order,
    interpolation,
    last_grid,
    needed_pictures,
)
from tests.streams import TINY, with_level

lengths = st.integers(1, 80)
strides = st.integers(0, 3)


@st.composite
def configs(draw: st.DrawFn) -> ModelConfig:
    """Strides and windows of levels 1 (finer) and 2 (coarser) at will."""
    model = replace(TINY, window_length=draw(st.integers(1, 8)))
    for level in (1, 2):
        model = with_level(model, level, temporal_stride_log2=draw(strides), window_flag=draw(st.booleans()))
    return model


@pytest.mark.parametrize(
    ("gop_length", "stride_log2", "count"),
    [(1, 0, 1), (1, 3, 1), (2, 0, 2), (2, 3, 2), (5, 2, 2), (6, 2, 3), (9, 2, 3), (33, 3, 5), (34, 3, 6)],
)
def test_grid_count_by_hand(gop_length: int, stride_log2: int, count: int) -> None:
    assert grid_count(gop_length, stride_log2) == count


@pytest.mark.parametrize(
    ("picture", "stride_log2", "parts"),
    [
        (0, 0, [(0, 8)]), (5, 0, [(5, 8)]), (0, 3, [(0, 8)]), (3, 1, [(1, 4), (2, 4)]), (4, 1, [(2, 8)]),
        (5, 2, [(1, 6), (2, 2)]), (7, 2, [(1, 2), (2, 6)]), (9, 3, [(1, 7), (2, 1)]), (15, 3, [(1, 1), (2, 7)]),
    ],
)  # fmt: skip
def test_interpolation_by_hand(picture: int, stride_log2: int, parts: list[tuple[int, int]]) -> None:
    assert interpolation(picture, stride_log2) == parts


@given(lengths, strides)
def test_every_grid_asked_for_exists_and_none_is_idle(gop_length: int, stride_log2: int) -> None:
    count = grid_count(gop_length, stride_log2)
    asked = set()
    for picture in range(gop_length):
        parts = interpolation(picture, stride_log2)
        assert sum(weight for _, weight in parts) == 8
        assert all(weight > 0 for _, weight in parts)
        asked |= {grid for grid, _ in parts}
    assert asked == set(range(count))


@given(lengths, strides)
def test_grids_stand_at_pictures_of_the_gop(gop_length: int, stride_log2: int) -> None:
    stands = [grid_picture(grid, gop_length, stride_log2) for grid in range(grid_count(gop_length, stride_log2))]
    assert stands[0] == 0
    assert stands[-1] == gop_length - 1
    assert stands == sorted(set(stands))
    for grid, picture in enumerate(stands[:-1]):
        assert interpolation(picture, stride_log2) == [(grid, 8)]


@given(configs(), lengths)
def test_last_grid_is_the_last_one_under_the_window(config: ModelConfig, gop_length: int) -> None:
    for level in (1, 2):
        own = config.levels[level]
        reach = config.window_length if own.window_flag else 1
        previous = 0
        for picture in range(gop_length):
            window = range(picture, min(picture + reach, gop_length))
            asked = {grid for p in window for grid, _ in interpolation(p, own.temporal_stride_log2)}
            last = last_grid(config, level, picture, gop_length)
            assert last == max(asked)
            assert last < grid_count(gop_length, own.temporal_stride_log2)
            assert last >= previous, "decoding never goes back"
            previous = last


@given(configs(), lengths)
@settings(max_examples=200)
def test_the_coarser_grid_exists_and_stands_no_later(config: ModelConfig, gop_length: int) -> None:
    fine, coarse = (config.levels[level].temporal_stride_log2 for level in (1, 2))
    previous = 0
    for grid in range(grid_count(gop_length, fine)):
        below = coarser_grid(config, 1, grid, gop_length)
        assert previous <= below < grid_count(gop_length, coarse)
        assert grid_picture(below, gop_length, coarse) <= grid_picture(grid, gop_length, fine)
        previous = below


def test_coarser_grid_by_hand() -> None:
    config = with_level(with_level(TINY, 1, temporal_stride_log2=0), 2, temporal_stride_log2=2)
    assert [coarser_grid(config, 1, grid, 7) for grid in range(7)] == [0, 0, 0, 0, 1, 1, 1]
    config = with_level(with_level(TINY, 1, temporal_stride_log2=2), 2, temporal_stride_log2=0)
    assert [coarser_grid(config, 1, grid, 7) for grid in range(3)] == [0, 4, 6]


@given(lengths)
def test_coding_order_holds_every_picture_after_its_references(gop_length: int) -> None:
    order = coding_order(gop_length)
    assert sorted(coded.index for coded in order) == list(range(gop_length))
    done: set[int] = set()
    for coded in order:
        assert set(coded.references) <= done
        done.add(coded.index)


OPEN_8 = [
    (7, (-1,), 0),
    (3, (-1, 7), 1),
    (1, (-1, 3), 2), (5, (3, 7), 2),
    (0, (-1, 1), 3), (2, (1, 3), 3), (4, (3, 5), 3), (6, (5, 7), 3),
]  # fmt: skip
CLOSED_5 = [(0, (), 0), (4, (0,), 0), (2, (0, 4), 1), (1, (0, 2), 2), (3, (2, 4), 2)]


@pytest.mark.parametrize(
    ("gop_length", "open_gop", "expected"),
    [
        (1, False, [(0, (), 0)]),
        (2, False, [(0, (), 0), (1, (0,), 0)]),
        (5, False, CLOSED_5),
        (
            8,
            False,
            [
                (0, (), 0),
                (7, (0,), 0),
                (3, (0, 7), 1),
                (1, (0, 3), 2), (5, (3, 7), 2),
                (2, (1, 3), 3), (4, (3, 5), 3), (6, (5, 7), 3),
            ],
        ),
        (1, True, [(0, (-1,), 0)]),
        (2, True, [(1, (-1,), 0), (0, (-1, 1), 1)]),
        (5, True, [(4, (-1,), 0), (1, (-1, 4), 1), (0, (-1, 1), 2), (2, (1, 4), 2), (3, (2, 4), 3)]),
        (8, True, OPEN_8),
    ],
)  # fmt: skip
def test_hierarchical_order_by_hand(gop_length: int, open_gop: bool, expected: list) -> None:
    assert hierarchical_order(gop_length, open_gop) == [CodedPicture(*picture) for picture in expected]


@given(lengths, st.booleans())
def test_a_hierarchy_holds_every_picture_once_and_after_its_references(gop_length: int, open_gop: bool) -> None:
    order = hierarchical_order(gop_length, open_gop)
    assert sorted(coded.index for coded in order) == list(range(gop_length))
    depths = {-1: 0} if open_gop else {}
    for coded in order:
        assert set(coded.references) <= depths.keys()
        if coded.depth:
            earlier, later = coded.references
            assert earlier < coded.index < later
            assert coded.depth == 1 + max(depths[earlier], depths[later])
        depths[coded.index] = coded.depth
    anchors = [coded.index for coded in order if not coded.depth]
    assert anchors == ([gop_length - 1] if open_gop else sorted({0, gop_length - 1}))
    assert [coded.depth for coded in order] == sorted(coded.depth for coded in order)
    assert (1 << max(depths.values())) <= 2 * (gop_length + open_gop)


@pytest.mark.parametrize(
    ("gop_length", "open_gop", "wanted", "needed"),
    [
        (8, True, {2}, {-1, 1, 2, 3, 7}),
        (8, True, {6}, {-1, 3, 5, 6, 7}),
        (8, True, {7}, {-1, 7}),
        (8, True, {0, 4}, {-1, 0, 1, 3, 4, 5, 7}),
        (5, False, {3}, {0, 2, 3, 4}),
        (5, False, {0}, {0}),
        (1, False, {0}, {0}),
        (1, True, {0}, {-1, 0}),
        (5, False, set(), set()),
    ],
)
def test_needed_pictures_by_hand(gop_length: int, open_gop: bool, wanted: set[int], needed: set[int]) -> None:
    given_wanted = set(wanted)
    assert needed_pictures(hierarchical_order(gop_length, open_gop), wanted) == needed
    assert wanted == given_wanted, "left as it was"
