"""A picture as numpy planes, and the format that all pictures of a video share.

Chroma planes have ceil sizes, so odd pictures keep their last row and column. 8-bit samples are uint8, deeper ones
little-endian uint16 in the low bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from nvcodec.video.errors import FormatUnsupported, FrameMismatch

Plane = npt.NDArray[np.generic]

MAX_SIZE = 8192
BIT_DEPTHS = (8, 10, 12)
# Chroma format: how many luma columns and rows share a chroma sample.
SUBSAMPLING = {"400": (1, 1), "420": (2, 2), "422": (2, 1), "444": (1, 1)}


@dataclass(frozen=True)
class VideoFormat:
    """Geometry, timing and colour of a video. Raises FormatUnsupported for values outside what the codec carries."""

    width: int
    height: int
    chroma_format: str
    bit_depth: int
    frame_rate: Fraction
    full_range: bool = False
    colour: tuple[int, int, int] | None = None
    """CICP numbers (ITU-T H.273): primaries, transfer characteristics, matrix coefficients; None: not known."""
    pixel_aspect: Fraction | None = None
    """Width over height of a sample; None: not known."""

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIZE and 1 <= self.height <= MAX_SIZE):
            raise FormatUnsupported(
                f"picture size {self.width}x{self.height}: allowed are 1x1 to {MAX_SIZE}x{MAX_SIZE}"
            )
        if self.chroma_format not in SUBSAMPLING:
            raise FormatUnsupported(f"chroma format {self.chroma_format!r}: allowed are {', '.join(SUBSAMPLING)}")
        if self.bit_depth not in BIT_DEPTHS:
            raise FormatUnsupported(f"bit depth {self.bit_depth}: allowed are {', '.join(map(str, BIT_DEPTHS))}")
        for name, value, limit in (("frame rate", self.frame_rate, 1 << 32), ("aspect", self.pixel_aspect, 1 << 16)):
            if value is not None and not (0 < value.numerator < limit and value.denominator < limit):
                raise FormatUnsupported(f"{name} {value}: allowed are positive fractions of numbers below {limit}")
        if self.colour is not None and not all(0 <= number <= 255 for number in self.colour):
            raise FormatUnsupported(f"colour description {self.colour}: allowed are CICP numbers from 0 to 255")

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of Y and, but for 4:0:0, Cb and Cr."""
        luma = (self.height, self.width)
        if self.chroma_format == "400":
            return (luma,)
        columns, rows = SUBSAMPLING[self.chroma_format]
        chroma = (-(-self.height // rows), -(-self.width // columns))
        return luma, chroma, chroma

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(np.uint8 if self.bit_depth == 8 else "<u2")

    @property
    def frame_bytes(self) -> int:
        """Size of a picture as raw planes."""
        return sum(rows * columns for rows, columns in self.plane_shapes) * self.dtype.itemsize

    def scaled(self, scale_log2: int) -> VideoFormat:
        """The format of the output at scale 1 / 2**scale_log2: sizes rounded up, all else as it is."""
        return replace(self, width=-(-self.width >> scale_log2), height=-(-self.height >> scale_log2))

    @property
    def pix_fmt(self) -> str:
        """ffmpeg's name, such as yuv420p10le or gray; the range is not part of it."""
        family = "gray" if self.chroma_format == "400" else f"yuv{self.chroma_format}p"
        return family if self.bit_depth == 8 else f"{family}{self.bit_depth}le"

    @classmethod
    def from_pix_fmt(
        cls,
        pix_fmt: str,
        width: int,
        height: int,
        frame_rate: Fraction,
        *,
        full_range: bool = False,
        colour: tuple[int, int, int] | None = None,
        pixel_aspect: Fraction | None = None,
    ) -> VideoFormat:
        """The format that ffmpeg's name stands for; yuvj names are full range. Raises FormatUnsupported."""
        chroma_format, bit_depth, names_full_range = parse_pix_fmt(pix_fmt)
        full = full_range or names_full_range
        return cls(width, height, chroma_format, bit_depth, frame_rate, full, colour, pixel_aspect)


def parse_pix_fmt(pix_fmt: str) -> tuple[str, int, bool]:
    """Chroma format, bit depth and whether the name itself says full range. Raises FormatUnsupported."""
    met = re.fullmatch(r"(?:gray|yuv(?P<j>j?)(?P<chroma>420|422|444)p)(?P<depth>10|12)?(?:le)?", pix_fmt)
    if not met or (met["depth"] is None and pix_fmt.endswith("le")) or (met["depth"] and met["j"]):
        allowed = "yuv420p, yuv422p, yuv444p, gray, and each of them followed by 10le or 12le"
        raise FormatUnsupported(f"pixel format {pix_fmt!r}: allowed are {allowed}")
    return met["chroma"] or "400", int(met["depth"] or 8), bool(met["j"])


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture. planes: Y[, Cb, Cr], each (rows, columns); pts: its number in display order."""

    planes: tuple[Plane, ...]
    pts: int
    format: VideoFormat

    def __post_init__(self) -> None:
        shapes = tuple(plane.shape for plane in self.planes)
        if shapes != self.format.plane_shapes:
            raise FrameMismatch(f"picture {self.pts}: planes of {shapes}, its format has {self.format.plane_shapes}")
        for plane in self.planes:
            if plane.dtype != self.format.dtype:
                raise FrameMismatch(f"picture {self.pts}: samples of {plane.dtype}, its format has {self.format.dtype}")

    def tobytes(self) -> bytes:
        """Raw planar samples without padding; above 8 bits two bytes each, little-endian."""
        return b"".join(plane.tobytes() for plane in self.planes)

    @classmethod
    def frombuffer(cls, samples: bytearray | bytes, pts: int, video_format: VideoFormat) -> Frame:
        """The inverse of `tobytes`, without a copy. `samples` holds exactly `frame_bytes`."""
        flat = np.frombuffer(samples, video_format.dtype)
        planes, first = [], 0
        for rows, columns in video_format.plane_shapes:
            planes.append(flat[first : first + rows * columns].reshape(rows, columns))
            first += rows * columns
        return cls(tuple(planes), pts, video_format)
