"""Window sums, dequantisation, what the context network sees and what its output means: against plain integers."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from nvcodec.synthesis.embedding import (
    WindowWeightLimit,
    context_input,
    dequantise_background,
    embed,
    symbol_parameters,
    window_terms,
)


@pytest.mark.parametrize(
    ("picture", "gop_length", "stride_log2", "weights", "terms"),
    [
        (3, 8, 0, None, {3: 64}),
        (5, 8, 2, None, {1: 48, 2: 16}),
        (7, 8, 3, None, {0: 8, 1: 56}),
        (2, 10, 0, [64, -32, 16], {2: 64, 3: -32, 4: 16}),
        (8, 10, 0, [64, -32, 16], {8: 64, 9: -32}),
        (9, 10, 0, [64, -32, 16], {9: 64}),
        (4, 10, 0, [64, 0, 0], {4: 64}),
        (4, 10, 0, [0, 0, 0], {}),
        # pictures 1, 2, 3 over grids 0, 1, 2: (4, 4), (8), (4, 4) eighths; -20 eighths round to -2
        (1, 8, 1, [10, 7, -5], {0: 5, 1: 10, 2: -2}),
        # 4 and -4 eighths: half rounds up
        (1, 8, 1, [1, 0, 0], {0: 1, 1: 1}),
        (1, 8, 1, [-1, 0, 0], {}),
        (0, 8, 0, [127, 127, 2], {0: 127, 1: 127, 2: 2}),
        (0, 8, 0, [-128, -128, 0], {0: -128, 1: -128}),
        # opposite weights on the same grids cancel before the limit is asked
        (0, 9, 3, [127, -127, 127], {0: 111, 1: 16}),
    ],
)
def test_window_terms(
    picture: int, gop_length: int, stride_log2: int, weights: list[int] | None, terms: dict[int, int]
) -> None:
    given_weights = None if weights is None else np.array(weights)
    assert window_terms(picture, gop_length, stride_log2, given_weights, "here") == terms


@pytest.mark.parametrize(("weights", "total"), [([127, 127, 3], 257), ([-128, -128, 1], 257), ([127, -127, 127], 381)])
def test_window_limit(weights: list[int], total: int) -> None:
    with pytest.raises(WindowWeightLimit, match=f"here.*picture 1 add up to {total}, allowed is at most 256"):
        window_terms(1, 8, 0, np.array(weights), "here")


def test_window_limit_counts_only_the_gops_pictures() -> None:
    assert window_terms(6, 8, 0, np.array([127, 127, 127]), "") == {6: 127, 7: 127}


def embedded(terms: dict[int, int], grids: dict[int, np.ndarray], step: list[int], gop: tuple | None) -> np.ndarray:
    """bitstream_spec.md, section 6.3, in Python's integers."""
    first = next(iter(grids.values()))
    result = np.zeros(first.shape, np.int64)
    for index in np.ndindex(first.shape):
        total = 32 + sum(weight * int(grids[j][index]) * step[index[1]] for j, weight in terms.items())
        if gop is not None:
            total += 64 * int(gop[0][index]) * gop[1][index[1]]
        result[index] = min(4095, max(-4095, total >> 6))
    return result


@settings(max_examples=80)
@given(st.data())
def test_embedding_equals_python_integers(data: st.DataObject) -> None:
    channels = data.draw(st.integers(1, 3))
    shape = (1, channels, *data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3))))
    latents = hnp.arrays(np.int32, shape, elements=st.sampled_from([-128, 127]) | st.integers(-128, 127))
    steps = st.lists(st.sampled_from([1, 255]) | st.integers(1, 255), min_size=channels, max_size=channels)
    grids = {j: data.draw(latents) for j in range(data.draw(st.integers(1, 3)))}
    terms, left = {}, 256
    for j in grids:
        terms[j] = data.draw(st.sampled_from([-left, left]) | st.integers(-left, left))
        left -= abs(terms[j])
    step = data.draw(steps)
    gop = (data.draw(latents), data.draw(steps)) if data.draw(st.booleans()) else None
    background = None if gop is None else dequantise_background(gop[0], np.array(gop[1]))
    result = embed(terms, grids, np.array(step), background)
    assert result.dtype == np.float32
    assert np.array_equal(result, embedded(terms, grids, step, gop))


def test_embedding_by_hand() -> None:
    grids = {4: np.array([[[[3, -3, 127]]]]), 5: np.array([[[[1, 1, 127]]]])}
    # 48 * 3 * 10 + 16 * 1 * 10 = 1600, + 32, >> 6
    assert embed({4: 48, 5: 16}, grids, np.array([10]), None).tolist() == [[[[25, -20, 1270]]]]
    background = dequantise_background(np.array([[[[-1, 2, 127]]]]), np.array([255]))
    assert background.tolist() == [[[[-16320, 32640, 2072640]]]]
    assert embed({4: 48, 5: 16}, grids, np.array([10]), background).tolist() == [[[[-230, 490, 4095]]]]


def test_no_terms_leave_the_gops_grid() -> None:
    grids = {0: np.array([[[[9]]]])}
    background = dequantise_background(np.array([[[[-2]]]]), np.array([7]))
    assert embed({}, grids, np.array([10]), background).tolist() == [[[[-14]]]]


def test_context_input() -> None:
    assert context_input(np.array([0, 1, -1, 15, 16, -16, 127, -128])).tolist() == [
        0, 256, -256, 3840, 4095, -4095, 4095, -4095,
    ]  # fmt: skip


def test_symbol_parameters_by_hand() -> None:
    output = np.zeros((1, 4, 1, 6), np.float32)
    output[0, 0, 0] = [0, 1016, 1017, -1016, -2000, 5]
    output[0, 2, 0] = [0, 1, 2, -1, -33, 47]
    output[0, 3, 0] = [-2, 45, 46, 44, -34, -5000]
    mean8, scale = symbol_parameters(output, 2)
    assert mean8.dtype == scale.dtype == np.int32
    assert mean8[0, 0, 0].tolist() == [0, 1016, 1016, -1016, -1016, 5]
    assert mean8[0, 1, 0].tolist() == [0] * 6
    assert scale[0, 0, 0].tolist() == [16, 17, 17, 16, 0, 39]
    assert scale[0, 1, 0].tolist() == [15, 39, 39, 38, 0, 0]
