"""Wheels of what the lock has only as a source: found by what they were made from, else built. On the warm path.

An archive is known by its hash, a repository by its commit, a directory by its fingerprint. ``making`` is the slow
half.
"""

from __future__ import annotations

import provenv
from provenv.flows.built_places import places_of
from provenv.flows.fingerprint import fingerprint
from provenv.flows.memory import digest, recall, remember
from provenv.model.plan import Unbuilt, Wanted

__all__ = ["built", "known_wheel", "needs_environment"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provenv.flows.aimed import Policy
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter

_FORMAT = 1
"""Of what is remembered."""


def needs_environment(item: Unbuilt, policy: Policy) -> bool:
    """Whether it is built in the project's own environment, which must then hold what its build needs."""
    return policy["no_build_isolation"] or item.name in policy["no_build_isolation_packages"]


def known_wheel(
    world: World, item: Unbuilt, interpreter: Interpreter, policy: Policy, *, runtime: Mapping[str, str]
) -> Wanted | None:
    """The wheel of one item, if it was built before and is still in the store. Nothing is built or fetched."""
    return _Lookup(world, interpreter, policy, runtime).find(item)[1]


def built(
    world: World, items: Sequence[Unbuilt], interpreter: Interpreter, policy: Policy, *, runtime: Mapping[str, str]
) -> list[Wanted]:
    """Each item as a wheel in the store, in the same order.

    ``runtime`` are the versions of all packages that the lock has for this machine. What is missing is fetched and
    built, several packages side by side; those that need the project's environment come last. Raises BuildError,
    Unavailable and IntegrityError; what was built by then stays in the store.
    """
    lookup = _Lookup(world, interpreter, policy, runtime)
    found = {item: lookup.find(item) for item in items}
    missing = [item for item, (_, wheel) in found.items() if wheel is None]
    if missing:
        from provenv.flows.making import make

        later = [needs_environment(item, policy) for item in missing]
        fresh = make(world, missing, interpreter, runtime, alone=later)
        for item, wheel in zip(missing, fresh, strict=True):
            lookup.keep(found[item][0], wheel)
            found[item] = found[item][0], wheel
    return [wheel for _, wheel in found.values() if wheel is not None]


class _Lookup:
    """Finds what was built before."""

    def __init__(self, world: World, interpreter: Interpreter, policy: Policy, runtime: Mapping[str, str]) -> None:
        self._world = world
        self._policy = policy
        self._runtime = runtime
        self._store = world.store()
        self._machine = (
            interpreter.implementation,
            interpreter.cache_tag,
            interpreter.soabi_flags,
            interpreter.platform,
            interpreter.libc,
            interpreter.macos,
        )

    def find(self, item: Unbuilt) -> tuple[str, Wanted | None]:
        """The key of an item, and its wheel if there is one."""
        key = self._key(item)
        if self._world.refresh and key not in self._world.prepared:
            return key, None
        known = recall(self._world.cache, "built", key)
        if known is None or not self._is_there(known["sha256"]):
            return key, None
        return key, Wanted(**known, name=item.name, is_requested=item.is_requested, is_lax=item.is_lax)

    def keep(self, key: str, wheel: Wanted) -> None:
        """Remember a wheel, so that the next command finds it without looking at anything else."""
        names = ("version", "filename", "sha256", "size", "direct_url")
        remember(self._world.cache, "built", key, {name: getattr(wheel, name) for name in names})
        self._world.prepared[key] = True

    def _is_there(self, sha256: str) -> bool:
        return self._store.tree(sha256) is not None or self._store.blob(sha256) is not None

    def _key(self, item: Unbuilt) -> str:
        policy = self._policy
        depends = needs_environment(item, policy) or any(
            must_match for _, must_match in policy["extra_build"].get(item.name, ())
        )
        identity: tuple[object, ...] = (item.sha256, item.commit, item.subdirectory, item.url)
        if item.kind == "directory":
            _, directory = places_of(self._world, item)
            stamp = fingerprint(self._world.cache, directory, self._world.variables, has_all_files=not item.is_editable)
            identity = (directory, stamp, item.is_editable)
        return digest(
            _FORMAT,
            provenv.__version__,
            item.name,
            item.kind,
            item.revision,
            identity,
            self._machine,
            sorted(self._runtime.items()) if depends else (),
            policy["config_settings"],
            policy["config_settings_package"].get(item.name),
            policy["extra_build"].get(item.name),
            policy["build_constraints"],
            needs_environment(item, policy),
        )
