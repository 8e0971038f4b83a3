"""Running the ffmpeg of imageio-ffmpeg: never through a shell, names always as file: URLs, its last words as errors.

Sources are not trusted: what they refer to is opened from no network (`FfmpegInput`), and `probe` refuses playlists.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from io import BufferedIOBase
from types import TracebackType
from typing import cast

import imageio_ffmpeg

from nvcodec.video.errors import FfmpegMissing, InputUnreadable
from nvcodec.video.text import shown

_PATTERN = frozenset("%*?{}[]")
"""With one of these in its name, ffmpeg may take a picture for a series of files."""
_QUIET = ("-v", "error", "-nostdin", "-nostats", "-hide_banner")


def ffmpeg_executable() -> str:
    """Raises FfmpegMissing."""
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FfmpegMissing("imageio-ffmpeg carries no ffmpeg for this machine: set IMAGEIO_FFMPEG_EXE") from error


def file_url(path: str | os.PathLike[str]) -> str:
    """A name that ffmpeg takes for a file, whatever characters it has."""
    return "file:" + os.fspath(path)


class FfmpegInput:
    """A file as ffmpeg's input, that one file and nothing over the network. `arguments` are for the command line.

    A name in which ffmpeg would see a pattern gets a plain one, by a link in a private folder that `close` removes.
    Raises InputUnreadable.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        name = os.fspath(path)
        if not _PATTERN.isdisjoint(name):
            suffix = os.path.splitext(name)[1]
            try:
                self._folder = tempfile.TemporaryDirectory(prefix="nvcodec-")
                plain = os.path.join(self._folder.name, "source" + (suffix if _PATTERN.isdisjoint(suffix) else ""))
                os.symlink(os.path.abspath(name), plain)
            except OSError as error:
                self.close()
                raise InputUnreadable(f"{shown(path)}: no link to it can be made: {error.strerror or error}") from error
            name = plain
        self.arguments = ["-protocol_whitelist", "file", "-i", file_url(name)]

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> FfmpegInput:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def last_line(messages: str) -> str:
    """The last thing that ffmpeg says, without the part of it that says it."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    if not lines:
        return "it gives no reason"
    line = re.sub(r"^(\[[^\]]* @ [^\]]*\] )+", "", lines[-1])
    return re.sub(r"^Error opening input files: ", "", line)


def first_complaint(messages: str) -> str:
    """The first message of one of ffmpeg's parts, which tells the cause where later ones tell what came of it."""
    for line in messages.splitlines():
        if met := re.match(r"(?:\[[^\]]* @ [^\]]*\] )+(.+)", line.strip()):
            return met[1]
    return last_line(messages)


def run_ffmpeg(arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end, whatever its status, and keep what it says. Raises FfmpegMissing."""
    executable = ffmpeg_executable()
    command = [executable, "-hide_banner", "-nostdin", "-nostats", *arguments]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise _not_started(executable, error) from error


def _not_started(executable: str, error: OSError) -> FfmpegMissing:
    return FfmpegMissing(f"ffmpeg does not start: {shown(executable)}: {error.strerror or error}")


class FfmpegPipe:
    """A running ffmpeg that reads raw pictures from us, or writes them to us. Its messages go to a private file."""

    def __init__(self, arguments: Sequence[str], *, writes: bool):
        """writes: whether ffmpeg writes to `pipe`; else it reads from it. Raises FfmpegMissing."""
        executable = ffmpeg_executable()
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                [executable, *_QUIET, *arguments],
                stdin=subprocess.DEVNULL if writes else subprocess.PIPE,
                stdout=subprocess.PIPE if writes else subprocess.DEVNULL,
                stderr=self._messages,
                start_new_session=True,  # Ctrl-C is for us: we end it, or let it finish
            )
        except OSError as error:
            self._messages.close()
            raise _not_started(executable, error) from error
        self.pipe = cast(BufferedIOBase, self._process.stdout if writes else self._process.stdin)

    def wait(self) -> int:
        """Close our end of a pipe that ffmpeg reads, and wait for its exit status."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        return self._process.wait()

    def last_words(self) -> str:
        """The last line of its messages; call after `wait`."""
        self._messages.seek(0)
        return last_line(self._messages.read().decode(errors="replace"))

    def close(self) -> None:
        """End it, if it still runs, and let go of everything."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self.pipe.close()
        self._messages.close()
