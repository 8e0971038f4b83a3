"""An encode in a process of its own that says where it stands, for those who mean to end it.

The processes are forked from a server that has loaded torch once, so that starting one takes no time.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import nvcodec
from nvcodec.errors import NvcodecError

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["nvcodec.encoder.encode", "nvcodec.synthesis.torch_backend", "onnxruntime", "onnx"])


class ReportedEncode:
    """A running encode of `source` into `output`, with the checkpoint beside it. End it by reading on, or by `kill`."""

    def __init__(
        self, source: Path, output: Path, settings: dict[str, Any], checkpoint_seconds: float, *, resume: bool = False
    ):
        """settings: of `nvcodec.encode`; checkpoint_seconds: after how many to write the checkpoint anew."""
        self._connection, theirs = SERVER.Pipe(duplex=False)
        arguments = (theirs, str(source), str(output), settings, checkpoint_seconds, resume)
        self._process = SERVER.Process(target=_encode, args=arguments)
        self._process.start()
        theirs.close()
        self.error: str | None = None
        """What the encode complained of, once `events` have ended."""

    def events(self) -> Iterator[str]:
        """The phase of each progress event, as they come, until the process has ended."""
        while True:
            try:
                phase, error = self._connection.recv()
            except (EOFError, OSError):
                break
            if error is not None:
                self.error = error
            else:
                yield phase
        self._process.join()
        if self._process.exitcode and self.error is None:
            self.error = f"ended with status {self._process.exitcode}"

    def kill(self) -> None:
        """SIGKILL: nothing in the process can do anything about it."""
        self._process.kill()


def _encode(
    connection: Connection, source: str, output: str, settings: dict[str, Any], checkpoint_seconds: float, resume: bool
) -> None:
    from nvcodec.encoder import encode

    encode.CHECKPOINT_SECONDS = checkpoint_seconds
    try:
        nvcodec.encode(
            source,
            output,
            checkpoint=f"{output}.checkpoint",
            resume=resume,
            overwrite=False,
            progress=lambda event: connection.send((event.phase, None)),
            **settings,
        )
    except NvcodecError as error:
        connection.send(("", str(error)))
