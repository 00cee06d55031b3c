"""Selects from a lock what this machine installs: the first step below the waist. On the warm path."""

from __future__ import annotations

from provenv.flows.memory import digest, recall, remember

__all__ = ["Choice", "select_wanted"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Wanted


class Choice:
    """Which parts of a project to install: the words of ``--extra`` and ``--group``."""

    __slots__ = ("all_extras", "all_groups", "extras", "groups", "has_defaults", "no_groups")

    def __init__(
        self,
        *,
        extras: tuple[str, ...] = (),
        all_extras: bool = False,
        groups: tuple[str, ...] = (),
        all_groups: bool = False,
        no_groups: tuple[str, ...] = (),
        has_defaults: bool = True,
    ) -> None:
        self.extras = extras
        self.all_extras = all_extras
        self.groups = groups
        self.all_groups = all_groups
        self.no_groups = no_groups
        self.has_defaults = has_defaults
        """Whether the default groups are taken (``--no-default-groups``)."""

    def key(self) -> tuple[object, ...]:
        """All of it, as a plain value."""
        return tuple(getattr(self, slot) for slot in self.__slots__)


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
