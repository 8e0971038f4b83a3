"""One encode at a time for an output, and for a checkpoint.

A lock is the kernel's (flock) on an empty hidden file beside what it guards, so it dies with its process, by kill -9
too; whoever holds it may remove what a killed encode left half-written. Where the system or the file system has no
such locks (Windows; some network file systems), nothing is held.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import sys
from collections.abc import Iterator

from nvcodec.encoder.errors import EncodeError, InUse
from nvcodec.video.target import hidden_prefix
from nvcodec.video.text import shown

if sys.platform != "win32":
    import fcntl

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


@contextlib.contextmanager
def held(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Hold the lock of an output or a checkpoint, whichever `what` calls it; what a killed encode left goes first.

    Raises InUse, and EncodeError where the folder takes no file. Pipes and devices are not locked.
    """
    final = os.path.realpath(path)
    if sys.platform == "win32" or (os.path.lexists(final) and not os.path.isfile(final)):
        yield
        return
    lock = hidden_prefix(final) + ".lock"
    try:
        handle = _acquired(lock)
    except BlockingIOError as error:
        raise InUse(f"{shown(path)}: another encode has this {what} under way") from error
    except OSError as error:
        raise EncodeError(f"{shown(path)}: cannot lock the {what}: {error.strerror or error}") from error
    try:
        for left in glob.glob(glob.escape(hidden_prefix(final)) + "-*.part"):
            with contextlib.suppress(OSError):
                os.unlink(left)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(lock)  # while it is held: who opened it before finds, below, that it has gone
        os.close(handle)


def _acquired(lock: str) -> int:
    """A descriptor that holds the lock, and is of the file that has its name. Raises BlockingIOError, OSError."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(lock)):
                    return handle
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return handle
            os.close(handle)
            raise
        os.close(handle)
