"""What a directory's build depends on, as a short digest. On the warm path.

``cache-keys`` of the directory's own project file (``[tool.provenv]``, else ``[tool.uv]``) name what counts: files,
directories, variables, the commit of its repository. Without them, the files that describe the build count, with the
lists of requirements that they name, and for an installation that is no editable one every file.
"""

from __future__ import annotations

import os

from provenv.flows.memory import digest, recall, remember

__all__ = ["build_files", "fingerprint"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_LIST = rb"(?<![\w/.-])[\w-][\w./-]*\.(?:txt|in)\b"
_IGNORED = frozenset(
    (".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox", ".venv", "__pycache__",
     "node_modules")
)  # fmt: skip
_IGNORED_AT_TOP = frozenset(("build", "dist", "pylock.toml", "uv.lock", "venv"))


def fingerprint(cache: str, directory: str, variables: Mapping[str, str], *, has_all_files: bool = False) -> str:
    """Changes when a build of the project in ``directory`` may give another result.

    ``has_all_files``: without ``cache-keys`` every file counts by its size and time; else only the files that say how
    to build. Reads three small files when nothing else is asked for or named.
    """
    contents = _contents(directory)
    keys = _keys(cache, contents[0])
    if keys is not None:
        return digest([_of_key(directory, kind, what, variables) for kind, what in keys])
    if has_all_files:
        return digest(sorted(_all_files(directory)))
    named = [_content(os.path.join(directory, name)) for name in _named(cache, contents)]
    return digest(contents, os.path.isdir(os.path.join(directory, "src")), *named)


def build_files(cache: str, directory: str) -> list[str]:
    """The files that say how to build the project in ``directory``, and those that may be there one day; absolute."""
    return [os.path.join(directory, name) for name in (*_BUILD_FILES, *_named(cache, _contents(directory)))]


def _contents(directory: str) -> list[bytes | None]:
    return [_content(os.path.join(directory, name)) for name in _BUILD_FILES]


def _named(cache: str, contents: list[bytes | None]) -> list[str]:
    """Lists of requirements that the build files name (``dependencies = {file = "requirements.txt"}``), by their
    ending: whatever reads them, what they say becomes a part of METADATA.
    """
    if not any(ending in content for content in contents if content is not None for ending in (b".txt", b".in")):
        return []
    key = digest("named", contents)
    known: list[str] | None = recall(cache, "build-files", key)
    if known is None:
        import re

        found = {name for content in contents if content is not None for name in re.findall(_LIST, content)}
        known = sorted(name.decode() for name in found)
        remember(cache, "build-files", key, known)
    return known


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _keys(cache: str, project: bytes | None) -> list[tuple[str, str]] | None:
    """The ``cache-keys`` in a project file; None when it has none."""
    if project is None or b"cache-keys" not in project:
        return None
    key = digest(project)
    known: tuple[list[tuple[str, str]] | None] | None = recall(cache, "cache-keys", key)
    if known is None:
        known = (_parsed(project),)
        remember(cache, "cache-keys", key, known)
    return known[0]


def _parsed(project: bytes) -> list[tuple[str, str]] | None:
    import tomllib

    try:
        tool: Any = tomllib.loads(project.decode()).get("tool", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    tables = [tool.get(name, {}) for name in ("provenv", "uv")]
    said = next((table["cache-keys"] for table in tables if "cache-keys" in table), None)
    if said is None:
        return None
    found: list[tuple[str, str]] = []
    for item in said:
        table: dict[str, Any] = {"file": item} if isinstance(item, str) else item
        for kind, what in table.items():
            if kind == "git":
                wanted = {"commit": what} if isinstance(what, bool) else what
                found += [("git", part) for part, is_wanted in wanted.items() if is_wanted]
            else:
                found.append((kind, str(what)))
    return found


def _of_key(directory: str, kind: str, what: str, variables: Mapping[str, str]) -> Any:
    if kind == "env":
        return kind, what, variables.get(what)
    if kind == "git":
        return kind, what, _of_repository(directory, what)
    path = os.path.join(directory, what)
    if kind == "dir":
        return kind, what, os.path.isdir(path)
    if not set("*?[") & set(what):
        return kind, what, _content(path)
    import glob

    found = glob.glob(what, root_dir=directory, recursive=True)
    return kind, what, sorted((name, *_facts(os.path.join(directory, name))) for name in found)


def _facts(path: str) -> tuple[int, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0, 0
    return status.st_mtime_ns, status.st_size, status.st_mode & 0o111


def _of_repository(directory: str, what: str) -> Any:
    """The commit that is checked out in the repository around a directory, or its tags; without git's help."""
    place = _repository(directory)
    if place is None:
        return None
    common = place
    if (pointer := _content(os.path.join(place, "commondir"))) is not None:
        common = os.path.join(place, pointer.decode().strip())
    packed = _content(os.path.join(common, "packed-refs"))
    if what == "tags":
        return packed, sorted(_all_files(os.path.join(common, "refs", "tags")))
    head = _content(os.path.join(place, "HEAD")) or b""
    name = head.removeprefix(b"ref:").strip().decode("utf-8", "replace")
    loose = _content(os.path.join(common, name)) if head.startswith(b"ref:") else head
    return name, loose if loose is not None else packed


def _repository(directory: str) -> str | None:
    """Where the repository around a directory keeps what it knows; of a second working tree, that tree's part."""
    while True:
        place = os.path.join(directory, ".git")
        if os.path.isdir(place):
            return place
        pointer = _content(place)
        if pointer is not None:
            return os.path.join(directory, pointer.decode().removeprefix("gitdir:").strip())
        above = os.path.dirname(directory)
        if above == directory:
            return None
        directory = above


def _all_files(top: str) -> Iterator[tuple[str, int, int, int]]:
    """Every file below a directory that may be part of a build: path, time, size, and whether it is executable."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            entries = list(os.scandir(os.path.join(top, below)))
        except OSError:
            continue
        for entry in entries:
            if entry.name in _IGNORED or entry.name.endswith((".egg-info", ".pyc")):
                continue
            if not below and entry.name in _IGNORED_AT_TOP:
                continue
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            else:
                yield (path, *_facts(entry.path))
