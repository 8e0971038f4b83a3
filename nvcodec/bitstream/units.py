"""What a unit is known by: its type, segment, GoP and level."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class UnitType(IntEnum):
    """The unit types of version 0.6; a decoder skips units of any other."""

    SEQUENCE = 1
    SEGMENT = 2
    NETWORK = 3
    GOP = 4
    DIGEST = 5
    INDEX = 6
    MOTION = 7
    RESIDUAL = 8
    TABLES = 9


_NUMBERED_BY: dict[int, tuple[str, ...]] = {
    UnitType.SEQUENCE: (),
    UnitType.SEGMENT: ("segment",),
    UnitType.NETWORK: ("segment", "level"),
    UnitType.GOP: ("segment", "gop", "level"),
    UnitType.DIGEST: ("segment", "gop"),
    UnitType.INDEX: (),
    UnitType.MOTION: ("segment", "gop"),
    UnitType.RESIDUAL: ("segment", "gop", "level"),
    UnitType.TABLES: ("segment",),
}


@dataclass(frozen=True, slots=True)
class UnitKey:
    """A unit's identity within a file. Numbers that have no meaning for the type are 0.

    A NETWORK unit's `gop` is the network's number in the segment: 0, or 1 for the motion profile's inter network.
    """

    unit_type: int
    segment: int = 0
    gop: int = 0
    level: int = 0

    @property
    def known(self) -> bool:
        """Whether this version of the format defines the type."""
        return self.unit_type in _NUMBERED_BY

    def __str__(self) -> str:
        name = f"unit of unknown type {self.unit_type}"
        numbers: tuple[str, ...] = ("segment", "gop", "level")
        if self.known:
            unit_type = UnitType(self.unit_type)
            name, numbers = f"{unit_type.name} unit", _NUMBERED_BY[unit_type]
        if not numbers:
            return name
        parts = [f"{number} {getattr(self, number)}" for number in numbers]
        if self.unit_type == UnitType.NETWORK and self.gop:
            parts.append(f"network {self.gop}")
        return f"{name} ({', '.join(parts)})"
