"""nvenc: a video to an .msn file.

Everything that can be refused early is, before torch is loaded and long before a fit that may take hours: options,
an output that exists or cannot be written, a source that cannot be read.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, cast

import click

import nvcodec
from nvcodec.cli import options
from nvcodec.cli.command import complain, print_out, run, stopped_by
from nvcodec.cli.stopping import StopRequest
from nvcodec.encoder.lock import held
from nvcodec.encoder.presets import PRESETS
from nvcodec.encoder.settings import DEFAULT_GOP, DEFAULT_QUALITY, LONGEST_GOP, TUNES, EncodeSettings
from nvcodec.errors import NvcodecError
from nvcodec.video import OutputClosed, OutputError, OutputExists, open_reader
from nvcodec.video.target import Target
from nvcodec.video.text import shown

if TYPE_CHECKING:
    from nvcodec.encoder.encode import EncodeSummary

PROFILES = tuple(LONGEST_GOP)[::-1]
LIMIT = "(above 1 GiB on disk)"
LARGEST = 1e6
"""Of an option that is a plain number: far beyond sense, but no infinity."""

PROFILE_HELP = (
    "hybrid: pictures are predicted from others, what is left is transformed; motion: it is left to networks; "
    "grid: each picture decodes without any other."
)
GOP_HELP = (
    f"Longest GoP, in pictures: up to {LONGEST_GOP['hybrid']}, {LONGEST_GOP['grid']} (grid); divided evenly."
    f"  [default: by content, up to {DEFAULT_GOP['hybrid']}; {DEFAULT_GOP['grid']} (grid)]"
)
KEYINT_HELP = (
    f"From some picture of any N on, decoding can begin; not in the grid profile.  [default: {EncodeSettings.keyint}]"
)


@click.command("nvenc")
@click.argument("source", metavar="INPUT")
@options.output_options
@click.option("--video-size", type=options.video_size, metavar="WxH", help="Of raw video.")
@click.option("--framerate", "frame_rate", type=options.frame_rate, metavar="F", help="Such as 25 or 30000/1001.")
@click.option("--pix-fmt", type=options.pix_fmt, metavar="FORMAT", help="Of raw video, as yuv420p or yuv444p10le.")
@click.option("--preset", type=click.Choice(tuple(PRESETS)), default="medium", show_default=True)
@click.option("--quality", type=click.FloatRange(0, 100), help=f"Default: {DEFAULT_QUALITY:g}, or by the wanted size.")
@click.option("--lambda", "lam", type=click.FloatRange(0, LARGEST, min_open=True), help="Weight of a bit per pixel.")
@click.option("--size", "size_bytes", type=options.amount, metavar="BYTES", help="Wanted size, such as 200k.")
@click.option("--bitrate", type=options.amount, metavar="BITS", help="Wanted bits a second, such as 150k.")
@click.option("--tune", type=click.Choice(TUNES), default=TUNES[0], show_default=True)
@click.option("--profile", type=click.Choice(PROFILES), default="hybrid", show_default=True, help=PROFILE_HELP)
@click.option("--gop", "gop_length", type=click.IntRange(1), help=GOP_HELP)
@click.option("--keyint", type=click.IntRange(1), metavar="N", help=KEYINT_HELP)
@click.option("--epochs", type=click.FloatRange(0, LARGEST, min_open=True), help="Passes, instead of the preset's.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda")), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=0), default=0, help="Default: one per processor.")
@click.option("--checkpoint", metavar="PATH", help="Default: OUT.checkpoint; none when OUT is -.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint.")
@click.option("--json", "as_json", is_flag=True, help="Print a summary on stdout (on stderr when OUT is -).")
@options.common_options
def nvenc(
    source: str,
    output: str,
    overwrite: bool,
    quiet: bool,
    video_size: tuple[int, int] | None,
    frame_rate: Fraction | None,
    pix_fmt: str | None,
    checkpoint: str | None,
    resume: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Encode a video into an .msn file.

    INPUT is a .yuv or .y4m file, anything that ffmpeg reads, or - for raw video or y4m on standard input. Ctrl-C
    leaves a checkpoint (exit status 130; 143 after SIGTERM) that --resume goes on from; a second one stops at once.
    """
    wanted = {name: value for name, value in settings.items() if value is not None}
    _check_rate_options(wanted)
    _check_structure_options(wanted)
    if checkpoint is None and output != options.STANDARD_STREAM:
        checkpoint = f"{output}.checkpoint"
    _check_outputs(source, output, checkpoint, overwrite, resume)
    raw = {"video_size": video_size, "frame_rate": frame_rate, "pix_fmt": pix_fmt}
    need = _check_source(source, raw)
    shows_progress = not quiet and sys.stderr is not None and sys.stderr.isatty()
    if shows_progress:
        click.echo(need, err=True)
    with StopRequest() as should_stop:
        try:
            with _progress(shows_progress) as progress:
                summary = _encode(
                    source,
                    output,
                    checkpoint=checkpoint,
                    resume=resume,
                    overwrite=overwrite,
                    progress=progress,
                    should_stop=should_stop,
                    **raw,
                    **wanted,
                )
        except OutputClosed:
            raise
        except NvcodecError as error:
            if should_stop.signal is None:
                raise
            complain("nvenc", error)
            return stopped_by(should_stop.signal)
    if as_json:
        text = json.dumps(summary.to_dict(), indent=2)
        if output == options.STANDARD_STREAM:
            click.echo(text, err=True)
        else:
            print_out(text)
    elif not quiet:
        _print_summary(summary)
    return 0


def main() -> NoReturn:
    run(nvenc)


def _check_rate_options(wanted: dict[str, Any]) -> None:
    names = {"quality": "--quality", "lam": "--lambda", "size_bytes": "--size", "bitrate": "--bitrate"}
    given = [option for name, option in names.items() if name in wanted]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)}: only one of them may be given")


def _check_structure_options(wanted: dict[str, Any]) -> None:
    profile, longest = wanted["profile"], LONGEST_GOP[wanted["profile"]]
    if wanted.get("gop_length", 1) > longest:
        raise click.UsageError(f"--gop {wanted['gop_length']}: allowed is 1 to {longest} in the {profile} profile")
    if "keyint" in wanted and profile == "grid":
        raise click.UsageError(f"--keyint: the {profile} profile has none, decoding can begin at every GoP")


def _check_outputs(source: str, output: str, checkpoint: str | None, overwrite: bool, resume: bool) -> None:
    """Refuse what would be lost or could not be written."""
    options.check_output(output, source, overwrite)
    if checkpoint is None and resume:
        raise click.UsageError("--resume: with standard output, --checkpoint must say where the checkpoint is")
    if checkpoint is not None:
        options.check_distinct(checkpoint, {"input": source, "output": output})
    for path, what in ((output, "output"), (checkpoint, "checkpoint")):
        if path is not None and path != options.STANDARD_STREAM:
            Target(path).discard()
            with held(path, what):  # says at once whether it is in use; the encode asks again
                pass
    if checkpoint is not None and os.path.isfile(checkpoint) and not (resume or overwrite):
        raise OutputExists(
            f"{shown(checkpoint)}: the checkpoint of an interrupted encode: --resume goes on from it, -y starts anew"
        )


def _check_source(source: str, raw: dict[str, Any]) -> str:
    """Read what the source says of itself; return what keeping it takes. Pipes can be opened only once: not here."""
    options.check_input(source)
    if source == options.STANDARD_STREAM or (os.path.exists(source) and not os.path.isfile(source)):
        return f"nvenc: the source is kept in memory {LIMIT}"
    with open_reader(source, **raw) as reader:
        video, count = reader.format, reader.picture_count
    pictures = "pictures" if count is None else f"{count} pictures"
    size = f"{(count or 1) * video.frame_bytes / 1e6:.1f} MB{' each' if count is None else ''}"
    return f"nvenc: {pictures} of {video.width}x{video.height} {video.pix_fmt}; keeping them takes {size} {LIMIT}"


def _progress(is_shown: bool) -> AbstractContextManager[Any]:
    if not is_shown:
        return nullcontext()
    try:
        from nvcodec.cli.progress import ProgressBar
    except ImportError:  # tqdm comes with the encoder's packages; `encode` says when these are missing
        return nullcontext()
    return ProgressBar()


def _encode(source: str, output: str, **arguments: Any) -> EncodeSummary:
    if output != options.STANDARD_STREAM and (os.path.isfile(output) or not os.path.exists(output)):
        return nvcodec.encode(source, output, **arguments)
    return nvcodec.encode(source, cast(BinaryIO, _Stream(output)), **arguments)


class _Stream:
    """Standard output, a pipe or a device, opened when there is something to write."""

    def __init__(self, output: str):
        self.output = output

    def write(self, data: bytes) -> None:
        """Raises OutputError, OutputClosed; the checkpoint is then still there."""
        is_standard = self.output == options.STANDARD_STREAM
        name = "standard output" if is_standard else shown(self.output)
        try:
            with open(os.dup(sys.stdout.fileno()) if is_standard else self.output, "wb") as file:
                file.write(data)
        except BrokenPipeError as error:
            raise OutputClosed(f"{name}: its reader has gone") from error
        except OSError as error:
            raise OutputError(f"{name}: cannot be written: {error.strerror or error}") from error


def _print_summary(summary: EncodeSummary) -> None:
    parts = ", ".join(f"{name} {size / summary.file_bytes:.1%}" for name, size in summary.component_bytes.items())
    scales = ", ".join(f"{decibels:.2f} at {scale}" for scale, decibels in summary.psnr_y.items())
    seconds = sum(summary.seconds.values())
    click.echo(f"nvenc: {summary.file_bytes} bytes, {summary.rate_bpp:.4f} bpp ({parts})", err=True)
    click.echo(f"nvenc: luma PSNR in dB {scales}; {seconds:.1f} s on {summary.device}{_peak_memory()}", err=True)


def _peak_memory() -> str:
    try:
        import resource
    except ImportError:  # not on Windows
        return ""
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes
    return f", {peak / 1e6:.0f} MB of memory"


if __name__ == "__main__":
    main()
