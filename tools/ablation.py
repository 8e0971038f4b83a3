"""Fit a clip without each of MSNeRV's ideas in turn, in the grid profile, all for the same time; a Markdown table.

Usage: ablation.py CLIP --minutes 10 [--lambda 0.0015 | --quality 50] [--base default|every-idea]
                   [--variants full,no-window,...] [--append] [--out docs/ablation.md] [--threads N] [--seed N]

Two short fits of each variant, the second of some 8 % of the wanted time, tell what a pass over the clip costs; its
number of passes follows from --minutes, and the table states the seconds that the fit really took. The whole clip is
one segment. Results are kept beside the table as .csv; with --append what is in there already stays, and only what is
missing is fitted.

J is D + lambda * bpp, D the mean over pictures of 3/4 luma and 1/4 chroma squared error at scale 1 (samples over the
sample range): the lower the better at equal lambda, whichever way a variant moves along the curve.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from command import parser_for, run_tool
from measure import Clip, compare_stream, open_clip
from progress import FIT_PHASES, EncodeProgress, is_fitting
from records import read_records_if_any, write_records
from tables import markdown_table
from variants import BY_NAME, VARIANTS, Variant, with_every_idea

from nvcodec import encode
from nvcodec.bitstream import ModelConfig
from nvcodec.decoder.decoder import SCALES
from nvcodec.encoder.distortion import LUMA_SHARE
from nvcodec.encoder.encode import EncodeSummary, ProgressEvent
from nvcodec.encoder.errors import Interrupted
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.errors import NvcodecError
from nvcodec.metrics import PsnrAccumulator
from nvcodec.synthesis.cost import decoding_cost

CALIBRATION_EPOCHS = 0.5
CALIBRATION_SHARE = 0.08
"""Of the wanted time, for the second calibration."""
SMALLEST_EPOCHS = 0.1
EVERY_IDEA_SETTINGS = {"adaptive_scales": True, "multi_scale": True}


class UnknownVariant(NvcodecError):
    """A name that is no variant's."""


@dataclass(frozen=True)
class Result:
    """A variant's line: the conditions that it was made under, then the figures."""

    clip: str
    base: str
    minutes: float
    lam: float
    seed: int
    variant: str
    same_as_full: bool
    file_bytes: int = 0
    rate_bpp: float = 0.0
    luma_db: str = ""
    """At 1, 1/2, 1/4, 1/8, separated by spaces."""
    cost_kmac: float = 0.0
    epochs: float = 0.0
    fit_seconds: float = 0.0
    distortion: float = 0.0

    @property
    def conditions(self) -> tuple[Any, ...]:
        return self.clip, self.base, self.minutes, self.lam, self.seed, self.variant

    @property
    def lagrangian(self) -> float:
        return self.distortion + self.lam * self.rate_bpp


class FitClock:
    """Times a fit from its analysis to its last step, and then stops the encode."""

    def __init__(self) -> None:
        self.start = self.end = 0.0
        self.is_done = False

    def see(self, event: ProgressEvent) -> None:
        self.end = time.monotonic()
        if not is_fitting(event):
            self.start = self.end
        elif event.total is not None:
            self.is_done = event.done >= event.total


def fit_seconds(clip: Clip, settings: dict[str, Any]) -> float:
    """Wall-clock of a fit alone."""
    clock = FitClock()
    with contextlib.suppress(Interrupted):
        encode(clip.path, io.BytesIO(), progress=clock.see, should_stop=lambda: clock.is_done, **settings)
    return clock.end - clock.start


def epochs_for(seconds: float, time_fit: Callable[[float], float]) -> float:
    """Passes that take so long, by the line through two timed fits. time_fit: passes to seconds."""
    few = CALIBRATION_EPOCHS
    short = time_fit(few)
    many = max(3 * few, few * CALIBRATION_SHARE * seconds / short)
    long = time_fit(many)
    per_epoch = (long - short) / (many - few)
    if per_epoch <= 0:
        per_epoch = long / many
    return max(SMALLEST_EPOCHS, many + (seconds - long) / per_epoch)


def mean_distortion(quality: PsnrAccumulator) -> float:
    """D of the module's docstring, from the PSNR of every picture and plane."""
    gain = (((1 << quality.bit_depth) - 1) / (1 << quality.bit_depth)) ** 2
    total = 0.0
    for planes in quality.pictures_db:
        mse = [gain * 10 ** (-db / 10) for db in planes]
        total += mse[0] if len(mse) == 1 else LUMA_SHARE * mse[0] + (1 - LUMA_SHARE) * (mse[1] + mse[2]) / 2
    return total / len(quality.pictures_db)


class Ablation:
    """The conditions that all variants share."""

    def __init__(self, clip: Clip, args: argparse.Namespace):
        self.clip, self.args, self.is_warm = clip, args, False
        video = clip.format
        model = EncodeSettings(profile="grid").resolved_models(video.width * video.height * clip.picture_count)[0]
        self.model = with_every_idea(model) if args.base == "every-idea" else model
        self.settings: dict[str, Any] = {
            "profile": "grid", "preset": args.preset, "lam": args.lam, "seed": args.seed, "threads": args.threads,
            "segment_length": max(clip.picture_count, EncodeSettings.segment_length),
        }  # fmt: skip
        if args.base == "every-idea":
            self.settings |= EVERY_IDEA_SETTINGS

    def settings_of(self, variant: Variant) -> dict[str, Any]:
        return {**self.settings, "model": variant.change(self.model), **variant.settings}

    def is_base(self, variant: Variant) -> bool:
        """Whether a variant, other than the base itself, changes nothing."""
        own, base = (EncodeSettings(**self.settings_of(one)) for one in (variant, VARIANTS[0]))
        return variant is not VARIANTS[0] and own == base

    def blank(self, variant: Variant) -> Result:
        args = self.args
        same = self.is_base(variant)
        return Result(self.clip.path.stem, args.base, args.minutes, args.lam, args.seed, variant.name, same)

    def run(self, variant: Variant) -> Result:
        """Calibrate, fit for the wanted time, and measure what comes out of the file."""
        settings = self.settings_of(variant)
        if not self.is_warm:  # a process's first fit pays for what later ones find ready
            fit_seconds(self.clip, {**settings, "epochs": CALIBRATION_EPOCHS})
            self.is_warm = True
        epochs = epochs_for(
            60 * self.args.minutes, lambda passes: fit_seconds(self.clip, {**settings, "epochs": passes})
        )
        with tempfile.TemporaryDirectory(prefix="ablation-") as folder, EncodeProgress(variant.name) as progress:
            stream = Path(folder) / "clip.msn"
            summary = encode(self.clip.path, stream, progress=progress, epochs=epochs, **settings)
            quality = [compare_stream(self.clip, stream, scale, self.args.threads) for scale in SCALES]
        return self.result(variant, settings["model"], summary, quality)

    def result(
        self, variant: Variant, model: ModelConfig, summary: EncodeSummary, quality: list[PsnrAccumulator]
    ) -> Result:
        video = self.clip.format
        cost = decoding_cost(model, video.height, video.width, video.chroma_format, 0)
        figures: dict[str, Any] = {
            "file_bytes": summary.file_bytes,
            "rate_bpp": summary.rate_bpp,
            "luma_db": " ".join(f"{one.mean_y:.2f}" for one in quality),
            "cost_kmac": cost.total / 1000,
            "epochs": summary.epochs,
            "fit_seconds": sum(summary.seconds.get(phase, 0.0) for phase in FIT_PHASES),
            "distortion": mean_distortion(quality[0]),
        }
        return replace(self.blank(variant), **figures)


def table_row(result: Result, full: Result | None) -> list[str]:
    """full: what J is compared with; None where the base was not fitted."""
    what = BY_NAME[result.variant].what if result.variant in BY_NAME else result.variant
    if result.same_as_full:
        return [what, "= base", *[""] * 10]
    relation = ["", ""]
    if full is not None:
        ratio = result.lagrangian / full.lagrangian
        relation = [f"{100 * (ratio - 1):+.1f}", f"{-10 * math.log10(ratio) + 0.0:+.2f}"]
    figures = [f"{result.cost_kmac:.2f}", f"{result.epochs:.1f}", f"{result.fit_seconds:.0f}"]
    return [what, str(result.file_bytes), f"{result.rate_bpp:.4f}", *result.luma_db.split(), *figures, *relation]


def table_text(results: list[Result]) -> str:
    """One table per set of conditions, each against its own base."""
    header = ["", "bytes", "bpp", *(f"dB at {scale}" for scale in SCALES), "kMAC/px", "passes", "fit, s"]
    header += ["J, %", "J, dB"]
    parts = []
    for conditions in dict.fromkeys(result.conditions[:-1] for result in results):
        own = [result for result in results if result.conditions[:-1] == conditions]
        full = next((result for result in own if result.variant == VARIANTS[0].name), None)
        clip, base, minutes, lam, seed = conditions
        parts.append(
            f"{clip}, base: {base}, {minutes:g} minutes of fit each, lambda {lam:.5g}, seed {seed}. dB: luma PSNR. "
            "J: D + lambda * bpp against the base's; %: above 0 is worse; dB: below 0 is worse.\n\n"
            + markdown_table(header, [table_row(result, full) for result in own])
        )
    return "\n\n".join(parts) + "\n"


def chosen_variants(names: str) -> list[Variant]:
    """Raises UnknownVariant."""
    for name in names.split(","):
        if name not in BY_NAME:
            raise UnknownVariant(f"variant {name!r}: known are {', '.join(BY_NAME)}")
    return [BY_NAME[name] for name in names.split(",")]


def read_arguments() -> argparse.Namespace:
    parser = parser_for(__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, required=True, help="of fit, for each variant")
    point = parser.add_mutually_exclusive_group()
    point.add_argument("--lambda", type=float, dest="lam")
    point.add_argument("--quality", type=float)
    parser.add_argument("--preset", default="fast", help="for what it says besides the number of passes")
    parser.add_argument("--base", choices=("default", "every-idea"), default="default")
    parser.add_argument("--variants", default=",".join(BY_NAME), help="of %(default)s")
    parser.add_argument("--append", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs/ablation.md"))
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.lam = EncodeSettings(lam=args.lam, quality=args.quality).resolved_lambda()
    return args


def main() -> int:
    args = read_arguments()
    variants = chosen_variants(args.variants)
    ablation = Ablation(open_clip(args.clip), args)
    store = args.out.with_suffix(".csv")
    results = read_records_if_any(store, Result) if args.append else []
    known = {result.conditions for result in results}
    print(f"{ablation.clip}, {os.cpu_count()} processors", file=sys.stderr)
    for variant in variants:
        blank = ablation.blank(variant)
        if blank.conditions in known:
            continue
        results.append(blank if blank.same_as_full else ablation.run(variant))
        write_records(store, results)
        args.out.write_text(table_text(results))
    print(table_text(results), end="")
    return 0


if __name__ == "__main__":
    run_tool(main)
