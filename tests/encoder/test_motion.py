"""The search finds motion that is known, and weighs bits against error."""

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from nvcodec.encoder.motion import best_flow, chain, fit_field, global_vector, search, to_8_bit  # noqa: E402
from nvcodec.encoder.vector_field import choose_scale_index, codable, symbol_counts  # noqa: E402
from nvcodec.synthesis.vectors import field_shape  # noqa: E402

HEIGHT, WIDTH = 100, 132
BLOCK_LOG2 = 4


@pytest.fixture(scope="module")
def canvas() -> np.ndarray:
    """Smooth texture, (200, 232) uint8."""
    noise = np.random.default_rng(1).uniform(0, 255, (200, 232)).astype(np.float32)
    stretched: np.ndarray = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    return stretched.astype(np.uint8)


def view(canvas: np.ndarray, y: int, x: int) -> np.ndarray:
    return np.ascontiguousarray(canvas[50 + y : 50 + y + HEIGHT, 50 + x : 50 + x + WIDTH])


def zeros(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.zeros((*field_shape(height, width, BLOCK_LOG2), 2), np.int32)


def field_bits(delta: np.ndarray) -> float:
    return choose_scale_index(symbol_counts(delta, 0))[1]


def test_a_translation_is_found(canvas: np.ndarray) -> None:
    current, reference = view(canvas, 3, -2), view(canvas, 0, 0)
    flow = search(current, reference)
    assert flow.shape == (HEIGHT, WIDTH, 2)
    assert global_vector(flow) == (12, -8)
    field, _ = fit_field(current, reference, flow, BLOCK_LOG2, zeros(), lam=40)
    inner = field[1:-2, 1:-2]  # elsewhere supports reach what the reference doesn't show
    assert np.array_equal(inner, np.broadcast_to([12, -8], inner.shape))


def test_quarter_samples_are_found(canvas: np.ndarray) -> None:
    small = cv2.resize(canvas, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, None, fx=12, fy=12, interpolation=cv2.INTER_CUBIC)
    reference, current = large[0:480:4, 0:480:4], large[1:481:4, 2:482:4]
    field, _ = fit_field(current, reference, search(current, reference), BLOCK_LOG2, zeros(120, 120), lam=40)
    assert np.median(field, (0, 1)).tolist() == [1, 2]


def test_the_field_follows_two_motions(canvas: np.ndarray) -> None:
    reference = view(canvas, 0, 0)
    current = np.hstack([view(canvas, 0, 2)[:, : WIDTH // 2], view(canvas, 0, -2)[:, WIDTH // 2 :]])
    field, _ = fit_field(current, reference, search(current, reference), BLOCK_LOG2, zeros(), lam=40)
    assert field[2:4, 1].tolist() == [[0, 8]] * 2
    assert field[2:4, 6].tolist() == [[0, -8]] * 2


def test_a_flat_picture_costs_nothing_whatever_the_flow() -> None:
    flat = np.full((HEIGHT, WIDTH), 90, np.uint8)
    flow = np.random.default_rng(0).normal(0, 2, (HEIGHT, WIDTH, 2)).astype(np.float32)
    field, _ = fit_field(flat, flat, flow, BLOCK_LOG2, zeros() + 4, lam=40)
    assert np.array_equal(field, zeros() + 4)


def test_more_lambda_gives_fewer_bits_and_more_effort_less_error(canvas: np.ndarray) -> None:
    reference = view(canvas, 0, 0)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    bent_columns = columns + 2 * np.sin(rows / 15).astype(np.float32)
    current = cv2.remap(canvas, bent_columns + 50, rows + 50, cv2.INTER_LINEAR)
    flow = search(current, reference)
    bits = [field_bits(fit_field(current, reference, flow, BLOCK_LOG2, zeros(), lam)[0]) for lam in (0, 200, 5000)]
    assert bits[0] > bits[1] > bits[2]
    rough, fine = (fit_field(current, reference, flow, BLOCK_LOG2, zeros(), 1, effort)[0] for effort in (0, 2))
    across = 8 * np.sin((16 * np.arange(7) + 7.5) / 15)  # at the nodes' rows, quarter samples
    truth = np.stack([np.zeros(7), across], -1)[:, None]
    assert np.abs(fine - truth)[1:-2, 1:-2].mean() <= np.abs(rough - truth)[1:-2, 1:-2].mean()
    assert np.abs(fine - truth)[1:-2, 1:-2].mean() < 0.75


def test_the_result_is_codable(canvas: np.ndarray) -> None:
    current, reference = view(canvas, 40, 45), view(canvas, 0, 0)
    flow = np.full((HEIGHT, WIDTH, 2), (40, 45), np.float32)
    field, _ = fit_field(current, reference, flow, BLOCK_LOG2, zeros(), lam=1)
    assert np.array_equal(codable(field, zeros()), field)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (9, 9), (20, 33)])
def test_small_pictures(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
    flow = search(picture, picture, search(picture, picture))
    assert flow.shape == (*size, 2)
    field, _ = fit_field(picture, picture, flow, 3, np.zeros((*field_shape(*size, 3), 2), np.int32), lam=40)
    assert not field.any()


def test_flows_chain(canvas: np.ndarray) -> None:
    first, middle, last = (view(canvas, 0, 0), view(canvas, 4, 6), view(canvas, 8, 12))
    flow = chain([search(last, middle), search(middle, first)])
    assert np.abs(np.median(flow, (0, 1)) - (8, 12)).max() < 0.2


def test_the_better_flow_is_taken_where_it_is_better(canvas: np.ndarray) -> None:
    reference = view(canvas, 0, 0)
    current = np.vstack([view(canvas, 5, 0)[:50], view(canvas, 0, 5)[50:]])
    down, right = (np.full((HEIGHT, WIDTH, 2), vector, np.float32) for vector in ((5, 0), (0, 5)))
    flow = best_flow(current, reference, [down, right])
    assert np.array_equal(flow[:40], down[:40])
    assert np.array_equal(flow[60:90], right[60:90])


def test_vectors_of_other_flows_compete(canvas: np.ndarray) -> None:
    reference = view(canvas, 0, 0)
    # Too far for the solver to find by itself.
    current = np.vstack([view(canvas, 20, 0)[:48], view(canvas, 0, 20)[48:]])
    down, right = (np.full((HEIGHT, WIDTH, 2), vector, np.float32) for vector in ((20, 0), (0, 20)))
    field, _ = fit_field(current, reference, down, BLOCK_LOG2, zeros(), lam=40, other_flows=[right])
    # Within a sample, of twenty: nodes near the seam also bend to the other side of it.
    assert np.abs(field[:2, 1:6] - (80, 0)).max() <= 4
    assert np.abs(field[4, 1:6] - (0, 80)).max() <= 4


def test_deep_pictures_are_shifted_down() -> None:
    assert to_8_bit(np.array([[1023, 512, 3]], np.uint16), 10).tolist() == [[255, 128, 0]]
