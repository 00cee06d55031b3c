"""What references lead to: each becomes one candidate with METADATA, before the solver starts. On the warm path.

The references of a target and those that they name in turn are its *closure*. It is remembered as long as nothing that
it was made from has changed; ``preparing`` is the slow half.
"""

from __future__ import annotations

import os

import provenv
from provenv.flows.fingerprint import fingerprint
from provenv.flows.local_archives import stamp_of
from provenv.flows.memory import digest, recall, remember
from provenv.flows.prepared import Prepared

__all__ = ["Prepared", "closure"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from provenv.flows.aimed import Aim, AimedTarget
    from provenv.flows.prepared import Commit
    from provenv.flows.world import World

_FORMAT = 3
"""Of what is remembered."""


def closure(
    world: World, aimed: Aim, target: AimedTarget, pinned_commits: Mapping[str, Commit] | None = None
) -> dict[str, Prepared]:
    """All references of a target, and those that their own needs name in turn: package -> what it leads to.

    ``pinned_commits`` are the commits of an old lock, each with the repository and the revision that it was for: a
    branch stays there. Whatever is looked at is looked at once per command. Raises InputError, NoSolution for a wheel
    that is not for the target, BuildError, Unavailable.
    """
    pinned = pinned_commits or {}
    key = digest(
        _FORMAT,
        provenv.__version__,
        world.directory,
        sorted(target["references"].items()),
        [row for row, _, _ in target["rows"]],
        target["key"],
        [row for row, _ in target["constraints"]],
        sorted(target["overrides"]),
        target["excludes"],
        sorted(pinned.items()),
        world.uses_sources,
        aimed["policy"],
        aimed["index_key"],
        aimed["members"],
    )
    fresh = _still(world, world.prepared.get(key))
    if fresh is None and not world.refresh:
        fresh = _still(world, recall(world.cache, "references", key))
    if fresh is None:
        from provenv.flows.preparing import Preparing

        preparing = Preparing(world, aimed, target, pinned)
        found = preparing.closure()
        watched = sorted((path, _seen(world, path)) for path in preparing.watched)
        fresh = watched, [item.plain() for item in found.values()]
        if preparing.is_steady:
            remember(world.cache, "references", key, fresh)
    world.prepared[key] = fresh
    return {str(item[0]): Prepared(*item) for item in fresh[1]}


def _still(world: World, known: Any) -> Any:
    """What was found before, if the directories that decided it are what they were: a command may edit them itself."""
    if known is None or any(_seen(world, path) != seen for path, seen in known[0]):
        return None
    return known


def _seen(world: World, path: str) -> str:
    """Of a directory its fingerprint, of an archive when it was written and how long it is."""
    if os.path.isfile(path):
        return stamp_of(path)
    return fingerprint(world.cache, path, world.variables)
