"""Which target of a lock this machine is, where several would do. On the warm path; ``here_anew`` is off it."""

from __future__ import annotations

import os

import provenv
from provenv.env.target_mark import read_mark, write_mark
from provenv.flows.memory import digest, recall, remember
from provenv.store.boot import boot_id

__all__ = ["SIGNS", "Chosen", "machine_stamp", "mark_environment", "name_of", "target_here"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter

_FORMAT = 1
"""Of what is remembered."""
_TOLD_BY_GROUP = b" in dependency_groups"
"""Where a lock tells targets by groups, some marker says so."""
_DRIVER = "/sys/module/nvidia/version"
SIGNS = (_DRIVER, "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Files that come, go or change when a driver or a GPU does."""


class Chosen:
    """The target that is installed here."""

    __slots__ = ("how", "name", "others", "why")

    def __init__(self, name: str, others: tuple[str, ...], how: str, why: str = "") -> None:
        self.name = name
        self.others = others
        """All that would do for the platform and the Python of this machine."""
        self.how = how
        """``said`` with --target, ``kept`` from the environment, ``only`` one there is, by the ``machine``."""
        self.why = why
        """What of the machine decided, in words."""

    @property
    def has_others(self) -> bool:
        """Whether there was anything to choose."""
        return len(self.others) > 1


def target_here(world: World, data: bytes, interpreter: Interpreter, *, is_kept: bool = False) -> Chosen | None:
    """The target of the lock with these bytes that is installed on this machine; None where it tells none apart.

    What was named goes before all else: with ``--target``, by PROVENV_TARGET, or when the environment was made. With
    ``is_kept`` the environment stays what it is even if it was chosen by the machine. Raises UsageError for a name
    that does not fit, InputError where nobody can tell.
    """
    if world.is_only_here or (world.target is None and _TOLD_BY_GROUP not in data):
        return None
    key = digest(_FORMAT, provenv.__version__, data, interpreter.markers, interpreter.libc)
    known = recall(world.cache, "targets", key)
    if known is None:
        from provenv.flows.here_anew import candidates

        known = candidates(world, data, interpreter)
        remember(world.cache, "targets", key, known)
    fitting: tuple[str, ...] = tuple(known["fitting"])
    if world.target is not None and (world.is_target_asked or known["declared"]):
        if world.target not in fitting:
            from provenv.flows.here_anew import refused

            raise refused(world, known, interpreter)
        return Chosen(world.target, fitting, "said")
    if _TOLD_BY_GROUP not in data or not fitting:
        return None
    if len(fitting) == 1:
        return Chosen(fitting[0], fitting, "only")
    mark = read_mark(world.environment_directory)
    if mark is not None and mark[0] in fitting and (is_kept or mark[1]):
        return Chosen(mark[0], fitting, "kept")
    return _by_machine(world, data, interpreter, key, fitting)


def name_of(chosen: Chosen | None) -> str | None:
    """The target's name; None where none was chosen."""
    return None if chosen is None else chosen.name


def _by_machine(world: World, data: bytes, interpreter: Interpreter, key: str, fitting: tuple[str, ...]) -> Chosen:
    there = digest(key, boot_id(), machine_stamp(world))
    known = recall(world.cache, "targets-here", there)
    if known is None:
        from provenv.flows.here_anew import pick

        known = pick(world, data, interpreter, fitting)
        remember(world.cache, "targets-here", there, known)
    name, why, warning = known
    if warning:
        world.events.warned(warning)
    return Chosen(name, fitting, "machine", why)


def machine_stamp(world: World) -> tuple[object, ...]:
    """Changes when a driver or a GPU does."""
    from provenv.flows.files import read_if_there

    if world.machine_file is not None:
        return (world.machine_file, read_if_there(world.machine_file))
    try:
        devices = sorted(name for name in os.listdir("/dev") if name.startswith(("nvidia", "dxg", "kfd")))
    except OSError:
        devices = []
    return (*devices, read_if_there(_DRIVER) if os.path.exists(_DRIVER) else None)


def mark_environment(world: World, chosen: Chosen | None) -> None:
    """Note for which target the environment now is, so that nobody swaps it back. Raises InstallError."""
    root = world.environment_directory
    if chosen is None or not chosen.has_others or not os.path.isdir(root):
        return
    before = read_mark(root)
    is_said = chosen.how == "said" or (chosen.how == "kept" and before is not None and before[1])
    if before != (chosen.name, is_said):
        write_mark(root, chosen.name, is_said=is_said)
