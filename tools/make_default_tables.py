"""Finds the default tables of residuals: those that code a set of clips in the fewest bits.

Usage: make_default_tables.py CLIPS.yuv --size 320x192 --pictures-each 17 [--lambdas 0.001,0.004,0.016]

CLIPS.yuv: 8-bit 4:2:0 clips of equal length, one after the other, none of them a test clip. Prints the numbers of
nvcodec/bitstream/default_tables.py. They are normative: other ones make another format.
"""

from __future__ import annotations

import sys
from pathlib import Path

from command import parser_for, run_tool
from make_base_model import read_clips

from nvcodec.bitstream.residual_headers import Tables
from nvcodec.encoder.encode import VECTOR_LAMBDA
from nvcodec.encoder.hybrid_fit import HybridFit
from nvcodec.encoder.motion_fit import rate_factor
from nvcodec.encoder.plan import plan_motion_gops
from nvcodec.encoder.residual import ResidualCounts
from nvcodec.encoder.sequence_motion import segment_motion

GOP_LENGTHS = (16, 8, 4)
BLOCKS_LOG2 = (4, 5)
MOTION_EFFORT = 0


def numbers(tables: Tables) -> list[list[int]]:
    """By set and kind: of levels 0 .. 3 the binary tables, then of levels 0 .. 3 the values'."""
    rows = []
    for own in tables:
        for levels in own:
            rows.append([x for level in levels for x in level.binary] + [x for level in levels for x in level.value])
    return rows


def main() -> int:
    args = parser().parse_args()
    width, height = (int(x) for x in args.size.split("x"))
    source = read_clips(Path(args.clips), width, height)
    cuts = list(range(0, len(source), args.pictures_each))
    total = ResidualCounts()
    for length in GOP_LENGTHS:
        gops = plan_motion_gops(0, len(source), cuts, length, len(source))
        motion = None
        for lam in (float(x) for x in args.lambdas.split(",")):
            if motion is None:
                weight = VECTOR_LAMBDA["hybrid"] * lam
                motion = segment_motion(source, 0, gops, weight, BLOCKS_LOG2, MOTION_EFFORT, rate_factor, lambda: None)
            fit = HybridFit(source, 0, gops, lam, motion)
            while not fit.done:
                fit.step()
            total.merge(fit.counts)
            print(f"GoPs of {length}, lambda {lam}", file=sys.stderr, flush=True)
    for row in numbers(total.tables(charged=False)):
        print(f"    ({', '.join(map(str, row))}),")
    return 0


def parser():
    result = parser_for(__doc__)
    result.add_argument("clips")
    result.add_argument("--size", default="320x192")
    result.add_argument("--pictures-each", type=int, default=17)
    result.add_argument("--lambdas", default="0.001,0.004,0.016")
    return result


if __name__ == "__main__":
    run_tool(main)
