"""How to choose, said by flags and variables; every way to say it arrives in the world that flows work with."""

from __future__ import annotations

from typing import Any

import pytest

from provenv.cli.options import parser
from provenv.cli.policy import policy_of, uses_sources
from provenv.cli.words import Words
from provenv.errors import UsageError
from tests.worlds.house import House


def _said(*words: str, **variables: str) -> dict[str, Any]:
    return policy_of(Words(vars(parser().parse_args(["lock", *words]))), variables)


def test_nothing_is_said() -> None:
    assert _said() == {}
    assert _said(PROVENV_NO_BUILD="", PROVENV_RESOLUTION="") == {}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--resolution", "lowest"), {"resolution": "lowest"}),
        (("--prerelease", "allow"), {"prerelease": "allow"}),
        (("--index-strategy", "unsafe-best-match"), {"index_strategy": "unsafe-best-match"}),
        (("--exclude-newer", "1 week"), {"exclude_newer": "1 week"}),
        (("--exclude-newer", "2026-01-31T10:00:00Z"), {"exclude_newer": "2026-01-31T10:00:00Z"}),
        (("--exclude-newer", "P7D"), {"exclude_newer": "P7D"}),
        (
            ("--exclude-newer-package", "A_b=2026-01-31", "--exclude-newer-package", "c=false"),
            {"exclude_newer_package": {"a-b": "2026-01-31", "c": None}},
        ),
        (("--no-build",), {"no_build": True}),
        (("--build",), {"no_build": False}),
        (("--no-build-package", "A", "--no-build-package", "b"), {"no_build_packages": ["a", "b"]}),
        (("--only-binary", ":all:"), {"no_build": True}),
        (("--only-binary", "a,B"), {"no_build_packages": ["a", "b"]}),
        (("--no-binary", "--no-binary-package", "x"), {"no_binary": True, "no_binary_packages": ["x"]}),
        (("--no-build-isolation",), {"no_build_isolation": True}),
        (("--no-build-isolation-package", "x"), {"no_build_isolation_packages": ["x"]}),
        (("-C", "a=1", "-C", "b=2", "--config-setting", "a=3"), {"config_settings": {"a": ["1", "3"], "b": "2"}}),
        (("--config-settings-package", "X:a=1=2"), {"config_settings_package": {"x": {"a": "1=2"}}}),
    ],
)
def test_flags(words: tuple[str, ...], expected: dict[str, Any]) -> None:
    assert _said(*words) == expected


def test_variables() -> None:
    assert _said(
        PROVENV_RESOLUTION="lowest",
        PROVENV_EXCLUDE_NEWER="2026-01-31",
        PROVENV_NO_BUILD="1",
        PROVENV_NO_BINARY="false",
        PROVENV_NO_BINARY_PACKAGE="a B",
    ) == {
        "resolution": "lowest",
        "exclude_newer": "2026-01-31",
        "no_build": True,
        "no_binary": False,
        "no_binary_packages": ["a", "b"],
    }


def test_a_flag_wins_over_a_variable() -> None:
    said = _said("--resolution", "highest", "--build", PROVENV_RESOLUTION="lowest", PROVENV_NO_BUILD="1")
    assert said == {"resolution": "highest", "no_build": False}


def test_sources_can_be_left_out() -> None:
    words = Words(vars(parser().parse_args(["lock", "--no-sources"])))
    assert not uses_sources(words, {})
    plain = Words(vars(parser().parse_args(["lock"])))
    assert uses_sources(plain, {})
    assert not uses_sources(plain, {"PROVENV_NO_SOURCES": "true"})


@pytest.mark.parametrize(
    ("words", "variables", "told"),
    [
        (("--exclude-newer", "soon"), {}, "--exclude-newer: `soon`"),
        (("--exclude-newer-package", "a"), {}, "is not PACKAGE=DATE"),
        (("-C", "a"), {}, "is not KEY=VALUE"),
        (("--config-settings-package", "a=1"), {}, "is not PACKAGE:KEY=VALUE"),
        ((), {"PROVENV_RESOLUTION": "newest"}, "PROVENV_RESOLUTION: `newest` is not one of highest"),
        ((), {"PROVENV_NO_BUILD": "maybe"}, "PROVENV_NO_BUILD: `maybe`"),
    ],
)
def test_wrong_words(words: tuple[str, ...], variables: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        _said(*words, **variables)
    assert told in str(caught.value)


def test_a_lock_made_otherwise_is_stale(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("alpha", "2.0")
    house.project("alpha")
    house.do("lock", "--resolution", "lowest")
    assert house.locked() == {"alpha": "1.0"}
    house.do("lock", "--check", "--resolution", "lowest")
    house.refused("lock", "--check")
    house.monkeypatch.setenv("PROVENV_RESOLUTION", "lowest")
    house.do("lock", "--check")


def test_no_build_at_an_installation_changes_no_lock(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.project("alpha")
    house.do("lock")
    house.do("lock", "--check", "--no-build", "--no-binary-package", "beta")
