from __future__ import annotations

from pathlib import Path

import pytest

from provenv.errors import Unavailable
from provenv.events import Events
from provenv.net.keychain import Access, Keychain
from provenv.net.keyring import Keyring
from provenv.net.secrets import Credentials

SECRET = "s3cret"


@pytest.fixture
def netrc(tmp_path: Path) -> str:
    file = tmp_path / "netrc"
    file.write_text(f"machine host.example login me password {SECRET}\n")
    file.chmod(0o600)
    return str(file)


TEAMS = [
    Access("https://team:t@host.example/team/"),
    Access("https://inner:i@host.example/team/inner"),
    Access("https://host.example/open/"),
]


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("https://host.example/team/simple/", "team"),
        ("https://host.example/team", "team"),
        ("https://host.example/team/inner/x", "inner"),
        ("https://host.example/team-evil/", None),
        ("https://host.example/team/%2e%2e/x/", None),
        ("https://host.example/x/../team/a", "team"),
        ("https://host.example/open/x", None),
        ("http://host.example/team/", None),
        ("https://host.example:444/team/", None),
        ("https://host.example.evil/team/", None),
    ],
)
def test_different_credentials_stay_within_their_paths(url: str, user: str | None) -> None:
    found = Keychain(TEAMS).credentials(url)
    assert (found and found[0]) == user


def test_one_pair_holds_for_its_origin() -> None:
    keychain = Keychain([Access("https://u:p@a.example/x/simple/"), Access("https://b.example/simple/")])
    assert keychain.credentials("https://a.example/files/f.whl") == ("u", "p")
    assert keychain.credentials("https://b.example/simple/") is None


def test_given_values_win_over_the_url() -> None:
    keychain = Keychain([Access("https://u:p@a.example/", username="v", password=SECRET)])
    assert keychain.credentials("https://a.example/x") == ("v", SECRET)


def test_a_token_alone_is_a_user_name() -> None:
    assert Keychain([Access("https://token@a.example/")]).credentials("https://a.example/x") == ("token", "")


@pytest.mark.parametrize(
    ("url", "is_redirected", "is_sent"),
    [
        ("https://host.example/x", False, True),
        ("https://host.example:8443/x", False, True),
        ("https://host.example/x", True, False),
        ("http://host.example/x", False, False),
        ("http://host.example:8080/x", False, True),
        ("http://host.example:8080/x", True, True),
        ("https://other.example/x", False, False),
    ],
)
def test_where_netrc_is_looked_into(netrc: str, url: str, is_redirected: bool, is_sent: bool) -> None:
    keychain = Keychain([Access("http://host.example:8080/simple/")], netrc_file=netrc)
    assert keychain.credentials(url, is_redirected=is_redirected) == (("me", SECRET) if is_sent else None)


def test_netrc_of_another_user(netrc: str) -> None:
    keychain = Keychain([Access("https://you@host.example/")], netrc_file=netrc)
    assert keychain.credentials("https://host.example/x") == ("you", "")
    keychain = Keychain([Access("https://me@host.example/")], netrc_file=netrc)
    assert keychain.credentials("https://host.example/x") == ("me", SECRET)


def test_never_means_not_even_netrc(netrc: str) -> None:
    keychain = Keychain([Access("https://host.example/simple/", authenticate="never")], netrc_file=netrc)
    assert keychain.credentials("https://host.example/simple/x/") is None


def test_always_means_that_something_must_be_known() -> None:
    keychain = Keychain([Access("https://host.example/simple/", authenticate="always")])
    with pytest.raises(Unavailable, match="always"):
        keychain.credentials("https://host.example/simple/x/")


# -- the keyring ------------------------------------------------------------------------------------------


class Ear(Events):
    """Remembers warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, message: str) -> None:
        self.warnings.append(message)


def _program(directory: Path, answers: str) -> str:
    """A program that answers ``get SERVICE USER`` as ``answers`` (cases of a shell) say, and notes questions."""
    program = directory / "keyring"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{directory}/asked"\ncase "$*" in\n{answers}\n*) exit 1;;\nesac\n')
    program.chmod(0o755)
    return str(program)


def _asked(directory: Path) -> list[str]:
    return (directory / "asked").read_text().splitlines()


def test_the_keyring_is_asked_for_the_url_and_then_for_the_host(tmp_path: Path) -> None:
    program = _program(tmp_path, f'"get host.example:8443 me") echo "{SECRET}";;')
    keychain = Keychain([Access("https://me@host.example:8443/simple/")], ask_keyring=Keyring(program, Events()))
    for _ in range(3):
        assert keychain.credentials("https://host.example:8443/files/x") == ("me", SECRET)
    assert _asked(tmp_path) == ["get https://host.example:8443/simple/ me", "get host.example:8443 me"]


def test_the_keyring_is_not_asked_without_a_user_name(tmp_path: Path) -> None:
    program = _program(tmp_path, "")
    keychain = Keychain([Access("https://host.example/simple/")], ask_keyring=Keyring(program, Events()))
    assert keychain.credentials("https://host.example/simple/") is None
    assert not (tmp_path / "asked").exists()


def test_the_keyring_may_choose_the_user_when_one_is_always_wanted(tmp_path: Path) -> None:
    program = _program(tmp_path, f'*creds*simple/) printf "you\\n{SECRET}\\n";;')
    place = Access("https://host.example/simple/", authenticate="always")
    keychain = Keychain([place], ask_keyring=Keyring(program, Events()))
    assert keychain.credentials("https://host.example/simple/") == ("you", SECRET)
    assert _asked(tmp_path) == ["get --mode creds https://host.example/simple/"]


def test_nothing_known_is_asked_once(tmp_path: Path) -> None:
    program = _program(tmp_path, "")
    keyring = Keyring(program, Events())
    found: list[Credentials | None] = [keyring("https://host.example/", "me") for _ in range(3)]
    assert found == [None, None, None]
    assert len(_asked(tmp_path)) == 2


def test_a_missing_keyring_is_told_once(tmp_path: Path) -> None:
    for program in (None, str(tmp_path / "missing")):
        ear = Ear()
        keyring = Keyring(program, ear)
        assert keyring("https://host.example/", "me") is None
        assert keyring("https://other.example/", "-flag") is None
        assert len(ear.warnings) == 1
        assert "keyring" in ear.warnings[0]
