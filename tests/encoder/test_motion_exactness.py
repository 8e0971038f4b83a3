"""Motion profile: what the fit reconstructs, window by window, is what the decoder decodes, sample for sample.

The fit's windows are of full size, so this holds at scale 1; smaller scales have closed loops of their own.
"""

import numpy as np
import pytest
import torch

from nvcodec.bitstream import SequenceHeader, UnitKey, UnitType, write_payload
from nvcodec.decoder import Decoder
from nvcodec.encoder.crop import whole
from nvcodec.encoder.distortion import ScaleAdaptiveLoss
from nvcodec.encoder.motion_fit import MotionFit
from nvcodec.encoder.quantise import choose_shifts, prune
from nvcodec.encoder.run import Gop
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.synthesis.alignment import Reference
from nvcodec.synthesis.arithmetic import PICTURE_FRACTION_BITS, level_size
from nvcodec.video.frame import Frame, VideoFormat
from tests.streams import MOTION_CASES, Models, motion_settings, moving_frames, random_motion, same_planes, write_file

CPU = torch.device("cpu")


def motion_fit(models: Models, video: VideoFormat, gops: list[Gop], epochs: float) -> MotionFit:
    """A fit at its beginning, with vectors that no search found."""
    torch.set_num_threads(1)
    source = SourceStore(video)
    for frame in moving_frames(video, sum(gop.length for gop in gops)):
        source.append(frame)
    motion = random_motion(gops, (video.height, video.width), np.random.default_rng(2))
    preset = motion_settings(epochs=epochs).resolved_preset()
    targets = Targets(source, CPU)
    return MotionFit(targets, gops, models, preset, 1e-4, motion, loss=ScaleAdaptiveLoss(), seed=0, device=CPU)


def make_random(fit: MotionFit, spread: int = 9) -> None:
    """Parameters and latents at will, as quantised as the fit's last phase has them."""
    torch.manual_seed(0)
    video = fit.video
    for model in fit.models:
        with torch.no_grad():
            for layer in model.network.layers.values():
                layer.weight *= 1.5
                layer.bias += 0.05 * torch.randn(layer.bias.shape)
            for step in model.network.log_step.values():
                step += 0.5 * torch.randn(step.shape)
        choose_shifts(model.network)
        prune(model.network)
        model.ops.exact = True
    for gop, picture in fit.order:
        config = fit._model(picture).config
        fit.latents[fit._number(gop, picture)] = {
            level: torch.randint(
                -spread,
                spread + 1,
                (1, config.levels[level].grid_channels, *level_size(video.height, video.width, level)),
            ).to(torch.int8)
            for level in config.grid_levels
        }


def simulated(fit: MotionFit) -> list[Frame]:
    """Every picture from the fit's latents, by its arithmetic, each aligned from those before it in coding order."""
    video, found = fit.video, {}
    references: dict[int, Reference] = {}
    fit._look_at(whole(video.height, video.width))
    for gop, picture in fit.order:
        number, model, rows = fit._number(gop, picture), fit._model(picture), fit._rows([picture])
        window = fit._inputs(fit._align(gop, picture, references)) if picture.references else None
        latents = {level: z.float() for level, z in fit.latents[number].items()}
        assert model.ops.exact
        with torch.no_grad():
            packed = model.pictures(latents, rows, window)[0]
        integers = packed.numpy() * (1 << PICTURE_FRACTION_BITS)
        assert np.array_equal(integers, np.round(integers)), "a value between two integers"
        planes = fit._planes(packed)
        references[number] = Reference(planes, video.bit_depth)
        found[number] = Frame(tuple(planes), number, video)
    return [found[number] for number in sorted(found)]


def written(fit: MotionFit) -> bytes:
    video = fit.video
    sequence = SequenceHeader(
        width=video.width,
        height=video.height,
        chroma_format=video.chroma_format,
        bit_depth=video.bit_depth,
        picture_count=len(fit.latents),
        profile="motion",
        model=fit.configs[0],
        inter_model=fit.configs[1],
    )
    units, _ = fit.pack(0, 0, 1)
    return write_file([(UnitKey(UnitType.SEQUENCE), write_payload(sequence)), *units])


def assert_decodes_to_what_the_fit_saw(fit: MotionFit) -> list[Frame]:
    expected = simulated(fit)
    with Decoder(written(fit), threads=1) as decoder:
        decoded = list(decoder)
    assert len(decoded) == len(expected)
    for a, b in zip(decoded, expected, strict=True):
        assert same_planes(a, b), f"picture {a.pts}"
    return decoded


def gops_of(count: int) -> list[Gop]:
    """A closed GoP of one picture, as the encoder plans them, and two open ones."""
    if count == 1:
        return [Gop(0, 1)]
    half = (count - 1) // 2
    return [Gop(0, 1), Gop(1, half, open=True), Gop(1 + half, count - 1 - half, open=True)]


@pytest.mark.parametrize("name", MOTION_CASES)
def test_random_networks(name: str) -> None:
    case = MOTION_CASES[name]
    fit = motion_fit((case.model, case.inter_model), case.video, gops_of(case.count), 1)
    make_random(fit)
    frames = assert_decodes_to_what_the_fit_saw(fit)
    assert all(plane.std() > 0 for frame in frames for plane in frame.planes)


def test_both_clamp() -> None:
    """Latents at the end of their range, so that activations and pictures saturate."""
    case = MOTION_CASES["motion"]
    fit = motion_fit((case.model, case.inter_model), case.video, gops_of(5), 1)
    make_random(fit)
    for latents in fit.latents:
        for z in latents.values():
            z.copy_(torch.where(torch.rand(z.shape) < 0.5, -128, 127))
    assert_decodes_to_what_the_fit_saw(fit)


@pytest.fixture(scope="module")
def fitted() -> MotionFit:
    """A fit that has run to its end, on random vectors."""
    case = MOTION_CASES["odd size"]
    fit = motion_fit((case.model, case.inter_model), case.video, gops_of(6), 12)
    phases = []
    while not fit.done:
        fit.step()
        phases.append(fit.phase)
    assert sorted(set(phases), key=phases.index) == ["fit", "prune and quantise", "refine"]
    return fit


def test_a_fitted_network(fitted: MotionFit) -> None:
    """The last phase refined each picture against the references that the decoder has."""
    assert all(z.dtype == torch.int8 for latents in fitted.latents for z in latents.values())
    decoded = assert_decodes_to_what_the_fit_saw(fitted)
    assert fitted.references, "of the last GoP"
    for number, reference in fitted.references.items():
        assert same_planes(decoded[number], Frame(tuple(reference.planes), number, fitted.video))


def test_pruned_weights_stay_at_zero(fitted: MotionFit) -> None:
    pruned = 0
    for model in fitted.models:
        for layer in model.network.layers.values():
            weight = layer.integer_weight()
            assert not weight[~layer.mask].any()
            pruned += int((~layer.mask).sum())
    assert pruned > 0


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8, 0.95])
def test_a_fit_goes_on_from_its_state(fitted: MotionFit, share: float) -> None:
    """Also one whose planes have two bytes a sample: the references and windows that are kept are the same."""
    case = MOTION_CASES["odd size"]
    first, second = (motion_fit((case.model, case.inter_model), case.video, gops_of(6), 12) for _ in range(2))
    first.step()
    while first.share < share:
        first.step()
    second.load(first.state())
    while not second.done:
        second.step()
    assert second.step_number == fitted.step_number
    assert written(second) == written(fitted)
