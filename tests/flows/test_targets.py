"""Without declared targets a project is locked for the usual platforms, the same from every machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenv.errors import InputError
from provenv.flows.targets import SELDOM, usual_targets
from provenv.model.target import PLATFORMS, Target
from tests.flows.aiming import Place, target_of
from tests.worlds.interpreters import this_interpreter


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_usual_platforms(place: Place) -> None:
    place.project("", "a")
    aimed = place.aim()
    assert [target["name"] for target in aimed["targets"]] == [
        platform for platform in PLATFORMS if platform not in SELDOM
    ]
    assert not any(target["is_declared"] for target in aimed["targets"])
    assert all(set(record) == {"name", "platform", "python"} for record in aimed["inputs"]["targets"])


def test_a_platform_of_the_past_is_locked_where_the_project_asks_for_it(place: Place) -> None:
    place.project(
        "[tool.provenv]\nrequired-environments = [\"sys_platform == 'darwin' and platform_machine == 'x86_64'\"]", "a"
    )
    assert {target["name"]: target["is_declared"] for target in place.aim()["targets"]}["macos-x86_64"]


def test_only_an_older_c_library_counts() -> None:
    here = this_interpreter()
    own = Target.from_interpreter(here).platform

    def tags(libc: tuple[str, int, int]) -> list[str]:
        targets = usual_targets(here.changed(libc=libc), None)
        return next(target.tags() for target, is_here in targets if is_here and target.platform == own)

    assert tags(("glibc", 2, 39)) == tags(("glibc", 2, 28))
    assert any("manylinux_2_28" in tag for tag in tags(("glibc", 2, 39)))
    assert not any("manylinux_2_28" in tag for tag in tags(("glibc", 2, 17)))


def test_the_patch_release_is_the_first_that_the_project_admits() -> None:
    here = this_interpreter()
    major, minor = here.minor

    def version(requires_python: str | None) -> str:
        return usual_targets(here, requires_python)[0][0].environment()["python_full_version"]

    assert version(None) == f"{major}.{minor}.0"
    assert version(f">={major}.{minor}.3") == f"{major}.{minor}.3"
    assert version(f">={major}.{minor}.1,!={major}.{minor}.1") == f"{major}.{minor}.2"


def test_environments(place: Place) -> None:
    place.project(
        """
        [tool.uv]
        environments = ["sys_platform == 'linux'", "sys_platform == 'win32'"]
        required-environments = ["sys_platform == 'linux' and platform_machine == 'aarch64'"]
        """
    )
    aimed = place.aim()
    assert [target["name"] for target in aimed["targets"]] == ["linux-x86_64", "linux-aarch64", "windows-x86_64"]
    assert [target["name"] for target in aimed["targets"] if target["is_declared"]] == ["linux-aarch64"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("environments = [\"sys_platform == 'plan9'\"]", "none of the usual platforms"),
        ("required-environments = [\"sys_platform == 'plan9'\"]", "no platform that the project is locked for"),
        ("environments = ['sys_platform']", "tool.provenv.environments[0]"),
    ],
)
def test_environments_that_cannot_be(place: Place, more: str, told: str) -> None:
    place.project(f"[tool.provenv]\n{more}\n")
    with pytest.raises(InputError, match=told.replace("[", r"\[")):
        place.aim()


def test_a_group_for_other_pythons(place: Place) -> None:
    place.project(
        """
        [dependency-groups]
        new = ["a"]
        old = ["b"]
        [tool.uv.dependency-groups]
        new = { requires-python = ">=3.99" }
        old = { requires-python = ">=3.5" }
        """
    )
    assert [row[1] for row, _, _ in target_of(place.aim())["rows"]] == ["b"]
