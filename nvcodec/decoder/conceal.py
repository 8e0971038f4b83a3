"""What to do without a unit: which levels are lost with it, which pictures, and what is put instead.

Decoding with concealment tries each GoP's units before its first picture comes out, so that no picture is made from
words that turn out to be wrong at their end. What a unit's loss costs (bitstream_spec.md, section 9.1):

- GOP: its level's latents in its GoP, and those of finer levels that are coded in its context; they become zeros. A
  picture that has no latents left and no references is replaced;
- RESIDUAL: at level 3 the pictures of its GoP are replaced; else its level's residuals in its GoP and those of finer
  levels become zeros;
- MOTION: the pictures with references of its GoP are replaced;
- NETWORK, TABLES, SEGMENT: the pictures of the segment are replaced;
- open GoPs go on from a damaged anchor, and are marked.

A replaced picture repeats the one shown before it, or is mid-grey where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from nvcodec.bitstream import BitstreamError, ModelConfig, SegmentHeader, SequenceHeader, UnitKey, UnitType
from nvcodec.bitstream.errors import FileUnreadable, InconsistentStream
from nvcodec.decoder.errors import DecodeError
from nvcodec.decoder.task import GopPlace
from nvcodec.synthesis.grid_context import sees_coarser

REPLACED = "repeated from the picture before, or grey"
STAND_IN_GOP_LENGTH = 64
"""Pictures of the GoPs that a lost segment is taken to have."""


@dataclass(frozen=True)
class Loss:
    """Something that is not in the pictures as the encoder meant it."""

    what: str
    """The unit, or the GoP or picture that hangs on one."""
    first: int
    last: int
    """The pictures concerned, counted in the sequence."""
    instead: str
    cause: str

    def __str__(self) -> str:
        pictures = f"picture {self.first}" if self.first == self.last else f"pictures {self.first} to {self.last}"
        return f"lost: {self.what}: {pictures}: {self.instead} ({self.cause})"


@dataclass
class GopDamage:
    """What is left of a GoP."""

    levels: frozenset[int] = frozenset()
    """Whose latents are zeros."""
    intra: bool = False
    """Whether the pictures without references are replaced."""
    inter: bool = False
    """Whether those with references are replaced."""
    tainted: bool = False
    """Whether any picture may differ from the encoder's; then there is nothing to verify."""
    bands: frozenset[int] = frozenset()
    """Hybrid profile: the levels whose residuals are zeros."""


WHOLE = GopDamage()
REPLACED_GOP = GopDamage(intra=True, inter=True, tainted=True)


@dataclass
class Losses:
    """All that was found lost so far, each thing once, in the order in which decoding met it."""

    found: dict[Loss, None] = field(default_factory=dict)

    def note(self, what: str, place: GopPlace, instead: str, cause: object) -> None:
        """Of a whole GoP."""
        self.found[Loss(what, place.first, place.last, instead, str(cause))] = None

    def note_picture(self, number: int, instead: str, cause: object) -> None:
        """Of a single picture."""
        self.found[Loss(f"picture {number}", number, number, instead, str(cause))] = None

    def note_segment(self, what: str, segment: SegmentHeader, cause: object) -> None:
        """Of all pictures of a segment."""
        last = segment.first_picture + segment.picture_count - 1
        self.found[Loss(what, segment.first_picture, last, REPLACED, str(cause))] = None


def damage_of(action: Callable[[], object]) -> BitstreamError | DecodeError | None:
    """What is wrong with the units that an action reads, if anything. An unreadable file is no damage: it raises."""
    try:
        action()
    except FileUnreadable:
        raise
    except (BitstreamError, DecodeError) as error:
        return error
    return None


def lost_levels(
    losses: Losses,
    place: GopPlace,
    levels: Iterable[int],
    configs: Collection[ModelConfig],
    attempt: Callable[[int, frozenset[int]], object],
) -> frozenset[int]:
    """The levels, of `levels` from the coarsest, whose latents a GoP has lost; notes each.

    configs: of the networks that the GoP uses. attempt(finest, lost): decode the GoP's levels down to `finest` without
    those of `lost`, to their end.
    """
    lost: set[int] = set()
    for level in levels:
        in_context = [c for c in configs if c.levels[level].grid_channels and sees_coarser(c, level)]
        if in_context and level + 1 in lost:
            cause: object = f"coded in the context of level {level + 1}"
        else:
            cause = damage_of(lambda level=level: attempt(level, frozenset(lost)))  # type: ignore[misc]
        if cause is not None:
            lost.add(level)
            unit = UnitKey(UnitType.GOP, place.segment, place.gop, level)
            losses.note(str(unit), place, f"latents of level {level} are zeros", cause)
    return frozenset(lost)


def restore_segments(
    sequence: SequenceHeader, found: Sequence[SegmentHeader | BitstreamError], losses: Losses
) -> tuple[list[SegmentHeader], set[int]]:
    """A sequence's segments, with stand-ins for those whose unit is lost, and the numbers of these.

    A stand-in has the pictures between its neighbours; of several in a row the first has all but one of each other's.
    Raises the first cause where no segment is whole, InconsistentStream where the whole ones leave no room.
    """
    whole = [number for number, met in enumerate(found) if isinstance(met, SegmentHeader)]
    lost = set(range(len(found))) - set(whole)
    if not whole:
        raise next(met for met in found if not isinstance(met, SegmentHeader))
    segments: list[SegmentHeader] = []
    first = 0
    for number, met in enumerate(found):
        if isinstance(met, SegmentHeader):
            segment = met
        else:
            following = next((n for n in whole if n > number), None)
            after = found[following] if following is not None else None
            end = after.first_picture if isinstance(after, SegmentHeader) else sequence.picture_count
            others = (len(found) if following is None else following) - number - 1
            count = 1 if number - 1 in lost else end - first - others
            if count < 1 or first + count > end:
                raise InconsistentStream(f"segment {number}: its neighbours leave it no pictures")
            segment = _stand_in(first, count, sequence.motion)
            losses.note_segment(str(UnitKey(UnitType.SEGMENT, number)), segment, met)
        segments.append(segment)
        first += segment.picture_count
    return segments, lost


def _stand_in(first: int, count: int, motion: bool) -> SegmentHeader:
    whole, rest = divmod(count, STAND_IN_GOP_LENGTH)
    lengths = [STAND_IN_GOP_LENGTH] * whole + [rest] * (rest > 0)
    return SegmentHeader(first, count, lengths, motion, [False] * len(lengths) if motion else [])
