"""What is written is read back by the standard library and accepted by ``packaging``; what is wrong is refused."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.pylock import Pylock

from provenv.errors import InputError
from provenv.lockfile.read import parse, select
from provenv.lockfile.write import to_toml
from provenv.model.plan import Wanted
from provenv.model.target import Target

HERE = Target(name="here", platform="linux-x86_64", python="3.12")
SHA = "ab" * 32


def lock(**changes: Any) -> dict[str, Any]:
    wheel = {
        "name": "demo-1.0-py3-none-any.whl",
        "url": "http://files.example/demo-1.0-py3-none-any.whl",
        "size": 12,
        "hashes": {"sha256": SHA},
    }
    package = {"name": "demo", "version": "1.0", "wheels": [{**wheel, **changes.pop("wheel", {})}]}
    package.update(changes.pop("package", {}))
    document = {"lock-version": "1.0", "created-by": "provenv", "packages": [package]}
    return {**document, **changes}


def chosen(document: dict[str, Any]) -> list[Wanted]:
    items = select(
        parse(to_toml(document), "pylock.toml"),
        "pylock.toml",
        environment=HERE.environment(),
        tags=HERE.tags(),
        extras=[],
        groups=[],
        requested=["demo"],
    )
    return [item for item in items if isinstance(item, Wanted)]


def test_a_lock_is_valid_and_survives_the_round_trip() -> None:
    document = lock(
        environments=["sys_platform == 'linux'"], tool={"provenv": {"requires": ["demo"], "targets": [{"name": "x"}]}}
    )

    again = tomllib.loads(to_toml(document).decode())

    assert again == document
    Pylock.from_dict(again)


@given(
    st.recursive(
        st.one_of(st.text(), st.integers(-(2**60), 2**60), st.booleans()),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(min_size=1), inner, max_size=4)),
        max_leaves=12,
    )
)
def test_any_value_survives_the_round_trip(value: Any) -> None:
    document = {"lock-version": "1.0", "tool": {"x": {"value": value}}}

    assert tomllib.loads(to_toml(document).decode()) == document


def test_what_fits_the_machine_is_wanted() -> None:
    assert chosen(lock()) == [
        Wanted(
            name="demo",
            version="1.0",
            filename="demo-1.0-py3-none-any.whl",
            sha256=SHA,
            url="http://files.example/demo-1.0-py3-none-any.whl",
            size=12,
            is_requested=True,
        )
    ]


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"wheel": {"hashes": {"md5": "0" * 32}}}, InputError, "SHA-256"),
        (
            {"wheel": {"name": "other-1.0-py3-none-any.whl", "url": "http://x.example/a.whl"}},
            InputError,
            "not consistent",
        ),
        (
            {"wheel": {"name": "demo-2.0-py3-none-any.whl", "url": "http://x.example/a.whl"}},
            InputError,
            "not consistent",
        ),
        ({"environments": ["sys_platform == 'win32'"]}, InputError, "not for this machine"),
        (
            {
                "wheel": {
                    "name": "demo-1.0-py3-none-win_amd64.whl",
                    "url": "http://files.example/demo-1.0-py3-none-win_amd64.whl",
                }
            },
            InputError,
            "not for this machine",
        ),
    ],
)
def test_a_lock_that_does_not_add_up_is_refused(changes: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        chosen(lock(**changes))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"lock-version = ", "not valid TOML"),
        (b"\xff", "not valid TOML"),
        (b"lock-version = '1.0'\n", "created-by"),
        (b"lock-version = '9.0'\ncreated-by = 'x'\npackages = []\n", "9.0"),
    ],
)
def test_what_is_no_lock_is_refused_by_name(data: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        parse(data, "pylock.toml")

    assert str(caught.value).startswith("pylock.toml: ")
    assert caught.value.hint is not None


def test_merge_conflict_markers_are_recognised() -> None:
    with pytest.raises(InputError) as caught:
        parse(b"lock-version = '1.0'\n<<<<<<< ours\n", "pylock.toml")

    assert "merge conflict" in str(caught.value.hint)
