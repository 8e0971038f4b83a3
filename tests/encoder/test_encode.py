"""Whole encodes: what they write, what they say, and that nothing is left behind when they fail."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import nvcodec
from nvcodec.bitstream import ContainerReader, UnitKey, UnitType
from nvcodec.decoder import Decoder
from nvcodec.decoder import decoder as decoder_module
from nvcodec.encoder.encode import ProgressEvent, encode_frames, pick_device
from nvcodec.encoder.errors import (
    DeviceUnavailable,
    EncodeError,
    Interrupted,
    SettingsInvalid,
    SourceUnsuitable,
    VerificationFailed,
)
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.errors import NvcodecError
from nvcodec.video.frame import Frame
from tests.streams import CASES, SLIM, encode_bytes, moving_frames, same_planes, stream, tiny_settings, video_format

VIDEO = video_format("420", 8, 32, 18)
FRAMES = moving_frames(VIDEO, 4)


def settings(**changes: object) -> EncodeSettings:
    return tiny_settings(**{"model": SLIM, **changes})


PHASES = ["read", "analyse", "fit", "prune and quantise", "refine", "write", "verify"]


def test_the_same_seed_gives_the_same_file() -> None:
    first, _ = encode_bytes(FRAMES[:2], settings(seed=5))
    torch.manual_seed(99)
    again, _ = encode_bytes(FRAMES[:2], settings(seed=5))
    other, _ = encode_bytes(FRAMES[:2], settings(seed=6))
    assert first == again
    assert first != other


def test_the_callers_threads_are_left_alone() -> None:
    """Verification runs torch on one thread; a second encode in the process must not inherit that."""
    torch.set_num_threads(2)
    encode_bytes(FRAMES[:1], settings(threads=0, epochs=1))
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("count", "epochs"), [(1, 0.5), (1, 3), (2, 1), (2, 2)])
def test_the_shortest_fits(count: int, epochs: float) -> None:
    """Too few steps for all phases, or for any: the file is bad, but it is one."""
    data, summary = encode_bytes(FRAMES[:count], settings(epochs=epochs))
    assert summary.picture_count == count
    with Decoder(data, verify=True, threads=1) as decoder:
        assert len(list(decoder)) == count


def test_other_settings_make_other_files() -> None:
    """Each setting is one that something reads."""
    plain, _ = encode_bytes(FRAMES[:2], settings(epochs=8))
    changes = (
        {"tune": "ssim"},
        {"pooling": "max"},
        {"multi_scale": False},
        {"adaptive_scales": False},
        {"digest_bytes": 8},
    )
    for change in changes:
        data, _ = encode_bytes(FRAMES[:2], settings(epochs=8, **change))
        assert data != plain, change
        with Decoder(data, verify=True, threads=1) as decoder:
            assert len(list(decoder)) == 2


def test_a_longer_fit_is_better() -> None:
    psnr_db = [encode_bytes(FRAMES, settings(epochs=epochs))[1].psnr_y["1"] for epochs in (2, 30)]
    assert psnr_db[1] > psnr_db[0] + 3
    assert psnr_db[1] > 20


def test_more_lambda_fewer_bytes() -> None:
    sizes = [
        sum(encode_bytes(FRAMES, settings(epochs=20, lam=lam))[1].cross_entropy_bytes.values()) for lam in (1e-6, 1e-1)
    ]
    assert sizes[1] < 0.7 * sizes[0]


@pytest.fixture(scope="module")
def long_clip() -> tuple[list[Frame], bytes, list[ProgressEvent], nvcodec.VideoFormat]:
    """9 pictures with a scene cut at picture 3, in segments of at most 6 and GoPs of at most 2."""
    torch.set_num_threads(1)
    frames = moving_frames(VIDEO, 9)
    for frame in frames[3:]:
        for plane in frame.planes:
            np.subtract(255, plane // 3, out=plane)
    events: list[ProgressEvent] = []
    given = settings(segment_length=6, gop_length=2, epochs=8)
    data, summary = encode_bytes(frames, given, progress=events.append)
    return frames, data, events, summary


def test_several_segments_and_gops(long_clip: tuple) -> None:
    _, data, _, summary = long_clip
    with Decoder(data, verify=True, threads=2) as decoder:
        # the second segment begins at the cut
        assert [segment.first_picture for segment in decoder.segments] == [0, 3]
        assert [segment.gop_length for segment in decoder.segments] == [[2, 1], [2, 2, 2]]
        full = list(decoder)
        assert [frame.pts for frame in full] == list(range(9))
        for index in (8, 0, 4, 3, 5):
            assert same_planes(decoder[index], full[index])
        assert all(map(same_planes, decoder[3:6], full[3:6]))
    for scale in ("1/2", "1/8"):
        with Decoder(data, scale=scale, verify=True, threads=1) as decoder:
            assert len(list(decoder)) == 9
    assert (summary.segments, summary.gops, len(summary.lam)) == (2, 5, 2)


def test_units_stand_in_their_order(long_clip: tuple) -> None:
    expected = [UnitKey(UnitType.SEQUENCE)]
    for segment, gops in ((0, 2), (1, 3)):
        expected.append(UnitKey(UnitType.SEGMENT, segment))
        expected += [UnitKey(UnitType.NETWORK, segment, 0, level) for level in (4, 3, 2, 1, 0)]
        for gop in range(gops):
            expected += [UnitKey(UnitType.GOP, segment, gop, level) for level in (4, 2, 1)]
            expected.append(UnitKey(UnitType.DIGEST, segment, gop))
    with ContainerReader(long_clip[1]) as container:
        assert [entry.key for entry in container.entries] == [*expected, UnitKey(UnitType.INDEX)]


def test_progress(long_clip: tuple) -> None:
    events = long_clip[2]
    phases = [event.phase for event in events]
    assert sorted(set(phases), key=phases.index) == PHASES
    for event in events:
        assert event.total is None or 0 <= event.done <= event.total
        if event.phase in PHASES[2:5]:
            assert event.loss > 0
            assert event.rate_bpp >= 0
            assert 0 < event.psnr_db < 100
    for phase in ("read", "write", "verify"):
        assert max(event.done for event in events if event.phase == phase) == 9
    assert [event.done for event in events if event.phase in PHASES[2:5]][-1] == 1000


@pytest.mark.parametrize("name", CASES)
def test_the_summary_adds_up(name: str) -> None:
    data, summary = stream(name)
    video = CASES[name].video
    assert summary.file_bytes == len(data) == sum(summary.component_bytes.values())
    assert all(count >= 0 for count in summary.component_bytes.values())
    assert summary.rate_bpp == pytest.approx(len(data) * 8 / (summary.picture_count * video.width * video.height))
    assert set(summary.psnr_y) == set(summary.psnr_yuv) == {"1", "1/2", "1/4", "1/8"}
    assert all(seconds >= 0 for seconds in summary.seconds.values())
    assert summary.gops == len(nvcodec.probe(data).gop_lengths)
    assert json.loads(json.dumps(summary.to_dict()))["file_bytes"] == len(data)


def test_a_path_and_a_file_get_the_same_bytes(tmp_path: Path) -> None:
    expected, _ = encode_bytes(FRAMES, settings())
    path = tmp_path / "out.msn"
    path.write_bytes(b"what was there before")
    summary = nvcodec.encode(FRAMES, path, **vars(settings()))
    assert path.read_bytes() == expected
    assert summary.file_bytes == len(expected)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.msn"]


class Broken(NvcodecError):
    """A source that fails in the middle."""


def broken_source() -> Iterator[Frame]:
    yield from FRAMES[:2]
    raise Broken("the source ends here")


@pytest.fixture(params=["fresh", "existing"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A path for an encode that must fail: what was there, or nothing, must be there afterwards."""
    path = tmp_path / "out.msn"
    if request.param == "existing":
        path.write_bytes(b"hours of work")
    yield path
    left = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    assert left == ({"out.msn": b"hours of work"} if request.param == "existing" else {})


def test_a_file_that_does_not_verify_is_not_kept(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder sees something else than the encoder when its digests come out differently."""
    right = decoder_module.picture_digest
    monkeypatch.setattr(decoder_module, "picture_digest", lambda planes, count: right(planes, count)[::-1])
    with pytest.raises(VerificationFailed, match="does not decode to what the encoder saw: picture 0") as error:
        encode_frames(FRAMES, VIDEO, output, settings())
    assert "\n" not in str(error.value)


def test_nothing_is_written_to_a_file_object_that_does_not_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sink:
        written = b""

        def write(self, data: bytes) -> None:
            self.written += data

    right, sink = decoder_module.picture_digest, Sink()
    monkeypatch.setattr(decoder_module, "picture_digest", lambda planes, count: right(planes, count)[::-1])
    with pytest.raises(VerificationFailed):
        encode_frames(FRAMES, VIDEO, sink, settings())
    assert sink.written == b""


def test_a_source_that_fails(output: Path) -> None:
    with pytest.raises(Broken):
        encode_frames(broken_source(), VIDEO, output, settings())


@pytest.mark.parametrize("phase", ["read", "fit", "write", "verify"])
def test_an_interruption(output: Path, phase: str) -> None:
    events: list[ProgressEvent] = []
    options = {"progress": events.append, "should_stop": lambda: events[-1].phase == phase}
    with pytest.raises(Interrupted, match="there is no checkpoint"):
        encode_frames(FRAMES[:1], VIDEO, output, settings(), **options)


def test_a_program_error_in_the_middle(output: Path) -> None:
    def progress(event: ProgressEvent) -> None:
        if event.phase == "verify":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_frames(FRAMES[:1], VIDEO, output, settings(), progress=progress)


@pytest.mark.parametrize("name", ["absent/out.msn", "folder"])
def test_an_impossible_output_is_refused_before_the_fit(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    events: list[ProgressEvent] = []
    with pytest.raises(NvcodecError) as error:
        encode_frames(FRAMES, VIDEO, tmp_path / name, settings(), progress=events.append)
    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value)
    assert not any(event.phase in PHASES[2:] for event in events)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["folder"]


@pytest.mark.parametrize(
    ("size", "message"), [((15, 16), "width is 15, allowed is 16 to 8192"), ((16, 8), "height is 8, allowed is 16")]
)
def test_too_small_a_picture(size: tuple[int, int], message: str) -> None:
    with pytest.raises(SourceUnsuitable, match=message):
        encode_bytes(moving_frames(video_format("420", 8, *size), 1), settings())


def test_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(SourceUnsuitable, match="no pictures"):
        encode_frames([], VIDEO, tmp_path / "out.msn", settings())
    with pytest.raises(NvcodecError, match="no pictures"):
        nvcodec.encode([], tmp_path / "out.msn")
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_two_formats() -> None:
    for other in (video_format("420", 8, 34, 18), video_format("444", 8, 32, 18), replace(VIDEO, full_range=True)):
        with pytest.raises(SourceUnsuitable, match="picture 2: its format differs"):
            encode_bytes([*FRAMES[:2], *moving_frames(other, 1)], settings())


def test_invalid_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="gop_length is 0"):
        encode_frames(FRAMES, VIDEO, tmp_path / "out.msn", settings(gop_length=0))
    with pytest.raises(SettingsInvalid, match="quality is 101"):
        nvcodec.encode(FRAMES, tmp_path / "out.msn", quality=101)


@pytest.mark.parametrize("name", ["tpu9", "cuda:77"])
def test_no_such_device(name: str) -> None:
    with pytest.raises(DeviceUnavailable) as error:
        encode_bytes(FRAMES, settings(device=name))
    assert isinstance(error.value, EncodeError)
    assert repr(name) in str(error.value)


def test_devices() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
