"""The demo: encode a real clip, decode it at all four scales, check the digests, and compare with x264.

Usage: demo.py [--out demo_out] [--clip demo/bunny_320x180.mkv] [--preset medium] [--epochs N] [--threads N]

Prints one table. Leaves the .msn file, the decoded videos (.y4m, one per scale), x264's stream of no more bytes, and
comparison.png: source, ours, x264, and our error amplified, of the middle picture.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from command import parser_for, run_tool
from measure import Clip, Decoding, PathLike, compare_files, decode_to_file, open_clip
from picture import DIFFERENCE_GAIN, luma_difference, save_panels, to_rgb
from progress import EncodeProgress
from tables import text_table
from x264 import X264Stream, encode_x264_within

from nvcodec import encode
from nvcodec.decoder.decoder import SCALES
from nvcodec.encoder.encode import EncodeSummary
from nvcodec.encoder.presets import PRESETS
from nvcodec.metrics import PsnrAccumulator
from nvcodec.video import Frame, open_reader

CLIP = Path(__file__).resolve().parent.parent / "demo" / "bunny_320x180.mkv"
DEMO_PRESET = "medium"

LABELS = {"gop grids": "GoP grids", "window": "window weights"}
"""Of the summary's components, where they are called otherwise in the table."""


@dataclass
class Shown:
    """All that the table and the picture show of a codec's output, besides its bytes."""

    path: Path
    quality: PsnrAccumulator
    decoding: Decoding | None = None


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def encode_clip(
    clip: Clip, target: Path, preset: str, epochs: float | None, threads: int
) -> tuple[EncodeSummary, float]:
    """Encode, verified by the encoder itself. Returns its summary and the seconds of all of it."""
    start = time.perf_counter()
    with EncodeProgress("encode") as progress:
        summary = encode(clip.path, target, preset=preset, epochs=epochs, threads=threads, progress=progress)
    return summary, time.perf_counter() - start


def decode_scales(clip: Clip, stream: Path, out: Path, threads: int) -> dict[str, Shown]:
    """Decode at every scale into .y4m files, checking each picture's digest, and measure what is in them."""
    shown = {}
    for number, scale in enumerate(SCALES):
        path = out / ("recon.y4m" if scale == "1" else f"recon_{scale.replace('/', '_')}.y4m")
        say(f"decode at {scale}")
        decoding = decode_to_file(stream, path, scale=scale, threads=threads, verify=True)
        shown[scale] = Shown(path, compare_files(clip.path, path, number), decoding)
    return shown


def encode_yardstick(clip: Clip, limit_bytes: int, target: Path) -> tuple[X264Stream, Shown]:
    """x264 at no more bytes than ours, as near as its quality factor gets."""
    say(f"x264 at {limit_bytes} bytes")
    made = encode_x264_within(clip.path, limit_bytes, clip.format.pix_fmt)
    target.write_bytes(made.data)
    return made, Shown(target, compare_files(clip.path, target))


def result_rows(
    clip: Clip, summary: EncodeSummary, seconds: float, ours: dict[str, Shown], made: X264Stream, x264: Shown
) -> list[list[str]]:
    """Lines of the one table: our file and its parts, our scales, x264."""

    def size(count: int) -> list[str]:
        return [str(count), f"{clip.rate_bpp(count):.4f}"]

    def quality(shown: Shown) -> list[str]:
        return [f"{shown.quality.mean_y:.2f}", f"{shown.quality.mean_yuv:.2f}"]

    rows = [["nvcodec, whole file", *size(summary.file_bytes), *quality(ours["1"]), f"encode {seconds:.0f} s"]]
    for part, count in summary.component_bytes.items():
        rows.append([f"  {LABELS.get(part, part)}", *size(count), "", "", ""])
    for number, scale in enumerate(SCALES):
        video, shown = clip.format.scaled(number), ours[scale]
        speed = f"decode {shown.decoding.pictures_per_second:.0f} pictures/s" if shown.decoding else ""
        rows.append([f"  at {scale}: {video.width}x{video.height}", "", "", *quality(shown), speed])
    name = f"x264 veryslow, crf {made.crf:g}"
    rows.append([name, *size(len(made.data)), *quality(x264), f"encode {made.seconds:.0f} s"])
    return rows


def verdict(ours: PsnrAccumulator, x264: PsnrAccumulator, ours_bytes: int, x264_bytes: int) -> str:
    """What the table says of the two, in words."""
    difference = ours.mean_y - x264.mean_y
    side = "above" if difference > 0 else "below"
    share = 100 * (1 - x264_bytes / ours_bytes)
    bytes_said = f"{abs(share):.1f} % {'fewer' if share >= 0 else 'more'} bytes"
    return (
        f"Ours is {abs(difference):.2f} dB luma PSNR {side} x264, which took {bytes_said}. "
        "Of x264's, its settings message is not counted."
    )


def middle_picture(path: PathLike, number: int) -> Frame:
    with open_reader(path) as reader:
        return next(frame for frame in reader if frame.pts == number)


def draw_comparison(target: Path, clip: Clip, ours: Shown, x264: Shown) -> None:
    """comparison.png, of the picture in the middle of the clip."""
    number = clip.picture_count // 2
    source, decoded, other = (middle_picture(path, number) for path in (clip.path, ours.path, x264.path))
    luma_db = [f"{shown.quality.pictures_db[number][0]:.2f} dB luma" for shown in (ours, x264)]
    panels = [
        (f"source, picture {number}", to_rgb(source)),
        (f"nvcodec, {luma_db[0]}", to_rgb(decoded)),
        (f"x264 veryslow at no more bytes, {luma_db[1]}", to_rgb(other)),
        (f"nvcodec minus source, luma, {DIFFERENCE_GAIN} times", luma_difference(source, decoded)),
    ]
    save_panels(target, panels)


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo_out"))
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--preset", choices=list(PRESETS), default=DEMO_PRESET)
    parser.add_argument("--epochs", type=float, help="passes of the network's fit, instead of the preset's")
    parser.add_argument("--threads", type=int, default=0, help="0: one per processor")
    args = parser.parse_args()
    start = time.perf_counter()
    args.out.mkdir(parents=True, exist_ok=True)
    clip = open_clip(args.clip)
    stream = args.out / f"{clip.path.stem}.msn"
    summary, seconds = encode_clip(clip, stream, args.preset, args.epochs, args.threads)
    ours = decode_scales(clip, stream, args.out, args.threads)
    made, x264 = encode_yardstick(clip, summary.file_bytes, args.out / "x264.h264")
    draw_comparison(args.out / "comparison.png", clip, ours["1"], x264)
    print(clip)
    header = ["", "bytes", "bpp", "luma dB", "YUV dB", "time"]
    print(text_table(header, result_rows(clip, summary, seconds, ours, made, x264)))
    print(
        f"Digests: all {len(SCALES) * clip.picture_count} decoded pictures are the encoder's, byte for byte"
        " (checked while decoding, in the times above)."
    )
    print(verdict(ours["1"].quality, x264.quality, summary.file_bytes, len(made.data)))
    print(f"Left in {args.out}: {', '.join(sorted(path.name for path in args.out.iterdir()))}.")
    print(f"The demo took {time.perf_counter() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    run_tool(main)
