"""What hangs on a block: shares handed along vectors, chains that last, blocks that are coded anew."""

import numpy as np
import pytest

from nvcodec.encoder.influence import KEPT, block_influence, chroma_mean, spread
from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.vector_base import PictureMotion
from tests.streams import video_format

HEIGHT, WIDTH, COUNT = 64, 96, 9
VIDEO = video_format("420", 8, WIDTH, HEIGHT)
GOPS = [Gop(0, 1), Gop(1, 8, open=True)]
ORDER = [(number, picture) for number, gop in enumerate(GOPS) for picture in hierarchical_order(gop.length, gop.open)]


def influence(pictures: np.ndarray, vector: tuple[int, int] = (0, 0), step: float = 40.0) -> list[np.ndarray]:
    """Of pictures (n, rows, columns), every vector the same per picture of distance, in quarter samples."""
    motion: list[dict[int, CodedMotion]] = [{} for _ in GOPS]
    for number, picture in ORDER:
        fields = [
            np.tile(np.array(vector, np.int32) * (index - picture.index), (HEIGHT // 16, WIDTH // 16, 1))
            for index in picture.references
        ]
        if fields:
            own = PictureMotion(picture, 4, fields, stepped=True)
            motion[number][picture.index] = CodedMotion(own, [], [], [], own.block_log2)
    return block_influence(lambda n: [pictures[n]], VIDEO, GOPS, ORDER, motion, [step] * len(ORDER))


def place_of(index: int, number: int = 1) -> int:
    return next(i for i, (gop, picture) in enumerate(ORDER) if (gop, picture.index) == (number, index))


def still(seed: int = 0) -> np.ndarray:
    one = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    return np.repeat(one[None], COUNT, 0)


def test_what_nothing_refers_to_has_an_influence_of_one() -> None:
    found = influence(still())
    leaves = [place for place, (gop, picture) in enumerate(ORDER) if gop and picture.distance == 1]
    assert leaves
    assert all((found[place] == 1).all() for place in leaves)


def test_a_still_picture_lives_on_in_all_that_follow() -> None:
    """The deepest hand 0.9 on, half to each reference; the anchor all of its own to the first picture."""
    found = influence(still())
    quarter = 1 + 2 * KEPT / 2
    middle = quarter + 2 * quarter * KEPT / 2
    anchor = 1 + (middle + quarter + 1) * KEPT / 2
    for index, expected in ((1, quarter), (5, quarter), (3, middle), (7, anchor)):
        assert found[place_of(index)] == pytest.approx(np.full((8, 12), expected))
    assert found[0] == pytest.approx(np.full((8, 12), anchor + KEPT * anchor))


def test_blocks_that_are_coded_anew_hang_on_nothing_before() -> None:
    pictures = still()
    rng = np.random.default_rng(1)
    pictures[:, :, 48:] = rng.integers(0, 256, (COUNT, HEIGHT, 48))
    found = influence(pictures)
    assert found[0][:, :6].min() > 3
    assert found[0][:, 6:] == pytest.approx(np.ones((8, 6)), abs=0.05)


def test_influence_follows_the_vectors() -> None:
    """A square that moves 8 samples a picture over noise: what counts in the first picture is where it began."""
    rng = np.random.default_rng(2)
    pictures = rng.integers(0, 256, (COUNT, HEIGHT, WIDTH)).astype(np.uint8)
    square = rng.integers(0, 256, (16, 16))
    for n in range(COUNT):
        pictures[n, 16:32, 8 * n : 8 * n + 16] = square
    found = influence(pictures, vector=(0, 32))
    assert found[0][2:4, :2].min() > 3
    rest = found[0].copy()
    rest[2:4, :2] = 1
    assert rest == pytest.approx(np.ones((8, 12)), abs=0.05)


def test_how_many_references_are_held_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = np.random.default_rng(4).integers(100, 110, (COUNT, HEIGHT, WIDTH)).astype(np.uint8)
    found = influence(pictures, vector=(3, -5), step=100.0)
    monkeypatch.setattr("nvcodec.encoder.influence.HELD_REFERENCES", 1)
    assert all(
        np.array_equal(a, b) for a, b in zip(found, influence(pictures, vector=(3, -5), step=100.0), strict=True)
    )
    assert found[0].max() > 1.5


def test_spreading_keeps_the_sum() -> None:
    rng = np.random.default_rng(3)
    amounts = rng.random((5, 7))
    assert np.array_equal(spread(amounts, np.zeros((5, 7)), np.zeros((5, 7))), amounts)
    far = spread(amounts, rng.uniform(-9, 9, (5, 7)), rng.uniform(-9, 9, (5, 7)))
    assert far.sum() == pytest.approx(amounts.sum())
    one = np.zeros((5, 7))
    one[1, 2] = 8.0
    moved = spread(one, np.full((5, 7), 1.0), np.full((5, 7), 0.25))
    assert moved[2, 2] == 6.0
    assert moved[2, 3] == 2.0


def test_chroma_takes_the_mean_of_the_blocks_it_covers() -> None:
    luma = np.arange(15.0).reshape(3, 5)
    assert np.array_equal(chroma_mean(luma, (3, 5)), luma)
    half = chroma_mean(luma, (2, 3))
    assert half.shape == (2, 3)
    assert half[0, 0] == luma[:2, :2].mean()
    assert half[1, 2] == luma[2, 4], "beyond the edge it repeats"
    assert chroma_mean(luma, (3, 3))[1, 1] == luma[1, 2:4].mean()


def test_a_picture_alone() -> None:
    (found,) = block_influence(lambda _: [still()[0]], VIDEO, [Gop(0, 1)], [(0, CodedPicture(0))], [{}], [10.0])
    assert np.array_equal(found, np.ones((8, 12)))
