"""Which interpreter builds what a project needs."""

from __future__ import annotations

import os

from provenv.flows.aimed import Aim
from provenv.flows.interpreter import project_interpreter
from provenv.flows.world import World
from provenv.model.machine import Interpreter
from provenv.pythons.inspect import inspect

__all__ = ["build_interpreter"]


def build_interpreter(world: World, aimed: Aim) -> Interpreter:
    """That of the build which goes on, else that of the project on this machine. Raises Unavailable."""
    if world.building is not None:
        return world.building[1]
    if aimed["interpreter"] is not None:
        return inspect(aimed["interpreter"], os.path.join(world.cache, "memory", "interpreters"))
    return project_interpreter(world)
