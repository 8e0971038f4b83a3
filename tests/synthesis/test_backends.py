"""All backends give the same integers: for every chroma format, odd sizes, all scales, contexts and networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nvcodec.bitstream import INTER, ModelConfig
from nvcodec.encoder.presets import default_model, models_without_base
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.backend import Backend, UnknownBackend, make_backend
from nvcodec.synthesis.embedding import context_input
from nvcodec.synthesis.grid_context import grid_parameters, passes, sees_coarser
from nvcodec.synthesis.layers import PICTURE_CHANNELS
from nvcodec.synthesis.network import synthesise
from nvcodec.synthesis.numpy_backend import NumpyOperations
from tests.streams import TINY, TINY_INTER, TINY_INTRA, TINY_LEVELS, random_weights, with_grids, with_level

MODELS = {
    "tiny": TINY,
    "default": default_model(),
    "no picture skip": replace(TINY, picture_skip_flag=False),
    "no block": replace(TINY, levels=tuple(replace(own, branch=0) for own in TINY_LEVELS)),
    "one fusion layer": replace(TINY, fusion_count=1),
    "three fusion layers": replace(TINY, fusion_count=3),
    "no hidden context layer": with_grids(TINY, context_hidden=0),
    "only the previous grid": replace(TINY, context_coarser_flag=False),
    "only the coarser grid": replace(TINY, context_previous_flag=False),
    "no context": replace(TINY, context_previous_flag=False, context_coarser_flag=False),
    "grid at level 0": with_level(TINY, 0, grid_channels=2),
    "the smallest": ModelConfig(),
}
DEFAULT_INTRA, DEFAULT_INTER = models_without_base()
MOTION_MODELS = {
    "tiny intra": TINY_INTRA,
    "tiny inter": TINY_INTER,
    "default intra": DEFAULT_INTRA,
    "default inter": DEFAULT_INTER,
    "no picture skip": replace(TINY_INTER, picture_skip_flag=False),
    "no block": replace(TINY_INTER, levels=tuple(replace(own, branch=0) for own in TINY_INTER.levels)),
    "no context": replace(TINY_INTER, context_coarser_flag=False, context_neighbours_flag=False),
    "no neighbours": replace(TINY_INTER, context_neighbours_flag=False),
    "only neighbours": replace(TINY_INTER, context_coarser_flag=False),
    "grid at level 0": with_level(TINY_INTER, 0, grid_channels=2),
    "the smallest": ModelConfig(role=INTER),
}
PLACES = {"400": (18, 31), "420": (37, 41), "422": (16, 50), "444": (33, 24)}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def make_backends(
    model: ModelConfig, weights: dict, size: tuple[int, int], chroma_format: str, threads: tuple[int, ...]
) -> dict[str, Backend]:
    """By name and threads: numpy, torch on one thread, ONNX Runtime on each of the numbers of threads."""
    kinds = [("numpy", 1), ("torch", 1), *(("onnxruntime", n) for n in threads)]
    return {f"{name} {n}": make_backend(name, model, weights, *size, chroma_format, threads=n) for name, n in kinds}


def assert_equal(found: dict[str, np.ndarray]) -> np.ndarray:
    reference = found["numpy 1"]
    assert np.array_equal(reference, np.floor(reference)), "integers only"
    for name, values in found.items():
        assert values.shape == reference.shape, name
        assert np.count_nonzero(values != reference) == 0, name
    return reference


def random_window(
    chroma_format: str, size: tuple[int, int], finest: int, random: np.random.Generator, *, loud: bool
) -> dict[int, np.ndarray]:
    """Two pictures of noise as an inter network sees them; loud ones take the two ends of the range alone."""
    window = {}
    for level in range(finest, 4):
        shape = (2, 1, PICTURE_CHANNELS[chroma_format], *arithmetic.level_size(*size, level))
        first, second = random.choice([-2048, 2047], shape) if loud else random.integers(-2048, 2048, shape)
        window[level] = np.concatenate([first, second - first], 1).astype(np.float32)
    return window


def compare(
    model: ModelConfig,
    chroma_format: str,
    size: tuple[int, int],
    *,
    loud: bool = False,
    threads: tuple[int, ...] = (1,),
) -> None:
    random = np.random.default_rng(1)
    weights = random_weights(model, chroma_format, random, loud=loud)
    backends = make_backends(model, weights, size, chroma_format, threads)
    inter = model.role == INTER
    shapes = {
        level: (1, model.levels[level].grid_channels, *arithmetic.level_size(*size, level))
        for level in model.grid_levels
    }
    reach = arithmetic.ACTIVATION_MAX
    for finest in range(4):
        embeddings = {
            level: random.integers(-reach, reach + 1, shape).astype(np.float32)
            for level, shape in shapes.items()
            if level >= finest
        }
        if loud:
            embeddings = {level: np.where(x < 0, -reach, reach).astype(np.float32) for level, x in embeddings.items()}
        window = random_window(chroma_format, size, finest, random, loud=loud) if inter else None
        pictures = {name: backend.synthesise(dict(embeddings), finest, window) for name, backend in backends.items()}
        picture = assert_equal(pictures)
        assert picture.shape == (PICTURE_CHANNELS[chroma_format], *arithmetic.level_size(*size, finest))
        assert np.abs(picture).max() <= reach
        assert picture.std() > 0
    for level, shape in shapes.items():
        previous = random.integers(-20, 21, shape)
        coarser = random.integers(-20, 21, shapes[level + 1]) if sees_coarser(model, level) else None
        kind = level % model.context_kinds
        means, scales = {}, {}
        for name, backend in backends.items():
            means[name], scales[name] = grid_parameters(backend, model, level, size, previous, coarser, kind)
        assert assert_equal(means).shape == shape
        assert assert_equal(scales).shape == shape


@pytest.mark.parametrize("chroma_format", PLACES)
def test_chroma_formats_and_odd_sizes(chroma_format: str) -> None:
    compare(TINY, chroma_format, PLACES[chroma_format], threads=(1, 2))


@pytest.mark.parametrize("name", MODELS)
def test_networks(name: str) -> None:
    compare(MODELS[name], "420", (35, 18))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 2), (64, 32)], ids=str)
def test_extreme_sizes(size: tuple[int, int]) -> None:
    compare(TINY, "420", size)


def test_accumulators_near_the_bound() -> None:
    """Weights that fill the bound and activations at the limit: where float32 would fail first."""
    compare(default_model(), "444", (34, 33), loud=True, threads=(1, 2))


@pytest.mark.parametrize("loud", [False, True])
def test_a_coarse_picture_does_not_depend_on_finer_levels(loud: bool) -> None:
    """What scale 1/2 shows is what the full decode computes on its way: the weights of level 0 play no part."""
    random = np.random.default_rng(2)
    weights, size = random_weights(TINY, "420", random, loud=loud), (35, 18)
    embeddings = {
        level: random.integers(-900, 900, (1, TINY.levels[level].grid_channels, *arithmetic.level_size(*size, level)))
        for level in TINY.grid_levels
    }
    given = {level: x.astype(np.float64) for level, x in embeddings.items()}
    whole = synthesise(NumpyOperations(weights, *size, "420"), TINY, given, 0)
    for finest in range(4):
        kept = {level: own for level, own in weights.items() if level >= finest}
        backend = make_backend("numpy", TINY, kept, *size, "420")
        part = backend.synthesise({level: x for level, x in given.items() if level >= finest}, finest)
        assert np.array_equal(part, whole[finest][0])


@pytest.mark.parametrize("chroma_format", PLACES)
def test_inter_networks_in_all_chroma_formats_and_odd_sizes(chroma_format: str) -> None:
    compare(TINY_INTER, chroma_format, PLACES[chroma_format], threads=(1, 2))


@pytest.mark.parametrize("name", MOTION_MODELS)
def test_networks_of_the_motion_profile(name: str) -> None:
    compare(MOTION_MODELS[name], "420", (35, 18))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 2), (64, 32)], ids=str)
def test_extreme_sizes_of_inter_networks(size: tuple[int, int]) -> None:
    compare(TINY_INTER, "420", size)


@pytest.mark.parametrize("chroma_format", ["400", "444"])
def test_accumulators_near_the_bound_in_inter_networks(chroma_format: str) -> None:
    compare(DEFAULT_INTER, chroma_format, (34, 33), loud=True, threads=(1, 2))


@pytest.mark.parametrize("name", ["tiny inter", "only neighbours", "grid at level 0"])
def test_contexts_of_every_row_and_pass(name: str) -> None:
    """What each row's bias and each of the two passes yields; rows differ, and neighbours count."""
    model, size, random = MOTION_MODELS[name], (37, 22), np.random.default_rng(6)
    weights = random_weights(model, "420", random)
    backends = make_backends(model, weights, size, "420", (1,))
    for level in model.grid_levels:
        shape = (1, model.levels[level].grid_channels, *arithmetic.level_size(*size, level))
        latents = random.integers(-20, 21, shape)
        even, odd = passes(model, *shape[2:])
        assert np.array_equal(even ^ odd, np.ones(shape[2:]))
        seen = set()
        for row in range(model.step_rows):
            for known in (None, latents * even):
                found = {
                    name: grid_parameters(b, model, level, size, known, None, row)[0] for name, b in backends.items()
                }
                seen.add(assert_equal(found).tobytes())
        assert len(seen) == 2 * model.step_rows


def blended(chroma_format: str, first: int, second: int, mask: tuple[int, ...], residual: int) -> list[int]:
    """Channels of one packed sample that a blend yields."""
    count = PICTURE_CHANNELS[chroma_format]
    ops = NumpyOperations({}, 2, 2, chroma_format)
    window = np.array([first] * count + [second - first] * count, np.float64).reshape(1, -1, 1, 1)
    found = ops.blend(
        window, np.array(mask, np.float64).reshape(1, -1, 1, 1), np.full((1, count, 1, 1), float(residual))
    )
    return found.ravel().astype(int).tolist()


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ((0, 0), [200] * 6),  # half of each
        ((-512, 512), [100] * 4 + [300] * 2),
        ((4095, -4095), [300] * 4 + [100] * 2),
        ((-1, 3), [199] * 4 + [200] * 2),  # floor(-1 / 4) is -1: 127 of 256
        ((4, -4), [201] * 4 + [199] * 2),  # 129 and 127 of 256: 200.78 and 199.22
    ],
)
def test_blends_by_hand(mask: tuple[int, int], expected: list[int]) -> None:
    assert blended("420", 100, 300, mask, 0) == expected
    assert blended("420", 100, 300, mask, -7) == [value - 7 for value in expected]


def test_blends_of_other_chroma_formats() -> None:
    assert blended("400", -2048, 2047, (512,), 1) == [2048] * 4
    assert blended("422", 0, 256, (512, -512), 0) == [256] * 4 + [0] * 4
    assert blended("444", 0, 256, (-512, 512), 0) == [0] * 4 + [256] * 8


class Seen:
    """A backend that keeps what a context network is shown."""

    def context(self, level: int, inputs: list[np.ndarray], coarser: np.ndarray | None, kind: int) -> np.ndarray:
        self.inputs, self.coarser, self.kind = inputs, coarser, kind
        return np.zeros((1, 2 * TINY.levels[level].grid_channels, *inputs[0].shape[2:]), np.float32)


def test_context_sees_scaled_grids_and_zeros_in_their_absence() -> None:
    seen, size = Seen(), (20, 40)
    previous, coarser = np.full((1, 3, 5, 10), 2), np.full((1, 2, 3, 5), -30)
    model = with_level(with_level(TINY, 1, grid_channels=3), 2, grid_channels=2)
    grid_parameters(seen, model, 1, size, previous, coarser, arithmetic.KIND_NEXT)
    assert np.array_equal(seen.inputs[0], context_input(previous))
    assert np.array_equal(seen.coarser, context_input(coarser))
    assert seen.kind == 2
    grid_parameters(seen, model, 1, size, None, None, arithmetic.KIND_GOP)
    assert np.array_equal(seen.inputs[0], np.zeros((1, 3, 5, 10)))
    assert np.array_equal(seen.coarser, np.zeros((1, 2, 3, 5)))
    grid_parameters(seen, model, 4, size, None, None, arithmetic.KIND_FIRST)
    assert seen.coarser is None
    blind = replace(model, context_previous_flag=False, context_coarser_flag=False)
    grid_parameters(seen, blind, 1, size, previous, coarser, arithmetic.KIND_NEXT)
    assert [x.shape for x in seen.inputs] == [(1, 1, 5, 10)]
    assert not seen.inputs[0].any()
    assert seen.coarser is None


def test_unknown_backend() -> None:
    with pytest.raises(UnknownBackend, match="'tensorflow': known are numpy, onnxruntime, torch"):
        make_backend("tensorflow", TINY, {}, 16, 16, "420")
