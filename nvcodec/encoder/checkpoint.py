"""Checkpoints: one file, replaced atomically, loaded without unpickling anything but tensors and plain values."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch

from nvcodec.encoder.errors import CheckpointMismatch, EncodeError

CHECKPOINT_VERSION = 2

State = dict[str, Any]
"""Tensors and plain values by name, nested: what `torch.load` reads without unpickling anything else."""


def save_checkpoint(path: Path, source_digest: str, settings: dict[str, str], state: State) -> None:
    """Write a checkpoint beside `path` and rename it into place. Raises EncodeError where the disk refuses."""
    content = {"version": CHECKPOINT_VERSION, "source": source_digest, "settings": settings, "state": state}
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            torch.save(content, file)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise EncodeError(f"{path}: cannot write the checkpoint: {reason}") from error


def load_checkpoint(path: Path, source_digest: str, settings: dict[str, str], device: torch.device) -> State:
    """The state of a checkpoint. Raises CheckpointMismatch, naming what differs."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:  # torch.load doesn't look at the checksums
                raise CheckpointMismatch(f"{path}: the checkpoint is damaged")
        content = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise CheckpointMismatch(f"{path}: cannot read the checkpoint: {error.strerror or error}") from error
    except CheckpointMismatch:
        raise
    except Exception as error:
        raise CheckpointMismatch(f"{path}: not a checkpoint of nvenc, or damaged") from error
    if not isinstance(content, dict) or not {"version", "source", "settings", "state"} <= content.keys():
        raise CheckpointMismatch(f"{path}: not a checkpoint of nvenc, or damaged")
    if content["version"] != CHECKPOINT_VERSION:
        raise CheckpointMismatch(
            f"{path}: checkpoint version {content['version']}, this program knows {CHECKPOINT_VERSION}"
        )
    if content["source"] != source_digest:
        raise CheckpointMismatch(f"{path}: the checkpoint is of another source")
    for name in sorted(settings.keys() | content["settings"].keys()):
        kept, given = content["settings"].get(name), settings.get(name)
        if kept != given:
            raise CheckpointMismatch(f"{path}: the checkpoint has {name} {kept}, this encode {given}")
    state: State = content["state"]
    return state
