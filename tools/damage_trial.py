"""Every single-bit flip and every truncation of small streams: the decoder must name the fault or be exactly right.

    python tools/damage_trial.py [FILE ...]      default: a stream of each profile, tests/robustness/corpus

For each damaged copy the whole decode runs strictly, and for one in --concealed-step once more with concealment.
Strictly it must raise an error of ours that names a unit or a part of the file, or yield exactly the right pictures.
Concealed it must yield as many pictures as the sequence has, and each that is not right must be covered by a loss that
was stated, or be refused by an error of ours. The table counts; the exit status is 1 where anything else happened.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from nvcodec.decoder import Decoder  # noqa: E402
from nvcodec.errors import NvcodecError  # noqa: E402
from nvcodec.video import Frame  # noqa: E402

CORPUS = ROOT / "tests" / "robustness" / "corpus"
NAMES_A_PART = re.compile(r"unit|file header|footer|not an \.msn file|profile of format version")
SLOW_SECONDS = 10.0  # of the processor: a busy machine is no hang
FAILURES = ("silently wrong", "unnamed error", "traceback", "hang")

Damaged = tuple[str, bytes]


def flips(data: bytes) -> Iterator[Damaged]:
    """Every copy with one bit turned."""
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit >> 3] ^= 1 << (bit & 7)
        yield f"bit {bit & 7} of byte {bit >> 3}", bytes(changed)


def truncations(data: bytes) -> Iterator[Damaged]:
    """Every copy that ends early."""
    for size in range(len(data)):
        yield f"first {size} bytes", data[:size]


def same(a: Frame, b: Frame) -> bool:
    """Whether two pictures have the same number, shape and samples."""
    return a.pts == b.pts and all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


def decode_strictly(data: bytes, right: list[Frame]) -> str:
    """What became of a decode that stops at damage."""
    try:
        with Decoder(data, backend="numpy", threads=1) as decoder:
            shown = list(decoder)
            described = decoder.format == right[0].format
    except NvcodecError as error:
        return "fault named" if NAMES_A_PART.search(str(error)) else "unnamed error"
    correct = described and len(shown) == len(right) and all(map(same, shown, right))
    return "right pictures" if correct else "silently wrong"


def decode_concealed(data: bytes, right: list[Frame]) -> str:
    """What became of a decode that goes on."""
    try:
        with Decoder(data, backend="numpy", threads=1, conceal=True) as decoder:
            shown = list(decoder)
            losses = decoder.losses
    except NvcodecError as error:
        return "fault named" if NAMES_A_PART.search(str(error)) else "unnamed error"
    stated = {number for loss in losses for number in range(loss.first, loss.last + 1)}
    if len(shown) != len(right):
        return "silently wrong"
    if any(i not in stated and not same(frame, right[i]) for i, frame in enumerate(shown)):
        return "silently wrong"
    return "concealed and stated" if losses else "right pictures"


TRIALS = {"strictly": decode_strictly, "concealed": decode_concealed}
DAMAGE = {"bit flips": flips, "truncations": truncations}


def trial(copies: Iterator[Damaged], right: list[Frame], way: str) -> Counter[str]:
    """Outcomes over damaged copies; prints each failure."""
    outcomes: Counter[str] = Counter()
    for name, data in copies:
        began = time.process_time()
        try:
            outcome = TRIALS[way](data, right)
        except Exception as error:
            outcome = "traceback"
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        if time.process_time() - began > SLOW_SECONDS:
            outcome = "hang"
        if outcome in FAILURES:
            print(f"{way}, {name}: {outcome}", file=sys.stderr)
        outcomes[outcome] += 1
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "files", nargs="*", type=Path, default=[CORPUS / "grid.msn", CORPUS / "motion_short.msn", CORPUS / "hybrid.msn"]
    )
    parser.add_argument("--concealed-step", type=int, default=1)
    given = parser.parse_args()
    columns = ("fault named", "right pictures", "concealed and stated", *FAILURES)
    print("| stream | bytes | damage | way | tried | " + " | ".join(columns) + " |")
    print("|---" * (5 + len(columns)) + "|")
    failed = False
    for path in given.files:
        data = path.read_bytes()
        with Decoder(data, backend="numpy", threads=1, verify=True) as decoder:
            right = list(decoder)
        for kind, copies in DAMAGE.items():
            for way in TRIALS:
                step = given.concealed_step if way == "concealed" else 1
                outcomes = trial(islice(copies(data), 0, None, step), right, way)
                failed |= any(outcomes[failure] for failure in FAILURES)
                counts = " | ".join(str(outcomes[column]) for column in columns)
                row = f"| {path.stem} | {len(data)} | {kind} | {way} | {outcomes.total()} | {counts} |"
                print(row, flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
