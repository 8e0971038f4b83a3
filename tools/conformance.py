"""Runs any decoder against the conformance vectors and prints what became of each file at each scale.

Usage: conformance.py COMMAND [--profile grid] [--scale 1/2] [--timeout 60] [--vectors tests/conformance/vectors]

    conformance.py 'nvdec {input} -o {output} --scale {scale}'

COMMAND is split as a shell would, but no shell runs it. {input} becomes an .msn file, {output} the name of a .yuv file
that the decoder shall write (raw planes in display order, two bytes little-endian a sample above 8 bits), {scale} 1,
1/2, 1/4 or 1/8, {scale_log2} 0 to 3. A command without a scale is asked for full size alone.

A cell is 'ok', 'differs at picture N', 'N bytes, not M', 'failed: ' and the last line on stderr, or 'timeout'. Exit
status 1 if any is not 'ok'. Needs Python's standard library alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tables import text_table

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "conformance" / "vectors"
SCALES = ("1", "1/2", "1/4", "1/8")
OK = "ok"
Entry = dict[str, Any]
"""A file's entry of the manifest; see make_vectors.py."""


def run_decoder(template: list[str], source: Path, output: Path, scale: str, timeout: float) -> str | None:
    """Run a command once; None, or what went wrong with it."""
    values = {"input": source, "output": output, "scale": scale, "scale_log2": SCALES.index(scale)}
    command = []
    for part in template:
        for name, value in values.items():
            part = part.replace(f"{{{name}}}", str(value))
        command.append(part)
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return "timeout"
    except OSError as error:
        return f"failed: {error.strerror or error}"
    if run.returncode:
        said = run.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {run.returncode}"]
        return f"failed: {said[-1]}"
    return None if output.is_file() else "failed: no output"


def compared(output: Path, entry: Entry, scale: str) -> str:
    """What a decoder's output is worth."""
    data, size = output.read_bytes(), entry["picture_bytes"][scale]
    if hashlib.sha256(data).hexdigest() == entry["scales"][scale]:
        return OK
    for number, expected in enumerate(entry["picture_digests"][scale]):
        picture = data[number * size : (number + 1) * size]
        if len(picture) == size and not hashlib.sha256(picture).hexdigest().startswith(expected):
            return f"differs at picture {number}"
    return f"{len(data)} bytes, not {entry['pictures'] * size}"


def results(
    template: list[str], vectors: Path, manifest: dict[str, Entry], scales: list[str], timeout: float
) -> Iterator[list[str]]:
    """A row per file: its name, and a cell for each scale."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.yuv"
        for name, entry in manifest.items():
            row = [name]
            for scale in scales:
                output.unlink(missing_ok=True)
                row.append(
                    run_decoder(template, vectors / name, output, scale, timeout) or compared(output, entry, scale)
                )
            yield row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", metavar="COMMAND")
    parser.add_argument("--profile", choices=("grid", "motion", "hybrid"), help="default: all")
    parser.add_argument("--scale", choices=SCALES, action="append", help="default: all")
    parser.add_argument("--timeout", type=float, default=60, help="seconds a run may take")
    parser.add_argument("--vectors", type=Path, default=VECTORS)
    args = parser.parse_args()
    template = shlex.split(args.command)
    if "{input}" not in args.command or "{output}" not in args.command:
        parser.error("COMMAND needs {input} and {output}")
    scales = args.scale or (list(SCALES) if "{scale" in args.command else list(SCALES[:1]))
    manifest = json.loads((args.vectors / "manifest.json").read_text())
    wanted = {name: entry for name, entry in manifest.items() if args.profile in (None, entry["profile"])}
    rows = list(results(template, args.vectors, wanted, scales, args.timeout))
    print(text_table(("vector", *scales), rows, left=1 + len(scales)))
    cells = [cell for row in rows for cell in row[1:]]
    print(f"\n{cells.count(OK)} of {len(cells)} are right")
    return 0 if cells.count(OK) == len(cells) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"{sys.argv[0]}: {error}")
