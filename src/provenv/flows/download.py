"""Brings wheels into the store: downloads side by side, and unpacks each as soon as it is there.

Nothing waits while something else can be done: a wheel that another process works on is put at the end, and only when
nothing else is left to do, and no lock is held, is that process waited for. So processes never wait for one another in
a circle.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol

from provenv.errors import InputError
from provenv.flows.arrival import Arrival, Copy
from provenv.flows.told_metadata import note_mistold
from provenv.flows.world import World
from provenv.index.local import path_of_url
from provenv.model.artifact import Artifact
from provenv.model.plan import Wanted
from provenv.store.crew import Crew
from provenv.store.store import Store
from provenv.store.tree import Tree

if TYPE_CHECKING:
    from provenv.flows.network import Place
    from provenv.index.catalog import Catalog
    from provenv.index.chain import Chain

__all__ = ["fetch_blobs", "fetch_missing"]

_SIDE_BY_SIDE = 8
"""Downloads at a time: enough to fill a line, few enough that each moves."""
_ON_A_FAST_LINE = 3
"""The same of large files, where a few fill it: in turn they give the unpackers something to do all the time."""
_LARGE = 16 << 20
_FAST, _JUDGED_AFTER = 200e6, 0.3
"""Bytes a second, and the seconds after which that is known."""
_UNPACKED_SIDE_BY_SIDE = 4
"""Wheels that are unpacked at a time: while one is being finished, there is work in the others."""
_LOOKED_AFTER = 0.2
"""Seconds until a wheel that another process works on is looked at again."""
_LONGEST_WAIT = 1.0
"""Seconds until this thread looks up, should a signal not have woken it."""


def fetch_missing(world: World, store: Store, wanted: Sequence[Wanted]) -> Mapping[str, Tree]:
    """The trees of wheels that the store has not unpacked, by SHA-256."""
    world.events.started("unpack", sum(item.size or 0 for item in wanted) or None)
    work = _Work(world, store, wanted)
    try:
        with Crew(store.workers) as crew:
            work.run(crew)
    finally:
        work.close()
    world.events.finished("unpack")
    return work.trees


def fetch_blobs(world: World, store: Store, wanted: Sequence[Wanted]) -> None:
    """Bring wheels into the store as they are, without unpacking them; those with a path on this computer stay there.

    Raises Unavailable, IntegrityError and InstallError; whatever was complete by then stays in the store.
    """
    work = _Work(world, store, wanted, is_unpacking=False)
    try:
        with Crew(store.workers) as crew:
            work.run(crew)
    finally:
        work.close()


class _OnItsWay(Protocol):
    """What brings one file into the store."""

    item: Wanted

    @property
    def received(self) -> int: ...

    @property
    def is_done(self) -> bool: ...

    def finish(self) -> None: ...

    def abandon(self) -> None: ...


class _Work:
    """All wheels of one command on their way, and who is to be looked at next."""

    def __init__(self, world: World, store: Store, wanted: Sequence[Wanted], *, is_unpacking: bool = True) -> None:
        self.trees: dict[str, Tree] = {}
        self._is_unpacking = is_unpacking
        self._world = world
        self._store = store
        # What takes longest begins first.
        self._new = deque(sorted(wanted, key=lambda item: (-(item.size or 0), item.sha256)))
        self._remote: deque[Wanted] = deque()
        self._here: deque[Wanted] = deque()
        self._busy: deque[Wanted] = deque()
        self._coming: list[_OnItsWay] = []
        self._unpacked: list[Arrival] = []
        self._doors: Catalog | None = None
        self._begun = 0.0
        """When the first download began, by the monotonic clock."""
        self._arrived = 0
        """Bytes of downloads that are complete."""
        self._news: SimpleQueue[None] = SimpleQueue()

    def run(self, crew: Crew) -> None:
        """Until all trees are there. Raises Unavailable, IntegrityError, InputError and InstallError."""
        while self._new or self._remote or self._here or self._busy or self._coming or self._unpacked:
            self._sort()
            self._start(crew)
            if self._coming or self._unpacked:
                self._await_news()
                self._collect()
            elif self._busy:
                self._wait_for(self._busy.popleft())
        if self._doors is not None:
            self._world.events.finished("download")

    def close(self) -> None:
        """Drop what is not complete; nothing that the crew still works on."""
        if self._doors is not None:
            self._doors.close()
        for one in self._coming:
            one.abandon()
        for arrival in self._unpacked:
            arrival.abandon()

    def _sort(self) -> None:
        """What is here, what must be downloaded; what was busy may be either by now, or done."""
        is_first = not self._remote and not self._doors
        while self._new:
            item = self._new.popleft()
            if _local(self._world, item) is not None or self._store.blob(item.sha256) is not None:
                if self._is_unpacking:
                    self._here.append(item)
            else:
                self._remote.append(item)
        if is_first and self._remote:
            from provenv.flows.network import catalog  # 13 ms that wheels of this computer do without

            self._doors = catalog(self._world, _locations(self._world))
            self._begun = time.monotonic()
            self._world.events.started("download", sum(item.size or 0 for item in self._remote) or None)

    def _start(self, crew: Crew) -> None:
        while self._here and len(self._unpacked) < max(_UNPACKED_SIDE_BY_SIDE, self._store.workers):
            self._unpack(self._here.popleft(), crew)
        # While unpacking is what takes the time, the smallest begin, so that it begins at once; while the line is, the
        # largest do, so that the last to arrive is soon unpacked.
        is_fast = self._is_line_fast()
        while self._remote and len(self._coming) < _SIDE_BY_SIDE:
            is_enough = is_fast and len(self._coming) >= _ON_A_FAST_LINE
            if is_enough and (self._remote[-1].size or 0) >= _LARGE:
                break
            self._download(self._remote.pop() if is_fast else self._remote.popleft())

    def _is_line_fast(self) -> bool:
        """So far; also as long as that is not known."""
        seconds = time.monotonic() - self._begun
        arrived = self._arrived + sum(one.received for one in self._coming)
        return seconds < _JUDGED_AFTER or arrived > _FAST * seconds

    def _unpack(self, item: Wanted, crew: Crew) -> None:
        path = _local(self._world, item)
        if path is not None and self._store.blob(item.sha256) is None:
            if not os.path.isfile(path):
                raise InputError(
                    f"{self._world.lock_file}: {item.name}", f"{path} is not there", hint="put it back, or lock again"
                )
        else:
            path = None
        look = partial(note_mistold, self._world.cache, item.sha256)
        arrival = Arrival(self._store, item, path, self._world.events, look)
        if not arrival.take():
            self._busy.append(item)
        elif arrival.needs_copy:
            arrival.abandon()
            self._coming.append(Copy(self._store, item, path or "", self._world.events, crew, self._tell))
        else:
            arrival.begin(crew, self._tell)
            self._unpacked.append(arrival)

    def _download(self, item: Wanted) -> None:
        assert self._doors is not None
        download = _Download(self._doors, self._store, item, self._world)
        if download.begin(self._tell):
            self._coming.append(download)
        else:
            self._busy.append(item)

    def _tell(self) -> None:
        self._news.put(None)

    def _await_news(self) -> None:
        """Until something is done, or it is time to look at what others work on."""
        try:
            is_new = self._remote and time.monotonic() - self._begun < _JUDGED_AFTER
            wait = _LOOKED_AFTER if self._busy else _JUDGED_AFTER if is_new else _LONGEST_WAIT
            self._news.get(timeout=wait)
            while True:
                self._news.get_nowait()
        except Empty:
            pass
        self._look_at_busy()

    def _look_at_busy(self) -> None:
        while self._busy:
            item = self._busy.popleft()
            tree = self._store.tree(item.sha256)
            if tree is None:
                self._new.append(item)
            else:
                self.trees[item.sha256] = tree

    def _collect(self) -> None:
        for one in [one for one in self._coming if one.is_done]:
            one.finish()
            self._arrived += one.received
            self._coming.remove(one)
            if self._is_unpacking:
                self._here.appendleft(one.item)
        for arrival in [arrival for arrival in self._unpacked if arrival.is_done]:
            self.trees[arrival.item.sha256] = arrival.finish()
            self._unpacked.remove(arrival)

    def _wait_for(self, item: Wanted) -> None:
        """Nothing else is left to do: wait for whoever works on this one, and see what came of it."""
        for key in ("blob-", "tree-"):
            with self._store.guard(key + item.sha256, self._world.events, item.filename):
                pass
        self._busy.append(item)
        self._look_at_busy()


def _local(world: World, item: Wanted) -> str | None:
    """The local file of a wanted wheel, when the lock names one."""
    if item.path is not None:
        return os.path.join(world.directory, item.path)
    return path_of_url(item.url) if item.url is not None else None


class _Download:
    """One file on its way into the store."""

    def __init__(self, doors: Catalog, store: Store, item: Wanted, world: World) -> None:
        self.item = item
        self._doors = doors
        self._receiver = store.receive(sha256=item.sha256, size=item.size, subject=item.filename, events=world.events)
        self._chain: Chain[None] | None = None

    def begin(self, then: Callable[[], object]) -> bool:
        """Whether it has begun: not when another process downloads the same. ``then`` is called at the end."""
        if not self._receiver.begin(is_patient=False):
            return False
        if self._receiver.is_present:
            then()
        else:
            self._chain = self._doors.download(
                _artifact(self.item), self._receiver.write, restart=self._receiver.restart
            )
            self._chain.tell(then)
        return True

    @property
    def received(self) -> int:
        """Bytes that have arrived."""
        return self._receiver.received

    @property
    def is_done(self) -> bool:
        """Whether ``finish`` will not wait."""
        return self._chain is None or self._chain.is_done

    def finish(self) -> None:
        """Check the hash and publish. Raises Unavailable and IntegrityError."""
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
