from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenv.net.secrets import (
    is_within,
    join_credentials,
    netrc_credentials,
    origin_of,
    redact,
    split_credentials,
)


@pytest.mark.parametrize(
    ("url", "clean", "credentials"),
    [
        ("https://host.example/simple/", "https://host.example/simple/", None),
        ("https://u:p@host.example/simple/", "https://host.example/simple/", ("u", "p")),
        ("https://u@host.example", "https://host.example", ("u", "")),
        ("https://u:p%40ss%3A@host.example:8443/x?q=a@b", "https://host.example:8443/x?q=a@b", ("u", "p@ss:")),
        ("https://u:p@ss@host.example/", "https://host.example/", ("u", "p@ss")),
        ("https://host.example/a@b/", "https://host.example/a@b/", None),
        ("https://@host.example/", "https://host.example/", None),
        ("../wheels", "../wheels", None),
    ],
)
def test_credentials_leave_the_url(url: str, clean: str, credentials: tuple[str, str] | None) -> None:
    assert split_credentials(url) == (clean, credentials)


@given(st.text(min_size=1), st.text())
def test_credentials_survive_a_round_trip(user: str, password: str) -> None:
    user = "".join(char for char in user if not 0xD800 <= ord(char) < 0xE000) or "u"
    password = "".join(char for char in password if not 0xD800 <= ord(char) < 0xE000)
    url = join_credentials("https://host.example:1/a", (user, password))
    assert split_credentials(url) == ("https://host.example:1/a", (user, password))


@pytest.mark.parametrize(
    "text",
    [
        "GET https://user:s3cret@host.example/simple/ failed",
        "https://s3cret@host.example/simple/",
        "https://user:p@s3cret@host.example/x",
        "https://host.example/f.whl?token=s3cret&x=1",
        "https://host.example/f.whl?X-Amz-Signature=s3cret#x",
        "https://host.example/f.whl?a=1&X-Goog-Signature=s3cret",
        "Authorization: Basic s3cret",
        "a https://u:s3cret@a.example/ and http://v:s3cret@b.example/",
    ],
)
def test_secrets_are_starred(text: str) -> None:
    assert "s3cret" not in redact(text)
    assert "****" in redact(text)


def test_harmless_text_stays() -> None:
    text = "https://host.example/simple/a@b/?q=1 mail me@host.example"
    assert redact(text) == text


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Host.Example/x", ("https", "host.example", 443)),
        ("http://host.example", ("http", "host.example", 80)),
        ("http://u:p@host.example:8080/x", ("http", "host.example", 8080)),
        ("https://[::1]:9/x", ("https", "[::1]", 9)),
        ("https://[::1]/x", ("https", "[::1]", 443)),
    ],
)
def test_origins(url: str, origin: tuple[str, str, int]) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("path", "is_inside"),
    [
        ("/team/simple/", True),
        ("/team", True),
        ("/team-evil/", False),
        ("/team/../x/", False),
        ("/team/%2e%2e/x/", False),
        ("/x/../team/a", True),
    ],
)
def test_paths_within_paths(path: str, is_inside: bool) -> None:
    assert is_within(f"https://host.example{path}", "/team/") is is_inside


def test_netrc(tmp_path: Path) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine host.example login me password pw\n")
    file.chmod(0o600)
    assert netrc_credentials(str(file), "host.example") == ("me", "pw")
    assert netrc_credentials(str(file), "other.example") is None
    assert netrc_credentials(str(tmp_path / "none"), "host.example") is None
    file.write_text("machine host.example login me password 'broken\nnonsense")
    assert netrc_credentials(str(file), "other.example") is None
