"""Writes what one machine installs from a lock as a plain file for any other installer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from provenv.lockfile.write import to_toml
from provenv.model.plan import Unbuilt, Wanted

__all__ = ["FORMATS", "export", "without_hash"]

FORMATS = ("requirements.txt", "pylock.toml")


def export(
    items: Sequence[Wanted | Unbuilt],
    form: str,
    *,
    directory: str,
    into: str,
    has_hashes: bool = True,
    has_header: bool = True,
) -> str:
    """The text of a requirements file (pip's form) or of a single-machine ``pylock.toml``.

    ``directory`` is that of the lock, where its relative paths begin. Those in the text begin there, too, in a
    requirements file, for pip takes them from where it runs; in a lock they begin in ``into``, where it will lie.
    """
    if form == "pylock.toml":
        return _pylock(items, directory, into)
    lines = ["# Exported by provenv: one machine's share of pylock.toml.\n"] if has_header else []
    for item in items:
        lines.append(_line(item, directory, has_hash=has_hashes and item.sha256 is not None) + "\n")
    return "".join(lines)


def without_hash(items: Sequence[Wanted | Unbuilt]) -> list[str]:
    """The packages that have no hash. pip refuses a requirements file in which only some have one."""
    return [item.name for item in items if item.sha256 is None]


def _line(item: Wanted | Unbuilt, directory: str, *, has_hash: bool) -> str:
    suffix = f" \\\n    --hash=sha256:{item.sha256}" if has_hash else ""
    if isinstance(item, Unbuilt) and item.kind == "directory":
        path = _path(item, directory)
        return f"-e {path}" if item.is_editable else path
    if isinstance(item, Unbuilt) and item.kind == "git":
        url = item.url or _file_url(os.path.join(directory, item.path or ""))
        return f"{item.name} @ git+{url}@{item.commit}{_fragment(item)}"
    if item.path is not None and item.url is None:
        return _path(item, directory) + suffix
    is_direct = item.kind == "archive" if isinstance(item, Unbuilt) else item.direct_url is not None
    # A version with a local part (`2.9.1+cu126`) is a build that only its own index has: its URL says where.
    is_elsewhere = isinstance(item, Wanted) and "+" in item.version and item.url is not None
    if is_direct or is_elsewhere:
        return f"{item.name} @ {item.url}{_fragment(item)}{suffix}"
    return f"{item.name}=={item.version}{suffix}"


def _fragment(item: Wanted | Unbuilt) -> str:
    subdirectory = item.subdirectory if isinstance(item, Unbuilt) else None
    return f"#subdirectory={subdirectory}" if subdirectory else ""


def _path(item: Wanted | Unbuilt, directory: str) -> str:
    """A path as requirements files have it: relative ones begin with a dot. One with a space or a bracket, which would
    end it, is a URL."""
    path = item.path or "."
    if isinstance(item, Unbuilt) and item.kind == "directory" and item.subdirectory:
        path = f"{path}/{item.subdirectory}"
    path = os.path.normpath(path)
    if any(mark in path for mark in " ;#[]"):
        return _file_url(os.path.join(directory, path))
    if os.path.isabs(path) or path.startswith("."):
        return path.replace(os.sep, "/")
    return "./" + path.replace(os.sep, "/")


def _file_url(path: str) -> str:
    from provenv.index.local import url_of_path

    return url_of_path(os.path.abspath(path))


# -- pylock.toml ------------------------------------------------------------------------------------------


def _pylock(items: Sequence[Wanted | Unbuilt], directory: str, into: str) -> str:
    packages = []
    for item in items:
        package: dict[str, Any] = {"name": item.name}
        if item.version is not None and not (isinstance(item, Unbuilt) and item.kind in ("directory", "git")):
            package["version"] = item.version
        key, table = _source(item, directory, into)
        package[key] = table
        packages.append(package)
    return to_toml({"lock-version": "1.0", "created-by": "provenv", "packages": packages}).decode()


def _source(item: Wanted | Unbuilt, directory: str, into: str) -> tuple[str, object]:
    """The kind of a package's source in a lock, and its table (PEP 751)."""
    place: dict[str, object] = {"path": _seen_from(item, directory, into)} if item.url is None else {"url": item.url}
    if isinstance(item, Unbuilt) and item.kind == "directory":
        table = place | {"editable": True if item.is_editable else None, "subdirectory": item.subdirectory}
        return "directory", _without_none(table)
    if isinstance(item, Unbuilt) and item.kind == "git":
        table = {"type": "git", **place, "commit-id": item.commit, "subdirectory": item.subdirectory}
        return "vcs", _without_none(table)
    file = _without_none({**place, "size": item.size, "hashes": {"sha256": item.sha256}})
    if isinstance(item, Unbuilt):
        if item.kind == "archive":
            return "archive", file | _without_none({"subdirectory": item.subdirectory})
        return "sdist", {"name": _file_name(item), **file}
    return ("archive", file) if item.direct_url else ("wheels", [{"name": item.filename, **file}])


def _file_name(item: Unbuilt) -> str:
    from urllib.parse import unquote

    return unquote((item.url or item.path or "").partition("#")[0].partition("?")[0].rpartition("/")[2])


def _seen_from(item: Wanted | Unbuilt, directory: str, into: str) -> str:
    path = item.path or "."
    if os.path.isabs(path):
        return path
    return os.path.relpath(os.path.join(directory, path), into).replace(os.sep, "/")


def _without_none(table: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in table.items() if value is not None}
