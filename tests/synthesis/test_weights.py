"""The accumulator bound: what it accepts, and that float32 is exact below it."""

from dataclasses import dataclass

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from nvcodec.synthesis.weights import AccumulatorBound, ConvWeights, check_bound

LIMIT = 1 << 24


@dataclass
class Drawn:
    """A layer and the name that decides over its additional shift."""

    name: str
    layer: ConvWeights

    @property
    def half(self) -> int:
        shift = self.layer.shift + (5 if self.name == "context_output" else 0)
        return 2 ** (shift - 1) if shift else 0

    @property
    def worst(self) -> int:
        """The largest of bitstream_spec.md, section 6.1, in Python's integers."""
        rows = self.layer.weight.reshape(len(self.layer.weight), -1).tolist()
        biases = self.layer.bias.T.tolist()
        pairs = zip(rows, biases, strict=True)
        return max(4095 * sum(map(abs, row)) + max(map(abs, bias)) + self.half for row, bias in pairs)


@st.composite
def layers(draw: st.DrawFn) -> Drawn:
    """Layers of every size of sum; half of them are moved to within a few units of the limit by a bias."""
    outputs, kernel = draw(st.integers(1, 3)), draw(st.sampled_from([1, 3]))
    shape = (outputs, draw(st.integers(1, 64 if kernel == 1 else 7)), kernel, kernel)
    top = draw(st.sampled_from([1, 40, 80, 128]))
    weight = draw(
        hnp.arrays(np.int64, shape, elements=st.integers(-top, min(top, 127)) | st.just(-top), fill=st.nothing())
    )
    biases = st.integers(-127, 127).map(lambda bias: bias << draw(st.integers(0, 15)))
    bias = draw(hnp.arrays(np.int64, (draw(st.sampled_from([1, 3])), outputs), elements=biases))
    drawn = Drawn(
        draw(st.sampled_from(["embed", "context_output"])), ConvWeights(weight, bias, draw(st.integers(0, 15)))
    )
    if draw(st.booleans()):
        channel = draw(st.integers(0, outputs - 1))
        room = LIMIT - 4095 * int(np.abs(weight[channel]).sum()) - drawn.half
        bias[draw(st.integers(0, len(bias) - 1)), channel] = draw(st.sampled_from([-1, 1])) * (
            room + draw(st.integers(-2, 1))
        )
    return drawn


@settings(max_examples=120)
@given(layers())
def test_accepts_exactly_what_stays_below_the_limit(drawn: Drawn) -> None:
    if drawn.worst < LIMIT:
        check_bound("here", drawn.name, drawn.layer)
    else:
        with pytest.raises(AccumulatorBound, match=rf"here: layer {drawn.name}, .* {drawn.worst}, .* {LIMIT}"):
            check_bound("here", drawn.name, drawn.layer)


@settings(max_examples=60)
@given(layers().filter(lambda drawn: drawn.worst < LIMIT), st.integers(0, 2**32 - 1))
def test_float32_is_exact_below_the_limit(drawn: Drawn, seed: int) -> None:
    """Activations at the limit, of the weights' signs, of the opposite ones, and of random ones, in every kind."""
    torch.set_num_threads(1)
    layer = drawn.layer
    random = np.random.default_rng(seed)
    ones = np.where(layer.weight < 0, -1, 1)
    x = 4095 * np.concatenate([ones, -ones, random.choice([-1, 1], (2, *ones.shape[1:]))])
    shift = 5 if drawn.name == "context_output" else 0
    for kind in range(len(layer.bias)):
        bias = layer.bias_with_half(kind, shift)
        exact = np.einsum("nihw,oihw->no", x, layer.weight) + bias
        assert np.abs(exact).max() < LIMIT
        weight32, bias32 = torch.from_numpy(layer.weight).float(), torch.from_numpy(bias).float()
        for memory in (torch.contiguous_format, torch.channels_last):
            given_x = torch.from_numpy(x).float().contiguous(memory_format=memory)
            found = F.conv2d(given_x, weight32.contiguous(memory_format=memory), bias32)
            assert np.array_equal(found[..., 0, 0].numpy().astype(np.int64), exact)


def test_bound_by_hand() -> None:
    # 4095 * 4096 = 2**24 - 4096; one weight's worth remains for bias and half
    weight = np.full((1, 32, 1, 1), 128)
    check_bound("", "up", ConvWeights(weight, np.array([[4095]]), 0))
    check_bound("", "up", ConvWeights(-weight, np.array([[-4094]]), 1))
    for bias, shift, name in (
        (4096, 0, "up"),
        (-4096, 0, "up"),
        (4095, 1, "up"),
        (0, 13, "up"),
        (0, 8, "context_output"),
    ):
        with pytest.raises(AccumulatorBound):
            check_bound("", name, ConvWeights(weight, np.array([[bias]]), shift))


def test_every_kind_and_channel_counts() -> None:
    weight = np.zeros((3, 1, 1, 1), np.int64)
    bias = np.zeros((3, 3), np.int64)
    bias[1, 2] = -LIMIT
    with pytest.raises(
        AccumulatorBound, match="output channel 2: an accumulator could reach 16777216, allowed is below"
    ):
        check_bound("", "embed", ConvWeights(weight, bias, 0))
