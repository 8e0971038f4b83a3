"""Intra blocks: the walk, the masks and what blocks are filled with, by plain readings of the specification."""

import numpy as np
import pytest

from nvcodec.bitstream.residual_headers import DEFAULT_INTRA, INTRA_CONTEXTS
from nvcodec.decoder.residual import _DecodedIntra
from nvcodec.encoder.intra import encode_intra
from nvcodec.entropy import LAPLACE_COUNT, SymbolDecoder, SymbolEncoder
from nvcodec.synthesis.intra import filled, plane_masks, walk_intra, with_intra
from nvcodec.synthesis.vectors import field_shape
from nvcodec.synthesis.window import fine_planes
from tests.streams import noisy_frames, video_format

SHAPES = [(1, 1), (1, 5), (5, 1), (2, 2), (3, 4), (7, 6)]
"""Blocks."""
PLANES = [(1, 1), (1, 2), (1, 7), (1, 8), (5, 1), (2, 2), (3, 4), (13, 9), (16, 16), (33, 18)]
"""Samples."""
CLIPS = [("420", 37, 21), ("420", 33, 1), ("400", 16, 35), ("422", 33, 17), ("444", 21, 24), ("444", 1, 1)]
"""Chroma format, width, height."""


def random_intra(shape: tuple[int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < (0.15, 0.5, 0.9)[seed % 3]


# Which blocks: section 7.11


def arrays_by_the_specification(intra: np.ndarray) -> list[list[tuple[int, int]]]:
    """Section 7.11 in plain Python: (context, symbol) of every array that has symbols."""
    rows, columns = intra.shape
    blocks = [(i, j) for i in range(rows) for j in range(columns)]
    diagonal, straight = ((-1, -1), (-1, 1), (1, -1), (1, 1)), ((-1, 0), (1, 0), (0, -1), (0, 1))
    passes = (
        ([b for b in blocks if not b[0] % 2 and not b[1] % 2], (), 0),
        ([b for b in blocks if b[0] % 2 and b[1] % 2], diagonal, 1),
        ([b for b in blocks if (b[0] + b[1]) % 2], straight, 6),
    )
    found = []
    for own, offsets, first in passes:
        found.append([])
        for i, j in own:
            near = [(i + di, j + dj) for di, dj in offsets]
            count = sum(bool(intra[n]) for n in near if 0 <= n[0] < rows and 0 <= n[1] < columns)
            found[-1].append((first + count, int(intra[i, j])))
    return [symbols for symbols in found if symbols]


class Recorder:
    """Answers from blocks as they are, and notes every array."""

    def __init__(self, intra: np.ndarray):
        self.intra, self.arrays = intra.ravel(), []

    def binary(self, contexts: np.ndarray, blocks: np.ndarray) -> np.ndarray:
        answers = self.intra[blocks].astype(np.int64)
        self.arrays.append(list(zip(contexts.tolist(), answers.tolist(), strict=True)))
        return answers


@pytest.mark.parametrize("shape", SHAPES)
def test_arrays_are_the_specifications(shape: tuple[int, int]) -> None:
    for seed in range(9):
        intra = random_intra(shape, seed)
        recorder = Recorder(intra)
        found = walk_intra(shape, recorder)
        assert found.dtype == bool
        assert np.array_equal(found, intra)
        assert recorder.arrays == arrays_by_the_specification(intra)


def test_the_example_of_the_walk() -> None:
    """The specification's, of section 7.11; symbols of pass 2 at will."""
    recorder = Recorder(np.array([[1, 0, 0], [1, 1, 0]]))
    walk_intra((2, 3), recorder)
    assert recorder.arrays == [[(0, 1), (0, 0)], [(2, 1)], [(8, 0), (8, 1), (7, 0)]]


def test_every_context_is_met() -> None:
    met = {
        context
        for seed in range(60)
        for symbols in arrays_by_the_specification(random_intra((7, 6), seed))
        for context, _ in symbols
    }
    assert met == set(range(INTRA_CONTEXTS))


@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_come_back(shape: tuple[int, int]) -> None:
    encoder, pictures = SymbolEncoder(), [random_intra(shape, seed) for seed in range(6)]
    for intra in pictures:
        encode_intra(encoder, intra, DEFAULT_INTRA)
    decoder = SymbolDecoder(encoder.finish())
    answers = _DecodedIntra(decoder, np.asarray(DEFAULT_INTRA) + LAPLACE_COUNT)
    for intra in pictures:
        assert np.array_equal(walk_intra(shape, answers), intra)
    decoder.finish()


def test_any_symbol_but_zero_says_intra() -> None:
    """And contexts of later passes count its block once."""
    encoder, tables = SymbolEncoder(), np.arange(INTRA_CONTEXTS) + LAPLACE_COUNT
    encoder.push(np.array([-128, 2, 0, 127]), tables[[0, 0, 0, 0]])
    encoder.push(np.array([-1]), tables[[4]])
    encoder.push(np.array([0, 0, 0, 0]), tables[[9, 8, 8, 8]])
    decoder = SymbolDecoder(encoder.finish())
    found = walk_intra((3, 3), _DecodedIntra(decoder, tables))
    decoder.finish()
    assert found.tolist() == [[True, False, True], [False, True, False], [False, False, True]]


# What is there instead: section 6.14


def fill(v: list[list[int]], missing: list[list[bool]]) -> list[list[int]]:
    """The specification's, letter for letter."""
    rows, columns = len(v), len(v[0])
    if not any(any(row) for row in missing):
        return v
    if all(all(row) for row in missing):
        return [[2048] * columns for _ in range(rows)]
    w = [[0] * -(-columns // 2) for _ in range(-(-rows // 2))]
    empty = [[False] * -(-columns // 2) for _ in range(-(-rows // 2))]
    for i in range(len(w)):
        for j in range(len(w[0])):
            four = ((2 * i, 2 * j), (2 * i, 2 * j + 1), (2 * i + 1, 2 * j), (2 * i + 1, 2 * j + 1))
            known = [v[y][x] for y, x in four if y < rows and x < columns and not missing[y][x]]
            empty[i][j] = len(known) == 0
            w[i][j] = (sum(known) * (0, 12, 6, 4, 3)[len(known)] + 6) // 12
    w = fill(w, empty)
    found = [list(row) for row in v]
    for y in range(rows):
        for x in range(columns):
            if missing[y][x]:
                i, j = y >> 1, x >> 1
                i2 = min(max(i - 1 + 2 * (y & 1), 0), len(w) - 1)
                j2 = min(max(j - 1 + 2 * (x & 1), 0), len(w[0]) - 1)
                found[y][x] = (9 * w[i][j] + 3 * w[i][j2] + 3 * w[i2][j] + w[i2][j2] + 8) >> 4
    return found


def missing_samples(
    intra: np.ndarray, log2: int, shape: tuple[int, int], subsampling: tuple[int, int], scale_log2: int
) -> list[list[bool]]:
    """Of a plane, a sample at a time."""
    e_y, e_x = (scale_log2 + own for own in subsampling)
    return [[bool(intra[(y << e_y) >> log2][(x << e_x) >> log2]) for x in range(shape[1])] for y in range(shape[0])]


@pytest.mark.parametrize("shape", PLANES)
def test_filled_planes_are_the_specifications(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(sum(shape))
    whole = random.integers(0, 4096, shape).astype(np.int16)
    extreme = (random.integers(0, 2, shape) * 4095).astype(np.int16)
    for plane in (whole, extreme, np.full(shape, 4095, np.int16)):
        alone = np.ones(shape, bool)
        alone[-1, -1] = False
        corner = ~alone
        masks = [random.random(shape) < share for share in (0, 0.05, 0.3, 0.6, 0.95, 1)]
        for missing in (*masks, alone, corner):
            found = filled(plane.copy(), missing)
            assert found.tolist() == fill(plane.tolist(), missing.tolist())
            assert found.dtype == np.int16
            assert found.min() >= 0


def test_what_is_missing_is_not_looked_at() -> None:
    random = np.random.default_rng(0)
    plane, missing = random.integers(0, 4096, (13, 9)).astype(np.int16), random.random((13, 9)) < 0.6
    other = np.where(missing, random.integers(0, 4096, (13, 9)), plane).astype(np.int16)
    assert not np.array_equal(plane, other)
    assert np.array_equal(filled(plane, missing), filled(other, missing))


@pytest.mark.parametrize("known", [[0, 160, 0, 0, 0, 0, 80, 0], [4095, 160, 7, 7, 0, 9, 80, 1]])
def test_the_example_of_a_row(known: list[int]) -> None:
    missing = np.array([[True, False, True, True, True, True, False, True]])
    found = filled(np.array([known], np.int16), missing)
    assert found.tolist() == [[160, 160, 145, 130, 110, 95, 80, 80]]


@pytest.mark.parametrize("columns", [3, 4])
def test_the_example_of_columns_at_the_edge(columns: int) -> None:
    plane = np.array([[100, 200, 0, 0], [300, 401, 0, 0]], np.int16)[:, :columns]
    missing = np.array([[False, False, True, True]] * 2)[:, :columns]
    assert filled(plane, missing).tolist() == [
        [100, 200, 250, 250][:columns],
        [300, 401, 250, 250][:columns],
    ]


@pytest.mark.parametrize(("chroma_format", "width", "height"), CLIPS)
@pytest.mark.parametrize("log2", [3, 4, 5])
def test_intra_blocks_are_the_specifications(chroma_format: str, width: int, height: int, log2: int) -> None:
    """Masks and samples of every plane at every scale, with one reference and with two."""
    video = video_format(chroma_format, 10, width, height)
    subsampling = {"420": (1, 1), "422": (0, 1), "444": (0, 0)}.get(chroma_format, (0, 0))
    blocks = field_shape(height, width, log2)
    some = np.random.default_rng(log2).random(blocks) < 0.4
    for scale_log2 in range(4):
        window = [fine_planes(frame.planes, 10) for frame in noisy_frames(video.scaled(scale_log2), 2)]
        for intra, references in ((some, 2), (some, 1), (np.ones(blocks, bool), 2), (np.zeros(blocks, bool), 2)):
            given = window[:references]
            before = [[plane.copy() for plane in planes] for planes in given]
            found = with_intra(given, intra, log2, chroma_format, scale_log2)
            masks = plane_masks(intra, log2, [plane.shape for plane in window[0]], chroma_format, scale_log2)
            assert len(found) == references
            assert len(masks) == len(window[0])
            for number, (e_0, e_1) in enumerate(zip(given[0], given[-1], strict=True)):
                own = subsampling if number else (0, 0)
                missing = missing_samples(intra, log2, e_0.shape, own, scale_log2)
                assert masks[number].tolist() == missing
                mean = [
                    [a + ((b - a + 1) >> 1) for a, b in zip(*rows, strict=True)]
                    for rows in zip(e_0.tolist(), e_1.tolist(), strict=True)
                ]
                f = fill(mean, missing)
                for planes, old in zip(found, given, strict=True):
                    expected = [
                        [f[y][x] if missing[y][x] else int(old[number][y, x]) for x in range(e_0.shape[1])]
                        for y in range(e_0.shape[0])
                    ]
                    assert planes[number].tolist() == expected
                    assert planes[number].dtype == np.int16
            for old, now in zip(before, given, strict=True):
                assert all(map(np.array_equal, old, now)), "the window stays as it is"
