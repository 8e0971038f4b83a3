"""Makes the committed conformance vectors anew: small streams, and a manifest of what they must decode to.

Usage: make_vectors.py [--out tests/conformance/vectors] [--real]

A deliberate act: the vectors pin the format, and making them anew needs a line in CHANGELOG.md. Most are put together
from integers by tests/conformance/*_recipes.py and come out the same on every machine. Those that fits made,
of tests/streams.py's cases and of real pictures, stay as they are but with --real (those that are not there yet are
made): fits are repeatable on one machine.

manifest.json has, per file, the profile and the number of pictures; per scale the bytes of a picture's raw planes, the
SHA-256 over all pictures in display order, and of each picture the first 16 hexadecimal digits of its own; and what the
file reaches (tools/reach.py).
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from branches import SEMANTICS, BranchMeter  # noqa: E402
from command import parser_for, run_tool  # noqa: E402
from reach import measure_all, tags, telling_outcomes  # noqa: E402

from nvcodec.decoder import Decoder  # noqa: E402
from nvcodec.decoder.decoder import SCALES  # noqa: E402
from tests.conformance import container_recipes, fitted_recipes, grid_recipes, hybrid_recipes, motion_recipes  # noqa: E402

VECTORS = ROOT / "tests" / "conformance" / "vectors"
DIGITS = 16
"""Of a picture's SHA-256 in the manifest, hexadecimal."""


def described(path: Path) -> dict[str, Any]:
    """A vector's entry of the manifest, but for what it reaches. Samples above 8 bits are two bytes, little-endian."""
    sizes, scales, digests = {}, {}, {}
    for scale in SCALES:
        whole = hashlib.sha256()
        digests[scale] = []
        with Decoder(path, scale=scale, backend="numpy", threads=1) as decoder:
            for frame in decoder:
                raw = frame.tobytes()
                whole.update(raw)
                digests[scale].append(hashlib.sha256(raw).hexdigest()[:DIGITS])
            sizes[scale], scales[scale] = decoder.format.frame_bytes, whole.hexdigest()
            profile, count = decoder.sequence.profile, len(decoder)
    return {
        "profile": profile,
        "pictures": count,
        "picture_bytes": sizes,
        "scales": scales,
        "picture_digests": digests,
    }


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--out", type=Path, default=VECTORS)
    parser.add_argument("--real", action="store_true", help="fit those of real and of moving pictures anew, too")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    makers = [container_recipes, grid_recipes, motion_recipes, hybrid_recipes, *([fitted_recipes] if args.real else [])]
    recipes = {name: recipe for maker in makers for name, recipe in maker.RECIPES.items()}
    new = {name: recipe for name, recipe in fitted_recipes.RECIPES.items() if not (args.out / f"{name}.msn").exists()}
    recipes |= new
    for name, recipe in recipes.items():
        (args.out / f"{name}.msn").write_bytes(recipe())
    paths = sorted(args.out.glob("*.msn"))
    meter = BranchMeter(SEMANTICS)
    reaches = measure_all(paths, meter)
    telling = telling_outcomes(reaches, meter)
    manifest = {path.name: {**described(path), "reaches": tags(reaches[path.name], telling)} for path in paths}
    lines = (f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in manifest.items())
    (args.out / "manifest.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    total = sum(path.stat().st_size for path in args.out.glob("*.msn"))
    print(f"{len(manifest)} vectors, {total} bytes")
    return 0


if __name__ == "__main__":
    run_tool(main)
