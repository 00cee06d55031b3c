"""How to choose, bounds, and the project itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provenv.errors import InputError
from provenv.flows.parse_aim import usual_policy
from tests.flows.aiming import Place, target_of


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_nothing_is_said(place: Place) -> None:
    place.project("", "a")
    aimed = place.aim()
    assert aimed["policy"] == usual_policy()
    assert set(aimed["inputs"]) == {"requires", "targets"}
    assert target_of(aimed)["references"] == {}


def test_the_command_line_wins_over_the_file_and_lists_are_joined(place: Place) -> None:
    place.project(
        """
        [tool.uv]
        resolution = "lowest"
        prerelease = "allow"
        no-build-package = ["A"]
        exclude-newer = "1 week"
        exclude-newer-package = { b = false }
        config-settings = { x = "1", y = ["1", "2"] }
        extra-build-dependencies = { f = ["t>=1", { requirement = "torch", match-runtime = true }] }
        dependency-metadata = [{ name = "Z", version = "1", requires-dist = ["q"] }]
        build-constraint-dependencies = ["s<3", "w @ https://u:secret@h.example/w.zip"]
        unknown-to-us = 3
        """
    )
    words: dict[str, Any] = {
        "resolution": "lowest-direct",
        "no_build_packages": ["b"],
        "config_settings": {"x": "2"},
        "exclude_newer_package": {"c": "2026-01-01"},
    }
    policy = place.aim(policy=words)["policy"]
    assert policy["resolution"] == "lowest-direct"
    assert policy["prerelease"] == "allow"
    assert policy["no_build_packages"] == ["a", "b"]
    assert policy["config_settings"] == {"x": "2", "y": ["1", "2"]}
    assert policy["exclude_newer_package"] == {"b": None, "c": "2026-01-01"}
    assert policy["extra_build"] == {"f": [("t>=1", False), ("torch", True)]}
    assert policy["metadata"] == [{"name": "z", "requires-dist": ["q"], "provides-extra": [], "version": "1"}]
    assert policy["build_constraints"] == ["s<3", "w @ https://h.example/w.zip"]
    assert place.aim()["policy"]["resolution"] == "lowest", "what was said once is not remembered for all"


def test_what_a_lock_records(place: Place) -> None:
    place.project(
        """
        [tool.provenv]
        no-build = true
        exclude-newer-package = { b = false }
        constraint-dependencies = ["c<2"]
        override-dependencies = ["d==1"]
        exclude-dependencies = ["E"]
        """
    )
    inputs = place.aim(policy={"no_binary": True, "resolution": "lowest"})["inputs"]
    assert inputs["policy"] == {
        "exclude-newer-package": {"b": False},
        "no-build": True,
        "resolution": "lowest",
    }, "how to build is recorded where the file says it, how to choose always"
    assert (inputs["constraints"], inputs["overrides"], inputs["excludes"]) == (["c<2"], ["d==1"], ["e"])


def test_bounds(place: Place) -> None:
    place.project(
        """
        [tool.uv]
        constraint-dependencies = ["a<2", "b<2 ; sys_platform == 'win32'", "c @ https://f.example/c-1.zip"]
        override-dependencies = ["d==1", "d==2 ; sys_platform == 'win32'", "e ; sys_platform == 'win32'"]
        exclude-dependencies = ["g"]
        """,
        "d @ https://f.example/d-0.zip",
    )
    aimed = place.aim()
    assert aimed["texts"]["tool.uv.constraint-dependencies[0]"] == "a<2"
    target = target_of(aimed)
    assert target["constraints"] == [
        (("", "a", (), "<2"), "tool.uv.constraint-dependencies[0]"),
        (("", "c", (), ""), "tool.uv.constraint-dependencies[2]"),
    ]
    assert target["references"]["c"]["url"] == "https://f.example/c-1.zip"
    assert target["overrides"] == {"d": [("", "d", (), "==1")], "e": []}
    assert len(target_of(aimed, "windows-x86_64")["overrides"]["d"]) == 2
    assert target["excludes"] == ["g"]


def test_the_override_of_a_reference_wins(place: Place) -> None:
    place.project(
        '[tool.uv]\noverride-dependencies = ["d @ https://f.example/d-2.zip"]\n', "d @ https://f.example/d-1.zip"
    )
    assert target_of(place.aim())["references"]["d"]["url"].endswith("d-2.zip")


@pytest.mark.parametrize(
    ("more", "is_package"),
    [
        ("", False),
        ('[build-system]\nrequires = ["x"]\n', True),
        ('[build-system]\nrequires = ["x"]\n[tool.uv]\npackage = false\n', False),
        ("[tool.provenv]\npackage = true\n[tool.uv]\npackage = false\n", True),
    ],
)
def test_the_project_itself(place: Place, more: str, is_package: bool) -> None:
    place.project(more, "a")
    target = target_of(place.aim())
    assert ((("", "demo", (), ""), "project", "") in target["rows"]) == is_package
    assert ("demo" in target["references"]) == is_package
    if is_package:
        assert target["references"]["demo"]["is_editable"]
        assert target["references"]["demo"]["url"] == str(place.root)


def test_a_project_that_a_build_must_ask(place: Place) -> None:
    text = '[project]\nname = "demo"\ndynamic = ["dependencies", "version"]\n[build-system]\nrequires = []\n'
    place.write("pyproject.toml", text)
    aimed = place.aim()
    assert [(row[1], section) for row, _, section in target_of(aimed)["rows"]] == [("demo", "")]
    assert aimed["inputs"]["dynamic"] == ["dependencies"]


def test_extras_of_its_own(place: Place) -> None:
    place.project(
        """
        [build-system]
        requires = []
        [project.optional-dependencies]
        a = ["x>=1"]
        all = ["demo[a]", "y"]
        [dependency-groups]
        dev = ["demo[all]"]
        """
    )
    rows = [(row[1], section) for row, _, section in target_of(place.aim())["rows"]]
    assert rows == [
        ("demo", ""),
        ("x", "extra:a"),
        ("x", "extra:all"),
        ("y", "extra:all"),
        ("x", "group:dev"),
        ("y", "group:dev"),
    ]


def test_indexes_in_uvs_order(place: Place) -> None:
    place.project(
        """
        [[tool.uv.index]]
        name = "one"
        url = "https://one.example/simple"
        ignore-error-codes = [403]
        [[tool.uv.index]]
        name = "root"
        url = "https://user:secret@root.example/simple"
        default = true
        [[tool.uv.index]]
        name = "two"
        url = "https://two.example/files.html"
        format = "flat"
        [tool.uv]
        extra-index-url = ["https://three.example/simple"]
        find-links = ["wheels"]
        """
    )
    locations = place.aim(indexes=("two=https://other.example/simple",))["locations"]
    assert [(name, url, kind) for name, url, kind, _, _ in locations] == [
        ("two", "https://other.example/simple/", "simple"),
        ("one", "https://one.example/simple/", "simple"),
        ("https://three.example/simple/", "https://three.example/simple/", "simple"),
        ("root", "https://root.example/simple/", "simple"),
        (f"{(place.root / 'wheels').as_uri()}/", f"{(place.root / 'wheels').as_uri()}/", "flat"),
    ]
    assert locations[1][4] == (403,)


def test_without_an_index(place: Place) -> None:
    place.project('[tool.provenv]\nno-index = true\nfind-links = ["wheels"]\n')
    assert [kind for _, _, kind, _, _ in place.aim()["locations"]] == ["flat"]
    place.project("")
    assert [kind for _, _, kind, _, _ in place.aim()["locations"]] == ["simple"]
    assert place.aim(has_index=False)["locations"] == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("[tool.uv]\nmanaged = false", "managed = false"),
        ("[tool.provenv]\nrequired-version = '>=99'", "wants provenv >=99"),
        ("[tool.uv]\nexclude-newer = 'soon'", "tool.uv.exclude-newer"),
        ("[tool.uv]\nresolution = 'newest'", "tool.uv.resolution: 'newest' is not one of"),
        ("[tool.uv]\nno-build = 'yes'", "tool.uv.no-build: true or false"),
        ("[tool.uv]\nconflicts = [[{ extra = 'a' }]]", "between two or more"),
        ("[tool.provenv]\nconflicts = [[{ extra = 'a' }, { group = 'b' }]]", "conflicts[0][0]: there is no extra a"),
        ("[tool.uv]\nextra-build-dependencies = { a = [{ requirement = 'b>1', match-runtime = true }] }", "no version"),
        ("[tool.uv]\nworkspace = 3", "tool.uv.workspace: a table"),
        ("[tool.provenv]\nno-bild = true", "did you mean `no-build`"),
        ("[tool.uv.sources]\na = { index = 'x', extra = 'y' }", "there is no optional dependency `y`"),
    ],
)
def test_what_cannot_be(place: Place, more: str, told: str) -> None:
    place.project(more + "\n")
    with pytest.raises(InputError) as caught:
        place.aim()
    assert told in str(caught.value)


def test_conflicts_of_extras_that_only_a_build_can_tell(place: Place) -> None:
    place.write(
        "pyproject.toml",
        '[project]\nname = "demo"\ndynamic = ["dependencies", "optional-dependencies"]\n'
        "[build-system]\nrequires = []\n[tool.uv]\n"
        'conflicts = [[{ extra = "a" }, { extra = "b" }], [{ group = "x" }, { group = "y" }, { extra = "a" }]]\n'
        "[dependency-groups]\nx = []\ny = []\n",
    )
    assert place.aim()["conflicts"] == [["group:x", "group:y"]]


def test_a_file_without_a_project(place: Place) -> None:
    place.write("pyproject.toml", "[tool.black]\nline-length = 3\n")
    assert place.aim()["inputs"]["requires"] == []
    place.write("pyproject.toml", "[tool.black]\nline-length = 4\n")
    place.write("setup.py", "")
    with pytest.raises(InputError, match=r"there is no \[project\] in it"):
        place.aim()
    place.write("pyproject.toml", '[dependency-groups]\ndev = ["a"]\n')
    assert place.aim()["name"] is None
