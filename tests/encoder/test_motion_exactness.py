"""Motion profile: what the fit reconstructs, window by window, is what the decoder decodes, sample for sample.

Every scale has a closed loop of its own, in the fit as in the decoder.
"""

import numpy as np
import pytest
import torch

from nvcodec.bitstream import SequenceHeader, UnitKey, UnitType, write_payload
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.encoder.crop import whole
from nvcodec.encoder.motion_fit import REFINED_SCALES, MotionFit
from nvcodec.encoder.quantise import choose_shifts, prune
from nvcodec.synthesis.alignment import Reference, align_picture
from nvcodec.synthesis.arithmetic import PICTURE_FRACTION_BITS, level_size
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.structure import hierarchical_order
from nvcodec.video.frame import Frame
from nvcodec.video.scaling import area_downscale
from tests.streams import MOTION_CASES, gops_of, motion_fit, moving_frames, same_planes, write_file


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


def simulated(fit: MotionFit, scale_log2: int) -> list[Frame]:
    """Every picture from the fit's latents, by its arithmetic, each aligned from those before it in coding order."""
    video, found = fit.video.scaled(scale_log2), {}
    references: dict[int, Reference] = {}
    fit._look_at(whole(fit.video.height, fit.video.width))
    for gop, picture in fit.order:
        number, model, rows = fit._number(gop, picture), fit._model(picture), fit._rows([picture])
        aligned = fit._align(gop, picture, references, scale_log2)
        window = fit._inputs(aligned, scale_log2) if picture.references else None
        latents = {level: z.float() for level, z in fit.latents[number].items()}
        assert model.ops.exact
        with torch.no_grad():
            packed = model.pictures(latents, rows, window, scale_log2)[scale_log2]
        integers = packed.numpy() * (1 << PICTURE_FRACTION_BITS)
        assert np.array_equal(integers, np.round(integers)), "a value between two integers"
        planes = fit._planes(packed, scale_log2)
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


def decoded_scales(fit: MotionFit) -> list[list[Frame]]:
    """The file's pictures by scale."""
    data, found = written(fit), []
    for scale in SCALES:
        with Decoder(data, scale=scale, threads=1) as decoder:
            found.append(list(decoder))
    return found


def assert_decodes_to_what_the_fit_saw(fit: MotionFit) -> list[list[Frame]]:
    """At every scale; returns the pictures by scale."""
    scales = decoded_scales(fit)
    for scale_log2, decoded in enumerate(scales):
        expected = simulated(fit, scale_log2)
        assert len(decoded) == len(expected)
        for a, b in zip(decoded, expected, strict=True):
            assert same_planes(a, b), f"picture {a.pts} at scale {SCALES[scale_log2]}"
    return scales


@pytest.mark.parametrize("name", MOTION_CASES)
def test_random_networks(name: str) -> None:
    case = MOTION_CASES[name]
    fit = motion_fit((case.model, case.inter_model), case.video, gops_of(case.count), 1)
    make_random(fit)
    scales = assert_decodes_to_what_the_fit_saw(fit)
    assert all(plane.std() > 0 for frame in scales[0] for plane in frame.planes)


def test_both_clamp() -> None:
    """Latents at the end of their range, so that activations and pictures saturate."""
    case = MOTION_CASES["motion"]
    fit = motion_fit((case.model, case.inter_model), case.video, gops_of(5), 1)
    make_random(fit)
    for latents in fit.latents:
        for z in latents.values():
            z.copy_(torch.where(torch.rand(z.shape) < 0.5, -128, 127))
    assert_decodes_to_what_the_fit_saw(fit)


def test_the_coarsest_steps() -> None:
    """More than eight bits of them, up to the field's end, beyond which the fit's parameter may go."""
    case = MOTION_CASES["motion"]
    fit = motion_fit((case.model, case.inter_model), case.video, gops_of(5), 1)
    make_random(fit, spread=1)
    for model in fit.models:
        with torch.no_grad():
            for step in model.network.log_step.values():
                step.copy_(torch.linspace(-1, 0.5, step.numel()).view(step.shape))
    with Decoder(written(fit), threads=1) as decoder:
        networks = decoder._segment_networks(0)
    steps = np.concatenate([own.step.ravel() for network in networks for own in network.weights.values()])
    assert steps.max() == 1023
    assert_decodes_to_what_the_fit_saw(fit)


# Windows


def assert_windows_are_aligned(fit: MotionFit, scale_log2: int, pictures: list[list[Array]]) -> None:
    """The windows that are kept at a scale are these pictures (planes by number), aligned as the decoder does it."""
    video, store, compared = fit.video, fit.stores[scale_log2], 0
    for number, gop in enumerate(fit.gops):
        for picture in hierarchical_order(gop.length, gop.open):
            if not picture.references:
                continue
            motion = fit.motion[number][picture.index].motion
            expected = [
                align_picture(
                    Reference(pictures[gop.first + index], video.bit_depth),
                    vectors,
                    motion.block_log2,
                    video.chroma_format,
                    scale_log2,
                )
                for index, vectors in zip(picture.references, motion.fields, strict=True)
            ]
            found = store.window(gop.first + picture.index, whole(video.height, video.width))
            for planes, aligned in zip(found, [expected[0], expected[-1]], strict=True):
                assert all(map(np.array_equal, planes, aligned)), f"picture {picture} at scale {SCALES[scale_log2]}"
                compared += 1
    assert compared == 2 * sum(bool(picture.references) for _, picture in fit.order) > 0


WINDOWED = ("motion", "odd size", "one pass", "grid at the finest level")


@pytest.mark.parametrize("name", WINDOWED)
def test_the_first_windows_are_of_the_source(name: str) -> None:
    case = MOTION_CASES[name]
    fit = motion_fit((case.model, case.inter_model), case.video, gops_of(case.count), 1)
    frames = moving_frames(case.video, case.count)
    for scale_log2, store in enumerate(fit.stores):
        shapes = case.video.scaled(scale_log2).plane_shapes
        assert store.samples.shape == (case.count, 2, sum(rows * columns for rows, columns in shapes))
        smaller = [
            [np.floor(plane + 0.5).astype(case.video.dtype) for plane in area_downscale(frame.planes, scale_log2)]
            for frame in frames
        ]
        assert_windows_are_aligned(fit, scale_log2, smaller)


@pytest.mark.parametrize("name", WINDOWED)
def test_refreshed_windows_are_the_decoders(name: str) -> None:
    """Of each scale's own loop: made of what the decoder decodes at that scale, not of a larger scale's pictures."""
    case = MOTION_CASES[name]
    fit = motion_fit((case.model, case.inter_model), case.video, gops_of(case.count), 1)
    make_random(fit)
    fit._refresh()
    for scale_log2, decoded in enumerate(decoded_scales(fit)):
        assert_windows_are_aligned(fit, scale_log2, [list(frame.planes) for frame in decoded])


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
    """The last phase refined each picture against the references that the decoder has, of every scale it looked at."""
    assert all(z.dtype == torch.int8 for latents in fitted.latents for z in latents.values())
    scales = assert_decodes_to_what_the_fit_saw(fitted)
    assert sorted(fitted.references) == sorted(REFINED_SCALES)
    for scale_log2, references in fitted.references.items():
        assert references, "of the last GoP"
        for number, reference in references.items():
            video = fitted.video.scaled(scale_log2)
            assert same_planes(scales[scale_log2][number], Frame(tuple(reference.planes), number, video))


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
