"""Dataclasses of plain values as lines of a CSV file: a column per field, floats as Python prints them."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from measure import PathLike

from nvcodec.errors import NvcodecError

Record = TypeVar("Record")

_READ: dict[str, Callable[[str], Any]] = {"str": str, "int": int, "float": float, "bool": "True".__eq__}


class RecordsUnreadable(NvcodecError):
    """A CSV file is missing, or lacks a column, or has something else where a number should stand."""


def read_records(path: PathLike, kind: type[Record]) -> list[Record]:
    """All lines of a file; columns that are no field are passed over. Raises RecordsUnreadable."""
    readers = {own.name: _READ[str(own.type)] for own in fields(kind)}  # type: ignore[arg-type]
    try:
        with open(path, newline="") as file:
            return [kind(**{name: read(row[name]) for name, read in readers.items()}) for row in csv.DictReader(file)]
    except OSError as error:
        raise RecordsUnreadable(f"{os.fspath(path)}: cannot be read: {error.strerror or error}") from error
    except KeyError as error:
        raise RecordsUnreadable(f"{os.fspath(path)}: has no column {error}") from error
    except (ValueError, TypeError) as error:
        raise RecordsUnreadable(f"{os.fspath(path)}: {error}") from error


def read_records_if_any(path: PathLike, kind: type[Record]) -> list[Record]:
    """As `read_records`; nothing where there is no file."""
    return read_records(path, kind) if os.path.exists(path) else []


def write_records(path: PathLike, records: Sequence[Any], *, append: bool = False) -> None:
    """Write records of one kind, at least one; on disk when this returns."""
    is_new = not (append and os.path.exists(path))
    with open(path, "a" if append else "w", newline="") as file:
        writer = csv.DictWriter(file, [own.name for own in fields(records[0])])
        if is_new:
            writer.writeheader()
        writer.writerows(asdict(record) for record in records)
