"""Selects from a lock what this machine installs: the first step below the waist. On the warm path."""

from __future__ import annotations

from provenv.flows.memory import digest, recall, remember

__all__ = ["select_wanted"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.choice import Choice
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Wanted


def select_wanted(world: World, data: bytes, interpreter: Interpreter, choice: Choice) -> list[Wanted]:
    """What to install from the lock with these bytes, sorted by name.

    Raises InputError when the lock does not hold a named extra or group, or was not made for this machine.
    """
    from provenv.model.plan import Wanted

    key = digest(data, interpreter.markers, interpreter.libc, interpreter.soabi_flags, choice.key())
    known = recall(world.cache, "selections", key)
    if known is None:
        from provenv.flows.select_anew import select_anew

        wanted = select_anew(world, data, interpreter, choice)
        remember(world.cache, "selections", key, [_plain(item) for item in wanted])
        return wanted
    return [Wanted(**item) for item in known]


def _plain(item: Wanted) -> dict[str, object]:
    return {slot: getattr(item, slot) for slot in item.__slots__}
