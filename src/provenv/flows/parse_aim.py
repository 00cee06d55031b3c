"""Understands a project file: the slow half of ``aim``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from urllib.parse import urldefrag, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provenv.errors import InputError, UsageError
from provenv.flows.aimed import Aim, AimedTarget, Policy, Reference
from provenv.flows.memory import digest
from provenv.flows.python import interpreter_of
from provenv.flows.world import World
from provenv.index.location import default_url, location_from, split_name
from provenv.model.machine import Interpreter
from provenv.model.project import Line, Project
from provenv.model.target import Target
from provenv.net.secrets import split_credentials
from provenv.pythons.find import fits
from provenv.universe.rows import Needs, rows_of_requirement

__all__ = ["parse_aim", "read_project", "words_aim"]


def parse_aim(world: World, data: bytes, pin: bytes | None) -> Aim:
    """The aim of a project file with these bytes; ``pin`` is the content of ``.python-version``."""
    project = read_project(data, world.project_file)
    interpreter = None
    targets = project.targets
    if not targets:
        found = interpreter_of(world, project.requires_python, pin)
        interpreter = found.executable
        targets = (Target.from_interpreter(found),)
    for target in targets:
        _check_python(target, project, world.project_file)
    return _aim(world, project, targets, interpreter)


def words_aim(world: World, words: Sequence[str], interpreter: Interpreter) -> Aim:
    """The aim of a few requirements without a project, for ``run --with``. Raises UsageError."""
    lines = []
    for number, word in enumerate(words, 1):
        try:
            lines.append(Line(requirement=Requirement(word), text=word, where=f"--with {number}"))
        except InvalidRequirement as error:
            raise UsageError(f"--with: `{word}` is not a requirement: {str(error).splitlines()[0]}") from error
    project = Project(name=None, requires_python=None, dependencies=tuple(lines))
    return _aim(world, project, (Target.from_interpreter(interpreter),), None)


def read_project(data: bytes, where: str) -> Project:
    """The project in the bytes of a ``pyproject.toml``. Raises InputError."""
    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            where, f"not valid TOML: line {line} is not UTF-8", hint="TOML is always UTF-8: save the file as such"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            where, f"not valid TOML: {error}", hint="a quote or a bracket may be missing at this place or before it"
        ) from error
    return Project.from_pyproject(document, where)


def _aim(world: World, project: Project, targets: tuple[Target, ...], interpreter: str | None) -> Aim:
    locations = list(_locations(world, project))
    return {
        "name": project.name,
        "requires_python": project.requires_python,
        "extras": sorted(project.extras),
        "groups": sorted(project.groups),
        "default_groups": list(project.default_groups),
        "targets": [_aimed(target, project, world) for target in targets],
        "locations": locations,
        "index_key": digest([(url, kind, is_explicit) for _, url, kind, is_explicit, _ in locations]),
        "conflicts": [],
        "members": {},
        "policy": _policy(),
        "inputs": _inputs(project, targets),
        "texts": {line.where: _text(line) for _, line in _sections(project)},
        "watched": [],
        "interpreter": interpreter,
    }


def _policy() -> Policy:
    return {
        "resolution": "highest",
        "prerelease": "if-necessary-or-explicit",
        "index_strategy": "first-index",
        "exclude_newer": None,
        "exclude_newer_package": {},
        "no_build": False,
        "no_build_packages": [],
        "no_binary": False,
        "no_binary_packages": [],
        "no_build_isolation": False,
        "no_build_isolation_packages": [],
        "extra_build": {},
        "build_constraints": [],
        "config_settings": {},
        "config_settings_package": {},
        "metadata": [],
    }


def _check_python(target: Target, project: Project, where: str) -> None:
    version = target.environment()["python_full_version"]
    if target.is_declared and not fits(version, project.requires_python):
        raise InputError(
            f"{where}: tool.provenv.targets.{target.name}.python",
            f"Python {target.python} is not within project.requires-python `{project.requires_python}`",
        )


def _sections(project: Project) -> Iterator[tuple[str, Line]]:
    for line in project.dependencies:
        yield "", line
    for extra, lines in project.extras.items():
        for line in lines:
            yield f"extra:{extra}", line
    for group, lines in project.groups.items():
        for line in lines:
            yield f"group:{group}", line


def _aimed(target: Target, project: Project, world: World) -> AimedTarget:
    environment, tags = target.environment(), target.tags()
    needs = Needs(environment)
    references: dict[str, Reference] = {}
    aimed: AimedTarget = {
        "name": target.name,
        "key": digest(environment, tags),
        "environment": environment,
        "tags": tags,
        "is_declared": target.is_declared,
        "rows": [],
        "references": references,
        "pinned": {},
        "constraints": [],
        "overrides": {},
        "excludes": [],
    }
    for section, line in _sections(project):
        requirement = line.requirement
        if requirement.marker is not None and not needs.holds(requirement.marker):
            continue
        row = rows_of_requirement(requirement, "")
        if row[1] == project.name:
            aimed["rows"].extend(_own_extras(row[2], project, needs, line, section))
            continue
        if requirement.url is not None:
            where = f"{world.project_file}: {line.where}"
            _direct(row[1], split_credentials(requirement.url)[0], references, where)
        aimed["rows"].append((row, line.where, section))
    return aimed


def _own_extras(
    names: tuple[str, ...], project: Project, needs: Needs, line: Line, section: str, seen: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, str, tuple[str, ...], str], str, str]]:
    """A project that needs itself with extras (``all = ["me[a,b]"]``) means what these extras list."""
    for extra in names:
        for inner in project.extras.get(extra, ()):
            if inner.requirement.marker is not None and not needs.holds(inner.requirement.marker):
                continue
            row = rows_of_requirement(inner.requirement, "")
            if row[1] != project.name:
                yield row, inner.where, section
            elif extra not in seen:
                yield from _own_extras(row[2], project, needs, line, section, (*seen, extra))


def _direct(name: str, text: str, references: dict[str, Reference], where: str) -> None:
    url, fragment = urldefrag(text)
    algorithm, _, value = fragment.partition("=")
    reference: Reference = {
        "kind": "archive",
        "url": url,
        "rev": None,
        "subdirectory": None,
        "sha256": value.lower() if algorithm == "sha256" else None,
        "is_editable": False,
        "is_virtual": False,
    }
    if references.setdefault(name, reference) != reference:
        raise InputError(where, f"two direct references for {name}: {references[name]['url']} and {url}")
    if not urlsplit(url).path.endswith(".whl") or urlsplit(url).scheme not in ("http", "https", "file"):
        raise InputError(
            where, f"`{url}` is not the URL of a wheel", hint="only wheels can be used as direct references so far"
        )


def _locations(world: World, project: Project) -> Iterator[tuple[str, str, str, bool, tuple[int, ...]]]:
    """Where to look, in order: the command line's indexes, the project's, the default one; then flat places.

    User names and passwords are left out: an aim is kept on disk. ``network`` reads them when it connects.
    """
    named = [split_name(text) for text in world.indexes]
    default_name, default = split_name(world.default_index or "")
    for url in (*(url for _, url in named), *filter(None, [default]), *world.find_links):
        try:
            location_from(url, directory=world.directory)
        except InputError as error:
            raise UsageError(error.message, hint="this was given on the command line or in a variable") from error
    places: list[tuple[str, str | None]] = [(url, name) for name, url in named]
    for index in project.indexes:
        if index.is_default and not default:
            default, default_name = index.url, index.name
        elif index.is_default:
            continue
        else:
            places.append((index.url, index.name))
    for url, name in (*places, (default or default_url(), default_name or "default")):
        found = location_from(url, directory=world.directory, name=name)
        yield found.name, found.url, found.kind, False, ()
    for place in (*world.find_links, *project.find_links):
        found = location_from(place, directory=world.directory, kind="flat")
        yield found.name, found.url, found.kind, False, ()


def _text(line: Line) -> str:
    """A requirement as written, but without the credentials in a URL: it is kept in caches and in the lock."""
    url = line.requirement.url
    return line.text if url is None else line.text.replace(url, split_credentials(url)[0])


def _inputs(project: Project, targets: tuple[Target, ...]) -> dict[str, object]:
    """What the lock records of the project; a secret in an index URL is left out."""
    inputs: dict[str, object] = {"requires": sorted(_text(line) for line in project.dependencies)}
    if project.requires_python:
        inputs["requires-python"] = project.requires_python
    indexes = [split_credentials(index.url)[0] for index in project.indexes]
    if indexes:
        inputs["indexes"] = indexes
    if project.find_links:
        inputs["find-links"] = [split_credentials(place)[0] for place in project.find_links]
    for key, parts in (("extras", project.extras), ("groups", project.groups)):
        if parts:
            inputs[key] = {
                str(canonicalize_name(name)): sorted(_text(line) for line in lines)
                for name, lines in sorted(parts.items())
            }
    inputs["targets"] = [_recorded(target) for target in targets]
    return inputs


def _recorded(target: Target) -> dict[str, object]:
    """A target as the lock records it. This machine stands for its platform and minor version: a colleague's patch
    release or newer C library does not make the lock stale."""
    major, minor = target.minor
    record: dict[str, object] = {
        "name": target.name,
        "platform": target.platform,
        "python": target.python if target.is_declared else f"{major}.{minor}",
    }
    if target.is_declared:
        for key in ("glibc", "musl", "macos"):
            if floor := getattr(target, key):
                record[key] = f"{floor[0]}.{floor[1]}"
        for key in ("driver", "cpu"):
            if text := getattr(target, key):
                record[key] = text
        for key in ("gpus", "compute"):
            if values := getattr(target, key):
                record[key] = list(values)
    return record
