"""Fits the hybrid profile's base model: its network in the loop, on clips that are none of the test clips.

Usage: make_hybrid_base.py CLIPS.yuv:PICTURES... --out FOLDER [--rounds N] [--steps N]

CLIPS.yuv: 8-bit 4:2:0 clips of so many pictures each, one after the other. Every round codes all of them at each lambda
with the network as it stands: what it does to a picture is in the references of the pictures that follow, for as long
as a chain of anchors goes. The network is then fitted to the windows that this left and to those of all rounds before,
the first of which are coded without it: fitted to the last ones alone it smooths away what the round before had left,
and then what it has left itself. It begins with a base model that has been shipped, or with nothing. Writes
FOLDER/base.msn after each round (the network in the format's own units, without pictures) and FOLDER/state.pt. A base
model that has been shipped never changes: a new one gets a new number (bitstream_spec.md, section 5.3.2).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
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
from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.video.frame import Frame, VideoFormat

CPU = torch.device("cpu")


class Material:
    """Clips, their GoPs and their motion."""

    def __init__(self, named: Sequence[str], size: tuple[int, int], gop_lengths: Sequence[int], lam: float):
        """named: FILE:PICTURES; size: width, height; gop_lengths: of one clip after the other, in turn."""
        width, height = size
        lengths: list[int] = []
        source: SourceStore | None = None
        for path, _, each in (name.rpartition(":") for name in named):
            clips = read_clips(Path(path), width, height)
            lengths += [int(each)] * (len(clips) // int(each))
            source = clips if source is None else append(source, clips)
        assert source is not None
        self.source, self.targets = source, Targets(source, CPU)
        self.gops: list[Gop] = []
        for k, (first, length) in enumerate(zip(accumulate(lengths, initial=0), lengths, strict=False)):
            own = plan_motion_gops(first, first + length, [], gop_lengths[k % len(gop_lengths)], length)
            self.gops += [replace(gop, first=gop.first + first) for gop in own]
        self.motion: list[dict[int, CodedMotion]] = find_motion("hybrid", source, 0, self.gops, lam)

    def windows(self, model: HybridModel | None, lambdas: Sequence[float]) -> list[CodedWindow]:
        """Of all clips, coded at each lambda with the network as it is, or without."""
        found = []
        for lam in lambdas:
            preset = HYBRID_PRESETS["ultrafast"]
            fit = HybridFit(self.targets, self.gops, hybrid_network(0), preset, lam, self.motion, seed=0, device=CPU)
            fit.model = model
            while not fit.done:
                fit.step()
            used = sum(fit.coded.network) / len(fit.order)
            chroma = self.source.format.chroma_format
            for scale_log2 in range(SCALES):
                for place, window in fit.windows(scale_log2):
                    gop, picture = fit.order[place]
                    number, weight = self.gops[gop].first + picture.index, fit.importance[place] ** 0.5 / lam
                    found.append(coded_window(number, scale_log2, fit.coded.qp[place], weight, window, chroma))
            print(f"coded at lambda {lam}: cost {fit.cost:.5g}, {used:.0%} of the pictures use the network", flush=True)
        return found


def append(source: SourceStore, more: SourceStore) -> SourceStore:
    """The pictures of two stores of one format, in one."""
    for number in range(len(more)):
        source.append(Frame(tuple(more.planes(number)), len(source), source.format))
    return source


def main() -> int:
    args = parser().parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    width, height = (int(x) for x in args.size.split("x"))
    lambdas = [float(x) for x in args.lambdas.split(",")]
    lengths = [int(x) for x in args.gop_lengths.split(",")]
    start = time.monotonic()
    material = Material(args.clips, (width, height), lengths, lambdas[len(lambdas) // 2])
    print(f"{time.monotonic() - start:.0f} s, motion of {len(material.source)} pictures", flush=True)
    model = begin(args.start, material.source.format)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    windows = material.windows(None, lambdas)
    for number in range(args.rounds):
        choose_shifts(model.network)
        model.ops.exact = True
        windows += material.windows(model, lambdas)
        rate = args.rate * args.rate_falls**number
        fit = NetworkFit(
            model,
            material.targets,
            windows,
            steps=args.steps,
            learning_rate=rate,
            bit_weight=0.0,
            seed=args.seed + number,
        )
        before = after = 0.0
        while fit.step_number < fit.steps:
            error, plain = fit.step()
            after, before = after + error, before + plain
            if fit.step_number % args.report == 0:
                share, seconds = 1 - after / before, time.monotonic() - start
                said = f"{seconds:.0f} s, round {number}, {fit.step_number} steps"
                print(f"{said}: {share:.2%} less squared error", flush=True)
                before = after = 0.0
        torch.save(model.state_dict(), out / "state.pt")
        write_base(model, material.source, out / "base.msn")
    return 0


def begin(base: int, video: VideoFormat) -> HybridModel:
    """The network, with a shipped base model's weights as they are now, or (0) with ones that change nothing."""
    shape = (video.chroma_format, video.height, video.width, CPU)
    model = HybridModel(hybrid_network(0), *shape)
    if base:
        shipped = HybridModel(hybrid_network(base), *shape)
        shipped.start_from_base()
        pairs = zip(model.network.layers.values(), shipped.network.layers.values(), strict=True)
        with torch.no_grad():
            for own, theirs in pairs:
                own.weight.copy_(theirs.weight)
                own.bias.copy_(theirs.bias)
    return model


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
    result.add_argument("clips", nargs="+", help="FILE:PICTURES, the pictures of each clip in it")
    result.add_argument("--size", default="320x192")
    result.add_argument("--gop-lengths", default="4,16,4,8", help="of one clip after the other, in turn")
    result.add_argument("--start", type=int, default=3, help="base model to begin with; 0: none")
    result.add_argument("--out", default="hybrid_base")
    result.add_argument("--rounds", type=int, default=4)
    result.add_argument("--steps", type=int, default=4000, help="in a round")
    result.add_argument("--rate", type=float, default=1e-3)
    result.add_argument("--rate-falls", type=float, default=0.7, help="by so much from one round to the next")
    result.add_argument("--lambdas", default="0.003,0.008,0.02")
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--seed", type=int, default=0)
    result.add_argument("--report", type=int, default=500)
    return result


if __name__ == "__main__":
    run_tool(main)
