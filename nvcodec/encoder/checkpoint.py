"""Checkpoints: one file, replaced atomically, loaded without unpickling anything but tensors and plain values."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch

from nvcodec.encoder.errors import CheckpointMismatch, EncodeError
from nvcodec.version import __version__
from nvcodec.video.target import hidden_prefix
from nvcodec.video.text import shown

CHECKPOINT_VERSION = 4

State = dict[str, Any]
"""Tensors and plain values by name, nested: what `torch.load` reads without unpickling anything else."""


def save_checkpoint(path: Path, source: str, settings: dict[str, str], state: State) -> None:
    """Write a checkpoint beside `path` and rename it into place. Raises EncodeError where the disk refuses."""
    content = {
        "version": CHECKPOINT_VERSION,
        "program": __version__,
        "source": source,
        "settings": settings,
        "state": state,
    }
    temporary = None
    try:
        folder, prefix = os.path.split(hidden_prefix(os.path.realpath(path)))
        handle, temporary = tempfile.mkstemp(prefix=f"{prefix}-", suffix=".part", dir=folder)
        with os.fdopen(handle, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, os.path.realpath(path))
    except (OSError, RuntimeError) as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise EncodeError(f"{shown(path)}: cannot write the checkpoint: {reason}") from error


def load_checkpoint(path: Path, source: str, settings: dict[str, str], device: torch.device) -> State:
    """The state of a checkpoint. Raises CheckpointMismatch, naming what differs."""
    name = shown(path)
    content = _read(path, name, device)
    if content["version"] != CHECKPOINT_VERSION:
        raise CheckpointMismatch(
            f"{name}: checkpoint version {content['version']}, this program knows {CHECKPOINT_VERSION}"
        )
    if content["program"] != __version__:
        raise CheckpointMismatch(f"{name}: the checkpoint is of nvcodec {content['program']}, this is {__version__}")
    if content["source"] != source:
        raise CheckpointMismatch(
            f"{name}: the checkpoint is of another source: it has {content['source']}, this encode {source}"
        )
    for setting in sorted(settings.keys() | content["settings"].keys()):
        kept, given = content["settings"].get(setting), settings.get(setting)
        if kept != given:
            raise CheckpointMismatch(f"{name}: the checkpoint has {setting} {kept}, this encode {given}")
    state: State = content["state"]
    return state


def _read(path: Path, name: str, device: torch.device) -> State:
    """What the file holds, once it has every field of a checkpoint. Raises CheckpointMismatch."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:  # torch.load doesn't look at the checksums
                raise CheckpointMismatch(f"{name}: the checkpoint is damaged")
        content = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise CheckpointMismatch(f"{name}: cannot read the checkpoint: {error.strerror or error}") from error
    except CheckpointMismatch:
        raise
    except Exception as error:
        raise CheckpointMismatch(f"{name}: not a checkpoint of nvenc, or damaged") from error
    if not isinstance(content, dict) or not isinstance(content.get("version"), int):
        raise CheckpointMismatch(f"{name}: not a checkpoint of nvenc, or damaged")
    fields = {"program": str, "source": str, "settings": dict, "state": dict}
    if content["version"] == CHECKPOINT_VERSION:
        for field, kind in fields.items():
            if not isinstance(content.get(field), kind):
                raise CheckpointMismatch(f"{name}: not a checkpoint of nvenc, or damaged")
    return content
