"""What the fit simulates in its exact phase is what the decoder decodes, sample for sample."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nvcodec.bitstream import ModelConfig
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.encoder.crop import whole
from nvcodec.encoder.distortion import ScaleAdaptiveLoss
from nvcodec.encoder.fit import Fit
from nvcodec.encoder.model import FitOperations, NetworkParameters
from nvcodec.encoder.pack import export_integers
from nvcodec.encoder.quantise import choose_shifts, prune
from nvcodec.encoder.run import Gop, GridCache, Grids, RunModel
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.packing import to_samples, unpack
from nvcodec.video.frame import Frame, VideoFormat
from tests.streams import CASES, TINY, moving_frames, same_planes, tiny_settings, video_format, write_stream

CPU = torch.device("cpu")
NETWORKS = [name for name, case in CASES.items() if case.model is not None]


def simulated(model: RunModel, video: VideoFormat, scale: int) -> list[Frame]:
    """Every picture from the cache's grids, by the fit's arithmetic."""
    assert model.ops.exact
    model.look_at(whole(video.height, video.width))
    frames, small = [], video.scaled(scale)
    for number, gop in enumerate(model.gops):
        with torch.no_grad():
            packed = model.pictures(number, Grids(), list(range(gop.length)), scale)[scale]
        integers = (packed * (1 << arithmetic.PICTURE_FRACTION_BITS)).numpy()
        assert np.array_equal(integers, np.round(integers)), "a value between two integers"
        for index, picture in enumerate(to_samples(integers, video.bit_depth)):
            planes = unpack(picture, video.chroma_format, list(small.plane_shapes))
            frames.append(Frame(tuple(planes), gop.first + index, small))
    return frames


def assert_decodes_to(data: bytes, model: RunModel, video: VideoFormat, scales: tuple[int, ...] = (0, 1, 2, 3)) -> None:
    for scale in scales:
        name = SCALES[scale]
        with Decoder(data, scale=name, threads=1) as decoder:
            decoded = list(decoder)
        expected = simulated(model, video, scale)
        assert len(decoded) == len(expected)
        for a, b in zip(decoded, expected, strict=True):
            assert same_planes(a, b), f"picture {a.pts} at scale {name}"


def random_run(config: ModelConfig, video: VideoFormat, gops: list[Gop]) -> RunModel:
    """A network with parameters and grids at will, as quantised as the fit's exact phase has it."""
    torch.manual_seed(0)
    network = NetworkParameters(config, video.chroma_format, sum(gop.length for gop in gops))
    with torch.no_grad():
        for layer in network.layers.values():
            layer.weight *= 1.5
            layer.bias += 0.05 * torch.randn(layer.bias.shape)
        for window in network.window.values():
            window += 0.3 * torch.randn(window.shape)
        for step in (*network.log_step.values(), *network.log_gop_step.values()):
            step += 0.5 * torch.randn(step.shape)
    choose_shifts(network)
    prune(network)
    ops = FitOperations(network, video.height, video.width)
    ops.exact = True
    cache = GridCache(config, gops, video.height, video.width, CPU)
    for grids in (*cache.temporal, *cache.background):
        for values in grids.values():
            values.copy_(torch.randint(-9, 10, values.shape))
    return RunModel(network, ops, cache, gops)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_random_network(name: str) -> None:
    case = CASES[name]
    config, video = case.model, case.video
    gops = [Gop(0, 1)] if case.count == 1 else [Gop(0, case.count - 1), Gop(case.count - 1, 2)]
    run = random_run(config, video, gops)
    data = write_stream(config, video, gops, export_integers(run.network, run.cache, gops))
    assert_decodes_to(data, run, video, (0, 2))


def test_both_clamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grids at the end of their range, so that activations and pictures saturate."""
    video, gops = video_format("420", 8, 33, 20), [Gop(0, 2)]
    run = random_run(replace(TINY, fusion_count=3), video, gops)
    for grids in (*run.cache.temporal, *run.cache.background):
        for values in grids.values():
            values.copy_(torch.where(torch.rand(values.shape) < 0.5, -128, 127))
    data = write_stream(run.config, video, gops, export_integers(run.network, run.cache, gops))
    assert_decodes_to(data, run, video)


@pytest.fixture(scope="module")
def fitted() -> tuple[Fit, VideoFormat, list[Gop]]:
    """A fit that has run to its end on 5 pictures of 36x26."""
    torch.set_num_threads(1)
    video, gops = video_format("420", 8, 36, 26), [Gop(0, 3), Gop(3, 2)]
    source = SourceStore(video)
    for frame in moving_frames(video, 5):
        source.append(frame)
    preset = tiny_settings(epochs=16).resolved_preset()
    fit = Fit(Targets(source, CPU), gops, TINY, preset, 1e-4, loss=ScaleAdaptiveLoss(), seed=0, device=CPU)
    phases = []
    while not fit.done:
        fit.step()
        phases.append(fit.phase)
    assert sorted(set(phases), key=phases.index) == ["fit", "prune and quantise", "refine"]
    return fit, video, gops


def test_a_fitted_network(fitted: tuple[Fit, VideoFormat, list[Gop]]) -> None:
    fit, video, gops = fitted
    data = write_stream(TINY, video, gops, export_integers(fit.network, fit.cache, gops))
    assert_decodes_to(data, fit.model, video)


def test_a_fitted_network_keeps_pruned_weights_at_zero(fitted: tuple[Fit, VideoFormat, list[Gop]]) -> None:
    fit, _, gops = fitted
    weights = export_integers(fit.network, fit.cache, gops).weights
    pruned = 0
    for level, own in weights.items():
        for name, layer in own.layers.items():
            mask = fit.network.conv(level, name).mask.numpy()
            assert not layer.weight[~mask].any()
            pruned += np.count_nonzero(~mask)
    assert pruned > 0
