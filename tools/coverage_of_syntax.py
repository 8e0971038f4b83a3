"""Shows that the conformance vectors reach every syntax element, every table and every branch of decoding.

Usage: coverage_of_syntax.py [--vectors tests/conformance/vectors] [--only-elements]

Prints the syntax elements with the values met against those allowed, the tables in use, and what is not reached: ends
of ranges, cases of the arithmetic, branches, refusals. Exit status 1 if no vector reaches a syntax element, a table, a
case, or a branch that is no refusal, and no list below says why.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from branches import SEMANTICS, Branch, BranchMeter, Outcome  # noqa: E402
from cases import CASES, PLANE_KINDS, context_case  # noqa: E402
from command import parser_for, run_tool  # noqa: E402
from reach import Element, ElementKey, measure_all, number_ranges, syntax_elements, total_of  # noqa: E402
from tables import text_table  # noqa: E402

from nvcodec.bitstream import headers, model_config, residual_headers  # noqa: E402
from nvcodec.bitstream.residual_headers import TABLE_SETS  # noqa: E402
from nvcodec.entropy import TABLE_COUNT  # noqa: E402

VECTORS = ROOT / "tests" / "conformance" / "vectors"
FEW_VALUES = 4
"""Of so many possible values, each should be met; of more, both ends."""

VISITS = ("u", "varint", "flag", "choice", "le", "bytes_", "constant")
"""The visitor's methods that take an element's name first."""

UNREACHED_ELEMENTS: dict[str, str] = {}
"""By name: why no vector has it."""

ALLOWED = {
    "base_model": (0, 2, 3, 4),
    "profile": (0, 1, 2),
    "reserved_flags": (0,),
    "version_major": (0,),
}
"""Values that the elements' own checks leave to others, in headers.py and model_config.py."""

FAR_ENDS = {
    "GOP unit.picture_count": "as gop_length",
    "INDEX unit.entry_count": "an empty index has no SEQUENCE unit; 2^22 units",
    "INDEX unit.unit_size": "below 9 it is not valid; a unit of 256 MiB",
    "NETWORK unit.tensor_count": "follows from the configuration; the largest one has all its tensors",
    "SEGMENT unit.first_picture": "2^24 pictures before it",
    "SEGMENT unit.gop_count": "65535 GoPs",
    "SEGMENT unit.gop_length": "1024 pictures in one GoP",
    "SEGMENT unit.picture_count": "2^24 pictures",
    "SEQUENCE unit.picture_count": "2^24 pictures",
    "SEQUENCE unit.segment_count": "a network for each of 65535 segments",
    "unit header.payload_length": "a unit of 256 MiB",
}
"""Elements of which an end of the range is not cheap to reach: why."""

UNREACHED = {
    "bitstream.bits.BitReader.varint 1-": "a sixth byte is a refusal",
    "bitstream.container.ContainerReader.__contains__": "for the tracer and tests",
    "bitstream.container.ContainerReader.__enter__": "for tests and the encoder",
    "bitstream.container.ContainerReader.__exit__": "for tests and the encoder",
    "bitstream.container.ContainerReader._read_index 1+": "a file too short for a unit and a footer is a refusal",
    "bitstream.container.ContainerReader.close 1-": "an open file as source",
    "bitstream.container.ContainerReader.find 1-": "a unit that is not there is a refusal",
    "bitstream.container.ContainerReader.find 2-": "as above",
    "bitstream.container.ContainerReader.payload": "for tests",
    "bitstream.container._open 2+": "an open file as source",
    "bitstream.headers.DigestPayload.visit 1+": "the writer's",
    "bitstream.headers.DigestPayload.visit 2-": "the writer's",
    "decoder.decoder.Decoder._expected_digest 2+": "concealment of damage",
    "decoder.decoder.Decoder._finish 1+": "concealment of damage",
    "decoder.decoder.Decoder._finish 3+": "a digest that differs",
    "decoder.decoder.Decoder._finish 4-": "concealment of damage",
    "decoder.decoder.Decoder._motion_gop 1-": "concealment of damage",
    "decoder.decoder.Decoder._motion_gop 5+": "concealment of damage",
    "decoder.decoder.Decoder._motion_gop 7+": "concealment of damage",
    "decoder.decoder.Decoder._motion_tasks 3+": "concealment of damage",
    "decoder.decoder.Decoder._motion_tasks 4-": "concealment of damage",
    "decoder.decoder.Decoder._open 3-": "no limit of memory",
    "decoder.decoder.Decoder._read_segments 2-": "concealment of damage",
    "decoder.decoder.Decoder._tasks 3+": "concealment of damage",
    "decoder.decoder.Decoder._tasks 4+": "concealment of damage",
    "decoder.decoder.Decoder._tasks 4-": "concealment of damage",
    "decoder.decoder._embed_all 1+": "cannot be: the motion profile always has networks",
    "synthesis.adaptive_filter._transposed_tap": "once, when it is loaded",
    "synthesis.alignment._coarser": "crops are the encoder's",
    "synthesis.alignment.align_plane": "for tests",
    "synthesis.backend.make_backend 1-": "another backend than numpy",
    "synthesis.backend.make_backend 2+": "another backend than numpy",
    "synthesis.backend.make_backend 2-": "another backend than numpy",
    "synthesis.backend.make_backend 3+": "another backend than numpy",
    "synthesis.backend.make_backend 3-": "another backend than numpy",
    "synthesis.coefficients.diagonals 1+": "for tests: level 3 has none, and is never asked",
    "synthesis.vector_base._between 2-": "cannot be: one of two references refers to the other (section 6.10)",
}
"""Functions, and outcomes of branches ('function number+' or 'function number-'), that no vector reaches: why."""
ONE_NEIGHBOUR = "cannot be: on the first diagonal only one neighbour counts"
UNREACHED |= {
    context_case(f"{section} binary, set {number}, {kind}, level {level}", context): ONE_NEIGHBOUR
    for section, level, contexts in (("7.7", 1, (30, 31)), ("7.12", 1, (23, 24)), ("7.12", 2, (23, 24)))
    for number in range(TABLE_SETS)
    for kind in PLANE_KINDS
    for context in contexts
}


def element_names() -> list[str]:
    """The name of every syntax element, without indices, out of the source of the headers' `visit` methods."""
    names: dict[str, None] = {}
    for module in (headers, model_config, residual_headers):
        for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text())):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Attribute) and node.func.attr in VISITS:
                name = _literal_start(node.args[0]) if node.args else None
                if name and not name.endswith("_"):
                    names[name.split("[")[0]] = None
            elif (
                isinstance(node.func, ast.Attribute) and node.func.attr == "custom"
            ):  # a flag, and if it is 1 the value
                name = (_literal_start(node.args[0]) or "").split("[")[0]
                names |= {f"custom_{name}": None, name: None}
    return list(names)


def _literal_start(node: ast.expr) -> str | None:
    """What a string, formatted or not, begins with."""
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def all_elements(paths: list[Path]) -> dict[ElementKey, Element]:
    """Of all vectors together."""
    found: dict[ElementKey, Element] = {}
    for path in paths:
        for key, element in syntax_elements(path).items():
            found.setdefault(key, Element()).add(element)
    return found


def missing_elements(elements: dict[ElementKey, Element]) -> list[str]:
    """Names that no vector has, and for which there is no reason."""
    met = {key.name for key in elements}
    return [name for name in element_names() if name not in met and name not in UNREACHED_ELEMENTS]


def allowed_values(key: ElementKey, element: Element) -> tuple[int, ...]:
    """All of them where they are few, else the smallest and the largest; empty for raw bytes."""
    if key.name in ALLOWED:
        return ALLOWED[key.name]
    if element.ends is None or element.allowed:
        return element.allowed
    low, high = element.ends
    return tuple(range(low, high + 1)) if high - low < FEW_VALUES else (low, high)


def elements_table(elements: dict[ElementKey, Element]) -> str:
    rows = []
    for key, element in sorted(elements.items()):
        values, allowed = element.values, allowed_values(key, element)
        listed = key.name in ALLOWED or element.allowed
        shown = " ".join(map(str, allowed)) if listed or not allowed else f"{allowed[0]}..{allowed[-1]}"
        met = f"{min(values)}..{max(values)}" if values else "bytes"
        rows.append((f"{key.part}.{key.name}", key.profile, shown, met, str(len(values) or "")))
    return text_table(("element", "profile", "allowed", "met", "values"), rows, left=4)


def unreached_ends(elements: dict[ElementKey, Element]) -> list[tuple[str, str, str]]:
    """(element, what is not met, why): an end of the range, or a value of a small one.

    A value of the SEQUENCE unit counts for all profiles.
    """
    rows = []
    for key, element in sorted(elements.items()):
        met = set(element.values)
        if key.part == "SEQUENCE unit":
            met = {value for other, its in elements.items() if other.name == key.name for value in its.values}
        missing = [value for value in allowed_values(key, element) if value not in met]
        if missing and met:
            name = f"{key.part}.{key.name}"
            shown = f"{name}{f' ({key.profile})' * bool(key.profile)}"
            rows.append((shown, " ".join(map(str, missing)), FAR_ENDS.get(name, "")))
    return rows


def outcome_name(outcome: Outcome) -> str:
    return f"{outcome.function} {outcome.number}{'+' if outcome.taken else '-'}"


def unreached_branches(meter: BranchMeter) -> tuple[list[tuple[Branch, Outcome]], list[tuple[Branch, Outcome]]]:
    """Outcomes that no vector takes: refusals apart, behind the others."""
    met = meter.outcomes()
    found: tuple[list[tuple[Branch, Outcome]], list[tuple[Branch, Outcome]]] = [], []
    for branch in meter.branches():
        for outcome, refuses in branch.outcomes():
            if outcome not in met:
                found[refuses].append((branch, outcome))
    return found


def branches_table(found: list[tuple[Branch, Outcome]]) -> str:
    rows = [(outcome_name(outcome), branch.text, UNREACHED.get(outcome_name(outcome), "")) for branch, outcome in found]
    return text_table(("branch", "source", "why"), rows, left=3) if rows else "none"


def report_branches(paths: list[Path]) -> list[str]:
    """Print tables and branches; return what is missing without a reason."""
    meter = BranchMeter(SEMANTICS)
    total = total_of(measure_all(paths, meter))
    unused = set(range(TABLE_COUNT)) - set(total.tables)
    print(f"\ntables in use: {number_ranges(set(total.tables))} ({len(total.tables)} of {TABLE_COUNT})")
    print(f"symbols decoded: {sum(total.tables.values())}; fewest under a table: {min(total.tables.values())}")
    uncommon = [case for case in CASES if case not in total.cases]
    print(f"\ncases of the arithmetic reached: {len(CASES) - len(uncommon)} of {len(CASES)}; not reached:")
    print(text_table(("case", "why"), [(case, UNREACHED.get(case, "")) for case in uncommon], left=2))
    plain, refusals = unreached_branches(meter)
    outcomes = [refuses for branch in meter.branches() for _, refuses in branch.outcomes()]
    count, refusing = len(outcomes) - sum(outcomes), sum(outcomes)
    print(f"\nbranch outcomes reached: {count - len(plain)} of {count}; not reached:\n{branches_table(plain)}")
    print(f"\nrefusals, {refusing} in branches and the handlers of errors; not reached {len(refusals)}:")
    print(branches_table(refusals))
    handlers = [f"{name}, line {line}" for name, line in meter.handlers_never_run()]
    print("\nhandlers of errors not reached:", *handlers, sep="\n  ")
    functions = meter.functions_never_run()
    print("\nfunctions never run:")
    print(text_table(("function", "why"), [(name, UNREACHED.get(name, "")) for name in functions], left=2))
    missing = [f"table {table}" for table in sorted(unused)]
    missing += [name for _, outcome in plain if (name := outcome_name(outcome)) not in UNREACHED]
    return missing + [name for name in (*functions, *uncommon) if name not in UNREACHED]


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--vectors", type=Path, default=VECTORS)
    parser.add_argument("--only-elements", action="store_true", help="no tables and branches: takes seconds")
    args = parser.parse_args()
    paths = sorted(args.vectors.glob("*.msn"))
    if not paths:
        raise FileNotFoundError(f"{args.vectors}: no .msn files")
    elements = all_elements(paths)
    print(f"{len(paths)} vectors, {sum(path.stat().st_size for path in paths)} bytes\n")
    print(elements_table(elements))
    rows = unreached_ends(elements)
    print("\nends of ranges, and values of small ranges, that no vector has:")
    print(text_table(("element", "not met", "why"), rows, left=3) if rows else "none")
    print(f"\nsyntax elements: {len(element_names())}; without a vector: {UNREACHED_ELEMENTS or 'none'}")
    missing = missing_elements(elements)
    if not args.only_elements:
        missing += report_branches(paths)
    if missing:
        print("\nMISSING:", *missing, sep="\n  ")
    return 1 if missing else 0


if __name__ == "__main__":
    run_tool(main)
