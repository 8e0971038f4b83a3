"""Splits are found where motion changes, cost what they save, and are decoded as they were coded."""

from itertools import pairwise

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from nvcodec.bitstream.headers import DEFAULT_SPLIT_SCALE, DEFAULT_SPLIT_TABLES  # noqa: E402
from nvcodec.decoder.vector_field import SplitDecoder  # noqa: E402
from nvcodec.encoder.motion import FieldFit, search, upsampled  # noqa: E402
from nvcodec.encoder.splits import SplitCounts, SplitField, SplitSearch, encode_splits  # noqa: E402
from nvcodec.entropy import SymbolDecoder, SymbolEncoder  # noqa: E402
from nvcodec.synthesis.splits import walk_splits  # noqa: E402
from nvcodec.synthesis.vectors import field_shape  # noqa: E402

SIZE = (72, 108)  # neither is a multiple of 32
LAMBDA = 30.0


def texture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (200, 240)).astype(np.float32)
    smooth: np.ndarray = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    return smooth.astype(np.uint8)


def square_that_moves() -> tuple[np.ndarray, np.ndarray]:
    """A picture and its reference: the ground stands still, a square of 24x24 samples comes from (2, -3) away."""
    ground, square = texture(1)[: SIZE[0], : SIZE[1]].copy(), texture(2)[:24, :24]
    current, reference = ground.copy(), ground
    current[24:48, 40:64] = square
    reference[26:50, 37:61] = square
    return current, reference


def found(lam: float = LAMBDA, root: np.ndarray | None = None) -> tuple[FieldFit, SplitField]:
    current, reference = square_that_moves()
    if root is None:
        root = np.zeros((*field_shape(*SIZE, 5), 2), np.int32)
    fit = FieldFit(current, upsampled(reference), 5, root, lam, 0, np.ones(SIZE, np.float32), stepped=True)
    return fit, SplitSearch(fit, search(current, reference), 3, lam).split(root)


def errors(fit: FieldFit, made: SplitField, log2: int) -> float:
    shape = fit.finer_blocks(log2).shape
    field = made.fields[log2]
    padded = np.pad(field, [(0, a - b) for a, b in zip((*shape, 2), field.shape, strict=True)], "edge")
    return float(fit.finer_blocks(log2).errors(padded).sum())


def test_a_square_of_its_own_motion_is_split_off() -> None:
    fit, made = found()
    assert made.root_log2 == 5
    assert made.finest_log2 == 3
    assert np.array_equal(made.fields[3][3:6, 5:8], np.broadcast_to([8, -12], (3, 3, 2)))
    assert not made.fields[3][:2].any()
    assert not made.fields[3][:, 10:].any()
    assert errors(fit, made, 3) < 0.3 * errors(fit, made, 5)


def test_splits_save_more_than_they_take() -> None:
    costs = []
    for lam in (LAMBDA, 30 * LAMBDA):
        fit, made = found(lam)
        counts = SplitCounts()
        counts.add(made, SIZE)
        costs.append((errors(fit, made, 3), counts.bits()))
        assert errors(fit, made, 3) + lam * counts.bits() <= errors(fit, made, 5) + lam * 40
    assert costs[0][0] < costs[1][0]
    assert costs[0][1] > costs[1][1]


def test_nothing_is_split_where_nothing_is_gained() -> None:
    plane = texture(3)[: SIZE[0], : SIZE[1]]
    root = np.zeros((*field_shape(*SIZE, 5), 2), np.int32)
    fit = FieldFit(plane, upsampled(plane), 5, root, LAMBDA, 0, np.ones(SIZE, np.float32), stepped=True)
    made = SplitSearch(fit, np.zeros((*SIZE, 2), np.float32), 3, LAMBDA).split(root)
    assert not any(split.any() for split in made.splits.values())
    assert made.without_idle_levels().finest_log2 == 5


def test_vectors_found_before_are_kept_where_they_are_the_best() -> None:
    fit, made = found()
    nothing_known = np.zeros((*SIZE, 2), np.float32)
    again = SplitSearch(fit, nothing_known, 3, LAMBDA, made).split(made.fields[5])
    assert np.array_equal(again.fields[3][3:6, 5:8], made.fields[3][3:6, 5:8])


def test_levels_fit_together() -> None:
    _, made = found()
    for log2, below in pairwise(sorted(made.fields, reverse=True)):
        assert made.fields[below].shape[:2] == field_shape(*SIZE, below)
        whole = np.repeat(np.repeat(made.splits[log2], 2, 0), 2, 1)[: field_shape(*SIZE, below)[0]]
        inherited = np.repeat(np.repeat(made.fields[log2], 2, 0), 2, 1)[: field_shape(*SIZE, below)[0]]
        width = field_shape(*SIZE, below)[1]
        stays = ~whole[:, :width]
        assert np.array_equal(made.fields[below][stays], inherited[:, :width][stays])
    assert np.array_equal(made.walk(SIZE), made.fields[3])
    coarser = made.down_to(4)
    assert coarser.finest_log2 == 4
    assert np.array_equal(coarser.walk(SIZE), made.fields[4])


@pytest.mark.parametrize("charged", [False, True])
def test_what_is_coded_is_decoded(charged: bool) -> None:
    _, made = found()
    counts = SplitCounts()
    counts.add(made, SIZE)
    tables, scale = counts.tables(charged=charged)
    encoder = SymbolEncoder()
    encode_splits(encoder, made, SIZE, tables, scale)
    decoder = SymbolDecoder(encoder.finish())
    decoded = walk_splits(made.fields[5], 5, 3, SIZE, SplitDecoder(decoder, tables, scale))
    decoder.finish()
    assert np.array_equal(decoded, made.fields[3])


def test_tables_are_named_where_that_pays() -> None:
    counts = SplitCounts()
    counts.binary[0] = 1, 0
    counts.binary[1] = 1, 400
    counts.difference[128 + 90] = 200
    tables, scale = counts.tables(charged=True)
    assert tables[0] == DEFAULT_SPLIT_TABLES[0]
    assert tables[1] > 60
    assert scale > DEFAULT_SPLIT_SCALE
    assert counts.tables(charged=False)[0][0] == 0
