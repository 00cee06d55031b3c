"""Throwaway environments: they point to one shared, read-only tree in the store. On the warm path.

One is made for a set of wheels, in milliseconds, and kept in the cache: a second run of the same script, the same tool,
or with the same additions finds it.
"""

from __future__ import annotations

import os

import provenv
from provenv.errors import UsageError
from provenv.flows.choice import Choice
from provenv.flows.environment import environment_program
from provenv.flows.interpreter import project_interpreter
from provenv.flows.lock import lock
from provenv.flows.memory import digest, recall, remember
from provenv.flows.ready import Ready
from provenv.flows.select import select_items
from provenv.store.boot import boot_id

__all__ = ["Layer", "added", "layer", "light_environment", "shared_of"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenv.flows.additions import Additions
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Wanted

_COMPLETE = "provenv-layer"
"""Written last: without it an environment is remains. Holds the directory of the shared tree, and the boot's name."""


class Layer:
    """A throwaway environment, and how long it is what would be made again."""

    __slots__ = ("decided_by", "environment", "fresh_until", "is_steady", "wheels")

    def __init__(self, environment: str, wheels: Sequence[Wanted], *, fresh_until: float, is_steady: bool) -> None:
        self.environment = environment
        self.wheels = wheels
        self.fresh_until = fresh_until
        """Until then no index would be asked again."""
        self.is_steady = is_steady
        """Nothing in it comes from a local directory, or was chosen in one: these may change at any time."""
        self.decided_by: list[str] = []
        """Files that hold the choice; when one changes, so may the environment."""

    def places(self) -> list[str]:
        """Files and links that change when the environment, its interpreter or what it points to does."""
        shared, *_ = _told(self.environment) or [""]
        program = environment_program(self.environment)
        return [os.path.join(self.environment, _COMPLETE), program, f"{shared}/manifest"]


def layer(world: World, below: str | None = None, *, data: bytes | None = None, prompt: str = "with") -> Layer:
    """An environment with what the world's project needs on this machine, on top of the environment ``below``.

    ``data`` is a lock to install from; without one versions are chosen now, for this machine only. Raises every error
    of ``lock``, and InstallError.
    """
    here = world if data is not None else world.only_here()
    if data is None:
        locked = lock(here, is_dry=True)
        for warning in locked.warnings:
            world.events.warned(warning)
        data = locked.data
    interpreter = project_interpreter(here)
    items = select_items(here, data, interpreter, Choice())
    ready = Ready(here, items, Choice(), interpreter)
    wheels = ready.first()
    if not ready.is_complete:
        raise UsageError(
            f"{', '.join(sorted(ready.later_names))}: cannot be built inside a throwaway environment",
            hint="leave out --no-build-isolation, or add it to a project",
        )
    is_steady = not any(item.path is not None for item in items)
    root = light_environment(world, wheels, interpreter, below, prompt)
    return Layer(root, wheels, fresh_until=here.fresh_until, is_steady=is_steady)


def added(world: World, additions: Additions, below: str | None) -> Layer:
    """An environment with ``additions`` on top of the environment ``below``, which is the world's project's.

    Where to look, and how to choose, is what the project says. Raises UsageError for words that cannot be understood.
    """
    interpreter = project_interpreter(world, has_project=below is not None)
    settings = world.project_data_if_there() if below is not None else None
    there = world.with_project("command line", _project(world, additions, settings))
    there.python_request = interpreter.executable
    return layer(there, below)


def _project(world: World, additions: Additions, settings: bytes | None) -> bytes:
    """The additions as a project file; remembered, unless they are in files that others may name."""
    key = digest(
        provenv.__version__, additions.requirements, additions.editables, additions.here, world.directory, settings
    )
    known: bytes | None = None if additions.files else recall(world.cache, "additions", key)
    if known is None:
        from provenv.flows.given import given_project

        known = given_project(world, additions, settings)
        if not additions.files:
            remember(world.cache, "additions", key, known)
    return known


def light_environment(
    world: World, wheels: Sequence[Wanted], interpreter: Interpreter, below: str | None, prompt: str
) -> str:
    """The directory of an environment that sees exactly these wheels, and the packages of ``below`` after them."""
    sha256s = [item.sha256 for item in wheels]
    key = digest(
        provenv.__version__, sha256s, below or "", interpreter.base_executable, interpreter.version, prompt
    )  # fmt: skip
    root = os.path.join(world.cache, "layers", key)
    if not _is_complete(root):
        store = world.store()
        with store.guard("layer-" + key, world.events, "a throwaway environment"):
            if not _is_complete(root):
                _make(world, root, wheels, below, interpreter, prompt)
    return root


def _is_complete(root: str) -> bool:
    told = _told(root)
    # After another boot its few files may be lost; to make them anew takes as long as to look.
    return told is not None and told[1:] == [boot_id()] and os.path.exists(told[0] + "/manifest")


def _told(root: str) -> list[str] | None:
    """The shared tree of a layer, and the boot of the machine in which it was made."""
    try:
        with open(os.path.join(root, _COMPLETE), encoding="utf-8") as file:
            return file.read().split("\n")
    except (OSError, UnicodeDecodeError):
        return None


def shared_of(root: str) -> str | None:
    """The shared tree that a throwaway environment points into; None for any other directory."""
    told = _told(root)
    return None if told is None else told[0]


def _make(
    world: World, root: str, wheels: Sequence[Wanted], below: str | None, interpreter: Interpreter, prompt: str
) -> None:
    from provenv.env.paths import Paths
    from provenv.env.shared import find_shared, make_shared, point
    from provenv.flows.fetch import compiled, fetch_trees, mender

    store = world.store()
    with store.using():
        place = find_shared(store, [item.sha256 for item in wheels], interpreter)
        if place is None:
            trees = fetch_trees(world, store, wheels)
            bytecode = compiled(world, store, trees, interpreter)
            mend = mender(world, store, interpreter)
            place = make_shared(
                store, wheels, trees, bytecode, interpreter, world.events, link_mode=world.link_mode, mend=mend
            )
        sites = []
        if below is not None:
            paths = Paths.from_interpreter(below, interpreter)
            sites.append(paths.absolute(paths.purelib))
        store.register(root)
        point(root, interpreter, [place], sites=sites, prompt=prompt, version=provenv.__version__)
    with open(os.path.join(root, _COMPLETE), "w", encoding="utf-8") as file:
        file.write(f"{place.directory}\n{boot_id()}")
    store.settle()
