"""What a reduced scale loses by having a loop of its own, in dB of luma PSNR.

Usage: scale_drift.py CLIP STREAM.msn [--threads N]

For every scale: the picture decoded at that scale alone, and the picture decoded at full size and averaged down, both
against the source averaged down. The difference is the drift (and what the scale's head does worse than averaging).
Printed are the means over all pictures, and over the last quarter of them, where drift would have added up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from command import parser_for, run_tool
from tables import text_table

from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.metrics.psnr import plane_psnr_db
from nvcodec.video import area_downscale, open_reader


def luma_psnr(clip: Path, stream: Path, scale: str, *, averaged: bool, threads: int) -> list[float]:
    """By picture; averaged: decode at full size, and average down."""
    scale_log2, found = SCALES.index(scale), []
    with Decoder(stream, scale="1" if averaged else scale, threads=threads) as decoder, open_reader(clip) as originals:
        for original, decoded in zip(originals, decoder, strict=True):
            wanted = area_downscale(original.planes[:1], scale_log2)[0]
            got = area_downscale(decoded.planes[:1], scale_log2 if averaged else 0)[0]
            found.append(plane_psnr_db(wanted, got, original.format.bit_depth))
    return found


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("stream", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    lines = []
    for scale in SCALES:
        alone = luma_psnr(args.clip, args.stream, scale, averaged=False, threads=args.threads)
        full = luma_psnr(args.clip, args.stream, scale, averaged=True, threads=args.threads)
        late = -(-len(alone) // 4)
        figures = [np.mean(alone), np.mean(full), np.mean(alone) - np.mean(full)]
        figures.append(np.mean(alone[-late:]) - np.mean(full[-late:]))
        lines.append([scale, *(f"{figure:.2f}" for figure in figures)])
    print(text_table(["scale", "alone", "full, averaged down", "difference", "last quarter"], lines))
    return 0


if __name__ == "__main__":
    run_tool(main)
