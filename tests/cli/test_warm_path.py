"""The warm path is nearly empty: what a command with nothing to do imports, and that it asks nobody."""

from __future__ import annotations

import pytest

from tests.worlds.house import House
from tests.worlds.imports import heavy_imports, imports_of
from tests.worlds.sdists import project_files, write_tree


def _full(house: House) -> None:
    for name in ("alpha", "beta", "gamma"):
        house.wheel(name, "1.0", extras={"fast": ("delta",)})
        house.wheel(name, "2.0", ("delta>=1",), extras={"fast": ("delta",)})
    house.wheel("delta", "1.0", entry_points={"console_scripts": {"delta": "delta:main"}})
    house.project("alpha[fast]>=1", "beta ; python_version >= '3'", more='[dependency-groups]\ndev = ["gamma"]\n')


@pytest.mark.parametrize("words", [("lock",), ("sync",), ("run", "python", "-c", ""), ("run", "--", "true")])
def test_nothing_to_do_imports_next_to_nothing(house: House, words: tuple[str, ...]) -> None:
    _full(house)
    for _ in range(3):
        assert house.launch(*words).code == 0
    house.server.requests.clear()
    imported, _ = imports_of(house, *words)
    assert "provenv.cli.quick" in imported
    assert heavy_imports(imported) == []
    assert not house.server.requests


@pytest.mark.parametrize("words", [("lock",), ("sync",), ("run", "python", "-c", "")])
def test_nothing_to_build_again_imports_next_to_nothing(house: House, words: tuple[str, ...]) -> None:
    """A project that is installed itself, with a member of its workspace that was built: their files are watched."""
    house.wheel("alpha")
    more = "[tool.provenv.workspace]\nmembers = ['packages/*']\n[tool.provenv.sources]\npart = { workspace = true }\n"
    write_tree(house.directory, project_files("demo", requires=["alpha", "part"], is_static=True, more=more))
    write_tree(house.directory / "packages/part", project_files("part", is_static=True))
    for _ in range(3):
        assert house.launch(*words).code == 0
    house.server.requests.clear()
    imported, _ = imports_of(house, *words)
    assert "provenv.cli.quick" in imported
    assert heavy_imports(imported) == []
    assert not house.server.requests


@pytest.mark.parametrize("words", [("sync",), ("sync", "--frozen"), ("sync", "--no-dev"), ("sync", "--locked")])
def test_a_sync_that_looks_at_every_file_is_light(house: House, words: tuple[str, ...]) -> None:
    _full(house)
    house.do("lock")
    for _ in range(2):
        assert house.launch(*words).code == 0
    house.cache.joinpath("memory/stamps").rename(house.root / "stamps")
    imported, _ = imports_of(house, *words)
    assert heavy_imports(imported) == []


def test_a_resolution_with_warm_caches_is_light(house: House) -> None:
    _full(house)
    for _ in range(2):
        house.lock_file.unlink(missing_ok=True)
        assert house.launch("lock").code == 0
    first = house.lock_file.read_bytes()
    house.lock_file.unlink()
    house.server.requests.clear()
    imported, _ = imports_of(house, "lock")
    assert heavy_imports(imported) == []
    assert not house.server.requests
    assert house.lock_file.read_bytes() == first
