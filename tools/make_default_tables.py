"""Finds the hybrid profile's default tables, of residuals or of vectors: those that code clips in the fewest bits; and
its default adaptive filter, of least squared error there, each picture weighing by its quantisation.

Usage: make_default_tables.py CLIPS.yuv --of vectors --size 320x192 --pictures-each 17 [--lambdas 0.001,0.004,0.016]

CLIPS.yuv: 8-bit 4:2:0 clips of equal length, one after the other, none of them a test clip. Prints the numbers of
nvcodec/bitstream/default_tables.py, headers.py or filters.py. They are normative: other ones make another format.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from command import parser_for, run_tool
from make_base_model import read_clips

from nvcodec.bitstream.residual_headers import Tables
from nvcodec.encoder.adaptive_filter import STATISTICS, ideal_coefficients
from nvcodec.encoder.encode import find_motion
from nvcodec.encoder.hybrid_fit import HybridFit
from nvcodec.encoder.plan import plan_motion_gops
from nvcodec.encoder.presets import HYBRID_PRESETS, Preset, hybrid_network
from nvcodec.encoder.residual import ResidualCounts
from nvcodec.encoder.run import Gop
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.encoder.splits import SplitCounts
from nvcodec.encoder.vector_field import choose_scale_index, symbol_counts

DEFAULT_RIDGE = 1e-3
DEFAULT_STRENGTH = 0.8
"""The share of the best coefficients that the default filter has: real pictures gain from less than made-up ones."""


def numbers(tables: Tables) -> list[list[int]]:
    """By set and kind: of levels 0 .. 3 the binary tables, then of levels 0 .. 3 the values'."""
    rows = []
    for own in tables:
        for levels in own:
            rows.append([x for level in levels for x in level.binary] + [x for level in levels for x in level.value])
    return rows


def fits(
    source: SourceStore, plans: list[list[Gop]], lambdas: list[float], preset: Preset, **options: bool
) -> Iterator[tuple[HybridFit, float]]:
    """(a finished fit without a network, its lambda) of each plan and lambda; options: of the fit."""
    device = torch.device("cpu")
    targets = Targets(source, device)
    for gops in plans:
        motion = find_motion("hybrid", source, 0, gops, lambdas[0])
        for lam in lambdas:
            fit = HybridFit(targets, gops, hybrid_network(0), preset, lam, motion, seed=0, device=device, **options)
            while not fit.done:
                fit.step()
            yield fit, lam
            print(f"GoPs of {gops[1].length}, lambda {lam}", file=sys.stderr, flush=True)


def residual_tables(source: SourceStore, plans: list[list[Gop]], lambdas: list[float]) -> None:
    """Prints them."""
    total = ResidualCounts()
    for fit, _ in fits(source, plans, lambdas, HYBRID_PRESETS["fast"]):
        total.merge(fit.counts)
    for row in numbers(total.tables(charged=False)):
        print(f"    ({', '.join(map(str, row))}),")


def vector_tables(source: SourceStore, plans: list[list[Gop]], lambdas: list[float]) -> None:
    """Prints them."""
    size = (source.format.height, source.format.width)
    vectors, splits = symbol_counts(np.zeros((1, 1, 2), np.int32), 0) * 0, SplitCounts()
    for gops in plans:
        for lam in lambdas:
            for own in (coded for gop in find_motion("hybrid", source, 0, gops, lam) for coded in gop.values()):
                for k, (root, base) in enumerate(zip(own.roots, own.base_fields, strict=True)):
                    vectors += symbol_counts(root - base, k)
                for made in own.splits:
                    splits.add(made, size)
            print(f"GoPs of {gops[1].length}, lambda {lam}", file=sys.stderr, flush=True)
    tables, scale = splits.tables(charged=False)
    print("DEFAULT_VECTOR_SCALES =", tuple(int(index) for index in choose_scale_index(vectors)[0]))
    print("DEFAULT_SPLIT_TABLES =", tuple(tables))
    print("DEFAULT_SPLIT_SCALE =", scale)


def default_filter(source: SourceStore, plans: list[list[Gop]], lambdas: list[float]) -> None:
    """Prints its coefficients, of pictures of one pass: none is filtered then, nor any that it is predicted from."""
    total = np.zeros(STATISTICS)
    preset = replace(HYBRID_PRESETS["fast"], coding_passes=1)
    for fit, lam in fits(source, plans, lambdas, preset, adaptive=False):
        for own, weight in zip(fit.filter_statistics, fit.importance, strict=True):
            if own is not None:
                total += own * (weight / lam)
    for row in ideal_coefficients(total, DEFAULT_RIDGE).round() * DEFAULT_STRENGTH:
        print(f"    ({', '.join(str(round(x)) for x in row)}),")


def main() -> int:
    args = parser().parse_args()
    width, height = (int(x) for x in args.size.split("x"))
    source = read_clips(Path(args.clips), width, height)
    cuts = list(range(0, len(source), args.pictures_each))
    lengths = [int(x) for x in args.gops.split(",")]
    plans = [plan_motion_gops(0, len(source), cuts, length, len(source)) for length in lengths]
    made = {"residuals": residual_tables, "vectors": vector_tables, "filter": default_filter}[args.of]
    made(source, plans, [float(x) for x in args.lambdas.split(",")])
    return 0


def parser():
    result = parser_for(__doc__)
    result.add_argument("clips")
    result.add_argument("--of", choices=("residuals", "vectors", "filter"), required=True)
    result.add_argument("--size", default="320x192")
    result.add_argument("--gops", default="16,8,4", help="lengths of GoPs")
    result.add_argument("--pictures-each", type=int, default=17)
    result.add_argument("--lambdas", default="0.001,0.004,0.016")
    return result


if __name__ == "__main__":
    run_tool(main)
