"""What decoding a stream reaches: values of syntax elements, probability tables, branches of the decoder's code.

Measured from outside: the tracer yields the elements, a wrapped check of the visitors their allowed ranges, a wrapped
function of the symbol decoder the tables, the `coverage` package the branches, cases.py what no branch shows.
Production code knows nothing of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from branches import BranchMeter, Outcome
from cases import CONTEXTS, SINGLE_CASES, context_case, noted_cases

from nvcodec.bitstream.visitor import Visitor
from nvcodec.decoder import Decoder, trace
from nvcodec.decoder.decoder import SCALES
from nvcodec.decoder.network_unit import base_config, base_level
from nvcodec.entropy import coder
from nvcodec.synthesis.vectors import pyramid

UNIT_HEADER = ("unit_type", "segment", "gop", "level", "payload_length")
DERIVED = ("padding", "payload", "coded_words", "crc32c")
"""What the tracer names besides the elements of headers."""


@dataclass(frozen=True, order=True)
class ElementKey:
    """A syntax element: the part of the file that it stands in, its name without indices, the profile ("" for any)."""

    part: str
    name: str
    profile: str = ""


@dataclass
class Element:
    """Values met of an element, none for raw bytes, and the range that its check allows."""

    values: Counter[int] = field(default_factory=Counter)
    low: int | None = None
    high: int | None = None
    allowed: tuple[int, ...] = ()

    def add(self, other: Element) -> None:
        self.values.update(other.values)
        self.note_range(other.low, other.high, other.allowed)

    def note_range(self, low: int | None, high: int | None, allowed: tuple[int, ...]) -> None:
        """Widen the range: it may depend on other elements."""
        if low is not None and high is not None:
            self.low = low if self.low is None else min(low, self.low)
            self.high = high if self.high is None else max(high, self.high)
        self.allowed = allowed or self.allowed

    @property
    def ends(self) -> tuple[int, int] | None:
        """The smallest and the largest value allowed; None for raw bytes."""
        if self.allowed:
            return min(self.allowed), max(self.allowed)
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass
class Reach:
    """Of one stream, or of several together."""

    elements: dict[ElementKey, Element] = field(default_factory=dict)
    tables: Counter[int] = field(default_factory=Counter)
    """Symbols decoded under each table."""
    branches: set[Outcome] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)
    """Of the vectorised arithmetic; see cases.py."""

    def add(self, other: Reach) -> None:
        for key, element in other.elements.items():
            self.elements.setdefault(key, Element()).add(element)
        self.tables.update(other.tables)
        self.branches |= other.branches
        self.cases |= other.cases


def syntax_elements(path: Path) -> dict[ElementKey, Element]:
    """Every element of a stream's headers, by the tracer."""
    found: dict[ElementKey, Element] = {}
    with _noted_ranges() as ranges, Decoder(path, backend="numpy", threads=1) as decoder:
        profile = decoder.sequence.profile
        for part in trace.trace_file(decoder):
            kind = part.name.split(" (")[0]
            for each in part.elements:
                if each.name in DERIVED:
                    continue
                name = _plain_name(each.name)
                if each.name in UNIT_HEADER:
                    key = ElementKey("unit header", name)
                elif kind in ("file header", "footer", "INDEX unit", "DIGEST unit"):
                    key = ElementKey(kind, name)
                else:
                    key = ElementKey(kind, name, profile)
                element = found.setdefault(key, Element())
                if isinstance(each.value, int):
                    element.values[each.value] += 1
                    element.note_range(*ranges.get(each.name, (None, None, ())))
            ranges.clear()
    return found


def _plain_name(name: str) -> str:
    return re.sub(r"\[.*", "", name)


Range = tuple[int, int, tuple[int, ...]]


@contextmanager
def _noted_ranges() -> Iterator[dict[str, Range]]:
    """By element, with its indices: (low, high, allowed) of the latest check."""
    ranges: dict[str, Range] = {}
    check = Visitor._check

    def noting(
        self: Visitor, name: str, value: int, low: int, high: int, allowed: tuple[int, ...] | None = None
    ) -> None:
        ranges[name] = (low, high, tuple(allowed or ()))
        check(self, name, value, low, high, allowed)

    with patch.object(Visitor, "_check", noting):
        yield ranges


@contextmanager
def _counted_tables() -> Iterator[Counter[int]]:
    """Symbols by table that `SymbolDecoder.decode` takes."""
    counts: Counter[int] = Counter()
    groups = coder._groups

    def counting(found: object) -> Iterator[tuple[int, int, int]]:
        for table, start, stop in groups(found):  # type: ignore[arg-type]
            counts[table] += stop - start
            yield table, start, stop

    with patch.object(coder, "_groups", counting):
        yield counts


def measure(path: Path, meter: BranchMeter) -> Reach:
    """Elements, tables and branches of one stream: all pictures at full size; single ones at all sizes; two threads."""
    reach = Reach(elements=syntax_elements(path))
    masks = reach.elements.get(ElementKey("DIGEST unit", "scale_mask"))
    verifiable = masks is not None and all(mask >> len(SCALES) - 1 for mask in masks.values)
    pyramid.cache_clear()  # so that what is reached does not depend on the streams before
    with meter.measuring(path.name):
        with _counted_tables() as reach.tables, Decoder(path, backend="numpy", threads=1) as decoder:
            list(decoder)
        for scale in SCALES[1:]:
            with Decoder(path, scale=scale, backend="numpy", threads=1) as decoder:
                decoder[len(decoder) - 1]
        with Decoder(path, scale=SCALES[-1], backend="numpy", threads=2, verify=verifiable) as decoder:
            decoder[:4]
            decoder[len(decoder) - 1 :: -8]
            decoder[0:0]
    reach.branches = meter.outcomes(path.name)
    with noted_cases() as reach.cases, Decoder(path, backend="numpy", threads=1) as decoder:
        list(decoder)
    return reach


def load_base_models() -> None:
    """Decode them once: the decoder keeps them, and the first stream that names one must not count for it."""
    for number, role in ((2, "intra"), (2, "inter"), (3, "inter"), (4, "inter")):
        config = base_config(number, role)
        for level in range(len(config.levels)):
            base_level(config, level, "420")


def measure_all(paths: list[Path], meter: BranchMeter) -> dict[str, Reach]:
    """By file name."""
    with meter.measuring("base models"):
        load_base_models()
    return {path.name: measure(path, meter) for path in paths}


def total_of(reaches: dict[str, Reach]) -> Reach:
    total = Reach()
    for reach in reaches.values():
        total.add(reach)
    return total


def number_ranges(numbers: set[int]) -> str:
    """{0, 1, 2, 7} as '0-2 7'."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def telling_outcomes(reaches: dict[str, Reach], meter: BranchMeter) -> set[Outcome]:
    """Outcomes, of loops not, that some streams reach and others don't."""
    outcomes = {outcome for branch in meter.branches() if not branch.loop for outcome, _ in branch.outcomes()}
    return outcomes - set.intersection(*(reach.branches for reach in reaches.values()))


def tags(reach: Reach, telling: set[Outcome]) -> list[str]:
    """A stream's reach as the manifest has it; telling: the outcomes that are worth a word.

    'SEQUENCE unit.width=48', 'NETWORK unit.step=3..255', 'tables=0-3 80', 'case 6.9 mask: below', 'contexts
    7.9 choices=0-13', 'branches
    decoder.motion.decode_motion=1+ 2-': the function's first branch taken, the second one not.
    """
    found = []
    for key, element in sorted(reach.elements.items()):
        values = sorted(element.values)
        shown = f"{values[0]}..{values[-1]}" if len(values) > 4 else ",".join(map(str, values))
        found.append(f"{key.part}.{key.name}={shown}" if values else f"{key.part}.{key.name}")
    found.append(f"tables={number_ranges(set(reach.tables))}")
    found += [f"case {case}" for case in SINGLE_CASES if case in reach.cases]
    for group, count in CONTEXTS.items():
        contexts = {number for number in range(count) if context_case(group, number) in reach.cases}
        found += [f"contexts {group}={number_ranges(contexts)}"] if contexts else []
    by_function: dict[str, list[Outcome]] = {}
    for outcome in sorted(reach.branches & telling):
        by_function.setdefault(outcome.function, []).append(outcome)
    for function, outcomes in by_function.items():
        signs = " ".join(f"{outcome.number}{'+' if outcome.taken else '-'}" for outcome in outcomes)
        found.append(f"branches {function}={signs}")
    return found
