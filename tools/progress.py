"""An encode's progress on stderr: bars on a terminal, else a line per phase and per tenth of fit and coding."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from nvcodec.cli.progress import ProgressBar
from nvcodec.encoder.encode import ProgressEvent

FIT_PHASES = ("code", "fit", "prune and quantise", "refine")


def is_fitting(event: ProgressEvent) -> bool:
    """Whether the event is of one of the phases that count thousandths of fit and coding."""
    return event.phase in FIT_PHASES


class EncodeProgress:
    """Give an instance to `nvcodec.encode` as `progress`; use as a context manager."""

    def __init__(self, title: str):
        self.title, self.start = title, time.monotonic()
        self.shown = ("", -1)
        self.bar: ProgressBar | None = None
        if sys.stderr.isatty():
            print(title, file=sys.stderr)
            self.bar = ProgressBar()

    def __enter__(self) -> EncodeProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.__exit__(kind, error, trace)

    def __call__(self, event: ProgressEvent) -> None:
        if self.bar is not None:
            self.bar(event)
            return
        tenth = 10 * event.done // event.total if is_fitting(event) and event.total else 0
        if (event.phase, tenth) != self.shown:
            print(f"{time.monotonic() - self.start:7.1f} s  {self.title}: {describe(event)}", file=sys.stderr)
        self.shown = (event.phase, tenth)


def describe(event: ProgressEvent) -> str:
    """The phase and, during the fit, where it stands: 'fit, 40 %, 31.2 dB, 0.152 bpp'."""
    if not is_fitting(event) or not event.total:
        return event.phase
    parts = [event.phase, f"{100 * event.done // event.total} %"]
    if event.psnr_db is not None:
        parts.append(f"{event.psnr_db:.1f} dB")
    if event.rate_bpp is not None:
        parts.append(f"{event.rate_bpp:.3f} bpp")
    return ", ".join(parts)
