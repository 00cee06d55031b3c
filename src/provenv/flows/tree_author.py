"""What a source tree that is not the project says of where its own needs come from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provenv.errors import InputError
from provenv.flows.project_file import read_project
from provenv.flows.workspace import find_root, members_of
from provenv.model.mistakes import Mistakes, Settings
from provenv.model.sources import SourceRule, read_rules

__all__ = ["TreeAuthor", "author_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeAuthor:
    """Who wrote the requirements of a source tree, or of an archive."""

    file: str
    """Its project file, or what stands for it in messages."""
    directory: str
    rules: Mapping[str, Sequence[SourceRule]] = field(default_factory=dict)
    """Its ``sources``; where it says nothing of a package, those of the root of its workspace."""
    workspace: Mapping[str, str] = field(default_factory=dict)
    """Members of its workspace: name -> directory."""
    watched: tuple[str, ...] = ()
    """Directories whose project files decided this."""


def author_of(name: str, project: str | None, top: str | None, *, uses_sources: bool) -> TreeAuthor:
    """The author of a package in the directory ``project``, or of an archive (None).

    Of a repository, ``top`` is the directory of all its files: nothing above it counts. Raises InputError.
    """
    if project is None:
        return TreeAuthor(file=f"METADATA of {name}", directory=os.sep)
    file = os.path.join(project, "pyproject.toml")
    document = _document(project)
    if not uses_sources:
        return TreeAuthor(file=file, directory=project)
    rules = _rules(document, file)
    root = _workspace_root(project, top)
    if root is None:
        return TreeAuthor(file=file, directory=project, rules=rules, watched=(project,))
    shared, members = _of_workspace(root)
    return TreeAuthor(
        file=file,
        directory=project,
        rules={**_from(shared, root, project), **rules},
        workspace=members,
        watched=(project, root, *members.values()),
    )


def _document(directory: str) -> Mapping[str, Any]:
    try:
        with open(os.path.join(directory, "pyproject.toml"), "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(os.path.join(directory, "pyproject.toml"), f"cannot be read: {error}") from error


def _rules(document: Mapping[str, Any], file: str) -> Mapping[str, Sequence[SourceRule]]:
    mistakes = Mistakes(file)
    rules = read_rules(Settings(mistakes, document)["sources"], mistakes)
    mistakes.check()
    return rules


def _workspace_root(project: str, top: str | None) -> str | None:
    """The root of the workspace that a project is a part of; of a repository, only what lies within it counts."""
    found = find_root(project)
    root = found[0] if found is not None else project
    real = os.path.realpath(root)
    if top is not None and os.path.commonpath([os.path.realpath(top), real]) != os.path.realpath(top):
        return None
    document = _document(root)
    tool = document.get("tool", {})
    tables = [tool.get(name, {}) for name in ("provenv", "uv")]
    return root if any("workspace" in table for table in tables) else None


def _of_workspace(root: str) -> tuple[Mapping[str, Sequence[SourceRule]], Mapping[str, str]]:
    """The sources that a workspace shares, and its members, the root among them."""
    file = os.path.join(root, "pyproject.toml")
    with open(file, "rb") as opened:
        project = read_project(opened.read(), file)
    assert project.workspace is not None, "this was looked at before"
    members = members_of(root, project.workspace, project.name)
    found = {member.name: member.directory for member in members.all}
    if project.name is not None:
        found[project.name] = root
    return project.sources, found


def _from(rules: Mapping[str, Sequence[SourceRule]], root: str, project: str) -> Mapping[str, Sequence[SourceRule]]:
    """Rules of the root as a member reads them: a relative path is one from the root."""
    from dataclasses import replace

    return {
        name: tuple(
            replace(rule, place=os.path.join(root, os.path.expanduser(rule.place)))
            if rule.kind == "path" and not rule.place.startswith("file:")
            else rule
            for rule in found
        )
        for name, found in rules.items()
    }
