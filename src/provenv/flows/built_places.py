"""Where a directory that the lock names by a path lies on this computer. On the warm path."""

from __future__ import annotations

import os

__all__ = ["places_of"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.world import World
    from provenv.model.plan import Unbuilt


def places_of(world: World, item: Unbuilt) -> tuple[str, str]:
    """The absolute directory that the path of an item names, and that of the project in it."""
    top = os.path.normpath(os.path.join(world.directory, item.path or ""))
    return top, os.path.join(top, item.subdirectory) if item.subdirectory else top
