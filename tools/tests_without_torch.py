"""Which test files can be collected where torch is not installed: found from their imports, not by a list."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ENCODER_ONLY = ("torch", "cv2", "tqdm", "nvcodec.encoder")
NEEDED_BY_NO_TORCH = ("nvcodec.encoder.settings", "nvcodec.encoder.presets", "nvcodec.encoder.errors")
"""Of the encoder, but without torch themselves."""


def tests_without_torch(tests: Path, folders: Iterable[str]) -> list[Path]:
    """The test files of the folders which, with the conftest.py beside them, import nothing of the encoder."""
    found = []
    for folder in folders:
        own = tests / folder / "conftest.py"
        if own.exists() and _needs_encoder(own, tests):
            continue
        found += [path for path in sorted((tests / folder).glob("test_*.py")) if not _needs_encoder(path, tests)]
    return found


@cache
def _needs_encoder(path: Path, tests: Path) -> bool:
    for name in _imports(path):
        helper = tests.parent / (name.replace(".", "/") + ".py")
        if name.startswith("tests.") and helper.exists() and _needs_encoder(helper, tests):
            return True
        is_encoders = any(name == one or name.startswith(one + ".") for one in ENCODER_ONLY)
        if is_encoders and not name.startswith(NEEDED_BY_NO_TORCH):
            return True
    return False


def _imports(path: Path) -> Iterator[str]:
    """What loading the file imports, and what its functions import: dotted names of modules and of what they give."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
