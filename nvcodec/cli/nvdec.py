"""nvdec: an .msn file to pictures. Never loads torch unless `--backend torch` asks for it."""

from __future__ import annotations

import time
from typing import NoReturn

import click

from nvcodec import Decoder
from nvcodec.cli.command import run
from nvcodec.cli.options import (
    Range,
    check_output,
    common_options,
    frame_range,
    output_options,
    read_whole,
    resolve_range,
)
from nvcodec.decoder.decoder import SCALES
from nvcodec.video import open_writer
from nvcodec.video.errors import OutputUnsupported

BACKENDS = ("onnxruntime", "numpy", "torch")


@click.command("nvdec")
@click.argument("source", metavar="INPUT")
@output_options
@click.option("--scale", type=click.Choice(SCALES), default="1", show_default=True, help="Size of the pictures.")
@click.option(
    "--frames", type=frame_range, default=":", metavar="A:B", help="A:B as a Python slice, such as 40:80 or -25:."
)
@click.option("--verify", is_flag=True, help="Compare every picture with the digest that the file has of it.")
@click.option("--backend", type=click.Choice(BACKENDS), default=BACKENDS[0], show_default=True)
@click.option("--threads", type=click.IntRange(min=0), default=0, help="Default: one per processor.")
@common_options
def nvdec(
    source: str,
    output: str,
    overwrite: bool,
    quiet: bool,
    scale: str,
    frames: Range,
    verify: bool,
    backend: str,
    threads: int,
) -> None:
    """Decode an .msn file (- is standard input) to .yuv, .y4m, lossless .mkv, or y4m on standard output."""
    check_output(output, source, overwrite)
    began = time.monotonic()
    with Decoder(read_whole(source), scale=scale, backend=backend, threads=threads, verify=verify) as decoder:
        first, end = resolve_range(frames, len(decoder))
        try:
            writer = open_writer(output, decoder.format)
        except OutputUnsupported as error:
            raise click.UsageError(str(error)) from error
        with writer:
            for frame in decoder.frames(first, end):
                writer.write(frame)
    if not quiet:
        seconds = time.monotonic() - began
        made = f"{end - first} pictures of {decoder.format.width}x{decoder.format.height}"
        checked = ", equal to their digests" if verify else ""
        click.echo(f"nvdec: {made} in {seconds:.2f} s, {(end - first) / seconds:.1f} a second{checked}", err=True)


def main() -> NoReturn:
    run(nvdec)


if __name__ == "__main__":
    main()
