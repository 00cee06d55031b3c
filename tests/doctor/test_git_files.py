"""Git's own files, read without git: compared with what git says."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from provenv.doctor.git_index import tracked_paths
from provenv.doctor.ignore import is_ignored, rules_of
from tests.worlds.repositories import Repository, is_git_there

__all__: list[str] = []

pytestmark = pytest.mark.skipif(not is_git_there(), reason="git is the judge")

PATTERNS = """\
# a comment
*.log
!kept.log
/only-top
build/
docs/*.tmp
**/deep/end
a/**/z
foo/**
name?.txt
[ab]x.py
[!ab]y.py
\\#hash
trailing@@@
.venv
!build/inner
""".replace("@", " ")
PATHS = (
    "a.log", "kept.log", "sub/a.log", "sub/kept.log", "only-top", "sub/only-top", "build/x", "build/inner",
    "sub/build/x",
    "docs/a.tmp", "sub/docs/a.tmp", "docs/more/a.tmp", "deep/end", "x/deep/end", "x/y/deep/end/z", "a/z", "a/b/z",
    "a/b/c/z", "b/a/z", "foo/x", "foo/w/y", "sub/foo/x", "name1.txt", "name12.txt", "ax.py", "cx.py", "ay.py", "cy.py",
    "#hash", "trailing", ".venv/pyvenv.cfg", "sub/.venv/x", "plain", "sub/plain",
)  # fmt: skip


def write(directory: Path, paths: tuple[str, ...]) -> None:
    for path in paths:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text("")


def test_patterns_mean_what_git_says(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    (repository.directory / ".gitignore").write_text(PATTERNS)
    write(repository.directory, PATHS)
    (repository.directory / "sub/.gitignore").write_text("!a.log\nplain\n")
    rules = [*rules_of(PATTERNS), *rules_of("!a.log\nplain\n", "sub/")]
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", *PATHS],
        cwd=repository.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert {path for path in PATHS if is_ignored(rules, path)} == {
        line.strip('"') for line in asked.stdout.splitlines()
    }


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_an_index_holds_what_git_lists(tmp_path: Path, version: str) -> None:
    repository = Repository(tmp_path / "repository")
    write(repository.directory, PATHS)
    write(repository.directory, tuple(f"many/{number % 7}/file-{number * 31}" for number in range(300)))
    (repository.directory / "sub" / "ümläut").write_text("")
    repository.git("config", "index.version", version)
    repository.git("add", "--all", "--force")
    if version == "3":
        (repository.directory / "later").write_text("x")
        repository.git("add", "--intent-to-add", "later")
    listed = repository.git("ls-files", "-z").split("\0")
    data = (repository.directory / ".git/index").read_bytes()
    assert int.from_bytes(data[4:8], "big") == int(version)
    assert tracked_paths(data) == frozenset(filter(None, listed))


def test_an_index_that_is_split_or_damaged_tells_nothing(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    write(repository.directory, PATHS)
    repository.git("add", "--all", "--force")
    data = (repository.directory / ".git/index").read_bytes()
    dice = random.Random(5)
    for _ in range(300):
        at = dice.randrange(len(data))
        tracked_paths(data[:at])
        tracked_paths(data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :])
    assert tracked_paths(data[: len(data) // 2]) is None
    assert tracked_paths(b"") is None
    repository.git("update-index", "--split-index")
    assert tracked_paths((repository.directory / ".git/index").read_bytes()) is None


def test_a_repository_of_longer_hashes(tmp_path: Path) -> None:
    made = subprocess.run(
        ["git", "init", "--quiet", "--object-format=sha256", str(tmp_path / "r")], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this git knows no SHA-256")
    write(tmp_path / "r", PATHS)
    subprocess.run(["git", "add", "--all", "--force"], cwd=tmp_path / "r", check=True, env={**os.environ})
    assert tracked_paths((tmp_path / "r/.git/index").read_bytes(), hash_size=32) == frozenset(PATHS)
