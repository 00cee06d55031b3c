"""A throwaway environment over that of the project: what ``run --with`` adds for one command."""

from __future__ import annotations

import os
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement, Requirement

import provenv
from provenv.env.paths import Paths
from provenv.env.shared import make_shared, point
from provenv.errors import UsageError
from provenv.flows.fetch import compiled, fetch_trees
from provenv.flows.lock import solve_target
from provenv.flows.memory import digest
from provenv.flows.parse_aim import requirement_aim
from provenv.flows.python import interpreter_of
from provenv.flows.target import this_interpreter
from provenv.flows.world import World
from provenv.lockfile.merge import Chosen
from provenv.model.machine import Interpreter
from provenv.model.plan import Wanted
from provenv.model.project import Line
from provenv.model.target import Target

__all__ = ["layer"]


def layer(world: World, words: Sequence[str], below: str | None) -> str:
    """An environment with the requirements in ``words`` on top of the environment ``below``; its directory.

    It points to one shared, read-only tree in the store, and is made once for one set of wheels: a second run finds it.
    """
    lines = tuple(Line(requirement=_requirement(word), text=word, where=f"--with {word}") for word in words)
    interpreter = this_interpreter(world) if below is not None else interpreter_of(world, None, None)
    wanted = _wanted(world, lines, interpreter)
    key = digest([item.sha256 for item in wanted], below or "", interpreter.base_executable, interpreter.version)
    root = os.path.join(world.cache, "layers", key)
    if os.path.exists(os.path.join(root, "pyvenv.cfg")):
        return root
    store = world.store()
    trees = fetch_trees(world, store, wanted)
    bytecode = compiled(world, store, trees, interpreter)
    place = make_shared(store, wanted, trees, bytecode, interpreter, world.events, link_mode=world.link_mode)
    sites = [_site(below, interpreter)] if below is not None else []
    point(root, interpreter, [place], sites=sites, prompt="with", version=provenv.__version__)
    return root


def _site(root: str, interpreter: Interpreter) -> str:
    paths = Paths.from_interpreter(root, interpreter)
    return paths.absolute(paths.purelib)


def _requirement(word: str) -> Requirement:
    try:
        return Requirement(word)
    except InvalidRequirement as error:
        raise UsageError(f"--with: `{word}` is not a requirement: {str(error).splitlines()[0]}") from error


def _wanted(world: World, lines: tuple[Line, ...], interpreter: Interpreter) -> list[Wanted]:
    aimed = requirement_aim(world, lines, Target.from_interpreter(interpreter))
    world.events.started("resolve")
    packages, warnings = solve_target(world, aimed, aimed["targets"][0], {})
    world.events.finished("resolve")
    for warning in warnings:
        world.events.warned(warning)
    return [_as_wanted(name, chosen) for name, chosen in sorted(packages.items())]


def _as_wanted(name: str, chosen: Chosen) -> Wanted:
    filename, url, hashes, size, _ = chosen.files[0]
    return Wanted(
        name=name, version=chosen.version, filename=filename, sha256=dict(hashes)["sha256"], url=url, size=size
    )
