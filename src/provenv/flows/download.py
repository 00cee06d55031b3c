"""Downloads wheels side by side, and unpacks what has arrived."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from provenv.errors import InputError
from provenv.events import Events
from provenv.flows.network import Place, catalog
from provenv.flows.world import World
from provenv.index.catalog import Catalog
from provenv.index.local import path_of_url
from provenv.model.artifact import Artifact
from provenv.model.plan import Wanted
from provenv.store.store import Store
from provenv.store.tree import Tree

__all__ = ["fetch_missing"]

_SIDE_BY_SIDE = 8
"""Downloads at a time: enough to fill a line, few enough that each moves."""


def fetch_missing(world: World, store: Store, ordered: Sequence[Wanted]) -> Mapping[str, Tree]:
    """The trees of wheels that the store has not unpacked, by SHA-256; the order is that in which locks are taken."""
    trees: dict[str, Tree] = {}
    world.events.started("unpack", sum(item.size or 0 for item in ordered) or None)
    for item in ordered:
        local = _local(world, item)
        if store.blob(item.sha256) is not None or local is not None:
            if local is not None:
                _adopt(world, store, item, local)
            trees[item.sha256] = store.unpack(item.sha256, item.filename, world.events)
    for item in _downloaded(world, store, [item for item in ordered if item.sha256 not in trees]):
        trees[item.sha256] = store.unpack(item.sha256, item.filename, world.events)
    world.events.finished("unpack")
    return trees


def _local(world: World, item: Wanted) -> str | None:
    """The local file of a wanted wheel, when the lock names one."""
    if item.path is not None:
        return os.path.join(world.directory, item.path)
    return path_of_url(item.url) if item.url is not None else None


def _adopt(world: World, store: Store, item: Wanted, path: str) -> None:
    if store.blob(item.sha256) is None:
        if not os.path.isfile(path):
            raise InputError(
                f"{world.lock_file}: {item.name}", f"{path} is not there", hint="put it back, or lock again"
            )
        store.adopt(path, item.sha256, events=world.events)


def _downloaded(world: World, store: Store, remote: Sequence[Wanted]) -> Iterator[Wanted]:
    """Fetch files side by side; each is yielded when it is complete and in the store."""
    if not remote:
        return
    doors = catalog(world, _locations(world))
    world.events.started("download", sum(item.size or 0 for item in remote) or None)
    waiting = list(remote)
    running: list[_Download] = []
    try:
        while waiting or running:
            while waiting and len(running) < _SIDE_BY_SIDE:
                running.append(_Download(doors, store, waiting.pop(0), world.events))
            first = next((one for one in running if one.is_done), running[0])
            first.finish()
            running.remove(first)
            yield first.item
    finally:
        doors.close()
        for one in running:
            one.abandon()
    world.events.finished("download")


class _Download:
    """One file on its way into the store."""

    def __init__(self, doors: Catalog, store: Store, item: Wanted, events: Events) -> None:
        self.item = item
        self._receiver = store.receive(sha256=item.sha256, size=item.size, subject=item.filename, events=events)
        self._receiver.__enter__()
        self._chain = None
        if not self._receiver.is_present:
            self._chain = doors.download(_artifact(item), self._receiver.write, restart=self._receiver.restart)

    @property
    def is_done(self) -> bool:
        """Whether ``finish`` will not wait."""
        return self._chain is None or self._chain.is_done

    def finish(self) -> None:
        """Wait for the last byte, check the hash and publish. Raises Unavailable and IntegrityError."""
        try:
            if self._chain is not None:
                self._chain.result()
        except BaseException:
            self._receiver.__exit__(*sys.exc_info())
            raise
        self._receiver.__exit__(None, None, None)

    def abandon(self) -> None:
        """Drop what has arrived."""
        self._receiver.__exit__(KeyboardInterrupt, None, None)


def _locations(world: World) -> Sequence[Place]:
    from provenv.flows.aim import aim

    return aim(world)["locations"] if world.has_project else []


def _artifact(item: Wanted) -> Artifact:
    if item.url is None:
        raise InputError(item.name, "the lock names neither URL nor path of its file")
    return Artifact(filename=item.filename, url=item.url, hashes=(("sha256", item.sha256),), size=item.size)
