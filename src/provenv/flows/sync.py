"""Brings an environment to what the lock says: exactly that, and nothing when nothing changed."""

from __future__ import annotations

import os

import provenv
from provenv.env.apply import apply
from provenv.env.collision import LosesFiles
from provenv.env.create import create
from provenv.errors import InputError, StaleLock
from provenv.flows import files
from provenv.flows.aim import aim
from provenv.flows.environment import alone
from provenv.flows.fetch import compiled, fetch_trees, mender
from provenv.flows.here import machine_stamp, mark_environment, name_of, target_here
from provenv.flows.interpreter import project_interpreter
from provenv.flows.lock import Locked, lock
from provenv.flows.look import Look, file_owners
from provenv.flows.memory import digest, recall, remember
from provenv.flows.ready import Ready
from provenv.flows.select import select_items
from provenv.pythons.inspect import inspect
from provenv.store.boot import boot_id

__all__ = ["Synced", "sync"]

_ACCELERATED = ("cuda-", "cupy", "jax", "nvidia-", "tensorflow", "torch", "triton", "vllm", "xformers")
"""How names of packages begin whose presence says that a lock is about accelerators."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from provenv.flows.choice import Choice
    from provenv.flows.here import Chosen
    from provenv.flows.look import Seen
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Plan, Wanted


class Synced:
    """What a sync did, or would do."""

    __slots__ = ("environment", "is_created", "is_restored", "locked", "plan", "target")

    def __init__(
        self,
        environment: str,
        plan: Plan,
        locked: Locked | None,
        *,
        is_created: bool,
        is_restored: bool = False,
        target: Chosen | None = None,
    ) -> None:
        self.environment = environment
        self.plan = plan
        self.locked = locked
        self.is_created = is_created
        """The environment was made, or made anew for another interpreter."""
        self.is_restored = is_restored
        """What makes it an environment was damaged: settings, programs, activation."""
        self.target = target
        """The target that was installed, where the lock has several for this platform."""


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
    keeps_target: bool = False,
    is_proving: bool = True,
) -> Synced:
    """Lock if needed, then make the environment what the lock says for this machine.

    ``is_locked`` refuses to change the lock, ``is_frozen`` does not even look whether it is stale. ``is_dry`` only
    says what would change. ``is_inexact`` keeps what the lock does not name; ``reinstalled`` are packages
    that are placed anew though nothing is wrong with them (None: all). With ``keeps_target`` an environment stays what
    it is where the lock has several targets for this platform: nothing swaps another build in by the way. With
    ``is_proving`` nothing is installed that is known to fail on this machine. Raises every error of ``lock``,
    InstallError and IntegrityError; one that fails leaves an environment that the next one knows to be unfinished.
    """
    locked = None
    if is_frozen:
        data = files.read_if_there(world.lock_file)
        if data is None:
            raise StaleLock(f"{world.lock_file} is missing", hint="run `provenv lock`, or leave out --frozen")
        _pass_over_missing_sources(world)
    else:
        locked = lock(world, is_locked=is_locked, is_dry=is_dry, proving="known" if is_proving else "none")
        data = locked.data
    interpreter = _interpreter(world, is_frozen)
    target = target_here(world, data, interpreter, is_kept=keeps_target)
    ready = Ready(world, select_items(world, data, interpreter, choice, name_of(target)), choice, interpreter)
    look = Look(world, interpreter, is_inexact=is_inexact, reinstalled=reinstalled)
    seen = look.plan(ready.known() if is_dry else ready.first(), is_told=is_dry)
    root, plan = world.environment_directory, seen.plan
    if not is_dry and not (seen.is_idle and ready.is_complete):
        if is_proving and plan.install:
            _refuse_what_fails(world, data, ready.first(), interpreter)
        with alone(world, root):
            # Another sync may have been at work until now: then what was seen before is no longer so.
            seen = look.plan(ready.first(), kept=ready.later_names, is_told=True)
            try:
                plan = _realise(world, seen, interpreter, data, has_bytecode=has_bytecode)
            except LosesFiles as problem:
                look.losers |= problem.names
                seen = look.plan(ready.first(), kept=ready.later_names, is_told=True)
                plan = _realise(world, seen, interpreter, data, has_bytecode=has_bytecode)
            if not ready.is_complete:
                # What is built inside the environment could not be built before the environment was there.
                rest = look.plan(ready.all(), is_told=False)
                plan = plan.followed_by(_realise(world, rest, interpreter, data, has_bytecode=has_bytecode))
    if target is not None and not is_dry:
        mark_environment(world, target)
    return Synced(root, plan, locked, is_created=seen.is_fresh, is_restored=not seen.is_whole, target=target)


def _refuse_what_fails(world: World, data: bytes, wanted: Sequence[Wanted], interpreter: Interpreter) -> None:
    """Raise InstallError for what is known not to run here. Only accelerators are worth a look at the machine."""
    if not any(item.name.startswith(_ACCELERATED) for item in wanted):
        return
    key = digest(provenv.__version__, data, [item.sha256 for item in wanted], boot_id(), machine_stamp(world))
    if recall(world.cache, "runs-here", key) is None:
        from provenv.flows.prove_sync import refuse_what_fails

        refuse_what_fails(world, data, wanted, interpreter)
        remember(world.cache, "runs-here", key, True)


def _pass_over_missing_sources(world: World) -> None:
    """The lock says where everything is. Of the project only its settings count: an image is often begun with nothing
    but project file and lock (``sync --frozen --no-install-workspace``), before members and other directories come.
    """
    if not os.path.isfile(world.project_file):
        return
    try:
        aim(world)
    except InputError:
        if not (world.uses_sources or world.needs_files):
            raise
        world.uses_sources, world.needs_files = False, False
        aim(world)


def _interpreter(world: World, is_frozen: bool) -> Interpreter:
    if not is_frozen and (program := aim(world)["interpreter"]) is not None:
        return inspect(program, os.path.join(world.cache, "memory", "interpreters"))
    return project_interpreter(world)


def _link_mode(world: World) -> str:
    """How files are placed: as the flag says, else the project."""
    if world.link_mode == "auto" and os.path.exists(world.project_file):
        return aim(world)["link_mode"] or "auto"
    return world.link_mode


def _realise(world: World, seen: Seen, interpreter: Interpreter, data: bytes, *, has_bytecode: bool) -> Plan:
    """Do what a look found to be done; what was done."""
    root, plan, store = world.environment_directory, seen.plan, world.store()
    if seen.is_idle:
        return plan
    with store.using():
        trees = fetch_trees(world, store, plan.install)
        bytecode = compiled(world, store, trees, interpreter) if has_bytecode else {}
        if seen.is_fresh or not seen.is_whole:
            create(
                root,
                interpreter,
                os.path.basename(world.directory),
                version=provenv.__version__,
                is_cleared=seen.is_fresh,
                is_marked=seen.is_fresh,
            )
        world.events.started("link", len(plan.install))
        store.register(root)
        apply(
            root,
            plan,
            trees,
            bytecode,
            interpreter,
            world.events,
            link_mode=_link_mode(world),
            lock_digest=digest(data),
            boot=boot_id(),
            owners=file_owners(world),
            mend=mender(world, store, interpreter, has_bytecode=has_bytecode),
        )
    store.settle(root)
    world.events.finished("link")
    return plan
