"""Where packages come from: URLs in requirements, and the tables ``sources``."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenv.errors import InputError
from provenv.flows.aimed import Aim
from provenv.flows.forked import chosen_sections
from tests.flows.aiming import Place, target_of

_SHA = "a" * 64


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _reference(aimed: Aim, name: str) -> dict[str, object]:
    reference = target_of(aimed)["references"][name]
    return {key: value for key, value in reference.items() if value not in (None, False)}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://files.example/a-1-py3-none-any.whl",
            {"kind": "archive", "url": "https://files.example/a-1-py3-none-any.whl"},
        ),
        (
            f"https://user:secret@files.example/a-1.tar.gz#sha256={_SHA}&subdirectory=deep/er",
            {
                "kind": "archive",
                "url": "https://files.example/a-1.tar.gz",
                "sha256": _SHA,
                "subdirectory": "deep/er",
            },
        ),
        ("git+https://host.example/a", {"kind": "git", "url": "https://host.example/a"}),
        (
            "git+https://user:secret@host.example/a.git@feature/x#subdirectory=deep&egg=a",
            {"kind": "git", "url": "https://host.example/a.git", "rev": "feature/x", "subdirectory": "deep"},
        ),
        ("git+ssh://git@host.example/a@v1", {"kind": "git", "url": "ssh://git@host.example/a", "rev": "v1"}),
    ],
)
def test_a_url_in_a_requirement(place: Place, url: str, expected: dict[str, object]) -> None:
    place.project("", f"a @ {url}")
    aimed = place.aim()
    assert _reference(aimed, "a") == expected
    assert "secret" not in str(aimed)
    assert b"secret" not in b"".join(path.read_bytes() for path in place.cache.rglob("*") if path.is_file())


def test_paths(place: Place) -> None:
    place.project("", path="dep", name="dep")
    place.write("wheels/b-1-py3-none-any.whl", "")
    root = place.root
    place.project(
        """
        [tool.provenv.sources]
        c = { path = "dep", editable = true }
        d = { path = "dep", package = false }
        e = { path = "wheels/b-1-py3-none-any.whl" }
        """,
        "a @ ./dep",
        f"b @ {(root / 'dep').as_uri()}",
        "c>=7",
        "d",
        "e",
    )
    aimed = place.aim()
    directory = {"kind": "directory", "url": str(root / "dep")}
    assert _reference(aimed, "a") == directory
    assert _reference(aimed, "b") == directory
    assert _reference(aimed, "c") == {**directory, "is_editable": True}
    assert _reference(aimed, "d") == {**directory, "is_virtual": True}
    assert _reference(aimed, "e") == {"kind": "archive", "url": (root / "wheels/b-1-py3-none-any.whl").as_uri()}
    rows = {row[1]: row[3] for row, _, _ in target_of(aimed)["rows"]}
    assert rows["c"] == "", "as in uv, no version is asked of a known place"


def test_rules_of_a_package(place: Place) -> None:
    place.project(
        """
        [dependency-groups]
        dev = ["f"]
        [[tool.uv.index]]
        name = "nightly"
        url = "https://nightly.example/simple"
        explicit = true
        [tool.uv.sources]
        a = { git = "https://host.example/a", tag = "v1", subdirectory = "x" }
        b = { git = "git@host.example:team/b.git" }
        c = { url = "https://files.example/c-1.zip" }
        d = [
            { index = "nightly", marker = "sys_platform == 'linux'" },
            { git = "https://host.example/d", marker = "sys_platform == 'darwin'" },
        ]
        e = { index = "nightly", group = "dev" }
        f = { index = "nightly", group = "dev" }
        """,
        "a", "b", "c", "d>=2", "e",
    )  # fmt: skip
    aimed = place.aim()
    assert _reference(aimed, "a") == {
        "kind": "git",
        "url": "https://host.example/a",
        "rev": "v1",
        "subdirectory": "x",
    }
    assert _reference(aimed, "b") == {"kind": "git", "url": "ssh://git@host.example/team/b.git"}
    assert _reference(aimed, "c") == {"kind": "archive", "url": "https://files.example/c-1.zip"}
    assert target_of(aimed)["pinned"] == {"d": "nightly", "f": "nightly"}
    assert target_of(aimed, "macos-arm64")["pinned"] == {"f": "nightly"}
    assert target_of(aimed, "macos-arm64")["references"]["d"]["kind"] == "git"
    assert "d" not in target_of(aimed, "windows-x86_64")["references"]
    assert (("", "d", (), ">=2"), "project.dependencies[3]", "") in target_of(aimed)["rows"]
    assert [place[0] for place in aimed["locations"] if place[3]] == ["nightly"]
    assert aimed["inputs"]["sources"]["a"] == ["git https://host.example/a@v1 in x"]


def test_no_sources(place: Place) -> None:
    place.project('[tool.uv.sources]\na = { git = "https://host.example/a" }\n', "a>=1")
    assert "a" in target_of(place.aim())["references"]
    target = target_of(place.aim(uses_sources=False))
    assert target["references"] == {}
    assert target["rows"] == [(("", "a", (), ">=1"), "project.dependencies[0]", "")]


_CHOICE = """
    [project.optional-dependencies]
    cpu = ["torch>=2"]
    gpu = ["torch>=2"]
    [[tool.uv.index]]
    name = "plain"
    url = "https://plain.example/simple"
    explicit = true
    [[tool.uv.index]]
    name = "cuda"
    url = "https://cuda.example/simple"
    explicit = true
    [tool.uv.sources]
    torch = [{ index = "plain", extra = "cpu" }, { index = "cuda", extra = "gpu" }]
    [tool.uv]
"""


def test_extras_that_exclude_one_another_have_sources_of_their_own(place: Place) -> None:
    place.project(_CHOICE + 'conflicts = [[{ extra = "cpu" }, { extra = "gpu" }]]\n')
    aimed = place.aim()
    assert aimed["conflicts"] == [["extra:cpu", "extra:gpu"]]
    target = target_of(aimed)
    assert target["pinned"] == {}
    assert target["forked"] == {"extra:cpu": {"torch": "plain"}, "extra:gpu": {"torch": "cuda"}}
    cpu, gpu = chosen_sections(target, {"extra:gpu"}), chosen_sections(target, {"extra:cpu"})
    assert (cpu["pinned"], gpu["pinned"]) == ({"torch": "plain"}, {"torch": "cuda"})
    assert len({cpu["key"], gpu["key"], target["key"]}) == 3
    assert chosen_sections(target, {"extra:cpu", "extra:gpu"}) == target


def test_two_sources_without_a_conflict(place: Place) -> None:
    place.project(_CHOICE)
    with pytest.raises(InputError, match="two sources for torch: index cuda here, index plain at") as caught:
        place.aim()
    assert "optional-dependencies.gpu[0]" in str(caught.value)
    assert "optional-dependencies.cpu[0]" in str(caught.value)


@pytest.mark.parametrize(
    ("more", "dependency", "told"),
    [
        ("", "a @ https://files.example/a", "does not end like a wheel"),
        ("", "a @ ftp://files.example/a.zip", "ftp://"),
        ("", "a @ ./missing", "does not exist"),
        ("", "a @ https://files.example/a.zip#sha256=12", "is not a SHA-256"),
        ("", "a @ https://files.example/a.zip#md5=12", "only sha256"),
        ("", "a @ git+https://host.example/a@", "ends in `@`"),
        ("", "a @ git+ftp://host.example/a", "is not the URL of a repository"),
        ("[tool.uv.sources]\na = { path = 'x' }", "a @ ./b", "tool.uv.sources.a"),
        ("[tool.uv.sources]\na = { index = 'x' }", "a", "there is no index named `x`"),
        ("[tool.uv.sources]\na = { workspace = true }", "a", "no member of the workspace"),
        ("[tool.uv.sources]\na = { path = '.', git = 'x' }", "a", "exactly one of"),
        ("[tool.uv.sources]\na = { git = 'https://h.example/x', tag = 'a', rev = 'b' }", "a", "rev and tag"),
        ("[tool.uv.sources]\na = { git = 'https://h.example/x', rev = '-x' }", "a", "not the name of a branch"),
        ("[tool.provenv.sources]\na = { path = '.', editible = true }", "a", "did you mean `editable`"),
    ],
)
def test_what_cannot_be(place: Place, more: str, dependency: str, told: str) -> None:
    place.project(more, dependency)
    with pytest.raises(InputError) as caught:
        place.aim()
    assert told in f"{caught.value} {caught.value.hint}"
    assert "pyproject.toml: " in str(caught.value)


def test_an_aim_is_made_anew_when_a_local_project_changes(place: Place) -> None:
    place.project("", path="dep", name="dep")
    place.project("", "dep @ ./dep")
    assert "is_virtual" not in _reference(place.aim(), "dep")
    place.project("[tool.uv]\npackage = false\n", path="dep", name="dep")
    assert _reference(place.aim(), "dep")["is_virtual"]
