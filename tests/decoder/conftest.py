"""Files on disk for the tests that count bytes read or start other processes."""

from pathlib import Path

import pytest
import torch

from tests.streams import stream


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def plain() -> bytes:
    """7 pictures of 48x32 in GoPs of 4 and 3, all tools on but a grid at level 0."""
    return stream("plain")[0]


@pytest.fixture(scope="session")
def plain_file(plain: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams") / "plain.msn"
    path.write_bytes(plain)
    return path


@pytest.fixture(scope="session")
def with_level_0() -> bytes:
    """5 pictures of 21x17 in GoPs of 3 and 2, a grid at every level."""
    return stream("grid at level 0")[0]
