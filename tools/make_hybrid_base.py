"""Fits the hybrid profile's base model: its network on made-up clips, coded at several lambdas.

Usage: make_hybrid_base.py CLIPS.yuv --out FOLDER [--minutes M] [--start FOLDER/state.pt] [--windows FILE]

CLIPS.yuv: 8-bit 4:2:0 clips of equal length, one after the other, none of them a test clip. Writes FOLDER/base.msn (the
network in the format's own units, without pictures) and FOLDER/state.pt. A base model that has been shipped never
changes: a new one gets a new number (bitstream_spec.md, section 5.3.2).
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from command import parser_for, run_tool
from make_base_model import read_clips

from nvcodec.bitstream import SCALES, SequenceHeader, UnitKey, UnitType, write_payload
from nvcodec.encoder.distortion import ScaleAdaptiveLoss
from nvcodec.encoder.encode import write_container
from nvcodec.encoder.hybrid_fit import HybridFit
from nvcodec.encoder.hybrid_model import HybridModel
from nvcodec.encoder.model import UNIT
from nvcodec.encoder.motion_fit import rate_factor
from nvcodec.encoder.pack import Payload, export_weights, pack_network
from nvcodec.encoder.plan import plan_motion_gops
from nvcodec.encoder.presets import hybrid_model
from nvcodec.encoder.quantise import choose_shifts
from nvcodec.encoder.sequence_motion import segment_motion
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.window import fine_window

GOP_LENGTH = 16
BLOCKS_LOG2 = (4, 5)
MOTION_EFFORT = 0
BATCH = 4
SCALE_CHANCES = (0.7, 0.15, 0.1, 0.05)
FIRST_RATE, LAST_RATE = 2e-3, 2e-5
EXACT_FROM = 0.6
"""Share of the time after which weights are rounded."""


@dataclass
class Sample:
    """A coded picture at one scale."""

    picture: int
    scale_log2: int
    qp: int
    weight: float
    window: dict[int, Array]
    """By level, (1, 2P, h, w) int16."""


def make_samples(source: SourceStore, cuts: list[int], lambdas: list[float]) -> list[Sample]:
    gops = plan_motion_gops(0, len(source), cuts, GOP_LENGTH, len(source))
    motion = segment_motion(source, 0, gops, lambdas[0], BLOCKS_LOG2, MOTION_EFFORT, rate_factor, lambda: None)
    samples = []
    for lam in lambdas:
        fit = HybridFit(source, 0, gops, lam, motion)
        while not fit.done:
            fit.step()
        for scale_log2 in range(SCALES):
            for place, window in fit.windows(scale_log2):
                gop, picture = fit.order[place]
                inputs = fine_window(window, source.format.chroma_format, scale_log2)
                samples.append(
                    Sample(
                        gops[gop].first + picture.index,
                        scale_log2,
                        fit.coded.qp[place],
                        fit.importance[place] ** 0.5 / lam,
                        {level: x.astype(np.int16) for level, x in inputs.items()},
                    )
                )
        print(f"lambda {lam}", flush=True)
    return samples


def main() -> int:
    args = parser().parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    chance = random.Random(args.seed)
    width, height = (int(x) for x in args.size.split("x"))
    source = read_clips(Path(args.clips), width, height)
    cuts = list(range(0, len(source), args.pictures_each))
    samples = make_samples(source, cuts, [float(x) for x in args.lambdas.split(",")])
    by_scale = [[sample for sample in samples if sample.scale_log2 == s] for s in range(SCALES)]
    targets = Targets(source, torch.device("cpu"))
    model = HybridModel(hybrid_model(None), source.format.chroma_format, height, width, torch.device("cpu"))
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.start:
        model.load_state_dict(torch.load(args.start, weights_only=True))
    optimiser = torch.optim.Adam(model.parameters(), lr=FIRST_RATE, betas=(0.9, 0.99), fused=True)
    loss = ScaleAdaptiveLoss()
    start, number = time.monotonic(), 0
    before = after = 0.0
    while (share := (time.monotonic() - start) / (60 * args.minutes)) < 1:
        if share >= EXACT_FROM and not model.ops.exact:
            choose_shifts(model.network)
            model.ops.exact = True
        for group in optimiser.param_groups:
            group["lr"] = LAST_RATE + (FIRST_RATE - LAST_RATE) * 0.5 * (1 + np.cos(np.pi * share))
        scale_log2 = chance.choices(range(SCALES), SCALE_CHANCES)[0]
        chosen = chance.choices(by_scale[scale_log2], k=BATCH)
        window = {
            level: torch.from_numpy(np.concatenate([sample.window[level] for sample in chosen])).float() / UNIT
            for level in chosen[0].window
        }
        originals = targets.pictures([sample.picture for sample in chosen])[scale_log2]
        made = model.pictures(window, torch.tensor([float(sample.qp) for sample in chosen]), scale_log2)[scale_log2]
        weights = torch.tensor([sample.weight for sample in chosen])
        first, difference = window[scale_log2].chunk(2, 1)
        mean = (first + 0.5 * difference) / 4
        errors = [loss.one_scale(made[i : i + 1], originals[i : i + 1]) for i in range(BATCH)]
        total = (weights * torch.stack(errors)).mean()
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.05 * max(1.0, float(total)))
        optimiser.step()
        number += 1
        with torch.no_grad():
            plain = [loss.one_scale(mean[i : i + 1], originals[i : i + 1]) for i in range(BATCH)]
            if scale_log2 == 0:
                before += float(torch.stack(plain).log10().mean())
                after += float(torch.stack(errors).log10().mean())
        if number % args.report == 0:
            gain = -10 * (after - before) / (args.report * SCALE_CHANCES[0])
            print(f"{share:.1%}, {number} steps: {gain:.3f} dB over the mean of the window", flush=True)
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
    result.add_argument("--minutes", type=float, default=20)
    result.add_argument("--lambdas", default="0.0015,0.005,0.015")
    result.add_argument("--start")
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--seed", type=int, default=0)
    result.add_argument("--report", type=int, default=500)
    return result


if __name__ == "__main__":
    run_tool(main)
