"""User names and passwords in URLs are used, and are written nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.worlds.house import House, Told
from tests.worlds.index_server import IndexServer

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


# -- variables, netrc, keyring ----------------------------------------------------------------------------


def _named(house: House, more: str = "") -> None:
    """A project whose only index wants a user name and a password, and is called `our-own`."""
    _guarded(house)
    house.monkeypatch.delenv("PROVENV_DEFAULT_INDEX")
    index = f'[[tool.provenv.index]]\nname = "our-own"\nurl = "{house.server.url}"\ndefault = true\n{more}'
    house.project("alpha", more=index)


def _all_commands(house: House) -> list[Told]:
    told = [house.do("lock", "-v"), house.do("sync", "-v"), house.do("sync"), house.do("tree"), house.do("export")]
    told += [house.do("add", "beta"), house.do("lock", "-U", "--refresh"), house.do("remove", "beta")]
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    return told


@pytest.mark.parametrize("prefix", ["PROVENV", "UV"])
def test_variables_named_after_the_index(house: House, prefix: str) -> None:
    _named(house)
    house.monkeypatch.setenv(f"{prefix}_INDEX_OUR_OWN_USERNAME", "user")
    house.monkeypatch.setenv(f"{prefix}_INDEX_OUR_OWN_PASSWORD", _SECRET)
    _nowhere(house, *_all_commands(house))


def test_variables_named_after_an_index_of_the_command_line(house: House) -> None:
    _guarded(house)
    house.monkeypatch.delenv("PROVENV_DEFAULT_INDEX")
    house.project("alpha")
    house.monkeypatch.setenv("PROVENV_INDEX_MINE_USERNAME", "user")
    house.monkeypatch.setenv("PROVENV_INDEX_MINE_PASSWORD", _SECRET)
    _nowhere(house, house.do("lock", "--default-index", f"mine={house.server.url}"))


def test_netrc_has_them(house: House) -> None:
    _named(house)
    netrc = house.home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login user password {_SECRET}\n")
    netrc.chmod(0o600)
    _nowhere(house, *_all_commands(house), but=(netrc,))


def test_the_keyring_has_them(house: House) -> None:
    _named(house)
    program = house.root / "bin/keyring"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$*" = "get {house.server.url} user" ] && echo "{_SECRET}"\n')
    program.chmod(0o755)
    house.monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    house.monkeypatch.setenv("PROVENV_INDEX_OUR_OWN_USERNAME", "user")
    assert "401" in house.refused("lock")
    told = house.do("lock", "--keyring-provider", "subprocess")
    house.monkeypatch.setenv("PROVENV_KEYRING_PROVIDER", "subprocess")
    _nowhere(house, told, *_all_commands(house), but=(program,))


def test_an_index_that_is_never_asked_with_credentials(house: House) -> None:
    _named(house, 'authenticate = "never"\n')
    assert "401" in house.refused("lock")
    house.monkeypatch.setenv("PROVENV_INDEX_OUR_OWN_USERNAME", "user")
    assert '`authenticate` is "never"' in house.refused("lock")


def test_an_index_that_is_always_asked_with_credentials(house: House) -> None:
    _named(house, 'authenticate = "always"\n')
    assert "no user name and password are known" in house.refused("lock")
    assert not house.server.requests


def test_files_on_another_port_are_asked_for_without_them(house: House) -> None:
    """The index sends us to another server for its files: it must not learn who we are."""
    _named(house)
    house.monkeypatch.setenv("PROVENV_INDEX_OUR_OWN_USERNAME", "user")
    house.monkeypatch.setenv("PROVENV_INDEX_OUR_OWN_PASSWORD", _SECRET)
    with IndexServer(house.server.directory) as other:
        for name in ("alpha", "beta"):
            file = f"/files/{name}-1.0-py3-none-any.whl"
            house.server.redirect(file, f"{other.root}{file}")
        told = house.do("sync", "-v")
        assert other.count("/files/*.whl") == 2
        assert all(seen.headers["Authorization"] is None for seen in other.requests)
    _nowhere(house, told)


def test_adding_what_needs_a_password(house: House) -> None:
    _named(house)
    house.monkeypatch.setenv("PROVENV_INDEX_OUR_OWN_USERNAME", "user")
    house.monkeypatch.setenv("PROVENV_INDEX_OUR_OWN_PASSWORD", _SECRET)
    house.monkeypatch.setenv("TOKEN_1", _SECRET)
    place = house.server.file_url("beta-1.0-py3-none-any.whl")
    (house.directory / "r.txt").write_text(f"beta @ {place.replace('http://', 'http://user:${TOKEN_1}@')}\n")
    told = [house.do("add", "-v", "-r", "r.txt"), house.do("remove", "beta")]
    url = house.server.url_with("user", _SECRET)
    told += [house.do("add", "-v", "beta", "--index", f"second={url}"), house.do("sync"), house.do("tree")]
    told += [
        house.give("add", "missing-package"),
        house.give("add", "alpha>=9"),
        house.give("add", f"{url}/nothing.whl"),
    ]
    told += [house.give("add", f"{place.replace('http://', f'http://user:{_SECRET}@')}.nothing")]
    told += [house.give("add", "-r", "missing.txt", "--index", url), house.give("lock", "--index", f"x={url}/wrong/")]
    assert [one.code for one in told[-6:]] == [1, 1, 1, 2, 1, 0]
    _nowhere(house, *told)
    assert not house.project_file.read_text().count("user")


def test_a_password_in_a_mistake_of_a_requirements_file(house: House) -> None:
    house.project()
    house.monkeypatch.setenv("TOKEN_1", _SECRET)
    for line in (
        "alpha @@ https://user:${TOKEN_1}@files.example/a.whl",
        "--index-url https://u:${TOKEN_1}@x.example y",
    ):
        (house.directory / "r.txt").write_text(f"{line}\n")
        told = house.give("add", "-r", "r.txt")
        assert told.code == 1
        assert "r.txt:1" in told.err
        _nowhere(house, told)


def test_stamps_do_not_depend_on_passwords(house: House) -> None:
    """A file's name must not tell whether a guess of the password is right."""
    _named(house)
    house.monkeypatch.setenv("PROVENV_INDEX_OUR_OWN_USERNAME", "user")
    house.monkeypatch.setenv("PROVENV_INDEX_OUR_OWN_PASSWORD", _SECRET)
    house.do("lock")
    house.do("lock")
    stamps = sorted(path.name for path in (house.cache / "memory/stamps").iterdir())
    house.monkeypatch.setenv("PROVENV_INDEX_OUR_OWN_PASSWORD", "another")
    house.do("lock")
    assert sorted(path.name for path in (house.cache / "memory/stamps").iterdir()) == stamps


def test_a_password_in_a_file_of_requirements_to_run_with(house: House) -> None:
    _guarded(house)
    house.project()
    place = house.server.file_url("alpha-1.0-py3-none-any.whl").replace("http://", "http://user:${TOKEN_1}@")
    other = house.server.flat_url.replace("http://", f"http://user:{_SECRET}@")
    (house.directory / "r.txt").write_text(f"alpha @ {place}\n")
    words = ("run", "--find-links", other, "--with-requirements", "r.txt", "python", "-B", "-c", "import alpha, beta")
    told = house.launch(*words, TOKEN_1=_SECRET)
    assert told.code == 0, told.err
    _nowhere(house, told, house.launch(*words, TOKEN_1=_SECRET))
