"""What decode_speed.py runs in its child processes: timed decodings, their stages, and the process's peak memory."""

from __future__ import annotations

import re
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import decode_to_file

from nvcodec.decoder import Decoder
from nvcodec.video import Frame


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
    """pictures: per run; seconds: of each run; stage_seconds: of one more run, by 'entropy', 'synthesis', 'output'."""

    pictures: int
    seconds: list[float]
    peak_bytes: int
    stage_seconds: dict[str, float] = field(default_factory=dict)


class StagedDecoder(Decoder):
    """Times its two stages: grids out of the file (entropy coding, contexts, embeddings), and pictures out of them."""

    entropy_seconds = 0.0
    synthesis_seconds = 0.0

    def _tasks(self, start: int, end: int) -> Iterator[Any]:
        tasks = super()._tasks(start, end)
        while True:
            begun = time.perf_counter()
            task = next(tasks, None)
            StagedDecoder.entropy_seconds += time.perf_counter() - begun
            if task is None:
                return
            yield task

    def _finish(self, *task: Any) -> Frame:
        begun = time.perf_counter()
        frame = super()._finish(*task)
        StagedDecoder.synthesis_seconds += time.perf_counter() - begun
        return frame


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
            whole = decode_to_file(job.path, target, decoder_class=StagedDecoder, **options)
            entropy, synthesis = StagedDecoder.entropy_seconds, StagedDecoder.synthesis_seconds
            outcome.stage_seconds = {
                "entropy": entropy,
                "synthesis": synthesis,
                "output": whole.seconds - entropy - synthesis,
            }
    return outcome
