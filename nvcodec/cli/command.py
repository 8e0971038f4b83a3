"""What the commands share: whatever goes wrong becomes one line on stderr and an exit status, never a traceback.

Statuses: 0 done; 1 something about the input, the output or the machine; 2 a wrong option; 3 done, but
with pictures that are not what the encoder made (nvdec --conceal); 130 and 143 stopped by SIGINT and SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from nvcodec.errors import NvcodecError
from nvcodec.video import OutputClosed, OutputError

STATUS_FAILED = 1
STATUS_USAGE = 2
STATUS_CONCEALED = 3


def run(command: click.Command) -> NoReturn:
    """Run a command on the process's arguments, and exit."""
    signal.signal(signal.SIGTERM, _exit_on_signal)
    name = command.name or "nvcodec"
    try:
        status = _invoke(command, name)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # all is said and done: one more would only make the exit untidy
    sys.exit(_flush_output() or status)


def print_out(text: str) -> None:
    """A text and a newline on standard output. Raises OutputError, OutputClosed."""
    try:
        click.echo(text)
    except BrokenPipeError as error:
        raise OutputClosed("standard output: its reader has gone") from error
    except OSError as error:
        raise OutputError(f"standard output: cannot be written: {error.strerror or error}") from error


def stopped_by(signal_number: int) -> int:
    """The exit status, as shells count it, of a program that a signal stopped."""
    return 128 + signal_number


def complain(name: str, message: object) -> None:
    """One line on stderr, whatever characters the message has."""
    click.echo(f"{name}: {one_line(str(message))}", err=True)


def one_line(text: str) -> str:
    """The text with every character escaped that cannot stand in a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _invoke(command: click.Command, name: str) -> int:
    # click's own main() would print usage errors in several lines, and an empty one on Ctrl-C.
    try:
        with command.make_context(name, sys.argv[1:]) as context:
            return command.invoke(context) or 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        complain(name, error.format_message())
        return STATUS_USAGE
    except OutputClosed:
        return STATUS_FAILED
    except NvcodecError as error:
        complain(name, error)
    except KeyboardInterrupt:
        complain(name, "interrupted")
        return stopped_by(signal.SIGINT)
    except OSError as error:
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        complain(name, f"{place}{error.strerror or error}")
    except MemoryError:
        complain(name, "not enough memory")
    return STATUS_FAILED


def _flush_output() -> int:
    """Make sure that Python has nothing left to write, which it would report in its own way, when it exits."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
        return STATUS_FAILED
    return 0


def _exit_on_signal(number: int, _: FrameType | None) -> NoReturn:
    """Leave by an exception, so that unfinished outputs are removed."""
    raise SystemExit(stopped_by(number))
