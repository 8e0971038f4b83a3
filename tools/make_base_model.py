"""Fits a base model: the two networks of the motion profile on made-up clips, and their analysis networks.

Usage: make_base_model.py CLIPS.yuv --size 320x192 --pictures-each 17 --out FOLDER [--epochs N] [--lambda L]

CLIPS.yuv: 8-bit 4:2:0 clips of equal length, one after the other. Writes FOLDER/base.msn (the networks, in the
format's own units, without pictures) and FOLDER/analysis.npz (the encoder's start). A base model that has been shipped
never changes: a new one gets a new number (bitstream_spec.md, section 5.3.2).
"""

from __future__ import annotations

import argparse
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from command import parser_for, run_tool

from nvcodec.bitstream import SequenceHeader, UnitKey, UnitType, write_payload
from nvcodec.encoder.distortion import ScaleAdaptiveLoss
from nvcodec.encoder.encode import VECTOR_LAMBDA, write_container
from nvcodec.encoder.motion_fit import FOR_BASE, MotionFit, rate_factor
from nvcodec.encoder.pack import Payload, export_weights, pack_network
from nvcodec.encoder.plan import plan_motion_gops
from nvcodec.encoder.presets import Preset, models_without_base
from nvcodec.encoder.sequence_motion import segment_motion
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.video.frame import Frame, VideoFormat

GOP_LENGTH = 16
BLOCKS_LOG2 = (4,)
MOTION_EFFORT = 0


def read_clips(path: Path, width: int, height: int) -> SourceStore:
    """All pictures of a raw 8-bit 4:2:0 file."""
    video = VideoFormat(width, height, "420", 8, Fraction(25))
    store = SourceStore(video)
    samples = np.fromfile(path, np.uint8).reshape(-1, sum(h * w for h, w in video.plane_shapes))
    for number, row in enumerate(samples):
        planes, first = [], 0
        for rows, columns in video.plane_shapes:
            planes.append(row[first : first + rows * columns].reshape(rows, columns))
            first += rows * columns
        store.append(Frame(tuple(planes), number, video))
    return store


def write_base(fit: MotionFit, video: VideoFormat, path: Path) -> None:
    """The networks as an .msn file without pictures."""
    intra, inter = fit.configs
    sequence = SequenceHeader(width=video.width, height=video.height, profile="motion", model=intra, inter_model=inter)
    payloads: list[Payload] = [(UnitKey(UnitType.SEQUENCE), write_payload(sequence))]
    for number, (model, config) in enumerate(zip(fit.models, fit.configs, strict=True)):
        weights, bias_shifts = export_weights(model.network)
        for level in reversed(range(len(config.levels))):
            payloads.append(pack_network(weights[level], bias_shifts, config, level, 0, video.chroma_format, number))
    with open(path, "wb") as file:
        write_container(file, payloads)


def write_analysis(fit: MotionFit, path: Path) -> None:
    """The analysis networks' parameters, half precision."""
    arrays = {
        f"{number}/{name}": value.detach().cpu().numpy().astype(np.float16)
        for number, model in enumerate(fit.models)
        for name, value in model.analysis.state_dict().items()
    }
    np.savez_compressed(path, **arrays)


def main() -> int:
    args = parser().parse_args()
    torch.set_num_threads(args.threads)
    width, height = (int(x) for x in args.size.split("x"))
    source = read_clips(Path(args.clips), width, height)
    cuts = list(range(0, len(source), args.pictures_each))
    gops = plan_motion_gops(0, len(source), cuts, GOP_LENGTH, len(source))
    start = time.monotonic()
    weight = VECTOR_LAMBDA["motion"] * args.lam
    motion = segment_motion(source, 0, gops, weight, BLOCKS_LOG2, MOTION_EFFORT, rate_factor, lambda: None)
    print(f"motion: {time.monotonic() - start:.0f} s", flush=True)
    fit = MotionFit(
        Targets(source, torch.device("cpu")),
        gops,
        models_without_base(),
        Preset(args.epochs, 1),
        args.lam,
        motion,
        loss=ScaleAdaptiveLoss(),
        seed=args.seed,
        device=torch.device("cpu"),
        schedule=FOR_BASE,
    )
    distortion, bits, number = 0.0, 0.0, 0
    while fit.share < 1:
        result = fit.step()
        distortion, bits, number = distortion + result.mse[0], bits + result.bits_per_picture / fit.pixels, number + 1
        if number == args.report:
            psnr_db = -10 * np.log10(distortion / number)
            seconds = time.monotonic() - start
            print(f"{seconds:.0f} s, {fit.share:.1%}: {psnr_db:.2f} dB, {bits / number:.4f} bpp", flush=True)
            distortion, bits, number = 0.0, 0.0, 0
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    write_base(fit, source.format, out / "base.msn")
    write_analysis(fit, out / "analysis.npz")
    return 0


def parser() -> argparse.ArgumentParser:
    result = parser_for(__doc__)
    result.add_argument("clips")
    result.add_argument("--size", default="320x192")
    result.add_argument("--pictures-each", type=int, default=17)
    result.add_argument("--out", default="base_model")
    result.add_argument("--epochs", type=float, default=60)
    result.add_argument("--lambda", dest="lam", type=float, default=0.001)
    result.add_argument("--threads", type=int, default=2)
    result.add_argument("--seed", type=int, default=0)
    result.add_argument("--report", type=int, default=1000)
    return result


if __name__ == "__main__":
    run_tool(main)
