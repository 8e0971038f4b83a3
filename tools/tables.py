"""Tables of text: plain ones for a terminal, Markdown ones for docs/. Cells are strings, columns line up in both."""

from __future__ import annotations

from collections.abc import Sequence

Row = Sequence[str]


def _widths(header: Row, rows: Sequence[Row]) -> list[int]:
    return [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]


def _aligned(row: Row, widths: Sequence[int], left: int) -> list[str]:
    """The first `left` columns flush left, the others, numbers, flush right."""
    return [
        cell.ljust(width) if number < left else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def text_table(header: Row, rows: Sequence[Row], *, left: int = 1) -> str:
    """Columns two spaces apart under a ruled header."""
    widths = _widths(header, rows)
    rule = ["-" * width for width in widths]
    lines = [_aligned(row, widths, left) for row in (header, rule, *rows)]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def markdown_table(header: Row, rows: Sequence[Row], *, left: int = 1) -> str:
    widths = _widths(header, rows)
    rule = ["-" * width if number < left else "-" * (width - 1) + ":" for number, width in enumerate(widths)]
    lines = [_aligned(header, widths, left), rule, *(_aligned(row, widths, left) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
