"""Damaged streams decode alike by the compiled kernels and by numpy: the same pictures, losses and errors.

Usage: kernel_trial.py [--seconds 60] [--seed 0]

Mutants of the hybrid profile's corpus and conformance vectors (tests/robustness/mutate.py, which repairs CRCs) are
decoded twice, at any scale, strictly or concealed. Prints how many were refused and how many decoded; status 1 where
the two ways differ. Needs Numba.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from command import parser_for, run_tool  # noqa: E402

from nvcodec import compiled  # noqa: E402
from nvcodec.decoder import Decoder  # noqa: E402
from nvcodec.decoder.decoder import SCALES  # noqa: E402
from nvcodec.errors import NvcodecError  # noqa: E402
from tests.robustness.mutate import MAX_BYTES, mutate  # noqa: E402
from tests.robustness.targets import MAX_MEMORY_BYTES, MOST_PICTURES  # noqa: E402


def decoded(data: bytes, scale: str, conceal: bool) -> tuple[bool, str]:
    """Whether it decodes, and all that comes of it."""
    try:
        options = {"backend": "numpy", "threads": 1, "max_memory": MAX_MEMORY_BYTES}
        with Decoder(data, scale=scale, conceal=conceal, **options) as decoder:
            digest = hashlib.sha256()
            for frame in decoder.frames(0, min(MOST_PICTURES, len(decoder))):
                for plane in frame.planes:
                    digest.update(plane.tobytes())
            return True, digest.hexdigest() + str([str(loss) for loss in decoder.losses])
    except NvcodecError as error:
        return False, str(error)


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if not compiled.use_kernels(compiled.WORTHWHILE_SAMPLES):
        print("there are no kernels: is numba installed?", file=sys.stderr)
        return 1
    kernels = compiled.kernels()
    vectors = sorted((ROOT / "tests" / "conformance" / "vectors").glob("hybrid*.msn"))
    files = [ROOT / "tests" / "robustness" / "corpus" / "hybrid.msn", *vectors]
    seeds = [data for file in files if len(data := file.read_bytes()) < MAX_BYTES]
    chance, counts, end = random.Random(args.seed), Counter[str](), time.monotonic() + args.seconds
    while time.monotonic() < end:
        data = mutate(chance.choice(seeds), chance, seeds)
        scale, conceal = chance.choice(SCALES), chance.random() < 0.5
        compiled._kernels = None
        by_numpy = decoded(data, scale, conceal)
        compiled._kernels = kernels
        by_kernels = decoded(data, scale, conceal)
        counts["decoded" if by_numpy[0] else "refused"] += 1
        counts["different"] += by_numpy != by_kernels
    print(", ".join(f"{name} {counts[name]}" for name in ("decoded", "refused", "different")))
    return int(counts["different"] > 0)


if __name__ == "__main__":
    run_tool(main)
