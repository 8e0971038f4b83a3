"""Whole encodes of the motion profile: structure, summary, the same bytes again, also after interruptions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.bitstream import ContainerReader, UnitType
from nvcodec.decoder import Decoder
from nvcodec.decoder import decoder as decoder_module
from nvcodec.decoder.decoder import SCALES
from nvcodec.encoder import encode as encode_module
from nvcodec.encoder.encode import ProgressEvent, encode_frames
from nvcodec.encoder.errors import EncodeError, Interrupted, VerificationFailed
from nvcodec.encoder.motion_fit import FROM_SCRATCH
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.video.frame import Frame
from nvcodec.video.scaling import area_downscale
from tests.streams import MOTION_CASES, encode_bytes, motion_settings, motion_stream, moving_frames, video_format

FIT_PHASES = ("fit", "prune and quantise", "refine")
PHASES = ["read", "analyse", "motion", *FIT_PHASES, "write", "verify"]
VIDEO = video_format("420", 10, 32, 18)
FRAMES = moving_frames(VIDEO, 4)


def settings(**changes: object) -> EncodeSettings:
    return motion_settings(**{"gop_length": 3, "epochs": 5, "lam": 1e-4, **changes})


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("motion", [([1, 4, 4], [False, True, True])]),
        ("closed GoPs", [([1, 2] * 3, [False, True] * 3)]),
        ("scene cut", [([1, 3, 1, 2], [False, True] * 2)]),
        ("two segments", [([1, 2, 1], [False, True, True]), ([1, 2], [False, True])]),
        ("a single picture", [([1], [False])]),
    ],
)
def test_structures(name: str, structure: list) -> None:
    """A scene cut, a segment and every keyint pictures begin a closed GoP; all others are open."""
    data, summary = motion_stream(name)
    with Decoder(data) as decoder:
        assert [(segment.gop_length, segment.open_gop) for segment in decoder.segments] == structure
    assert summary.gops == sum(len(lengths) for lengths, _ in structure)
    assert summary.segments == len(structure)


@pytest.mark.parametrize("keyint", [1, 2, 3, 250])
def test_keyint_is_held(keyint: int) -> None:
    data, _ = encode_bytes(FRAMES, settings(keyint=keyint, epochs=1))
    with Decoder(data, verify=True, threads=1) as decoder:
        closed = [place.first for place in decoder.gops if not place.open]
        assert len(list(decoder)) == 4
    assert closed[0] == 0
    assert all(b - a <= keyint for a, b in zip(closed, [*closed[1:], 4], strict=True))


def test_the_same_seed_gives_the_same_file() -> None:
    first, _ = encode_bytes(FRAMES, settings(seed=5))
    torch.manual_seed(99)
    again, _ = encode_bytes(FRAMES, settings(seed=5))
    other, _ = encode_bytes(FRAMES, settings(seed=6))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("count", "epochs"), [(1, 0.5), (1, 3), (2, 1), (3, 0.2)])
def test_the_shortest_fits(count: int, epochs: float) -> None:
    data, summary = encode_bytes(FRAMES[:count], settings(epochs=epochs))
    assert summary.picture_count == count
    with Decoder(data, verify=True, threads=1) as decoder:
        assert len(list(decoder)) == count


def test_other_settings_make_other_files() -> None:
    plain, _ = encode_bytes(FRAMES[:3], settings())
    changes = ({"tune": "ssim"}, {"pooling": "max"}, {"block_log2": 5}, {"gop_length": 1}, {"keyint": 2})
    for change in changes:
        data, _ = encode_bytes(FRAMES[:3], settings(**change))
        assert data != plain, change


def test_a_longer_fit_is_better() -> None:
    psnr_db = [encode_bytes(FRAMES, settings(epochs=epochs))[1].psnr_y["1"] for epochs in (2, 40)]
    assert psnr_db[1] > psnr_db[0] + 2


def test_more_lambda_fewer_bytes() -> None:
    sizes = [
        sum(encode_bytes(FRAMES, settings(epochs=20, lam=lam))[1].cross_entropy_bytes.values()) for lam in (1e-6, 1e-1)
    ]
    assert sizes[1] < 0.7 * sizes[0]


@pytest.mark.parametrize("name", MOTION_CASES)
def test_the_summary_adds_up(name: str) -> None:
    (data, summary), case = motion_stream(name), MOTION_CASES[name]
    assert summary.file_bytes == len(data) == sum(summary.component_bytes.values())
    assert all(count >= 0 for count in summary.component_bytes.values())
    assert summary.picture_count == case.count
    with ContainerReader(data) as container:
        kinds = {kind: sum(e.size for e in container.entries if e.key.unit_type == kind) for kind in UnitType}
    coded = sum(summary.component_bytes[part] for part in summary.cross_entropy_bytes)
    assert coded == pytest.approx(kinds[UnitType.GOP] + kinds[UnitType.MOTION], abs=2)
    assert summary.component_bytes["network"] == kinds[UnitType.NETWORK]


@pytest.mark.parametrize("name", ["motion", "one row of steps"])
def test_the_summary_tells_what_decodes(name: str) -> None:
    """PSNR by scale as a user would measure it."""
    case, (data, summary) = MOTION_CASES[name], motion_stream(name)
    originals, peak = case.frames(), (1 << case.bit_depth) - 1
    for number, scale in enumerate(SCALES):
        luma_db = []
        with Decoder(data, scale=scale, backend="numpy", threads=1) as decoder:
            for frame in decoder:
                original = area_downscale(originals[frame.pts].planes, number)[0]
                luma_db.append(10 * np.log10(peak**2 / np.mean((original - frame.planes[0].astype(float)) ** 2)))
        assert summary.psnr_y[scale] == pytest.approx(np.mean(luma_db), abs=1e-4)


def test_progress() -> None:
    events: list[ProgressEvent] = []
    encode_bytes(FRAMES, settings(), progress=events.append)
    phases = [event.phase for event in events]
    assert sorted(set(phases), key=phases.index) == PHASES
    searched = [(event.done, event.total) for event in events if event.phase == "motion"]
    assert searched == [(1, 3), (2, 3), (3, 3)], "of the pictures with references"
    assert all(event.total is None or 0 <= event.done <= event.total for event in events)
    assert [event.done for event in events if event.phase in FIT_PHASES][-1] == 1000


def test_a_file_that_does_not_verify_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = decoder_module.picture_digest
    monkeypatch.setattr(decoder_module, "picture_digest", lambda planes, count: right(planes, count)[::-1])
    with pytest.raises(VerificationFailed):
        encode_frames(FRAMES[:2], VIDEO, tmp_path / "out.msn", settings(epochs=1))
    assert list(tmp_path.iterdir()) == []


# Interruptions


class Stopper:
    """Progress and should_stop of one run: counts the fit's steps and stops after one of them, or in a phase."""

    def __init__(self, after: int | str | None = None):
        self.after, self.steps = after, 0
        self.phases: list[str] = []

    def progress(self, event: ProgressEvent) -> None:
        self.steps += event.phase in FIT_PHASES
        self.phases.append(event.phase)

    def should_stop(self) -> bool:
        return self.after in (self.steps, self.phases[-1])


def run(
    checkpoint: Path | None, after: int | str | None = None, *, resume: bool = False, **changes: object
) -> tuple[bytes, Stopper]:
    stopper = Stopper(after)
    options = {"progress": stopper.progress, "should_stop": stopper.should_stop, "resume": resume}
    data, _ = encode_bytes(FRAMES, settings(**changes), checkpoint=checkpoint, **options)
    return data, stopper


def interrupted(checkpoint: Path, after: int | str, *, resume: bool = False, **changes: object) -> str:
    with pytest.raises(Interrupted) as error:
        run(checkpoint, after, resume=resume, **changes)
    return str(error.value)


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[bytes, int, dict[str, int]]:
    """An encode's bytes, its steps, and the first step that begins in each phase."""
    torch.set_num_threads(1)
    data, stopper = run(None)
    phases = [phase for phase in stopper.phases if phase in FIT_PHASES]
    return data, stopper.steps, {phase: phases.index(phase) for phase in FIT_PHASES}


@pytest.mark.parametrize(
    ("phase", "more"),
    [("fit", 1), ("prune and quantise", 0), ("prune and quantise", 1), ("refine", 1), ("refine", 2), ("refine", 4)],
)
def test_an_interrupted_encode_comes_out_the_same(
    uninterrupted: tuple[bytes, int, dict[str, int]], tmp_path: Path, phase: str, more: int
) -> None:
    """In every phase; within the last one, references that are made already are kept."""
    whole, steps, starts = uninterrupted
    checkpoint, after = tmp_path / "c.ckpt", starts[phase] + more
    message = interrupted(checkpoint, after)
    assert message.startswith("interrupted while fitting segment 0")
    assert [path.name for path in tmp_path.iterdir()] == ["c.ckpt"]
    data, stopper = run(checkpoint, resume=True)
    assert stopper.steps == steps - after
    assert data == whole
    assert not checkpoint.exists()


@pytest.mark.parametrize("phase", ["write", "verify"])
def test_interrupted_after_the_fit(
    uninterrupted: tuple[bytes, int, dict[str, int]], tmp_path: Path, phase: str
) -> None:
    checkpoint = tmp_path / "c.ckpt"
    interrupted(checkpoint, phase)
    data, stopper = run(checkpoint, resume=True)
    assert stopper.steps == 0
    assert data == uninterrupted[0]


def test_checkpoints_on_the_way_change_nothing(
    uninterrupted: tuple[bytes, int, dict[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_module, "CHECKPOINT_SECONDS", 0.0)
    assert run(tmp_path / "c.ckpt")[0] == uninterrupted[0]


def test_many_interruptions_and_two_segments(tmp_path: Path) -> None:
    changes = {"segment_length": 2, "epochs": 3}
    whole, stopper = run(None, **changes)
    checkpoint, left = tmp_path / "c.ckpt", stopper.steps
    interrupted(checkpoint, 3, **changes)
    left -= 3
    while left > 4:
        interrupted(checkpoint, 4, resume=True, **changes)
        left -= 4
    data, stopper = run(checkpoint, resume=True, **changes)
    assert stopper.steps == left
    assert data == whole


def test_stopped_while_searching_motion(tmp_path: Path) -> None:
    """There is a checkpoint from the moment the source has been read; the search of a GoP is made again."""
    checkpoint = tmp_path / "c.ckpt"
    message = interrupted(checkpoint, "motion")
    assert message == f"interrupted while searching motion; the checkpoint is {checkpoint}, --resume goes on from it"
    whole, _ = run(None)
    data, _ = run(checkpoint, resume=True)
    assert data == whole


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"keyint": 2}, "keyint"), ({"block_log2": 4}, "block_log2")],
)
def test_other_settings_are_named(tmp_path: Path, changes: dict, name: str) -> None:
    checkpoint = tmp_path / "c.ckpt"
    interrupted(checkpoint, 1)
    with pytest.raises(EncodeError, match=f"the checkpoint has {name} "):
        run(checkpoint, resume=True, **changes)


def test_pictures_far_larger_than_a_block_and_of_two_bytes_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fit looks at parts of the pictures, and of their windows, at odd sizes too."""
    monkeypatch.setattr("nvcodec.encoder.encode.FROM_SCRATCH", replace(FROM_SCRATCH, crop_pixels=64 * 64))
    video = video_format("420", 12, 131, 99)
    frames: list[Frame] = moving_frames(video, 3)
    data, _ = encode_bytes(frames, settings(epochs=2, block_log2=4))
    with Decoder(data, verify=True, threads=2) as decoder:
        assert [frame.format for frame in decoder] == [video] * 3
