"""Fixtures that several rooms share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.index_server import IndexServer

__all__ = ["index_world"]


@pytest.fixture
def index_world(tmp_path: Path) -> Iterator[IndexServer]:
    """A package index on the loopback interface; put wheels into its ``directory``."""
    directory = tmp_path / "index-files"
    directory.mkdir()
    with IndexServer(directory) as server:
        yield server
