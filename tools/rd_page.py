"""Rate-distortion curves to look at: a PNG per clip, and one HTML page that needs no other file."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curves import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curves = Mapping[str, Sequence[Point]]

STYLE = """body { font: 15px/1.5 sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em; color: #222 }
svg { max-width: 100%; height: auto }
table { border-collapse: collapse; margin: 1em 0 }
th, td { padding: .2em .8em; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child, td.words { text-align: left }"""


def draw_curves(clip: str, curves: Curves) -> Figure:
    """Luma PSNR and YUV-PSNR over a logarithmic rate axis, ours thick."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), layout="constrained")
    figure.suptitle(clip)
    for axes, (quality, label) in zip(
        figure.subplots(1, 2), (("psnr_y", "luma PSNR, dB"), ("psnr_yuv", "YUV-PSNR (6Y+U+V)/8, dB")), strict=True
    ):
        _draw_axes(axes, curves, quality, label)
    return figure


def _draw_axes(axes: Axes, curves: Curves, quality: str, label: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    for codec, points in curves.items():
        is_ours = codec.startswith("nvcodec")
        axes.plot(
            [point.bpp for point in points],
            [getattr(point, quality) for point in points],
            marker="o" if is_ours else ".",
            linewidth=2.2 if is_ours else 1,
            label=codec,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("bits per pixel (file on disk)")
    axes.set_ylabel(label)
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()


def save_png(path: Path, figure: Figure) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None})


def inline_svg(figure: Figure, prefix: str) -> str:
    """The figure as an <svg> element; ids get a prefix, so that several fit on one page."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = text.getvalue()
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", re.sub(r'href="#', f'href="#{prefix}-', svg))
    return svg[svg.index("<svg") :]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{body}</table>\n"


def _bd_table(rows: Sequence[Sequence[str]]) -> str:
    return _table(("our curve", "anchor", "BD-rate"), rows).replace("<td>", '<td class="words">')


def html_page(sections: Mapping[str, tuple[str, Curves, Sequence[Sequence[str]]]]) -> str:
    """sections: by clip, its <svg>, its curves and its lines of BD-rates (our curve, anchor, words)."""
    parts = []
    for clip, (svg, curves, bd_rates) in sections.items():
        rows = [
            [codec, str(point.bytes), f"{point.bpp:.5f}", f"{point.psnr_y:.3f}", f"{point.psnr_yuv:.3f}"]
            for codec, points in curves.items()
            for point in points
        ]
        parts.append(
            f"<h2>{html.escape(clip)}</h2>\n{svg}\n{_bd_table(bd_rates)}"
            f"<details><summary>All points</summary>\n"
            f"{_table(('codec', 'bytes', 'bpp', 'luma dB', 'YUV dB'), rows)}</details>"
        )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>nvcodec: rate and distortion</title>\n'
        f"<style>{STYLE}</style></head><body>\n<h1>Rate and distortion</h1>\n"
        "<p>PSNR is the mean over pictures, of planes decoded from the file; the rate is the file's size on disk. "
        "BD-rate is over YUV-PSNR: how much more rate ours needs at equal quality, below 0 less.</p>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )
