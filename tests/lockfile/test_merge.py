"""The merge tells targets apart with the smallest markers, and every installer agrees on what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest
from packaging.markers import Marker

from provenv.lockfile.merge import Chosen, Solved, merge
from provenv.model.target import Target

TARGETS = {
    "linux": Target(name="linux", platform="linux-x86_64", python="3.12"),
    "arm": Target(name="arm", platform="linux-aarch64", python="3.12"),
    "mac": Target(name="mac", platform="macos-arm64", python="3.12"),
    "windows": Target(name="windows", platform="windows-x86_64", python="3.12"),
    "old": Target(name="old", platform="linux-x86_64", python="3.10"),
    "gpu": Target(name="gpu", platform="linux-x86_64", python="3.12", driver="535.104"),
}


def chosen(version: str, *sections: str, needs: tuple[str, ...] = ()) -> Chosen:
    file = (f"a-{version}-py3-none-any.whl", f"http://files.example/a-{version}", (("sha256", "0" * 64),), 1, None)
    return Chosen(version, "http://index.example/simple/", (file,), needs, frozenset(sections or ("",)))


def solved(**packages: Mapping[str, Chosen]) -> list[Solved]:
    return [Solved(name, TARGETS[name].environment(), content) for name, content in packages.items()]


def markers(targets: list[Solved]) -> dict[tuple[str, str], str]:
    tables, _, _ = merge(targets)
    return {(table["name"], table["version"]): table.get("marker", "") for table in tables}


def test_what_all_targets_share_has_no_marker() -> None:
    both = solved(linux={"a": chosen("1")}, mac={"a": chosen("1")})

    assert markers(both) == {("a", "1"): ""}


def test_one_variable_is_enough_where_it_is() -> None:
    three = solved(linux={"a": chosen("1")}, arm={"a": chosen("1")}, mac={"a": chosen("2")})

    assert markers(three) == {("a", "1"): "sys_platform == 'linux'", ("a", "2"): "sys_platform == 'darwin'"}


def test_the_shorter_side_is_named() -> None:
    all_but_one = solved(linux={"a": chosen("1")}, mac={"a": chosen("1")}, windows={}, arm={"a": chosen("1")})

    assert markers(all_but_one) == {("a", "1"): "sys_platform != 'win32'"}


def test_python_tells_targets_of_one_platform_apart() -> None:
    two = solved(linux={"a": chosen("2")}, old={"a": chosen("1")})

    assert markers(two) == {("a", "1"): "python_version == '3.10'", ("a", "2"): "python_version == '3.12'"}


def test_two_variables_where_one_does_not_do() -> None:
    three = solved(linux={"a": chosen("1")}, old={}, mac={})

    assert markers(three) == {("a", "1"): "sys_platform == 'linux' and python_version == '3.12'"}


def test_parts_of_the_project_become_lock_markers() -> None:
    one = solved(
        linux={
            "a": chosen("1", "extra:gpu", "group:dev"),
            "b": chosen("1", "", "extra:gpu"),
        }
    )

    assert markers(one) == {("a", "1"): "'gpu' in extras or 'dev' in dependency_groups", ("b", "1"): ""}


def test_a_target_without_a_marker_of_its_own_is_a_group() -> None:
    tables, environments, grouped = merge(solved(linux={"a": chosen("1")}, gpu={"a": chosen("2")}))

    assert grouped == ["gpu", "linux"]
    assert len(environments) == 1
    assert [table["marker"] for table in tables] == ["'linux' in dependency_groups", "'gpu' in dependency_groups"]


@pytest.mark.parametrize("versions", list(product(("", "1", "2"), repeat=4)))
def test_every_merge_selects_what_was_solved(versions: tuple[str, ...]) -> None:
    """For each target exactly the entry that was chosen for it is true, whatever the mixture."""
    names = ("linux", "mac", "old", "windows")
    targets = solved(
        **{
            name: ({"a": chosen(version, "" if name != "mac" else "extra:x")} if version else {})
            for name, version in zip(names, versions, strict=True)
        }
    )
    tables, _, _ = merge(targets)

    for name, version in zip(names, versions, strict=True):
        context = {**TARGETS[name].environment(), "extras": {"x"}, "dependency_groups": set()}
        held = [
            table["version"]
            for table in tables
            if "marker" not in table or Marker(table["marker"]).evaluate(context, context="lock_file")  # type: ignore[arg-type]  # a lock's context holds sets
        ]
        assert held == ([version] if version else [])
