"""The progress bar: every phase of an encode shows under its name."""

import pytest

from nvcodec.cli.progress import ProgressBar
from nvcodec.encoder.encode import ProgressEvent


def test_every_phase_shows(capsys: pytest.CaptureFixture[str]) -> None:
    phases = ("read", "analyse", "motion", "code", "fit", "prune and quantise", "refine", "write", "verify")
    with ProgressBar() as bar:
        for phase in phases:
            bar(ProgressEvent(phase, 1, 4))
            bar(ProgressEvent(phase, 4, 4))
    shown = capsys.readouterr().err
    for phase in phases:
        assert f"\r{phase}: " in shown
    assert "motion: 100%" in shown


def test_the_motion_of_a_second_segment_starts_anew(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar() as bar:
        for _ in range(2):
            bar(ProgressEvent("motion", 1, 8))
            bar(ProgressEvent("motion", 8, 8))
    assert capsys.readouterr().err.count("motion: 100%") == 2
