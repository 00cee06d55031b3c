"""What makes a directory's build another one, and what does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from provenv.flows.fingerprint import fingerprint
from tests.worlds.repositories import Repository, is_git_there

Print = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "project"
    (directory / "src/demo").mkdir(parents=True)
    (directory / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1"\n')
    (directory / "src/demo/__init__.py").write_text("")
    return directory


@pytest.fixture
def seen(project: Path, tmp_path: Path) -> Print:
    def look(*, has_all_files: bool = False, **variables: str) -> str:
        return fingerprint(str(tmp_path / "cache"), str(project), variables, has_all_files=has_all_files)

    return look


def keys(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(f'[project]\nname = "demo"\n[tool.uv]\ncache-keys = {text}\n')


def test_a_list_of_requirements_that_the_project_names_counts(project: Path, seen: Print) -> None:
    (project / "wanted").mkdir()
    (project / "wanted/base.txt").write_text("one")
    (project / "notes.txt").write_text("")
    before = seen()
    (project / "wanted/base.txt").write_text("two")
    assert seen() == before
    with (project / "pyproject.toml").open("a") as file:
        file.write('[tool.setuptools.dynamic]\ndependencies = { file = ["wanted/base.txt"] }\n')
    before = seen()
    (project / "wanted/base.txt").write_text("three")
    assert seen() != before
    before = seen()
    (project / "notes.txt").write_text("more")
    assert seen() == before


def test_source_counts_only_where_it_is_copied(project: Path, seen: Print) -> None:
    before, all_before = seen(), seen(has_all_files=True)
    (project / "src/demo/more.py").write_text("")
    assert seen() == before
    assert seen(has_all_files=True) != all_before


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.py", "setup.cfg"])
def test_files_that_say_how_to_build_count(project: Path, seen: Print, name: str) -> None:
    before = seen()
    (project / name).write_text("# something else\n")
    assert seen() != before


def test_a_touched_file_is_the_same(project: Path, seen: Print) -> None:
    before = seen()
    os.utime(project / "pyproject.toml", (1, 1))
    assert seen() == before


@pytest.mark.parametrize("path", [".git/x", "src/demo/__pycache__/x.pyc", ".venv/x", "dist/x", "demo.egg-info/x"])
def test_what_tools_leave_behind_does_not_count(project: Path, seen: Print, path: str) -> None:
    before = seen(has_all_files=True)
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    (project / path).write_text("x")
    assert seen(has_all_files=True) == before


def test_a_package_may_be_named_build(project: Path, seen: Print) -> None:
    before = seen(has_all_files=True)
    (project / "src/demo/build").mkdir()
    (project / "src/demo/build/__init__.py").write_text("")
    assert seen(has_all_files=True) != before


def test_cache_keys_name_what_counts(project: Path, seen: Print) -> None:
    keys(project, '[{ file = "requirements.txt" }, { file = "src/**/*.rs" }, { env = "FLAVOUR" }, { dir = "data" }]')
    known = {seen(), seen(has_all_files=True)}
    assert len(known) == 1
    (project / "src/demo/more.py").write_text("")
    assert seen() in known
    for change in (
        lambda: (project / "requirements.txt").write_text("x"),
        lambda: (project / "src/demo/lib.rs").write_text("x"),
        lambda: (project / "data").mkdir(),
    ):
        change()
        assert seen() not in known
        known.add(seen())
    assert seen(FLAVOUR="sweet") not in known


def test_a_plain_string_is_a_file(project: Path, seen: Print) -> None:
    keys(project, '["VERSION"]')
    before = seen()
    (project / "VERSION").write_text("2")
    assert seen() != before


@pytest.mark.skipif(not is_git_there(), reason="git is not installed")
def test_the_commit_counts_where_it_is_asked_for(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    text = "[tool.uv]\ncache-keys = [{ git = { commit = true, tags = true } }]\n"
    repository.commit({"inner/pyproject.toml": text})
    inner = str(repository.directory / "inner")

    def look() -> str:
        return fingerprint(str(tmp_path / "cache"), inner, {})

    known = [look()]
    repository.commit({"a.txt": "1"})
    known.append(look())
    repository.git("tag", "v1")
    known.append(look())
    repository.git("pack-refs", "--all")
    repository.commit({"a.txt": "2"}, branch="other")
    known.append(look())
    assert len(set(known)) == len(known)
    assert look() == known[-1]
