"""``init``, ``add`` and ``remove``: what a user does first."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tests.worlds.house import House

_COMMENTED = """\
# the project of a careful person
[project]
name = "demo"       # its name
version = "0.1"
requires-python = ">=3.8"
dependencies = [
    # first the big one
    "beta>=1",  # why beta
    'delta',
]

[tool.other]
key = 1  # not ours
"""


def test_init_writes_a_project_that_locks(house: House) -> None:
    told = house.do("init")
    document = tomllib.loads(house.project_file.read_text())
    assert document["project"]["name"] == "project"
    assert document["project"]["dependencies"] == []
    assert "Started project" in told.err
    assert house.do("lock").code == 0
    assert house.do("sync").code == 0
    ran = house.launch("run", "main.py")
    assert (ran.code, ran.out) == (0, "Hello from project!\n")


def test_init_takes_a_path_and_a_name(house: House) -> None:
    house.do("init", "--name", "My.App", "--bare", "apps/one")
    made = house.directory / "apps/one"
    assert sorted(path.name for path in made.iterdir()) == ["pyproject.toml"]
    assert tomllib.loads((made / "pyproject.toml").read_text())["project"]["name"] == "my-app"


def test_init_leaves_a_project_alone(house: House) -> None:
    house.project()
    before = house.project_file.read_bytes()
    assert "there is a project here already" in house.refused("init")
    assert house.project_file.read_bytes() == before


def test_init_refuses_a_name_that_is_none(house: House) -> None:
    assert "`a b` is not a valid project name" in house.refused("init", "--name", "a b", code=2)
    assert not house.project_file.exists()


def test_add_keeps_comments_and_order_and_gives_a_lower_bound(house: House) -> None:
    for name in ("alpha", "beta", "delta", "charlie"):
        house.wheel(name, "1.5")
    house.project_file.write_text(_COMMENTED)
    house.do("add", "charlie")
    text = house.project_file.read_text()
    assert text == _COMMENTED.replace("    'delta',\n", "    \"charlie>=1.5\",\n    'delta',\n")
    assert house.installed() == {"beta": "1.5", "charlie": "1.5", "delta": "1.5"}
    house.do("add", "alpha==1.5")
    house.do("remove", "charlie", "alpha")
    assert house.project_file.read_text() == _COMMENTED
    assert house.installed() == {"beta": "1.5", "delta": "1.5"}


def test_add_replaces_a_line_of_the_same_package(house: House) -> None:
    house.wheel("beta", "1.0")
    house.wheel("beta", "2.0")
    house.project("beta<2")
    house.do("lock")
    house.do("add", "beta>=2")
    assert "'beta" not in house.project_file.read_text()
    assert '"beta>=2"' in house.project_file.read_text()
    assert house.locked() == {"beta": "2.0"}


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (("--dev",), ("dependency-groups", "dev")),
        (("--group", "lint"), ("dependency-groups", "lint")),
        (("--optional", "plot"), ("project", "optional-dependencies", "plot")),
    ],
)
def test_add_and_remove_know_groups_and_extras(house: House, words: tuple[str, ...], keys: tuple[str, ...]) -> None:
    house.wheel("beta", "1.5")
    house.project()
    house.do("add", *words, "beta")
    found: Any = tomllib.loads(house.project_file.read_text())
    for key in keys:
        found = found[key]
    assert found == ["beta>=1.5"]
    house.do("remove", *words, "beta")
    assert "beta" not in house.project_file.read_text()


def test_add_writes_extras_and_markers_and_raw_words(house: House) -> None:
    house.wheel("beta", "1.5", extras={"fast": ("gamma",)})
    house.wheel("gamma", "3.0")
    house.project()
    house.do("add", "beta[fast]; python_version >= '3'")
    assert "beta[fast]>=1.5" in house.project_file.read_text()
    house.do("add", "--raw", "gamma")
    assert '"gamma"' in house.project_file.read_text()


@pytest.mark.parametrize("has_lock", [True, False])
def test_an_add_that_fails_changes_nothing(house: House, has_lock: bool) -> None:
    house.wheel("beta", "1.0", ("gamma<1",))
    house.wheel("gamma", "2.0")
    house.wheel("good", "1.0")
    house.project_file.write_text(_COMMENTED.replace('"beta>=1",', '"good",').replace("'delta',", ""))
    if has_lock:
        house.do("lock")
    before = {path.name: path.read_bytes() for path in house.directory.iterdir()}
    for words in (("beta",), ("nonexistent",), ("good", "beta"), ("good>=2",), ("--dev", "beta")):
        house.refused("add", *words)
        assert {path.name: path.read_bytes() for path in house.directory.iterdir()} == before


def test_an_add_that_cannot_be_read_is_wrong_usage(house: House) -> None:
    house.project()
    before = house.project_file.read_bytes()
    message = house.refused("add", "beta==", code=2)
    assert "`beta==` is not a requirement" in message
    assert "hint: " in message
    assert house.project_file.read_bytes() == before


def test_remove_names_what_is_not_there(house: House) -> None:
    house.wheel("beta")
    house.project("beta")
    house.do("lock")
    before = house.project_file.read_bytes(), house.lock_file.read_bytes()
    message = house.refused("remove", "beta", "gamma")
    assert "`gamma` is not there" in message
    assert "project.dependencies" in message
    assert "hint: " in message
    assert (house.project_file.read_bytes(), house.lock_file.read_bytes()) == before


def test_remove_says_where_else_the_package_is(house: House) -> None:
    house.wheel("beta")
    house.project(more='[dependency-groups]\ndev = ["beta"]\n')
    assert "--dev" in house.refused("remove", "beta")


def test_frozen_edits_only(house: House) -> None:
    house.project()
    house.do("add", "--frozen", "beta>=1")
    assert '"beta>=1"' in house.project_file.read_text()
    assert not house.lock_file.exists()
    house.do("remove", "--frozen", "beta")
    assert "beta" not in house.project_file.read_text()


def test_no_sync_locks_only(house: House) -> None:
    house.wheel("beta")
    house.project()
    house.do("add", "--no-sync", "beta")
    assert house.locked() == {"beta": "1.0"}
    assert not house.environment.exists()


@pytest.mark.parametrize("has_lock", [True, False])
def test_an_add_whose_install_fails_changes_nothing(house: House, has_lock: bool) -> None:
    """The lock can be made, but the wheel is not what the index promised: no line, no pin and no package stays."""
    house.wheel("broken", "1.0")
    house.wheel("alpha", "1.0")
    house.project("alpha")
    if has_lock:
        assert house.do("sync").code == 0
    before = house.project_file.read_bytes()
    lock_before = house.lock_file.read_bytes() if has_lock else None
    house.server.wrong_hashes["broken-1.0-py3-none-any.whl"] = "0" * 64
    assert "broken-1.0-py3-none-any.whl" in house.refused("add", "broken")
    assert house.project_file.read_bytes() == before
    assert (house.lock_file.read_bytes() if house.lock_file.exists() else None) == lock_before
