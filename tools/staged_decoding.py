"""What decode_speed.py runs in its child processes: timed decodings, their stages, and the process's peak memory."""

from __future__ import annotations

import re
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import decode_to_file

from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import DecodedPicture, Task
from nvcodec.synthesis.arrays import Array


@dataclass(frozen=True)
class Job:
    """Decodings of pictures start .. stop-1 of a file, all alike."""

    path: str
    backend: str
    scale: str
    threads: int
    runs: int
    start: int = 0
    stop: int | None = None
    with_stages: bool = False


@dataclass
class Outcome:
    """pictures: per run; seconds: of each run; stage_seconds: of one more run, by stage."""

    pictures: int
    seconds: list[float]
    peak_bytes: int
    stage_seconds: dict[str, float] = field(default_factory=dict)


STAGES = ("entropy", "alignment", "network", "output")
"""Latents and vectors out of the file, with their contexts; references by vectors; the network; all else."""


class StagedDecoder(Decoder):
    """Times its stages but the last. For one thread."""

    stage_seconds = dict.fromkeys(STAGES[:-1], 0.0)

    @classmethod
    @contextmanager
    def _timed(cls, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        cls.stage_seconds[stage] += time.perf_counter() - begun

    def _tasks(self, start: int, end: int) -> Iterator[Task]:
        tasks = super()._tasks(start, end)
        while True:
            with self._timed("entropy"):
                task = next(tasks, None)
            if task is None:
                return
            yield task

    def _align(self, task: Task, window: list[DecodedPicture]) -> list[Sequence[Array]]:
        with self._timed("alignment"):
            return super()._align(task, window)

    def _synthesised(self, task: Task, window: dict[int, Array] | None) -> list[Array]:
        with self._timed("network"):
            return super()._synthesised(task, window)


def peak_memory_bytes() -> int:
    """The process's highest resident size so far."""
    status = Path("/proc/self/status")
    met = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    if met is not None:  # unlike ru_maxrss, not inherited from the process that started this one
        return int(met[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_job(job: Job) -> Outcome:
    """Decode as asked, into a .yuv file that is thrown away; first one picture untimed, which loads the libraries."""
    options: dict[str, Any] = {"scale": job.scale, "backend": job.backend, "threads": job.threads}
    options |= {"start": job.start, "stop": job.stop}
    with tempfile.TemporaryDirectory(prefix="decode-speed-") as folder:
        target = Path(folder) / "pictures.yuv"
        decode_to_file(job.path, target, **{**options, "stop": job.start + 1})
        done = [decode_to_file(job.path, target, **options) for _ in range(job.runs)]
        outcome = Outcome(done[0].pictures, [one.seconds for one in done], peak_memory_bytes())
        if job.with_stages:
            StagedDecoder.stage_seconds = dict.fromkeys(STAGES[:-1], 0.0)
            whole = decode_to_file(job.path, target, decoder_class=StagedDecoder, **options)
            timed = StagedDecoder.stage_seconds
            outcome.stage_seconds = {**timed, "output": whole.seconds - sum(timed.values())}
    return outcome
