"""Which wheel of a lock an installed distribution came from, and where that wheel can be had."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from provenv.convert.foreign import Archive, ForeignLock, ForeignPackage
from provenv.errors import ProvenvError
from provenv.flows.aim import aim
from provenv.flows.network import door
from provenv.flows.world import World
from provenv.model.machine import Interpreter
from provenv.model.plan import Wanted
from provenv.model.target import Target
from provenv.store.store import Store

__all__ = ["Shelf"]

_NOBODY = b'[project]\nname = "verify"\nversion = "0"\n'


class Shelf:
    """Knows a lock, the store and the indexes; asks an index only for what the lock names by its hash alone."""

    def __init__(
        self,
        world: World,
        store: Store,
        lock: ForeignLock,
        interpreter: Interpreter | None,
        tags: Sequence[str] | None = None,
    ) -> None:
        self._world = world
        self._store = store
        self._lock = lock
        self._directory = os.path.dirname(os.path.abspath(lock.where))
        if tags is None:
            tags = () if interpreter is None else Target.from_interpreter(interpreter).tags()
        self._ranks = {tag: rank for rank, tag in enumerate(tags)}
        self.why = ""
        """Why the last package has no candidates."""

    def candidates(self, package: ForeignPackage, version: str, told: tuple[frozenset[Tag], str]) -> list[Wanted]:
        """The wheels of the lock that an installed distribution with those tags can have come from, best first.

        Some wheels were renamed after their WHEEL file was written: without one of those tags, the best ones for the
        interpreter are a guess, which the hash of WHEEL must confirm.
        """
        self.why = ""
        tags, build = told
        found, guesses = [], []
        for file in self._named_files(package):
            try:
                _, _, number, its_tags = parse_wheel_filename(file.filename)
            except InvalidWheelFilename:
                continue
            if file.sha256 is None:
                continue
            rank = min((self._ranks[str(tag)] for tag in its_tags if str(tag) in self._ranks), default=None)
            if rank is not None:
                guesses.append((rank, self._wanted(package, version, file, file.sha256)))
            if not its_tags >= tags or not tags:
                continue
            is_exact = its_tags == tags and "".join(map(str, number)) == build
            found.append((not is_exact, self._wanted(package, version, file, file.sha256)))
        if not found and not guesses:
            self.why = self.why or "the lock has no wheel for it: it was built from its source"
        return [item for _, item in sorted(found or guesses, key=lambda pair: pair[0])]

    def _named_files(self, package: ForeignPackage) -> Iterator[Archive]:
        """The wheels of a package; what the lock names by hash alone is looked up in the store, then on the index."""
        nameless = [file for file in package.files if not file.filename]
        yield from (file for file in package.files if file.is_wheel and (file.url or file.path))
        placeless = [file for file in package.files if file.is_wheel and not (file.url or file.path)]
        if not (nameless or placeless):
            return
        wanted = {file.sha256 for file in (*nameless, *placeless) if file.sha256}
        here = [tree for sha256 in sorted(wanted) if (tree := self._store.tree_to_compare(sha256)) is not None]
        for tree in here:
            yield Archive(filename=tree.filename, hashes=(("sha256", tree.sha256),))
        if here:
            return
        try:
            yield from self._offered(package.name, wanted)
        except ProvenvError as problem:
            self.why = problem.message

    def _offered(self, name: str, sha256s: set[str]) -> Iterator[Archive]:
        """Wheels of an index with one of those hashes."""
        world = self._world.with_project("verify", _NOBODY)
        world.indexes = (*self._world.indexes, *self._lock.indexes)
        page = door(world, aim(world)["locations"]).page(name)
        if page is None:
            self.why = "no index has it"
            return
        for number, filename in enumerate(page.filenames):
            if filename.endswith(".whl") and (artifact := page.artifact(number)).sha256 in sha256s:
                yield Archive(filename=filename, url=artifact.url, hashes=artifact.hashes, size=artifact.size)

    def _wanted(self, package: ForeignPackage, version: str, file: Archive, sha256: str) -> Wanted:
        path = file.path
        return Wanted(
            name=package.name,
            version=version,
            filename=file.filename,
            sha256=sha256,
            url=file.url,
            path=None if path is None else os.path.join(self._directory, path),
            size=file.size,
        )
