"""What repositories give: commits of names, files of commits; and what they may not do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenv.errors import InputError, Unavailable
from provenv.events import Events
from provenv.git.program import Git
from provenv.git.repositories import Repositories
from tests.worlds.repositories import GitServer, Repository, is_git_there

pytestmark = pytest.mark.skipif(not is_git_there(), reason="git is not installed")


class Noted(Events):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, message: str) -> None:
        self.notes.append(message)


def repositories(
    root: Path, *, is_offline: bool = False, password: str | None = None, events: Events | None = None
) -> Repositories:
    path = os.environ["PATH"]
    variables = {
        "HOME": str(root),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_DIR": "/nowhere",
    }
    return Repositories(
        str(root / "cache"),
        Git(variables, path, events or Events()),
        guard=lambda key, what: contextlib.nullcontext(),
        credentials=lambda url: None if password is None else ("me", password),
        is_offline=is_offline,
    )


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "origin")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path, user="me", password="s3cret") as server:
        yield server


def test_names_become_commits(tmp_path: Path, origin: Repository) -> None:
    first = origin.commit({"a.txt": "1"}, tag="v1")
    second = origin.commit({"a.txt": "2"})
    third = origin.commit({"a.txt": "3"}, branch="feature/x")
    origin.git("checkout", "--quiet", "main")
    there = repositories(tmp_path)
    assert there.commit(origin.url, "v1") == first
    assert there.commit(origin.url, None) == second
    assert there.commit(origin.url, "main") == second
    assert there.commit(origin.url, "feature/x") == third
    assert there.commit(origin.url, third[:9]) == third
    assert there.commit(origin.url, first.upper()) == first


def test_a_branch_wins_over_a_tag_of_its_name(tmp_path: Path, origin: Repository) -> None:
    origin.commit({"a.txt": "1"}, tag="same")
    second = origin.commit({"a.txt": "2"}, branch="same")
    assert repositories(tmp_path).commit(origin.url, "same") == second


def test_the_files_of_a_commit(tmp_path: Path, origin: Repository) -> None:
    first = origin.commit({"a.txt": "1", "deep/b.txt": "b"})
    origin.commit({"a.txt": "2"})
    tree = repositories(tmp_path).tree(origin.url, first)
    assert Path(tree, "a.txt").read_text() == "1"
    assert Path(tree, "deep/b.txt").read_text() == "b"


def test_a_commit_is_laid_out_once(tmp_path: Path, origin: Repository) -> None:
    first = origin.commit({"a.txt": "1"})
    tree = repositories(tmp_path).tree(origin.url, first)
    origin.directory.rename(tmp_path / "gone")
    assert repositories(tmp_path, is_offline=True).tree(origin.url, first) == tree


def test_history_tells_tags(tmp_path: Path, origin: Repository) -> None:
    origin.commit({"a.txt": "1"}, tag="v1")
    second = origin.commit({"a.txt": "2"})
    there = repositories(tmp_path)
    tree = there.tree(origin.url, second, has_history=True)
    at = Repository.__new__(Repository)
    at.directory = Path(tree)
    assert at.git("describe", "--tags").startswith("v1-1-g")
    assert Path(there.tree(origin.url, second)) != Path(tree)


def test_submodules_come_along(tmp_path: Path, origin: Repository) -> None:
    inner = Repository(tmp_path / "inner")
    inner.commit({"inner.txt": "inside"})
    origin.commit({"a.txt": "1"})
    origin.git("submodule", "--quiet", "add", "../inner", "vendored")
    commit = origin.commit({})
    tree = repositories(tmp_path).tree(origin.url, commit)
    assert Path(tree, "vendored/inner.txt").read_text() == "inside"


def test_over_http_with_a_password(tmp_path: Path, origin: Repository, served: GitServer) -> None:
    first = origin.commit({"a.txt": "1"})
    origin.commit({"a.txt": "2"})
    url = f"{served.url}/origin/.git"
    events = Noted()
    there = repositories(tmp_path, password="s3cret", events=events)
    assert Path(there.tree(url, first), "a.txt").read_text() == "1"
    assert not any("s3cret" in note for note in events.notes)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    shallow = list((tmp_path / "cache/repositories").glob("*/shallow"))
    assert shallow, "only one commit deep"


def test_a_refused_password_is_told(tmp_path: Path, origin: Repository, served: GitServer) -> None:
    origin.commit({"a.txt": "1"})
    with pytest.raises(Unavailable) as caught:
        repositories(tmp_path).commit(f"{served.url}/origin/.git", None)
    assert "credential helper" in str(caught.value.hint)


def test_what_is_not_there_is_told(tmp_path: Path, origin: Repository) -> None:
    origin.commit({"a.txt": "1"})
    there = repositories(tmp_path)
    with pytest.raises(InputError, match="`nope` is neither a branch, a tag nor a commit"):
        there.commit(origin.url, "nope")
    with pytest.raises(InputError, match="`abcdef1` is neither"):
        there.commit(origin.url, "abcdef1")
    with pytest.raises(Unavailable, match="commit 1234"):
        there.tree(origin.url, "1234" * 10)
    with pytest.raises(Unavailable, match="git failed"):
        there.commit((tmp_path / "missing").as_uri(), None)


def test_offline_is_what_was_said_last(tmp_path: Path, origin: Repository) -> None:
    first = origin.commit({"a.txt": "1"})
    there = repositories(tmp_path)
    assert there.commit(origin.url, "main") == first
    origin.commit({"a.txt": "2"})
    closed = repositories(tmp_path, is_offline=True)
    assert closed.commit(origin.url, "main") == first
    with pytest.raises(Unavailable, match="never asked"):
        closed.commit(origin.url, "other")
    with pytest.raises(Unavailable, match="not cached"):
        closed.tree(origin.url, first)


@pytest.mark.parametrize("rev", ["--upload-pack=x", "-x", "a b", "a..b", "HEAD~1", "a:b", "", "x^"])
def test_a_revision_is_no_option(tmp_path: Path, origin: Repository, rev: str) -> None:
    with pytest.raises(InputError):
        repositories(tmp_path).commit(origin.url, rev)


@pytest.mark.parametrize("url", ["ext::sh -c x", "ssh://-oProxyCommand=x/y", "--upload-pack=x", "/srv/x", "a b://c"])
def test_a_url_is_no_command(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError):
        repositories(tmp_path).commit(url, None)


def test_hooks_of_a_template_do_not_run(tmp_path: Path, origin: Repository) -> None:
    commit = origin.commit({"a.txt": "1"})
    hook = tmp_path / "template/hooks/post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[init]\n\ttemplateDir = {tmp_path}/template\n")
    path = os.environ["PATH"]
    git = Git({"HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": str(settings)}, path, Events())
    there = Repositories(str(tmp_path / "cache"), git, guard=lambda key, what: contextlib.nullcontext())
    there.tree(origin.url, commit)
    assert not (tmp_path / "ran").exists()


def test_without_git(tmp_path: Path) -> None:
    there = Repositories(
        str(tmp_path), Git({}, str(tmp_path), Events()), guard=lambda key, what: contextlib.nullcontext()
    )
    with pytest.raises(Unavailable, match="the program `git` is needed"):
        there.commit("https://git.example/a", None)
