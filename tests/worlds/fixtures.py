"""Fixtures around a house, for the rooms that need one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.house import House, install_launcher
from tests.worlds.index_server import IndexServer
from tests.worlds.torch_index import TorchIndex, fill

__all__ = ["house", "launcher", "pytorch", "shelves"]


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


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A default index and those of PyTorch's builds, as directories of wheels."""
    default, builds = tmp_path_factory.mktemp("default"), tmp_path_factory.mktemp("builds")
    fill(default, builds)
    return default, builds


@pytest.fixture
def pytorch(house: House, shelves: tuple[Path, Path]) -> Iterator[TorchIndex]:
    """PyTorch's index on the loopback interface, which ``ours.toml`` names; and wheels on the default one."""
    for wheel in shelves[0].iterdir():
        (house.server.directory / wheel.name).symlink_to(wheel)
    with TorchIndex(shelves[1]) as index:
        (house.directory / "ours.toml").write_text(f'index = [{{ url = "{index.url}", source = "a test" }}]\n')
        yield index
