"""Which entries of a lock a command's words mean: parts, members of a workspace, what must be built."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenv.errors import UsageError
from provenv.events import Events
from provenv.flows.choice import Choice
from provenv.flows.select_anew import select_for
from provenv.flows.world import World
from provenv.lockfile.write import to_toml
from provenv.model.plan import Unbuilt
from provenv.model.target import Target

TARGET = Target(name="linux", platform="linux-x86_64", python="3.12")
HASH = {"sha256": "0" * 64}


def package(name: str, marker: str = "", *needs: str, **source: object) -> dict[str, object]:
    table: dict[str, object] = {"name": name, "version": "1"}
    if marker:
        table["marker"] = marker
    if needs:
        table["dependencies"] = [{"name": needed} for needed in needs]
    if not source:
        file = {
            "name": f"{name.replace('-', '_')}-1-py3-none-any.whl",
            "url": f"http://files.example/{name}",
            "hashes": HASH,
        }
        source = {"wheels": [file]}
    return {**table, **source}


def lock(
    *packages: dict[str, object], extras: list[str], groups: list[str], default: list[str], **tool: object
) -> bytes:
    return to_toml(
        {
            "lock-version": "1.0",
            "extras": extras,
            "dependency-groups": groups,
            "default-groups": default,
            "created-by": "provenv",
            "packages": list(packages),
            "tool": {"provenv": {"format": 2, **{key.rstrip("_"): value for key, value in tool.items()}}},
        }
    )


def selected(tmp_path: Path, data: bytes, choice: Choice, member: str | None = None) -> list[str]:
    world = World(directory=str(tmp_path), cache=str(tmp_path / "cache"), events=Events(), now=0.0, member=member)
    items = select_for(world, data, choice, environment=TARGET.environment(), tags=TARGET.tags())
    return [item.name for item in items]


PLAIN = lock(
    package("base"),
    package("cpu", "'cpu' in extras"),
    package("gpu", "'gpu' in extras"),
    package("tests", "'dev' in dependency_groups", "shared"),
    package("shared"),
    extras=["cpu", "gpu"],
    groups=["dev"],
    default=["dev"],
    conflicts=[["extra:cpu", "extra:gpu"]],
    groups_={},
)

WORKSPACE = lock(
    package("root-needs", "'member--root' in dependency_groups"),
    package("tool-needs", "'member--tool' in dependency_groups"),
    package("tool-extra", "'member--tool--extra--fast' in dependency_groups"),
    package("tool-tests", "'member--tool--group--dev' in dependency_groups"),
    package("root-tests", "'dev' in dependency_groups"),
    extras=[],
    groups=["dev", "member--root", "member--tool", "member--tool--extra--fast", "member--tool--group--dev"],
    default=["dev", "member--root"],
    root="root",
    **{"member-default-groups": {"tool": ["dev"]}},
)


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (Choice(), ["base", "shared", "tests"]),
        (Choice(extras=("cpu",), has_defaults=False), ["base", "cpu", "shared"]),
        (Choice(all_extras=True, no_extras=("gpu",), no_groups=("dev",)), ["base", "cpu", "shared"]),
    ],
)
def test_parts_of_a_project(tmp_path: Path, choice: Choice, names: list[str]) -> None:
    assert selected(tmp_path, PLAIN, choice) == names


def test_parts_that_exclude_one_another_are_not_chosen_together(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="extra `cpu` and extra `gpu` exclude one another"):
        selected(tmp_path, PLAIN, Choice(all_extras=True))


def test_only_a_group_is_what_the_group_brings_in(tmp_path: Path) -> None:
    data = lock(
        package("base", "", "deep"),
        package("deep"),
        package("tests", "'dev' in dependency_groups", "shared"),
        package("shared"),
        extras=[],
        groups=["dev"],
        default=["dev"],
        groups_={"dev": ["tests>=1"]},
    )

    assert selected(tmp_path, data, Choice(only_groups=("dev",))) == ["shared", "tests"]


@pytest.mark.parametrize(
    ("choice", "member", "names"),
    [
        (Choice(), None, ["root-needs", "root-tests"]),
        (Choice(), "tool", ["tool-needs", "tool-tests"]),
        (Choice(packages=("Tool",)), None, ["tool-needs", "tool-tests"]),
        (Choice(packages=("tool",), extras=("fast",), no_groups=("dev",)), None, ["tool-extra", "tool-needs"]),
        (Choice(all_packages=True, no_groups=("dev",)), None, ["root-needs", "tool-needs"]),
    ],
)
def test_members_of_a_workspace(tmp_path: Path, choice: Choice, member: str | None, names: list[str]) -> None:
    assert selected(tmp_path, WORKSPACE, choice, member) == names


def test_an_unknown_member_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no workspace member named `tol`") as failure:
        selected(tmp_path, WORKSPACE, Choice(packages=("tol",)))

    assert failure.value.hint == "did you mean `tool`?"


def test_what_is_no_wheel_must_be_built(tmp_path: Path) -> None:
    commit = "a" * 40
    url = "http://files.example/c-1.tar.gz"
    archive = {"url": url, "hashes": HASH, "subdirectory": "python"}
    data = lock(
        package("a", sdist={"name": "a-1.tar.gz", "url": "http://files.example/a-1.tar.gz", "hashes": HASH}),
        package("b", vcs={"type": "git", "url": "http://code.example/b", "commit-id": commit}),
        package("c", archive=archive),
        package("d", directory={"path": "lib/d", "editable": True}),
        extras=[],
        groups=[],
        default=[],
    )
    world = World(directory=str(tmp_path), cache=str(tmp_path / "cache"), events=Events(), now=0.0)

    items = select_for(world, data, Choice(), environment=TARGET.environment(), tags=TARGET.tags())

    assert items == [
        Unbuilt(name="a", kind="sdist", version="1", url="http://files.example/a-1.tar.gz", sha256="0" * 64),
        Unbuilt(name="b", kind="git", version="1", url="http://code.example/b", commit=commit),
        Unbuilt(name="c", kind="archive", version="1", url=url, subdirectory="python", sha256="0" * 64),
        Unbuilt(name="d", kind="directory", version="1", path="lib/d", is_editable=True),
    ]
