"""Vector fields: rounding and resampling by hand, the pyramid's order and contexts, the round trip through bytes."""

import numpy as np
import pytest

from nvcodec.decoder.vector_field import decode_differences
from nvcodec.encoder.vector_field import (
    choose_scale_index,
    codable,
    difference_symbols,
    encode_differences,
    symbol_counts,
)
from nvcodec.entropy import SymbolDecoder, SymbolEncoder
from nvcodec.synthesis.vectors import (
    CONTEXT_COUNT,
    REFERENCE_CONTEXTS,
    VECTOR_MAX,
    VECTOR_MIN,
    add_differences,
    field_shape,
    pyramid,
    resample_field,
    scale_field,
)

SHAPES = [(1, 1), (1, 7), (5, 3), (9, 9), (23, 40)]


def smooth_field(shape: tuple[int, int]) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.stack([rows * 2 - columns, columns * 3 + 5], -1).astype(np.int32)


def field_bits(delta: np.ndarray) -> float:
    return choose_scale_index(symbol_counts(delta, 0))[1]


def test_field_shape_counts_started_blocks() -> None:
    assert field_shape(360, 640, 4) == (23, 40)
    assert field_shape(1, 8, 3) == (1, 1)


@pytest.mark.parametrize(
    ("value", "numerator", "denominator", "expected"),
    [
        (3, 1, 2, 2), (-3, 1, 2, -1), (1, -1, 2, 0), (5, -2, 3, -3), (7, 0, 5, 0),
        (1000, 2, 1, 1023), (1000, -2, 1, -1024),
    ],
)  # fmt: skip
def test_scaling_rounds_halves_up(value: int, numerator: int, denominator: int, expected: int) -> None:
    field = np.full((1, 1, 2), value, np.int32)
    assert scale_field(field, numerator, denominator).tolist() == [[[expected, expected]]]


def test_resampling_takes_the_block_under_the_node() -> None:
    field = np.arange(6, dtype=np.int32).reshape(1, 3, 2)
    assert resample_field(field, 4, 3, (2, 5))[..., 0].tolist() == [[0, 0, 2, 2, 4], [0, 0, 2, 2, 4]]
    assert resample_field(field, 4, 5, (1, 2))[..., 0].tolist() == [[2, 4]]
    assert np.array_equal(resample_field(field, 4, 4, (1, 3)), field)


def test_sums_are_clamped() -> None:
    base = np.array([[[1000, -1000]]], np.int32)
    assert add_differences(base, np.array([[[100, -100]]])).tolist() == [[[VECTOR_MAX, VECTOR_MIN]]]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_node_is_coded_once_after_its_neighbours(shape: tuple[int, int]) -> None:
    known = np.zeros(shape, bool)
    for each in pyramid(shape):
        assert not known[each.nodes].any()
        for rows, columns, inside in each.neighbours:
            assert known[rows[:, None], columns][inside].all()
        known[each.nodes] = True
    assert known.all()


def test_predictions_and_contexts_by_hand() -> None:
    # One row: node 0 has no prediction, 4 only its left neighbour (no node 8), then 2 (6: left only), then 1, 3, 5.
    delta = np.zeros((1, 7, 2), np.int32)
    delta[0, :, 0] = [10, 11, 17, 30, 20, -5, 21]
    symbols, contexts = difference_symbols(delta, 1)
    # Node 2: floor((2 * 30 + 2) / 4) = 15; 1: mean of 10 and 17 is 14; 3: of 17 and 20 is 19; 5: of 20 and 21 is 21.
    assert symbols[::2].tolist() == [10, 20 - 10, 17 - 15, 21 - 20, 11 - 14, 30 - 19, -5 - 21]
    first = REFERENCE_CONTEXTS
    # Spreads: none, alone, 10, alone, 7, 3, 1.
    assert contexts[::2].tolist() == [first, first + 2, first + 8, first + 6, first + 12, first + 11, first + 10]


def test_context_zero_is_for_equal_neighbours() -> None:
    _, contexts = difference_symbols(np.full((3, 3, 2), 4, np.int32), 0)
    # Node (0, 0); at step 2 nodes (2, 0), (0, 2) and (2, 2): the first two alone, the last between two; then step 1.
    assert contexts[::2].tolist() == [0, 6, 6, 5, 9, 9, 9, 9, 9]
    assert REFERENCE_CONTEXTS * 2 == CONTEXT_COUNT


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reference", [0, 1])
def test_round_trip(shape: tuple[int, int], reference: int) -> None:
    random = np.random.default_rng(shape[1])
    base = random.integers(-30, 30, (*shape, 2), dtype=np.int32)
    field = codable(smooth_field(shape) + random.integers(-200, 200, (*shape, 2), dtype=np.int32), base)
    scale_index, _ = choose_scale_index(symbol_counts(field - base, reference))
    encoder = SymbolEncoder()
    encode_differences(encoder, field - base, reference, scale_index)
    encode_differences(encoder, np.zeros_like(field), 1 - reference, scale_index)
    decoder = SymbolDecoder(encoder.finish())
    delta = decode_differences(decoder, shape, reference, scale_index)
    assert delta.dtype == np.int32
    assert np.array_equal(add_differences(base, delta), field)
    assert not decode_differences(decoder, shape, 1 - reference, scale_index).any()
    decoder.finish()


def test_codable_leaves_alone_what_can_be_coded() -> None:
    field = smooth_field((23, 40))
    assert np.array_equal(codable(field, np.zeros_like(field)), field)


def test_codable_clamps_steps() -> None:
    base = np.zeros((5, 9, 2), np.int32)
    field = base.copy()
    field[0, 0] = (500, -500)  # first of all: at most 127 from 0
    field[2, 3] = (2000, 0)  # predicted by nodes that stay where they are
    moved = codable(field, base)
    assert moved[0, 0].tolist() == [127, -127]
    assert moved[2, 3].tolist() == [127, 0]
    assert moved[0, 1].tolist() == [0, 0]
    symbols, _ = difference_symbols(moved, 0)
    assert np.abs(symbols).max() <= 127


@pytest.mark.parametrize("base_value", [VECTOR_MIN, VECTOR_MAX])
def test_codable_stays_in_range(base_value: int) -> None:
    base = np.full((5, 5, 2), base_value, np.int32)
    field = np.random.default_rng(0).integers(-5000, 5000, (5, 5, 2), dtype=np.int32)
    moved = codable(field, base)
    assert moved.min() >= VECTOR_MIN
    assert moved.max() <= VECTOR_MAX


def test_smooth_fields_cost_little() -> None:
    field = smooth_field((23, 40))
    noise = np.random.default_rng(0).integers(-20, 20, field.shape, dtype=np.int32)
    assert field_bits(np.zeros_like(field)) < 2  # for nearly 2000 symbols
    assert field_bits(field) < 0.5 * field.size < 4 * field.size < field_bits(noise)


def test_tables_are_chosen_by_cost() -> None:
    counts = np.zeros((CONTEXT_COUNT, 256), np.int64)
    counts[3, 128] = 100  # only zeros
    counts[4] = 1  # all symbols alike
    chosen, bits = choose_scale_index(counts)
    assert (chosen[0], chosen[3], chosen[4]) == (0, 0, 39)
    assert 256 * 8 <= bits < 256 * 8.5
