"""The encode's progress bar; the only module that needs tqdm."""

from __future__ import annotations

import shutil
from types import TracebackType
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from nvcodec.encoder.encode import ProgressEvent

# Everything fits 80 columns; tqdm's own layout leaves the bar no room.
LAYOUT = "{desc}: {percentage:3.0f}%|{bar}| {remaining} left{postfix}"


class ProgressBar:
    """A bar per phase on stderr: steps, time left, loss, luma dB of the full size, bits per pixel."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._phase = ""

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, event: ProgressEvent) -> None:
        """Show where the encode stands."""
        if self._bar is None or event.phase != self._phase or event.done < self._bar.n:
            self._start(event)
        assert self._bar is not None
        figures = (("loss {:.2e}", event.loss), ("{:.2f} dB", event.psnr_db), ("{:.4f} bpp", event.rate_bpp))
        shown = [form.format(value) for form, value in figures if value is not None]
        self._bar.set_postfix_str(", ".join(shown), refresh=False)
        self._bar.update(event.done - self._bar.n)

    def _start(self, event: ProgressEvent) -> None:
        if self._bar is not None:
            self._bar.close()
        self._phase = event.phase
        # tqdm itself would show nothing where a terminal does not tell its size.
        columns, rows = shutil.get_terminal_size()
        self._bar = tqdm(
            desc=event.phase,
            total=event.total,
            unit="picture",
            bar_format=None if event.total is None else LAYOUT,
            ncols=columns,
            nrows=rows,
            leave=event.phase not in ("write", "verify"),
        )
