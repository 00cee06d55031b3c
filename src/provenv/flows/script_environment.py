"""The environment of a script with inline metadata. On the warm path."""

from __future__ import annotations

from provenv.errors import StaleLock
from provenv.flows import files
from provenv.flows.layer import Layer, layer
from provenv.flows.lock import lock

__all__ = ["script_environment"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.world import World


def script_environment(world: World, *, is_locked: bool = False, is_frozen: bool = False) -> Layer:
    """The environment of the world's script, or of what stands for one.

    With a lock beside the script, what it says; it is brought up to date first, unless ``is_locked`` refuses that or
    ``is_frozen`` does not even look. Without one, versions are chosen for this machine, and no lock is written. Raises
    StaleLock, and every error of ``lock``.
    """
    data = files.read_if_there(world.lock_file)
    if data is None:
        if is_locked or is_frozen:
            raise StaleLock(
                f"{world.project_file} has no lock",
                hint=f"run `provenv lock --script {world.project_file}`, or leave out --locked and --frozen",
            )
        return layer(world, prompt="script")
    if not is_frozen:
        locked = lock(world, is_locked=is_locked)
        for warning in locked.warnings:
            world.events.warned(warning)
        data = locked.data
    return layer(world, data=data, prompt="script")
