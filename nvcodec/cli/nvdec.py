"""nvdec: an .msn file to pictures. Never loads torch unless `--backend torch` asks for it."""

from __future__ import annotations

import time
from typing import NoReturn

import click

from nvcodec import Decoder
from nvcodec.cli.command import STATUS_CONCEALED, complain, run
from nvcodec.cli.options import (
    Range,
    amount,
    check_output,
    common_options,
    frame_range,
    output_options,
    read_whole,
    resolve_range,
)
from nvcodec.decoder.decoder import SCALES
from nvcodec.decoder.memory import DEFAULT_MAX_MEMORY
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
@click.option("--conceal", is_flag=True, help="Go on where units are damaged; say what was lost; exit status 3.")
@click.option(
    "--max-memory",
    type=amount,
    default=f"{DEFAULT_MAX_MEMORY // 1_000_000_000}G",
    show_default=True,
    metavar="BYTES",
    help="Refuse files that may need more, such as 500M.",
)
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
    conceal: bool,
    max_memory: int,
    backend: str,
    threads: int,
) -> int:
    """Decode an .msn file (- is standard input) to .yuv, .y4m, lossless .mkv, or y4m on standard output.

    The exit status is 3 where --conceal had to put something in place of what was lost.
    """
    check_output(output, source, overwrite)
    began = time.monotonic()
    with Decoder(
        read_whole(source),
        scale=scale,
        backend=backend,
        threads=threads,
        verify=verify,
        conceal=conceal,
        max_memory=max_memory,
    ) as decoder:
        first, end = resolve_range(frames, len(decoder))
        try:
            writer = open_writer(output, decoder.format)
        except OutputUnsupported as error:
            raise click.UsageError(str(error)) from error
        with writer:
            for frame in decoder.frames(first, end):
                writer.write(frame)
        losses = decoder.losses
    for loss in losses:
        complain("nvdec", loss)
    if not quiet:
        seconds = time.monotonic() - began
        made = f"{end - first} pictures of {decoder.format.width}x{decoder.format.height}"
        checked = ", equal to their digests" if verify and not losses else ""
        click.echo(f"nvdec: {made} in {seconds:.2f} s, {(end - first) / seconds:.1f} a second{checked}", err=True)
    return STATUS_CONCEALED if losses else 0


def main() -> NoReturn:
    run(nvdec)


if __name__ == "__main__":
    main()
