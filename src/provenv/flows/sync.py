"""Brings an environment to what the lock says: exactly that, and nothing when nothing changed."""

from __future__ import annotations

import os

import provenv
from provenv.env import receipt as receipts
from provenv.env.apply import apply
from provenv.env.create import create
from provenv.env.drift import drifted
from provenv.env.paths import Paths
from provenv.env.scan import scan
from provenv.errors import InputError, InstallError, StaleLock
from provenv.flows import files
from provenv.flows.aim import aim
from provenv.flows.environment import environment_program
from provenv.flows.fetch import compiled, fetch_trees
from provenv.flows.interpreter import project_interpreter
from provenv.flows.lock import Locked, lock
from provenv.flows.memory import digest
from provenv.flows.ready import Ready
from provenv.flows.select import select_items
from provenv.model.plan import Installed, Plan
from provenv.pythons.inspect import inspect

__all__ = ["Synced", "plan_between", "sync"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from provenv.flows.choice import Choice
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Wanted
    from provenv.store.guard import Guard


class Synced:
    """What a sync did, or would do."""

    __slots__ = ("environment", "is_created", "locked", "plan")

    def __init__(self, environment: str, plan: Plan, locked: Locked | None, *, is_created: bool) -> None:
        self.environment = environment
        self.plan = plan
        self.locked = locked
        self.is_created = is_created
        """The environment was made, or made anew for another interpreter."""


def sync(
    world: World,
    choice: Choice,
    *,
    is_locked: bool = False,
    is_frozen: bool = False,
    is_dry: bool = False,
    is_inexact: bool = False,
    has_bytecode: bool = True,
    reinstalled: Collection[str] | None = (),
) -> Synced:
    """Lock if needed, then make the environment what the lock says for this machine.

    ``is_locked`` refuses to change the lock, ``is_frozen`` does not even look whether it is stale. ``is_dry`` only
    says what would change. ``is_inexact`` keeps what the lock does not name; ``reinstalled`` are packages
    that are placed anew though nothing is wrong with them (None: all). Raises every error of ``lock``,
    InstallError and IntegrityError; one that fails leaves an environment that the next one knows to be unfinished.
    """
    locked = None
    if is_frozen:
        data = files.read_if_there(world.lock_file)
        if data is None:
            raise StaleLock(f"{world.lock_file} is missing", hint="run `provenv lock`, or leave out --frozen")
        _pass_over_missing_sources(world)
    else:
        locked = lock(world, is_locked=is_locked, is_dry=is_dry)
        data = locked.data
    interpreter = _interpreter(world, is_frozen)
    ready = Ready(world, select_items(world, data, interpreter, choice), choice, interpreter)
    look = _Look(world, interpreter, is_inexact=is_inexact, reinstalled=reinstalled)
    plan, is_fresh = look.plan(ready.known() if is_dry else ready.first(), is_told=is_dry)
    root = world.environment_directory
    if not is_dry and (is_fresh or not plan.is_empty or not ready.is_complete or receipts.read(root) is None):
        with _alone(world):
            # Another sync may have been at work until now: then what was seen before is no longer so.
            plan, is_fresh = look.plan(ready.first(), kept=ready.later_names, is_told=True)
            _realise(world, plan, interpreter, data, is_fresh=is_fresh, has_bytecode=has_bytecode)
            if not ready.is_complete:
                # What is built inside the environment could not be built before the environment was there.
                rest, _ = look.plan(ready.all(), is_told=False)
                _realise(world, rest, interpreter, data, is_fresh=False, has_bytecode=has_bytecode)
                plan = plan.followed_by(rest)
    return Synced(root, plan, locked, is_created=is_fresh)


class _Look:
    """How one sync looks at the environment: each look sees what is there now."""

    def __init__(
        self, world: World, interpreter: Interpreter, *, is_inexact: bool, reinstalled: Collection[str] | None
    ) -> None:
        self._world = world
        self._interpreter = interpreter
        self._is_inexact = is_inexact
        self._reinstalled = reinstalled

    def plan(self, wanted: Sequence[Wanted], *, kept: Collection[str] = (), is_told: bool) -> tuple[Plan, bool]:
        """What must change, and whether the environment must be made first.

        ``kept`` are packages that stay as they are for now; ``is_told``: warn of what is damaged.
        """
        is_fresh = not _is_environment_of(self._world, self._interpreter)
        found = () if is_fresh else _found(self._world, self._interpreter, is_told=is_told)
        again = {item.name for item in wanted} if self._reinstalled is None else self._reinstalled
        found = tuple(
            Installed(name=item.name, version=item.version) if item.name in again else item
            for item in found
            if item.name not in kept
        )
        return plan_between(found, wanted, is_inexact=self._is_inexact), is_fresh


def _alone(world: World) -> Guard:
    """Held by the one process that changes the environment; it lies in the cache, so that nothing is left behind."""
    directory = os.path.join(world.cache, "guards")
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise InstallError(f"{directory}: cannot be made: {error.strerror}", hint="give another --cache-dir") from error
    from provenv.store.guard import Guard

    root = os.path.realpath(world.environment_directory)
    return Guard(os.path.join(directory, digest(root)), world.events, root)


def plan_between(found: Sequence[Installed], wanted: Sequence[Wanted], *, is_inexact: bool = False) -> Plan:
    """What must change so that ``found`` becomes ``wanted``."""
    here = {item.name: item for item in found}
    names = {item.name for item in wanted}
    keep = [item for item in wanted if (there := here.get(item.name)) and there.sha256 == item.sha256]
    install = [item for item in wanted if item not in keep]
    replaced = {item.name for item in install}
    remove = [item for item in found if item.name in replaced or (item.name not in names and not is_inexact)]
    return Plan(install=tuple(install), remove=tuple(sorted(remove, key=lambda item: item.name)), keep=tuple(keep))


def _found(world: World, interpreter: Interpreter, *, is_told: bool) -> tuple[Installed, ...]:
    """What is installed; a distribution with a missing or changed file counts as another tool's, and is replaced."""
    root = world.environment_directory
    found = scan(Paths.from_interpreter(root, interpreter))
    receipt = receipts.read(root)
    if receipt is None:
        return found
    damaged = drifted(root, receipt)
    for name, paths in damaged.items() if is_told else ():
        world.events.warned(f"{name} is restored: {paths[0]} was changed or is missing" + _more(len(paths) - 1))
    return tuple(Installed(name=item.name, version=item.version) if item.name in damaged else item for item in found)


def _more(count: int) -> str:
    return f", and {count} more" if count else ""


def _pass_over_missing_sources(world: World) -> None:
    """The lock says where everything is. Of the project only its settings count: an image is often begun with nothing
    but project file and lock (``sync --frozen --no-install-workspace``), before members and other directories come.
    """
    if not os.path.isfile(world.project_file):
        return
    try:
        aim(world)
    except InputError:
        if not world.uses_sources:
            raise
        world.uses_sources = False
        aim(world)


def _interpreter(world: World, is_frozen: bool) -> Interpreter:
    if not is_frozen and (program := aim(world)["interpreter"]) is not None:
        return inspect(program, os.path.join(world.cache, "memory", "interpreters"))
    return project_interpreter(world)


def _is_environment_of(world: World, interpreter: Interpreter) -> bool:
    """Whether the environment exists and was made from that interpreter."""
    root = world.environment_directory
    if not os.path.exists(os.path.join(root, "pyvenv.cfg")):
        return False
    try:
        program = os.path.realpath(environment_program(root), strict=True)
    except OSError:
        return False
    settings = _pyvenv(root)
    version = settings.get("version") or settings.get("version_info", "")
    is_same_version = version.split(".")[:2] == interpreter.version.split(".")[:2]
    return is_same_version and program == os.path.realpath(interpreter.base_executable)


def _pyvenv(root: str) -> Mapping[str, str]:
    with open(os.path.join(root, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
        pairs = [line.partition("=") for line in file]
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _link_mode(world: World) -> str:
    """How files are placed: as the flag says, else the project."""
    if world.link_mode == "auto" and os.path.exists(world.project_file):
        return aim(world)["link_mode"] or "auto"
    return world.link_mode


def _realise(
    world: World, plan: Plan, interpreter: Interpreter, data: bytes, *, is_fresh: bool, has_bytecode: bool
) -> None:
    root = world.environment_directory
    store = world.store()
    trees = fetch_trees(world, store, plan.install)
    bytecode = compiled(world, store, trees, interpreter) if has_bytecode else {}
    if is_fresh:
        create(root, interpreter, os.path.basename(world.directory), version=provenv.__version__)
    if plan.is_empty and not is_fresh and receipts.read(root) is not None:
        return
    world.events.started("link", len(plan.install))
    apply(root, plan, trees, bytecode, interpreter, world.events, link_mode=_link_mode(world), lock_digest=digest(data))
    world.events.finished("link")
