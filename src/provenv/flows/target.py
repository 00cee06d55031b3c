"""What one target installs from a lock: this machine, or a declared one that we may not be on."""

from __future__ import annotations

from collections.abc import Mapping

from provenv.errors import StaleLock, UsageError
from provenv.flows import files
from provenv.flows.aim import aim
from provenv.flows.choice import Choice
from provenv.flows.interpreter import project_interpreter
from provenv.flows.lock import lock
from provenv.flows.parse_aim import read_project
from provenv.flows.select import select_items
from provenv.flows.select_anew import select_for
from provenv.flows.world import World
from provenv.model.machine import Interpreter
from provenv.model.plan import Unbuilt, Wanted
from provenv.model.target import Target

__all__ = ["environment_of", "lock_bytes", "this_interpreter", "wanted_of_target"]


def wanted_of_target(
    world: World, choice: Choice, name: str | None, *, is_locked: bool = False, is_frozen: bool = False
) -> list[Wanted | Unbuilt]:
    """What to install on the target of that name, or on this machine, sorted by package.

    Raises UsageError when the project declares no such target, and every error of ``lock``.
    """
    data = lock_bytes(world, is_locked=is_locked, is_frozen=is_frozen)
    if name is None:
        return select_items(world, data, this_interpreter(world), choice)
    target = _declared(world, name)
    return select_for(world, data, choice, environment=target.environment(), tags=target.tags(), target=name)


def environment_of(world: World, name: str | None) -> Mapping[str, str]:
    """The marker environment of a declared target; without a name that of the lock's first target."""
    targets = aim(world)["targets"]
    return targets[0]["environment"] if name is None else _declared(world, name).environment()


def lock_bytes(world: World, *, is_locked: bool = False, is_frozen: bool = False) -> bytes:
    """The lock, brought up to date first unless frozen."""
    if not is_frozen:
        return lock(world, is_locked=is_locked).data
    data = files.read_if_there(world.lock_file)
    if data is None:
        raise StaleLock(f"{world.lock_file} is missing", hint="run `provenv lock`, or leave out --frozen")
    return data


def this_interpreter(world: World) -> Interpreter:
    """The interpreter that the project runs with on this machine."""
    return project_interpreter(world)


def _declared(world: World, name: str) -> Target:
    project = read_project(world.project_data(), world.project_file)
    for target in project.targets:
        if target.name == name:
            return target
    known = ", ".join(target.name for target in project.targets) or "none"
    raise UsageError(f"there is no target named `{name}`", hint=f"[tool.provenv.targets] declares {known}")
