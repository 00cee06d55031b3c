"""Selects from a lock what this machine installs: the first step below the waist. On the warm path."""

from __future__ import annotations

from provenv.flows.memory import digest, recall, remember

__all__ = ["select_items"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.choice import Choice
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Unbuilt, Wanted


def select_items(
    world: World, data: bytes, interpreter: Interpreter, choice: Choice, target: str | None = None
) -> list[Wanted | Unbuilt]:
    """What to install from the lock with these bytes, sorted by name; what is no wheel yet must be built first.

    ``target`` is the one that this machine is, where the lock has several for its platform (``here.target_here``).

    Raises InputError when the lock does not hold a named extra or group, or was not made for this machine.
    """
    from provenv.model.plan import Unbuilt, Wanted

    key = digest(
        _FORMAT,
        data,
        interpreter.markers,
        interpreter.libc,
        interpreter.soabi_flags,
        choice.key(),
        world.member,
        target,
    )
    known = recall(world.cache, "selections", key)
    if known is None:
        from provenv.flows.select_anew import select_anew

        items = select_anew(world, data, interpreter, choice, target)
        remember(world.cache, "selections", key, [_plain(item) for item in items])
        return items
    return [Unbuilt(**item) if "kind" in item else Wanted(**item) for item in known]


_FORMAT = 4
"""Of what is remembered."""


def _plain(item: Wanted | Unbuilt) -> dict[str, object]:
    return {slot: getattr(item, slot) for slot in item.__slots__}
