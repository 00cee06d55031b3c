"""A project file is understood as a whole; every mistake is told at once, with its key."""

from __future__ import annotations

import tomllib

import pytest

from provenv.errors import InputError
from provenv.model.project import Project


def read(text: str) -> Project:
    return Project.from_pyproject(tomllib.loads(text))


def test_a_full_project() -> None:
    project = read(
        """
        [project]
        name = "Fine_Tune"
        requires-python = ">=3.11"
        dependencies = ["torch>=2.6 ; sys_platform == 'linux'", "numpy"]
        optional-dependencies.Docs = ["sphinx"]

        [dependency-groups]
        dev = ["pytest", { include-group = "lint" }]
        lint = ["ruff"]

        [tool.provenv.targets.train]
        platform = "linux-x86_64"
        python = "3.12"
        glibc = "2.31"
        driver = "535.104.05"
        gpus = ["V100", "H100"]

        [[tool.provenv.index]]
        name = "own"
        url = "https://index.example/simple/"
        """
    )

    assert project.name == "fine-tune"
    assert [line.where for line in project.dependencies] == ["project.dependencies[0]", "project.dependencies[1]"]
    assert list(project.extras) == ["docs"]
    assert [line.text for line in project.groups["dev"]] == ["pytest", "ruff"]
    assert project.default_groups == ("dev",)
    (target,) = project.targets
    assert (target.glibc, target.driver, target.gpus) == ((2, 31), "535.104.05", ("V100", "H100"))
    assert project.indexes[0].url == "https://index.example/simple/"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[project]\nname = '-x'", "project.name"),
        ("[project]\ndependencies = ['a>']", "project.dependencies[0]"),
        ("[project]\ndependencies = [3]", "project.dependencies[0]"),
        ("[project]\ndependencies = 'a'", "project.dependencies"),
        ("[project]\nrequires-python = '3.x'", "project.requires-python"),
        ("[project]\nrequires-python = 3", "project.requires-python"),
        ("project = 3", "project: a table"),
        ("[tool.provenv]\ntarget = 1", "did you mean `targets`"),
        ("[tool.provenv]\nzzz = 1", "known are"),
        ("[tool.provenv.targets.a]\nplatform = 'sun'\npython = '3.12'", "targets.a.platform"),
        ("[tool.provenv.targets.a]\nplatform = 'linux-x86_64'\npython = 3", "targets.a.python"),
        ("[tool.provenv.targets.a]\nplatform = 'linux-x86_64'\npython = '3.12'\nglibc = 'x'", "targets.a.glibc"),
        ("[tool.provenv.targets.a]\nplatform = 'linux-x86_64'\npython = '3.12'\nglibc = 2.3", "targets.a.glibc"),
        ("[tool.provenv.targets.a]\nplatform = 'linux-x86_64'\npython = '3.12'\nglibc = '2.3'\nmusl = '1.2'", "either"),
        ("[tool.provenv.targets]\na = 1", "targets.a"),
        ("[tool.provenv]\nindex = 1", "tool.provenv.index"),
        ("[[tool.provenv.index]]\nname = 'x'", "needs a `url`"),
        ("[[tool.provenv.index]]\nurl = 'x'\nurll = 'y'", "did you mean `url`"),
        ("[tool.provenv]\ndefault-groups = ['x']", "there is no group `x`"),
        ("[tool.provenv]\nfind-links = 'x'", "tool.provenv.find-links"),
        ("[tool.provenv]\nfind-links = [1]", "tool.provenv.find-links[0]"),
        ("[dependency-groups]\na = [{include-group = 'b'}]\nb = [{include-group = 'a'}]", "includes itself"),
        ("[dependency-groups]\na = [{include-group = 'c'}]", "there is no group `c`"),
        ("[dependency-groups]\na = 'x'", "a list is expected"),
        ("[dependency-groups]\na = [{x = 1}]", "a requirement is a string"),
    ],
)
def test_a_mistake_is_told_with_its_key(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)

    assert told in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read("[project]\nname = '-'\ndependencies = ['a>', 'b', 'c==']")

    assert "3 mistakes" in str(caught.value)
    assert "project.dependencies[2]" in str(caught.value)


def test_a_key_that_our_table_lacks_is_taken_from_uvs() -> None:
    project = read(
        """
        [tool.provenv]
        constraint-dependencies = ["a<1"]
        [tool.uv]
        constraint-dependencies = ["b<1"]
        override-dependencies = ["c==1"]
        dev-dependencies = ["d"]
        package = false
        link-mode = "symlink"
        publish-url = "https://host.example"
        pip = { strict = true }
        required-version = ">=0.5"
        [[tool.uv.index]]
        name = "own"
        url = "https://index.example/simple"
        publish-url = "https://host.example"
        authenticate = "always"
        """
    )

    assert [line.where for line in project.constraints] == ["tool.provenv.constraint-dependencies[0]"]
    assert [line.where for line in project.overrides] == ["tool.uv.override-dependencies[0]"]
    assert [line.where for line in project.groups["dev"]] == ["tool.uv.dev-dependencies[0]"]
    assert project.default_groups == ("dev",)
    assert (project.link_mode, project.required_version) == ("symlink", None)
    assert project.indexes[0].authenticate == "always"


def test_default_groups() -> None:
    groups = "[dependency-groups]\ndev = []\ndocs = []\n"

    assert read(groups).default_groups == ("dev",)
    assert read(groups + "[tool.provenv]\ndefault-groups = 'all'").default_groups == ("dev", "docs")
    assert read(groups + "[tool.provenv]\ndefault-groups = ['docs']").default_groups == ("docs",)
    assert read("[dependency-groups]\ndocs = []\n").default_groups == ()
