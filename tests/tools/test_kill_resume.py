"""Killed at a few moments; tools/kill_resume.py tries more of them."""

from pathlib import Path

import kill_resume
import pytest

EVENTS = [(1.0, "read"), (1.2, "read"), (2.0, "fit"), (4.0, "fit"), (6.0, "write")]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kill_resume") / "clip.y4m"
    kill_resume.make_clip(path, 2, 32, 16)
    return path


@pytest.mark.parametrize(("profile", "count"), [("grid", 1), ("motion", 1), ("hybrid", 1)])
def test_killed_and_resumed(source: Path, tmp_path: Path, profile: str, count: int) -> None:
    settings = {"profile": profile, "preset": "ultrafast", "epochs": 2, "device": "cpu", "threads": 1}
    encoder = kill_resume.Encoder(source, settings, 0.0)
    expected, events, seconds = encoder.whole(tmp_path)
    phases = {phase for _, phase in events}
    assert phases > {"read", "analyse", "fit", "write", "verify"}
    wanted = [event for event in kill_resume.choose_moments(events, seconds, 20) if event.phase in ("fit", "write")]
    for moment in wanted[:: len(wanted) // count][:count]:
        found = kill_resume.try_moment(encoder, moment, expected)
        assert found.equal
        assert found.resumed in ("yes", "not needed")


def test_moments() -> None:
    moments = kill_resume.choose_moments(EVENTS, 8.0, 5)
    assert [moment.seconds for moment in moments] == [1.5, 2.75, 4.0, 6.25, 7.0]
    assert [moment.phase for moment in moments] == ["read", "fit", "fit", "write", "write"]
    assert [moment.event for moment in moments] == [2, 3, 4, 5, 5]
    assert moments[0].delay == pytest.approx(0.3)
