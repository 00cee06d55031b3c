"""One wheel that becomes a tree of the store: from a blob, or straight from a file of the user's."""

from __future__ import annotations

import os
import time

from provenv.events import Events
from provenv.model.plan import Wanted
from provenv.store.crew import FIRST, Crew
from provenv.store.failure import told_as_install_error
from provenv.store.store import Store
from provenv.store.tree import Tree
from provenv.store.unpacking import Unpacking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Arrival", "Copy"]

_SETTLED = 2.0
"""Seconds since a file's last change from which on any other change shows in its times."""


class Arrival:
    """The unpacking of ``item``; ``path`` is its local file, or None when the store has its blob.

    A local file is read in place, hashed beside: no copy of it is kept, as the user has it. ``look`` is given the
    directory of its files before anybody else can see them.
    """

    def __init__(
        self,
        store: Store,
        item: Wanted,
        path: str | None,
        events: Events,
        look: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.item = item
        self._store = store
        self._path = path
        self._events = events
        self._look = look
        self._guard = store.guard("tree-" + item.sha256, events, item.filename)
        self._is_guarded = False
        self._directory = ""
        self._tree: Tree | None = None
        self._unpacking: Unpacking | None = None
        self.is_done = False
        """Whether ``finish`` will not wait."""

    def take(self) -> bool:
        """Whether it is ours to unpack; another process may be at it."""
        self._is_guarded = self._guard.take(is_patient=False)
        return self._is_guarded

    @property
    def needs_copy(self) -> bool:
        """Whether the local file must be copied first, because others could change it unseen while it is read."""
        return self._path is not None and not _is_left_alone(self._path)

    def begin(self, crew: Crew, then: Callable[[], object]) -> None:
        """Have it unpacked; ``then`` is called by some thread when that is done."""
        item, store = self.item, self._store

        def done() -> None:
            self.is_done = True
            then()

        self._tree = store.tree(item.sha256)
        source = self._path or store.blob(item.sha256)
        if self._tree is not None or source is None:
            done()
            return
        final = store.place("trees", item.sha256)
        with told_as_install_error("write to the store", store.root):
            self._directory = store.temporary()
        self._unpacking = Unpacking(
            source,
            sha256=item.sha256,
            filename=item.filename,
            directory=self._directory,
            final=final,
            events=self._events,
            is_proven=self._path is None,
            is_lax=item.sha256 in store.lax,
        )

        def publish() -> None:
            self._look(self._directory + "/files")
            store.publish(self._directory, final)

        self._unpacking.begin(crew, done, publish)

    def finish(self) -> Tree:
        """The tree, published. Raises IntegrityError, InputError and InstallError."""
        if self._unpacking is not None:
            self._tree = self._unpacking.result()
        self._release()
        # Without one, the blob vanished in between: the store tells how.
        return self._tree or self._store.unpack(self.item.sha256, self.item.filename, self._events)

    def abandon(self) -> None:
        """Drop what was unpacked; the crew is not at it any more."""
        self._release()

    def _release(self) -> None:
        if self._unpacking is not None:
            self._unpacking.close()
        if self._directory:
            self._store.discard(self._directory)
            self._directory = ""
        if self._is_guarded:
            self._guard.release()
            self._is_guarded = False


class Copy:
    """A local file that is copied into the store before it is unpacked."""

    received = 0
    """Nothing comes over a line."""

    def __init__(
        self, store: Store, item: Wanted, path: str, events: Events, crew: Crew, then: Callable[[], object]
    ) -> None:
        self.item = item
        self.is_done = False
        self._failure: BaseException | None = None

        def work() -> None:
            try:
                store.adopt(path, item.sha256, events=events)
            except BaseException as failure:
                self._failure = failure
            self.is_done = True
            then()

        crew.add(FIRST, work)

    def finish(self) -> None:
        """Raises IntegrityError and InstallError."""
        if self._failure is not None:
            raise self._failure

    def abandon(self) -> None:
        """Nothing is left to drop."""


def _is_left_alone(path: str) -> bool:
    """Whether nobody but this user can write to the file, and nobody did just now.

    Then a change while it is read shows in its times. Who could write to it through a map of its memory would not
    show; so what others may write is copied to where they cannot.
    """
    if not hasattr(os, "geteuid"):
        return False
    status = os.stat(path)
    is_ours = status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022
    return is_ours and not -_SETTLED < time.time() - status.st_ctime < _SETTLED
