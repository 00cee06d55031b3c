"""``add`` writes what uv would write, where the project keeps such things."""

from __future__ import annotations

import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from provenv.flows.bounds import bounds_of
from tests.worlds.house import House


def _document(house: House) -> dict[str, Any]:
    return tomllib.loads(house.project_file.read_text("utf-8"))


def _dependencies(house: House) -> list[str]:
    found: list[str] = _document(house)["project"]["dependencies"]
    return found


def _tool(house: House, tool: str = "provenv") -> dict[str, Any]:
    found: dict[str, Any] = _document(house).get("tool", {}).get(tool, {})
    return found


def _library(directory: Path, name: str = "lib") -> Path:
    """A directory with a project that needs no build to be understood."""
    directory.mkdir(parents=True)
    (directory / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "0.1"\n')
    return directory


@pytest.mark.parametrize(
    ("version", "major", "minor"),
    [
        ("1.2.3", "<2.0.0", "<1.3.0"),
        ("0", "<0.1", "<0.0.1"),
        ("0.0", "<0.1", "<0.0.1"),
        ("0.0.0", "<0.1.0", "<0.0.1"),
        ("0.1.2", "<0.2.0", "<0.1.3"),
        ("0.1", "<0.2", "<0.1.1"),
        ("0.0.3", "<0.0.4", "<0.0.4"),
        ("0.0.0.4", "<0.0.0.5", "<0.0.0.5"),
        ("0.0.3.4", "<0.0.4.0", "<0.0.4.0"),
        ("1", "<2", "<1.1"),
        ("1.2", "<2.0", "<1.3"),
        ("1.2.3.4", "<2.0.0.0", "<1.3.0.0"),
        ("1.2.3rc1", "<2.0.0", "<1.3.0"),
        ("1.2.post1", "<2.0", "<1.3"),
        ("1!2.3", "<1!3.0", "<1!2.4"),
    ],
)
def test_bounds_as_uv_writes_them(version: str, major: str, minor: str) -> None:
    assert bounds_of(version, "lower") == f">={version}"
    assert bounds_of(version, "major") == f">={version},{major}"
    assert bounds_of(version, "minor") == f">={version},{minor}"
    assert bounds_of(version, "exact") == f"=={version}"
    assert bounds_of(f"{version}+cu1", "lower") == f">={version}"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("alpha",), "alpha>=1.2.3"),
        (("alpha", "--bounds", "major"), "alpha>=1.2.3,<2.0.0"),
        (("alpha", "--bounds", "exact"), "alpha==1.2.3"),
        (("alpha<2", "--bounds", "major"), "alpha<2"),
        (("alpha", "--raw"), "alpha"),
        (("alpha", "--extra", "X"), "alpha[x]>=1.2.3"),
        (("alpha", "--marker", "sys_platform != 'x'"), "alpha>=1.2.3 ; sys_platform != 'x'"),
    ],
)
def test_what_is_written(house: House, words: tuple[str, ...], line: str) -> None:
    house.wheel("alpha", "1.2.3", extras={"x": ()})
    house.project()
    house.do("add", "--no-sync", *words)
    assert _dependencies(house) == [line]
    assert "sources" not in _tool(house)


def test_a_wheel_by_its_url(house: House) -> None:
    house.wheel("alpha")
    url = house.server.file_url("alpha-1.0-py3-none-any.whl")
    house.project()
    house.do("add", url)
    assert _dependencies(house) == ["alpha"]
    assert _tool(house)["sources"] == {"alpha": {"url": url}}
    assert house.installed() == {"alpha": "1.0"}
    house.do("remove", "alpha")
    assert _tool(house) == {}
    house.do("add", "--raw", f"alpha @ {url}")
    assert _dependencies(house) == [f"alpha @ {url}"]


def test_a_wheel_by_its_path(house: House) -> None:
    wheel = house.wheel("alpha", directory=house.root / "wheels")
    house.project()
    house.do("add", "../wheels/alpha-1.0-py3-none-any.whl")
    assert _tool(house)["sources"] == {"alpha": {"path": "../wheels/alpha-1.0-py3-none-any.whl"}}
    house.do("add", str(wheel))
    assert _tool(house)["sources"] == {"alpha": {"path": str(wheel)}}
    assert house.installed() == {"alpha": "1.0"}


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("../lib",), {"path": "../lib"}),
        (("--editable", "../lib"), {"path": "../lib", "editable": True}),
        (("--no-editable", "lib @ ../lib"), {"path": "../lib", "editable": False}),
        (("--no-workspace", "./inner"), {"path": "inner"}),
        (("./inner",), {"workspace": True}),
        (("--workspace", "../lib"), {"workspace": True}),
        (("git+https://git.example/a/lib.git@v1#egg=lib&subdirectory=x",),
         {"git": "https://git.example/a/lib.git", "rev": "v1", "subdirectory": "x"}),
        (("lib @ git+ssh://git@git.example/lib", "--tag", "v2"), {"git": "ssh://git@git.example/lib", "tag": "v2"}),
        (("lib @ git+https://git.example/lib@x", "--branch", "main"),
         {"git": "https://git.example/lib", "branch": "main"}),
        (("https://files.example/lib-1.0.tar.gz#subdirectory=x",),
         {"url": "https://files.example/lib-1.0.tar.gz", "subdirectory": "x"}),
    ],
)  # fmt: skip
def test_sources(house: House, words: tuple[str, ...], rule: dict[str, object]) -> None:
    _library(house.root / "lib")
    _library(house.directory / "inner")
    house.project()
    house.do("add", "--frozen", *words)
    assert _tool(house)["sources"] in ({"lib": rule}, {"inner": rule})
    members = _tool(house).get("workspace", {}).get("members", [])
    assert (len(members) == 1) == ("workspace" in rule)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing to add"),
        (("alpha", "--tag", "v1"), "not a git repository"),
        (("alpha", "--editable"), "not a directory"),
        (("./missing",), "does not exist"),
        (("ftp://files.example/x.whl",), "cannot read"),
        (("demo",), "cannot need itself"),
        (("alpha >> 1",), "not a requirement"),
        (("alpha", "--marker", "nonsense"), "not a marker"),
        (("./empty.txt",), "does not tell the name"),
    ],
)
def test_what_cannot_be_added(house: House, words: tuple[str, ...], message: str) -> None:
    house.project()
    (house.directory / "empty.txt").write_text("")
    before = house.project_file.read_bytes()
    assert message in house.refused("add", *words, code=2)
    assert house.project_file.read_bytes() == before
    assert not house.lock_file.exists()


def test_names_are_found_where_the_words_do_not_tell_them(house: House) -> None:
    library = _library(house.root / "some-directory")
    with zipfile.ZipFile(house.server.directory / "latest.zip", "w") as archive:
        archive.write(library / "pyproject.toml", "top/pyproject.toml")
    house.server.credentials = ("me", "s3cret")
    url = f"{house.server.root}/files/latest.zip"
    house.project()
    house.do("add", "--frozen", url.replace("http://", "http://me:s3cret@"))
    assert _tool(house)["sources"] == {"lib": {"url": url}}
    house.do("add", "--frozen", str(library))
    assert _tool(house)["sources"] == {"lib": {"path": str(library)}}
    git = ("git", "-c", "user.name=n", "-c", "user.email=n@mail.example", "-C", str(library))
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "one"), ("tag", "v1")):
        subprocess.run([*git, *words], check=True)
    house.do("add", "--frozen", f"git+file://{library}@v1")
    assert _tool(house)["sources"] == {"lib": {"git": f"file://{library}", "rev": "v1"}}
    assert "lib = { git = " in house.project_file.read_text()
    assert "neither a branch, a tag nor a commit" in house.refused("add", f"git+file://{library}", "--tag", "v2")


def test_a_requirements_file(house: House) -> None:
    for version in ("1.0", "2.0"):
        house.wheel("alpha", version)
        house.wheel("beta", version)
    (house.directory / "r.txt").write_text("alpha<2 ; sys_platform != 'x'  # why\n-r more/r.txt\n-c bounds.txt\n")
    (house.directory / "more").mkdir()
    (house.directory / "more/r.txt").write_text("beta\n")
    (house.directory / "bounds.txt").write_text("beta<2\n")
    house.project()
    house.do("add", "-r", "r.txt")
    assert _dependencies(house) == ["alpha<2 ; sys_platform != 'x'", "beta>=1.0"]
    assert house.locked() == {"alpha": "1.0", "beta": "1.0"}
    assert "constraint-dependencies" not in _tool(house)


def test_constraints_hold_for_the_choice_only(house: House) -> None:
    for version in ("1.0", "2.0"):
        house.wheel("alpha", version, (f"beta=={version}",))
        house.wheel("beta", version)
    (house.directory / "c.txt").write_text("beta<2\n")
    house.project()
    house.do("add", "alpha", "--constraints", "c.txt")
    assert _dependencies(house) == ["alpha>=1.0"]
    assert house.locked() == {"alpha": "1.0", "beta": "1.0"}
    assert _tool(house) == {}


def test_a_mistake_in_a_requirements_file(house: House) -> None:
    (house.directory / "r.txt").write_text("alpha\n\nbeta >> 1\n")
    house.project()
    assert "r.txt:3: `beta >> 1`" in house.refused("add", "-r", "r.txt")
    (house.directory / "r.txt").write_text("-r r.txt\n")
    assert "includes itself" in house.refused("add", "-r", "r.txt")
    assert "cannot be read" in house.refused("add", "-r", "missing.txt")


def test_indexes_are_written_down_without_passwords(house: House) -> None:
    house.wheel("alpha")
    house.monkeypatch.delenv("PROVENV_DEFAULT_INDEX")
    house.project(more='[[tool.provenv.index]]\nname = "old"\nurl = "https://old.example/simple"\nexplicit = true\n')
    house.server.credentials = ("me", "s3cret")
    told = house.do("add", "alpha", "--default-index", f"ours={house.server.url_with('me', 's3cret')}")
    assert _tool(house)["index"] == [
        {"name": "old", "url": "https://old.example/simple", "explicit": True},
        {"name": "ours", "url": house.server.url, "default": True},
    ]
    assert "are not written" in told.err
    assert "s3cret" not in told.err + house.project_file.read_text()
    house.server.credentials = None
    (house.directory / "wheels").mkdir()
    house.do("add", "alpha", "--no-sync", "--index", f"first={house.server.root}/simple", "--index", "second=wheels")
    assert [index["name"] for index in _tool(house)["index"]] == ["second", "old", "first"]
    assert _tool(house)["index"][0]["url"] == "wheels"


@pytest.mark.parametrize(
    ("more", "tool"),
    [
        ("", "provenv"),
        ('[tool.uv]\nprerelease = "allow"\n', "uv"),
        ('[tool.uv.sources]\nbeta = { path = "../beta" }\n', "uv"),
        ('[tool.provenv]\nfind-links = []\n[tool.uv.sources]\nbeta = { path = "../beta" }\n', "uv"),
        ('[tool.provenv]\nfind-links = []\n[tool.uv]\nprerelease = "allow"\n', "provenv"),
    ],
)
def test_the_home_of_sources(house: House, more: str, tool: str) -> None:
    _library(house.root / "lib")
    house.project(more=f"# a comment that stays\n{more}")
    house.do("add", "--frozen", "../lib")
    assert _tool(house, tool)["sources"]["lib"] == {"path": "../lib"}
    assert "# a comment that stays" in house.project_file.read_text()


def test_rules_with_conditions_stay(house: House) -> None:
    _library(house.root / "lib")
    rules = '[{ index = "x", marker = "sys_platform == \'win32\'" }, { path = "../old" }]'
    house.project(more=f'[tool.uv.sources]\nlib = {rules}\n[[tool.uv.index]]\nname = "x"\nurl = "https://x.example"\n')
    house.do("add", "--frozen", "../lib")
    first, second = _tool(house, "uv")["sources"]["lib"]
    assert (first["index"], second) == ("x", {"path": "../lib"})


def test_a_password_of_a_direct_reference_is_not_written(house: House) -> None:
    house.wheel("alpha")
    house.server.credentials = ("me", "s3cret")
    url = house.server.file_url("alpha-1.0-py3-none-any.whl")
    house.project()
    told = house.do("add", url.replace("http://", "http://me:s3cret@"))
    assert house.installed() == {"alpha": "1.0"}
    assert _tool(house)["sources"] == {"alpha": {"url": url}}
    assert "s3cret" not in told.err + house.project_file.read_text() + house.lock_file.read_text()


# -- workspaces -------------------------------------------------------------------------------------------


def test_in_a_member_the_members_file_is_edited(house: House) -> None:
    house.wheel("alpha")
    member = _library(house.directory / "packages/lib")
    house.project(more='[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    house.monkeypatch.chdir(member)
    before = house.project_file.read_bytes()
    house.do("add", "--no-sync", "alpha")
    assert tomllib.loads((member / "pyproject.toml").read_text())["project"]["dependencies"] == ["alpha>=1.0"]
    assert house.project_file.read_bytes() == before
    assert "alpha" in house.lock_file.read_text()
    text = (member / "pyproject.toml").read_bytes()
    house.refused("add", "--no-sync", "missing-package")
    assert (member / "pyproject.toml").read_bytes() == text


def test_a_directory_below_the_root_becomes_a_member(house: House) -> None:
    _library(house.directory / "packages/lib")
    house.project(more='[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    house.do("add", "--frozen", "packages/lib")
    assert _tool(house, "uv")["sources"] == {"lib": {"workspace": True}}
    assert _tool(house, "uv")["workspace"]["members"] == ["packages/*"]
    _library(house.directory / "other", "other")
    house.do("add", "--frozen", "./other")
    assert _tool(house, "uv")["workspace"]["members"] == ["packages/*", "other"]


def test_credentials_of_a_member_serve_its_needs(house: House) -> None:
    house.wheel("alpha")
    house.server.credentials = ("me", "s3cret")
    url = house.server.file_url("alpha-1.0-py3-none-any.whl").replace("http://", "http://me:s3cret@")
    member = _library(house.directory / "lib")
    (member / "pyproject.toml").write_text(
        f'[project]\nname = "lib"\nversion = "0.1"\ndependencies = ["alpha @ {url}"]\n'
    )
    house.project(more='[tool.provenv.workspace]\nmembers = ["lib"]\n')
    house.do("lock")
    assert "s3cret" not in house.lock_file.read_text()


def test_another_member_is_edited_by_its_name(house: House) -> None:
    member = _library(house.directory / "packages/lib")
    house.project(more='[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    house.do("add", "--frozen", "--package", "LIB", "alpha")
    assert tomllib.loads((member / "pyproject.toml").read_text())["project"]["dependencies"] == ["alpha"]
    house.do("remove", "--frozen", "--package", "lib", "alpha")
    assert tomllib.loads((member / "pyproject.toml").read_text())["project"]["dependencies"] == []
    house.do("add", "--frozen", "--package", "demo", "alpha")
    assert _dependencies(house) == ["alpha"]
    assert "the workspace has demo, lib" in house.refused("add", "--package", "lob", "alpha", code=2)


def test_a_root_without_a_project_has_groups_only(house: House) -> None:
    house.wheel("alpha")
    house.project_file.write_text("[tool.uv.workspace]\nmembers = []\n")
    assert "there is no [project]" in house.refused("add", "alpha")
    house.do("add", "--dev", "--no-sync", "alpha")
    assert _document(house)["dependency-groups"] == {"dev": ["alpha>=1.0"]}


def test_what_was_added_is_installed_whatever_part_it_is_of(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project()
    house.do("add", "--optional", "more", "alpha")
    assert list(house.installed()) == ["alpha"]
    house.do("add", "--group", "docs", "beta")
    assert list(house.installed()) == ["beta"]
