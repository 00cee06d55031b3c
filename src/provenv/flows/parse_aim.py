"""Understands a project file: the slow half of ``aim``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

import provenv
from provenv.errors import InputError, UsageError
from provenv.flows.aimed import Aim, AimedMachine, Policy, Reference
from provenv.flows.aimed_target import Aiming, texts_of
from provenv.flows.authors import Author
from provenv.flows.fingerprint import build_files
from provenv.flows.locations import Place, locations_of
from provenv.flows.lowering import without_secret
from provenv.flows.memory import digest
from provenv.flows.project_file import read_project
from provenv.flows.python import interpreter_of
from provenv.flows.recorded import inputs_of
from provenv.flows.targets import targets_of
from provenv.flows.workspace import Member, Members, members_of
from provenv.flows.world import World
from provenv.index.local import path_of_url
from provenv.model.machine import Interpreter
from provenv.model.project import Line, Project
from provenv.model.target import Target

__all__ = ["parse_aim", "read_project", "usual_policy", "words_aim"]


def parse_aim(world: World, data: bytes, pin: bytes | None) -> Aim:
    """The aim of a project file with these bytes; ``pin`` is the content of ``.python-version``."""
    told = read_project(data, world.project_file)
    project = _with_machines(world, told)
    _check(world, project)
    members = Members(all=(), watched=())
    if project.workspace is not None:
        members = members_of(world.directory, project.workspace, project.name)
    requires_python = _combined([project, *(member.project for member in members.all)])
    interpreter, targets = _machines(world, project, requires_python, pin)
    aim = _aim(world, project, members.all, targets)
    aim["requires_python"] = requires_python
    aim["interpreter"] = interpreter.executable if interpreter is not None else None
    files = {*_project_files(world, aim), *_rule_files(world, project), *_machine_files(world, told)}
    aim["watched"] = sorted({*members.watched, *files})
    aim["build_files"] = _build_files(world, aim, [project, *(member.project for member in members.all)])
    return aim


def _rule_files(world: World, project: Project) -> list[str]:
    return [os.path.join(world.directory, path) for path in project.rules]


def _machine_files(world: World, project: Project) -> list[str]:
    return [os.path.join(world.directory, one.machine_file) for one in project.targets if one.machine_file is not None]


def _with_machines(world: World, project: Project) -> Project:
    """The project with what the files of recorded machines say of its targets. Raises InputError."""
    if all(target.machine_file is None for target in project.targets):
        return project
    from provenv.flows.machines import with_machines

    is_missing_fine = not world.needs_files
    targets = with_machines(project.targets, world.directory, world.project_file, is_missing_fine=is_missing_fine)
    return replace(project, targets=tuple(targets))


def _machines(
    world: World, project: Project, requires_python: str | None, pin: bytes | None
) -> tuple[Interpreter | None, tuple[tuple[Target, bool], ...]]:
    """The interpreter that stands for this machine, if one does, and each target with whether it must be solved."""
    if world.is_only_here:
        here = interpreter_of(world, requires_python, pin)
        return here, ((Target.from_interpreter(here), True),)
    interpreter = None if project.targets else interpreter_of(world, requires_python, pin)
    return interpreter, targets_of(project, interpreter, world.project_file)


def words_aim(world: World, words: Sequence[str], interpreter: Interpreter) -> Aim:
    """The aim of a few requirements without a project, for ``run --with``. Raises UsageError."""
    lines = []
    for number, word in enumerate(words, 1):
        try:
            lines.append(Line(requirement=Requirement(word), text=word, where=f"--with {number}"))
        except InvalidRequirement as error:
            raise UsageError(f"--with: `{word}` is not a requirement: {str(error).splitlines()[0]}") from error
    project = Project(name=None, requires_python=None, dependencies=tuple(lines))
    return _aim(world, project, (), ((Target.from_interpreter(interpreter), True),))


def _check(world: World, project: Project) -> None:
    if not project.is_managed:
        raise InputError(
            world.project_file,
            "the project says `managed = false`: it is not to be locked or synced",
            hint="take `managed` out, or use `provenv run --no-project`",
        )
    if not (project.has_project or project.workspace or project.groups) and _has_setup(world.directory):
        # Nothing would be locked, and its author thinks otherwise.
        raise InputError(
            world.project_file,
            "there is no [project] in it, and what setup.py or setup.cfg says cannot be known without running it",
            hint="write name, version and dependencies as [project] (PEP 621)",
        )
    wanted = project.required_version
    if wanted is not None and not SpecifierSet(wanted).contains(provenv.__version__, prereleases=True):
        raise InputError(
            f"{world.project_file}: tool.provenv.required-version",
            f"the project wants provenv {wanted}; this is {provenv.__version__}",
        )


def _has_setup(directory: str) -> bool:
    return any(os.path.exists(os.path.join(directory, name)) for name in ("setup.py", "setup.cfg"))


def _combined(projects: Sequence[Project]) -> str | None:
    """The Pythons that all projects of a workspace admit."""
    texts = dict.fromkeys(project.requires_python for project in projects if project.requires_python)
    if len(texts) < 2:
        return next(iter(texts), None)
    return str(SpecifierSet(",".join(texts)))


def _aim(world: World, project: Project, members: Sequence[Member], targets: Sequence[tuple[Target, bool]]) -> Aim:
    root = Author(
        project=project,
        directory=world.directory,
        file=world.project_file,
        rules=project.sources if world.uses_sources else {},
    )
    authors = [_author(world, project, member) for member in members]
    locations = locations_of(world, project, [member.project for member in members])
    policy = _policy(project, world.policy)
    conflicts = _conflicts(root, authors)
    index_names = [name for name, *_ in locations]
    machines = _accelerated(world, project, targets, locations)
    aiming = Aiming(root, authors, conflicts=conflicts, index_names=index_names, machines=machines)
    aimed = [aiming.at(target, is_declared=is_declared) for target, is_declared in targets]
    return {
        "name": project.name,
        "requires_python": project.requires_python,
        "extras": sorted(project.extras),
        "groups": sorted(project.groups),
        "default_groups": list(project.default_groups),
        "targets": aimed,
        "locations": locations,
        "index_key": digest([place[1:] for place in locations], policy["index_strategy"]),
        "conflicts": conflicts,
        "members": {member.name: member.directory for member in members},
        "member_default_groups": {member.name: list(member.project.default_groups) for member in members},
        "policy": policy,
        "inputs": inputs_of(root, authors, [target for target, _ in targets], aimed, policy, usual_policy()),
        "texts": dict(texts_of([root, *authors])),
        "watched": [],
        "build_files": [],
        "link_mode": project.link_mode,
        "file_owners": dict(project.file_owners),
        "interpreter": None,
    }


def _accelerated(
    world: World, project: Project, targets: Sequence[tuple[Target, bool]], locations: list[Place]
) -> dict[str, tuple[AimedMachine | None, dict[str, list[str]]]]:
    """Target -> its machine, and the indexes that are asked for some packages because of it; these join ``locations``.

    An index of the project that has the same name stands for one of these.
    """
    found: dict[str, tuple[AimedMachine | None, dict[str, list[str]]]] = {}
    if not any(_speaks_of_gpus(target) for target, _ in targets) and world.needs_files:
        return found  # Nobody speaks of GPUs: then nothing is known of any.
    from provenv.flows.machines import every_place, family_places, machine_of
    from provenv.flows.rules import rules

    own = _rule_files(world, project)
    tables = rules(own)
    known = {name for name, *_ in locations}
    is_public = world.default_index is None and not any(index.is_default for index in project.indexes)
    if not world.needs_files and project.has_index and world.has_index:
        # A recorded machine that is not here may have had its files from any of these: a lock may name them.
        locations += [place for place in every_place(tables, is_public=is_public) if place[0] not in known]
        known |= {name for name, *_ in locations}
    for target, _ in targets:
        machine = machine_of(target, tables, own, world.project_file)
        if machine is None:
            continue
        places: list[Place] = []
        beside: dict[str, list[str]] = {}
        if project.has_index and world.has_index:
            places, beside = family_places(machine, tables, is_public=is_public)
        for place in places:
            if place[0] not in known:
                known.add(place[0])
                locations.append(place)
        found[target.name] = machine, beside
    return found


def _speaks_of_gpus(target: Target) -> bool:
    return bool(target.driver or target.cuda or target.gpus or target.compute or target.has_no_gpu)


def _author(world: World, root: Project, member: Member) -> Author:
    path = os.path.relpath(member.file, world.directory).replace(os.sep, "/")
    return Author(
        project=member.project,
        directory=member.directory,
        file=member.file,
        prefix=f"member:{member.name}",
        label=f"{path}: ",
        # A relative path in the root's rules is one from the root: such a rule is not handed down as it stands.
        rules={**_handed_down(root, world.directory, member.directory), **member.project.sources}
        if world.uses_sources
        else {},
    )


def _handed_down(root: Project, above: str, below: str) -> Mapping[str, Any]:
    """The root's sources as a member in another directory writes them."""
    found = {}
    for name, rules in root.sources.items():
        found[name] = tuple(
            replace(rule, place=os.path.relpath(os.path.join(above, os.path.expanduser(rule.place)), below))
            if rule.kind == "path" and "://" not in rule.place
            else rule
            for rule in rules
            if rule.extra is None and rule.group is None
        )
    return found


def _conflicts(root: Author, members: Sequence[Author]) -> list[list[str]]:
    """Sets of sections that are never installed together.

    What only a build can tell of is left out of them, and in uv's table what does not exist, as there.
    """
    authors = (root, *members)
    known = {author.section(part) for author in authors for part in _parts(author)}
    hidden = [author.prefix for author in authors if "optional-dependencies" in author.project.dynamic]
    found = []
    for author in authors:
        for parts in author.project.conflicts:
            present = []
            for part in parts:
                section = part.section(root.project.name, author.prefix)
                prefix = section.rpartition("extra:")[0].rstrip(":")
                if section in known:
                    present.append(section)
                elif part.is_ours and not (part.kind == "extra" and prefix in hidden):
                    raise InputError(
                        f"{author.file}: {part.where}",
                        f"there is no {' '.join(filter(None, [part.kind, part.name])) or part.package}",
                        hint="a conflict is between extras, groups or members that exist",
                    )
            if len(present) > 1 and present not in found:
                found.append(present)
    return found


def _parts(author: Author) -> list[str]:
    project = author.project
    return ["", *(f"extra:{name}" for name in project.extras), *(f"group:{name}" for name in project.groups)]


def usual_policy() -> Policy:
    """How to choose where nothing is said: uv's defaults."""
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
        "lax_archives": [],
        "metadata": [],
    }


def _policy(project: Project, words: Mapping[str, Any]) -> Policy:
    """The command line wins over the file; lists and tables of both are taken together, as in uv."""
    found: dict[str, Any] = dict(usual_policy())
    for said in (project.policy, words):
        for key, value in said.items():
            if isinstance(value, dict):
                found[key] = {**found[key], **value}
            elif isinstance(value, list):
                found[key] = [*found[key], *(item for item in value if item not in found[key])]
            else:
                found[key] = value
    found["build_constraints"] = [_clean(text) for text in found["build_constraints"]]
    return cast(Policy, found)


def _clean(text: str) -> str:
    name, at_sign, url = text.partition("@")
    return name + at_sign + without_secret(url) if at_sign and "://" in url else text


def _project_files(world: World, aim: Aim) -> set[str]:
    """The project files of local directories: they say whether these are packages."""
    return {os.path.join(path, "pyproject.toml") for path in _local_directories(aim) - {world.directory}}


def _build_files(world: World, aim: Aim, projects: Sequence[Project]) -> list[str] | None:
    directories = {world.directory, *aim["members"].values()}
    if any(project.has_cache_keys for project in projects) or not _local_directories(aim) <= directories:
        return None
    found = [file for directory in sorted(directories) for file in build_files(world.cache, directory)]
    return [*found, *sorted(_local_archives(aim))]


def _local_directories(aim: Aim) -> set[str]:
    return {one["url"] for one in _references(aim) if one["kind"] == "directory"}


def _local_archives(aim: Aim) -> set[str]:
    paths = {path_of_url(one["url"]) for one in _references(aim) if one["kind"] == "archive"}
    return {path for path in paths if path is not None}


def _references(aim: Aim) -> Iterator[Reference]:
    for target in aim["targets"]:
        sources: list[Reference | str] = [*target["references"].values()]
        for forked in target["forked"].values():
            sources += forked.values()
        yield from (one for one in sources if isinstance(one, dict))
