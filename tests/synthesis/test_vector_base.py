"""Bases of vector fields by hand: scaled by distances in time, mirrored, resampled, global."""

import numpy as np
import pytest

from nvcodec.bitstream import VectorBase
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.vector_base import PictureMotion, anchor_before, base_field, derived_base

SIZE = (16, 24)
SHAPE = (2, 3, 2)
"""Of a field over SIZE with blocks of 8."""


def field(rows: int, columns: int) -> np.ndarray:
    return np.tile(np.array([rows, columns], np.int32), (2, 3, 1))


def motion(picture: CodedPicture, *fields: np.ndarray, block_log2: int = 3) -> PictureMotion:
    return PictureMotion(picture, block_log2, list(fields))


def base(
    picture: CodedPicture, reference: int, known: list[PictureMotion], own: list[np.ndarray], block_log2: int = 3
) -> np.ndarray:
    return derived_base(picture, reference, {one.picture.index: one for one in known}, own, block_log2, SIZE)


ANCHOR = CodedPicture(7, (-1,))


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (CodedPicture(3, (-1, 7), 1), [40, -20]),  # 4 of 8 pictures
        (CodedPicture(0, (-1, 7), 1), [10, -5]),
        (CodedPicture(5, (-1, 7), 1), [60, -30]),
    ],
)
def test_between_two_references_the_laters_motion_is_shared_out(picture: CodedPicture, expected: list[int]) -> None:
    found = base(picture, 0, [motion(ANCHOR, field(80, -40))], [])
    assert found.dtype == np.int32
    assert np.array_equal(found, field(*expected))


def test_the_earlier_one_may_be_the_one_that_refers() -> None:
    """Picture 2 of the hierarchy lies between 1 and 3, and 1 refers to 3: its second field, turned round."""
    one = motion(CodedPicture(1, (-1, 3), 2), field(500, 500), field(-8, 12))
    three = motion(CodedPicture(3, (-1, 7), 1), field(300, 300), field(200, 200))
    found = base(CodedPicture(2, (1, 3), 3), 0, [one, three], [])
    assert np.array_equal(found, field(4, -6))


def test_the_laters_field_counts_first() -> None:
    five = motion(CodedPicture(5, (3, 7), 2), field(8, 16), field(-500, -500))
    three = motion(CodedPicture(3, (-1, 7), 1), field(300, 300), field(200, 200))
    found = base(CodedPicture(4, (3, 5), 3), 0, [three, five], [])
    assert np.array_equal(found, field(4, 8))


def test_halves_round_up() -> None:
    found = base(CodedPicture(3, (-1, 7), 1), 0, [motion(ANCHOR, field(5, -5))], [])
    assert np.array_equal(found, field(3, -2))


def test_an_anchor_goes_on_as_the_anchor_before() -> None:
    """From a GoP of 4 to one of 8: twice the distance, twice the motion, within the vectors' range."""
    before = anchor_before(motion(CodedPicture(3, (-1,)), field(-7, 600)), 4)
    assert before.picture == CodedPicture(-1, (-5,))
    assert np.array_equal(base(ANCHOR, 0, [before], []), field(-14, 1023))
    assert np.array_equal(base(CodedPicture(1, (-1,)), 0, [before], []), field(-3, 300))
    assert anchor_before(None, 4) is None


def test_an_anchor_of_a_closed_gop_has_nothing_before() -> None:
    assert not base(CodedPicture(4, (0,)), 0, [], []).any()
    first = motion(CodedPicture(0))
    assert not base(CodedPicture(4, (0,)), 0, [first], []).any()
    assert base(CodedPicture(4, (0,)), 0, [first], []).shape == SHAPE


def test_without_motion_between_the_references_the_base_is_zero() -> None:
    """In a closed GoP's successor: the anchor refers to picture -1, but nothing is known of another pair."""
    aside = motion(CodedPicture(3, (-1,)), field(9, 9))
    found = base(CodedPicture(5, (4, 7), 1), 0, [aside], [])
    assert found.shape == SHAPE
    assert not found.any()


@pytest.mark.parametrize(
    ("picture", "own", "expected"),
    [
        (CodedPicture(3, (-1, 7), 1), (40, -20), [-40, 20]),
        (CodedPicture(1, (0, 3), 1), (10, -10), [-20, 20]),
        (CodedPicture(2, (0, 3), 1), (10, -5), [-5, 3]),
        (CodedPicture(1, (0, 5), 1), (600, -600), [-1024, 1023]),
    ],
)
def test_the_second_field_mirrors_the_first(picture: CodedPicture, own: tuple[int, int], expected: list[int]) -> None:
    assert np.array_equal(base(picture, 1, [], [field(*own)]), field(*expected))


def test_another_block_size_is_resampled() -> None:
    coarse = np.array([[[16, 0], [0, 32]]], np.int32)  # blocks of 16
    found = base(CodedPicture(3, (-1, 7), 1), 0, [motion(ANCHOR, coarse, block_log2=4)], [], block_log2=3)
    assert np.array_equal(found, [[[8, 0], [8, 0], [0, 16]]] * 2)
    fine = np.arange(12, dtype=np.int32).reshape(2, 3, 2) * 2
    found = base(CodedPicture(3, (-1, 7), 1), 0, [motion(ANCHOR, fine, block_log2=3)], [], block_log2=6)
    assert found.shape == (1, 1, 2)
    assert found.tolist() == [[[10, 11]]]  # the node at (32, 32) lies beyond the last


def test_a_global_vector_is_the_same_everywhere() -> None:
    found = base_field(VectorBase(False, (-1024, 1023)), CodedPicture(3, (-1, 7), 1), 0, {}, [], 3, SIZE)
    assert found.dtype == np.int32
    assert np.array_equal(found, field(-1024, 1023))


def test_a_derived_base_is_asked_for_by_its_flag() -> None:
    picture, known = CodedPicture(3, (-1, 7), 1), {7: motion(ANCHOR, field(80, -40))}
    assert np.array_equal(base_field(VectorBase(), picture, 0, known, [], 3, SIZE), field(40, -20))


@pytest.mark.parametrize("open_gop", [False, True])
@pytest.mark.parametrize("gop_length", [2, 5, 8, 13, 64])
def test_even_motion_costs_nothing_below_the_anchor(gop_length: int, open_gop: bool) -> None:
    """A pan of 4 quarter samples a picture: once the anchor has it, every other field is its base."""
    known: dict[int, PictureMotion] = {}
    for picture in hierarchical_order(gop_length, open_gop):
        truth = [field(4 * (picture.index - reference), 0) for reference in picture.references]
        for k, expected in enumerate(truth):
            found = derived_base(picture, k, known, truth[:k], 3, SIZE)
            if picture.depth:
                assert np.array_equal(found, expected)
        known[picture.index] = motion(picture, *truth)


def test_towards() -> None:
    both = motion(CodedPicture(3, (-1, 7), 1), field(1, 1), field(2, 2))
    assert np.array_equal(both.towards(7), field(2, 2))
    assert np.array_equal(both.towards(-1), field(1, 1))
    assert both.towards(3) is None
