"""Pictures from a file: sequential, by index, by slice, at any of the four scales.

Entropy decoding runs ahead in the calling thread, in coding order; synthesis runs in a small pool, one picture a
worker, each waiting for the pictures of its window, so memory does not grow with the sequence. Decoding at 1/2 reads
only the units of the levels that 1/2 needs.
"""

from __future__ import annotations

import bisect
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from nvcodec.bitstream import (
    LEVELS,
    ContainerReader,
    DigestPayload,
    SegmentHeader,
    SequenceHeader,
    UnitKey,
    UnitType,
    check_segments,
    check_version,
    read_payload,
)
from nvcodec.decoder.errors import DigestMismatch, NoDigest, PictureOutOfRange, ScaleUnknown
from nvcodec.decoder.gop import GopGrids
from nvcodec.decoder.motion import GopLatents, Network, decode_motion, network_number, step_row
from nvcodec.decoder.network_unit import decode_network
from nvcodec.synthesis.alignment import Reference, align_picture
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.backend import Backend, make_backend
from nvcodec.synthesis.embedding import embed_latents
from nvcodec.synthesis.packing import to_samples, unpack
from nvcodec.synthesis.structure import CodedPicture, coding_order, hierarchical_order, needed_pictures
from nvcodec.synthesis.vector_base import PictureMotion, anchor_before
from nvcodec.synthesis.window import window_inputs
from nvcodec.video.frame import Frame, VideoFormat

SCALES = ("1", "1/2", "1/4", "1/8")


def parse_scale(scale: str) -> int:
    """'1', '1/2', '1/4', '1/8' to 0..3. Raises ScaleUnknown."""
    if scale not in SCALES:
        raise ScaleUnknown(f"scale {scale!r}: the network's output sizes are {', '.join(SCALES)}")
    return SCALES.index(scale)


def source_format(sequence: SequenceHeader) -> VideoFormat:
    """The full-size format that a sequence unit describes."""
    colour, aspect = sequence.colour_description, sequence.pixel_aspect
    return VideoFormat(
        width=sequence.width,
        height=sequence.height,
        chroma_format=sequence.chroma_format,
        bit_depth=sequence.bit_depth,
        frame_rate=Fraction(sequence.frame_rate_num, sequence.frame_rate_den),
        full_range=sequence.full_range_flag,
        colour=None
        if colour is None
        else (colour.colour_primaries, colour.transfer_characteristics, colour.matrix_coefficients),
        pixel_aspect=None if aspect is None else Fraction(*aspect),
    )


def picture_digest(planes: tuple[Array, ...] | list[Array], digest_bytes: int) -> bytes:
    """The first bytes of SHA-256 over the planes' samples (bitstream_spec.md, section 5.5)."""
    sha = hashlib.sha256()
    for plane in planes:
        little = plane if plane.dtype == np.uint8 else plane.astype("<u2")
        sha.update(np.ascontiguousarray(little).tobytes())
    return sha.digest()[:digest_bytes]


@dataclass(frozen=True)
class GopPlace:
    """Where a GoP stands: segment, number in the segment, first picture in the sequence, length."""

    segment: int
    gop: int
    first: int
    length: int
    open: bool = False
    """Whether its anchor refers to the GoP before."""


class DecodedPicture:
    """A picture, and what others need of it while they are predicted from it."""

    def __init__(self, frame: Frame, uses: int):
        self.frame, self._uses = frame, uses
        self._reference = Reference(frame.planes, frame.format.bit_depth)
        self._lock = threading.Lock()

    def align(self, vectors: Array, block_log2: int, finest: int) -> tuple[Array, ...]:
        """Its planes aligned by another picture's vectors; after the last use its phase planes are dropped."""
        with self._lock:
            for plane in range(len(self.frame.planes)):
                self._reference.phases(plane)
            reference = self._reference
        aligned = align_picture(reference, vectors, block_log2, self.frame.format.chroma_format, finest)
        with self._lock:
            self._uses -= 1
            if not self._uses:
                self._reference = Reference(self.frame.planes, self.frame.format.bit_depth)
        return aligned


@dataclass(frozen=True)
class Task:
    """What it takes to synthesise a picture: all that is entropy-coded, decoded."""

    number: int
    """In the sequence."""
    place: GopPlace
    backend: Backend
    embeddings: Callable[[], dict[int, Array]]
    wanted: bool = True
    """Whether it was asked for, not only by other pictures' windows."""
    digest: bytes | None = None
    motion: PictureMotion | None = None
    """The window, for pictures that have one."""
    uses: int = 0
    """Pictures of its GoP that refer to it."""

    @property
    def references(self) -> list[int]:
        """Numbers in the sequence of the pictures in its window."""
        return [] if self.motion is None else [self.place.first + index for index in self.motion.picture.references]


def _run_now(function: Callable[..., DecodedPicture], *args: Any) -> Future[DecodedPicture]:
    """As a pool's submit, at once and in this thread."""
    future: Future[DecodedPicture] = Future()
    future.set_result(function(*args))
    return future


class Decoder:
    """Decodes one .msn file at one scale.

    source: a path, the file's bytes, or a seekable binary file. scale: '1', '1/2', '1/4' or '1/8'. backend: 'numpy',
    'onnxruntime' or 'torch'. threads: worker threads, 0 for one per processor. verify: compare each picture's digest.
    Raises BitstreamError, DecodeError, ScaleUnknown, UnknownBackend; so does every access.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | bytes | BinaryIO,
        *,
        scale: str = "1",
        backend: str = "onnxruntime",
        threads: int = 0,
        device: str = "cpu",
        verify: bool = False,
    ):
        self.finest = parse_scale(scale)
        self.container = ContainerReader(source)
        try:
            self._open(backend, threads, device, verify)
        except BaseException:
            self.container.close()
            raise

    def _open(self, backend: str, threads: int, device: str, verify: bool) -> None:
        unit = self.container.unit(UnitKey(UnitType.SEQUENCE))
        self.sequence = read_payload(SequenceHeader(), unit.payload, unit.place)
        check_version(self.container.file_header, self.sequence, self.container.name)
        self.config = self.sequence.model
        """Of the network that decodes pictures without references."""
        self.verify, self._backend_name, self._device = verify, backend, device
        self.threads = threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads or 1
        self.segments: list[SegmentHeader] = []
        self.gops: list[GopPlace] = []
        for number in range(self.sequence.segment_count):
            unit = self.container.unit(UnitKey(UnitType.SEGMENT, number))
            blank = SegmentHeader(motion=self.sequence.motion)
            segment = read_payload(blank, unit.payload, unit.place)
            self.segments.append(segment)
            first = segment.first_picture
            for gop, length in enumerate(segment.gop_length):
                self.gops.append(GopPlace(number, gop, first, length, segment.motion and segment.open_gop[gop]))
                first += length
        check_segments(self.sequence, self.segments)
        self.source_format = source_format(self.sequence)
        self.format = self.source_format.scaled(self.finest)
        """The format of the pictures that come out."""
        self._networks: tuple[int, list[Network]] | None = None
        self._digests: tuple[GopPlace, DigestPayload] | None = None

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.container.close()

    def __len__(self) -> int:
        return self.sequence.picture_count

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        """A picture by number, as in a list (negative from the end), or the list of a slice.

        Raises IndexError past the end, so that a Decoder is a sequence.
        """
        if isinstance(index, slice):
            numbers = range(*index.indices(len(self)))
            if numbers.step == 1:
                return list(self.frames(numbers.start, max(numbers.start, numbers.stop)))
            return [next(self.frames(number, number + 1)) for number in numbers]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"picture {index}: the sequence has {len(self)}")
        return next(self.frames(number, number + 1))

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Pictures start .. stop-1 in display order. Raises PictureOutOfRange."""
        end = len(self) if stop is None else stop
        if not 0 <= start <= end <= len(self):
            raise PictureOutOfRange(f"pictures {start}:{end}: the sequence has pictures 0 to {len(self) - 1}")
        if start == end:
            return
        if self.threads == 1:
            yield from self._run(start, end, _run_now, 0)
            return
        with ThreadPoolExecutor(self.threads, thread_name_prefix="nvdec") as pool:
            yield from self._run(start, end, pool.submit, self.threads)

    def _run(self, start: int, end: int, submit: Callable[..., Future[DecodedPicture]], ahead: int) -> Iterator[Frame]:
        """Pictures in display order, out of tasks in coding order; `ahead` pictures or a GoP are under way."""
        made: dict[int, Future[DecodedPicture]] = {}
        wanted: dict[int, Future[DecodedPicture]] = {}
        place, next_number = None, start
        try:
            for task in self._tasks(start, end):
                if task.place != place:  # of the GoP before, only the anchor may be referred to
                    made = {number: future for number, future in made.items() if number == task.place.first - 1}
                    place = task.place
                future = submit(self._finish, task, [made[number] for number in task.references])
                made[task.number] = future
                if task.wanted:
                    wanted[task.number] = future
                while next_number in wanted and len(wanted) > ahead:
                    yield wanted.pop(next_number).result().frame
                    next_number += 1
            for number in range(next_number, end):
                yield wanted.pop(number).result().frame
        finally:
            for future in made.values():
                future.cancel()

    def _tasks(self, start: int, end: int) -> Iterator[Task]:
        """Tasks of the wanted pictures and, in the motion profile, of those that they need, in coding order."""
        firsts = [place.first for place in self.gops]
        first_gop = bisect.bisect_right(firsts, start) - 1
        last_gop = bisect.bisect_left(firsts, end)
        if self.sequence.motion:
            yield from self._motion_tasks(start, end, first_gop, last_gop)
            return
        for place in self.gops[first_gop:last_gop]:
            network = self._segment_networks(place.segment)[0]
            grids = GopGrids(
                self.container,
                place.segment,
                place.gop,
                place.length,
                self.config,
                network.weights,
                network.backend,
                (self.sequence.height, self.sequence.width),
                self.finest,
            )
            for coded in coding_order(place.length):
                number = place.first + coded.index
                if number >= end:
                    return
                if number < start:
                    grids.skip(coded)
                else:
                    embeddings = grids.embeddings(coded)
                    digest = self._expected_digest(place, coded.index)
                    yield Task(number, place, network.backend, partial(_given, embeddings), True, digest)

    def _motion_tasks(self, start: int, end: int, first_gop: int, last_gop: int) -> Iterator[Task]:
        """From the anchors that the first wanted GoP hangs on; of those GoPs, nothing but the anchors."""
        chain = first_gop
        while self.gops[chain].open:
            chain -= 1
        before: PictureMotion | None = None
        for place in self.gops[chain:last_gop]:
            order = hierarchical_order(place.length, place.open)
            asked = {index for index in range(place.length) if start <= place.first + index < end}
            needed = needed_pictures(order, asked | {place.length - 1})
            size = (self.sequence.height, self.sequence.width)
            known = decode_motion(self.container, place.segment, place.gop, order, size, before if place.open else None)
            networks = self._segment_networks(place.segment)
            latents = GopLatents(self.container, place.segment, place.gop, order, networks, size, self.finest)
            for coded in order:
                if not needed:
                    break
                found = latents.latents(coded)
                if coded.index in needed:
                    needed.remove(coded.index)
                    network = networks[network_number(coded)]
                    yield Task(
                        place.first + coded.index,
                        place,
                        network.backend,
                        partial(_embed_all, found, network, coded),
                        coded.index in asked,
                        self._expected_digest(place, coded.index) if coded.index in asked else None,
                        known.get(coded.index),
                        sum(coded.index in other.references for other in order if other.index in needed),
                    )
                needed.discard(-1)
            before = anchor_before(known.get(place.length - 1), place.length)

    def _segment_networks(self, segment: int) -> list[Network]:
        """The networks of a segment by number, with the levels that this scale needs."""
        if self._networks is None or self._networks[0] != segment:
            video = self.source_format
            networks = []
            for number, config in enumerate(self.sequence.models):
                weights = {}
                for level in reversed(range(self.finest, LEVELS)):
                    unit = self.container.unit(UnitKey(UnitType.NETWORK, segment, number, level))
                    weights[level] = decode_network(unit, config, level, video.chroma_format)
                backend = make_backend(
                    self._backend_name,
                    config,
                    weights,
                    video.height,
                    video.width,
                    video.chroma_format,
                    threads=1,
                    device=self._device,
                )
                networks.append(Network(config, weights, backend))
            self._networks = (segment, networks)
        return self._networks[1]

    def _expected_digest(self, place: GopPlace, index: int) -> bytes | None:
        """What the file says of a picture, where that is to be verified. Raises NoDigest."""
        if not self.verify:
            return None
        if self._digests is None or self._digests[0] != place:
            unit = self.container.unit(UnitKey(UnitType.DIGEST, place.segment, place.gop))
            payload = read_payload(DigestPayload(place.length), unit.payload, unit.place)
            self._digests = (place, payload)
        digests = self._digests[1].digests
        if self.finest not in digests:
            raise NoDigest(f"segment {place.segment}, GoP {place.gop}: no digest at scale {SCALES[self.finest]}")
        return digests[self.finest][index]

    def _finish(self, task: Task, window: list[Future[DecodedPicture]]) -> DecodedPicture:
        """Alignment, synthesis, samples, planes, and the digest's check."""
        video = self.format
        packed = self._synthesise(task, self._align(task, [picture.result() for picture in window]))
        samples = to_samples(packed, video.bit_depth)
        planes = unpack(samples, video.chroma_format, list(video.plane_shapes))
        if task.digest is not None:
            met = picture_digest(planes, len(task.digest))
            if met != task.digest:
                raise DigestMismatch(
                    f"picture {task.number} at scale {SCALES[self.finest]}: digest {met.hex()}, "
                    f"the file says {task.digest.hex()}"
                )
        return DecodedPicture(Frame(tuple(planes), task.number, video), task.uses)

    def _align(self, task: Task, window: list[DecodedPicture]) -> dict[int, Array] | None:
        """The network's view of the pictures that a task's picture refers to; None where there are none."""
        motion = task.motion
        if motion is None:
            return None
        aligned = [
            picture.align(vectors, motion.block_log2, self.finest)
            for picture, vectors in zip(window, motion.fields, strict=True)
        ]
        return window_inputs(aligned, self.format.bit_depth, self.format.chroma_format, self.finest)

    def _synthesise(self, task: Task, window: dict[int, Array] | None) -> Array:
        """A picture as the network makes it."""
        return task.backend.synthesise(task.embeddings(), self.finest, window)


def _given(embeddings: dict[int, Array]) -> dict[int, Array]:
    return embeddings


def _embed_all(latents: dict[int, Array], network: Network, picture: CodedPicture) -> dict[int, Array]:
    """Embeddings by level of a picture's own latents."""
    found = {}
    for level, values in latents.items():
        step = network.weights[level].step
        found[level] = embed_latents(values, step if step.ndim == 1 else step[step_row(network.config, picture)])
    return found
