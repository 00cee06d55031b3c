"""The environment of a script with inline metadata. On the warm path."""

from __future__ import annotations

import provenv
from provenv.errors import StaleLock
from provenv.flows import files
from provenv.flows.aim import aim
from provenv.flows.layer import Layer, layer
from provenv.flows.lock import lock
from provenv.flows.memory import digest, place_of, recall, remember

__all__ = ["script_environment"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.world import World


def script_environment(world: World, *, is_locked: bool = False, is_frozen: bool = False) -> Layer:
    """The environment of the world's script, or of what stands for one.

    With a lock beside the script, what it says; it is brought up to date first, unless ``is_locked`` refuses that or
    ``is_frozen`` does not even look. Without one, versions are chosen for this machine, and no lock is written: the
    choice stands until the script asks for something else, or the user for newer versions (``--refresh``). So it is
    with uv, and a script that ran yesterday runs today. Raises StaleLock, and every error of ``lock``.
    """
    data = files.read_if_there(world.lock_file)
    if data is not None and data.startswith(b"version = ") and not (is_locked or is_frozen):
        from provenv.lockfile.read import is_of_uv

        if is_of_uv(data):
            world.events.warned(f"{world.lock_file} is a lock of uv: it is passed over")
            data = None
    if data is None:
        if is_locked or is_frozen:
            raise StaleLock(
                f"{world.project_file} has no lock",
                hint=f"run `provenv lock --script {world.project_file}`, or leave out --locked and --frozen",
            )
        return _as_before(world.only_here())
    if not is_frozen:
        locked = lock(world, is_locked=is_locked)
        for warning in locked.warnings:
            world.events.warned(warning)
        data = locked.data
    return layer(world, data=data, prompt="script")


def _as_before(here: World) -> Layer:
    aimed = aim(here)
    key = digest(provenv.__version__, here.directory, aimed["targets"], aimed["locations"], aimed["policy"])
    data: bytes | None = None if here.refresh else recall(here.cache, "script-choices", key)
    if data is None:
        locked = lock(here, is_dry=True)
        for warning in locked.warnings:
            here.events.warned(warning)
        data = locked.data
    found = layer(here, data=data, prompt="script")
    if any(url.startswith("file:") for _, url, *_ in aimed["locations"]):
        found.is_steady = False
    else:
        remember(here.cache, "script-choices", key, data)
        found.fresh_until, found.decided_by = float("inf"), [place_of(here.cache, "script-choices", key)]
    return found
