"""Planes to channels and back, network output to samples, and the bilinear kernel of packed pictures."""

import numpy as np
import pytest

from nvcodec.synthesis.numpy_backend import NumpyOperations
from nvcodec.synthesis.packing import bilinear_kernel, pack, plane_phases, to_samples, unpack
from tests.streams import noisy_frames, video_format

FORMATS = ("400", "420", "422", "444")
SIZES = ((1, 1), (1, 4), (2, 2), (5, 3), (6, 8), (7, 10), (8, 9))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("chroma_format", FORMATS)
@pytest.mark.parametrize("bit_depth", [8, 12])
def test_round_trip(chroma_format: str, bit_depth: int, size: tuple[int, int]) -> None:
    height, width = size
    video = video_format(chroma_format, bit_depth, width, height)
    planes = list(noisy_frames(video, 1)[0].planes)
    packed = pack(planes, chroma_format)
    phases = sum(rows * columns for rows, columns in plane_phases(chroma_format))
    assert packed.shape == (phases, -(-height // 2), -(-width // 2))
    assert packed.dtype == planes[0].dtype
    for plane, back in zip(planes, unpack(packed, chroma_format, list(video.plane_shapes)), strict=True):
        assert back.dtype == plane.dtype
        assert np.array_equal(back, plane)


def test_order_of_phases() -> None:
    luma = np.arange(16).reshape(4, 4)
    assert pack([luma], "400")[:, 0, 0].tolist() == [0, 1, 4, 5]
    assert pack([luma], "400")[:, 1, 1].tolist() == [10, 11, 14, 15]
    chroma = 100 + np.arange(8).reshape(4, 2)
    assert pack([luma, chroma, chroma + 100], "422")[4:, 0, 1].tolist() == [101, 103, 201, 203]


def test_odd_sizes_repeat_the_last_row_and_column() -> None:
    packed = pack([np.arange(9).reshape(3, 3)], "400")
    assert packed[:, 1, 1].tolist() == [8, 8, 8, 8]
    assert packed[:, 0, 1].tolist() == [2, 2, 5, 5]
    assert packed[:, 1, 0].tolist() == [6, 7, 6, 7]


@pytest.mark.parametrize(
    ("bit_depth", "value", "sample"),
    [
        (8, 0, 128), (8, 7, 128), (8, 8, 129), (8, -8, 128), (8, -9, 127), (8, 4095, 255), (8, -4095, 0),
        (10, 1, 512), (10, 2, 513), (10, -2, 512), (10, -3, 511), (10, 4095, 1023), (12, 5, 2053), (12, -2048, 0),
        (12, -2049, 0), (12, 2047, 4095), (12, 2048, 4095),
    ],
)  # fmt: skip
def test_samples_by_hand(bit_depth: int, value: int, sample: int) -> None:
    assert int(to_samples(np.array([value], np.float32), bit_depth)[0]) == sample


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_equal_the_integer_rule(bit_depth: int, dtype: type) -> None:
    values = range(-4095, 4096)
    shift, top = 12 - bit_depth, (1 << bit_depth) - 1
    expected = [min(top, max(0, ((x + (1 << shift >> 1)) >> shift) + (1 << (bit_depth - 1)))) for x in values]
    samples = to_samples(np.array(values, dtype), bit_depth)
    assert samples.dtype == (np.uint8 if bit_depth == 8 else np.uint16)
    assert samples.tolist() == expected


@pytest.mark.parametrize("chroma_format", FORMATS)
def test_kernel_sums_to_16(chroma_format: str) -> None:
    kernel = bilinear_kernel(chroma_format)
    phases = kernel.shape[1]
    assert kernel.shape == (4 * phases, phases, 3, 3)
    assert (kernel.sum((1, 2, 3)) == 16).all()
    assert sorted(kernel[0][kernel[0] > 0].tolist()) == [1, 3, 3, 9]


# The table of bitstream_spec.md, section 6.5: (out channel, i, j): {(channel, row offset, column offset): weight}.
SPECIFIED_420 = {
    (0, 0, 0): {(0, 0, 0): 9, (1, 0, -1): 3, (2, -1, 0): 3, (3, -1, -1): 1},
    (0, 0, 1): {(0, 0, 0): 3, (1, 0, 0): 9, (2, -1, 0): 1, (3, -1, 0): 3},
    (0, 1, 0): {(0, 0, 0): 3, (1, 0, -1): 1, (2, 0, 0): 9, (3, 0, -1): 3},
    (0, 1, 1): {(0, 0, 0): 1, (1, 0, 0): 3, (2, 0, 0): 3, (3, 0, 0): 9},
    (3, 0, 0): {(0, 0, 0): 9, (1, 0, 0): 3, (2, 0, 0): 3, (3, 0, 0): 1},
    (3, 1, 1): {(0, 1, 1): 1, (1, 1, 0): 3, (2, 0, 1): 3, (3, 0, 0): 9},
    (4, 0, 0): {(4, 0, 0): 9, (4, 0, -1): 3, (4, -1, 0): 3, (4, -1, -1): 1},
    (4, 1, 1): {(4, 0, 0): 9, (4, 0, 1): 3, (4, 1, 0): 3, (4, 1, 1): 1},
}


@pytest.mark.parametrize(("output", "taps"), SPECIFIED_420.items(), ids=str)
def test_kernel_as_specified(output: tuple[int, int, int], taps: dict[tuple[int, int, int], int]) -> None:
    channel, i, j = output
    weights = bilinear_kernel("420")[4 * channel + 2 * i + j]
    found = {(int(c), int(y) - 1, int(x) - 1): int(weights[c, y, x]) for c, y, x in np.argwhere(weights)}
    assert found == taps


def plain_bilinear(plane: np.ndarray) -> np.ndarray:
    """Upsampling by 2 in each direction, samples at the centres of their squares, over 16; edge rows repeated."""
    for axis in (0, 1):
        near = np.repeat(plane, 2, axis)
        before = np.repeat(
            np.concatenate([plane.take([0], axis), plane.take(range(plane.shape[axis] - 1), axis)], axis), 2, axis
        )
        after = np.repeat(
            np.concatenate([plane.take(range(1, plane.shape[axis]), axis), plane.take([-1], axis)], axis), 2, axis
        )
        even = np.arange(near.shape[axis]) % 2 == 0
        other = np.where(even[:, None] if axis == 0 else even[None], before, after)
        plane = 3 * near + other
    return plane


@pytest.mark.parametrize("chroma_format", FORMATS)
def test_inside_it_is_plain_bilinear_upsampling(chroma_format: str) -> None:
    height, width = 24, 20
    coarse, fine = (
        video_format(chroma_format, 12, width // 2, height // 2),
        video_format(chroma_format, 12, width, height),
    )
    planes = [plane.astype(np.int64) for plane in noisy_frames(coarse, 1)[0].planes]
    ops = NumpyOperations({}, height, width, chroma_format)
    packed = pack(planes, chroma_format)[None].astype(np.float64)
    result = unpack(ops.upsample_picture(packed, 0)[0], chroma_format, list(fine.plane_shapes))
    for plane, found in zip(planes, result, strict=True):
        expected = (plain_bilinear(plane) + 8) >> 4
        assert found.shape == expected.shape
        assert np.array_equal(found[2:-2, 2:-2], expected[2:-2, 2:-2])


def test_edges_repeat_the_packed_picture() -> None:
    """A luma plane's row -1 is its row 1: phase 1 of packed row -1 is phase 1 of packed row 0."""
    plane = np.arange(16, dtype=np.int64).reshape(4, 4) * 16
    ops = NumpyOperations({}, 8, 8, "400")
    result = ops.upsample_picture(pack([plane], "400")[None].astype(np.float64), 0)
    (found,) = unpack(result[0], "400", [(8, 8)])
    extended = plane[np.ix_([1, 0, 1, 2, 3, 2], [1, 0, 1, 2, 3, 2])]
    assert np.array_equal(found, ((plain_bilinear(extended) + 8) >> 4)[2:-2, 2:-2])


@pytest.mark.parametrize("chroma_format", FORMATS)
@pytest.mark.parametrize("value", [-4095, -1, 0, 7, 4095])
def test_flat_stays_flat(chroma_format: str, value: int) -> None:
    ops = NumpyOperations({}, 7, 5, chroma_format)
    phases = bilinear_kernel(chroma_format).shape[1]
    result = ops.upsample_picture(np.full((1, phases, 2, 2), float(value)), 0)
    assert result.shape == (1, phases, 4, 3)
    assert (result == value).all()
