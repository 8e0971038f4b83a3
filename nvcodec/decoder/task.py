"""What passes from entropy decoding, which runs in coding order, to synthesis, which may run ahead in other threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nvcodec.decoder.residual import PictureResidual
from nvcodec.synthesis.alignment import FOUR_TAPS, InterpolationFilter, Reference, align_picture
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.backend import Backend
from nvcodec.synthesis.vector_base import PictureMotion
from nvcodec.video.frame import Frame, VideoFormat


@dataclass(frozen=True, slots=True)
class GopPlace:
    """Where a GoP stands: segment, number in the segment, first picture in the sequence, length."""

    segment: int
    gop: int
    first: int
    length: int
    open: bool = False
    """Whether its anchor refers to the GoP before."""

    @property
    def last(self) -> int:
        """Its last picture, counted in the sequence."""
        return self.first + self.length - 1

    def __str__(self) -> str:
        return f"GoP (segment {self.segment}, gop {self.gop})"


class DecodedPicture:
    """A picture, and what others need of it while they are predicted from it."""

    def __init__(self, frame: Frame, uses: int, taps: InterpolationFilter = FOUR_TAPS):
        """taps: what it is interpolated by."""
        self.frame, self._uses, self._taps = frame, uses, taps
        self._reference = self._fresh()
        self._lock = threading.Lock()

    def align(self, vectors: Array, motion: PictureMotion, finest: int, fine: bool) -> tuple[Array, ...]:
        """Its planes aligned by a field of another's motion; after the last use its phase planes are dropped. fine: as
        `align_picture`."""
        aligned = align_picture(
            self._reference,
            vectors,
            motion.block_log2,
            self.frame.format.chroma_format,
            finest,
            stepped=motion.stepped,
            fine=fine,
        )
        with self._lock:
            self._uses -= 1
            if not self._uses:
                self._reference = self._fresh()
        return aligned

    def _fresh(self) -> Reference:
        return Reference(self.frame.planes, self.frame.format.bit_depth, taps=self._taps)


@dataclass(frozen=True)
class Task:
    """What it takes to synthesise a picture: all that is entropy-coded, decoded."""

    number: int
    """In the sequence."""
    place: GopPlace
    backend: Backend | None
    """None where a segment of the hybrid profile has no network."""
    embeddings: Callable[[], dict[int, Array]]
    wanted: bool = True
    """Whether it was asked for, not only by other pictures' windows."""
    digest: bytes | None = None
    motion: PictureMotion | None = None
    """The window, for pictures that have one."""
    uses: int = 0
    """Pictures of its GoP that refer to it."""
    residual: PictureResidual | None = None
    """In the hybrid profile."""

    @property
    def references(self) -> list[int]:
        """Numbers in the sequence of the pictures in its window."""
        return [] if self.motion is None else [self.place.first + index for index in self.motion.picture.references]


@dataclass(frozen=True)
class StandIn:
    """A picture that is lost, to be replaced by the one that was shown last, or by mid-grey."""

    number: int
    place: GopPlace
    repeated: int | None
    """The picture shown last, counted in the sequence; None where decoding began with a lost one."""
    wanted: bool = True
    uses: int = 0
    """As a Task's."""

    @property
    def references(self) -> list[int]:
        """As a Task's."""
        return [] if self.repeated is None else [self.repeated]


def grey_picture(video: VideoFormat, number: int) -> Frame:
    """A picture of mid-grey."""
    grey = 1 << (video.bit_depth - 1)
    return Frame(tuple(np.full(shape, grey, video.dtype) for shape in video.plane_shapes), number, video)
