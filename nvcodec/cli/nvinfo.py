"""nvinfo: what an .msn file says of itself, for people or as JSON. Exit status 1 where the file is damaged."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, NoReturn

import click

from nvcodec import Decoder
from nvcodec.cli.command import STATUS_FAILED, complain, print_out, run
from nvcodec.cli.info_text import info_lines, trace_lines
from nvcodec.cli.options import common_options, read_whole
from nvcodec.decoder import trace
from nvcodec.decoder.decoder import SCALES


@click.command("nvinfo")
@click.argument("source", metavar="INPUT")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--trace", "wants_trace", is_flag=True, help="Print every syntax element of every unit; checks all CRCs.")
@common_options
def nvinfo(source: str, as_json: bool, wants_trace: bool) -> int:
    """Describe an .msn file (- is standard input): format, networks, bytes by component and scale, decoding cost.

    The exit status is 1 where units are missing, or, with --trace, damaged.
    """
    with Decoder(read_whole(source), max_memory=None) as decoder:
        info = describe(decoder)
        parts = list(trace.trace_file(decoder)) if wants_trace else []
    if as_json:
        if wants_trace:
            info["trace"] = [asdict(part) for part in parts]
        print_out(json.dumps(info, indent=2))
    else:
        print_out("\n".join([*info_lines(info), *trace_lines(parts)]))
    damaged = [part.name for part in parts if part.damage is not None]
    faults = [("damaged", damaged), ("missing", info["missing_units"])]
    message = "; ".join(f"{fault}: {', '.join(names)}" for fault, names in faults if names)
    if message:
        complain("nvinfo", f"{info['file']}: {message}")
    return STATUS_FAILED if message else 0


def main() -> NoReturn:
    run(nvinfo)


def describe(decoder: Decoder) -> dict[str, Any]:
    """Everything but the trace, in JSON's types. Sizes are bytes; shares are of the whole file."""
    container, video = decoder.container, decoder.source_format
    rate_bits = 8 * container.size
    seconds = len(decoder) / video.frame_rate
    return {
        "file": container.name,
        "file_bytes": container.size,
        "format_version": f"{container.file_header.version_major}.{container.file_header.version_minor}",
        "index_source": container.index_source,
        "width": video.width,
        "height": video.height,
        "pix_fmt": video.pix_fmt,
        "chroma_format": video.chroma_format,
        "bit_depth": video.bit_depth,
        "full_range": video.full_range,
        "colour_description": None if video.colour is None else list(video.colour),
        "pixel_aspect": None if video.pixel_aspect is None else str(video.pixel_aspect),
        "frame_rate": str(video.frame_rate),
        "picture_count": len(decoder),
        "duration_seconds": float(seconds),
        "rate_bpp": rate_bits / (video.width * video.height * len(decoder)),
        "bitrate": float(rate_bits / seconds),
        "profile": decoder.sequence.profile,
        "segments": [asdict(segment) for segment in decoder.segments],
        "open_gops": sum(place.open for place in decoder.gops),
        "keyint": trace.access_distance(decoder),
        "networks": [asdict(config) for config in decoder.sequence.models],
        "components": trace.component_bytes(decoder),
        "levels": [_level(decoder, level) for level in range(len(decoder.config.levels))],
        "scales": [_scale(decoder, finest) for finest in range(len(SCALES))],
        "units": [{"name": str(e.key), **asdict(e.key), "offset": e.offset, "size": e.size} for e in container.entries],
        "missing_units": [str(key) for key in trace.missing_units(decoder)],
    }


def _level(decoder: Decoder, level: int) -> dict[str, int]:
    network, grids = trace.level_bytes(decoder, level)
    return {"level": level, "network_bytes": network, "grid_bytes": grids}


def _scale(decoder: Decoder, finest: int) -> dict[str, Any]:
    video = decoder.source_format.scaled(finest)
    read, cost = trace.bytes_read(decoder, finest), trace.scale_cost(decoder, finest)
    intra = trace.network_cost(decoder, decoder.config, finest) if decoder.sequence.motion else None
    return {
        "scale": SCALES[finest],
        "width": video.width,
        "height": video.height,
        "bytes_read": read,
        "share": read / decoder.container.size,
        "mac_per_pixel": {**asdict(cost), "total": cost.total},
        "intra_mac_per_pixel": None if intra is None else {**asdict(intra), "total": intra.total},
    }


if __name__ == "__main__":
    main()
