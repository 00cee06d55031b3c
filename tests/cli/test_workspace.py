"""Commands in a workspace: one lock at its root, wherever they are given."""

from __future__ import annotations

import os
import shutil

from tests.worlds.house import House
from tests.worlds.sdists import project_files, write_tree


def _member(house: House, name: str, more: str = "") -> None:
    directory = house.directory / "packages" / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "1"\n{more}')


def _workspace(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("beta", "1.0")
    house.project("alpha", more='[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    _member(house, "bird", '[dependency-groups]\ndev = ["beta"]\n')


def test_a_lock_from_a_member_is_that_of_the_root(house: House) -> None:
    _workspace(house)
    house.do("lock")
    before = house.lock_file.read_bytes()
    assert b'"beta"' in before
    house.lock_file.unlink()
    house.monkeypatch.chdir(house.directory / "packages/bird")
    house.do("lock")
    assert house.lock_file.read_bytes() == before
    assert not os.path.exists("pylock.toml")


def test_a_new_member_makes_the_lock_stale(house: House) -> None:
    _workspace(house)
    for _ in range(3):
        assert house.launch("lock").code == 0
    _member(house, "nest", '[dependency-groups]\ndev = ["alpha"]\n')
    assert "is out of date" in house.launch("lock", "--check").err
    assert house.launch("lock").code == 0
    assert b"nest" in house.lock_file.read_bytes()


def test_a_project_that_a_workspace_above_takes_in(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.project("alpha")
    for _ in range(2):
        assert house.launch("lock").code == 0
    above = house.directory.parent / "pyproject.toml"
    above.write_text('[tool.provenv.workspace]\nmembers = ["project"]\n')
    assert house.launch("lock").code == 0
    assert (house.directory.parent / "pylock.toml").exists()


def test_an_image_is_begun_without_the_members(house: House) -> None:
    house.wheel("alpha", "1.0")
    for directory in ("one", "../two"):
        files = project_files(os.path.basename(directory), requires=["alpha"], is_static=True)
        write_tree(house.directory / directory, files)
    house.project(
        "one",
        "two",
        more='[tool.uv.workspace]\nmembers = ["one"]\n'
        '[tool.uv.sources]\none = { workspace = true }\ntwo = { path = "../two" }\n',
    )
    house.do("lock")
    shutil.rmtree(house.directory / "one")
    shutil.rmtree(house.root / "two")
    house.do("sync", "--frozen", "--no-install-local")
    assert house.installed() == {"alpha": "1.0"}
    house.do("sync", "--frozen", "--no-install-workspace", "--no-install-package", "two")
    assert "is not there" in house.refused("sync", "--frozen")
