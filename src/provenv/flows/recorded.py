"""What a lock records of a project, to know later whether it is still right. Never a secret."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from packaging.utils import canonicalize_name

from provenv.flows.aimed import AimedTarget, Policy, Reference
from provenv.flows.aimed_target import described, text_of
from provenv.flows.authors import Author
from provenv.flows.targets import recorded
from provenv.model.project import Line, Project
from provenv.model.target import Target
from provenv.net.secrets import split_credentials

__all__ = ["inputs_of"]

#: What decides the versions of a lock, whoever says it. How to build is only recorded where the project file says it:
#: ``--no-build`` at an installation does not make a lock stale, as in uv.
_CHOOSING = ("resolution", "prerelease", "index_strategy", "exclude_newer", "exclude_newer_package")
_BUILDING = ("no_build", "no_build_packages", "no_binary", "no_binary_packages", "lax_archives", "metadata")


def inputs_of(
    root: Author,
    members: Sequence[Author],
    targets: Sequence[Target],
    aimed: Sequence[AimedTarget],
    policy: Policy,
    usual: Policy,
) -> dict[str, Any]:
    """Plain values without None, as TOML wants them. ``usual`` is the policy where nothing is said."""
    project = root.project
    inputs: dict[str, Any] = {"requires": _texts(project.dependencies)}
    if project.requires_python:
        inputs["requires-python"] = project.requires_python
    if indexes := [_index(project, number) for number in range(len(project.indexes))]:
        inputs["indexes"] = indexes
    if project.find_links:
        inputs["find-links"] = [split_credentials(place)[0] for place in project.find_links]
    if not project.has_index:
        inputs["no-index"] = True
    for key, parts in (("extras", project.extras), ("groups", project.groups)):
        if parts:
            inputs[key] = _parts(parts)
    for key, lines in (("constraints", project.constraints), ("overrides", project.overrides)):
        if lines:
            inputs[key] = _texts(lines)
    if project.excludes:
        inputs["excludes"] = sorted(project.excludes)
    if project.is_package:
        inputs["package"] = str(project.name)
    if project.dynamic & {"dependencies", "optional-dependencies"}:
        inputs["dynamic"] = sorted(project.dynamic & {"dependencies", "optional-dependencies"})
    if sources := _sources(root, aimed):
        inputs["sources"] = sources
    if said := _policy(project, policy, usual):
        inputs["policy"] = said
    if members:
        inputs["members"] = {str(author.project.name): _member(root, author) for author in members}
    inputs["targets"] = [recorded(target) for target in targets]
    return inputs


def _texts(lines: Sequence[Line]) -> list[str]:
    return sorted(text_of(line) for line in lines)


def _parts(parts: Mapping[str, Sequence[Line]]) -> dict[str, list[str]]:
    return {str(canonicalize_name(name)): _texts(lines) for name, lines in sorted(parts.items())}


def _index(project: Project, number: int) -> str:
    """The URL, and what makes an index a special one."""
    index = project.indexes[number]
    words = [split_credentials(index.url)[0]]
    words += ["flat"] if index.is_flat else []
    words += [f"only for what is pinned to {index.name}"] if index.is_explicit else []
    words += [f"{status} means absent" for status in index.ignored_statuses]
    return ", ".join(words)


def _sources(root: Author, aimed: Sequence[AimedTarget]) -> dict[str, list[str]]:
    """Package -> what was said of where it comes from, on any target."""
    found: dict[str, set[str]] = {}
    for target in aimed:
        everywhere: dict[str, Reference | str] = {**target["references"], **target["pinned"]}
        for name, source in everywhere.items():
            if name != root.project.name:
                found.setdefault(name, set()).add(described(source, root.directory))
        for section, sources in target["forked"].items():
            for name, source in sources.items():
                found.setdefault(name, set()).add(f"{section}: {described(source, root.directory)}")
    return {name: sorted(texts) for name, texts in sorted(found.items())}


def _policy(project: Project, policy: Policy, usual: Policy) -> dict[str, Any]:
    said: dict[str, Any] = {key: policy[key] for key in _CHOOSING}  # type: ignore[literal-required]  # keys of Policy
    said |= {key: project.policy[key] for key in _BUILDING if key in project.policy}
    return {
        key.replace("_", "-"): _plain(value)
        for key, value in sorted(said.items())
        if value != usual[key]  # type: ignore[literal-required]  # the same keys
    }


def _plain(value: Any) -> Any:
    """TOML has no None: a package without a limit has ``false``."""
    if isinstance(value, dict):
        return {key: False if item is None else item for key, item in sorted(value.items())}
    return value


def _member(root: Author, author: Author) -> dict[str, Any]:
    """What a member's own metadata does not say: where it is, and its groups."""
    path = os.path.relpath(author.directory, root.directory).replace(os.sep, "/")
    found: dict[str, Any] = {"path": path}
    if author.project.extras:
        found["extras"] = sorted(author.project.extras)
    if author.project.groups:
        found["groups"] = _parts(author.project.groups)
    return found
