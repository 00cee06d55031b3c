"""Removes from the store what nobody needs, and tells how large it is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from stat import S_ISREG

from provenv.env import receipt as receipts
from provenv.flows.layer import shared_of
from provenv.flows.world import World
from provenv.store.examination import Thing, things
from provenv.store.failure import told_as_install_error
from provenv.store.guard import try_lock
from provenv.store.leftovers import collect, remove
from provenv.store.packed import unpack
from provenv.store.shelves import read_if_there
from provenv.store.store import Store
from provenv.store.tree import SHARED
from provenv.store.usage import environments, forget_environment

__all__ = ["Pruned", "Size", "clean_cache", "prune", "size_of_cache", "size_of_store"]

_DAY = 86_400
_HOUR = 3_600


@dataclass(frozen=True, kw_only=True)
class Size:
    """Objects and bytes; a file with several names is counted once."""

    count: int = 0
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What went, by kind, and how many bytes that gave back: files that environments hold stay on the disk."""

    removed: Mapping[str, int] = field(default_factory=dict)
    freed: int = 0


def size_of_store(world: World) -> dict[str, Size]:
    """Number and size of what is in the store, by kind; what two kinds share counts for the first one."""
    base = world.store().base
    seen: set[tuple[int, int]] = set()
    found = {}
    kinds = ("blobs", "trees", "bytecode", "shared", "built", "quarantine", "tmp")
    counts: dict[str, int] = dict.fromkeys(kinds, 0)
    for thing in things(world.store()):
        if thing.kind in counts:
            counts[thing.kind] += 1
    for kind in kinds:
        if kind in ("quarantine", "tmp"):
            counts[kind] = len(_listed(f"{base}/{kind}"))
        found[kind] = Size(count=counts[kind], size=_bytes_below(f"{base}/{kind}", seen))
    return found


def size_of_cache(world: World) -> int:
    """All bytes of the cache, the store among them."""
    return _bytes_below(world.cache, set())


def clean_cache(world: World) -> int:
    """Remove the whole cache; the bytes that were given back. Environments stay as they are, but for throwaway ones."""
    store = world.store()
    with told_as_install_error("clean the cache", world.cache):
        if not os.path.isdir(world.cache):
            return 0
        before = size_of_cache(world)
        with store.alone(world.events):
            for name in _listed(world.cache):
                remove(os.path.join(world.cache, name))
        return before - size_of_cache(world)


def prune(
    world: World,
    *,
    is_dry: bool = False,
    days: float = 30,
    is_everything: bool = False,
    has_blobs: bool = False,
) -> Pruned:
    """Remove leftovers, the quarantine, and objects that no known environment uses and nobody used for some ``days``.

    ``is_everything``: objects that are in use, too, but for the trees that throwaway environments point into; ordinary
    environments keep their files. ``has_blobs``: the wheels that are unpacked, though repairs are made from them.
    Nobody takes anything out of the store meanwhile. Raises InstallError.
    """
    store = world.store()
    if not os.path.isdir(store.base):
        return Pruned()
    alone = nullcontext() if is_dry else store.alone(world.events)
    with told_as_install_error("prune the store", store.root), alone:
        work = _Prune(store, is_dry=is_dry)
        work.leftovers()
        work.layers(os.path.join(world.cache, "layers"), days)
        work.objects(_Usage(store, is_dry=is_dry), days, is_everything=is_everything, has_blobs=has_blobs)
        work.finish()
    return Pruned(removed=work.removed, freed=work.freed)


class _Usage:
    """What known environments were made from. Those that are gone are forgotten."""

    def __init__(self, store: Store, *, is_dry: bool) -> None:
        self.wheels: set[str] = set()
        self.shared: set[str] = set()
        for root in environments(store):
            if not os.path.lexists(root):
                # On a disk that is not there now, an environment may come back with it.
                if os.path.isdir(os.path.dirname(root)) and not is_dry:
                    forget_environment(store, root)
                continue
            receipt = receipts.read(root)
            if receipt is not None:
                self.wheels |= {item.sha256 for item in receipt.items.values()}
            if (directory := shared_of(root)) is not None:
                self.shared.add(os.path.basename(directory))
        for key in self.shared:
            value = unpack(SHARED, read_if_there(store.place("shared", key) + "/manifest") or b"")
            self.wheels |= {sha256 for _, _, sha256 in value[4]} if value is not None else set()


class _Prune:
    """One pruning: things are moved out of sight first, each with one rename, and deleted at the end."""

    def __init__(self, store: Store, *, is_dry: bool) -> None:
        self.removed: dict[str, int] = {}
        self.freed = 0
        self._store = store
        self._is_dry = is_dry
        self._bin = "" if is_dry else store.temporary()
        self._links: dict[tuple[int, int], int] = {}

    def leftovers(self) -> None:
        """What processes left that are dead, and what was found rotten."""
        base = self._store.base
        for path in collect(base + "/tmp", is_dry=True):
            self._take("leftovers", path)
        now = time.time()
        for name in _listed(base):
            if name.startswith(("pending-", "durable.")) and now - _age_mark(f"{base}/{name}") > _HOUR:
                self._take("leftovers", f"{base}/{name}")
        for shelf in [*_shelves(base)]:
            for name in _listed(shelf):
                if name.startswith(".new-") and now - _age_mark(f"{shelf}/{name}") > _HOUR:
                    self._take("leftovers", f"{shelf}/{name}")
        for name in _listed(base + "/locks"):
            self._unlock(f"{base}/locks/{name}")
        for name in _listed(base + "/quarantine"):
            self._take("quarantine", f"{base}/quarantine/{name}")

    def layers(self, directory: str, days: float) -> None:
        """Throwaway environments that no Python was started from for so long: each start reads one of their files."""
        for name in _listed(directory):
            root = os.path.join(directory, name)
            try:
                status = os.stat(os.path.join(root, "pyvenv.cfg"))
                is_told = not os.statvfs(root).f_flag & os.ST_NOATIME
            except (OSError, AttributeError):
                continue
            used = max(status.st_atime, status.st_mtime, _age_mark(root))
            if is_told and time.time() - used > days * _DAY:
                self._take("environments", root)
                if not self._is_dry:
                    forget_environment(self._store, root)

    def objects(self, usage: _Usage, days: float, *, is_everything: bool, has_blobs: bool) -> None:
        """Whatever is neither in use nor was lately."""
        found = [thing for thing in things(self._store) if thing.key]
        oldest = time.time() - days * _DAY

        def is_kept(thing: Thing) -> bool:
            if thing.kind == "shared" and thing.key in usage.shared:
                return True
            if is_everything:
                return False
            return (thing.kind != "shared" and thing.key in usage.wheels) or _age_mark(thing.path) > oldest

        trees = {thing.key for thing in found if thing.kind == "trees" and is_kept(thing)}
        blobs = {
            thing.key
            for thing in found
            if thing.kind == "blobs" and (not has_blobs if thing.key in trees else is_kept(thing))
        }
        for thing in found:
            stays = {
                "blobs": thing.key in blobs,
                "trees": thing.key in trees,
                "bytecode": thing.key in trees,
                "shared": thing.kind == "shared" and is_kept(thing),
                "built": not is_everything and _made_of(thing) in trees | blobs,
                "origins": not is_everything and thing.key in trees | blobs,
                "environments": True,
            }
            if not stays[thing.kind]:
                self._take(thing.kind, thing.path)
        self._facts(set() if is_everything else trees | blobs, time.time() if is_everything else oldest)

    def _facts(self, kept: set[str], oldest: float) -> None:
        """What was read of compiled files, also of wheels that were never kept: no check of the store names it."""
        shelf = self._store.base + "/facts"
        for place in [f"{shelf}/{short}" for short in _listed(shelf)]:
            for key in _listed(place):
                path = f"{place}/{key}"
                if key not in kept and not key.startswith(".new-") and _age_mark(path) <= oldest:
                    self._take("facts", path)

    def finish(self) -> None:
        """Delete all that was taken."""
        if self._bin:
            remove(self._bin)
            self._store.discard(self._bin)

    def _take(self, kind: str, path: str) -> None:
        self._count(path)
        if not self._is_dry:
            try:
                os.rename(path, f"{self._bin}/{os.urandom(8).hex()}")
            except FileNotFoundError:
                return
            except OSError:
                # On another device, or of another member of the group.
                remove(path)
                if os.path.lexists(path):
                    raise
        self.removed[kind] = self.removed.get(kind, 0) + 1

    def _count(self, path: str) -> None:
        """A file gives its bytes back when the last of its names goes."""
        for status in _statuses(path):
            if status.st_nlink <= 1:
                self.freed += status.st_size
                continue
            inode = (status.st_dev, status.st_ino)
            self._links[inode] = self._links.get(inode, 0) + 1
            if self._links[inode] == status.st_nlink:
                self.freed += status.st_size

    def _unlock(self, path: str) -> None:
        """A lock that nobody holds is what a dead process left."""
        try:
            descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return
        try:
            if try_lock(descriptor):
                self._take("leftovers", path)
        finally:
            os.close(descriptor)


def _made_of(thing: Thing) -> str:
    """The wheel that a record of a build names."""
    if thing.kind != "built":
        return ""
    value = unpack(b"provenv built 2\n", read_if_there(thing.path) or b"")
    return str(value[2]) if value is not None else ""


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _shelves(base: str) -> Iterator[str]:
    """Every directory that objects are renamed into."""
    for kind in _listed(base):
        for name in (
            _listed(f"{base}/{kind}") if kind in ("blobs", "trees", "shared", "built", "origins", "facts") else ()
        ):
            yield f"{base}/{kind}/{name}"
    for tag in _listed(base + "/bytecode"):
        for name in _listed(f"{base}/bytecode/{tag}"):
            yield f"{base}/bytecode/{tag}/{name}"


def _age_mark(path: str) -> float:
    """When it was made or used last, in seconds."""
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return time.time()


def _statuses(path: str) -> Iterable[os.stat_result]:
    try:
        first = os.lstat(path)
    except OSError:
        return
    if S_ISREG(first.st_mode):
        yield first
    for place, directories, files in os.walk(path):
        for name in (*directories, *files):
            try:
                status = os.lstat(f"{place}/{name}")
            except OSError:
                continue
            if name in directories and not os.path.islink(f"{place}/{name}"):
                continue
            yield status


def _bytes_below(directory: str, seen: set[tuple[int, int]]) -> int:
    total = 0
    for status in _statuses(directory):
        inode = (status.st_dev, status.st_ino)
        if inode not in seen and S_ISREG(status.st_mode):
            seen.add(inode)
            total += status.st_size
    return total
