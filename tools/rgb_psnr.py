"""PSNR after conversion to RGB, the figure that papers on neural representations of video give.

Usage: rgb_psnr.py CLIP STREAM.msn [--threads N]

Both sides are converted alike, by the matrix and range that the format names, with chroma samples repeated. Printed are
bits per pixel of the whole file, and the mean over pictures of each one's PSNR over all three channels, least and most.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from command import parser_for, run_tool
from picture import to_rgb

from nvcodec.decoder import Decoder
from nvcodec.metrics.psnr import plane_psnr_db
from nvcodec.video import open_reader


def rgb_psnr(clip: Path, stream: Path, threads: int) -> list[float]:
    """By picture."""
    with Decoder(stream, threads=threads) as decoder, open_reader(clip) as originals:
        pairs = zip(originals, decoder, strict=True)
        return [plane_psnr_db(to_rgb(original), to_rgb(decoded), 8) for original, decoded in pairs]


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("stream", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    found = rgb_psnr(args.clip, args.stream, args.threads)
    with Decoder(args.stream) as decoder:
        samples = len(decoder) * decoder.format.width * decoder.format.height
    rate_bpp = 8 * args.stream.stat().st_size / samples
    print(
        f"{rate_bpp:.4f} bpp, {np.mean(found):.2f} dB RGB ({min(found):.2f} to {max(found):.2f}), {len(found)} pictures"
    )
    return 0


if __name__ == "__main__":
    run_tool(main)
