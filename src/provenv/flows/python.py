"""The interpreter of a project: that of its environment if it still fits, else one that is found."""

from __future__ import annotations

import os

from provenv.env import receipt as receipts
from provenv.env.drift import own_drift
from provenv.errors import Unavailable
from provenv.flows.environment import environment_program, is_only_damaged
from provenv.flows.world import World
from provenv.model.machine import Interpreter
from provenv.pythons.find import choose, fits
from provenv.pythons.inspect import inspect

__all__ = ["interpreter_of"]


def interpreter_of(world: World, requires_python: str | None, pin: bytes | None) -> Interpreter:
    """The interpreter to lock and sync with.

    ``--python`` wins, then ``.python-version`` (``pin``), then the one that the environment has, then the first on the
    search path that ``requires_python`` admits. Raises Unavailable when none does.
    """
    memory = os.path.join(world.cache, "memory", "interpreters")
    request, where = world.python_request, "--python"
    if request is None and pin is not None:
        lines = [line.strip() for line in pin.decode("utf-8", "replace").splitlines()]
        request = next((line for line in lines if line and not line.startswith("#")), None)
        where = os.path.join(world.directory, ".python-version")
    if request is None and (here := _of_environment(world, memory)) and fits(here.version, requires_python):
        return here
    try:
        return choose(request, requires_python, search_path=world.search_path, memory=memory, where=where)
    except Unavailable:
        if world.script is None or where == "--python":
            raise
        # The file beside a script is about its neighbours, and the script says itself what it needs.
        return choose(None, requires_python, search_path=world.search_path, memory=memory)


def _of_environment(world: World, memory: str) -> Interpreter | None:
    """The base interpreter that the environment was made from."""
    program = _program(world.environment_directory)
    if not os.path.exists(program):
        return None
    try:
        return inspect(inspect(program, memory).base_executable, memory)
    except Unavailable:
        return None


def _program(root: str) -> str:
    """The environment's program; where somebody broke or turned that link, what it was made from."""
    program = environment_program(root)
    receipt = receipts.read(root)
    if receipt is not None:
        damaged = own_drift(root, receipt)
        if os.path.relpath(program, root).replace(os.sep, "/") in damaged and is_only_damaged(root, damaged):
            return receipt.interpreter[0]
    return program
