"""What a picture's vector fields are coded as differences from (bitstream_spec.md, section 6.10).

Between two references of the hierarchy a vector field is known already: one of them refers to the other. Scaled by the
distances in time it foretells the motion of every picture in between; an anchor's motion is foretold by that of the
anchor before. The second reference's field is foretold by the first's, mirrored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nvcodec.bitstream.headers import VectorBase
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.structure import CodedPicture
from nvcodec.synthesis.vectors import field_shape, resample_field, scale_field


@dataclass(frozen=True)
class PictureMotion:
    """The vectors of a picture: one field per reference, (h, w, 2) int32, and how far apart their nodes are."""

    picture: CodedPicture
    block_log2: int
    fields: Sequence[Array] = field(default_factory=list)
    stepped: bool = False
    """Whether each block has its node's vector, instead of vectors interpolated between nodes."""

    def towards(self, reference: int) -> Array | None:
        """The field that points to a reference, if there is one."""
        for known, found in zip(self.picture.references, self.fields, strict=True):
            if known == reference:
                return found
        return None


def anchor_before(motion: PictureMotion | None, gop_length: int) -> PictureMotion | None:
    """An anchor's motion as the next GoP knows it: its indices count from that GoP's first picture."""
    if motion is None:
        return None
    old = motion.picture
    moved = CodedPicture(old.index - gop_length, tuple(r - gop_length for r in old.references), old.depth)
    return PictureMotion(moved, motion.block_log2, motion.fields, motion.stepped)


def derived_base(
    picture: CodedPicture,
    reference: int,
    known: Mapping[int, PictureMotion],
    own: Sequence[Array],
    block_log2: int,
    size: tuple[int, int],
) -> Array:
    """The base of a picture's field `reference` (0 or 1) where derived_flag is 1, (h, w, 2) int32.

    known: the motion of pictures of the GoP that come before in coding order, and of the anchor before, by index; own:
    the picture's fields so far, their blocks not yet split; size: (height, width) of the sequence. All zeros where
    nothing is known.
    """
    shape = field_shape(*size, block_log2)
    if reference == 1:
        earlier, later = picture.references
        return scale_field(own[0], picture.index - later, picture.index - earlier)
    found = _between(picture, known) if len(picture.references) == 2 else _before(picture, known)
    if found is None:
        return np.zeros((*shape, 2), np.int32)
    vectors, from_log2, numerator, denominator = found
    return scale_field(resample_field(vectors, from_log2, block_log2, shape), numerator, denominator)


def _between(picture: CodedPicture, known: Mapping[int, PictureMotion]) -> tuple[Array, int, int, int] | None:
    """(field, its block_log2, numerator, denominator): the motion between the picture's two references."""
    earlier, later = picture.references
    share = picture.index - earlier
    if later in known and (vectors := known[later].towards(earlier)) is not None:
        return vectors, known[later].block_log2, share, later - earlier
    if earlier in known and (vectors := known[earlier].towards(later)) is not None:
        return vectors, known[earlier].block_log2, -share, later - earlier
    return None


def _before(picture: CodedPicture, known: Mapping[int, PictureMotion]) -> tuple[Array, int, int, int] | None:
    """The same from the motion of the picture's only reference towards a reference of its own, if that is before it."""
    (reference,) = picture.references
    motion = known.get(reference)
    if motion is None or not motion.fields:
        return None
    further = motion.picture.references[0]
    return motion.fields[0], motion.block_log2, picture.index - reference, reference - further


def base_field(
    base: VectorBase,
    picture: CodedPicture,
    reference: int,
    known: Mapping[int, PictureMotion],
    own: Sequence[Array],
    block_log2: int,
    size: tuple[int, int],
) -> Array:
    """The base of a field as a MOTION unit's header says; arguments as for `derived_base`."""
    if base.derived_flag:
        return derived_base(picture, reference, known, own, block_log2, size)
    rows, columns = field_shape(*size, block_log2)
    return np.tile(np.array(base.global_vector, np.int32), (rows, columns, 1))
