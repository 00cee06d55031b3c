"""Which interpreter builds what a project needs."""

from __future__ import annotations

import contextlib
import os

from provenv.errors import Unavailable
from provenv.flows.aimed import Aim, AimedTarget
from provenv.flows.interpreter import project_interpreter
from provenv.flows.world import World
from provenv.model.machine import Interpreter
from provenv.pythons.find import choose
from provenv.pythons.inspect import inspect

__all__ = ["build_interpreter"]


def build_interpreter(world: World, aimed: Aim, target: AimedTarget | None = None) -> Interpreter:
    """That of the build which goes on, else that of the project on this machine, else one as the target has it.

    For a target that is not this machine any Python can tell what a build needs, one of its own version best. Raises
    Unavailable when there is none at all.
    """
    if world.building is not None:
        return world.building[1]
    memory = os.path.join(world.cache, "memory", "interpreters")
    if aimed["interpreter"] is not None:
        return inspect(aimed["interpreter"], memory)
    if target is not None:
        version = target["environment"]["python_version"]
        with contextlib.suppress(Unavailable):
            return choose(version, None, search_path=world.search_path, memory=memory)
    try:
        return project_interpreter(world)
    except Unavailable:
        return choose(world.python_request, None, search_path=world.search_path, memory=memory)
