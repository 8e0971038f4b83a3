"""Pictures from a file: sequential, by index, by slice, at any of the four scales.

Entropy decoding runs ahead in the calling thread, in coding order; synthesis runs in a small pool, one picture a
worker, each waiting for the pictures of its window, so memory does not grow with the sequence. Decoding at 1/2 reads
only the units of the levels that 1/2 needs.
"""

from __future__ import annotations

import bisect
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from nvcodec.bitstream import (
    LEVELS,
    BitstreamError,
    ContainerReader,
    DigestPayload,
    SegmentHeader,
    SequenceHeader,
    TablesHeader,
    UnitKey,
    UnitType,
    check_segments,
    check_version,
    read_payload,
)
from nvcodec.bitstream.errors import FileUnreadable
from nvcodec.bitstream.residual_headers import COARSEST_RESIDUAL
from nvcodec.bitstream.versions import FINE_VERSION_MINOR
from nvcodec.compiled import use_kernels
from nvcodec.decoder.conceal import (
    REPLACED,
    REPLACED_GOP,
    WHOLE,
    GopDamage,
    Loss,
    Losses,
    damage_of,
    lost_levels,
    restore_segments,
)
from nvcodec.decoder.errors import DigestMismatch, MemoryLimit, NoDigest, PictureOutOfRange, ScaleUnknown
from nvcodec.decoder.gop import GopGrids
from nvcodec.decoder.memory import (
    DEFAULT_MAX_MEMORY,
    GOP_PLACE_BYTES,
    KERNELS_BYTES,
    MemoryNeed,
    megabytes,
    memory_need,
)
from nvcodec.decoder.motion import GopLatents, Network, decode_motion, latent_levels, network_number, step_row
from nvcodec.decoder.network_unit import decode_network
from nvcodec.decoder.residual import GopResiduals, PictureResidual, read_tables
from nvcodec.decoder.task import DecodedPicture, GopPlace, StandIn, Task, grey_picture
from nvcodec.synthesis.adaptive_filter import adapted
from nvcodec.synthesis.alignment import filter_of
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.backend import make_backend
from nvcodec.synthesis.choices import choose_references
from nvcodec.synthesis.deblocking import deblocked
from nvcodec.synthesis.embedding import embed_latents, qp_plane
from nvcodec.synthesis.intra import with_intra
from nvcodec.synthesis.layers import COARSEST
from nvcodec.synthesis.packing import to_samples, unpack
from nvcodec.synthesis.structure import CodedPicture, coding_order, hierarchical_order, needed_pictures
from nvcodec.synthesis.transform import block_shape, inverse
from nvcodec.synthesis.vector_base import PictureMotion, anchor_before
from nvcodec.synthesis.window import (
    fine_planes,
    fine_window,
    mean_planes,
    mean_samples,
    window_inputs,
    with_residual,
)
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


def _run_now(function: Callable[..., DecodedPicture], *args: Any) -> Future[DecodedPicture]:
    """As a pool's submit, at once and in this thread."""
    future: Future[DecodedPicture] = Future()
    future.set_result(function(*args))
    return future


class Decoder:
    """Decodes one .msn file at one scale.

    source: a path, the file's bytes, or a seekable binary file. scale: '1', '1/2', '1/4' or '1/8'. backend: 'numpy',
    'onnxruntime' or 'torch'. threads: worker threads, 0 for one per processor; fewer where memory is short; in the
    hybrid profile, whose many small steps would wait for each other, the network's own threads instead. verify:
    compare each picture's digest. conceal: go on where units are damaged or missing; `losses` says what that cost.
    max_memory: bytes that decoding may take, reckoned from the headers before it begins; None for no limit.
    Raises BitstreamError, DecodeError, MemoryLimit, ScaleUnknown, UnknownBackend; so does every access.
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
        conceal: bool = False,
        max_memory: int | None = DEFAULT_MAX_MEMORY,
    ):
        self.finest = parse_scale(scale)
        self.verify, self.conceal, self._max_memory = verify, conceal, max_memory
        self._backend_name, self._device = backend, device
        self._losses = Losses()
        self.container = ContainerReader(source, max_memory=max_memory)
        try:
            self._open(threads)
        except BaseException:
            self.container.close()
            raise

    def _open(self, threads: int) -> None:
        unit = self.container.unit(UnitKey(UnitType.SEQUENCE))
        self.sequence = read_payload(SequenceHeader(), unit.payload, unit.place)
        check_version(self.container.file_header, self.sequence, self.container.name)
        self.config = self.sequence.model
        """Of the network that decodes pictures without references."""
        self.segments, self._lost_segments = self._read_segments()
        check_segments(self.sequence, self.segments)
        self.gops: list[GopPlace] = []
        for number, segment in enumerate(self.segments):
            first = segment.first_picture
            for gop, length in enumerate(segment.gop_length):
                self.gops.append(GopPlace(number, gop, first, length, segment.motion and segment.open_gop[gop]))
                first += length
        self.source_format = source_format(self.sequence)
        self.format = self.source_format.scaled(self.finest)
        """The format of the pictures that come out."""
        threads = threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads or 1
        if self._max_memory is not None:
            threads = self.memory_need().workers(threads, self._max_memory, self.container.name)
        self.threads = threads
        self._workers, self._network_threads = (1, threads) if self.sequence.hybrid else (threads, 1)
        if self.sequence.hybrid and self._has_room_for_kernels():
            use_kernels(len(self) * self.format.width * self.format.height)
        self._fine = self.sequence.hybrid and self.container.file_header.version_minor >= FINE_VERSION_MINOR
        """Whether positions lie between quarter samples (bitstream_spec.md, section 6.11)."""
        self._taps = filter_of(self.sequence.hybrid, self.container.file_header.version_minor)
        self._networks: tuple[int, list[Network]] | None = None
        self._digests: tuple[GopPlace, DigestPayload] | None = None
        self._tables: tuple[int, TablesHeader] | None = None

    def _read_segments(self) -> tuple[list[SegmentHeader], set[int]]:
        """All segments, and the numbers of those that are stand-ins for lost ones (only with `conceal`)."""
        found: list[SegmentHeader | BitstreamError] = []
        gops = 0
        for number in range(self.sequence.segment_count):
            try:
                unit = self.container.unit(UnitKey(UnitType.SEGMENT, number))
                segment = read_payload(SegmentHeader(motion=self.sequence.motion), unit.payload, unit.place)
            except FileUnreadable:
                raise
            except BitstreamError as error:
                if not self.conceal:
                    raise
                found.append(error)
                continue
            found.append(segment)
            gops += len(segment.gop_length)
            if self._max_memory is not None and gops * GOP_PLACE_BYTES > self._max_memory:
                raise MemoryLimit(
                    f"{self.container.name}: {gops} GoPs and more, --max-memory allows {megabytes(self._max_memory)}"
                )
        return restore_segments(self.sequence, found, self._losses)

    def memory_need(self) -> MemoryNeed:
        """What decoding takes, reckoned from the headers."""
        longest = max(place.length for place in self.gops)
        return memory_need(self.sequence, self.format, longest, len(self.gops), self.finest, self._backend_name)

    def _has_room_for_kernels(self) -> bool:
        need = self.memory_need()
        return self._max_memory is None or need.held + need.per_worker + KERNELS_BYTES <= self._max_memory

    @property
    def losses(self) -> list[Loss]:
        """With `conceal`: what was found lost so far, in the order in which decoding met it."""
        return list(self._losses.found)

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
        if self._workers == 1:
            yield from self._run(start, end, _run_now, 0)
            return
        with ThreadPoolExecutor(self._workers, thread_name_prefix="nvdec") as pool:
            yield from self._run(start, end, pool.submit, self._workers)

    def _run(self, start: int, end: int, submit: Callable[..., Future[DecodedPicture]], ahead: int) -> Iterator[Frame]:
        """Pictures in display order, out of tasks in coding order; `ahead` pictures or a GoP are under way."""
        made: dict[int, Future[DecodedPicture]] = {}
        wanted: dict[int, Future[DecodedPicture]] = {}
        place, next_number = None, start
        try:
            for task in self._tasks(start, end):
                if task.place != place:  # of the GoP before, only the last picture may be referred to
                    made = {number: future for number, future in made.items() if number == task.place.first - 1}
                    place = task.place
                future = submit(self._finish, task, [made[number] for number in task.references])
                if not self.sequence.motion:  # a picture is referred to by its stand-in alone, which comes next
                    made.clear()
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

    def _tasks(self, start: int, end: int) -> Iterator[Task | StandIn]:
        """Tasks of the wanted pictures and, in the motion profile, of those that they need, in coding order."""
        firsts = [place.first for place in self.gops]
        first_gop = bisect.bisect_right(firsts, start) - 1
        last_gop = bisect.bisect_left(firsts, end)
        if self.sequence.motion:
            yield from self._motion_tasks(start, end, first_gop, last_gop)
            return
        for place in self.gops[first_gop:last_gop]:
            damage = self._grid_damage(place) if self.conceal else WHOLE
            pictures = [picture for picture in coding_order(place.length) if place.first + picture.index < end]
            if damage.intra:
                for index in range(max(0, start - place.first), len(pictures)):
                    yield _stand_in(place, index, place.first + index - 1, start, True)
                continue
            network = self._segment_networks(place.segment)[0]
            grids = self._gop_grids(place, self.finest, damage.levels)
            for coded in pictures:
                number = place.first + coded.index
                if number < start:
                    grids.skip(coded)
                else:
                    embeddings = grids.embeddings(coded)
                    digest = None if damage.tainted else self._expected_digest(place, coded.index)
                    yield Task(number, place, network.backend, partial(_given, embeddings), True, digest)

    def _motion_tasks(self, start: int, end: int, first_gop: int, last_gop: int) -> Iterator[Task | StandIn]:
        """From the anchors that the first wanted GoP hangs on; of those GoPs, nothing but the anchors."""
        chain = first_gop
        while self.gops[chain].open:
            chain -= 1
        origin = self.gops[chain].first
        before: PictureMotion | None = None
        damage = WHOLE
        for place in self.gops[chain:last_gop]:
            order = hierarchical_order(place.length, place.open)
            asked = {index for index in range(place.length) if start <= place.first + index < end}
            needed = needed_pictures(order, asked | {place.length - 1})
            before = before if place.open else None
            if self.conceal:
                damage = self._motion_damage(place, order, before, damage)
            known: dict[int, PictureMotion] = {}
            if not damage.inter:
                known = self._decode_motion(place, order, before)
            yield from self._motion_gop(place, order, asked, needed, known, damage, origin)
            before = anchor_before(known.get(place.length - 1), place.length)

    def _motion_gop(
        self,
        place: GopPlace,
        order: list[CodedPicture],
        asked: set[int],
        needed: set[int],
        known: dict[int, PictureMotion],
        damage: GopDamage,
        origin: int,
    ) -> Iterator[Task | StandIn]:
        """The needed pictures of one GoP in coding order; replaced ones with references come last, in display order.

        origin: the first picture that this decode makes; known: the GoP's motion, where its pictures are not replaced.
        """
        awaited = needed - {-1}
        replaced = {coded.index for coded in order if (damage.inter if coded.references else damage.intra)} & awaited
        readable = awaited - replaced
        uses = {i: sum(i in other.references for other in order if other.index in readable) for i in awaited}
        shown = place.first - 1
        if readable:
            networks = self._segment_networks(place.segment)
            residuals = self._gop_residuals(place, order, self.finest, damage.bands) if self.sequence.hybrid else None
            latents = self._gop_latents(place, order, self.finest, damage.levels) if residuals is None else None
            for coded in order:
                if not readable:
                    break
                found, index = {} if latents is None else latents.latents(coded), coded.index
                residual = None if residuals is None else residuals.residual(coded)
                if not coded.references:
                    shown = place.first
                if index in replaced and not coded.references:
                    replaced.remove(index)
                    yield _stand_in(place, index, place.first - 1, origin, index in asked, uses[index])
                if index in readable:
                    readable.remove(index)
                    network = networks[network_number(coded, len(networks))] if networks else None
                    yield Task(
                        place.first + index,
                        place,
                        None if network is None else network.backend,
                        partial(_embed_all, found, network, coded)
                        if residual is None
                        else self._qp_embedding(residual),
                        index in asked,
                        self._expected_digest(place, index) if index in asked and not damage.tainted else None,
                        known.get(index),
                        uses[index],
                        residual,
                    )
        for index in sorted(replaced):
            yield _stand_in(place, index, shown, origin, index in asked, uses[index])
            shown = place.first + index

    def _gop_grids(self, place: GopPlace, finest: int, lost: frozenset[int]) -> GopGrids:
        """The grids of a GoP of the grid profile at levels 4 .. finest."""
        network = self._segment_networks(place.segment)[0]
        return GopGrids(
            self.container,
            place.segment,
            place.gop,
            place.length,
            self.config,
            network.weights,
            network.backend,
            self._size,
            finest,
            lost,
        )

    def _gop_latents(self, place: GopPlace, order: list[CodedPicture], finest: int, lost: frozenset[int]) -> GopLatents:
        """The latents of a GoP of the motion profile at levels 4 .. finest."""
        networks = self._segment_networks(place.segment)
        return GopLatents(self.container, place.segment, place.gop, order, networks, self._size, finest, lost)

    def _gop_residuals(
        self, place: GopPlace, order: list[CodedPicture], finest: int, lost: frozenset[int] = frozenset()
    ) -> GopResiduals:
        """The residuals of a GoP of the hybrid profile at levels 3 .. finest."""
        shapes = self.source_format.plane_shapes
        return GopResiduals(
            self.container,
            place.segment,
            place.gop,
            order,
            shapes,
            self._segment_tables(place.segment),
            finest,
            lost,
        )

    def _segment_tables(self, segment: int) -> TablesHeader:
        """The tables of a segment of the hybrid profile."""
        if self._tables is None or self._tables[0] != segment:
            self._tables = (segment, read_tables(self.container, segment, self.sequence.plane_count))
        return self._tables[1]

    def _qp_embedding(self, residual: PictureResidual) -> Callable[[], dict[int, Array]]:
        """What the network sees of a picture's quantisation parameter."""
        return lambda: {COARSEST: qp_plane(residual.qp, *self._size)}

    @property
    def _size(self) -> tuple[int, int]:
        """(height, width) of the sequence."""
        return self.sequence.height, self.sequence.width

    def _networks_lost(self, place: GopPlace) -> bool:
        """Whether a GoP's segment has no networks, for want of a unit; notes the loss."""
        if place.segment in self._lost_segments:
            return True
        error = damage_of(lambda: self._segment_networks(place.segment))
        if error is None:
            return False
        self._losses.note_segment(f"networks of segment {place.segment}", self.segments[place.segment], error)
        self._lost_segments.add(place.segment)
        return True

    def _grid_damage(self, place: GopPlace) -> GopDamage:
        """What is left of a GoP of the grid profile, all of it tried."""
        if self._networks_lost(place):
            return REPLACED_GOP

        def attempt(finest: int, lost: frozenset[int]) -> None:
            grids = self._gop_grids(place, finest, lost)
            for coded in coding_order(place.length):
                grids.embeddings(coded)

        levels = [level for level in self.config.grid_levels if level >= self.finest]
        lost = lost_levels(self._losses, place, levels, [self.config], attempt)
        nothing_left = len(lost) == len(levels)
        if nothing_left:
            self._losses.note(str(place), place, REPLACED, "no level is left")
        return GopDamage(lost, nothing_left, nothing_left, bool(lost))

    def _motion_damage(
        self, place: GopPlace, order: list[CodedPicture], before: PictureMotion | None, last: GopDamage
    ) -> GopDamage:
        """What is left of a GoP of the motion profile, all of it tried. last: the damage of the GoP before."""
        if self._networks_lost(place):
            return REPLACED_GOP
        networks = self._segment_networks(place.segment)
        motion = damage_of(lambda: self._decode_motion(place, order, before))
        if motion is not None:
            unit = UnitKey(UnitType.MOTION, place.segment, place.gop)
            self._losses.note(str(unit), place, f"pictures with references {REPLACED}", motion)
        tainted = self._chain_tainted(place, last)
        if self.sequence.hybrid:
            bands = self._lost_bands(place, order)
            everything = bands is None
            return GopDamage(
                frozenset(),
                everything,
                everything or motion is not None,
                tainted or motion is not None or everything or bool(bands),
                bands or frozenset(),
            )

        def attempt(finest: int, lost: frozenset[int]) -> None:
            latents = self._gop_latents(place, order, finest, lost)
            for coded in order:
                latents.latents(coded)

        numbers = {network_number(coded, len(networks)) for coded in order}
        configs = [networks[number].config for number in numbers]
        levels = [level for level in latent_levels(self.sequence.models, order) if level >= self.finest]
        lost = lost_levels(self._losses, place, levels, configs, attempt)
        intra = {level for level in self.config.grid_levels if level >= self.finest} <= lost
        if intra and not place.open:
            first = GopPlace(place.segment, place.gop, place.first, 1)
            self._losses.note(f"picture {place.first}", first, REPLACED, "no level is left")
        return GopDamage(lost, intra, motion is not None, tainted or motion is not None or bool(lost))

    def _chain_tainted(self, place: GopPlace, last: GopDamage) -> bool:
        """Whether a GoP is decoded from damaged pictures; notes it. last: the damage of the GoP before."""
        tainted = place.open and last.tainted
        if tainted:
            self._losses.note(
                str(place), place, "decoded from damaged pictures", "its anchor depends on the GoP before"
            )
        return tainted

    def _lost_bands(self, place: GopPlace, order: list[CodedPicture]) -> frozenset[int] | None:
        """The levels whose residuals a GoP of the hybrid profile has lost; None: all that the pictures have."""

        def attempt(finest: int) -> None:
            residuals = self._gop_residuals(place, order, finest)
            for coded in order:
                residuals.residual(coded)

        levels, lost = [COARSEST_RESIDUAL], set[int]()
        for level in levels:
            cause: object = f"coded in the context of level {level + 1}"
            if not lost:
                cause = damage_of(lambda level=level: attempt(level))  # type: ignore[misc]
            unit = str(UnitKey(UnitType.RESIDUAL, place.segment, place.gop, level))
            if cause is not None and level == COARSEST_RESIDUAL:
                self._losses.note(unit, place, REPLACED, cause)
                return None
            if cause is not None:
                lost.add(level)
                self._losses.note(unit, place, f"residuals of level {level} are zeros", cause)
            if level == COARSEST_RESIDUAL:
                header = self._gop_residuals(place, order, level).header
                levels += [finer for finer in header.residual_levels if finer >= self.finest]
        return frozenset(lost)

    def _segment_networks(self, segment: int) -> list[Network]:
        """The networks of a segment by number, with the levels that this scale needs."""
        if self._networks is None or self._networks[0] != segment:
            video = self.source_format
            networks = []
            present = not self.sequence.hybrid or self._segment_tables(segment).network_flag
            for number, config in enumerate(self.sequence.models if present else ()):
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
                    threads=self._network_threads,
                    device=self._device,
                )
                networks.append(Network(config, weights, backend))
            self._networks = (segment, networks)
        return self._networks[1]

    def _expected_digest(self, place: GopPlace, index: int) -> bytes | None:
        """What the file says of a picture, where that is to be verified. Raises NoDigest."""
        if not self.verify:
            return None
        if self.conceal and (error := damage_of(lambda: self._gop_digests(place))) is not None:
            self._losses.note(str(UnitKey(UnitType.DIGEST, place.segment, place.gop)), place, "not verified", error)
            return None
        return self._gop_digests(place)[index]

    def _gop_digests(self, place: GopPlace) -> list[bytes]:
        """The digests of a GoP's pictures at this scale. Raises BitstreamError, NoDigest."""
        if self._digests is None or self._digests[0] != place:
            unit = self.container.unit(UnitKey(UnitType.DIGEST, place.segment, place.gop))
            payload = read_payload(DigestPayload(place.length), unit.payload, unit.place)
            self._digests = (place, payload)
        digests = self._digests[1].digests
        if self.finest not in digests:
            raise NoDigest(f"segment {place.segment}, GoP {place.gop}: no digest at scale {SCALES[self.finest]}")
        return digests[self.finest]

    def _finish(self, task: Task | StandIn, window: list[Future[DecodedPicture]]) -> DecodedPicture:
        """Alignment, synthesis, samples, planes, and the digest's check."""
        video = self.format
        if isinstance(task, StandIn):
            frames = [picture.result().frame for picture in window] or [grey_picture(video, task.number)]
            return DecodedPicture(Frame(frames[0].planes, task.number, video), task.uses, self._taps)
        aligned = self._align(task, [picture.result() for picture in window])
        planes = self._planes(task, aligned) if task.residual is None else self._hybrid_planes(task, aligned)
        if task.digest is not None:
            met = picture_digest(planes, len(task.digest))
            if met != task.digest:
                mismatch = DigestMismatch(
                    f"picture {task.number} at scale {SCALES[self.finest]}: digest {met.hex()}, "
                    f"the file says {task.digest.hex()}"
                )
                if not self.conceal:
                    raise mismatch
                self._losses.note_picture(task.number, "left as decoded", mismatch)
        return DecodedPicture(Frame(tuple(planes), task.number, video), task.uses, self._taps)

    def _decode_motion(
        self, place: GopPlace, order: Sequence[CodedPicture], before: PictureMotion | None
    ) -> dict[int, PictureMotion]:
        return decode_motion(
            self.container, place.segment, place.gop, order, self._size, before, hybrid=self.sequence.hybrid
        )

    def _align(self, task: Task, window: list[DecodedPicture]) -> list[Sequence[Array]]:
        """The planes of the pictures that a task's picture refers to, aligned; none where there are none."""
        motion = task.motion
        if motion is None:
            return []
        return [
            picture.align(vectors, motion, self.finest, self._fine)
            for picture, vectors in zip(window, motion.fields, strict=True)
        ]

    def _planes(self, task: Task, aligned: Sequence[Sequence[Array]]) -> list[Array]:
        """A picture of the grid or the motion profile."""
        video = self.format
        window = None
        if aligned:
            window = window_inputs(aligned, video.bit_depth, video.chroma_format, self.finest)
        return self._synthesised(task, window)

    def _hybrid_planes(self, task: Task, aligned: Sequence[Sequence[Array]]) -> list[Array]:
        """A picture of the hybrid profile: the residual is added to its window, which the network may then improve."""
        video, residual = self.format, task.residual
        assert residual is not None
        sources = zip(residual.levels, self.source_format.plane_shapes, video.plane_shapes, strict=True)
        added = [
            None if levels is None else inverse(levels, residual.qp, block_shape(*whole), shape, self.finest)
            for levels, whole, shape in sources
        ]
        if residual.choices is not None:
            aligned = choose_references(
                aligned, residual.choices, residual.choice_log2, video.chroma_format, self.finest
            )
        aligned = aligned or [grey_picture(video, 0).planes]
        if residual.intra is None and not residual.network_flag:
            planes = mean_samples(aligned, added, video.bit_depth)
        else:
            window = [fine_planes(planes, video.bit_depth) for planes in aligned]
            if residual.intra is not None:
                window = with_intra(window, residual.intra, residual.intra_log2, video.chroma_format, self.finest)
            window = [with_residual(planes, added) for planes in window]
            if residual.network_flag:
                planes = self._synthesised(task, fine_window(window, video.chroma_format, self.finest))
            else:
                planes = [to_samples(plane, video.bit_depth) for plane in mean_planes(window)]
        if residual.deblocked:
            whole = self.source_format.plane_shapes
            planes = deblocked(planes, residual.levels, residual.qp, whole, video.bit_depth, self.finest)
        if residual.filter is not None and self.finest == 0:
            planes = adapted(planes, residual.filter, residual.filter_whole, residual.levels[0], video.bit_depth)
        return planes

    def _synthesised(self, task: Task, window: dict[int, Array] | None) -> list[Array]:
        """A picture as the network makes it."""
        video = self.format
        assert task.backend is not None
        packed = task.backend.synthesise(task.embeddings(), self.finest, window)
        samples = to_samples(packed, video.bit_depth)
        return unpack(samples, video.chroma_format, list(video.plane_shapes))


def _stand_in(place: GopPlace, index: int, shown: int, origin: int, wanted: bool, uses: int = 0) -> StandIn:
    """For picture `index` of a GoP: a repetition of picture `shown`, if this decode, from `origin` on, has made it."""
    return StandIn(place.first + index, place, shown if shown >= origin else None, wanted, uses)


def _given(embeddings: dict[int, Array]) -> dict[int, Array]:
    return embeddings


def _embed_all(latents: dict[int, Array], network: Network | None, picture: CodedPicture) -> dict[int, Array]:
    """Embeddings by level of a picture's own latents."""
    found: dict[int, Array] = {}
    if network is None:
        return found
    for level, values in latents.items():
        step = network.weights[level].step
        found[level] = embed_latents(values, step if step.ndim == 1 else step[step_row(network.config, picture)])
    return found
