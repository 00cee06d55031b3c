"""Conflicts as a user meets them: few sentences, lines of the project, and ways out."""

from __future__ import annotations

import json

from tests.worlds.house import House


def test_the_lines_and_a_solved_way_out(house: House) -> None:
    for version in ("1.26", "2.4"):
        house.wheel("numpy", version)
    house.wheel("pandas", "3.0", ("numpy>=2",))
    house.project("numpy<2", "pandas>=3")
    assert house.refused("lock").partition("\n\n")[2] == (
        "Because pandas==3.0 depends on numpy>=2 and your project depends on pandas>=3 (pyproject.toml:7), "
        "your project requires numpy==2.4.\n"
        "And because your project depends on numpy<2 (pyproject.toml:6), the requirements cannot be satisfied.\n"
        "\n"
        "hint: relax `numpy<2` to `numpy` (pyproject.toml:6): solves with numpy 2.4, pandas 3.0\n"
    )


def test_a_conflict_for_programs(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.project("alpha>=2")
    told = json.loads(house.give("lock", "--json").out)["error"]
    assert told["kind"] == "NoSolution"
    assert told["conflict"] == [{"where": "project.dependencies[0]", "line": 6, "text": "alpha>=2"}]
    assert told["is_minimal"]
    change = {
        "kind": "relax",
        "where": "project.dependencies[0]",
        "line": 6,
        "before": "alpha>=2",
        "after": "alpha>=1.0",
    }
    assert told["fixes"] == [{"changes": [change], "versions": {"alpha": ["1.0"]}}]


def test_lines_that_have_no_part_in_it_are_left_out(house: House) -> None:
    for name in ("one", "two", "three"):
        house.wheel(name, "1.0", ("core",))
    house.wheel("core", "1.0")
    house.wheel("core", "2.0")
    house.wheel("four", "1.0", ("core<2",))
    house.project("one", "two", "three", "core>=2", "four")
    told = json.loads(house.give("lock", "--json").out)["error"]
    assert sorted(line["text"] for line in told["conflict"]) == ["core>=2", "four"]


def test_two_lines_at_once_when_one_is_not_enough(house: House) -> None:
    house.wheel("core", "1.0")
    house.wheel("core", "2.0")
    for name in ("left", "right"):
        house.wheel(name, "1.0", ("core<2",))
        house.wheel(name, "2.0", ("core>=2",))
    house.project("left<2", "right<2", "core>=2")
    told = house.refused("lock")
    assert "hint: relax `core>=2` to `core>=1.0` (pyproject.toml:8): solves with core 1.0" in told
    house.wheel("third", "1.0", ("core>=2",))
    house.project("left<2", "right<2", "third")
    assert (
        "relax `left<2` to `left` (pyproject.toml:6) and relax `right<2` to `right` (pyproject.toml:7): solves"
        in house.refused("lock", "--refresh")
    )


def test_a_constraint_is_a_line_like_any_other(house: House) -> None:
    house.wheel("core", "1.0")
    house.wheel("core", "2.0")
    house.wheel("web", "1.0", ("core>=2",))
    house.project("web", more='[tool.provenv]\nconstraint-dependencies = ["core<2"]\n')
    told = house.refused("lock")
    assert "your project allows only core<2 (pyproject.toml:9)" in told
    assert "relax `core<2` to `core` (pyproject.toml:9): solves with core 2.0, web 1.0" in told


def test_a_pre_release_that_would_do(house: House) -> None:
    house.wheel("core", "1.0")
    house.wheel("core", "2.0b1")
    house.wheel("web", "1.0", ("core>=2.0b1",))
    house.project("web", "core", more='[tool.provenv]\nprerelease = "disallow"\n')
    told = house.refused("lock")
    assert 'let pre-releases count with `prerelease = "if-necessary-or-explicit"`: solves with core 2.0b1' in told


def test_another_python(house: House) -> None:
    house.wheel("alpha", "1.0", requires_python=">=3.13")
    target = '[tool.provenv.targets.train]\nplatform = "linux-x86_64"\npython = "3.12"\n'
    house.project("alpha", more=target)
    assert "use Python 3.13 (pyproject.toml:10): solves with alpha 1.0" in house.refused("lock")


def test_an_override_in_the_way(house: House) -> None:
    house.wheel("core", "1.0")
    house.wheel("web", "1.0", ("core>=1",))
    house.project("web", more='[tool.provenv]\noverride-dependencies = ["core==9"]\n')
    told = house.refused("lock")
    assert "web==1.0 depends on core==9 (your override, pyproject.toml:9)" in told
    assert "hint: relax `core==9` to `core==1.0` (pyproject.toml:9): solves with core 1.0, web 1.0" in told


def test_extras_that_exclude_one_another(house: House) -> None:
    house.wheel("core", "1.0")
    house.wheel("core", "2.0")
    extras = '[project.optional-dependencies]\nold = ["core<2"]\nnew = ["core>=2"]\n'
    house.project(more=extras)
    told = house.refused("lock")
    assert "on core<2 (extra `old`, pyproject.toml:8)" in told
    assert "on core>=2 (extra `new`, pyproject.toml:9)" in told
    declared = 'conflicts = [[{ extra = "new" }, { extra = "old" }]]'
    assert f"hint: never install them together, with `{declared}` in [tool.provenv]: solves" in told
    house.project(more=f"{extras}[tool.provenv]\n{declared}\n")
    house.do("lock")


def test_yanked_versions_are_no_gaps_worth_telling(house: House) -> None:
    for version in ("1.0", "2.0", "2.1", "3.0"):
        house.wheel("core", version)
    house.server.yanked["core-2.1-py3-none-any.whl"] = "broken"
    for version in ("1.0", "2.0"):
        house.wheel("web", version, ("core>=2",))
    house.project("web", "core<2")
    told = house.refused("lock")
    assert "every version of web depends on core>=2" in told
    assert "yanked" not in told


def test_a_package_that_has_nothing_for_the_target(house: House) -> None:
    house.wheel("core", "1.0b1")
    house.project("core", more='[tool.provenv]\nprerelease = "disallow"\n')
    told = house.refused("lock")
    assert "no version of core can be used here" in told
    assert told.count("pre-release") == 1


def test_members_of_a_workspace_that_disagree(house: House) -> None:
    house.wheel("core", "1.0")
    house.wheel("core", "2.0")
    for name, need in (("left", "core<2"), ("right", "core>=2")):
        member = house.directory / "packages" / name / "pyproject.toml"
        member.parent.mkdir(parents=True)
        member.write_text(f'[project]\nname = "{name}"\nversion = "0"\ndependencies = ["{need}"]\n')
    house.project(more='[tool.provenv.workspace]\nmembers = ["packages/*"]\n')
    told = house.refused("lock")
    assert "left==0 depends on core<2 (packages/left/pyproject.toml:4)" in told
    assert "hint: relax `core<2` to `core` (packages/left/pyproject.toml:4): solves with core 2.0" in told
    assert "or relax `core>=2` to `core>=1.0` (packages/right/pyproject.toml:4): solves with core 1.0" in told
    assert "remove" not in told
