"""What decoding a file costs: speed, stages, memory, bytes read, random access, multiply-adds. Prints Markdown.

Usage: decode_speed.py FILE.msn [--backends onnxruntime,torch,numpy] [--scales 1,1/2,1/4,1/8] [--threads 1,2]
                       [--runs 5] [--frames 0:30]

Each combination runs in a process of its own. A run goes from opening the file to the finished .yuv; starting Python
and importing are not in it. Stages are timed in one more run with one thread, where their sum is the whole; what is
none of the first three (opening, samples, writing) counts as output. Multiply-adds are, in the motion profile, those of
the inter network. Memory is the process's peak resident size (Linux:
VmHWM), Python and its libraries included. --frames: the part of the file whose peak is put beside that of all of it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from command import parser_for, run_tool
from staged_decoding import STAGES, Job, Outcome, run_job
from tables import markdown_table

from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.decoder.trace import scale_cost
from nvcodec.synthesis.backend import BACKENDS

SPEED_HEADER = ("backend", "scale", "threads", "pictures", "min/s", "median/s", "max/s", "entropy coding, contexts: s",
                "alignment: s", "network: s", "output: s", "peak MB")  # fmt: skip
BYTES_HEADER = ("scale", "kMAC/px", "synthesis", "contexts", "embedding", "bytes read", "of the file")
ACCESS_HEADER = ("picture", "bytes read", "of the file", "of these to open", "ms")


def run_in_child(job: Job) -> Outcome:
    """What a fresh process makes of the job; its errors pass through."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run_job, job).result()


def speed_rows(jobs: Sequence[Job]) -> list[list[str]]:
    rows = []
    for job in jobs:
        print(f"{job.backend}, scale {job.scale}, {job.threads} threads", file=sys.stderr)
        rows.append(speed_row(job, run_in_child(job)))
    return rows


def speed_row(job: Job, outcome: Outcome) -> list[str]:
    speeds = sorted(outcome.pictures / seconds for seconds in outcome.seconds)
    figures = (speeds[0], statistics.median(speeds), speeds[-1])
    stages = [f"{outcome.stage_seconds[name]:.2f}" if job.with_stages else "" for name in STAGES]
    return [
        *(job.backend, job.scale, str(job.threads), str(outcome.pictures)),
        *(f"{figure:.1f}" for figure in figures),
        *stages,
        f"{outcome.peak_bytes / 1e6:.0f}",
    ]


def memory_rows(path: str, backends: Sequence[str], threads: int, part: tuple[int, int]) -> list[list[str]]:
    """Peak memory for a part of the pictures and for all of them, at scale 1."""
    rows = []
    for backend in backends:
        print(f"{backend}, memory", file=sys.stderr)
        jobs = [Job(path, backend, "1", threads, 1, *pictures) for pictures in (part, (0, None))]
        outcomes = [run_in_child(job) for job in jobs]
        cells = [f"{outcome.pictures} pictures: {outcome.peak_bytes / 1e6:.0f}" for outcome in outcomes]
        rows.append([backend, str(threads), *cells])
    return rows


def bytes_rows(path: str) -> list[list[str]]:
    """Per scale: cost, and what is read of the file to decode every picture, without digests."""
    rows = []
    for number, scale in enumerate(SCALES):
        with Decoder(path, scale=scale, threads=1) as decoder:
            for _ in decoder:
                pass
            container, cost = decoder.container, scale_cost(decoder, number)
            share = f"{100 * container.bytes_read / container.size:.1f} %"
            parts = [f"{part / 1000:.2f}" for part in (cost.total, cost.synthesis, cost.contexts, cost.embedding)]
            rows.append([scale, *parts, str(container.bytes_read), share])
    return rows


def access_rows(path: str, scale: str = "1") -> list[list[str]]:
    """One picture alone, the file opened anew for each: first, middle and last."""
    with Decoder(path) as decoder:
        count = len(decoder)
    rows = []
    for number in dict.fromkeys((0, count // 2, count - 1)):
        start = time.perf_counter()
        with Decoder(path, scale=scale, threads=1) as decoder:
            opened = decoder.container.bytes_read
            decoder[number]
            milliseconds = 1000 * (time.perf_counter() - start)
            read, size = decoder.container.bytes_read, decoder.container.size
        rows.append([str(number), str(read), f"{100 * read / size:.1f} %", str(opened), f"{milliseconds:.0f}"])
    return rows


def slice_of(text: str) -> tuple[int, int]:
    start, stop = text.split(":")
    return int(start), int(stop)


def read_arguments() -> argparse.Namespace:
    parser = parser_for(__doc__)
    parser.add_argument("file", metavar="FILE.msn")
    parser.add_argument("--backends", default="onnxruntime,torch,numpy")
    parser.add_argument("--scales", default=",".join(SCALES))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--frames", type=slice_of, default=(0, 30), metavar="A:B")
    args = parser.parse_args()
    args.backends, args.scales = args.backends.split(","), args.scales.split(",")
    args.threads = [int(number) for number in args.threads.split(",")]
    for name, given, known in (("--backends", args.backends, BACKENDS), ("--scales", args.scales, SCALES)):
        if not set(given) <= set(known):
            parser.error(f"{name} {','.join(given)}: known are {', '.join(known)}")
    return args


def main() -> int:
    args = read_arguments()
    with Decoder(args.file) as decoder:
        video, count, size = decoder.source_format, len(decoder), decoder.container.size
    jobs = [
        Job(args.file, backend, scale, threads, args.runs, with_stages=threads == 1)
        for backend in args.backends
        for scale in args.scales
        for threads in args.threads
    ]
    print(f"{Path(args.file).name}: {count} pictures of {video.width}x{video.height} {video.pix_fmt}, {size} bytes.")
    print(f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}.\n")
    print(f"Pictures a second, file to .yuv in {tempfile.gettempdir()}, runs: {args.runs}.\n")
    print(markdown_table(SPEED_HEADER, speed_rows(jobs), left=2))
    print("\nPeak memory in MB at scale 1, part and whole:\n")
    part = (args.frames[0], min(args.frames[1], count))
    rows = memory_rows(args.file, args.backends, max(args.threads), part)
    print(markdown_table(("backend", "threads", "part", "whole"), rows))
    print("\nCost in kMAC per luma sample of the output, and bytes read for all pictures:\n")
    print(markdown_table(BYTES_HEADER, bytes_rows(args.file)))
    print("\nOne picture alone at scale 1, onnxruntime, one thread, opening included:\n")
    print(markdown_table(ACCESS_HEADER, access_rows(args.file)))
    return 0


if __name__ == "__main__":
    run_tool(main)
