"""Which interpreter a project runs with, remembered until something that decides it changes. On the warm path."""

from __future__ import annotations

import os

from provenv.flows import files
from provenv.flows.environment import environment_stamp
from provenv.flows.memory import digest, recall, remember
from provenv.pythons.inspect import inspect

__all__ = ["project_interpreter"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter


def project_interpreter(world: World, *, has_project: bool = True) -> Interpreter:
    """The interpreter that the project runs with on this machine; without ``has_project``, any that was asked for.

    Raises Unavailable when none fits.
    """
    data = world.project_data_if_there() if has_project else None
    pin = files.read_if_there(os.path.join(world.directory, ".python-version"))
    key = digest(
        data,
        pin,
        world.python_request,
        world.search_path,
        environment_stamp(world.environment_directory),
    )
    program = recall(world.cache, "project-interpreters", key)
    if isinstance(program, str) and os.path.exists(program):
        return inspect(program, os.path.join(world.cache, "memory", "interpreters"))
    from provenv.flows.parse_aim import read_project
    from provenv.flows.python import interpreter_of

    requires_python = read_project(data, world.project_file).requires_python if data is not None else None
    found = interpreter_of(world, requires_python, pin)
    remember(world.cache, "project-interpreters", key, found.executable)
    return found
