"""Fits the hybrid profile's base model: its network on made-up clips, coded at several lambdas.

Usage: make_hybrid_base.py CLIPS.yuv --out FOLDER [--steps N]

CLIPS.yuv: 8-bit 4:2:0 clips of equal length, one after the other, none of them a test clip. Writes FOLDER/base.msn (the
network in the format's own units, without pictures) and FOLDER/state.pt. A base model that has been shipped never
changes: a new one gets a new number (bitstream_spec.md, section 5.3.2).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from command import parser_for, run_tool
from make_base_model import read_clips

from nvcodec.bitstream import SCALES, SequenceHeader, UnitKey, UnitType, write_payload
from nvcodec.encoder.encode import find_motion, write_container
from nvcodec.encoder.hybrid_fit import HybridFit
from nvcodec.encoder.hybrid_model import HybridModel
from nvcodec.encoder.network_fit import CodedWindow, NetworkFit, coded_window
from nvcodec.encoder.pack import Payload, export_weights, pack_network
from nvcodec.encoder.plan import plan_motion_gops
from nvcodec.encoder.presets import HYBRID_PRESETS, hybrid_network
from nvcodec.encoder.quantise import choose_shifts
from nvcodec.encoder.source import SourceStore, Targets

GOP_LENGTH = 16
LEARNING_RATE = 2e-3
EXACT_FROM = 0.6
"""Share of the steps after which weights are rounded."""


def make_windows(source: SourceStore, targets: Targets, cuts: list[int], lambdas: list[float]) -> list[CodedWindow]:
    """Of all clips, coded without a network at each lambda."""
    gops = plan_motion_gops(0, len(source), cuts, GOP_LENGTH, len(source))
    motion = find_motion("hybrid", source, 0, gops, lambdas[0])
    windows = []
    for lam in lambdas:
        preset, device = HYBRID_PRESETS["fast"], torch.device("cpu")
        fit = HybridFit(targets, gops, hybrid_network(0), preset, lam, motion, seed=0, device=device)
        while not fit.done:
            fit.step()
        for scale_log2 in range(SCALES):
            for place, window in fit.windows(scale_log2):
                gop, picture = fit.order[place]
                number, weight = gops[gop].first + picture.index, fit.importance[place] ** 0.5 / lam
                qp, chroma = fit.coded.qp[place], source.format.chroma_format
                windows.append(coded_window(number, scale_log2, qp, weight, window, chroma))
        print(f"coded at lambda {lam}", flush=True)
    return windows


def main() -> int:
    args = parser().parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    width, height = (int(x) for x in args.size.split("x"))
    source = read_clips(Path(args.clips), width, height)
    device = torch.device("cpu")
    targets = Targets(source, device)
    cuts = list(range(0, len(source), args.pictures_each))
    windows = make_windows(source, targets, cuts, [float(x) for x in args.lambdas.split(",")])
    model = HybridModel(hybrid_network(0), source.format.chroma_format, height, width, device)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    fit = NetworkFit(
        model, targets, windows, steps=args.steps, learning_rate=LEARNING_RATE, bit_weight=0.0, seed=args.seed
    )
    start, before, after = time.monotonic(), 0.0, 0.0
    while fit.step_number < fit.steps:
        if fit.step_number >= EXACT_FROM * fit.steps and not model.ops.exact:
            choose_shifts(model.network)
            model.ops.exact = True
        error, plain = fit.step()
        after, before = after + error, before + plain
        if fit.step_number % args.report == 0:
            share, seconds = 1 - after / before, time.monotonic() - start
            print(f"{seconds:.0f} s, {fit.step_number} steps: {share:.2%} less squared error", flush=True)
            before = after = 0.0
    torch.save(model.state_dict(), out / "state.pt")
    write_base(model, source, out / "base.msn")
    return 0


def write_base(model: HybridModel, source: SourceStore, path: Path) -> None:
    """The network as an .msn file without pictures."""
    video, config = source.format, model.config
    sequence = SequenceHeader(width=video.width, height=video.height, profile="hybrid", model=config)
    payloads: list[Payload] = [(UnitKey(UnitType.SEQUENCE), write_payload(sequence))]
    weights, bias_shifts = export_weights(model.network)
    for level in reversed(range(len(config.levels))):
        payloads.append(pack_network(weights[level], bias_shifts, config, level, 0, video.chroma_format))
    with open(path, "wb") as file:
        write_container(file, payloads)


def parser() -> argparse.ArgumentParser:
    result = parser_for(__doc__)
    result.add_argument("clips")
    result.add_argument("--size", default="320x192")
    result.add_argument("--pictures-each", type=int, default=17)
    result.add_argument("--out", default="hybrid_base")
    result.add_argument("--steps", type=int, default=20000)
    result.add_argument("--lambdas", default="0.0015,0.005,0.015")
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--seed", type=int, default=0)
    result.add_argument("--report", type=int, default=500)
    return result


if __name__ == "__main__":
    run_tool(main)
