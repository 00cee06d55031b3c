"""The newest versions that a target could use, whatever the lock holds."""

from __future__ import annotations

from collections.abc import Sequence

from provenv.flows.aim import aim
from provenv.flows.aimed import AimedTarget
from provenv.flows.newer import newest
from provenv.flows.solving import answered
from provenv.flows.world import World

__all__ = ["newest_versions"]


def newest_versions(world: World, target: AimedTarget, names: Sequence[str]) -> dict[str, str]:
    """Package -> its newest version that is no pre-release and not yanked, for those that an index offers.

    Asks the indexes for what is not cached, all at once. Raises Unavailable.
    """
    answers = answered(world, aim(world), target, {}).answers
    wanted = [name for name in names if name not in target["references"]]
    for name in wanted:
        answers.supply.want(name, "")
    found = {}
    for name in wanted:
        view = answers.view(name)
        if view is not None and (best := newest(view)):
            found[name] = view.versions[best - 1]
    return found
