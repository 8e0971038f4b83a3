"""The window's integers by hand, and against a literal implementation that takes one sample at a time."""

import numpy as np
import pytest

from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.layers import PICTURE_CHANNELS
from nvcodec.synthesis.window import (
    fine_planes,
    fine_window,
    halve,
    mean_planes,
    packed_levels,
    window_inputs,
    with_residual,
)
from tests.streams import noisy_frames, video_format

FORMATS = [("420", 8, 37, 18), ("400", 12, 16, 35), ("422", 10, 33, 17), ("444", 8, 21, 24), ("420", 10, 1, 1)]


@pytest.mark.parametrize(
    ("plane", "expected"),
    [
        ([[1, 2], [3, 4]], [[3]]),  # 10 / 4 rounded half up
        ([[0, 0], [0, 1]], [[0]]),
        ([[0, 0], [1, 1]], [[1]]),
        ([[5, 6, 9]], [[6, 9]]),  # the edge stands for what is missing
        ([[5], [6], [9]], [[6], [9]]),
        ([[4095, 4095], [4095, 4095]], [[4095]]),
        ([[7]], [[7]]),
    ],
)
def test_halving_by_hand(plane: list, expected: list) -> None:
    assert halve(np.array(plane, np.int16)).tolist() == expected


def test_packing_by_hand() -> None:
    """Samples of 8 bits come in 1/4096 of the range around mid-grey, the four luma phases first."""
    planes = [np.array([[0, 255], [128, 1]], np.uint8), np.array([[127]], np.uint8), np.array([[200]], np.uint8)]
    levels = packed_levels(fine_planes(planes, 8), "420", 0)
    assert sorted(levels) == [0, 1, 2, 3]
    assert levels[0].ravel().tolist() == [-2048, 2032, 0, -2032, -16, 1152]
    # (0 + 4080 + 2048 + 16 + 2) >> 2 = 1536; a picture of one sample repeats it in every phase
    assert levels[1].ravel().tolist() == [-512] * 4 + [-16, 1152]


def literal_levels(planes: list[np.ndarray], bit_depth: int, chroma_format: str, finest: int) -> dict[int, list]:
    """{level: channels of rows of integers}, from Python integers."""
    fine = [[[int(x) << (12 - bit_depth) for x in row] for row in plane] for plane in planes]
    phased = {"400": 1, "420": 1, "422": 3, "444": 3}[chroma_format]
    found = {}
    for level in range(finest, 4):
        if level > finest:
            fine = [literal_halved(plane) for plane in fine]
        height, width = -(-len(fine[0]) // 2), -(-len(fine[0][0]) // 2)
        channels = []
        for number, plane in enumerate(fine):
            across = 1 if chroma_format in ("422", "420") and number else 2
            down = 1 if chroma_format == "420" and number else 2
            assert number == 0 or phased == 3 or down == 1
            for i in range(down):
                for j in range(across):
                    channels.append(
                        [
                            [
                                plane[min(down * y + i, len(plane) - 1)][min(across * x + j, len(plane[0]) - 1)] - 2048
                                for x in range(width)
                            ]
                            for y in range(height)
                        ]
                    )
        found[level] = channels
    return found


def literal_halved(plane: list[list[int]]) -> list[list[int]]:
    rows, columns = len(plane), len(plane[0])
    return [
        [
            (sum(plane[min(y + i, rows - 1)][min(x + j, columns - 1)] for i in (0, 1) for j in (0, 1)) + 2) // 4
            for x in range(0, columns, 2)
        ]
        for y in range(0, rows, 2)
    ]


@pytest.mark.parametrize("finest", range(4))
@pytest.mark.parametrize(("chroma_format", "bit_depth", "width", "height"), FORMATS)
def test_windows_equal_the_literal_ones(
    chroma_format: str, bit_depth: int, width: int, height: int, finest: int
) -> None:
    full = video_format(chroma_format, bit_depth, width, height)
    pictures = [list(frame.planes) for frame in noisy_frames(full.scaled(finest), 2)]
    first, second = (literal_levels(planes, bit_depth, chroma_format, finest) for planes in pictures)
    window = window_inputs(pictures, bit_depth, chroma_format, finest)
    assert sorted(window) == list(range(finest, 4))
    count = PICTURE_CHANNELS[chroma_format]
    for level, seen in window.items():
        assert seen.dtype == np.float32
        assert seen.shape == (1, 2 * count, *arithmetic.level_size(height, width, level))
        assert np.array_equal(seen[0, :count], first[level])
        assert np.array_equal(seen[0, count:], np.subtract(second[level], first[level]))


def test_a_single_reference_stands_for_both() -> None:
    (frame,) = noisy_frames(video_format("422", 10, 18, 11), 1)
    window = window_inputs([frame.planes], 10, "422", 0)
    twice = window_inputs([frame.planes] * 2, 10, "422", 0)
    for level, seen in window.items():
        assert np.array_equal(seen, twice[level])
        assert not seen[0, 8:].any()
        assert seen[0, :8].any()


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_the_ends_of_the_range(bit_depth: int) -> None:
    top = (1 << bit_depth) - 1
    low, high = (np.full((6, 5), value, np.uint16 if bit_depth > 8 else np.uint8) for value in (0, top))
    for level, seen in window_inputs([[low], [high]], bit_depth, "400", 0).items():
        assert np.array_equal(np.unique(seen[0, :4]), [-2048]), level
        assert np.array_equal(np.unique(seen[0, 4:]), [top << (12 - bit_depth)]), level


# Of the hybrid profile


def test_means_by_hand() -> None:
    """p_0 - 2048 + ((p_1 - p_0 + 1) >> 1): halves go up, whichever of the two is the larger."""
    first, second = np.array([[0, 4095, 10, 11, 7]], np.int16), np.array([[4095, 0, 11, 10, 7]], np.int16)
    assert mean_planes([[first], [second]])[0].tolist() == [[0, 0, -2037, -2037, -2041]]
    assert mean_planes([[first]])[0].tolist() == [[-2048, 2047, -2038, -2037, -2041]]


def test_residuals_are_added_and_clamped() -> None:
    plane, residual = np.array([[0, 4000, 2000, 5]], np.int16), np.array([[-1, 96, 40_000, -5]], np.int32)
    found = with_residual([plane, plane], [residual, None])
    assert found[0].tolist() == [[0, 4095, 4095, 0]]
    assert found[1].tolist() == plane.tolist()
    assert [each.dtype for each in found] == [np.int16] * 2
    assert with_residual([plane], [-residual])[0].tolist() == [[1, 3904, 0, 10]]


@pytest.mark.parametrize(("chroma_format", "bit_depth", "width", "height"), FORMATS)
def test_the_mean_is_what_blending_without_masks_yields(
    chroma_format: str, bit_depth: int, width: int, height: int
) -> None:
    """Section 6.9 with o = 0 and R = 0: K + ((128 * D + 128) >> 8)."""
    frames = noisy_frames(video_format(chroma_format, bit_depth, width, height), 2)
    window = [fine_planes(frame.planes, bit_depth) for frame in frames]
    channels = PICTURE_CHANNELS[chroma_format]
    blended = fine_window(window, chroma_format, 0)[0][0]
    expected = blended[:channels] + ((128 * blended[channels:].astype(int) + 128) >> 8)
    packed = packed_levels([plane + 2048 for plane in mean_planes(window)], chroma_format, 0)[0]
    assert np.array_equal(packed, expected)
