"""An interrupted encode goes on from its checkpoint, and comes out byte for byte as if it had not been stopped."""

import os
import shutil
import stat
from pathlib import Path

import pytest
import torch

from nvcodec.encoder import checkpoint as checkpoint_module
from nvcodec.encoder import encode as encode_module
from nvcodec.encoder.checkpoint import load_checkpoint, save_checkpoint
from nvcodec.encoder.encode import EncodeSummary, ProgressEvent, encode_frames
from nvcodec.encoder.errors import CheckpointMismatch, CheckpointUnsuitable, EncodeError, Interrupted
from nvcodec.encoder.rate_control import RateController
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.video.errors import OutputExists
from nvcodec.video.frame import Frame
from tests.streams import SLIM, TINY, encode_bytes, moving_frames, tiny_settings, video_format

FIT_PHASES = ("fit", "prune and quantise", "refine")
STEPS = 16
VIDEO = video_format("420", 8, 40, 24)
FRAMES = moving_frames(VIDEO, 4)


def settings(**changes: object) -> EncodeSettings:
    """A fit of 16 steps: from the 13th the integers are simulated, from the 15th the grids are free."""
    return tiny_settings(**{"epochs": 8, "gop_length": 2, "lam": 1e-4, "model": SLIM, **changes})


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
    given: EncodeSettings, checkpoint: Path | None = None, *, after: int | str | None = None, resume: bool = False,
    frames: list[Frame] = FRAMES,
) -> tuple[bytes, EncodeSummary, Stopper]:  # fmt: skip
    stopper = Stopper(after)
    options = {"progress": stopper.progress, "should_stop": stopper.should_stop, "resume": resume}
    return *encode_bytes(frames, given, checkpoint=checkpoint, **options), stopper


def interrupted(given: EncodeSettings, checkpoint: Path, after: int | str, *, resume: bool = False) -> str:
    """Encode up to a step's end; the message of the interruption."""
    with pytest.raises(Interrupted) as error:
        run(given, checkpoint, after=after, resume=resume)
    return str(error.value)


@pytest.fixture(scope="module")
def whole() -> bytes:
    """What an encode without a checkpoint gives."""
    torch.set_num_threads(1)
    data, _, stopper = run(settings())
    assert stopper.steps == STEPS
    assert set(FIT_PHASES) < set(stopper.phases)
    return data


@pytest.mark.parametrize("after", [1, 12, 14, 15, 16])
def test_one_interruption(whole: bytes, tmp_path: Path, after: int) -> None:
    checkpoint = tmp_path / "c.ckpt"
    message = interrupted(settings(), checkpoint, after)
    assert message.startswith("interrupted while fitting segment 0")
    assert str(checkpoint) in message
    assert "\n" not in message
    assert [path.name for path in tmp_path.iterdir()] == ["c.ckpt"], "nothing half-written"
    data, _, stopper = run(settings(), checkpoint, resume=True)
    assert stopper.steps == STEPS - after
    assert data == whole
    assert not checkpoint.exists(), "it has served"


@pytest.mark.parametrize("phase", ["write", "verify"])
def test_interrupted_after_the_fit(whole: bytes, tmp_path: Path, phase: str) -> None:
    checkpoint = tmp_path / "c.ckpt"
    assert str(checkpoint) in interrupted(settings(), checkpoint, phase)
    data, _, stopper = run(settings(), checkpoint, resume=True)
    assert stopper.steps == 0
    assert data == whole


def test_many_interruptions(whole: bytes, tmp_path: Path) -> None:
    checkpoint = tmp_path / "c.ckpt"
    interrupted(settings(), checkpoint, 5)
    for steps in (1, 6, 1, 2):
        interrupted(settings(), checkpoint, steps, resume=True)
    data, _, stopper = run(settings(), checkpoint, resume=True)
    assert stopper.steps == STEPS - 15
    assert data == whole


def test_a_killed_encode(whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoints that an encode writes as it goes change nothing, and each is good to go on from."""
    monkeypatch.setattr(encode_module, "CHECKPOINT_SECONDS", 0.0)
    checkpoint, kept = tmp_path / "c.ckpt", {}
    steps = 0

    def progress(event: ProgressEvent) -> None:
        nonlocal steps
        if event.phase in FIT_PHASES:
            if steps in (6, 15):
                kept[steps] = shutil.copy(checkpoint, tmp_path / f"{steps}.ckpt")
            steps += 1

    assert encode_bytes(FRAMES, settings(), checkpoint=checkpoint, progress=progress)[0] == whole
    assert len(kept) == 2
    for done, path in kept.items():
        data, _, stopper = run(settings(), Path(path), resume=True)
        assert stopper.steps == STEPS - done
        assert data == whole


def test_crops_and_other_random_choices_go_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures large enough that the fit looks at parts of them."""
    monkeypatch.setattr("nvcodec.encoder.fit.CROP_PIXELS", 128 * 128, raising=False)
    frames, given = moving_frames(video_format("400", 8, 192, 160), 2), settings(epochs=5)
    expected, _, stopper = run(given, frames=frames)
    assert stopper.steps > 5, "a part counts as less than a whole picture"
    checkpoint = tmp_path / "c.ckpt"
    with pytest.raises(Interrupted):
        run(given, checkpoint, after=3, frames=frames)
    assert run(given, checkpoint, resume=True, frames=frames)[0] == expected


def test_segments(tmp_path: Path) -> None:
    """Stopped in the second segment: the first is not fitted again."""
    given, checkpoint = settings(segment_length=2), tmp_path / "c.ckpt"
    expected, _, stopper = run(given)
    assert stopper.steps == STEPS
    assert "segment 1" in interrupted(given, checkpoint, 11)
    data, summary, stopper = run(given, checkpoint, resume=True)
    assert stopper.steps == STEPS - 11
    assert data == expected
    assert summary.segments == 2
    assert len(summary.lam) == 2


def test_a_steered_lambda_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateController, "settled", lambda self, size: True)
    given, checkpoint = settings(lam=None, size_bytes=5000), tmp_path / "c.ckpt"
    expected, summary, _ = run(given)
    interrupted(given, checkpoint, 9)
    data, resumed, _ = run(given, checkpoint, resume=True)
    assert resumed.lam == summary.lam
    assert data == expected


def test_corrections_of_the_size_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of two steps each after the fit, stopped within the first and after the last."""
    monkeypatch.setattr(encode_module, "ROUNDS", 2)
    monkeypatch.setattr(encode_module, "ROUND_STEPS", 2)
    monkeypatch.setattr(RateController, "settled", lambda self, size: False)
    given, checkpoint = settings(lam=None, size_bytes=20_000), tmp_path / "c.ckpt"
    expected, summary, stopper = run(given)
    assert stopper.steps == STEPS + 4
    for after in (STEPS + 1, STEPS + 4):
        interrupted(given, checkpoint, after)
        data, resumed, stopper = run(given, checkpoint, resume=True)
        assert stopper.steps == STEPS + 4 - after
        assert resumed.lam == summary.lam
        assert data == expected


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of `settings()` and FRAMES after two steps."""
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("checkpoint") / "c.ckpt"
    interrupted(settings(), path, 2)
    return path


def refused(given: EncodeSettings, checkpoint: Path, frames: list[Frame] = FRAMES) -> str:
    """The one line that a resume is refused with; nothing is fitted before, and the checkpoint stays."""
    stopper = Stopper()
    with pytest.raises(EncodeError) as error:
        encode_bytes(frames, given, checkpoint=checkpoint, resume=True, progress=stopper.progress)
    assert stopper.steps == 0
    assert "\n" not in str(error.value)
    assert str(checkpoint) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"seed": 1}, "the checkpoint has seed 0, this encode 1"),
        ({"lam": 0.5}, "the checkpoint has lam 0.0001, this encode 0.5"),
        ({"gop_length": 4}, "the checkpoint has gop_length 2, this encode 4"),
        ({"tune": "ssim"}, "the checkpoint has tune 'psnr', this encode 'ssim'"),
        ({"preset": "fast"}, "the checkpoint has preset 'ultrafast', this encode 'fast'"),
        ({"lam": None, "quality": 10}, "the checkpoint has lam 0.0001, this encode None"),
    ],
)
def test_other_settings_are_named(stopped: Path, changes: dict, difference: str) -> None:
    assert refused(settings(**changes), stopped).endswith(difference)


def test_another_model_is_named(stopped: Path) -> None:
    assert "the checkpoint has model" in refused(settings(model=TINY), stopped)


def test_another_source(stopped: Path) -> None:
    """By its number of pictures, its samples, or its format: the message has both sides."""
    for frames, kind in (
        (FRAMES[:3], "3 pictures of 40x24 yuv420p"),
        (moving_frames(VIDEO, 4, seed=1), "4 pictures of 40x24 yuv420p"),
        (moving_frames(video_format("420", 10, 40, 24), 4), "4 pictures of 40x24 yuv420p10le"),
    ):
        message = refused(settings(), stopped, frames)
        assert "of another source: it has 4 pictures of 40x24 yuv420p, SHA-256 " in message
        assert f"this encode {kind}, SHA-256 " in message


def test_another_version(stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Path(shutil.copy(stopped, tmp_path))
    monkeypatch.setattr(checkpoint_module, "CHECKPOINT_VERSION", checkpoint_module.CHECKPOINT_VERSION + 1)
    assert "checkpoint version 4, this program knows 5" in refused(settings(), copy)


def test_another_version_of_the_program(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_module, "__version__", "9.9")
    assert refused(settings(), stopped).endswith("the checkpoint is of nvcodec 0.1.0, this is 9.9")


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_checkpoint(stopped: Path, tmp_path: Path, kept: float) -> None:
    content = stopped.read_bytes()
    path = tmp_path / "cut.ckpt"
    path.write_bytes(content[: int(kept * len(content))])
    assert "damaged" in refused(settings(), path)


@pytest.mark.parametrize("position", [0.3, 0.5, 0.7])
def test_a_flipped_bit_in_a_checkpoint(stopped: Path, tmp_path: Path, position: float) -> None:
    """Also within a tensor, where it would silently change the result."""
    content = bytearray(stopped.read_bytes())
    content[int(position * len(content))] ^= 0x40
    path = tmp_path / "flipped.ckpt"
    path.write_bytes(content)
    assert "damaged" in refused(settings(), path)


@pytest.mark.parametrize("content", [b"some text\n", b"\x89MSN\x00\x01\x00\x00", b"PK\x03\x04"])
def test_something_else_than_a_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    assert "not a checkpoint" in refused(settings(), path)


@pytest.mark.parametrize(
    "content",
    [
        {"a": torch.zeros(1)},
        [1, 2],
        {"version": checkpoint_module.CHECKPOINT_VERSION},
        {"version": checkpoint_module.CHECKPOINT_VERSION, "program": "", "source": "", "settings": 3, "state": {}},
        torch.zeros(3),
    ],
    ids=["other names", "a list", "a version alone", "settings that are none", "a tensor"],
)
def test_a_file_of_torchs_that_is_no_checkpoint(tmp_path: Path, content: object) -> None:
    path = tmp_path / "other.ckpt"
    torch.save(content, path)
    assert "not a checkpoint" in refused(settings(), path)


def test_a_pickle_is_not_executed(tmp_path: Path) -> None:
    class Malice:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "executed",)

    path = tmp_path / "evil.ckpt"
    torch.save({"version": 1, "source": Malice()}, path)
    assert "not a checkpoint" in refused(settings(), path)
    assert not (tmp_path / "executed").exists()


def test_no_checkpoint_to_resume_from(tmp_path: Path) -> None:
    assert "no checkpoint" in refused(settings(), tmp_path / "absent.ckpt")


def test_stopped_without_a_checkpoint() -> None:
    with pytest.raises(Interrupted, match=r"while fitting segment 0 .*no checkpoint"):
        run(settings(), None, after=2)


def test_stopped_while_reading(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="interrupted while reading the source"):
        run(settings(), tmp_path / "c.ckpt", after="read")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "c.ckpt"
    state = {"tensor": torch.arange(5), "list": [1.5, (2, "three")], "nested": {4: None}}
    save_checkpoint(path, "digest", {"seed": "0"}, state)
    found = load_checkpoint(path, "digest", {"seed": "0"}, torch.device("cpu"))
    assert torch.equal(found.pop("tensor"), state.pop("tensor"))
    assert found == state
    with pytest.raises(CheckpointMismatch, match="the checkpoint has seed 0, this encode None"):
        load_checkpoint(path, "digest", {}, torch.device("cpu"))


def test_a_checkpoint_is_its_owners(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        save_checkpoint(tmp_path / "c.ckpt", "digest", {}, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "c.ckpt").stat().st_mode) == 0o600


def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    """With the checkpoint in it, and everything else: one line, at the latest when there is something to write."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def progress(event: ProgressEvent) -> None:
        if event.phase == "refine":
            shutil.rmtree(folder, ignore_errors=True)

    options = {"checkpoint": folder / "c.ckpt", "progress": progress}
    with pytest.raises(EncodeError, match="cannot write the checkpoint: No such file or directory"):
        encode_frames(iter(FRAMES), VIDEO, folder / "out.msn", settings(), **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["output", "folder"])
def test_what_a_checkpoint_must_not_replace(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointUnsuitable, match=place):
        encode_frames(iter(FRAMES), VIDEO, tmp_path / "output", settings(), checkpoint=tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_output_that_may_not_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "out.msn").write_bytes(b"hours of work")
    with pytest.raises(OutputExists):
        encode_frames(iter(FRAMES), VIDEO, tmp_path / "out.msn", settings(), overwrite=False)
    assert (tmp_path / "out.msn").read_bytes() == b"hours of work"


def test_stopped_before_the_fit(whole: bytes, tmp_path: Path) -> None:
    """There is a checkpoint as soon as the source has been read, with nothing in it."""
    checkpoint = tmp_path / "c.ckpt"

    def stop(event: ProgressEvent) -> None:
        if event.phase == "analyse":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_bytes(FRAMES, settings(), checkpoint=checkpoint, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["c.ckpt"]
    assert run(settings(), checkpoint, resume=True)[0] == whole


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.ckpt"
    save_checkpoint(path, "digest", {}, {"a": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(EncodeError, match="cannot write the checkpoint: No space left on device"):
        save_checkpoint(path, "digest", {}, {"a": 2})
    assert load_checkpoint(path, "digest", {}, torch.device("cpu")) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.ckpt"]
