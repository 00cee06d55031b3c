"""What one target installs from a lock: this machine, or another one that we may not be on."""

from __future__ import annotations

from provenv.errors import StaleLock, UsageError
from provenv.flows import files
from provenv.flows.aim import aim
from provenv.flows.aimed import AimedTarget
from provenv.flows.choice import Choice
from provenv.flows.here import name_of, target_here
from provenv.flows.interpreter import project_interpreter
from provenv.flows.lock import lock
from provenv.flows.select import select_items
from provenv.flows.select_anew import select_for
from provenv.flows.world import World
from provenv.model.machine import Interpreter
from provenv.model.plan import Unbuilt, Wanted

__all__ = ["lock_bytes", "target_of", "this_interpreter", "wanted_of_target"]


def wanted_of_target(
    world: World, choice: Choice, name: str | None, *, is_locked: bool = False, is_frozen: bool = False
) -> list[Wanted | Unbuilt]:
    """What to install on the target of that name, or on this machine, sorted by package.

    Raises UsageError when the project has no such target, and every error of ``lock``.
    """
    data = lock_bytes(world, is_locked=is_locked, is_frozen=is_frozen)
    if name is None:
        here = this_interpreter(world)
        chosen = target_here(world, data, here, is_kept=True)
        return select_items(world, data, here, choice, name_of(chosen))
    target = _named(world, name)
    return select_for(world, data, choice, environment=target["environment"], tags=target["tags"], target=name)


def target_of(world: World, name: str | None) -> AimedTarget:
    """The target of that name; without a name this machine's if it is one, else the first. Raises UsageError."""
    if name is not None:
        return _named(world, name)
    aimed = aim(world)
    targets = aimed["targets"]
    if aimed["interpreter"] is None:
        return targets[0]
    here = dict(this_interpreter(world).markers)
    keys = ("sys_platform", "platform_machine")
    return next((one for one in targets if all(one["environment"][key] == here[key] for key in keys)), targets[0])


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


def _named(world: World, name: str) -> AimedTarget:
    targets = aim(world)["targets"]
    for target in targets:
        if target["name"] == name:
            return target
    known = ", ".join(target["name"] for target in targets)
    raise UsageError(f"there is no target named `{name}`", hint=f"the project is locked for {known}")
