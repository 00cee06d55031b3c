"""A workspace is several projects with one aim."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provenv.errors import InputError
from provenv.flows.aimed import AimedTarget
from provenv.flows.workspace import find_root
from tests.flows.aiming import Place, target_of

_BUILD = '[build-system]\nrequires = ["own-backend"]\n'


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.project(
        """
        [tool.uv.workspace]
        members = ["packages/*", "extra"]
        exclude = ["packages/seeds"]
        [tool.uv.sources]
        bird = { workspace = true }
        shared = { git = "https://host.example/shared" }
        """,
        "bird",
    )
    place.project(
        """
        [project.optional-dependencies]
        fly = ["wing"]
        [dependency-groups]
        dev = ["feather>=2", "own"]
        [tool.uv.sources]
        own = { path = "../own" }
        """
        + _BUILD,
        "shared",
        path="packages/bird",
        name="bird",
        head='requires-python = ">=3.9"',
    )
    place.project("", path="packages/nest", name="nest", head='requires-python = "<4"')
    place.project("", path="packages/own", name="own-name")
    place.project("", path="packages/seeds", name="seeds")
    place.project("", path="packages/.hidden", name="hidden")
    place.write("packages/notes/readme.txt", "no project")
    return place


def _rows(target: AimedTarget) -> list[tuple[str, tuple[str, ...], str]]:
    return [(row[1], row[2], section) for row, _, section in target["rows"]]


def test_members_and_their_sections(place: Place) -> None:
    aimed = place.aim()
    packages = place.root / "packages"
    assert aimed["members"] == {name: str(packages / folder) for name, folder in _MEMBERS.items()}
    assert aimed["requires_python"] in (">=3.9,<4", "<4,>=3.9")
    assert aimed["member_default_groups"] == {"bird": ["dev"], "nest": [], "own-name": []}
    assert _rows(target_of(aimed)) == [
        ("bird", (), ""),
        ("bird", (), "member:bird"),
        ("bird", ("fly",), "member:bird:extra:fly"),
        ("feather", (), "member:bird:group:dev"),
        ("own", (), "member:bird:group:dev"),
        ("nest", (), "member:nest"),
        ("own-name", (), "member:own-name"),
    ]
    places = {place for _, place, section in target_of(aimed)["rows"] if section == "member:bird:group:dev"}
    assert places == {f"packages/bird/pyproject.toml: dependency-groups.dev[{number}]" for number in (0, 1)}
    assert aimed["texts"]["packages/bird/pyproject.toml: dependency-groups.dev[0]"] == "feather>=2"


_MEMBERS = {"bird": "bird", "nest": "nest", "own-name": "own"}


def test_what_stands_for_a_member(place: Place) -> None:
    references = target_of(place.aim())["references"]
    assert set(references) == {"bird", "nest", "own", "own-name", "shared"}
    assert references["bird"]["is_editable"]
    assert not references["bird"]["is_virtual"]
    assert references["nest"]["is_virtual"], "nobody needs it, and it has no build system"
    assert references["own"]["url"] == str(place.root / "packages/own"), "a path is one from the member"
    assert references["shared"]["kind"] == "git", "the root's sources hold for its members"


def test_an_index_of_a_member_is_for_its_own_rules(place: Place) -> None:
    place.project(
        """
        [[tool.uv.index]]
        name = "nightly"
        url = "https://nightly.example/simple"
        [tool.uv.sources]
        moss = { index = "nightly" }
        """,
        "moss",
        path="packages/nest",
        name="nest",
    )
    aimed = place.aim()
    assert [(name, is_explicit) for name, _, _, is_explicit, _ in aimed["locations"]] == [
        ("nightly", True),
        ("default", False),
    ]
    assert target_of(aimed)["pinned"] == {"moss": "nightly"}


def test_the_root_is_found_from_a_member(place: Place) -> None:
    root, packages = str(place.root), str(place.root / "packages")
    assert find_root(os.path.join(packages, "bird")) == (root, "bird")
    assert find_root(root) is None
    assert find_root(os.path.join(packages, "seeds")) is None


def test_a_change_in_a_member_makes_the_aim_anew(place: Place) -> None:
    before = place.aim()
    assert place.aim() == before
    place.project("", path="packages/worm", name="worm")
    assert "worm" in place.aim()["members"]
    place.project("[dependency-groups]\ndev = ['soil']\n", path="packages/worm", name="worm")
    assert ("soil", (), "member:worm:group:dev") in _rows(target_of(place.aim()))
    place.project("", path="packages/notes", name="notes")
    assert "notes" in place.aim()["members"], "a project file appears in a directory that was there before"


def test_a_root_that_is_no_project(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write("pyproject.toml", '[tool.uv.workspace]\nmembers = ["a"]\n')
    place.project("", path="a", name="a")
    aimed = place.aim()
    assert aimed["name"] is None
    assert _rows(target_of(aimed)) == [("a", (), "member:a")]


def test_conflicts_of_members(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.project(
        """
        [project.optional-dependencies]
        x = []
        [tool.uv]
        conflicts = [
            [{ extra = "x" }, { package = "a", extra = "y" }],
            [{ package = "a" }, { package = "demo", extra = "x" }],
        ]
        [tool.uv.workspace]
        members = ["a"]
        """
    )
    place.project(
        """
        [project.optional-dependencies]
        y = []
        z = []
        [tool.uv]
        conflicts = [[{ extra = "y" }, { extra = "z" }]]
        """,
        path="a",
        name="a",
    )
    assert place.aim()["conflicts"] == [
        ["extra:x", "member:a:extra:y"],
        ["member:a", "extra:x"],
        ["member:a:extra:y", "member:a:extra:z"],
    ]


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("packages/twin", '[project]\nname = "bird"\n', "two members of the workspace are named `bird`"),
        ("packages/self", '[project]\nname = "demo"\n', "two members of the workspace are named `demo`"),
        ("packages/none", "[tool]\n", "needs a [project] with a `name`"),
        ("packages/broken", "[", "not valid TOML"),
        ("packages/bad", "[project]\nname = 'bad'\ndependencies = ['x>']\n", "project.dependencies[0]"),
    ],
)
def test_members_that_cannot_be(place: Place, path: str, text: str, told: str) -> None:
    file = place.write(f"{path}/pyproject.toml", text)
    with pytest.raises(InputError) as caught:
        place.aim()
    assert told in str(caught.value)
    assert str(caught.value).startswith((str(file), str(place.root / "packages/twin")))
