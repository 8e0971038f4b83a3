"""Encode small streams over formats and sizes, and compare every decoded picture over backends, scales and threads.

Usage: backends.py [--backends numpy,onnxruntime,torch] [--threads 1,2] [--streams 400-8,...] [--epochs 3]

The sources are made up: a moving pattern with noise. One line per stream and scale: SHA-256 over all pictures'
samples, and how many of the decodings (backends x threads, CUDA too where there is one) agree with it; each is also
checked against the digests that the encoder put into the file. Exit status 1 on any difference.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from command import parser_for, run_tool
from tables import text_table
from variants import BY_NAME

from nvcodec import encode
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.decoder.errors import DecodeError
from nvcodec.encoder.presets import default_model, model_for
from nvcodec.synthesis.backend import BACKENDS
from nvcodec.video import Frame, VideoFormat

LAMBDA = 1e-5
"""Low, so that the grids of hardly fitted networks hold something."""
MOTION = "motion"
LEAST_VISITS = 40
"""Pictures that a fit visits, however few there are: enough for it to go through all its phases."""


@dataclass(frozen=True)
class StreamPlan:
    """What a stream is made of.

    variant: one of variants.py, or MOTION for the motion profile with its own networks; large: the grid profile's
    network of large sources.
    """

    chroma_format: str
    bit_depth: int
    width: int
    height: int
    pictures: int
    gop_length: int = 33
    segment_length: int = 512
    variant: str = "full"
    large: bool = False

    @property
    def name(self) -> str:
        return f"{self.chroma_format}-{self.bit_depth} {self.width}x{self.height}x{self.pictures}"


PLANS = (
    StreamPlan("400", 8, 48, 32, 5),
    StreamPlan("400", 12, 33, 17, 4, variant="no-block"),
    StreamPlan("420", 8, 64, 48, 9, gop_length=4),
    StreamPlan("420", 8, 16, 16, 1),
    StreamPlan("420", 8, 67, 45, 6, large=True),
    StreamPlan("420", 8, 160, 90, 3, large=True),
    StreamPlan("420", 10, 50, 34, 7, gop_length=3, variant="window-all"),
    StreamPlan("420", 12, 32, 64, 5, variant="stride-2"),
    StreamPlan("422", 8, 41, 29, 6, segment_length=3),
    StreamPlan("422", 10, 64, 32, 5, variant="no-previous"),
    StreamPlan("422", 12, 35, 64, 3, variant="no-skip"),
    StreamPlan("444", 8, 33, 31, 6, gop_length=2, variant="no-gop-grids"),
    StreamPlan("444", 10, 17, 80, 4, variant="no-coarser"),
    StreamPlan("444", 12, 48, 48, 5, variant="one-grid"),
    StreamPlan("420", 8, 129, 65, 4, variant="fusion-1"),
    StreamPlan("400", 8, 33, 18, 5, gop_length=4, variant=MOTION),
    StreamPlan("420", 8, 67, 45, 9, gop_length=4, variant=MOTION),
    StreamPlan("420", 10, 50, 34, 6, gop_length=2, segment_length=3, variant=MOTION),
    StreamPlan("422", 12, 35, 20, 4, gop_length=3, variant=MOTION),
    StreamPlan("444", 8, 33, 31, 1, variant=MOTION),
)


def moving_pictures(plan: StreamPlan) -> Iterator[Frame]:
    """Waves and a square, each plane in its own direction, with a little noise; the same on every machine."""
    video = VideoFormat(plan.width, plan.height, plan.chroma_format, plan.bit_depth, Fraction(25))
    generator = np.random.default_rng(plan.width * plan.height + plan.bit_depth)
    peak = (1 << plan.bit_depth) - 1
    for time in range(plan.pictures):
        planes = []
        for number, (rows, columns) in enumerate(video.plane_shapes):
            y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
            wave = 0.5 + 0.3 * np.sin((x + (2 + number) * time) / 5) * np.cos((y - time) / (7 + number))
            square = (abs(x - columns / 2 - time) < columns / 6) & (abs(y - rows / 2) < rows / 6)
            picture = np.where(square, 1.0 - wave, wave) + generator.normal(0, 0.01, wave.shape)
            planes.append(np.clip(np.rint(picture * peak), 0, peak).astype(video.dtype))
        yield Frame(tuple(planes), time, video)


def make_stream(plan: StreamPlan, epochs: float) -> bytes:
    """A hardly fitted file; the encoder verifies it against its own digests."""
    model = None
    if plan.variant != MOTION:
        chosen = default_model() if plan.large else model_for(plan.width * plan.height * plan.pictures)
        model = BY_NAME[plan.variant].change(chosen)
    output = io.BytesIO()
    encode(
        moving_pictures(plan),
        output,
        preset="ultrafast",
        epochs=max(epochs, LEAST_VISITS / plan.pictures),
        lam=LAMBDA,
        gop_length=plan.gop_length,
        segment_length=plan.segment_length,
        profile="grid" if plan.variant != MOTION else "motion",
        model=model,
        digest_bytes=8,
        device="cpu",
    )
    return output.getvalue()


def decoded_digest(data: bytes, scale: str, backend: str, threads: int, device: str) -> tuple[str, str]:
    """SHA-256 over all pictures' samples, and what the decoder complains of, if it does."""
    sha = hashlib.sha256()
    try:
        with Decoder(data, scale=scale, backend=backend, threads=threads, device=device, verify=True) as decoder:
            for frame in decoder:
                sha.update(frame.tobytes())
    except DecodeError as error:
        return "", str(error)
    return sha.hexdigest(), ""


def decoders(backends: Sequence[str], threads: Sequence[int]) -> list[tuple[str, int, str]]:
    """(backend, threads, device) of every decoding that is compared."""
    found = [(backend, count, "cpu") for backend in backends for count in threads]
    if "torch" in backends:
        import torch

        if torch.cuda.is_available():
            found += [("torch", count, "cuda") for count in threads]
    return found


def compare_decoders(
    plan: StreamPlan, epochs: float, configurations: Sequence[tuple[str, int, str]]
) -> tuple[list[list[str]], int]:
    """Lines of the table, and how many decodings differ."""
    data = make_stream(plan, epochs)
    rows, differing = [], 0
    for scale in SCALES:
        found = [decoded_digest(data, scale, *configuration) for configuration in configurations]
        reference = found[0][0]
        wrong = [
            f"{' '.join(map(str, configuration))}: {complaint or digest[:16]}"
            for configuration, (digest, complaint) in zip(configurations, found, strict=True)
            if complaint or digest != reference
        ]
        differing += len(wrong)
        agreeing = f"{len(found) - len(wrong)} of {len(found)}"
        rows.append([plan.name, plan.variant, str(len(data)), scale, reference[:16], agreeing, "; ".join(wrong)])
    return rows, differing


def read_arguments() -> argparse.Namespace:
    parser = parser_for(__doc__)
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--streams", default="", help="only those whose name contains one of these")
    parser.add_argument("--epochs", type=float, default=3.0)
    return parser.parse_args()


def main() -> int:
    args = read_arguments()
    configurations = decoders(args.backends.split(","), [int(count) for count in args.threads.split(",")])
    plans = [plan for plan in PLANS if any(part in plan.name for part in args.streams.split(","))]
    rows, differing = [], 0
    for plan in plans:
        print(f"{plan.name}, {plan.variant}", file=sys.stderr)
        made, wrong = compare_decoders(plan, args.epochs, configurations)
        rows += made
        differing += wrong
    print(text_table(["stream", "network", "bytes", "scale", "SHA-256", "agree", "differ"], rows, left=2))
    count = len(configurations) * len(SCALES) * len(plans)
    names = ", ".join(" ".join(map(str, one)) for one in configurations)
    print(f"\n{len(plans)} streams, {count} decodings ({names} at each scale): {differing or 'none'} differ.")
    return 1 if differing else 0


if __name__ == "__main__":
    run_tool(main)
