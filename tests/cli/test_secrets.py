"""User names and passwords in URLs are used, and are written nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.worlds.house import House, Told

_SECRET = "s3cr3t-p4ss"


def _nowhere(house: House, *told: Told, but: tuple[Path, ...] = ()) -> None:
    for one in told:
        assert _SECRET not in one.out + one.err
    for directory, _, files in os.walk(house.root):
        for name in files:
            path = Path(directory, name)
            if path not in but and not path.is_symlink():
                assert _SECRET.encode() not in path.read_bytes(), path


def _guarded(house: House) -> str:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta")
    house.server.credentials = ("user", _SECRET)
    house.monkeypatch.setenv("PROVENV_DEFAULT_INDEX", house.server.url)
    return house.server.url_with("user", _SECRET)


@pytest.mark.parametrize("way", ["flag", "variable", "index"])
def test_an_index_url_with_a_password(house: House, way: str) -> None:
    url = _guarded(house)
    house.project("alpha")
    words = {"flag": ("--default-index", url), "variable": (), "index": ("--index", url)}[way]
    if way == "variable":
        house.monkeypatch.setenv("PROVENV_DEFAULT_INDEX", url)
    told = [house.do("lock", "-v", *words), house.do("sync", "-v", *words), house.do("tree", *words)]
    told += [house.do("export", *words), house.do("sync", *words), house.do("lock", "--json", "-U", *words)]
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    _nowhere(house, *told)


def test_a_password_in_the_project_stays_there(house: House) -> None:
    url = _guarded(house)
    house.project("alpha", more=f'[[tool.provenv.index]]\nname = "ours"\nurl = "{url}"\ndefault = true\n')
    house.monkeypatch.delenv("PROVENV_DEFAULT_INDEX")
    told = [house.do("lock", "-v"), house.do("sync", "-v"), house.do("add", "beta")]
    _nowhere(house, *told, but=(house.project_file,))


def test_a_password_in_find_links_stays_there(house: House) -> None:
    _guarded(house)
    place = house.server.flat_url.replace("http://", f"http://user:{_SECRET}@")
    house.project("alpha", more=f'[tool.provenv]\nfind-links = ["{place}"]\n')
    told = [house.do("sync", "-v"), house.do("sync", "-v"), house.do("lock", "--check")]
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    _nowhere(house, *told, but=(house.project_file,))


def test_a_password_in_a_direct_reference_stays_there(house: House) -> None:
    _guarded(house)
    place = house.server.file_url("alpha-1.0-py3-none-any.whl").replace("http://", f"http://user:{_SECRET}@")
    house.project(f"alpha @ {place}", more=f'[dependency-groups]\ndev = ["alpha @ {place}"]\n')
    told = [house.do("lock", "-v"), house.do("sync", "-v"), house.do("lock", "--check"), house.do("tree")]
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert "up to date" in house.do("lock").err
    _nowhere(house, *told, but=(house.project_file,))


def test_a_password_in_with_is_written_nowhere(house: House) -> None:
    _guarded(house)
    house.project()
    place = house.server.file_url("alpha-1.0-py3-none-any.whl").replace("http://", f"http://user:{_SECRET}@")
    told = house.launch("run", "--with", f"alpha @ {place}", "python", "-B", "-c", "import alpha")
    assert told.code == 0, told.err
    _nowhere(house, told)


def test_a_wrong_password_is_told_without_it(house: House) -> None:
    _guarded(house)
    house.server.credentials = ("user", "another")
    url = house.server.url_with("user", _SECRET)
    house.project("alpha")
    told = house.give("lock", "-v", "--default-index", url)
    assert told.code == 1
    assert "401" in told.err
    assert "alpha" in told.err
    assert "hint: " in told.err
    _nowhere(house, told)


def test_passwords_in_messages_about_wrong_input(house: House) -> None:
    house.project(f"alpha @ https://user:{_SECRET}@files.example/alpha.tar.gz")
    told = [house.give("lock"), house.give("sync", "--index", f"ftp://user:{_SECRET}@index.example/")]
    house.project(f"alpha @@ https://user:{_SECRET}@files.example/alpha.whl")
    told.append(house.give("lock"))
    house.project()
    told.append(house.give("add", f"alpha @@ https://user:{_SECRET}@files.example/alpha.whl"))
    told.append(house.give("lock", "--index", f"ftp://user:{_SECRET}@index.example/"))
    assert all(one.code in (1, 2) for one in told)
    _nowhere(house, *told)
