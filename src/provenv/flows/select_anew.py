"""Selects from a lock: the slow half of ``select``."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provenv.errors import UsageError
from provenv.flows.choice import Choice
from provenv.flows.world import World
from provenv.lockfile.read import parse, select
from provenv.model.machine import Interpreter
from provenv.model.plan import Wanted
from provenv.model.target import Target

__all__ = ["select_anew", "select_for"]


def select_anew(world: World, data: bytes, interpreter: Interpreter, choice: Choice) -> list[Wanted]:
    """What this machine installs from the lock with these bytes. Raises InputError, UsageError, IntegrityError."""
    here = Target.from_interpreter(interpreter)
    return select_for(world, data, choice, environment=dict(interpreter.markers), tags=here.tags())


def select_for(
    world: World,
    data: bytes,
    choice: Choice,
    *,
    environment: Mapping[str, str],
    tags: Sequence[str],
    target: str | None = None,
) -> list[Wanted]:
    """What a machine with that marker environment and those tags installs.

    ``target`` names a target that the lock may tell by a dependency group of its own.
    """
    document = parse(data, world.lock_file)
    extras = _named(choice.extras, choice.all_extras, document.get("extras", []), "extra")
    groups = _groups(choice, document)
    recorded = document.get("tool", {}).get("provenv", {})
    targets = {item["name"] for item in recorded.get("targets", [])} & set(document.get("dependency-groups", []))
    if target is not None and targets:
        groups = (groups - targets) | ({target} & targets)
    return select(
        document,
        world.lock_file,
        environment=environment,
        tags=tags,
        extras=extras,
        groups=groups,
        requested=_requested(recorded, extras, groups),
    )


def _named(names: tuple[str, ...], has_all: bool, known: Collection[str], kind: str) -> set[str]:
    if has_all:
        return set(known)
    wanted = {str(canonicalize_name(name)) for name in names}
    for name in sorted(wanted - set(known)):
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean `{close[0]}`?" if close else f"the lock has {', '.join(sorted(set(known))) or 'none'}"
        raise UsageError(f"there is no {kind} named `{name}`", hint=hint)
    return wanted


def _groups(choice: Choice, document: Mapping[str, Any]) -> set[str]:
    # `--dev` and `--no-dev` may always be said, as in uv: a script that gives them need not know the project.
    known = [*document.get("dependency-groups", []), "dev"]
    wanted = _named(choice.groups, choice.all_groups, known, "group")
    if choice.has_defaults:
        wanted |= set(document.get("default-groups", []))
    return wanted - _named(choice.no_groups, False, known, "group")


def _requested(recorded: Mapping[str, Any], extras: Collection[str], groups: Collection[str]) -> set[str]:
    """The packages that the project names itself; another tool's lock does not tell."""
    lines = list(recorded.get("requires", []))
    for key, chosen in (("extras", extras), ("groups", groups)):
        for name, texts in recorded.get(key, {}).items():
            if name in chosen:
                lines += texts
    found = set()
    for line in lines:
        try:
            found.add(str(canonicalize_name(Requirement(line).name)))
        except InvalidRequirement:
            continue
    return found
