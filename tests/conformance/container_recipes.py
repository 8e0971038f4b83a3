"""Conformance vectors whose units need finding: no index, a damaged one, reserved types, another order, no digests."""

from __future__ import annotations

from collections.abc import Callable

from nvcodec.bitstream import IndexPayload, UnitKey, UnitType, write_payload
from nvcodec.bitstream.container import write_unit_bytes
from nvcodec.encoder.pack import Payload
from tests.conformance.assembly import assemble, gops, grid_units, motion_units, reserved_unit, with_digests
from tests.conformance.grid_recipes import small
from tests.conformance.motion_recipes import SMALL
from tests.streams import video_format


def _grid(seed: int, digest_bytes: int = 8) -> list[Payload]:
    """The units of three small pictures in two GoPs, digests at all scales."""
    units = grid_units(small(), video_format("420", 8, 20, 18), [gops(2, 1)], seed, head_shift=7)
    return with_digests(units, digest_bytes)


def _motion(seed: int) -> list[Payload]:
    """The same of the motion profile."""
    units = motion_units(SMALL, video_format("420", 8, 20, 18), [gops(1, 2)], seed, head_shift=7)
    return with_digests(units)


def no_index() -> bytes:
    """The footer follows the last unit; what it points to is not an INDEX unit."""
    return assemble(_grid(201), index=lambda unit: b"")


def no_index_and_no_footer() -> bytes:
    """The file ends with its last unit."""
    return assemble(_motion(202), index=lambda unit: b"", footer=lambda footer: b"")


def damaged_index() -> bytes:
    """An INDEX unit with a wrong CRC, at which the scan ends."""
    return assemble(_grid(203), index=lambda unit: unit[:-1] + bytes([unit[-1] ^ 1]))


def damaged_footer() -> bytes:
    """Another footer_magic; the scan ends at the INDEX unit, which is whole."""
    return assemble(_grid(204), footer=lambda footer: footer[:-1] + b"Y")


def footer_to_nowhere() -> bytes:
    """An index_offset far behind the file's end."""
    return assemble(_grid(205), footer=lambda footer: b"\xff" * 8 + footer[8:])


def index_of_other_sizes() -> bytes:
    """A whole INDEX unit, whose sizes do not sum to its offset."""
    wrong = write_payload(IndexPayload([(UnitKey(UnitType.SEQUENCE), 9)]))
    return assemble(_grid(206), index=lambda unit: write_unit_bytes(UnitKey(UnitType.INDEX), wrong))


def index_of_impossible_sizes() -> bytes:
    """A whole INDEX unit that lists a unit of 8 bytes, fewer than any unit has."""
    wrong = write_payload(IndexPayload([(UnitKey(UnitType.SEQUENCE), 8)]))
    return assemble(_grid(217), index=lambda unit: write_unit_bytes(UnitKey(UnitType.INDEX), wrong))


def cut_off_in_the_index() -> bytes:
    """The file ends inside its INDEX unit: every unit that pictures need is whole."""
    return assemble(_motion(207), index=lambda unit: unit[: len(unit) // 2], footer=lambda footer: b"")


def reserved_units() -> bytes:
    """Units of reserved types between all others: keys that repeat, numbers of five bytes, wrong CRCs, no payload."""
    top = (1 << 32) - 1
    between = [
        reserved_unit(0, b""),
        reserved_unit(10, bytes(300), damaged=True),
        reserved_unit(255, b"\x01", top, top, 255),
        reserved_unit(10, b"other"),
    ]
    units: list[Payload | bytes] = []
    for number, unit in enumerate(_grid(208)):
        units += [between[number % len(between)], unit]
    return assemble([*units, *between])


def reserved_units_without_index() -> bytes:
    """As `reserved_units`, found by scanning. Type 9 was reserved when it was made; now its keys name nothing."""
    units: list[Payload | bytes] = []
    for number, unit in enumerate(_motion(209)):
        units += [unit, reserved_unit(9 + 40 * number % 240, bytes(number), number, 200, damaged=number % 2 > 0)]
    return assemble(units, index=lambda unit: b"")


def units_in_another_order() -> bytes:
    """Backwards: digests, latents and vectors first, SEQUENCE last."""
    return assemble(_motion(210)[::-1])


def units_that_name_nothing() -> bytes:
    """Units of known types whose keys have no place: levels, GoPs, segments and numbers that are not there."""
    keys = (
        UnitKey(UnitType.GOP, 0, 0, 5),
        UnitKey(UnitType.GOP, 0, 0, 0),
        UnitKey(UnitType.DIGEST, 0, 9),
        UnitKey(UnitType.NETWORK, 0, 1, 0),
        UnitKey(UnitType.SEGMENT, 1),
        UnitKey(UnitType.SEQUENCE, 0, 0, 1),
        UnitKey(UnitType.MOTION, 0, 1),
    )
    sequence, *others = _grid(211)
    return assemble([sequence, *((key, b"nothing") for key in keys), *others])


def no_digests() -> bytes:
    """No DIGEST unit: decodes, but cannot be verified."""
    return assemble([unit for unit in _grid(212) if unit[0].unit_type != UnitType.DIGEST])


def digests_of_two_scales() -> bytes:
    """DIGEST units for scales 1/2 and 1/8 alone."""
    units = motion_units(SMALL, video_format("444", 8, 17, 21), [gops(2)], 213, head_shift=7)
    return assemble(with_digests(units, 8, (1, 3)))


def digests_of_no_scale() -> bytes:
    """DIGEST units with a scale_mask of 0."""
    units = grid_units(small(), video_format("422", 12, 17, 16), [gops(1)], 214, head_shift=7)
    return assemble(with_digests(units, 4, ()))


def version_minor_0() -> bytes:
    """The grid profile is the same whatever the minor version, also one below all there were."""
    return assemble(_grid(215, 2), version_minor=0)


def version_minor_255() -> bytes:
    """A later minor version."""
    return assemble(_motion(216), version_minor=255)


RECIPES: dict[str, Callable[[], bytes]] = {
    f"container_{recipe.__name__}": recipe
    for recipe in (
        no_index,
        no_index_and_no_footer,
        damaged_index,
        damaged_footer,
        footer_to_nowhere,
        index_of_other_sizes,
        index_of_impossible_sizes,
        cut_off_in_the_index,
        reserved_units,
        reserved_units_without_index,
        units_in_another_order,
        units_that_name_nothing,
        no_digests,
        digests_of_two_scales,
        digests_of_no_scale,
        version_minor_0,
        version_minor_255,
    )
}
"""By the vector's name."""
