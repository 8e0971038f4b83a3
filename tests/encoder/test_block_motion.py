"""Fields of the hybrid profile: two at once, of nodes or of blocks, whichever costs less."""

from dataclasses import dataclass

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from nvcodec.bitstream import VectorBase  # noqa: E402
from nvcodec.encoder.block_motion import BlockMotion, Fields  # noqa: E402
from nvcodec.encoder.motion import reference_weights, search, upsampled  # noqa: E402
from nvcodec.encoder.vector_field import codable  # noqa: E402
from nvcodec.synthesis.arrays import Array  # noqa: E402
from nvcodec.synthesis.vectors import field_shape, scale_field  # noqa: E402

SIZE = (72, 108)
LAMBDA = 8.0


def texture(seed: int) -> Array:
    noise = np.random.default_rng(seed).uniform(0, 255, (240, 240)).astype(np.float32)
    smooth: Array = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    return smooth.astype(np.uint8)


@dataclass
class Scene:
    """A ground that moves by `step` samples a picture to the right, and a square that moves by 2 to the left."""

    step: int
    square: bool

    def picture(self, number: int) -> Array:
        x = 60 - self.step * number
        plane = texture(1)[50 : 50 + SIZE[0], x : x + SIZE[1]].copy()
        if self.square:
            left = 42 - 2 * number
            plane[24:48, left : left + 24] = texture(2)[:24, :24]
        return plane


def base_of(base: VectorBase, k: int, roots: list[Array], block_log2: int) -> Array:
    """As between neighbours: no motion known, and the second field mirrors the first."""
    if not base.derived_flag:
        return np.tile(np.array(base.global_vector, np.int32), (*field_shape(*SIZE, block_log2), 1))
    if k:
        return scale_field(roots[0], -1, 1)
    return np.zeros((*field_shape(*SIZE, block_log2), 2), np.int32)


def search_of(scene: Scene, references: tuple[int, ...] = (0, 2), rounds: int = 2) -> BlockMotion:
    current, others = scene.picture(1), [scene.picture(number) for number in references]
    flows = [search(current, other) for other in others]
    weights = reference_weights(current, others, flows)
    return BlockMotion(current, [upsampled(o) for o in others], flows, weights, base_of, LAMBDA, 4.0, rounds)


def check(made: Fields) -> None:
    """What the packer relies on."""
    for k, (root, start) in enumerate(zip(made.roots, made.base_fields, strict=True)):
        assert root.shape == start.shape == (*field_shape(*SIZE, made.block_log2), 2)
        assert np.array_equal(start, base_of(made.bases[k], k, made.roots, made.block_log2))
        assert np.array_equal(codable(root, start), root)
    for root, own, field in zip(made.roots, made.splits, made.fields, strict=bool(made.splits)):
        assert np.array_equal(own.fields[made.block_log2], root)
        assert np.array_equal(own.walk(SIZE), field)
    assert len({own.finest_log2 for own in made.splits}) <= 1
    assert bool(made.splits) == made.stepped


def test_one_motion_of_everything() -> None:
    made = search_of(Scene(3, False)).best((5,))
    check(made)
    for field, vector in zip(made.fields, ([0, -12], [0, 12]), strict=True):
        assert np.array_equal(np.median(field, (0, 1)), vector)


def test_two_motions_are_blocks() -> None:
    motion = search_of(Scene(1, True))
    made = motion.best((5,))
    check(made)
    assert made.stepped
    assert made.finest_log2 < 5
    assert motion.cost(made) < motion.cost(made.down_to(5))
    square = slice(32 >> made.finest_log2, 40 >> made.finest_log2)
    inside = made.fields[0][square, (48 >> made.finest_log2)]
    assert np.abs(inside - [0, 8]).max() <= 1


def test_one_reference() -> None:
    made = search_of(Scene(3, True), (0,)).best((5,))
    check(made)
    assert len(made.fields) == 1
    assert np.array_equal(np.median(made.fields[0], (0, 1)), [0, -12])


def test_the_cheapest_is_taken() -> None:
    motion = search_of(Scene(2, True))
    tried = [motion.best((log2,)) for log2 in (4, 5)]
    best = motion.best((4, 5))
    assert motion.cost(best) <= min(motion.cost(made) for made in tried) * 1.02


def test_the_same_again() -> None:
    first, again = (search_of(Scene(3, True)).best((5,)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.fields, again.fields, strict=True))


def test_rounds_help() -> None:
    """Two fields fitted to one another predict no worse than two fitted alone."""
    without, with_rounds = search_of(Scene(3, True), rounds=0), search_of(Scene(3, True))
    assert with_rounds.cost(with_rounds.best((5,))) <= without.cost(without._interpolated(5))
