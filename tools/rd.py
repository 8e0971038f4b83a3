"""Rate-distortion points of clips, their curves against the anchors' (PNG and HTML), and BD-rates.

Usage: rd.py CLIP... [--profile hybrid] [--preset medium] [--epochs N]
             [--lambda 0.0005,0.002,0.008,0.03 | --quality 20,40,60,80]
             [--anchors ../shared/clips/anchors.csv] [--out docs/rd] [--keep FOLDER] [--threads N] [--seed N]
       rd.py CLIP... --plot-only

Points are appended to OUT/points.csv as they are made, and one that is there with equal settings is not made again: an
interrupted run goes on where it stopped. Delete the file (or its lines) when the encoder itself has changed. The page
shows every curve that the file has of the given clips.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from command import parser_for, run_tool
from curves import OurPoint, Point, bd_rate_words, curves_of
from measure import compare_stream, open_clip
from rd_page import draw_curves, html_page, inline_svg, save_png
from records import read_records, read_records_if_any, write_records
from tables import text_table

from nvcodec import encode
from nvcodec.bitstream.headers import PROFILES
from nvcodec.encoder.presets import PRESETS, preset_of
from nvcodec.encoder.settings import EncodeSettings

DEFAULT_QUALITIES = (20.0, 40.0, 60.0, 80.0)


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def make_point(path: Path, wanted: OurPoint, stream: Path, threads: int) -> OurPoint:
    """Encode a clip, decode the file, and measure. `wanted` has the settings."""
    from progress import EncodeProgress  # brings torch, which --plot-only does without

    settings: dict[str, Any] = {
        "profile": wanted.profile, "preset": wanted.preset, "seed": wanted.seed, "lam": wanted.lam,
    }  # fmt: skip
    # the preset's own number of passes comes with a least number of steps
    if wanted.epochs != preset_of(wanted.profile, wanted.preset).epochs:
        settings["epochs"] = wanted.epochs
    start = time.perf_counter()
    with EncodeProgress(f"{path.stem}, lambda {wanted.lam:.3g}") as progress:
        summary = encode(path, stream, threads=threads, progress=progress, **settings)
    seconds = time.perf_counter() - start
    quality = compare_stream(open_clip(path), stream, threads=threads)
    return replace(
        wanted,
        bytes=stream.stat().st_size,
        bpp=round(summary.rate_bpp, 5),
        psnr_y=round(quality.mean_y, 3),
        psnr_yuv=round(quality.mean_yuv, 3),
        encode_seconds=round(seconds, 1),
    )


def make_points(args: argparse.Namespace, store: Path) -> None:
    """Every clip at every lambda, one after the other, but for what the file has already."""
    settings = EncodeSettings(profile=args.profile, preset=args.preset, epochs=args.epochs)
    epochs = settings.resolved_preset().epochs
    for path in args.clips:
        for lam in args.lambdas:
            wanted = OurPoint(path.stem, args.preset, epochs, args.seed, lam, profile=args.profile)
            if wanted.settings in {point.settings for point in read_records_if_any(store, OurPoint)}:
                print(f"{path.stem}, lambda {lam:.3g}: in {store} already", file=sys.stderr)
                continue
            with tempfile.TemporaryDirectory(prefix="rd-") as folder:
                name = f"{path.stem}_{args.profile}_{args.preset}_{epochs:g}_{args.seed}_{lam:.6g}.msn"
                point = make_point(path, wanted, (args.keep or Path(folder)) / name, args.threads)
            write_records(store, [point], append=True)


def bd_rows(anchors: dict[str, list[Point]], ours: dict[str, list[Point]]) -> list[list[str]]:
    return [[name, codec, bd_rate_words(curve, own)] for name, own in ours.items() for codec, curve in anchors.items()]


def report(args: argparse.Namespace, store: Path) -> None:
    """Draw every clip's curves, write the page, print points and BD-rates."""
    clips = list(dict.fromkeys(path.stem for path in args.clips))
    anchor_points, points = read_records(args.anchors, Point), read_records_if_any(store, OurPoint)
    sections, printed = {}, []
    for clip in clips:
        anchors = curves_of(point for point in anchor_points if point.clip == clip)
        own_points = sorted((point for point in points if point.clip == clip), key=lambda point: point.bpp)
        ours = curves_of(point.as_point() for point in own_points)
        figure = draw_curves(clip, {**ours, **anchors})
        save_png(args.out / f"{clip}.png", figure)
        rows = bd_rows(anchors, ours)
        sections[clip] = (inline_svg(figure, clip), {**ours, **anchors}, rows)
        printed += [[clip, *row] for row in rows]
        header = ["our points", "lambda", "bytes", "bpp", "luma dB", "YUV dB", "encode, s"]
        lines = [
            [f"{clip}, {point.curve}", f"{point.lam:.4g}", str(point.bytes), f"{point.bpp:.5f}",
             f"{point.psnr_y:.2f}", f"{point.psnr_yuv:.2f}", f"{point.encode_seconds:.0f}"]
            for point in own_points
        ]  # fmt: skip
        print(text_table(header, lines) + "\n")
    page = args.out / "index.html"
    page.write_text(html_page(sections))
    print("BD-rate over YUV-PSNR: how much more rate ours needs at equal quality; below 0: less.")
    print(text_table(["clip", "our curve", "anchor", "BD-rate"], printed, left=4))
    print(f"\nCurves: {page}, {', '.join(f'{clip}.png' for clip in clips)}")


def read_arguments() -> argparse.Namespace:
    parser = parser_for(__doc__)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--profile", default=EncodeSettings.profile, choices=PROFILES)
    parser.add_argument("--preset", default=EncodeSettings.preset, choices=list(PRESETS))
    parser.add_argument("--epochs", type=float, help="passes over the clip, instead of the preset's")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--lambda", type=numbers, dest="lambdas", metavar="L,L,...")
    place.add_argument("--quality", type=numbers, default=list(DEFAULT_QUALITIES), metavar="Q,Q,...")
    parser.add_argument("--anchors", type=Path, default=Path("../shared/clips/anchors.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs/rd"))
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep the .msn files")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot-only", action="store_true")
    args = parser.parse_args()
    if args.lambdas is None:
        args.lambdas = [EncodeSettings(quality=quality).resolved_lambda() for quality in args.quality]
    return args


def main() -> int:
    args = read_arguments()
    store = args.out / "points.csv"
    for folder in (args.out, args.keep):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    if not args.plot_only:
        make_points(args, store)
    report(args, store)
    return 0


if __name__ == "__main__":
    run_tool(main)
