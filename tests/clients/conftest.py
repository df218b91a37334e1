"""The engine, installed as the game."""

from __future__ import annotations

from pathlib import Path

import pytest

from marl.sc2api.install import install_tree
from tests.clients.clientkit import count_launches


@pytest.fixture(scope="session")
def sc2path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that clients take for the game."""
    folder = tmp_path_factory.mktemp("sc2")
    install_tree(folder)
    count_launches(folder)
    return folder
