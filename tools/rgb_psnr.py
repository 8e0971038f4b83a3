"""PSNR after conversion to RGB, the figure that papers on neural representations of video give.

Usage: rgb_psnr.py CLIP STREAM.msn [--threads N] [--chroma bicubic]

Both sides are converted alike by ffmpeg's scaler, chroma interpolated bicubically or, with --chroma neighbor, repeated;
matrix and range are what ffmpeg takes for raw video. Printed are bits per pixel of the whole file, and the mean over
pictures of each one's PSNR over all three channels, least and most.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from command import parser_for, run_tool

from nvcodec.decoder import Decoder
from nvcodec.errors import NvcodecError
from nvcodec.metrics.psnr import plane_psnr_db
from nvcodec.synthesis.arrays import Array
from nvcodec.video import Frame, VideoFormat, open_reader, open_writer
from nvcodec.video.ffmpeg import file_url, last_line, run_ffmpeg

BYTES_A_PIXEL = 3


class ConversionFailed(NvcodecError):
    """ffmpeg did not convert raw video to RGB."""


def to_rgb(frames: Iterable[Frame], video: VideoFormat, folder: Path, name: str, chroma: str) -> Array:
    """(pictures, rows, columns, 3) uint8, in a file below folder. Raises ConversionFailed."""
    raw, rgb = folder / f"{name}.yuv", folder / f"{name}.rgb"
    with open_writer(raw, video) as writer:
        for frame in frames:
            writer.write(frame)
    size = f"{video.width}x{video.height}"
    given = ["-f", "rawvideo", "-pix_fmt", video.pix_fmt, "-video_size", size, "-i", file_url(raw)]
    flags = ["-sws_flags", f"{chroma}+accurate_rnd+full_chroma_int"]
    ran = run_ffmpeg(["-v", "error", *given, *flags, "-pix_fmt", "rgb24", "-f", "rawvideo", file_url(rgb)])
    if ran.returncode:
        raise ConversionFailed(f"ffmpeg: {last_line(ran.stderr.decode(errors='replace'))}")
    raw.unlink()
    return np.memmap(rgb, np.uint8, "r").reshape(-1, video.height, video.width, BYTES_A_PIXEL)


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("stream", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--chroma", choices=("bicubic", "neighbor"), default="bicubic")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rgb-psnr-") as name, Decoder(args.stream, threads=args.threads) as decoder:
        video, folder = decoder.format, Path(name)
        decoded = to_rgb(decoder, video, folder, "decoded", args.chroma)
        with open_reader(args.clip) as originals:
            wanted = to_rgb(originals, video, folder, "original", args.chroma)
        found = [plane_psnr_db(a, b, 8) for a, b in zip(wanted, decoded, strict=True)]
    rate_bpp = 8 * args.stream.stat().st_size / (len(found) * video.width * video.height)
    spread = f"{min(found):.2f} to {max(found):.2f}, {len(found)} pictures"
    print(f"{rate_bpp:.4f} bpp, {np.mean(found):.2f} dB RGB ({spread})")
    return 0


if __name__ == "__main__":
    run_tool(main)
