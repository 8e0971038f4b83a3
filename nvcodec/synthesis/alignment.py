"""Alignment of a reference picture by integer vectors, once for numpy arrays and torch tensors.

A reference plane is interpolated once at its 16 quarter-sample phases; aligning then is one gather per sample. There
are two interpolation filters, HEVC's for luma with 8 taps and its one for chroma with 4 taps; both fit 16-bit
arithmetic at 8 bits a sample. Which one a file uses follows from its profile and version (`filter_of`).
Arrays of one call belong to one library; `Library` holds the few operations that numpy and torch spell differently.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from nvcodec.bitstream.versions import EIGHT_TAPS_VERSION_MINOR
from nvcodec.compiled import kernels
from nvcodec.synthesis.arrays import clamp

PHASES = 4
"""Positions are quarter samples."""

SUBSAMPLING_LOG2 = {"400": (), "420": ((1, 1), (1, 1)), "422": ((0, 1), (0, 1)), "444": ((0, 0), (0, 0))}
"""(rows, columns) of the chroma planes' subsampling, as powers of two."""

KERNEL_MARGIN = 64
"""So many samples further outside the plane the compiled kernels clamp positions, which they do sample by sample; the
result is the same, as beyond the filter's own margin there is nothing but the repeated edge."""

CACHED_SAMPLES = 1 << 15
"""Filtering so many samples of 8 bits at once keeps a processor's second-level cache busy and not overrun."""

Values = Any
"""An array of the library at hand, numpy's or torch's; docstrings say which element type and shape."""


@dataclass(frozen=True)
class InterpolationFilter:
    """An interpolation filter at quarter samples. Source: bitstream_spec.md, section 6.11."""

    before: int
    """Samples before a position that it looks at."""
    after: int
    """And behind it."""
    scale_log2: int
    """Its taps sum to 2**scale_log2."""
    phases: Callable[[Values], tuple[Values, ...]]
    """The four phases along axis 0, sums as yet; each before + after rows fewer."""
    table: tuple[tuple[int, ...], ...]
    """The same as eight taps for each phase, at the samples -3 .. 4 from the position's integer part."""
    overshoot: int | None = None
    """By how many 2**(B - 3) half samples the first pass may leave the sample range; None: it is not clamped."""

    @property
    def margin(self) -> int:
        """Positions are clamped to so many samples outside the plane: from there on only the repeated edge is seen."""
        return max(self.before + 1, self.after)


class Library(Protocol):
    """What numpy and torch spell differently. Arrays come out where `like` is."""

    def band_samples(self, bit_depth: int, like: Values) -> int:
        """About how many samples to filter at once."""

    def arange(self, count: int, like: Values) -> Values:
        """int32: 0..count-1."""

    def samples(self, shape: tuple[int, ...], bit_depth: int, like: Values) -> Values:
        """An uninitialised array of the sample type."""

    def accumulators(self, shape: tuple[int, ...], bit_depth: int, like: Values) -> Values:
        """An uninitialised array: int16 for 8 bits, int32 for more (see `phase_planes`)."""

    def take(self, values: Values, indices: Values, axis: int) -> Values:
        """Rows (axis 0) or columns (axis 1) by int32 indices, all of them inside."""

    def gather(self, values: Values, indices: Values) -> Values:
        """Elements of the flattened array by int32 indices, all of them inside; in the shape of the indices."""

    def clamp(self, values: Values, low: int, high: int) -> Values:
        """In place; returns `values`."""

    def widened(self, samples: Values) -> Values:
        """int32 of samples."""

    def total(self, several: Sequence[Values]) -> Values:
        """The sum of two or four arrays of samples, of a type that holds it."""

    def narrowed(self, values: Values, like: Values) -> Values:
        """Values within their range to samples of `like`'s type."""


class NumpyLibrary:
    """`Library` of numpy: samples are uint8 or uint16."""

    def band_samples(self, bit_depth: int, like: Values) -> int:
        return CACHED_SAMPLES >> (bit_depth > 8)

    def arange(self, count: int, like: Values) -> Values:
        return np.arange(count, dtype=np.int32)

    def samples(self, shape: tuple[int, ...], bit_depth: int, like: Values) -> Values:
        return np.empty(shape, np.uint8 if bit_depth == 8 else np.uint16)

    def accumulators(self, shape: tuple[int, ...], bit_depth: int, like: Values) -> Values:
        return np.empty(shape, np.int16 if bit_depth == 8 else np.int32)

    def take(self, values: Values, indices: Values, axis: int) -> Values:
        return values.take(indices, axis, mode="clip")

    def gather(self, values: Values, indices: Values) -> Values:
        return values.reshape(-1).take(indices, mode="clip")  # "raise" would buffer the output

    def clamp(self, values: Values, low: int, high: int) -> Values:
        return clamp(values, low, high)

    def widened(self, samples: Values) -> Values:
        return samples.astype(np.int32)

    def total(self, several: Sequence[Values]) -> Values:
        pairs = [np.add(a, b, dtype=np.uint16) for a, b in zip(several[::2], several[1::2], strict=True)]
        return sum(pairs[1:], start=pairs[0])

    def narrowed(self, values: Values, like: Values) -> Values:
        return values.astype(like.dtype)


NUMPY = NumpyLibrary()


def plane_vectors(
    vectors: Values,
    block_log2: int,
    plane_shape: tuple[int, int],
    sy: int,
    sx: int,
    rows: slice | None = None,
    columns: slice | None = None,
    library: Library = NUMPY,
    stepped: bool = False,
    whole: bool = False,
) -> tuple[Values, Values]:
    """Vectors of a plane's samples, (dy, dx), in quarter samples of the plane; int32, each of the part's shape.

    whole: in quarter samples of full-size luma instead, as they are coded.

    vectors: int32 (h, w, 2), nodes at the centres of blocks of 2**block_log2 luma samples. A sample of the plane covers
    2**sy x 2**sx of them. rows, columns: the part of the plane, by default all. Bilinear between nodes, one rounding;
    sums are at most 2**10 * 2**14 in magnitude. stepped: each block has its node's vector, nothing is interpolated.
    Source: bitstream_spec.md, section 6.11.
    """
    if stepped:
        return _block_vectors(vectors, block_log2, plane_shape, (sy, sx), (rows, columns), library, whole)
    nodes = vectors.shape
    above, row_weight = _nodes(nodes[0], block_log2, plane_shape[0], sy, rows, vectors, library)
    left, column_weight = _nodes(nodes[1], block_log2, plane_shape[1], sx, columns, vectors, library)
    found = []
    for component, scale_log2 in ((0, sy), (1, sx)):
        shift = 2 * (block_log2 + 1) + (0 if whole else scale_log2)
        start, step = _lines(vectors[..., component], 1, block_log2, library)
        across = library.take(step, left, 1) * column_weight + library.take(start, left, 1)  # (h, columns)
        start, step = _lines(across, 0, block_log2, library)
        start += 1 << (shift - 1)
        total = library.take(step, above, 0)
        total *= row_weight[:, None]
        total += library.take(start, above, 0)
        total >>= shift
        found.append(total)
    return found[0], found[1]


def _block_vectors(
    vectors: Values,
    block_log2: int,
    plane_shape: tuple[int, int],
    scales_log2: tuple[int, int],
    parts: tuple[slice | None, slice | None],
    library: Library,
    whole: bool,
) -> tuple[Values, Values]:
    """`plane_vectors` without interpolation: a sample has the vector of its first luma sample's block."""
    rows, columns = (
        ((library.arange(size, vectors)[part or slice(None)]) << scale_log2) >> block_log2
        for size, scale_log2, part in zip(plane_shape, scales_log2, parts, strict=True)
    )
    found = []
    for component, scale_log2 in enumerate(scales_log2):
        scaled = vectors[..., component] if whole else _scaled(vectors, component, scale_log2)
        found.append(library.take(library.take(scaled, columns, 1), rows, 0))
    return found[0], found[1]


def _scaled(vectors: Values, component: int, scale_log2: int) -> Values:
    """A component of the blocks' vectors in quarter samples of a plane, rounded."""
    return (vectors[..., component] + ((1 << scale_log2) >> 1)) >> scale_log2


def _nodes(
    nodes: int, block_log2: int, size: int, scale_log2: int, part: slice | None, like: Values, library: Library
) -> tuple[Values, Values]:
    """Per row or column of a plane's part: the node before it, and the weight of the next node over 2B.

    Positions are in half luma samples from the first node; between the first and the last one, so beyond them the
    outermost vectors repeat.
    """
    sample = library.arange(size, like)[part or slice(None)]
    position = library.clamp(((2 * sample + 1) << scale_log2) - (1 << block_log2), 0, (nodes - 1) << (block_log2 + 1))
    return position >> (block_log2 + 1), position & ((2 << block_log2) - 1)


def _lines(v: Values, axis: int, block_log2: int, library: Library) -> tuple[Values, Values]:
    """(start, step) along an axis, of the lines from node to node: start + weight * step is 2B times the value."""
    following = library.clamp(library.arange(v.shape[axis], v) + 1, 0, v.shape[axis] - 1)
    return v << (block_log2 + 1), library.take(v, following, axis) - v


def _four_taps(x: Values) -> tuple[Values, ...]:
    """Taps at the samples -1, 0, 1 and 2 from the position's integer part, over 32: (0, 32, 0, 0), (-2, 27, 8, -1),
    (-2, 18, 18, -2), (-1, 8, 27, -2). Source: H.265, table 8-13, whose taps are twice these.
    """
    outer, middle, near, far = x * 2, x * 18, x * 27, x * 8
    whole = x[1:-2] * 32
    quarter = near[1:-2] + far[2:-1]
    quarter -= outer[:-3]
    quarter -= x[3:]
    half = middle[1:-2] + middle[2:-1]
    half -= outer[:-3]
    half -= outer[3:]
    three_quarters = near[2:-1] + far[1:-2]
    three_quarters -= outer[3:]
    three_quarters -= x[:-3]
    return whole, quarter, half, three_quarters


def _eight_taps(x: Values) -> tuple[Values, ...]:
    """Taps at the samples -3 .. 4, over 64: 64 at 0; (-1, 4, -10, 58, 17, -5, 1, 0); (-1, 4, -11, 40, 40, -11, 4, -1);
    the second mirrored. Source: H.265, table 8-11.
    """
    count = x.shape[0] - 7

    def at(place: int, values: Values) -> Values:
        return values[place : place + count]

    def quarter(a: int, b: int, c: int, d: int, e: int, f: int, g: int) -> Values:
        total = at(a, x58) + at(b, x17)
        total -= at(c, x10)
        total -= at(d, x5)
        total += at(e, x4)
        total += at(f, x)
        total -= at(g, x)
        return total

    x4, x5, x10, x17, x58 = x * 4, x * 5, x * 10, x * 17, x * 58
    whole = at(3, x) * 64
    near, far, outer = at(3, x) + at(4, x), at(2, x) + at(5, x), at(0, x) + at(7, x)
    near *= 40
    far *= 11
    half = at(1, x4) + at(6, x4)
    half += near
    half -= far
    half -= outer
    return whole, quarter(3, 4, 2, 5, 1, 6, 0), half, quarter(4, 3, 5, 2, 6, 1, 7)


_FOUR = (
    (0, 0, 0, 32, 0, 0, 0, 0),
    (0, 0, -2, 27, 8, -1, 0, 0),
    (0, 0, -2, 18, 18, -2, 0, 0),
    (0, 0, -1, 8, 27, -2, 0, 0),
)
_EIGHT = ((0, 0, 0, 64, 0, 0, 0, 0), (-1, 4, -10, 58, 17, -5, 1, 0), (-1, 4, -11, 40, 40, -11, 4, -1),
          (0, 1, -5, 17, 58, -10, 4, -1))  # fmt: skip
FOUR_TAPS = InterpolationFilter(1, 2, 5, _four_taps, _FOUR)
EIGHT_TAPS = InterpolationFilter(3, 4, 6, _eight_taps, _EIGHT, overshoot=1)


def phase_planes(
    plane: Values, bit_depth: int, library: Library = NUMPY, taps: InterpolationFilter = FOUR_TAPS
) -> Values:
    """A plane at all quarter-sample phases: samples (H + 2 * margin, 4, 4, W + 2 * margin), the margin being the
    filter's; by default that of four taps.

    [y, p, q, x] is the sample at row y - margin + p/4 and column x - margin + q/4. Columns are filtered first and kept
    in half samples, one rounding after each pass; the plane repeats its edge. At 8 bits the accumulators, around
    mid-grey, fit 16 bits: at most 128 * 40 and 320 * 40 + 2**5 in magnitude with four taps, 128 * 112 and 288 * 112 +
    2**6 with eight. At 12 bits they stay below 2**20.
    """
    height, width = plane.shape
    grey, margin, span = 1 << (bit_depth - 1), taps.margin, taps.before + taps.after
    padded = library.accumulators((height + 2 * margin + span, width + 2 * margin + span), bit_depth, plane)
    repeat_edge(padded, plane, margin + taps.before)
    padded -= grey
    phases = library.samples((height + 2 * margin, PHASES, PHASES, width + 2 * margin), bit_depth, plane)
    rows_at_once = max(16, library.band_samples(bit_depth, plane) // padded.shape[1])
    for first in range(0, phases.shape[0], rows_at_once):
        band = phases[first : first + rows_at_once]
        columns = padded[first : first + band.shape[0] + span].T
        for q, across in enumerate(_rounded(taps.phases(columns), taps.scale_log2 - 1)):
            if taps.overshoot is not None:
                bound = 2 * grey + taps.overshoot * (grey >> 2)
                library.clamp(across, -bound, bound)
            for p, samples in enumerate(_rounded(taps.phases(across.T), taps.scale_log2 + 1)):
                samples += grey
                band[:, p, q] = library.clamp(samples, 0, 2 * grey - 1)
    return phases


def _rounded(sums: tuple[Values, ...], shift: int) -> tuple[Values, ...]:
    """Sums over 2**shift, rounded, in place."""
    for total in sums:
        total += 1 << (shift - 1)
        total >>= shift
    return sums


def repeat_edge(padded: Values, plane: Values, before: int) -> None:
    """Writes the plane into a larger array, from (before, before) on, and repeats its edge around it."""
    bottom, right = before + plane.shape[0], before + plane.shape[1]
    padded[before:bottom, before:right] = plane
    padded[before:bottom, :before] = plane[:, :1]
    padded[before:bottom, right:] = plane[:, -1:]
    padded[:before] = padded[before]
    padded[bottom:] = padded[bottom - 1]


def filter_of(hybrid: bool, version_minor: int) -> InterpolationFilter:
    """The filter of a file of some profile and version."""
    return EIGHT_TAPS if hybrid and version_minor >= EIGHT_TAPS_VERSION_MINOR else FOUR_TAPS


def sample_indices(
    plane_shape: tuple[int, int],
    dy: Values,
    dx: Values,
    rows: slice | None = None,
    columns: slice | None = None,
    library: Library = NUMPY,
    margin: int = FOUR_TAPS.margin,
) -> Values:
    """Where the samples of a plane (or of its part) lie in its flattened phase planes; int32.

    dy, dx: as `plane_vectors` gives them. Positions are clamped to `margin` samples outside the plane.
    """
    indices = _row_indices(plane_shape, dy, rows, library, margin)
    indices += _column_indices(plane_shape, dx, columns, library, margin)
    return indices


def _row_indices(plane_shape: tuple[int, int], dy: Values, rows: slice | None, library: Library, margin: int) -> Values:
    """What a sample's row adds to its index."""
    height, width = plane_shape
    y = dy + (library.arange(height, dy)[rows or slice(None)] + margin)[:, None] * PHASES
    library.clamp(y, 0, (height + 2 * margin) * PHASES - 1)
    y *= PHASES * (width + 2 * margin)  # a row of the plane is four rows of phases, each of four
    return y


def _column_indices(
    plane_shape: tuple[int, int], dx: Values, columns: slice | None, library: Library, margin: int
) -> Values:
    """And what its column adds."""
    width = plane_shape[1]
    x = dx + (library.arange(width, dx)[columns or slice(None)] + margin) * PHASES
    library.clamp(x, 0, (width + 2 * margin) * PHASES - 1)
    whole = x >> 2
    x &= PHASES - 1
    x *= width + 2 * margin
    x += whole
    return x


def align_plane(
    phases: Values,
    plane_shape: tuple[int, int],
    dy: Values,
    dx: Values,
    rows: slice | None = None,
    columns: slice | None = None,
    library: Library = NUMPY,
    margin: int = FOUR_TAPS.margin,
) -> Values:
    """The samples of a plane, or of its part, at their positions in a reference's phase planes."""
    return library.gather(phases, sample_indices(plane_shape, dy, dx, rows, columns, library, margin))


class Between:
    """Positions between quarter samples: the four quarter samples around each, and how near it is to them.

    Source: bitstream_spec.md, section 6.11.
    """

    def __init__(
        self,
        plane_shape: tuple[int, int],
        dy: Values,
        dx: Values,
        scales_log2: tuple[int, int],
        rows: slice | None = None,
        columns: slice | None = None,
        library: Library = NUMPY,
        margin: int = FOUR_TAPS.margin,
    ):
        """dy, dx: int32, in quarter samples of full-size luma, of which a sample of the plane covers 2**scales_log2
        (rows, columns)."""
        self.scales_log2, self.library = scales_log2, library
        ey, ex = scales_log2
        self.down, self.across = dy & ((1 << ey) - 1), dx & ((1 << ex) - 1)
        above, left = dy >> ey, dx >> ex
        self.halves = max(scales_log2) == 1
        """Whether fractions are halves: then the mean of the corners serves, which coincide where there is none."""
        below, right = (above + self.down, left + self.across) if self.halves else (above + 1, left + 1)
        ups = [_row_indices(plane_shape, y, rows, library, margin) for y in (above, below)[: 1 + (ey > 0)]]
        lefts = [_column_indices(plane_shape, x, columns, library, margin) for x in (left, right)[: 1 + (ex > 0)]]
        self.corners = [[up + across for across in lefts] for up in ups]

    def align(self, phases: Values) -> Values:
        """A plane's samples, bilinearly between its phase planes'."""
        ey, ex = self.scales_log2
        if self.halves:
            total = self.library.total([self.library.gather(phases, each) for pair in self.corners for each in pair])
            total += (1 << (ey + ex)) >> 1
            total >>= ey + ex
            return self.library.narrowed(total, phases)
        rows = []
        for corners in self.corners:
            left, *right = (self.library.widened(self.library.gather(phases, indices)) for indices in corners)
            rows.append((left << ex) + (right[0] - left) * self.across if right else left)
        total = (rows[0] << ey) + (rows[1] - rows[0]) * self.down if len(rows) > 1 else rows[0]
        total += (1 << (ey + ex)) >> 1
        total >>= ey + ex
        return self.library.narrowed(total, phases)


class Reference:
    """A decoded picture that others are predicted from; its phase planes are made when first needed.

    planes: Y[, Cb, Cr], each (rows, columns) samples, at the decoded scale; taps: the filter they are interpolated by.
    """

    def __init__(
        self, planes: Sequence[Values], bit_depth: int, library: Library = NUMPY, taps: InterpolationFilter = FOUR_TAPS
    ):
        self.planes, self.bit_depth, self.library, self.taps = tuple(planes), bit_depth, library, taps
        self._phases: dict[int, Values] = {}
        self._padded: dict[int, Values] = {}
        self._lock = threading.Lock()

    def phases(self, plane: int) -> Values:
        """Phase planes of plane 0, 1 or 2."""
        with self._lock:
            if plane not in self._phases:
                self._phases[plane] = phase_planes(self.planes[plane], self.bit_depth, self.library, self.taps)
            return self._phases[plane]

    def padded(self, plane: int, before: int) -> Values:
        """A plane of numpy's whose edge is repeated, for so many samples before it and one more behind it."""
        with self._lock:
            if plane not in self._padded:
                own = self.planes[plane]
                rows, columns = (size + 2 * before + 1 for size in own.shape)
                self._padded[plane] = np.empty((rows, columns), own.dtype)
                repeat_edge(self._padded[plane], own, before)
            return self._padded[plane]


def align_picture(
    reference: Reference,
    vectors: Values,
    block_log2: int,
    chroma_format: str,
    scale_log2: int,
    crop: tuple[slice, slice] | None = None,
    stepped: bool = False,
    fine: bool = False,
) -> tuple[Values, ...]:
    """The reference's planes aligned by a picture's vectors, int32 (h, w, 2); stepped: as in `plane_vectors`; fine:
    whether positions lie between quarter samples where a plane is smaller than full-size luma (`Between`).

    crop: rows and columns of luma samples at the decoded scale, with start and stop; they start at a multiple of the
    chroma subsampling. By default the whole picture.
    """
    library, margin = reference.library, reference.taps.margin
    subsampling = ((0, 0), *SUBSAMPLING_LOG2[chroma_format])
    fast = kernels() if crop is None and library is NUMPY else None
    if fast is not None:
        scales_of = [(scale_log2 + down, scale_log2 + across) for down, across in subsampling]
        return tuple(
            _aligned_plane(fast, reference, number, vectors, block_log2, scales, stepped, fine and any(scales))
            for number, scales in enumerate(scales_of)
        )
    aligned: list[Values] = []
    indices, between, last = None, None, None
    for number, (rows_log2, columns_log2) in enumerate(subsampling):
        shape = tuple(reference.planes[number].shape)
        if (shape, rows_log2, columns_log2) != last:  # both chroma planes have the same positions
            last, between = (shape, rows_log2, columns_log2), None
            rows, columns = (
                (None, None) if crop is None else (_coarser(crop[0], rows_log2), _coarser(crop[1], columns_log2))
            )
            scales = (scale_log2 + rows_log2, scale_log2 + columns_log2)
            exact = fine and any(scales)
            dy, dx = plane_vectors(vectors, block_log2, shape, *scales, rows, columns, library, stepped, exact)
            if exact:
                between = Between(shape, dy, dx, scales, rows, columns, library, margin)
            else:
                indices = sample_indices(shape, dy, dx, rows, columns, library, margin)
        phases = reference.phases(number)
        aligned.append(library.gather(phases, indices) if between is None else between.align(phases))
    return tuple(aligned)


def _aligned_plane(
    fast: ModuleType,
    reference: Reference,
    plane: int,
    vectors: Values,
    block_log2: int,
    scales_log2: tuple[int, int],
    stepped: bool,
    exact: bool,
) -> Values:
    """A whole plane of `align_picture`'s by the compiled kernels; exact: whether between quarter samples."""
    taps, bit_depth, (sy, sx) = reference.taps, reference.bit_depth, scales_log2
    out = np.empty_like(reference.planes[plane])
    if stepped and exact:
        dy, dx = vectors[..., 0], vectors[..., 1]
    elif stepped:
        dy, dx = _scaled(vectors, 0, sy), _scaled(vectors, 1, sx)
    else:
        dy, dx = plane_vectors(vectors, block_log2, out.shape, sy, sx, whole=exact)
        block_log2, sy, sx = 0, 0, 0
    bound = np.iinfo(np.int16).max  # which no half sample reaches
    if taps.overshoot is not None:
        bound = (8 + taps.overshoot) << (bit_depth - 3)
    margin = taps.margin + KERNEL_MARGIN
    fast.align(
        reference.padded(plane, margin + fast.BEFORE),
        np.ascontiguousarray(dy),
        np.ascontiguousarray(dx),
        (block_log2, sy, sx, *(scales_log2 if exact else (0, 0)), margin),
        np.array(taps.table, np.int32),
        (taps.scale_log2, bound, (1 << bit_depth) - 1),
        np.int16(0) if bit_depth == 8 else np.int32(0),
        out,
    )
    return out


def _coarser(part: slice, subsampling_log2: int) -> slice:
    """The chroma rows or columns of a part of the luma plane."""
    return slice(part.start >> subsampling_log2, -(-part.stop >> subsampling_log2))
