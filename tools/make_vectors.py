"""Makes the committed conformance vectors anew: small streams and a manifest of what they must decode to.

Usage: make_vectors.py [--out tests/conformance/vectors]

A deliberate act: the vectors pin the format, and making them anew needs a line in CHANGELOG.md. One stream per case of
tests/streams.py; the manifest has, per stream and scale, the SHA-256 over all pictures' raw planes in display order.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nvcodec.decoder import Decoder  # noqa: E402
from nvcodec.decoder.decoder import SCALES  # noqa: E402
from tests.streams import CASES, stream  # noqa: E402


def decoded_sha256(data: bytes, scale: str, backend: str = "numpy") -> str:
    """Over all pictures' raw planes, two bytes little-endian above 8 bit."""
    sha = hashlib.sha256()
    with Decoder(data, scale=scale, backend=backend, threads=1, verify=True) as decoder:
        for frame in decoder:
            sha.update(frame.tobytes())
    return sha.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "conformance" / "vectors")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    manifest = {}
    for name in CASES:
        data, _ = stream(name)
        file = f"{name.replace(' ', '_')}.msn"
        (out / file).write_bytes(data)
        manifest[file] = {scale: decoded_sha256(data, scale) for scale in SCALES}
        print(f"{file}: {len(data)} bytes")
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
