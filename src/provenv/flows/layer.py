"""A throwaway environment over that of the project: what ``run --with`` adds for one command. On the warm path."""

from __future__ import annotations

import os

import provenv
from provenv.flows.interpreter import project_interpreter
from provenv.flows.lock import solve_target
from provenv.flows.memory import digest, recall, remember
from provenv.model.plan import Wanted

__all__ = ["layer"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenv.flows.aimed import Aim
    from provenv.flows.world import World
    from provenv.lockfile.merge import Chosen
    from provenv.model.machine import Interpreter


def layer(world: World, words: Sequence[str], below: str | None) -> str:
    """An environment with the requirements in ``words`` on top of the environment ``below``; its directory.

    It points to one shared, read-only tree in the store, and is made once for one set of wheels: a second run finds it.
    """
    interpreter = project_interpreter(world, has_project=below is not None)
    wanted = _wanted(world, _aim(world, words, interpreter))
    key = digest([item.sha256 for item in wanted], below or "", interpreter.base_executable, interpreter.version)
    root = os.path.join(world.cache, "layers", key)
    if not os.path.exists(os.path.join(root, "pyvenv.cfg")):
        _make(world, root, wanted, below, interpreter)
    return root


def _make(world: World, root: str, wanted: Sequence[Wanted], below: str | None, interpreter: Interpreter) -> None:
    from provenv.env.paths import Paths
    from provenv.env.shared import find_shared, make_shared, point
    from provenv.flows.fetch import compiled, fetch_trees

    store = world.store()
    place = find_shared(store, [item.sha256 for item in wanted], interpreter)
    if place is None:
        trees = fetch_trees(world, store, wanted)
        bytecode = compiled(world, store, trees, interpreter)
        place = make_shared(store, wanted, trees, bytecode, interpreter, world.events, link_mode=world.link_mode)
    sites = []
    if below is not None:
        paths = Paths.from_interpreter(below, interpreter)
        sites.append(paths.absolute(paths.purelib))
    point(root, interpreter, [place], sites=sites, prompt="with", version=provenv.__version__)


def _aim(world: World, words: Sequence[str], interpreter: Interpreter) -> Aim:
    """The requirements, aimed at this interpreter; remembered, as it depends on nothing else but where to look."""
    project = os.path.join(world.directory, "pyproject.toml")
    key = digest(
        provenv.__version__, list(words), world.directory, world.default_index, world.indexes, world.find_links,
        interpreter.markers, interpreter.libc, interpreter.soabi_flags, os.path.exists(project),
    )  # fmt: skip
    known: Aim | None = recall(world.cache, "layers", key)
    if known is None:
        from provenv.flows.parse_aim import words_aim

        known = words_aim(world, words, interpreter)
        remember(world.cache, "layers", key, known)
    return known


def _wanted(world: World, aimed: Aim) -> list[Wanted]:
    world.events.started("resolve")
    packages, warnings = solve_target(world, aimed, aimed["targets"][0], {})
    world.events.finished("resolve")
    for warning in warnings:
        world.events.warned(warning)
    return [_as_wanted(name, chosen) for name, chosen in sorted(packages.items())]


def _as_wanted(name: str, chosen: Chosen) -> Wanted:
    filename, url, hashes, size, _ = chosen.files[0]
    return Wanted(
        name=name, version=chosen.version or "", filename=filename, sha256=dict(hashes)["sha256"], url=url, size=size
    )
