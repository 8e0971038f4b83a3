"""One encode from source to file: analyse, fit, prune and quantise, refine, write and verify.

The file appears under its name only when it is whole and has been decoded, by another backend than the one that made
its digests. A checkpoint beside the output lets an interrupted encode go on; the result is the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch

from nvcodec.bitstream import (
    GRID,
    ColourDescription,
    ContainerReader,
    ContainerWriter,
    ModelConfig,
    SequenceHeader,
    UnitKey,
    UnitType,
    write_payload,
)
from nvcodec.bitstream.residual_headers import RESIDUAL_LEVELS
from nvcodec.compiled import use_kernels
from nvcodec.decoder.decoder import SCALES, Decoder, picture_digest
from nvcodec.decoder.errors import DecodeError
from nvcodec.decoder.motion import latent_levels
from nvcodec.encoder import plan
from nvcodec.encoder.checkpoint import State, load_checkpoint, save_checkpoint
from nvcodec.encoder.distortion import ScaleAdaptiveLoss
from nvcodec.encoder.errors import (
    CheckpointMissing,
    CheckpointUnsuitable,
    DeviceUnavailable,
    Interrupted,
    SizeImpossible,
    SourceUnsuitable,
    VerificationFailed,
)
from nvcodec.encoder.fit import Fit
from nvcodec.encoder.gop_choice import GopChoice
from nvcodec.encoder.hybrid_fit import HybridFit
from nvcodec.encoder.lock import held
from nvcodec.encoder.motion_fit import FROM_BASE, FROM_SCRATCH, MotionFit, rate_divisor, rate_factor
from nvcodec.encoder.motion_state import motion_state, restored_motion
from nvcodec.encoder.pack import Packed, Payload, pack_digests, pack_segment_header
from nvcodec.encoder.rate_control import ROUND_STEPS, ROUNDS, RateController
from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion, segment_motion
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.encoder.source import SourceStore, Targets
from nvcodec.metrics.psnr import PsnrAccumulator
from nvcodec.synthesis.layers import level_layers
from nvcodec.synthesis.structure import hierarchical_order
from nvcodec.video.frame import Frame, VideoFormat
from nvcodec.video.scaling import area_downscale
from nvcodec.video.target import Target, refuse_existing
from nvcodec.video.text import shown

MIN_SIZE, MAX_SIZE = 16, 8192
CHECKPOINT_SECONDS = 60.0
MIN_NETWORK_BITS_PER_WEIGHT = 1.0
BLOCKS_LOG2 = {"motion": (4, 5), "hybrid": (5,)}
"""Of the nodes of interpolated fields."""
VECTOR_LAMBDA = {"motion": 12.0, "hybrid": 4.0}
"""What a vector's bit weighs, in lambdas: one reference's error counts for less than it seems, as two are blended, and
what is left may be mended."""
MOTION_EFFORT = {"motion": 1, "hybrid": 2}
"""Rounds of refinement."""
LENGTH_BYTES = 3
"""By which a usual payload's length takes more than an empty one's, in the unit's header and in the index together."""

CODED_UNITS = (UnitType.GOP, UnitType.MOTION, UnitType.RESIDUAL)
"""Units of a GoP that have entropy-coded words."""

Quality = tuple[dict[str, float], dict[str, float]]
"""Mean PSNR in dB by scale: of luma, and weighted over the planes."""


@dataclass(frozen=True)
class ProgressEvent:
    """Where an encode stands.

    phase: 'read', 'analyse', 'motion', 'fit', 'prune and quantise', 'refine', 'write' or 'verify'. done and total count
    pictures, or, in the three phases of a segment's fit, thousandths of the fit.
    """

    phase: str
    done: int
    total: int | None
    loss: float | None = None
    psnr_db: float | None = None
    rate_bpp: float | None = None


def find_motion(
    profile: str,
    source: SourceStore,
    first: int,
    gops: list[Gop],
    lam: float,
    progress: Callable[[], None] = lambda: None,
    *,
    threads: int = 0,
    block_log2: int | None = None,
    found: Sequence[dict[int, CodedMotion]] = (),
    keep: Callable[[list[dict[int, CodedMotion]]], None] = lambda _: None,
) -> list[dict[int, CodedMotion]]:
    """A segment's motion as the motion or the hybrid profile searches it; first: its first picture; block_log2: of the
    nodes of interpolated fields, the profile's choice by default; found, keep: as `segment_motion`."""
    return segment_motion(
        source,
        first,
        gops,
        lam,
        BLOCKS_LOG2[profile] if block_log2 is None else (block_log2,),
        MOTION_EFFORT[profile],
        rate_factor,
        progress,
        threads,
        choosing=profile == "hybrid",
        vector_weight=VECTOR_LAMBDA[profile],
        found=found,
        keep=keep,
    )


@dataclass
class EncodeSummary:
    """What came out. component_bytes add up to file_bytes; psnr in dB by scale, means over pictures."""

    file_bytes: int
    picture_count: int
    rate_bpp: float
    component_bytes: dict[str, int]
    psnr_y: dict[str, float]
    psnr_yuv: dict[str, float]
    seconds: dict[str, float]
    lam: list[float]
    preset: str
    epochs: float
    seed: int
    device: str
    threads: int
    segments: int
    gops: int
    cross_entropy_bytes: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class SegmentFit:
    """The fit of one segment: its number, its first picture in the sequence, and what steers it to a size."""

    number: int
    first: int
    gops: list[Gop]
    fit: Fit | MotionFit | HybridFit
    controller: RateController | None = None
    rounds: int = 0
    """Corrections made after the fit, for the size."""
    steps_left: int = 0
    """Of the present correction."""

    @property
    def picture_count(self) -> int:
        return sum(gop.length for gop in self.gops)

    def state(self) -> State:
        return {
            "fit": self.fit.state(),
            "rounds": self.rounds,
            "steps_left": self.steps_left,
            "controller": None if self.controller is None else self.controller.state(),
        }

    def load(self, state: State) -> None:
        self.fit.load(state["fit"])
        self.rounds, self.steps_left = state["rounds"], state["steps_left"]
        if self.controller is not None:
            self.controller.load(state["controller"])


def pick_device(name: str) -> torch.device:
    """'auto', 'cpu' or 'cuda' (or torch's longer forms). Raises DeviceUnavailable."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise DeviceUnavailable(f"device {name!r}: not available here") from error
    return device


class Encode:
    """The state of one encode; `run` does it all."""

    def __init__(
        self,
        settings: EncodeSettings,
        video_format: VideoFormat,
        *,
        checkpoint: Path | None,
        resume: bool,
        progress: Callable[[ProgressEvent], None] | None,
        should_stop: Callable[[], bool] | None,
    ):
        settings.validate()
        for name, value in (("width", video_format.width), ("height", video_format.height)):
            if not MIN_SIZE <= value <= MAX_SIZE:
                raise SourceUnsuitable(f"the source's {name} is {value}, allowed is {MIN_SIZE} to {MAX_SIZE}")
        self.settings, self.format = settings, video_format
        self.checkpoint, self.resume, self.has_checkpoint = checkpoint, resume, resume
        self.progress, self.should_stop = progress, should_stop
        self.device = pick_device(settings.device)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self.source = SourceStore(video_format)
        self.sha = hashlib.sha256(repr(video_format).encode())
        self.seconds: dict[str, float] = {}
        self.last_save = time.monotonic()
        self.finished: list[State] = []
        """Payloads, cross-entropies and lambda of the segments that are done."""
        self.segment: SegmentFit | None = None
        """The one under way."""
        self.motion: list[dict[int, CodedMotion]] = []
        """Of the first GoPs of the segment under way, or about to be."""

    def _report(self, phase: str, done: int, total: int | None, **values: float) -> None:
        if self.progress is not None:
            self.progress(ProgressEvent(phase, done, total, **values))

    def read(self, frames: Iterable[Frame], count: int | None) -> None:
        start = time.monotonic()
        for number, frame in enumerate(frames):
            if frame.format != self.format:
                raise SourceUnsuitable(f"picture {number}: its format differs from the first one's")
            self.source.append(frame)
            for plane in frame.planes:
                self.sha.update(plane.tobytes())
            self._report("read", number + 1, count)
            self._check_stop("reading the source")
        if not len(self.source):
            raise SourceUnsuitable("the source has no pictures")
        self.seconds["read"] = time.monotonic() - start

    def _source_name(self) -> str:
        """By which a checkpoint knows its source."""
        video = self.format
        kind = f"{len(self.source)} pictures of {video.width}x{video.height} {video.pix_fmt}"
        return f"{kind}, SHA-256 {self.sha.hexdigest()[:32]}"

    def _save(self) -> None:
        """Keep all that has been done. Raises EncodeError where the disk refuses."""
        if self.checkpoint is not None:
            state = {
                "finished": self.finished,
                "motion": motion_state(self.motion),
                "fit": None if self.segment is None else self.segment.state(),
            }
            save_checkpoint(self.checkpoint, self._source_name(), self.settings.fingerprint(), state)
            self.has_checkpoint, self.last_save = True, time.monotonic()

    def drop_checkpoint(self) -> None:
        """Remove what nobody will go on from."""
        if self.checkpoint is not None:
            with contextlib.suppress(OSError):
                self.checkpoint.unlink()

    def _check_stop(self, where: str) -> None:
        """Save and raise Interrupted, if somebody asks for it."""
        if self.should_stop is None or not self.should_stop():
            return
        if self.segment is not None or self.motion:
            self._save()
        if not self.has_checkpoint:
            raise Interrupted(f"interrupted while {where}; there is no checkpoint")
        raise Interrupted(f"interrupted while {where}; the checkpoint is {self.checkpoint}, --resume goes on from it")

    def run(self) -> tuple[list[Payload], EncodeSummary]:
        """All payloads in file order, and the summary without what the file's writing adds."""
        start = time.monotonic()
        if self.settings.profile == "hybrid":
            use_kernels(len(self.source) * self.format.width * self.format.height)
        fit_state = self._load_state()
        if not self.resume:
            self._save()  # nothing yet, but from a kill from here on --resume can go on
        cuts = plan.scene_cuts(self.source)
        segments = plan.plan_segments(len(self.source), cuts, self.settings.segment_length)
        longest = max(end - first for first, end in segments)
        models = self.settings.resolved_models(
            longest * self.format.width * self.format.height, self.format.chroma_format
        )
        gops = [self._plan_gops(first, end, cuts) for first, end in segments]
        sequence = write_payload(self._sequence(models, len(segments)))
        self.overhead_bytes = framing_bytes(sequence, segments, gops, models, self.settings.resolved_digest_bytes())
        self._check_possible(models, len(segments))
        self.seconds["analyse"] = time.monotonic() - start
        self._report("analyse", len(self.source), len(self.source))
        payloads: list[Payload] = [(UnitKey(UnitType.SEQUENCE), sequence)]
        for number, (first, _) in enumerate(segments):
            if number == len(self.finished):
                self.segment = self._start(number, first, gops[number], models)
                if fit_state is not None:
                    self.segment.load(fit_state)
                    fit_state = None
                made, bits = self._fit_segment(self.segment)
                self.finished.append({"payloads": pack_payloads(made), "bits": bits, "lam": self.segment.fit.lam})
                self.segment, self.motion = None, []
                self._save()
            payloads += unpack_payloads(self.finished[number]["payloads"])
        finished = self.finished
        symbols = {part: sum(made["bits"][part] / 8 for made in finished) for part in finished[0]["bits"]}
        payloads, quality = self._digests(payloads)
        summary = EncodeSummary(
            file_bytes=0,
            picture_count=len(self.source),
            rate_bpp=0.0,
            component_bytes={},
            psnr_y=quality[0],
            psnr_yuv=quality[1],
            seconds=self.seconds,
            lam=[made["lam"] for made in finished],
            preset=self.settings.preset,
            epochs=self.settings.resolved_preset().epochs,
            seed=self.settings.seed,
            device=str(self.device),
            threads=torch.get_num_threads(),
            segments=len(segments),
            gops=sum(len(planned) for planned in gops),
            cross_entropy_bytes=symbols,
        )
        return payloads, summary

    def _plan_gops(self, first: int, end: int, cuts: list[int]) -> list[Gop]:
        settings = self.settings
        length = settings.resolved_gop_length()
        if settings.profile == "grid":
            return plan.plan_gops(first, end, cuts, length)
        if settings.gop_length is not None:
            return plan.plan_motion_gops(first, end, cuts, length, settings.keyint)

        def progress(done: int) -> None:
            self._report("analyse", done, len(self.source))
            self._check_stop("choosing GoPs")

        lam = settings.resolved_lambda()
        choice = GopChoice(self.source, lam, length, rate_divisor, progress, settings.profile)
        return plan.plan_motion_gops(first, end, cuts, length, settings.keyint, choice.lengths)

    def _sequence(self, models: tuple[ModelConfig, ...], segment_count: int) -> SequenceHeader:
        video = self.format
        rate, aspect = video.frame_rate, video.pixel_aspect
        return SequenceHeader(
            width=video.width,
            height=video.height,
            chroma_format=video.chroma_format,
            bit_depth=video.bit_depth,
            frame_rate_num=rate.numerator,
            frame_rate_den=rate.denominator,
            picture_count=len(self.source),
            segment_count=segment_count,
            full_range_flag=video.full_range,
            colour_description=None if video.colour is None else ColourDescription(*video.colour),
            pixel_aspect=None if aspect is None else (aspect.numerator, aspect.denominator),
            profile=self.settings.profile,
            model=models[0],
            inter_model=models[1] if len(models) > 1 else None,
        )

    def target_bytes(self) -> float | None:
        """The wanted size of the whole file, if one is wanted."""
        if self.settings.size_bytes is not None:
            return float(self.settings.size_bytes)
        if self.settings.bitrate is not None:
            return self.settings.bitrate / 8 * len(self.source) / float(self.format.frame_rate)
        return None

    def _check_possible(self, models: tuple[ModelConfig, ...], segment_count: int) -> None:
        """Raise SizeImpossible where the wanted size has no room for what any fit needs."""
        target = self.target_bytes()
        if target is None:
            return
        weights = sum(
            layer.outputs * (layer.inputs * layer.kernel**2 + layer.kinds)
            for model in (() if self.settings.profile == "hybrid" else models)  # which does without, if need be
            for level in range(len(model.levels))
            for layer in level_layers(model, level, self.format.chroma_format)
        )
        least = self.overhead_bytes + segment_count * weights * MIN_NETWORK_BITS_PER_WEIGHT / 8
        if target < least:
            self.drop_checkpoint()
            raise SizeImpossible(
                f"the wanted size is {round(target)} bytes; "
                f"headers, digests and network need about {round(least)} alone"
            )

    def _load_state(self) -> State | None:
        """Take over a checkpoint's finished segments; return the state of the fit under way, if there is one."""
        if not self.resume:
            return None
        assert self.checkpoint is not None
        state = load_checkpoint(self.checkpoint, self._source_name(), self.settings.fingerprint(), self.device)
        self.finished = state["finished"]
        self.motion = restored_motion(state["motion"])
        fit_state: State | None = state["fit"]
        return fit_state

    def _start(self, number: int, first: int, gops: list[Gop], models: tuple[ModelConfig, ...]) -> SegmentFit:
        """The fit of a segment at its beginning, steered where a size is wanted."""
        settings, target = self.settings, self.target_bytes()
        targets = Targets(self.source, self.device, settings.pooling, first)
        preset, lam = settings.resolved_preset(), settings.resolved_lambda()
        loss = ScaleAdaptiveLoss(settings.tune, adaptive=settings.adaptive_scales, multi_scale=settings.multi_scale)
        common: dict[str, Any] = {"loss": loss, "seed": settings.seed + number, "device": self.device}
        fit: Fit | MotionFit | HybridFit
        if settings.profile == "hybrid":
            found = self._search_motion(first, gops, lam)
            own_seed = settings.seed + number
            fit = HybridFit(targets, gops, models[0], preset, lam, found, seed=own_seed, device=self.device)
        elif len(models) == 1:
            fit = Fit(targets, gops, models[0], preset, lam, **common)
        else:
            motion = self._search_motion(first, gops, lam)
            schedule = FROM_BASE if models[1].base_model else FROM_SCRATCH
            fit = MotionFit(targets, gops, (models[0], models[1]), preset, lam, motion, schedule=schedule, **common)
        segment = SegmentFit(number, first, gops, fit)
        if target is not None:
            spent = sum(sum(coded_bytes(unpack_payloads(made["payloads"]))) for made in self.finished)
            share = (target - self.overhead_bytes - spent) * segment.picture_count / (len(self.source) - first)
            segment.controller = RateController(max(share, 1.0), segment.picture_count)
        return segment

    def _search_motion(self, first: int, gops: list[Gop], lam: float) -> list[dict[int, CodedMotion]]:
        start = time.monotonic()
        orders = [hierarchical_order(gop.length, gop.open) for gop in gops]
        total = sum(bool(picture.references) for order in orders for picture in order)
        done = sum(len(known) for known in self.motion)

        def progress() -> None:
            nonlocal done
            done += 1
            self._report("motion", done, total)
            self._check_stop("searching motion")

        def keep(found: list[dict[int, CodedMotion]]) -> None:
            self.motion = list(found)
            if time.monotonic() - self.last_save > CHECKPOINT_SECONDS:
                self._save()

        found = find_motion(
            self.settings.profile,
            self.source,
            first,
            gops,
            lam,
            progress,
            threads=self.settings.threads,
            block_log2=self.settings.block_log2,
            found=self.motion,
            keep=keep,
        )
        self.seconds["motion"] = self.seconds.get("motion", 0.0) + time.monotonic() - start
        return found

    def _fit_segment(self, segment: SegmentFit) -> Packed:
        """Fit what is left to fit, and pack it. Raises SizeImpossible, Interrupted."""
        controller = segment.controller
        while not segment.rounds and not segment.fit.done:  # a correction's steps are counted
            if (
                controller is not None
                and not isinstance(segment.fit, HybridFit)
                and controller.wants_calibration(segment.fit.share)
            ):
                controller.calibrate(*coded_bytes(self._pack(segment)[0]))
            self._step(segment, controller)
        segment.fit.finish()
        return self._pack(segment) if controller is None else self._meet_size(segment, controller)

    def _meet_size(self, segment: SegmentFit, controller: RateController) -> Packed:
        """Correct and pack again until the segment has its share of the wanted size. Raises SizeImpossible."""
        while True:
            while segment.steps_left:
                segment.steps_left -= 1
                self._step(segment, None)
            made = self._pack(segment)
            size = sum(coded_bytes(made[0]))
            if controller.settled(size) or (segment.rounds == ROUNDS and size <= controller.target_bytes):
                return made
            if segment.rounds == ROUNDS:
                raise SizeImpossible(
                    f"segment {segment.number}: the wanted share is {round(controller.target_bytes)} bytes, "
                    f"the smallest that was reached is {size}"
                )
            controller.correct(segment.fit, size)
            segment.rounds += 1
            if isinstance(segment.fit, MotionFit | HybridFit):
                segment.steps_left = segment.fit.refine_again()
            else:
                run_length = self.settings.resolved_preset().run_length
                segment.steps_left = max(ROUND_STEPS, segment.picture_count // run_length)

    def _step(self, segment: SegmentFit, controller: RateController | None) -> None:
        fit = segment.fit
        phase, start = fit.phase, time.monotonic()
        result = fit.step()
        if controller is not None and not isinstance(fit, HybridFit):
            controller.update(fit, result)
        now = time.monotonic()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - start
        self._report(
            phase,
            round(1000 * fit.share),
            1000,
            loss=result.loss,
            psnr_db=-10 * math.log10(max(result.mse[0], 1e-10)),
            rate_bpp=result.bits_per_picture / fit.pixels,
        )
        if now - self.last_save > CHECKPOINT_SECONDS:
            self._save()
        self._check_stop(f"fitting segment {segment.number} ({round(100 * fit.share)} %)")

    def _pack(self, segment: SegmentFit) -> Packed:
        start = time.monotonic()
        made = segment.fit.pack(segment.number, segment.first, self.settings.threads)
        self.seconds["write"] = self.seconds.get("write", 0.0) + time.monotonic() - start
        return made

    def _digests(self, payloads: list[Payload]) -> tuple[list[Payload], Quality]:
        """Decode everything at every scale; insert the digests; measure against the source."""
        start = time.monotonic()
        draft, digest_bytes = io.BytesIO(), self.settings.resolved_digest_bytes()
        write_container(draft, payloads)
        digests: dict[int, list[bytes]] = {}
        psnr_y, psnr_yuv = {}, {}
        for number, scale in enumerate(SCALES):
            accumulator = PsnrAccumulator(self.format.bit_depth)
            digests[number] = []
            with Decoder(draft.getvalue(), scale=scale, threads=self.settings.threads, max_memory=None) as decoder:
                places = decoder.gops
                for frame in decoder:
                    digests[number].append(picture_digest(frame.planes, digest_bytes))
                    reference = area_downscale(self.source.planes(frame.pts), number)
                    accumulator.add(reference, frame.planes)
                    self._report("write", frame.pts + 1, len(self.source))
                    self._check_stop("decoding the result")
            psnr_y[scale], psnr_yuv[scale] = accumulator.mean_y, accumulator.mean_yuv
        result: list[Payload] = []
        ends = {(place.segment, place.gop): place for place in places}
        last_units = {(key.segment, key.gop): key for key, _ in payloads if key.unit_type in CODED_UNITS}
        for key, payload in payloads:
            result.append((key, payload))
            if last_units.get((key.segment, key.gop)) == key:
                place = ends[key.segment, key.gop]
                own = {s: digests[s][place.first : place.first + place.length] for s in digests}
                result.append(pack_digests(place.segment, place.gop, own))
        self.seconds["write"] = self.seconds.get("write", 0.0) + time.monotonic() - start
        return result, (psnr_y, psnr_yuv)

    def verify(self, path: Path | bytes) -> None:
        """Decode the written file at all scales against its digests, on torch. Raises VerificationFailed."""
        start = time.monotonic()
        source = path if isinstance(path, bytes) else str(path)
        try:
            for scale in SCALES:
                with Decoder(source, scale=scale, backend="torch", threads=1, verify=True, max_memory=None) as decoder:
                    for frame in decoder:
                        self._report("verify", frame.pts + 1, len(self.source))
                        self._check_stop("verifying the file")
        except DecodeError as error:
            raise VerificationFailed(f"the finished file does not decode to what the encoder saw: {error}") from error
        self.seconds["verify"] = time.monotonic() - start


def coded_bytes(payloads: list[Payload]) -> tuple[int, int]:
    """Bytes of the NETWORK payloads, and of the GOP and MOTION payloads."""
    network = sum(len(payload) for key, payload in payloads if key.unit_type in (UnitType.NETWORK, UnitType.TABLES))
    return network, sum(len(payload) for key, payload in payloads if key.unit_type in CODED_UNITS)


def framing_bytes(
    sequence: bytes,
    segments: list[tuple[int, int]],
    gops: list[list[Gop]],
    models: tuple[ModelConfig, ...],
    digest_bytes: int,
) -> int:
    """Bytes of a file beside the NETWORK, GOP and MOTION payloads, to within a few: their lengths may differ."""
    payloads: list[Payload] = [(UnitKey(UnitType.SEQUENCE), sequence)]
    motion = not models or models[0].role != GRID
    hybrid = len(models) == 1 and motion
    for number, (first, _) in enumerate(segments):
        payloads.append(pack_segment_header(number, first, gops[number], motion))
        if hybrid:
            payloads.append((UnitKey(UnitType.TABLES, number), b""))
        for place, model in enumerate(models):
            if hybrid and not model.base_model:
                continue
            payloads += [(UnitKey(UnitType.NETWORK, number, place, level), b"") for level in range(len(model.levels))]
        for place, gop in enumerate(gops[number]):
            if motion:
                order = hierarchical_order(gop.length, gop.open)
                if any(picture.references for picture in order):
                    payloads.append((UnitKey(UnitType.MOTION, number, place), b""))
                levels = [] if hybrid else latent_levels(models, order)
                if hybrid:
                    bands = range(RESIDUAL_LEVELS)
                    payloads += [(UnitKey(UnitType.RESIDUAL, number, place, level), b"") for level in bands]
            else:
                levels = list(models[0].grid_levels)
            payloads += [(UnitKey(UnitType.GOP, number, place, level), b"") for level in levels]
            blank = {scale: [bytes(digest_bytes)] * gop.length for scale in range(len(SCALES))}
            payloads.append(pack_digests(number, place, blank))
    file = io.BytesIO()
    write_container(file, payloads)
    coded = sum(key.unit_type in (*CODED_UNITS, UnitType.NETWORK, UnitType.TABLES) for key, _ in payloads)
    return len(file.getvalue()) + LENGTH_BYTES * coded


def pack_payloads(payloads: list[Payload]) -> list[tuple[list[int], bytes]]:
    """Plain values, as a checkpoint holds them."""
    return [([int(key.unit_type), key.segment, key.gop, key.level], payload) for key, payload in payloads]


def unpack_payloads(kept: list[tuple[list[int], bytes]]) -> list[Payload]:
    return [(UnitKey(*numbers), payload) for numbers, payload in kept]


def write_container(file: BinaryIO, payloads: list[Payload]) -> None:
    writer = ContainerWriter(file)
    writer.write_file_header()
    for key, payload in payloads:
        writer.write_unit(key, payload)
    writer.finish()


def component_bytes(source: str | bytes, cross_entropy_bytes: dict[str, float]) -> dict[str, int]:
    """Bytes on disk by component; GOP and MOTION units are shared out by the cross-entropy of what they hold."""
    with ContainerReader(source) as container:
        sizes = {kind: sum(e.size for e in container.entries if e.key.unit_type == kind) for kind in UnitType}
        whole = container.size
    total = sum(cross_entropy_bytes.values())
    parts = {"network": sizes[UnitType.NETWORK] + sizes[UnitType.TABLES]}
    coded = sum(sizes[kind] for kind in CODED_UNITS)
    for part, share in cross_entropy_bytes.items():
        parts[part] = round(coded * share / total) if total else 0
    parts["digests"] = sizes[UnitType.DIGEST]
    parts["headers"] = whole - sum(parts.values())
    return parts


def encode_frames(
    frames: Iterable[Frame],
    video_format: VideoFormat,
    output: str | os.PathLike[str] | BinaryIO,
    settings: EncodeSettings,
    *,
    picture_count: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = True,
    progress: Callable[[ProgressEvent], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> EncodeSummary:
    """Encode frames of one format into `output`: a path, replaced only by a whole and verified file, or a binary file.

    checkpoint: where to keep one, also what `resume` goes on from; it is removed when the output is there.
    overwrite: whether an output file that is there may be replaced.
    should_stop: asked between steps; once true, the checkpoint is written and Interrupted raised.
    Raises EncodeError (InUse where another encode has the output or the checkpoint), OutputError, and what reading
    the source raises; OSError never.
    """
    destination = output if hasattr(output, "write") else Path(output)
    kept = None if checkpoint is None else Path(checkpoint)
    with contextlib.ExitStack() as locks:
        if isinstance(destination, Path):
            Target(destination).discard()  # says at once, not after the fit, that the output cannot be written
            locks.enter_context(held(destination, "output"))
            refuse_existing(destination, overwrite)  # asked again: it may have come while we did not hold the lock
        if kept is not None:
            _check_checkpoint(kept, destination)
            locks.enter_context(held(kept, "checkpoint"))
        if resume and (kept is None or not kept.exists()):
            raise CheckpointMissing(f"{kept or 'resume'}: there is no checkpoint to go on from")
        return _encode_locked(
            frames,
            video_format,
            destination,
            settings,
            picture_count,
            checkpoint=kept,
            resume=resume,
            progress=progress,
            should_stop=should_stop,
        )


def _check_checkpoint(checkpoint: Path, destination: Path | BinaryIO) -> None:
    """Raises CheckpointUnsuitable where replacing and removing the checkpoint would take away something else."""
    final = os.path.realpath(checkpoint)
    if os.path.lexists(final) and not os.path.isfile(final):
        raise CheckpointUnsuitable(f"{shown(checkpoint)}: is no file, a checkpoint cannot be kept there")
    if isinstance(destination, Path) and os.path.realpath(destination) == final:
        raise CheckpointUnsuitable(f"{shown(checkpoint)}: is the output and the checkpoint")


def _encode_locked(
    frames: Iterable[Frame],
    video_format: VideoFormat,
    destination: Path | BinaryIO,
    settings: EncodeSettings,
    picture_count: int | None,
    **options: Any,
) -> EncodeSummary:
    """`encode_frames` without its checks. options: of Encode."""
    threads = torch.get_num_threads()  # the process's own; the settings and the verification change it
    encode = Encode(settings, video_format, **options)
    try:
        encode.read(frames, picture_count)
        payloads, summary = encode.run()
        written = _write(encode, payloads, destination)
    finally:
        encode.source.close()
        torch.set_num_threads(threads)
    summary.file_bytes = len(written)
    pixels = video_format.width * video_format.height * summary.picture_count
    summary.rate_bpp = len(written) * 8 / pixels
    summary.component_bytes = component_bytes(written, summary.cross_entropy_bytes)
    encode.drop_checkpoint()
    return summary


def _write(encode: Encode, payloads: list[Payload], destination: Path | BinaryIO) -> bytes:
    """Write, verify, and only then put the file in its place. Raises OutputError, VerificationFailed."""
    whole = io.BytesIO()
    write_container(whole, payloads)
    data = whole.getvalue()
    if not isinstance(destination, Path):
        encode.verify(data)
        destination.write(data)
        return data
    target = Target(destination)
    try:
        with open(target.path, "wb") as file:
            file.write(data)
            file.flush()
            if os.path.isfile(target.path):
                os.fsync(file.fileno())
        if os.path.isfile(target.path):
            encode.verify(Path(target.path))
        else:
            encode.verify(data)
    except OSError as error:
        target.discard()
        raise target.refused(error) from error
    except BaseException:
        target.discard()
        raise
    target.commit()
    return data
