"""One layer's rule on literal numbers: add half, shift right, divide negative values of leaky layers by 8 more."""

import numpy as np
import pytest
import torch

from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.numpy_backend import NumpyOperations
from nvcodec.synthesis.onnx_backend import GraphBuilder
from nvcodec.synthesis.torch_backend import TorchOperations
from nvcodec.synthesis.weights import ConvWeights, LevelWeights

BACKENDS = ("numpy", "onnxruntime", "torch")
# weight, bias, shift, leaky, more_shift, then inputs and outputs
RULES = [
    (5, 3, 3, False, 0, [0, 1, -1, -2, -20, 4095], [0, 1, 0, -1, -12, 2560]),
    (5, 3, 3, True, 0, [0, 1, -1, -2, -20, 4095], [0, 1, 0, -1, -2, 2560]),
    (1, 0, 0, False, 0, [0, 1, -1, 4095, -4095], [0, 1, -1, 4095, -4095]),
    (1, 0, 0, True, 0, [0, 1, -1, -8, -9, -4095], [0, 1, -1, -1, -2, -512]),
    # a half rounds up, on both sides of zero
    (1, 0, 1, False, 0, [1, -1, 3, -3], [1, 0, 2, -1]),
    # the sign that counts is the numerator's, half included
    (1, 0, 4, True, 0, [-8, -9, -136, -137], [0, -1, -1, -2]),
    (-128, 100, 2, False, 0, [31, -31], [-967, 1017]),
    (3, -70, 2, False, 5, [0, 1, 24, 45, 46, -23], [-1, -1, 0, 1, 1, -1]),
    (127, 32767, 15, True, 0, [4095, -4095, -258, -390], [17, -2, 0, -1]),
    # neither is clamped
    (127, -100, 0, False, 0, [4095, -4095], [519965, -520165]),
]


def run(
    backend: str, layer: ConvWeights, x: np.ndarray, *, leaky: bool, kind: int = 0, more_shift: int = 0
) -> np.ndarray:
    """The layer's output, (1, C, h, w), by a backend's operations."""
    weights = {0: LevelWeights({"layer": layer})}
    height, width = 2 * x.shape[2], 2 * x.shape[3]
    options = {"leaky": leaky, "kind": kind, "more_shift": more_shift}
    if backend == "numpy":
        return NumpyOperations(weights, height, width, "420").conv(0, "layer", x.astype(np.float64), **options)
    if backend == "torch":
        torch.set_num_threads(1)
        ops = TorchOperations(weights, height, width, "420", torch.device("cpu"))
        return ops.conv(0, "layer", ops.tensor(x), **options).numpy()
    builder = GraphBuilder(weights, height, width, "420")
    output = builder.conv(0, "layer", "x", **options)
    return builder.session({"x": x.shape[1:]}, output, 1).run(None, {"x": x.astype(np.float32)})[0]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("weight", "bias", "shift", "leaky", "more_shift", "inputs", "outputs"), RULES)
def test_rule(
    backend: str, weight: int, bias: int, shift: int, leaky: bool, more_shift: int, inputs: list, outputs: list
) -> None:
    layer = ConvWeights(np.full((1, 1, 1, 1), weight), np.array([[bias]]), shift)
    x = np.array(inputs).reshape(1, 1, 1, -1)
    found = run(backend, layer, x, leaky=leaky, more_shift=more_shift)
    assert found.ravel().tolist() == outputs
    divided = shift + more_shift
    numerators = [weight * value + bias + (1 << divided >> 1) for value in inputs]
    assert outputs == [n >> (divided + 3 if leaky and n < 0 else divided) for n in numerators]


@pytest.mark.parametrize("backend", BACKENDS)
def test_kinds_pick_the_bias(backend: str) -> None:
    layer = ConvWeights(np.ones((2, 1, 1, 1), np.int64), np.array([[0, 8], [16, 24], [-8, 32]]), 3)
    x = np.array([8, 16]).reshape(1, 1, 1, 2)
    found = [run(backend, layer, x, leaky=False, kind=kind)[0, :, 0].tolist() for kind in range(3)]
    assert found == [[[1, 2], [2, 3]], [[3, 4], [4, 5]], [[0, 1], [5, 6]]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_kernel_is_not_flipped_and_the_outside_is_zero(backend: str) -> None:
    kernel = np.arange(1, 10).reshape(1, 1, 3, 3)
    x = np.array([[1, 0, 0], [0, 0, 100]]).reshape(1, 1, 2, 3)
    found = run(backend, ConvWeights(kernel, np.array([[0]]), 0), x, leaky=False)
    assert found[0, 0].tolist() == [[5, 904, 800], [2, 601, 500]]


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((1, 1), [(1, 1)] * 5),
        ((33, 64), [(17, 32), (9, 16), (5, 8), (3, 4), (2, 2)]),
        ((272, 640), [(136, 320), (68, 160), (34, 80), (17, 40), (9, 20)]),
    ],
)
def test_level_sizes(size: tuple[int, int], sizes: list[tuple[int, int]]) -> None:
    assert [arithmetic.level_size(*size, level) for level in range(5)] == sizes
