"""Fixtures around a house, for the rooms that need one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds.house import House, install_launcher
from tests.worlds.index_server import IndexServer

__all__ = ["house", "launcher"]


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command."""
    return install_launcher(tmp_path_factory.mktemp("installation"))


@pytest.fixture
def house(
    tmp_path: Path,
    index_world: IndexServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    launcher: Path,
) -> House:
    """A project directory with a cache and an index of its own."""
    return House(tmp_path, index_world, monkeypatch, capsys, launcher)
