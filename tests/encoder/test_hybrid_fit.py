"""Hybrid profile: whole encodes, interruptions, sizes, and that what the fit sees is what the decoder decodes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.bitstream import (
    INTER,
    ContainerReader,
    LevelConfig,
    ModelConfig,
    Place,
    SequenceHeader,
    TablesHeader,
    UnitKey,
    UnitType,
    read_payload,
    write_payload,
)
from nvcodec.bitstream.default_tables import DEFAULT_TABLES
from nvcodec.bitstream.filters import DEFAULT_FILTER
from nvcodec.bitstream.residual_headers import DEFAULT_CHOICE, DEFAULT_INTRA
from nvcodec.decoder import Decoder, network_unit
from nvcodec.decoder.decoder import SCALES
from nvcodec.encoder import hybrid_fit as hybrid_fit_module
from nvcodec.encoder.encode import EncodeSummary, ProgressEvent
from nvcodec.encoder.errors import Interrupted, SizeImpossible
from nvcodec.encoder.hybrid_fit import HybridFit, Loop, parameter_for, usual_importance
from nvcodec.encoder.hybrid_model import HybridModel
from nvcodec.encoder.hybrid_pack import CodedPictures, pack_hybrid_segment
from nvcodec.encoder.model import NetworkParameters
from nvcodec.encoder.pack import export_weights, pack_network
from nvcodec.encoder.presets import Preset, hybrid_network
from nvcodec.encoder.quantise import choose_shifts, prune
from nvcodec.encoder.residual import ResidualCounts
from nvcodec.encoder.run import Gop
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.synthesis.coefficients import band
from nvcodec.synthesis.structure import hierarchical_order
from nvcodec.synthesis.transform import block_shape
from nvcodec.synthesis.vectors import field_shape
from nvcodec.video.frame import Frame, VideoFormat
from tests.streams import encode_bytes, moving_frames, random_motion, same_planes, video_format, write_file

BACKENDS = ("numpy", "onnxruntime", "torch")
NO_NETWORK = hybrid_network(0)
SMALL = ModelConfig(
    levels=(
        LevelConfig(features=3, branch=2),
        LevelConfig(features=4, branch=3),
        LevelConfig(features=4),
        LevelConfig(features=3),
        LevelConfig(features=2, grid_channels=1),
    ),
    role=INTER,
    fusion_count=2,
)
OWN_FILTERS = tuple(
    tuple(tuple(int(k) for k in row) for row in np.random.default_rng(seed).integers(-9, 14, (15, 12)))
    for seed in (0, 1)
)
"""Adaptive filters at will."""
CODING_PHASES = ("code", "fit", "refine")


@dataclass(frozen=True)
class Clip:
    chroma_format: str
    bit_depth: int
    width: int
    height: int
    count: int
    gop_length: int = 4

    @property
    def video(self) -> VideoFormat:
        return video_format(self.chroma_format, self.bit_depth, self.width, self.height)

    def frames(self) -> list[Frame]:
        return moving_frames(self.video, self.count)


CLIPS = {
    "plain": Clip("420", 8, 48, 32, 9),
    "ten bits": Clip("420", 10, 35, 19, 5),
    "grey": Clip("400", 8, 33, 18, 4),
    "422": Clip("422", 8, 18, 27, 4),
    "444": Clip("444", 12, 24, 17, 3),
    "one picture": Clip("420", 8, 16, 16, 1),
}


def settings(**changes: object) -> EncodeSettings:
    """Two passes, without a network."""
    given = {"profile": "hybrid", "preset": "fast", "lam": 2e-4, "gop_length": 4, "threads": 1, "block_log2": 3}
    return EncodeSettings(**{**given, "device": "cpu", "model": NO_NETWORK, **changes})


@cache
def encoded(name: str) -> tuple[bytes, EncodeSummary]:
    torch.set_num_threads(1)
    return encode_bytes(CLIPS[name].frames(), settings())


# Whole encodes


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CLIPS)
def test_all_scales_match_the_digests(name: str, backend: str) -> None:
    (data, summary), clip = encoded(name), CLIPS[name]
    for number, scale in enumerate(SCALES):
        with Decoder(data, scale=scale, backend=backend, threads=1, verify=True) as decoder:
            frames = list(decoder)
            assert decoder.format == clip.video.scaled(number)
        assert [frame.pts for frame in frames] == list(range(clip.count))
        assert number or all(plane.std() > 0 for frame in frames for plane in frame.planes)
    assert summary.picture_count == clip.count
    assert summary.psnr_y["1"] > 28


@pytest.mark.parametrize("name", CLIPS)
def test_streams_have_the_profiles_units(name: str) -> None:
    data, summary = encoded(name)
    with Decoder(data) as decoder:
        assert decoder.sequence.profile == "hybrid"
        assert decoder.sequence.models == (NO_NETWORK,)
        kinds = {UnitType(entry.key.unit_type) for entry in decoder.container.entries}
        moving = {UnitType.MOTION} if CLIPS[name].count > 1 else set()
        plain = {UnitType.SEQUENCE, UnitType.SEGMENT, UnitType.TABLES, UnitType.RESIDUAL, UnitType.DIGEST}
        assert kinds == {*plain, *moving, UnitType.INDEX}
    assert summary.file_bytes == len(data) == sum(summary.component_bytes.values())
    assert all(count >= 0 for count in summary.component_bytes.values())


def test_a_reduced_scale_is_close_to_the_averaged_picture() -> None:
    data, summary = encoded("plain")
    least = {"1": 36, "1/2": 30, "1/4": 25, "1/8": 18}  # a scale of 6x4 samples drifts as it likes
    assert [scale for scale, db in summary.psnr_y.items() if db < least[scale]] == [], summary.psnr_y
    assert len(data) < 9 * 48 * 32 * 3 / 4


def test_the_same_again_and_other_settings() -> None:
    frames = CLIPS["ten bits"].frames()
    data, _ = encoded("ten bits")
    torch.manual_seed(99)
    assert encode_bytes(frames, settings())[0] == data
    for change in ({"lam": 1e-3}, {"gop_length": 2}, {"block_log2": 5}, {"keyint": 2}):
        assert encode_bytes(frames, settings(**change))[0] != data, change


def test_more_lambda_fewer_bytes_and_a_worse_picture() -> None:
    frames = CLIPS["plain"].frames()
    summaries = [encode_bytes(frames, settings(lam=lam, preset="ultrafast"))[1] for lam in (2e-5, 2e-4, 2e-3)]
    for better, worse in pairwise(summaries):
        assert worse.file_bytes < better.file_bytes
        assert worse.psnr_y["1"] < better.psnr_y["1"] - 1.5


def test_progress() -> None:
    events: list[ProgressEvent] = []
    encode_bytes(CLIPS["ten bits"].frames(), settings(), progress=events.append)
    phases = [event.phase for event in events]
    assert sorted(set(phases), key=phases.index) == ["read", "analyse", "motion", "code", "refine", "write", "verify"]
    shares = [event.done for event in events if event.phase in CODING_PHASES]
    assert shares == [100 * step for step in range(1, 11)], "five pictures, twice"


# Sizes


@pytest.mark.parametrize("share", [0.6, 1.5])
def test_a_wanted_size_is_hit(share: float) -> None:
    clip = Clip("420", 8, 96, 64, 5)
    frames = clip.frames()
    size = round(share * encode_bytes(frames, settings(preset="ultrafast"))[1].file_bytes)
    data, summary = encode_bytes(frames, settings(preset="ultrafast", lam=None, size_bytes=size))
    assert len(data) == summary.file_bytes == pytest.approx(size, rel=0.02)
    with Decoder(data, verify=True, threads=1) as decoder:
        assert len(list(decoder)) == 5


def test_a_network_that_need_not_be_there_makes_no_size_impossible() -> None:
    """Below a bit for each of its weights."""
    frames = CLIPS["plain"].frames()
    smallest = encode_bytes(frames, settings(preset="ultrafast", lam=1e-2))[1].file_bytes
    weights = sum(layer.weight.numel() for layer in NetworkParameters(NO_NETWORK, "420", 0).layers.values())
    size = smallest + 350
    assert size < weights / 8 + 500
    data, _ = encode_bytes(frames, settings(preset="ultrafast", lam=None, size_bytes=size))
    assert len(data) == pytest.approx(size, rel=0.1)  # on a clip this small sizes come in steps


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(SizeImpossible):
        encode_bytes(CLIPS["grey"].frames(), settings(lam=None, size_bytes=150))


# Weights of pictures


def test_importance_falls_with_the_distance_to_references() -> None:
    gops = [Gop(0, 1), Gop(1, 8, open=True), Gop(9, 8, open=True)]
    order = hierarchical_order(8, True)
    weights = {picture.index: usual_importance(gops, 1, picture) for picture in order}
    by_distance: dict[int, set[float]] = {}
    for picture in order:
        by_distance.setdefault(picture.distance if picture.depth else 99, set()).add(weights[picture.index])
    assert all(len(met) == 1 for met in by_distance.values())
    falling = [min(by_distance[distance]) for distance in sorted(by_distance, reverse=True)]
    assert falling == sorted(falling, reverse=True)
    assert len(set(falling)) == len(falling) == 4
    assert falling[-1] == 1.0, "the deepest"
    first = hierarchical_order(1, False)[0]
    assert usual_importance(gops, 0, first) > weights[7], "of the chain's first picture before that of an anchor"
    assert usual_importance([Gop(0, 1)], 0, first) < usual_importance(gops, 0, first), "nothing depends on it"
    assert usual_importance([Gop(0, 1), Gop(1, 8)], 0, first) == usual_importance([Gop(0, 1)], 0, first), "nor here"


def test_parameters_follow_importance() -> None:
    """What weighs more has a smaller step."""
    fit = fit_of(CLIPS["plain"], [Gop(0, 1), Gop(1, 8, open=True)], lam=0.02)
    while not fit.done:
        fit.step()
    pairs = sorted(zip(fit.importance, fit.best.coded.qp, strict=True))
    assert [qp for _, qp in pairs] == sorted((qp for _, qp in pairs), reverse=True)
    assert pairs[0][1] > pairs[-1][1] + 3
    assert pairs[0][1] == parameter_for(fit.lam * 4096**2)


# Interruptions


class Stopper:
    """Progress and should_stop of one run: counts the fit's steps and stops after one of them, or in a phase."""

    def __init__(self, after: int | str | None = None):
        self.after, self.steps = after, 0
        self.phases: list[str] = []

    def progress(self, event: ProgressEvent) -> None:
        self.steps += event.phase in CODING_PHASES
        self.phases.append(event.phase)

    def should_stop(self) -> bool:
        return self.after in (self.steps, self.phases[-1])


def run(
    frames: list[Frame],
    given: EncodeSettings,
    checkpoint: Path | None,
    after: int | str | None = None,
    *,
    resume: bool = False,
) -> tuple[bytes, Stopper]:
    stopper = Stopper(after)
    options = {"progress": stopper.progress, "should_stop": stopper.should_stop, "resume": resume}
    return encode_bytes(frames, given, checkpoint=checkpoint, **options)[0], stopper


def assert_goes_on(frames: list[Frame], given: EncodeSettings, path: Path, after: int | str, whole: bytes) -> Stopper:
    """Stopped there, and gone on from the checkpoint: the same bytes."""
    with pytest.raises(Interrupted, match=r"the checkpoint is .*c\.ckpt"):
        run(frames, given, path / "c.ckpt", after)
    data, stopper = run(frames, given, path / "c.ckpt", resume=True)
    assert data == whole
    assert not (path / "c.ckpt").exists()
    return stopper


@pytest.mark.parametrize("after", [1, 3, 5, 6, 8, 10, "write", "verify"])
def test_an_interrupted_encode_comes_out_the_same(tmp_path: Path, after: int | str) -> None:
    """In either pass, between them, and after them; planes have two bytes a sample."""
    stopper = assert_goes_on(CLIPS["ten bits"].frames(), settings(), tmp_path, after, encoded("ten bits")[0])
    assert stopper.steps == (10 - after if isinstance(after, int) else 0)


def test_motion_of_finished_gops_is_not_searched_again(tmp_path: Path) -> None:
    frames, checkpoint = CLIPS["ten bits"].frames(), tmp_path / "c.ckpt"
    given = settings(gop_length=2)
    whole, stopper = run(frames, given, None)
    searches = stopper.phases.count("motion")
    seen: list[str] = []

    def progress(event: ProgressEvent) -> None:
        seen.append(event.phase)

    options = {"checkpoint": checkpoint, "progress": progress}
    with pytest.raises(Interrupted, match="interrupted while searching motion; the checkpoint is"):
        encode_bytes(frames, given, should_stop=lambda: seen.count("motion") == searches - 1, **options)
    seen.clear()
    with pytest.raises(Interrupted, match="interrupted while fitting"):
        encode_bytes(frames, given, should_stop=lambda: bool(set(CODING_PHASES) & set(seen)), resume=True, **options)
    assert 0 < seen.count("motion") < searches - 1
    data, stopper = run(frames, given, checkpoint, resume=True)
    assert "motion" not in stopper.phases
    assert data == whole


def test_many_interruptions_of_three_passes(tmp_path: Path) -> None:
    frames, given, checkpoint = CLIPS["422"].frames(), settings(preset="veryslow"), tmp_path / "c.ckpt"
    whole, stopper = run(frames, given, None)
    assert stopper.steps == 12
    with pytest.raises(Interrupted):
        run(frames, given, checkpoint, 3)
    for _ in range(2):
        with pytest.raises(Interrupted):
            run(frames, given, checkpoint, 4, resume=True)
    data, stopper = run(frames, given, checkpoint, resume=True)
    assert (data, stopper.steps) == (whole, 1)


def test_corrections_of_the_size_go_on(tmp_path: Path) -> None:
    frames = CLIPS["grey"].frames()
    size = round(0.8 * len(encode_bytes(frames, settings(preset="ultrafast"))[0]))
    given = settings(preset="ultrafast", lam=None, size_bytes=size)
    whole, stopper = run(frames, given, None)
    assert stopper.steps > 8, "a pass, and corrections"
    for after in (4, 6, stopper.steps):
        assert_goes_on(frames, given, tmp_path, after, whole)


def test_segments_go_on(tmp_path: Path) -> None:
    frames, given = CLIPS["ten bits"].frames(), settings(segment_length=3, gop_length=2)
    whole, stopper = run(frames, given, None)
    assert stopper.steps == 10
    with Decoder(whole, verify=True, threads=1) as decoder:
        assert len(decoder.segments) == 2
        assert len(list(decoder)) == 5
    assert assert_goes_on(frames, given, tmp_path, 8, whole).steps == 2


# The network in the loop


def random_network(config: ModelConfig, video: VideoFormat, seed: int = 0) -> HybridModel:
    """Weights at will, as quantised as the decoder has them."""
    torch.manual_seed(seed)
    model = HybridModel(config, video.chroma_format, video.height, video.width, torch.device("cpu"))
    with torch.no_grad():
        for layer in model.network.layers.values():
            if not layer.weight.any():
                layer.weight.copy_(0.1 * torch.randn(layer.weight.shape))
            layer.weight *= 1.5
            layer.bias += 0.05 * torch.randn(layer.bias.shape)
    choose_shifts(model.network)
    prune(model.network)
    model.ops.exact = True
    return model


def fit_of(clip: Clip, gops: list[Gop], preset: Preset | None = None, lam: float = 2e-4) -> HybridFit:
    """A fit at its beginning, with vectors that no search found."""
    torch.set_num_threads(1)
    source, cpu = SourceStore(clip.video), torch.device("cpu")
    for frame in moving_frames(clip.video, sum(gop.length for gop in gops)):
        source.append(frame)
    motion = random_motion(gops, (clip.height, clip.width), np.random.default_rng(2))
    preset = preset or Preset(epochs=0, minimum_steps=0, coding_passes=1)
    return HybridFit(Targets(source, cpu), gops, NO_NETWORK, preset, lam, motion, seed=0, device=cpu)


def random_pictures(fit: HybridFit, largest: int, seed: int = 0) -> CodedPictures:
    """Levels at will; most pictures are the network's, some have no residual, some planes none, some intra blocks.

    The fit gets adaptive filters, and most pictures are filtered by one or the default one.
    """
    fit.pass_filters = OWN_FILTERS
    random, count = np.random.default_rng(seed), len(fit.order)
    coded = CodedPictures.blank(count)
    coded.qp, coded.network = [int(x) for x in random.integers(0, 50, count)], [i % 4 != 1 for i in range(count)]
    coded.levels = []
    for place, (_, picture) in enumerate(fit.order):
        log2 = (3, 0, 5, 4)[place % 4]
        if len(picture.references) == 2 and log2:
            shape = field_shape(fit.video.height, fit.video.width, log2)
            coded.choices[place] = (log2, random.integers(0, 3, shape).astype(np.int8))
        log2 = (4, 3, 0, 5, 4)[place % 5]
        if picture.references and log2:
            shape = field_shape(fit.video.height, fit.video.width, log2)
            coded.intra[place] = (log2, random.random(shape) < 0.4)
        own: list[np.ndarray | None] = []
        for shape in fit.video.plane_shapes:
            rows, columns = block_shape(*shape)
            levels = random.integers(-largest, largest + 1, (64, rows * columns)).astype(np.int8)
            levels *= random.random(levels.shape) < 0.1
            levels[band(int(random.integers(4)))] = 0
            own.append(levels if place % 3 != 2 and random.random() < 0.8 and levels.any() else None)
        coded.levels.append(own)
        coded.deblocked[place] = coded.has_residual(place) and bool(random.random() < 0.7)
        coded.filter_index[place] = (place + seed) % 4
        coded.filter_whole[place] = coded.filter_index[place] > 0 and place % 5 < 2
        if coded.network[place] or coded.has_residual(place):
            continue
        coded.qp[place] = 0
    return coded


def written(fit: HybridFit, coded: CodedPictures, model: HybridModel | None, config: ModelConfig) -> bytes:
    video = fit.video
    sequence = SequenceHeader(
        width=video.width,
        height=video.height,
        chroma_format=video.chroma_format,
        bit_depth=video.bit_depth,
        picture_count=len(fit.order),
        profile="hybrid",
        model=config,
    )
    network = None if model is None else model.network
    units, _ = pack_hybrid_segment(
        coded, DEFAULT_TABLES, fit.motion, fit.gops, 0, 0, video, DEFAULT_CHOICE, network, filters=fit.pass_filters
    )
    return write_file([(UnitKey(UnitType.SEQUENCE), write_payload(sequence)), *units])


def adapted(fit: HybridFit, loop: Loop, planes: list[np.ndarray], place: int) -> list[np.ndarray]:
    """A picture after its adaptive filter, if it has one and the loop is of full size."""
    index, whole = fit.coded.filter_index[place], fit.coded.filter_whole[place]
    if not index or loop.scale_log2:
        return planes
    return loop.filtered(planes, fit.coded.levels[place][0], (DEFAULT_FILTER, *fit.pass_filters)[index - 1], whole)


def simulated(fit: HybridFit, scale_log2: int) -> list[Frame]:
    """Every picture that is coded, by the fit's arithmetic, in display order, in that scale's own loop."""
    loop, found = Loop(fit, scale_log2), {}
    for place, (gop, picture) in enumerate(fit.order):
        qp, number = fit.coded.qp[place], fit.gops[gop].first + picture.index
        window = loop.chosen(loop.window(gop, picture), fit.coded.choices[place])
        window = loop.filled(window, fit.coded.intra[place])
        window = loop.with_residual(window, fit.coded.levels[place], qp)
        planes = loop.planes(window, qp, fit.coded.network[place])
        planes = loop.deblocked(planes, fit.coded.levels[place], qp, fit.coded.deblocked[place])
        planes = adapted(fit, loop, planes, place)
        loop.remember(gop, number, planes)
        found[number] = Frame(tuple(planes), number, loop.video)
    return [found[number] for number in sorted(found)]


def assert_decodes_to_what_the_fit_saw(fit: HybridFit, data: bytes) -> None:
    for number, scale in enumerate(SCALES):
        expected = simulated(fit, number)
        for backend in BACKENDS:
            with Decoder(data, scale=scale, backend=backend, threads=1) as decoder:
                found = list(decoder)
            assert len(found) == len(expected)
            for a, b in zip(found, expected, strict=True):
                assert same_planes(a, b), f"picture {a.pts} at scale {scale} on {backend}"


OPEN_GOPS = [Gop(0, 1), Gop(1, 4, open=True), Gop(5, 2, open=True)]
CLOSED_GOPS = [Gop(0, 3), Gop(3, 2)]
NETWORK_CLIPS = {
    "plain": (Clip("420", 8, 48, 32, 7), OPEN_GOPS),
    "odd size": (Clip("420", 10, 37, 19, 7), OPEN_GOPS),
    "grey": (Clip("400", 8, 33, 18, 5), CLOSED_GOPS),
    "422": (Clip("422", 10, 18, 27, 5), CLOSED_GOPS),
    "444": (Clip("444", 12, 24, 17, 5), CLOSED_GOPS),
}


@pytest.mark.parametrize("largest", [3, 127])
@pytest.mark.parametrize("name", NETWORK_CLIPS)
def test_random_networks(name: str, largest: int) -> None:
    clip, gops = NETWORK_CLIPS[name]
    fit, model = fit_of(clip, gops), random_network(SMALL, clip.video)
    coded = random_pictures(fit, largest)
    assert any(coded.network)
    assert not all(coded.network)
    data = written(fit, coded, model, SMALL)
    fit.model, fit.coded = model, coded
    assert_decodes_to_what_the_fit_saw(fit, data)
    plain = written(fit, replace(coded, network=[False] * len(coded.network)), model, SMALL)
    with ContainerReader(data) as one, ContainerReader(plain) as other:
        assert UnitKey(UnitType.NETWORK, 0, 0, 4) in one
        assert UnitKey(UnitType.NETWORK, 0, 0, 4) not in other, "left out where no picture uses it"


def test_the_profiles_own_network() -> None:
    """Of the size that the encoder chooses."""
    clip, gops = NETWORK_CLIPS["odd size"]
    fit, model = fit_of(clip, gops), random_network(NO_NETWORK, clip.video, 3)
    coded = random_pictures(fit, 20, 3)
    data = written(fit, coded, model, NO_NETWORK)
    fit.model, fit.coded = model, coded
    assert_decodes_to_what_the_fit_saw(fit, data)


def test_the_network_sees_the_parameter() -> None:
    clip, gops = NETWORK_CLIPS["plain"]
    fit, model = fit_of(clip, gops), random_network(SMALL, clip.video)
    coded = random_pictures(fit, 3)
    coded = replace(coded, levels=[[None] * 3 for _ in coded.levels], network=[True] * len(coded.qp))
    frames = []
    for qp in (0, 32, 63):
        with Decoder(written(fit, replace(coded, qp=[qp] * len(coded.qp)), model, SMALL), threads=1) as decoder:
            frames.append(next(iter(decoder)))
    assert not same_planes(frames[0], frames[1])
    assert not same_planes(frames[1], frames[2])


@pytest.mark.parametrize("name", NETWORK_CLIPS)
def test_without_a_network(name: str) -> None:
    clip, gops = NETWORK_CLIPS[name]
    fit = fit_of(clip, gops)
    fit.coded = replace(random_pictures(fit, 20, 1), network=[False] * len(fit.order))
    assert_decodes_to_what_the_fit_saw(fit, written(fit, fit.coded, None, NO_NETWORK))


def test_a_new_network_changes_nothing() -> None:
    """Its heads are zeros: with it and without it a picture is the same, at every scale."""
    clip, gops = NETWORK_CLIPS["odd size"]
    torch.manual_seed(1)
    fit = fit_of(clip, gops)
    model = HybridModel(SMALL, "420", clip.height, clip.width, torch.device("cpu"))
    choose_shifts(model.network)
    model.ops.exact = True
    fit.model, fit.coded = model, replace(random_pictures(fit, 5), network=[True] * len(fit.order))
    with_network = [simulated(fit, scale) for scale in range(4)]
    fit.coded = replace(fit.coded, network=[False] * len(fit.order))
    for scale in range(4):
        assert all(map(same_planes, with_network[scale], simulated(fit, scale)))


# A fit that begins from a base model, made up here


@pytest.fixture
def base_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelConfig]:
    """A configuration whose base model lies in a folder of the test's."""
    caches = (network_unit._base_file, network_unit.base_level)
    for cached in caches:
        cached.cache_clear()
    torch.manual_seed(4)
    torch.set_num_threads(1)
    model = HybridModel(SMALL, "420", 16, 16, torch.device("cpu"))
    choose_shifts(model.network)
    for parameters in model.network.layers.values():  # heads of zeros would get weights too fine for a short fit
        parameters.shift.clamp_(max=8)
    model.ops.exact = True
    weights, shifts = export_weights(model.network)
    header = SequenceHeader(width=16, height=16, profile="hybrid", model=SMALL)
    units = [(UnitKey(UnitType.SEQUENCE), write_payload(header))]
    units += [pack_network(weights[level], shifts, SMALL, level, 0, "420") for level in (4, 3, 2, 1, 0)]
    folder = tmp_path / "installed"
    (folder / "base_models").mkdir(parents=True)
    (folder / "base_models" / "3.msn").write_bytes(write_file(units))
    monkeypatch.setattr(network_unit, "files", lambda package: folder)
    monkeypatch.setattr(hybrid_fit_module, "FIT_RATE", 1e-2)
    yield replace(SMALL, base_model=3)
    for cached in caches:
        cached.cache_clear()


def with_network(config: ModelConfig, **changes: object) -> EncodeSettings:
    return settings(**{"preset": "medium", "epochs": 10.0, "lam": 1e-6, "model": config, **changes})


def test_a_fitted_network(base_model: ModelConfig, tmp_path: Path) -> None:
    """It is in the file where it pays, decodes on every backend, and an interrupted fit goes on to the same bytes."""
    frames, given = CLIPS["ten bits"].frames(), with_network(base_model, epochs=20.0)
    data, stopper = run(frames, given, None)
    phases = [phase for phase in stopper.phases if phase in CODING_PHASES]
    steps = phases.count("fit")
    assert phases == ["code"] * 5 + ["fit"] * steps + ["refine"] * 5
    assert steps >= 10
    for scale in ("1", "1/4"):
        for backend in BACKENDS:
            with Decoder(data, scale=scale, backend=backend, threads=1, verify=True) as decoder:
                assert len(list(decoder)) == 5
    with Decoder(data, threads=1) as decoder:
        assert decoder._segment_tables(0).network_flag
        assert any(task.residual.network_flag for task in decoder._tasks(0, 5))
    for after in (5, 5 + steps // 2, 7 + steps):
        assert assert_goes_on(frames, given, tmp_path, after, data).steps == 10 + steps - after


def test_the_first_pass_with_a_base_model_is_exact(base_model: ModelConfig) -> None:
    """The fit's network is the decoder's, also with differences from the base model in the file."""
    clip = CLIPS["ten bits"]
    fit = fit_of(clip, [Gop(0, 1), Gop(1, 4, open=True)])
    model = HybridModel(base_model, "420", clip.height, clip.width, torch.device("cpu"))
    model.start_from_base()
    with torch.no_grad():
        for layer in model.network.layers.values():
            layer.weight += 0.02 * torch.randn(layer.weight.shape)
            layer.bias += 0.02 * torch.randn(layer.bias.shape)
    coded = random_pictures(fit, 9)
    data = written(fit, coded, model, base_model)
    fit.model, fit.coded = model, coded
    assert_decodes_to_what_the_fit_saw(fit, data)


def test_a_coding_pass_with_the_network_is_what_the_decoder_sees(base_model: ModelConfig) -> None:
    """The references of a pass are the decoder's pictures."""
    clip, gops = CLIPS["ten bits"], [Gop(0, 1), Gop(1, 4, open=True)]
    torch.set_num_threads(1)
    fit = fit_of(clip, gops)
    preset = Preset(epochs=10, minimum_steps=0, coding_passes=2)
    cpu = torch.device("cpu")
    fit = HybridFit(fit.targets, gops, base_model, preset, 1e-6, fit.motion, seed=0, device=cpu)
    kept = {}
    while not fit.done:
        if fit.network_fit is None:
            kept = {"loop": fit.loop, "coded": fit.coded, "filters": fit.pass_filters}
        fit.step()
    fit.coded, fit.pass_filters = kept["coded"], kept["filters"]
    data = written(fit, fit.coded, fit.model, base_model)
    with Decoder(data, threads=1) as decoder:
        pictures = list(decoder)
    assert kept["loop"].references
    for number, reference in kept["loop"].references.items():
        assert same_planes(Frame(tuple(reference.planes), number, clip.video), pictures[number])
    assert_decodes_to_what_the_fit_saw(fit, data)


@pytest.mark.parametrize(("gain", "used"), [(1.0, 0), (-1e9, 5)])
def test_the_network_is_used_where_it_gains_enough(
    gain: float, used: int, base_model: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hybrid_fit_module, "NETWORK_GAIN", gain)
    gops = [Gop(0, 1), Gop(1, 4, open=True)]
    fit = fit_of(CLIPS["ten bits"], gops)
    preset, cpu = Preset(epochs=0, minimum_steps=0, coding_passes=1), torch.device("cpu")
    fit = HybridFit(fit.targets, gops, base_model, preset, 1e-6, fit.motion, seed=0, device=cpu)
    while not fit.done:
        fit.step()
    assert fit.best is not None
    assert sum(fit.best.coded.network) == used


def test_the_better_pass_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a later pass comes to."""
    fit = fit_of(CLIPS["ten bits"], [Gop(0, 1), Gop(1, 4, open=True)], Preset(0, 0, coding_passes=2))
    for _ in range(5):
        fit.step()
    first = fit.best
    assert first is not None
    assert fit.tables != DEFAULT_TABLES, "the second pass reckons with what the first counted"
    fit.tables = tuple(
        tuple(tuple(replace(own, binary=(63,) * len(own.binary)) for own in kind) for kind in kinds)
        for kinds in DEFAULT_TABLES
    )
    while not fit.done:
        fit.step()
    assert fit.best is first, "made with tables that suit nothing"
    units, parts = fit.pack(0, 0, 1)
    assert set(parts) == {"residuals", "vectors"}
    tables, choice = first.counts.tables(charged=True), first.choice.tables()
    intra = first.intra.tables()
    expected, _ = pack_hybrid_segment(
        first.coded, tables, fit.motion, fit.gops, 0, 0, fit.video, choice, None, intra, first.filters
    )
    assert units == expected


# Intra blocks and the deblocking filter


GOPS = [Gop(0, 1), Gop(1, 4, open=True)]


@cache
def coded_with_filters() -> HybridFit:
    """A fit at its end, of vectors that mislead it, so that some blocks are better intra."""
    fit = fit_of(Clip("420", 8, 96, 64, 5), GOPS, lam=2e-3)
    while not fit.done:
        fit.step()
    assert fit.best is not None
    fit.coded, fit.pass_filters = fit.best.coded, fit.best.filters
    return fit


def assert_references_are_decoded(fit: HybridFit) -> None:
    """Without a network: the decoder sees what the fit saw, and what the fit's loop still refers to."""
    data = written(fit, fit.coded, None, NO_NETWORK)
    assert_decodes_to_what_the_fit_saw(fit, data)
    with Decoder(data, threads=1) as decoder:
        pictures = list(decoder)
    assert fit.loop.references
    for number, reference in fit.loop.references.items():
        assert same_planes(Frame(tuple(reference.planes), number, fit.video), pictures[number])


def test_a_fit_with_intra_blocks_and_the_filter_is_what_the_decoder_sees() -> None:
    fit = coded_with_filters()
    assert any(intra is not None and intra.any() for _, intra in fit.coded.intra)
    assert fit.coded.intra[0] == (0, None), "without references there are none"
    assert any(fit.coded.deblocked)
    assert all(fit.coded.has_residual(place) for place, own in enumerate(fit.coded.deblocked) if own)
    assert_references_are_decoded(fit)


def squared_error(frame: Frame, source: Frame) -> int:
    pairs = zip(frame.planes, source.planes, strict=True)
    return sum(int(((made.astype(np.int64) - wanted) ** 2).sum()) for made, wanted in pairs)


def test_pictures_are_deblocked_where_that_brings_them_closer() -> None:
    """Each picture with the filter and without it, the pictures before it in coding order as they are."""
    fit, sources = coded_with_filters(), moving_frames(Clip("420", 8, 96, 64, 5).video, 5)
    coded, made, filtered = fit.coded, simulated(fit, 0), 0
    for place, (gop, picture) in enumerate(fit.order):
        number = fit.gops[gop].first + picture.index
        if not coded.has_residual(place):
            assert not coded.deblocked[place]
            continue
        flags = [not own if i == place else own for i, own in enumerate(coded.deblocked)]
        fit.coded = replace(coded, deblocked=flags)
        other = simulated(fit, 0)[number]
        fit.coded = coded
        gain = squared_error(other, sources[number]) - squared_error(made[number], sources[number])
        assert gain > 0 if coded.deblocked[place] else gain >= 0
        filtered += coded.deblocked[place]
    assert filtered >= 2


def test_windows_are_those_of_the_pictures_with_filter_and_intra_blocks() -> None:
    """What the network's fit sees: the same that the loop makes the pictures from."""
    fit = coded_with_filters()
    for scale_log2 in range(4):
        loop, pictures = Loop(fit, scale_log2), {frame.pts: frame for frame in simulated(fit, scale_log2)}
        for place, window in fit.windows(scale_log2):
            gop, picture = fit.order[place]
            number = fit.gops[gop].first + picture.index
            planes = loop.planes(window, fit.coded.qp[place], False)
            planes = loop.deblocked(planes, fit.coded.levels[place], fit.coded.qp[place], fit.coded.deblocked[place])
            planes = adapted(fit, loop, planes, place)
            assert same_planes(Frame(tuple(planes), number, loop.video), pictures[number])


def test_a_state_keeps_intra_blocks_and_the_filter() -> None:
    """In the midst of the second pass, which reckons with the tables that the first has chosen."""

    def begun() -> HybridFit:
        return fit_of(Clip("420", 8, 96, 64, 5), GOPS, Preset(0, 0, coding_passes=2), lam=2e-3)

    fit, other = begun(), begun()
    for _ in range(8):
        fit.step()
    assert fit.intra_counts.binary.any()
    assert fit.best is not None
    fit.intra = tuple(63 - own for own in fit.intra)
    other.load(fit.state())
    assert other.intra == fit.intra
    assert np.array_equal(other.intra_counts.binary, fit.intra_counts.binary)
    assert other.best is not None
    assert np.array_equal(other.best.intra.binary, fit.best.intra.binary)
    for mine, kept in ((fit.coded, other.coded), (fit.best.coded, other.best.coded)):
        assert mine.deblocked == kept.deblocked
        assert [log2 for log2, _ in mine.intra] == [log2 for log2, _ in kept.intra]
        assert any(own is not None for _, own in mine.intra)
        for (_, own), (_, again) in zip(mine.intra, kept.intra, strict=True):
            assert (own is None) == (again is None)
            assert own is None or (again.dtype == bool and np.array_equal(own, again))
    while not fit.done:
        fit.step()
        other.step()
    assert other.done
    assert fit.pack(0, 0, 1) == other.pack(0, 0, 1)


@pytest.mark.parametrize("deblocked", [False, True])
@pytest.mark.parametrize("intra", [False, True])
def test_a_segment_says_what_it_has(intra: bool, deblocked: bool) -> None:
    """Its TABLES unit has the flags, and tables of intra blocks where there are any."""
    fit = coded_with_filters()
    coded, tables = fit.coded, tuple(63 - own for own in DEFAULT_INTRA)
    if not intra:
        coded = replace(coded, intra=[(0, None)] * len(coded.qp))
    if not deblocked:
        coded = replace(coded, deblocked=[False] * len(coded.qp))
    units = dict(
        pack_hybrid_segment(coded, DEFAULT_TABLES, fit.motion, fit.gops, 0, 0, fit.video, DEFAULT_CHOICE, None, tables)[
            0
        ]
    )
    blank = TablesHeader(2, DEFAULT_TABLES)
    header = read_payload(blank, units[UnitKey(UnitType.TABLES, 0)], Place("a unit", 0))
    assert (header.intra_flag, header.deblocking_flag) == (intra, deblocked)
    assert header.intra == (tables if intra else DEFAULT_INTRA)


# The adaptive filter


def noisy_frames(clip: Clip) -> list[Frame]:
    """The clip with noise that is another in each picture, which no coded picture should have."""
    random, top = np.random.default_rng(11), (1 << clip.bit_depth) - 1
    return [
        replace(
            frame,
            planes=tuple(
                np.clip(plane + random.normal(0, 0.02 * top, plane.shape), 0, top).round().astype(plane.dtype)
                for plane in frame.planes
            ),
        )
        for frame in clip.frames()
    ]


NOISY, NOISY_LAMBDA = Clip("420", 8, 96, 64, 5), 3e-3


def noisy_fit(passes: int = 2, *, adaptive: bool = True) -> HybridFit:
    """At its beginning."""
    torch.set_num_threads(1)
    source, cpu = SourceStore(NOISY.video), torch.device("cpu")
    for frame in noisy_frames(NOISY):
        source.append(frame)
    motion = random_motion(GOPS, (NOISY.height, NOISY.width), np.random.default_rng(2))
    preset, targets = Preset(epochs=0, minimum_steps=0, coding_passes=passes), Targets(source, cpu)
    options = {"seed": 0, "device": cpu, "adaptive": adaptive}
    return HybridFit(targets, GOPS, NO_NETWORK, preset, NOISY_LAMBDA, motion, **options)


@cache
def twice_coded() -> HybridFit:
    """At its end, as its best pass left it: the second, which had filters of its own to choose from."""
    fit = noisy_fit()
    while not fit.done:
        fit.step()
    assert fit.best is not None
    fit.coded, fit.pass_filters = fit.best.coded, fit.best.filters
    assert fit.pass_filters
    return fit


@cache
def noisy_encoded() -> bytes:
    torch.set_num_threads(1)
    return encode_bytes(noisy_frames(NOISY), settings(lam=NOISY_LAMBDA))[0]


def test_a_noisy_clip_is_filtered_and_decodes() -> None:
    """Two passes; the file says which pictures are, by what, and every backend decodes what the digests are of."""
    with Decoder(noisy_encoded(), threads=1) as decoder:
        header = decoder._segment_tables(0)
        residuals = [task.residual for task in decoder._tasks(0, 5)]
    assert header.adaptive_filter_flag
    assert header.filters
    own = [residual.filter for residual in residuals if residual is not None and residual.filter is not None]
    assert any(np.array_equal(one, another) for one in own for another in header.filters)
    for backend in BACKENDS:
        for scale in SCALES if backend == "numpy" else ("1",):
            with Decoder(noisy_encoded(), scale=scale, backend=backend, threads=1, verify=True) as decoder:
                assert len(list(decoder)) == 5


def test_an_interrupted_encode_with_filters_comes_out_the_same(tmp_path: Path) -> None:
    assert_goes_on(noisy_frames(NOISY), settings(lam=NOISY_LAMBDA), tmp_path, 7, noisy_encoded())


def test_a_fit_with_own_filters_is_what_the_decoder_sees() -> None:
    fit = twice_coded()
    assert max(fit.coded.filter_index) >= 2, "a picture is filtered by one of them"
    assert_references_are_decoded(fit)


def test_pictures_are_filtered_where_that_brings_them_closer() -> None:
    """By what serves each best, but for what little a filter must gain; all else stays as it is."""
    fit, sources = twice_coded(), noisy_frames(NOISY)
    coded, made, filtered = fit.coded, simulated(fit, 0), 0
    for place, (gop, picture) in enumerate(fit.order):
        number = fit.gops[gop].first + picture.index
        error = squared_error(made[number], sources[number])
        for index in range(2 + len(fit.pass_filters)):
            for whole in (False, True) if index else (False,):
                indices = [index if i == place else own for i, own in enumerate(coded.filter_index)]
                wholes = [whole if i == place else own for i, own in enumerate(coded.filter_whole)]
                fit.coded = replace(coded, filter_index=indices, filter_whole=wholes)
                other = squared_error(simulated(fit, 0)[number], sources[number])
                fit.coded = coded
                assert error * (1 - 1.01 * hybrid_fit_module.WHOLE_GAIN) <= other
                if not index and coded.filter_index[place]:
                    assert error < other
        filtered += coded.filter_index[place] > 0
    assert filtered >= 2


@pytest.mark.parametrize("steps", [3, 5, 8])
def test_a_state_keeps_filters_and_their_statistics(steps: int) -> None:
    """In the first pass, between the two, and in the second, whose pictures have chosen among the first's filters."""
    fit, other = noisy_fit(), noisy_fit()
    for _ in range(steps):
        fit.step()
    other.load(fit.state())
    assert other.filters == fit.filters
    assert bool(fit.filters) == (steps >= 5)
    if fit.best is not None:
        assert other.best is not None
        assert other.best.filters == fit.best.filters
    assert any(own is not None for own in fit.filter_statistics) == (steps % 5 > 0)
    for mine, kept in zip(fit.filter_statistics, other.filter_statistics, strict=True):
        assert (mine is None) == (kept is None)
        assert mine is None or np.array_equal(mine, kept)
    assert other.coded.filter_index == fit.coded.filter_index
    assert other.coded.filter_whole == fit.coded.filter_whole
    assert any(fit.coded.filter_index) == (steps != 5)
    while not fit.done:
        fit.step()
        other.step()
    assert other.done
    assert fit.pack(0, 0, 1) == other.pack(0, 0, 1)


def test_without_filters() -> None:
    """No picture is filtered, and statistics are of all blocks."""
    fit = noisy_fit(1, adaptive=False)
    while not fit.done:
        fit.step()
    assert fit.best is not None
    assert not any(fit.best.coded.filter_index)
    assert all(own is not None and own.any() for own in fit.filter_statistics)
    tables = dict(fit.pack(0, 0, 1)[0])[UnitKey(UnitType.TABLES, 0)]
    header = read_payload(TablesHeader(2, DEFAULT_TABLES), tables, Place("a unit", 0))
    assert (header.adaptive_filter_flag, header.filters) == (False, ())


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_a_segment_has_its_own_filters_where_pictures_are_filtered(index: int) -> None:
    fit = coded_with_filters()
    count = len(fit.order)
    coded = replace(fit.coded, filter_index=[0] * (count - 1) + [index], filter_whole=[False] * count)
    choice, intra = DEFAULT_CHOICE, DEFAULT_INTRA
    units, _ = pack_hybrid_segment(
        coded, DEFAULT_TABLES, fit.motion, fit.gops, 0, 0, fit.video, choice, None, intra, OWN_FILTERS
    )
    blank = TablesHeader(2, DEFAULT_TABLES)
    header = read_payload(blank, dict(units)[UnitKey(UnitType.TABLES, 0)], Place("a unit", 0))
    assert header.adaptive_filter_flag == (index > 0)
    assert header.filters == (OWN_FILTERS if index else ())


def test_what_a_pass_counts_is_what_its_file_holds() -> None:
    """Tables chosen by the counts make a smaller file than the defaults, all else equal."""
    fit = fit_of(Clip("420", 8, 96, 64, 5), [Gop(0, 1), Gop(1, 4, open=True)])
    while not fit.done:
        fit.step()
    assert fit.best is not None
    counts, coded = ResidualCounts(), fit.best.coded
    chosen = fit.best.counts.tables(charged=True)
    sizes = []
    for tables in (DEFAULT_TABLES, counts.tables(charged=True), chosen):
        units, _ = pack_hybrid_segment(coded, tables, fit.motion, fit.gops, 0, 0, fit.video, DEFAULT_CHOICE)
        sizes.append(sum(len(payload) for _, payload in units))
    assert sizes[0] == sizes[1] > sizes[2]
