"""Fuzz the parser, the whole decoder or the y4m reader for a stated time: python tools/fuzz.py parse --seconds 60

With atheris (`pip install atheris`) the search is guided by coverage; without it, mutants of the corpus are tried
blindly. Both use the mutator of tests/robustness/mutate.py, which repairs CRCs and index. A crash (an exception that is
not ours, or an input that takes the processor longer than --slow seconds) is written to --crashers and fails the run.
The last line counts the inputs.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FOLDER = ROOT / "tests" / "robustness"
REPORT_SECONDS = 60
KEPT_SEEDS = 400
"""Mutants that the blind search goes on from, beside the corpus."""


class TooSlow(BaseException):
    """An input took longer than allowed; not an Exception, so that nothing on the way catches it."""


class Run:
    """Counts what became of the inputs, keeps crashers, and ends at a time."""

    def __init__(self, name: str, seconds: float, inputs: int | None, slow: float, crashers: Path):
        from tests.robustness.targets import TARGETS

        self.name, self.target = name, TARGETS[name]
        self.end, self.slow, self.crashers = time.monotonic() + seconds, slow, crashers
        self.inputs, self.outcomes = inputs, Counter[str]()
        self.next_report = time.monotonic() + REPORT_SECONDS
        self.slowest = 0.0
        signal.signal(signal.SIGPROF, self._alarm)  # of the processor's time: a busy machine is no hang

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"longer than {self.slow} s")

    @property
    def over(self) -> bool:
        now = time.monotonic()
        if now >= self.next_report:
            self.next_report = now + REPORT_SECONDS
            print(self.counts(), file=sys.stderr, flush=True)
        return now >= self.end or (self.inputs is not None and self.outcomes.total() >= self.inputs)

    def feed(self, data: bytes) -> str:
        """Try one input; the outcome's name."""
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, self.slow)
        try:
            outcome = self.target(data)
        except (Exception, TooSlow) as error:
            outcome = "crashed"
            self._keep(data, error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.slowest = max(self.slowest, time.process_time() - began)
        self.outcomes[outcome] += 1
        return outcome

    def _keep(self, data: bytes, error: BaseException) -> None:
        """Write the input down, named for where it broke, so that the same fault is kept once."""
        where = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__}-{Path(where.filename).stem}-{where.lineno}"
        path = self.crashers / f"{self.name}-{fault}{'.y4m' if self.name == 'source' else '.msn'}"
        if not path.exists():
            self.crashers.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"crash: {path}: {type(error).__name__}: {error}", file=sys.stderr)
            traceback.print_exception(error)

    def counts(self) -> str:
        """One line."""
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return f"fuzz {self.name}: {self.outcomes.total()} inputs ({counts}), slowest {self.slowest:.2f} s"

    def report(self) -> int:
        """Print the counts; the exit status."""
        print(self.counts(), flush=True)
        return int(self.outcomes["crashed"] > 0)


def fuzz_blindly(run: Run, seeds: list[bytes], random: Random) -> None:
    """Mutants of the corpus, and of mutants that were read to their end."""
    from tests.robustness.mutate import mutate

    pool = list(seeds)
    seen: set[bytes] = set()
    for seed in seeds:
        run.feed(seed)
    while not run.over:
        data = mutate(random.choice(pool), random, seeds)
        digest = hashlib.blake2b(data, digest_size=8).digest()
        if digest in seen:
            continue
        seen.add(digest)
        if run.feed(data) == "read":
            if len(pool) < KEPT_SEEDS + len(seeds):
                pool.append(data)
            elif random.random() < 0.1:
                pool[random.randrange(len(seeds), len(pool))] = data


def fuzz_by_coverage(run: Run, seeds: list[bytes], atheris: Any, corpus: Path) -> None:
    """The same under libFuzzer, which keeps what reaches new code. Does not return: it ends the process."""
    from tests.robustness.mutate import MAX_BYTES, mutate

    def custom_mutator(data: bytes, max_size: int, seed: int) -> bytes:
        return mutate(data, Random(seed), seeds)[:max_size]

    def one_input(data: bytes) -> None:
        run.feed(data)
        if run.over:
            sys.stdout.flush()
            os._exit(run.report())

    found = tempfile.mkdtemp(prefix="fuzz-")  # libFuzzer writes to the first folder
    options = [f"-seed={Random().randrange(1 << 31)}", f"-max_len={MAX_BYTES}", "-verbosity=0", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *options, found, str(corpus)], one_input, custom_mutator=custom_mutator)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=("parse", "decode", "source"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--inputs", type=int, help="stop after so many")
    parser.add_argument("--slow", type=float, default=20, help="processor seconds after which an input is a hang")
    parser.add_argument("--seed", type=int, default=0, help="of the blind search")
    parser.add_argument("--blind", action="store_true", help="do not use atheris")
    parser.add_argument("--crashers", type=Path, default=FOLDER / "crashers")
    given = parser.parse_args()
    guided = not given.blind and importlib.util.find_spec("atheris") is not None
    if guided:
        import atheris

        with atheris.instrument_imports(include=["nvcodec"]):
            import nvcodec.decoder.trace  # noqa: F401
    run = Run(given.target, given.seconds, given.inputs, given.slow, given.crashers)
    corpus = FOLDER / "corpus"
    kind = "*.y4m" if given.target == "source" else "*.msn"
    seeds = [path.read_bytes() for folder in (corpus, FOLDER / "crashers") for path in sorted(folder.glob(kind))]
    if guided:
        fuzz_by_coverage(run, seeds, atheris, corpus)
    fuzz_blindly(run, seeds, Random(given.seed))
    return run.report()


if __name__ == "__main__":
    sys.exit(main())
