"""nvinfo's report as lines of text, made from what its JSON says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nvcodec.cli.command import one_line
from nvcodec.decoder.trace import TracedPart


def info_lines(info: dict[str, Any]) -> Iterator[str]:
    """The whole report but the trace."""
    yield from _sequence_lines(info)
    yield ""
    for network in info["networks"]:
        yield from _network_lines(network)
        yield ""
    yield from _component_lines(info)
    yield ""
    yield from _scale_lines(info["scales"])


def trace_lines(parts: Iterable[TracedPart]) -> Iterator[str]:
    """Every element: bit offset in its part, bits, name and value."""
    for part in parts:
        yield ""
        yield f"{part.name}: byte {part.offset}, {part.size} bytes"
        for element in part.elements:
            value = f"({element.bits // 8} bytes)" if element.value is None else element.value
            yield f"  {element.bit_offset:8d} {element.bits:6d}  {element.name} = {value}"
        if part.damage is not None:
            yield f"  damaged: {one_line(part.damage)}"


def _sequence_lines(info: dict[str, Any]) -> Iterator[str]:
    gops = [length for segment in info["segments"] for length in segment["gop_length"]]
    details = ["full range" if info["full_range"] else "limited range"]
    if info["colour_description"] is not None:
        details.append("colour (CICP) " + "-".join(map(str, info["colour_description"])))
    if info["pixel_aspect"] is not None:
        details.append(f"pixel aspect {info['pixel_aspect']}")
    picture = f"{info['width']}x{info['height']} {info['pix_fmt']}"
    source = "from the index" if info["index_source"] == "index" else "found by scanning: no valid index"
    yield f"file        {one_line(info['file'])}: {info['file_bytes']} bytes, format version {info['format_version']}"
    yield f"pictures    {info['picture_count']} of {picture}, {', '.join(details)}"
    yield f"time        {info['frame_rate']} pictures a second, {info['duration_seconds']:.3f} s"
    yield f"rate        {info['rate_bpp']:.4f} bpp, {info['bitrate'] / 1000:.1f} kbit/s"
    yield f"profile     {info['profile']}"
    yield f"structure   segments: {len(info['segments'])}, GoPs: {len(gops)} of {_span(gops)} pictures{_access(info)}"
    yield f"units       {len(info['units'])}, {source}"


def _span(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _access(info: dict[str, Any]) -> str:
    if info["profile"] == "grid":
        return ""
    gops = sum(len(segment["gop_length"]) for segment in info["segments"])
    return f"; closed: {gops - info['open_gops']}, open: {info['open_gops']}, keyint: {info['keyint']}"


FLAGS = ("picture_skip", "context_previous", "context_coarser", "context_neighbours")


def _network_lines(model: dict[str, Any]) -> Iterator[str]:
    over_time = model["role"] == "grid"
    parts = [f"window {model['window_length']}"] if over_time else [f"rows of steps {model['step_rows']}"]
    parts += [f"fusion layers {model['fusion_count']}", f"base model {model['base_model']}"]
    parts.append(", ".join(name for name in FLAGS if model[f"{name}_flag"]) or "no flags")
    yield f"{'network' if over_time else model['role']:11s} {', '.join(parts)}"
    yield "level  features  branch  grid" + ("  stride  GoP grid  window" if over_time else "") + "  context"
    for level, own in reversed(list(enumerate(model["levels"]))):
        row = f"{level:5d}  {own['features']:8d}  {own['branch']:6d}  {own['grid_channels']:4d}"
        if own["grid_channels"] and not over_time:
            row += f"  {own['context_hidden']:7d}"
        elif own["grid_channels"]:
            flags = ["yes" if own[name] else "no" for name in ("gop_grid_flag", "window_flag")]
            row += f"  {1 << own['temporal_stride_log2']:6d}  {flags[0]:>8}  {flags[1]:>6}  {own['context_hidden']:7d}"
        yield row


def _component_lines(info: dict[str, Any]) -> Iterator[str]:
    total = info["file_bytes"]
    yield "component       bytes   share"
    for name, size in info["components"].items():
        if size:
            yield f"{name:10s} {size:10d} {size / total:7.1%}"
    yield ""
    yield "level  network bytes   share  grid bytes   share"
    for level in reversed(info["levels"]):
        network, grids = level["network_bytes"], level["grid_bytes"]
        yield f"{level['level']:5d} {network:14d} {network / total:7.1%} {grids:11d} {grids / total:7.1%}"


def _scale_lines(scales: list[dict[str, Any]]) -> Iterator[str]:
    yield "scale  size         bytes read   share  kMAC per output pixel (synthesis + contexts + embedding)"
    for scale in scales:
        size, cost = f"{scale['width']}x{scale['height']}", scale["mac_per_pixel"]
        thousands = [f"{cost[name] / 1000:.3f}" for name in ("total", "synthesis", "contexts", "embedding")]
        parts = f"{thousands[0]} ({' + '.join(thousands[1:])})"
        if scale["intra_mac_per_pixel"] is not None:
            parts += f"; intra {scale['intra_mac_per_pixel']['total'] / 1000:.3f}"
        yield f"{scale['scale']:5s}  {size:11s} {scale['bytes_read']:11d} {scale['share']:7.1%}  {parts}"
