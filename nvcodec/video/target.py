"""Outputs that appear whole or not at all: written to a private file beside the target, then renamed onto it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat

from nvcodec.video.errors import OutputError, OutputExists
from nvcodec.video.text import shown


def refuse_existing(path: str | os.PathLike[str], overwrite: bool) -> None:
    """Raise OutputExists where a file would be replaced without leave. '-', pipes and devices replace nothing."""
    if os.fspath(path) != "-" and os.path.isfile(path) and not overwrite:
        raise OutputExists(f"{shown(path)}: exists already: give -y to overwrite it")


def hidden_prefix(final: str) -> str:
    """How the names of the private files for an output begin: in its folder, and told from those of other outputs."""
    folder, name = os.path.split(final)
    return os.path.join(folder, f".nvcodec-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}")


class Target:
    """Where an output goes. `path` is what to write to: the private file, or a pipe or device itself.

    The private file is its owner's alone until `commit` gives it the permissions of the umask.

    Raises OutputError.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.name = shown(path)
        try:
            self._final = os.path.realpath(path)  # a link stays, what it points to is replaced
            if os.path.isdir(self._final):
                raise OutputError(f"{self.name}: is a directory")
            self._is_renamed = not os.path.lexists(self._final) or os.path.isfile(self._final)
            self.path = self._final
            if self._is_renamed:
                self.path = f"{hidden_prefix(self._final)}-{secrets.token_hex(8)}.part"
                handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
                self._mode = stat.S_IMODE(os.fstat(handle).st_mode)
                with os.fdopen(handle, "wb"):
                    if hasattr(os, "fchmod"):  # by the open file: another encode may clear this one's name away
                        os.fchmod(handle, 0o600)
                    else:
                        os.chmod(self.path, 0o600)
        except (OSError, ValueError) as error:
            raise self.refused(error) from error

    def refused(self, error: OSError | ValueError) -> OutputError:
        """The error of ours for one of the operating system's."""
        reason = error.strerror if isinstance(error, OSError) else None
        return OutputError(f"{self.name}: cannot be written: {reason or error}")

    def commit(self) -> None:
        """Put the whole output in its place. Raises OutputError, and then nothing is left behind."""
        if self._is_renamed:
            try:
                os.chmod(self.path, self._mode)
                os.replace(self.path, self._final)
            except OSError as error:
                self.discard()
                raise self.refused(error) from error

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._is_renamed:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
