"""Branches of the decoder's semantics, and which of them a run takes.

A branch is an `if`, `while` or `for` of a function; it has two outcomes, taken (its body is entered) and not taken.
The `coverage` package says which lines follow which; here that becomes outcomes, which are numbered within their
function, so that they keep their names where lines move. Conditional expressions and boolean operators are not taken
apart. Outcomes that end in `raise`, and handlers of errors, are refusals: streams that keep to the format reach none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import coverage

import nvcodec

PACKAGE = Path(nvcodec.__file__).resolve().parent
SEMANTICS = tuple(
    PACKAGE / f"{name}.py"
    for name in (
        *(
            f"bitstream/{name}"
            for name in ("bits", "container", "filters", "headers", "model_config", "residual_headers")
        ),
        *(f"bitstream/{name}" for name in ("units", "visitor")),
        *(f"entropy/{name}" for name in ("coder", "latents", "tables")),
        *(
            f"synthesis/{name}"
            for name in (
                "adaptive_filter",
                "alignment",
                "arithmetic",
                "backend",
                "choices",
                "coefficients",
                "coefficients_7",
            )
        ),
        *(f"synthesis/{name}" for name in ("deblocking", "embedding", "grid_context", "intra", "layers")),
        *(
            f"synthesis/{name}"
            for name in ("network", "numpy_backend", "packing", "splits", "structure", "vector_base", "vectors")
        ),
        *(f"synthesis/{name}" for name in ("transform", "weights", "window")),
        *(f"decoder/{name}" for name in ("decoder", "gop", "motion", "network_unit", "residual", "vector_field")),
    )
)
"""The files that say what a stream decodes to; of the backends numpy's alone. The CRC, one loop, is left out: measuring
it takes longer than all the rest."""

WRITERS = (
    "bitstream.bits.BitWriter",
    "bitstream.container.ContainerWriter",
    "bitstream.filters.delta_width",
    "bitstream.container._write_plain",
    "bitstream.container.write_unit_bytes",
    "bitstream.model_config.ModelConfig.validate",
    "bitstream.visitor.WriteVisitor",
    "bitstream.visitor.write_payload",
    "decoder.gop.window_differences",
    "decoder.residual.value_symbols",
    "entropy.coder.SymbolEncoder",
    "entropy.latents.encode_latents",
    "entropy.latents.encode_residual",
    "entropy.tables.costs_bits",
    "entropy.tables.bits",
    "entropy.tables.require_codable",
    "synthesis.adaptive_filter.changed_samples",
    "synthesis.choices.choice_passes",
    "synthesis.coefficients.upper_significance_contexts",
    "synthesis.coefficients_7.binary_contexts",
    "synthesis.transform.forward",
)
"""Of those files, what encodes, and is no part of decoding."""

FOR_PEOPLE = (
    "bitstream.container.ContainerReader.trace_header",
    "bitstream.container.describe_content",
    "bitstream.units.UnitKey.__str__",
    "bitstream.visitor.TraceVisitor",
    "bitstream.visitor._read_header",
)
"""What serves messages and the tracer."""


CONCEALMENT = (
    *(f"decoder.decoder.Decoder.{name}" for name in ("losses", "_networks_lost", "_chain_tainted", "_lost_bands")),
    *(f"decoder.decoder.Decoder.{name}" for name in ("_grid_damage", "_motion_damage")),
    "decoder.decoder._stand_in",
)
"""What goes on where streams are damaged."""

BY_KERNELS = (
    "decoder.decoder.Decoder._has_room_for_kernels",
    "entropy.coder._CompiledDecoder",
    "entropy.tables.cumulative_frequencies",
    "synthesis.alignment.Reference.padded",
    "synthesis.alignment._aligned_plane",
    "synthesis.window._mean_by_kernel",
)
"""What only the compiled kernels take, whose semantics are numpy's: vectors are too small for them (tests/compiled).
Branches that ask whether they are there are left out, too."""
LEFT_OUT = (*WRITERS, *FOR_PEOPLE, *CONCEALMENT, *BY_KERNELS)
KERNEL_NAMES = {"fast", "_fast", "kernels", "use_kernels"}


@dataclass(frozen=True, order=True)
class Outcome:
    """One way out of a branch. number: the branch's within its function, from 1."""

    function: str
    number: int
    taken: bool


@dataclass(frozen=True)
class Branch:
    """line: where it begins; body: where its body does. refuses: of taken and not taken, whether it ends in a raise."""

    function: str
    number: int
    path: Path
    line: int
    body: int
    text: str
    loop: bool
    refuses: tuple[bool, bool]

    def outcomes(self) -> Iterator[tuple[Outcome, bool]]:
        """Both, each with whether it is a refusal."""
        for taken in (True, False):
            yield Outcome(self.function, self.number, taken), self.refuses[not taken]


@dataclass
class SourceFile:
    """What a file's syntax tree says: branches, first lines of statements, functions."""

    path: Path
    branches: list[Branch] = field(default_factory=list)
    functions: dict[str, int] = field(default_factory=dict)
    """The line of each function's first statement."""
    handlers: dict[int, str] = field(default_factory=dict)
    """The function of each handler of errors, by the line of its first statement."""
    first_line: dict[int, int] = field(default_factory=dict)
    """Of each line, the line on which its statement begins."""


def read_source(path: Path) -> SourceFile:
    found = SourceFile(path)
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    tree, lines = ast.parse(path.read_text()), path.read_text().splitlines()
    _note_lines(tree.body, found.first_line)
    for name, function in _functions(tree, module):
        if any(name == left or name.startswith(f"{left}.") for left in LEFT_OUT):
            continue
        body = [statement for statement in function.body if not _is_blank(statement)]
        if not body:
            continue  # a protocol's
        found.functions[name] = body[0].lineno
        inside = [node for node in _own_nodes(function) if isinstance(node, (ast.If, ast.While, ast.For))]
        inside = [node for node in inside if not _asks_for_kernels(node)]
        for number, node in enumerate(sorted(inside, key=lambda node: node.lineno), 1):
            refuses = (_refuses(node.body), _refuses(node.orelse))
            text = lines[node.lineno - 1].strip().rstrip(":")
            loop = not isinstance(node, ast.If)
            found.branches.append(Branch(name, number, path, node.lineno, node.body[0].lineno, text, loop, refuses))
        for node in _own_nodes(function):
            if isinstance(node, ast.ExceptHandler):
                found.handlers[node.body[0].lineno] = name
    return found


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(parent: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{prefix}.{node.name}", node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _functions(node, f"{prefix}.{node.name}")


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """What a function consists of, without the functions inside."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _asks_for_kernels(node: ast.stmt) -> bool:
    """Whether it is a branch whose condition, or one statement, is about the compiled kernels."""
    if not isinstance(node, ast.If):
        return False
    about = [node.test, *(node.body if len(node.body) == 1 else ())]
    names = {getattr(part, "id", getattr(part, "attr", None)) for own in about for part in ast.walk(own)}
    return bool(names & KERNEL_NAMES)


def _is_blank(statement: ast.stmt) -> bool:
    """A docstring or an ellipsis."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _refuses(body: Sequence[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Raise)


def _note_lines(body: Sequence[ast.stmt], first_line: dict[int, int]) -> None:
    for statement in body:
        for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1):
            first_line[line] = statement.lineno
        for name in ("body", "orelse", "finalbody"):
            _note_lines(getattr(statement, name, []), first_line)
        for handler in getattr(statement, "handlers", []):
            _note_lines(handler.body, first_line)


class BranchMeter:
    """Runs code under `coverage`, stretch by stretch, and says what each took."""

    def __init__(self, paths: Sequence[Path]):
        self.sources = [read_source(path) for path in paths]
        self._coverage = coverage.Coverage(data_file=None, branch=True, include=[str(path) for path in paths])
        self._coverage.set_option("run:disable_warnings", ["module-not-measured", "no-data-collected"])
        self._data: coverage.CoverageData | None = None

    @contextmanager
    def measuring(self, name: str) -> Iterator[None]:
        """Measure what is run inside, under a name."""
        self._coverage.start()
        self._coverage.switch_context(name)
        try:
            yield
        finally:
            self._coverage.stop()

    def _arcs(self, source: SourceFile, name: str | None) -> set[tuple[int, int]]:
        """(line, next line) of a file, each the first of its statement, in one stretch or in all."""
        data = self._coverage.get_data()
        if name is None:
            data.set_query_contexts(None)
        else:
            data.set_query_context(name)
        first = source.first_line
        return {(first.get(a, a), first.get(b, b)) for a, b in data.arcs(str(source.path)) or []}

    def outcomes(self, name: str | None = None) -> set[Outcome]:
        """What was taken in a stretch, or in all."""
        found: set[Outcome] = set()
        for source in self.sources:
            following: dict[int, set[int]] = {}
            for line, other in self._arcs(source, name):
                following.setdefault(line, set()).add(other)
            for branch in source.branches:
                others = following.get(branch.line, set()) - {branch.line}
                if branch.body in others:
                    found.add(Outcome(branch.function, branch.number, True))
                if others - {branch.body}:
                    found.add(Outcome(branch.function, branch.number, False))
        return found

    def branches(self) -> Iterator[Branch]:
        for source in self.sources:
            yield from source.branches

    def functions_never_run(self) -> list[str]:
        found = []
        for source in self.sources:
            lines = {line for arc in self._arcs(source, None) for line in arc}
            found += [name for name, line in source.functions.items() if line not in lines]
        return found

    def handlers_never_run(self) -> list[tuple[str, int]]:
        """(function, line) of the handlers of errors that nothing came to."""
        found = []
        for source in self.sources:
            lines = {line for arc in self._arcs(source, None) for line in arc}
            found += [(name, line) for line, name in source.handlers.items() if line not in lines]
        return found
