"""Reads a project's directory for the doctor: names, the texts that checks want, and what git keeps."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from provenv.doctor.ci import is_ci_file
from provenv.doctor.docker import is_dockerfile
from provenv.doctor.git_index import tracked_paths
from provenv.doctor.ignore import Rule, rules_of
from provenv.doctor.subject import Tree

__all__ = ["read_text", "read_tree"]

_DEEPEST = 6
_MOST_FILES = 30_000
_LARGEST_TEXT = 512 << 10
_LARGEST_INDEX = 256 << 20
_MOST_TEXTS = 400
_NEVER = {".git", ".hg", ".svn", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache",
          ".pytest_cache", "site-packages", ".eggs"}  # fmt: skip
_SETTINGS = (".toml", ".cfg", ".ini", ".conf", ".yml", ".yaml", ".txt", ".pem", ".key", ".sh")
_NAMES = (".dockerignore", ".python-version", ".gitignore", ".condarc", "Makefile", "justfile", "setup.py")


def read_tree(directory: str, variables_home: str) -> Tree:
    """What lies in a directory. Links to directories are not followed, and nothing is run."""
    paths: set[str] = set()
    environments: list[str] = []
    texts: dict[str, str] = {}
    for path, is_environment in _walk(directory):
        if is_environment:
            environments.append(path)
            continue
        paths.add(path)
        if _is_wanted(path) and len(texts) < _MOST_TEXTS and (text := read_text(f"{directory}/{path}")) is not None:
            texts[path] = text
    top, store, common = _repository(directory)
    if top is None or store is None:
        return Tree(paths=frozenset(paths), texts=texts, environments=tuple(sorted(environments)))
    prefix = os.path.relpath(directory, top).replace(os.sep, "/")
    prefix = "" if prefix == "." else prefix + "/"
    tracked = _tracked(store, common)
    return Tree(
        paths=frozenset(paths),
        texts=texts,
        environments=tuple(sorted(environments)),
        tracked=None
        if tracked is None
        else frozenset(path[len(prefix) :] for path in tracked if path.startswith(prefix)),
        rules=tuple(_rules(top, common, prefix, directory, texts, environments, variables_home)),
        prefix=prefix,
    )


def read_text(path: str, largest: int = _LARGEST_TEXT) -> str | None:
    """The text of a file; None when there is none, when it is too large, or no regular file."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > largest:
            return None
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def _is_wanted(path: str) -> bool:
    name = path.rpartition("/")[2]
    if is_ci_file(path) or is_dockerfile(path):
        return True
    if path.count("/") > 1 or name.endswith(".lock") or name == "pylock.toml":
        return False
    return name in _NAMES or name.endswith(_SETTINGS)


def _walk(directory: str) -> Iterator[tuple[str, bool]]:
    """Files, and directories that are environments (True), relative and with ``/``; the upper ones first."""
    waiting, count = [""], 0
    while waiting:
        here = waiting.pop(0)
        try:
            entries = sorted(os.scandir(f"{directory}/{here}"), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            path = f"{here}/{entry.name}" if here else entry.name
            count += 1
            if count > _MOST_FILES:
                return
            if not entry.is_dir(follow_symlinks=False):
                yield path, False
            elif entry.name not in _NEVER:
                inside = entry.path
                if any(os.path.lexists(f"{inside}/{mark}") for mark in ("pyvenv.cfg", "conda-meta")):
                    yield path, True
                elif os.path.lexists(f"{inside}/.git"):
                    continue  # a repository of its own
                elif path.count("/") < _DEEPEST:
                    waiting.append(path)


def _repository(directory: str) -> tuple[str | None, str | None, str]:
    """The top of the repository around a directory, where git keeps its index, and what its work trees share."""
    here = os.path.realpath(directory)
    while not os.path.lexists(f"{here}/.git"):
        above = os.path.dirname(here)
        if above == here:
            return None, None, ""
        here = above
    store = f"{here}/.git"
    if os.path.isfile(store):
        told = (read_text(store) or "").partition("gitdir:")[2].strip()
        store = os.path.join(here, told)
    common = (read_text(f"{store}/commondir") or "").strip()
    return here, store, os.path.join(store, common) if common else store


def _tracked(store: str, common: str) -> frozenset[str] | None:
    path = f"{store}/index"
    if not os.path.exists(path):
        return frozenset() if os.path.isdir(store) else None
    settings = (read_text(f"{common}/config") or "").lower().replace(" ", "")
    try:
        if os.path.getsize(path) > _LARGEST_INDEX:
            return None
        with open(path, "rb") as file:
            return tracked_paths(file.read(), hash_size=32 if "objectformat=sha256" in settings else 20)
    except OSError:
        return None


def _of_user(home: str) -> Iterator[str]:
    """Where the user's own patterns are: where git's settings say, else where git looks by itself."""
    for path in (f"{home}/.gitconfig", f"{home}/.config/git/config"):
        match = re.search(r"^\s*excludesfile\s*=\s*\"?([^\"\n]+)", read_text(path) or "", re.MULTILINE | re.IGNORECASE)
        if match:
            place = match[1].strip()
            yield home + place[1:] if place.startswith("~/") else os.path.join(home, place)
            return
    yield f"{home}/.config/git/ignore"


def _rules(
    top: str, common: str, prefix: str, directory: str, texts: dict[str, str], environments: list[str], home: str
) -> Iterator[Rule]:
    """From those that count least to those that decide."""
    for path in (*_of_user(home), f"{common}/info/exclude"):
        yield from rules_of(read_text(path) or "")
    above = ""
    for part in prefix.split("/"):
        yield from rules_of(read_text(f"{top}/{above}.gitignore") or "", above)
        above += f"{part}/" if part else ""
    for path in sorted(texts, key=lambda path: path.count("/")):
        base = path[: -len(".gitignore")]
        if path.endswith(".gitignore") and base:
            yield from rules_of(texts[path], prefix + base)
    for place in environments:
        # What tools write into an environment so that git leaves it out; the directory itself then holds nothing.
        text = read_text(f"{directory}/{place}/.gitignore")
        if text is not None and any(line.strip() == "*" for line in text.splitlines()):
            yield from rules_of(f"/{place}/", prefix)
