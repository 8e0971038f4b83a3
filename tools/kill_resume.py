"""Encodes that are killed with SIGKILL and resumed end at the file of one that was left alone, byte for byte.

Usage: kill_resume.py [SOURCE] [--moments 20] [--profiles grid,motion,hybrid] [--epochs 8] [--checkpoint-seconds 0.2]

Without a SOURCE, a small made-up clip is encoded. For each profile an encode runs to its end; then as many encodes as
there are moments are killed: one in the middle of each phase, the others evenly over the whole time. Each is resumed
from what it left. A kill before there is a checkpoint (the source is still being read) leaves nothing to resume, which
--resume says in one line; that encode is then begun anew. Prints a Markdown table; status 1 where a file differs, or
where something else than a whole file ever had the output's name.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from command import parser_for, run_tool
from reported_encode import ReportedEncode
from tables import markdown_table

from nvcodec.errors import NvcodecError
from nvcodec.video import Frame, VideoFormat, open_writer

NO_CHECKPOINT = "there is no checkpoint to go on from"


class EncodeFailed(NvcodecError):
    """An encode that nobody killed did not end well."""


@dataclass(frozen=True)
class Moment:
    """When to kill: so many seconds after an event, which has a number and a phase."""

    seconds: float
    phase: str
    event: int
    delay: float


@dataclass(frozen=True)
class Outcome:
    """What a kill at a moment came to. phase: where it was met, by the last event before the death."""

    moment: Moment
    phase: str
    left: str
    resumed: str
    equal: bool


def make_clip(path: Path, pictures: int = 6, width: int = 48, height: int = 32) -> None:
    """A little noise under drifting waves."""
    video = VideoFormat(width, height, "420", 8, Fraction(25))
    random = np.random.default_rng(0)
    noise = [random.normal(0, 4, shape) for shape in video.plane_shapes]
    with open_writer(path, video) as writer:
        for number in range(pictures):
            planes = []
            for still, shape in zip(noise, video.plane_shapes, strict=True):
                rows, columns = np.mgrid[: shape[0], : shape[1]]
                wave = 128 + 50 * np.sin((columns + 2 * number) / 7) + 30 * np.cos((rows - number) / 5)
                planes.append((wave + still).clip(0, 255).astype(np.uint8))
            writer.write(Frame(tuple(planes), number, video))


class Encoder:
    """Runs encodes of one source with one profile's settings, in a folder each."""

    def __init__(self, source: Path, settings: dict[str, Any], checkpoint_seconds: float):
        self.source, self.settings, self.checkpoint_seconds = source, settings, checkpoint_seconds

    def start(self, folder: Path, *, resume: bool = False) -> ReportedEncode:
        output = folder / "out.msn"
        return ReportedEncode(self.source, output, self.settings, self.checkpoint_seconds, resume=resume)

    def whole(self, folder: Path) -> tuple[bytes, list[tuple[float, str]], float]:
        """The file of an encode left alone, its events as (seconds, phase), and its seconds. Raises EncodeFailed."""
        began = time.monotonic()
        encode = self.start(folder)
        events = [(time.monotonic() - began, phase) for phase in encode.events()]
        if encode.error is not None:
            raise EncodeFailed(f"the encode failed: {encode.error}")
        return (folder / "out.msn").read_bytes(), events, time.monotonic() - began

    def killed(self, folder: Path, moment: Moment) -> str:
        """Start an encode and kill it; the phase that it had reached."""
        encode, phases = self.start(folder), ["start"]
        for number, phase in enumerate(encode.events(), 1):
            phases.append(phase)
            if number == moment.event:
                time.sleep(moment.delay)
                encode.kill()
        return phases[-1]

    def resumed(self, folder: Path) -> str:
        """Go on to the end; how. Raises EncodeFailed."""
        for resume, how in ((True, "yes"), (False, "no: anew")):
            encode = self.start(folder, resume=resume)
            for _ in encode.events():
                pass
            if encode.error is None:
                return how
            if NO_CHECKPOINT not in encode.error:
                break
        raise EncodeFailed(f"resuming failed: {encode.error}")


def choose_moments(events: list[tuple[float, str]], seconds: float, count: int) -> list[Moment]:
    """The middle of every phase, and the rest evenly from the first event to the end."""
    phases = list(dict.fromkeys(phase for _, phase in events))
    first = [min(time_ for time_, phase in events if phase == wanted) for wanted in phases]
    last = [*first[1:], seconds]
    times = [(begin + end) / 2 for begin, end in zip(first, last, strict=True)][:count]
    rest = count - len(times)
    times += [first[0] + (seconds - first[0]) * (number + 0.5) / rest for number in range(rest)]
    moments = []
    for wanted in sorted(times):
        before = [number for number, (time_, _) in enumerate(events) if time_ <= wanted]
        moments.append(Moment(wanted, events[before[-1]][1], before[-1] + 1, wanted - events[before[-1]][0]))
    return moments


def try_moment(encoder: Encoder, moment: Moment, expected: bytes) -> Outcome:
    """Kill one encode and resume it. Whatever has the output's name, at any time, must be the whole file."""
    with tempfile.TemporaryDirectory(prefix="kill-resume-") as name:
        folder = Path(name)
        output = folder / "out.msn"
        phase = encoder.killed(folder, moment)
        equal = not output.exists() or output.read_bytes() == expected
        left = (
            "the whole file" if output.exists() else "a checkpoint" if any(folder.glob("*.checkpoint")) else "nothing"
        )
        resumed = "not needed" if output.exists() else encoder.resumed(folder)
        equal = equal and output.read_bytes() == expected
        if resumed != "not needed":
            equal = equal and [path.name for path in folder.iterdir()] == ["out.msn"]
    return Outcome(moment, phase, left, resumed, equal)


def read_arguments() -> argparse.Namespace:
    parser = parser_for(__doc__)
    parser.add_argument("source", nargs="?", type=Path)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--profiles", default="grid,motion,hybrid")
    parser.add_argument("--epochs", type=float, default=8.0)
    parser.add_argument("--checkpoint-seconds", type=float, default=0.2)
    return parser.parse_args()


def main() -> int:
    args = read_arguments()
    rows, failed = [], 0
    with tempfile.TemporaryDirectory(prefix="kill-resume-") as name:
        source = args.source
        if source is None:
            source = Path(name) / "made_up.y4m"
            make_clip(source)
        for profile in args.profiles.split(","):
            settings = {"profile": profile, "preset": "ultrafast", "epochs": args.epochs, "device": "cpu", "threads": 1}
            encoder = Encoder(source, settings, args.checkpoint_seconds)
            whole = Path(name) / profile
            whole.mkdir()
            expected, events, seconds = encoder.whole(whole)
            print(f"{profile}: {len(expected)} bytes in {seconds:.1f} s, {len(events)} events", file=sys.stderr)
            for moment in choose_moments(events, seconds, args.moments):
                found = try_moment(encoder, moment, expected)
                failed += not found.equal
                at = f"{moment.seconds:.2f} s, {moment.seconds / seconds:.0%}"
                rows.append([profile, at, found.phase, found.left, found.resumed, "yes" if found.equal else "NO"])
                print(", ".join(rows[-1]), file=sys.stderr, flush=True)
    print(markdown_table(["profile", "killed at", "phase", "left", "resumed", "equal"], rows, left=6))
    print(f"\n{len(rows) - failed} of {len(rows)} end at the uninterrupted encode's file.")
    return 1 if failed else 0


if __name__ == "__main__":
    run_tool(main)
