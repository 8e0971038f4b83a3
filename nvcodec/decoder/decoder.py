"""Pictures from a file: sequential, by index, by slice, at any of the four scales.

Entropy decoding runs ahead in the calling thread; synthesis runs in a small pool, one picture a worker, so memory
does not grow with the sequence. Decoding at 1/2 reads only the units of the levels that 1/2 needs.
"""

from __future__ import annotations

import bisect
import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from nvcodec.bitstream import (
    ContainerReader,
    DigestPayload,
    SegmentHeader,
    SequenceHeader,
    UnitKey,
    UnitType,
    check_segments,
    read_payload,
)
from nvcodec.decoder.errors import DigestMismatch, NoDigest, PictureOutOfRange, ScaleUnknown
from nvcodec.decoder.gop import GopGrids
from nvcodec.decoder.network_unit import decode_network
from nvcodec.synthesis import structure
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.backend import Backend, make_backend
from nvcodec.synthesis.packing import to_samples, unpack
from nvcodec.synthesis.weights import LevelWeights
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
        self.config = self.sequence.model
        self.verify, self._backend_name, self._device = verify, backend, device
        self.threads = threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads or 1
        self.segments: list[SegmentHeader] = []
        self.gops: list[GopPlace] = []
        for number in range(self.sequence.segment_count):
            unit = self.container.unit(UnitKey(UnitType.SEGMENT, number))
            segment = read_payload(SegmentHeader(), unit.payload, unit.place)
            self.segments.append(segment)
            first = segment.first_picture
            for gop, length in enumerate(segment.gop_length):
                self.gops.append(GopPlace(number, gop, first, length))
                first += length
        check_segments(self.sequence, self.segments)
        self.source_format = source_format(self.sequence)
        self.format = self.source_format.scaled(self.finest)
        """The format of the pictures that come out."""
        self._network: tuple[int, dict[int, LevelWeights], Backend] | None = None
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
            for task in self._tasks(start, end):
                yield self._finish(*task)
            return
        pending: deque[Future[Frame]] = deque()
        with ThreadPoolExecutor(self.threads, thread_name_prefix="nvdec") as pool:
            try:
                for task in self._tasks(start, end):
                    pending.append(pool.submit(self._finish, *task))
                    if len(pending) > self.threads:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def _tasks(self, start: int, end: int) -> Iterator[tuple[Backend, dict[int, Array], int, bytes | None]]:
        """(backend, embeddings, picture number, expected digest) of each wanted picture, entropy-decoded."""
        firsts = [gop.first for gop in self.gops]
        for place in self.gops[bisect.bisect_right(firsts, start) - 1 :]:
            if place.first >= end:
                return
            weights, backend = self._segment_network(place.segment)
            grids = GopGrids(
                self.container,
                place.segment,
                place.gop,
                place.length,
                self.config,
                weights,
                backend,
                (self.sequence.height, self.sequence.width),
                self.finest,
            )
            for coded in structure.coding_order(place.length):
                number = place.first + coded.index
                if number >= end:
                    return
                if number < start:
                    grids.skip(coded)
                else:
                    embeddings = grids.embeddings(coded)
                    digest = self._expected_digest(place, coded.index) if self.verify else None
                    yield backend, embeddings, number, digest

    def _segment_network(self, segment: int) -> tuple[dict[int, LevelWeights], Backend]:
        if self._network is None or self._network[0] != segment:
            weights = {}
            for level in reversed(range(self.finest, len(self.config.levels))):
                unit = self.container.unit(UnitKey(UnitType.NETWORK, segment, 0, level))
                weights[level] = decode_network(unit, self.config, level, self.sequence.chroma_format)
            video = self.source_format
            backend = make_backend(
                self._backend_name,
                self.config,
                weights,
                video.height,
                video.width,
                video.chroma_format,
                threads=1,
                device=self._device,
            )
            self._network = (segment, weights, backend)
        return self._network[1], self._network[2]

    def _expected_digest(self, place: GopPlace, index: int) -> bytes:
        if self._digests is None or self._digests[0] != place:
            unit = self.container.unit(UnitKey(UnitType.DIGEST, place.segment, place.gop))
            payload = read_payload(DigestPayload(place.length), unit.payload, unit.place)
            self._digests = (place, payload)
        digests = self._digests[1].digests
        if self.finest not in digests:
            raise NoDigest(f"segment {place.segment}, GoP {place.gop}: no digest at scale {SCALES[self.finest]}")
        return digests[self.finest][index]

    def _finish(self, backend: Backend, embeddings: dict[int, Array], number: int, digest: bytes | None) -> Frame:
        """Synthesis, samples, planes, and the digest's check."""
        packed = backend.synthesise(embeddings, self.finest)
        samples = to_samples(packed, self.format.bit_depth)
        planes = unpack(samples, self.format.chroma_format, list(self.format.plane_shapes))
        if digest is not None:
            met = picture_digest(planes, len(digest))
            if met != digest:
                raise DigestMismatch(
                    f"picture {number} at scale {SCALES[self.finest]}: digest {met.hex()}, the file says {digest.hex()}"
                )
        return Frame(tuple(planes), number, self.format)
