"""The facts of wheels that a proof rests on: as they were kept, as the lock carries them, else read from the wheel."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from provenv.archives.zip import read_archive
from provenv.binary.facts import FileFacts
from provenv.errors import IntegrityError, ProvenvError
from provenv.flows.prove_parts import Part, sha256_of_file
from provenv.flows.world import World
from provenv.model.plan import Wanted
from provenv.proof.carried import Carried
from provenv.proof.subject import Package
from provenv.stack.builds import build_of
from provenv.store.compiled import compiled_facts, facts_of_wheel, keep_facts, kept_facts
from provenv.store.inflate import Source, content
from provenv.store.store import Store
from provenv.wheel.record import digest_for_record, parse_record

__all__ = ["Facts", "is_for_linux"]

_OF_OTHER_SYSTEMS = ("-macosx_", "-win32", "-win_", ".macosx_", ".win_")


class Facts:
    """The facts of wheels, each read once. ``carried`` are those that a lock has: SHA-256 -> facts."""

    def __init__(
        self,
        world: World,
        store: Store,
        carried: Mapping[str, Carried],
        *,
        is_fetching: bool,
        owners: Mapping[str, str] | None = None,
    ) -> None:
        self._world = world
        self._store = store
        self._carried = carried
        self._is_fetching = is_fetching
        self._owners = owners or {}
        self._read: dict[str, tuple[FileFacts, ...]] = {}
        self._symbols: dict[str, Mapping[str, str]] = {}
        """Of wheels of which only the lock speaks."""
        self.reasons: dict[str, str] = {}
        """Wheels that were not read, and why."""

    def read(self, wanted: Iterable[Wanted], *, until: float | None = None) -> None:
        """Read what is not known yet; what the store lacks is downloaded, if that is allowed.

        Nothing is begun after ``until`` (of the monotonic clock). A wheel that cannot be had or read is told in
        ``reasons``.
        """
        items = {item.sha256: item for item in wanted if is_for_linux(item.filename)}
        missing = [item for item in items.values() if not self._is_known(item)]
        here = [item for item in missing if self._is_here(item)]
        absent = [item for item in missing if item not in here]
        if absent and self._is_fetching and not self._world.is_offline:
            self._fetch(absent)
            here += absent
        else:
            for item in absent:
                self.reasons[item.sha256] = "it is not on this computer, and nothing was downloaded"
        if here:
            self._world.events.started("prove", len(here))
            for item in here:
                if until is not None and time.monotonic() > until:
                    self.reasons.setdefault(item.sha256, "there was no time left to read it")
                    continue
                self._read_one(item)
                self._world.events.advanced("prove", 1, item.name)
            self._world.events.finished("prove")

    def recall(self, wanted: Iterable[Wanted]) -> None:
        """Only what was kept, and what the lock tells: no wheel is looked at."""
        for item in wanted:
            self._is_known(item)

    def of(self, sha256: str) -> tuple[FileFacts, ...] | None:
        """The facts of a wheel that was read, if it could be."""
        return self._read.get(sha256)

    def package(self, part: Part) -> Package:
        """What a check may look at."""
        item = part.wanted
        facts, paths = part.facts, part.paths
        if item is not None:
            facts = self._read.get(item.sha256) if is_for_linux(item.filename) else ()
            paths = self._paths(item)
        return Package(
            name=part.name,
            version=part.version or "0",
            filename="" if item is None else item.filename,
            sha256="" if item is None else item.sha256,
            facts=facts,
            paths=paths,
            requires=part.requires,
            symbols=None if item is None else self._symbols.get(item.sha256),
            build=build_of(part.version),
        )

    def size(self, part: Part) -> int | None:
        """Bytes of its wheel; where only what was unpacked is here, of that; None: nobody knows."""
        item = part.wanted
        if part.size is not None or item is None:
            return part.size
        if item.path is not None:
            return os.path.getsize(self._local(item)) if self._is_here(item) else None
        blob = self._store.blob(item.sha256)
        if blob is not None:
            return os.path.getsize(blob)
        tree = self._store.tree(item.sha256)
        return None if tree is None else sum(entry[1] for entry in tree.entries)

    def _is_known(self, item: Wanted) -> bool:
        if item.sha256 in self._read:
            return True
        found = kept_facts(self._store, item.sha256)
        if found is None and item.sha256 in self._carried and not self._is_here(item):
            found = self._carried[item.sha256].files
            self._symbols[item.sha256] = self._carried[item.sha256].symbols
        if found is not None:
            self._read[item.sha256] = found
        return found is not None

    def _is_here(self, item: Wanted) -> bool:
        if item.path is not None:
            return os.path.isfile(self._local(item))
        return self._store.tree(item.sha256) is not None or self._store.blob(item.sha256) is not None

    def _local(self, item: Wanted) -> str:
        return os.path.join(self._world.directory, item.path or "")

    def _fetch(self, items: Sequence[Wanted]) -> None:
        # Most commands that prove fetch nothing.
        from provenv.flows.download import fetch_blobs
        from provenv.flows.named_places import check_places

        remote = [item for item in items if item.path is None and item.url is not None]
        for item in items:
            if item not in remote:
                self.reasons[item.sha256] = "nothing tells where it can be had"
        try:
            check_places(self._world, remote)
            fetch_blobs(self._world, self._store, sorted(remote, key=lambda item: item.sha256))
        except ProvenvError:
            # One that cannot be had must not hide what the others are.
            for item in remote:
                try:
                    fetch_blobs(self._world, self._store, [item])
                except ProvenvError as problem:
                    self.reasons[item.sha256] = problem.message

    def _read_one(self, item: Wanted) -> None:
        try:
            if item.path is not None and self._store.tree(item.sha256) is None:
                found: tuple[FileFacts, ...] | None = self._of_file(item)
            else:
                found = compiled_facts(self._store, item.sha256, item.filename)
        except ProvenvError as problem:
            self.reasons[item.sha256] = problem.message
            return
        if found is None:
            self.reasons.setdefault(item.sha256, "it is not on this computer")
            return
        self._read[item.sha256] = found

    def _of_file(self, item: Wanted) -> tuple[FileFacts, ...]:
        path = self._local(item)
        actual = sha256_of_file(path)
        if actual != item.sha256:
            raise IntegrityError(item.filename, expected=f"sha256 {item.sha256}", actual=f"sha256 {actual}")
        found = facts_of_wheel(path, item.filename, workers=self._store.workers)
        keep_facts(self._store, item.sha256, found)
        return found

    def _paths(self, item: Wanted) -> Mapping[str, str] | None:
        """Where the files of a wheel go in site-packages, with their hashes; None when the wheel is not here."""
        tree = self._store.tree(item.sha256)
        if tree is not None:
            rows = [(path, sha256) for path, _, _, sha256 in tree.entries]
        else:
            place = self._local(item) if item.path is not None else self._store.blob(item.sha256)
            if place is None or not os.path.isfile(place):
                return None
            try:
                rows = _recorded(place, item.filename)
            except ProvenvError:
                return None
        found = {}
        for path, digest in rows:
            placed = _placed(path)
            if placed is not None and not self._is_left(placed, item.name):
                found[placed] = digest
        return found

    def _is_left(self, path: str, name: str) -> bool:
        """Whether the user gave a file of a package to another one."""
        winner = next((owner for pattern, owner in self._owners.items() if fnmatchcase(path, pattern)), name)
        return winner != name


def is_for_linux(filename: str) -> bool:
    """Whether a wheel may hold files that Linux loads, by the platforms of its name."""
    return not any(mark in filename for mark in _OF_OTHER_SYSTEMS)


def _recorded(path: str, filename: str) -> list[tuple[str, str]]:
    source = Source(path, filename)
    try:
        with source.map() as mapped, memoryview(mapped) as view:
            members = read_archive(view, filename)
        record = next((one for one in members if one.path.endswith(".dist-info/RECORD")), None)
        if record is None:
            return []
        rows = parse_record(bytes(content(source, record)).decode("utf-8", "replace"), f"{filename}: RECORD")
    finally:
        source.close()
    return [(name, digest_for_record(row.digest)) for name, row in rows.items() if row.digest is not None]


def _placed(path: str) -> str | None:
    """Where a file goes, below site-packages; None for one that goes elsewhere, or that every wheel has."""
    top, _, rest = path.partition("/")
    if top.endswith(".dist-info"):
        return None
    if top.endswith(".data"):
        kind, _, inner = rest.partition("/")
        return inner if kind in ("purelib", "platlib") else None
    return path
