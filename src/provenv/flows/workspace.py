"""Workspaces: several projects with one lock. The root names its members by patterns, as in uv."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name

from provenv.errors import InputError
from provenv.flows import files
from provenv.flows.project_file import read_project
from provenv.model.project import Project, Workspace

__all__ = ["Member", "Members", "find_root", "members_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One project of a workspace, not the root."""

    name: str
    directory: str
    """Absolute."""
    project: Project

    @property
    def file(self) -> str:
        """Its project file."""
        return os.path.join(self.directory, "pyproject.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """Everything that a workspace has besides its root."""

    all: tuple[Member, ...]
    """Sorted by name."""
    watched: tuple[str, ...]
    """Files and directories that decide who is a member."""


def members_of(root: str, workspace: Workspace, root_name: str | None) -> Members:
    """The members of the workspace in a directory. Raises InputError when two have one name, or one has none.

    A directory that is excluded, hidden or without a project file is no member.
    """
    found: dict[str, Member] = {}
    watched = set(_watched_directories(root, workspace.members))
    for directory in _directories(root, workspace):
        file = os.path.join(directory, "pyproject.toml")
        watched.add(file)
        data = files.read_if_there(file)
        if data is None:
            continue
        project = read_project(data, file)
        if not project.is_managed:
            continue
        if project.name is None:
            raise InputError(file, "a workspace member needs a [project] with a `name`")
        other = found.get(project.name)
        if other is not None or project.name == root_name:
            there = other.file if other is not None else os.path.join(root, "pyproject.toml")
            raise InputError(file, f"two members of the workspace are named `{project.name}`: see {there}")
        found[project.name] = Member(name=project.name, directory=directory, project=project)
    return Members(all=tuple(found[name] for name in sorted(found)), watched=tuple(sorted(watched)))


def find_root(directory: str) -> tuple[str, str | None] | None:
    """The directory of the workspace that a project belongs to, and the project's name; None when it is in none, or is
    a root itself.

    Raises nothing: a project file that cannot be read is told by whoever reads it.
    """
    if _table(directory) is not None:
        return None
    above = os.path.dirname(directory)
    while above != directory:
        workspace = _table(above)
        if workspace is not None and _holds(above, workspace, directory):
            return above, _name(directory)
        parent = os.path.dirname(above)
        if parent == above:
            return None
        above = parent
    return None


def _name(directory: str) -> str | None:
    project = _document(directory).get("project")
    name = project.get("name") if isinstance(project, dict) else None
    return str(canonicalize_name(name)) if isinstance(name, str) else None


def _document(directory: str, word: bytes = b"") -> Mapping[str, Any]:
    """What a directory's project file says, if it has that word; one that cannot be read says nothing here."""
    try:
        with open(os.path.join(directory, "pyproject.toml"), "rb") as file:
            data = file.read()
        return tomllib.loads(data.decode()) if word in data else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def _table(directory: str) -> Workspace | None:
    """The workspace that a directory's project file declares."""
    tool = _document(directory, b"workspace").get("tool")
    for name in ("provenv", "uv"):
        table = tool.get(name) if isinstance(tool, dict) else None
        workspace = table.get("workspace") if isinstance(table, dict) else None
        if isinstance(workspace, dict):
            return Workspace(members=_texts(workspace.get("members")), exclude=_texts(workspace.get("exclude")))
    return None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _holds(root: str, workspace: Workspace, directory: str) -> bool:
    real = os.path.realpath(directory)
    return any(os.path.realpath(path) == real for path in _directories(root, workspace))


def _directories(root: str, workspace: Workspace) -> list[str]:
    """The directories that the patterns name, without the excluded, the hidden and the root itself."""
    excluded = {os.path.normpath(path) for pattern in workspace.exclude for path in _matches(root, pattern)}
    found: dict[str, None] = {}
    for pattern in workspace.members:
        for path in _matches(root, pattern):
            full = os.path.normpath(path)
            name = os.path.basename(full)
            if full != os.path.normpath(root) and not name.startswith(".") and name != "__pycache__":
                found[full] = None
    return sorted(path for path in found if path not in excluded and os.path.isdir(path))


def _matches(root: str, pattern: str) -> list[str]:
    import glob  # few projects are workspaces

    return glob.glob(os.path.join(glob.escape(root), pattern), recursive=True)


def _watched_directories(root: str, patterns: Sequence[str]) -> Iterator[str]:
    """Directories in which a new entry may be a new member."""
    import glob

    for pattern in patterns:
        parts = pattern.strip("/").split("/")
        for number, part in enumerate(parts):
            if glob.has_magic(part):
                above = "/".join(parts[:number]) if part != "**" else "/".join(parts[: number + 1])
                for path in _matches(root, above) if above else [root]:
                    if os.path.isdir(path):
                        yield os.path.normpath(path)
