"""Looks at every byte in the store, and makes whole what is rotten: from the wheel, or from where that came from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from provenv.errors import InstallError, ProvenvError
from provenv.flows.world import World
from provenv.store.durable import Known
from provenv.store.examination import KINDS, Thing, examine, things
from provenv.store.failure import told_as_install_error
from provenv.store.shelves import read_if_there
from provenv.store.store import Store
from provenv.store.suspects import set_right
from provenv.store.tree import Tree
from provenv.store.usage import origin

__all__ = ["Verdict", "Verified", "verify_store"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One object that was not as it was published.

    ``outcome`` is ``found`` (nothing was done), ``set right``, ``repaired``, ``removed`` (it is made anew when it is
    next needed) or ``quarantined`` (it could not be made whole, and ``why`` says it). ``faults`` are path and fault.
    """

    kind: str
    key: str
    name: str
    path: str
    faults: tuple[tuple[str, str], ...]
    outcome: str = "found"
    why: str = ""

    @property
    def is_healed(self) -> bool:
        """Whether nothing wrong can come from it any more, and nothing is missing."""
        return self.outcome in ("set right", "repaired", "removed")


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was looked at (objects by kind), and every object that was not right."""

    counts: Mapping[str, int]
    verdicts: tuple[Verdict, ...] = field(default=())

    @property
    def is_good(self) -> bool:
        """Whether all that is in the store now may be used."""
        return all(verdict.is_healed for verdict in self.verdicts)


def verify_store(world: World, *, is_repairing: bool = False) -> Verified:
    """Compare every object with its hash or manifest; with ``is_repairing`` heal what is not right.

    Raises InstallError when the store cannot be read, or not be written for a repair.
    """
    store = world.store()
    if not os.path.isdir(store.base):
        return Verified(counts={})
    with told_as_install_error("verify the store", store.root):
        begun_with = _begin(store, is_repairing=is_repairing)
        world.events.started("verify")
        with store.using():  # what a pruner takes away meanwhile would be told as missing
            found = things(store)
            faulty = examine(store, found, lambda amount, name: world.events.advanced("verify", amount, name))
        world.events.finished("verify")
        verdicts = [_verdict(thing) for thing in faulty]
        if not begun_with:
            verdicts.append(_record_verdict(store))
        if is_repairing and faulty:
            verdicts = [*_Repair(world, store).heal(faulty), *verdicts[len(faulty) :]]
        if is_repairing and not begun_with:
            store.tell_known(lambda known: Known(store.boot, 0))
            verdicts[-1] = _changed(verdicts[-1], "removed")
        result = Verified(counts=Counter(thing.kind for thing in found), verdicts=tuple(verdicts))
        if result.is_good and (not verdicts or is_repairing):
            _remember(store)
    return result


def _begin(store: Store, *, is_repairing: bool) -> bool:
    """Whether the record of what is on disk can be read; from now on everything that is published is of this boot."""
    is_readable = not os.path.exists(store.base + "/durable") or store.has_record
    if is_readable:
        try:
            store.enter_boot()
        except OSError:
            if is_repairing:
                raise
    return is_readable


def _record_verdict(store: Store) -> Verdict:
    return Verdict(
        kind="durable",
        key="durable",
        name="record of what is on disk",
        path=store.base + "/durable",
        faults=(("", "is damaged, so everything is checked when it is used"),),
    )


def _remember(store: Store) -> None:
    """All bytes were read and were right: what was suspect is so no longer."""
    try:
        if store.known.windows and store.known.boot == store.boot:
            store.tell_known(lambda known: Known(known.boot, known.since))
    except OSError:
        return


def _verdict(thing: Thing, outcome: str = "found", why: str = "") -> Verdict:
    return Verdict(
        kind=thing.kind,
        key=thing.key,
        name=thing.told or os.path.basename(thing.path),
        path=thing.path,
        faults=tuple((fault.path, fault.what) for fault in thing.faults),
        outcome=outcome,
        why=why,
    )


def _changed(verdict: Verdict, outcome: str) -> Verdict:
    from dataclasses import replace

    return replace(verdict, outcome=outcome)


class _Repair:
    """Heals objects, those first that others are made from."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store

    def heal(self, faulty: Sequence[Thing]) -> list[Verdict]:
        """One verdict for each; nothing stays where it may be used that is not right."""
        with self._store.alone(self._world.events):
            self._let_pass(faulty)
            # Looked at again, now that nobody takes anything out: another process may have healed it meanwhile.
            again = [Thing(thing.kind, thing.key, thing.path, thing.tag) for thing in faulty]
            examine(self._store, again)
            for thing in again:
                if thing.is_rotten:
                    self._store.quarantine(thing.path)
                elif thing.faults:
                    self._set_right(thing)
        ordered = sorted(zip(faulty, again, strict=True), key=lambda pair: KINDS.index(pair[0].kind))
        return [self._mend(before, now) for before, now in ordered]

    def _let_pass(self, faulty: Sequence[Thing]) -> None:
        """A sloppy wheel that some project let pass is repaired as such; it is given to nobody else by that."""
        for thing in faulty:
            data = read_if_there(thing.path + "/manifest") if thing.kind == "trees" else None
            tree = None if data is None else Tree.from_manifest(data, thing.path, thing.key)
            if tree is not None and tree.is_lax:
                self._store.lax.add(thing.key)

    def _set_right(self, thing: Thing) -> None:
        programs = {}
        if thing.kind == "trees" and (tree := self._store.tree(thing.key)) is not None:
            programs = {path: is_program for path, _, is_program, _ in tree.entries}
        elif thing.kind == "shared":
            from provenv.store.inventory import read_inventory

            programs = {row[0]: row[2] for row in read_inventory(thing.path, thing.key) or ()}
        for fault in thing.faults:
            if fault.path == "manifest":
                os.chmod(thing.path + "/manifest", 0o444)
            elif thing.kind in ("blobs", "built", "origins", "environments"):
                os.chmod(thing.path, 0o444)
            elif thing.kind == "shared":
                full = f"{thing.path}/{fault.path}"
                os.chmod(full, 0o755 if os.path.isdir(full) else 0o555 if programs.get(fault.path) else 0o444)
            else:
                files = thing.path + "/files"
                is_directory = os.path.isdir(f"{files}/{fault.path}")
                set_right(files, fault.path, None if is_directory else programs.get(fault.path, False))

    def _mend(self, before: Thing, now: Thing) -> Verdict:
        if not now.is_rotten:
            return _verdict(before, "set right" if now.faults else "repaired")
        if not now.key or now.kind not in ("blobs", "trees"):
            return _verdict(before, "removed")
        try:
            if now.kind == "blobs":
                self._fetch(now.key)
            else:
                self._unpack(now.key, now.told)
        except ProvenvError as problem:
            return _verdict(before, "quarantined", problem.message)
        return _verdict(before, "repaired")

    def _fetch(self, sha256: str) -> None:
        """Bring the file of that hash into the store again. Raises InstallError when nobody knows where it is."""
        if self._store.blob(sha256) is not None:
            return
        known = origin(self._store, sha256)
        if known is None:
            raise InstallError("it is not known where the file came from", hint="the next command that needs it asks")
        from provenv.index.local import path_of_url

        path = path_of_url(known.url)
        if path is not None:
            self._store.adopt(path, sha256, events=self._world.events)
            return
        from provenv.flows.network import catalog
        from provenv.model.artifact import Artifact

        artifact = Artifact(filename=known.filename, url=known.url, hashes=(("sha256", sha256),), size=known.size)
        doors = catalog(self._world, [])
        self._world.events.started("download", known.size)
        try:
            receiver = self._store.receive(
                sha256=sha256, size=known.size, subject=known.filename, events=self._world.events
            )
            with receiver:
                if not receiver.is_present:
                    doors.download(artifact, receiver.write, restart=receiver.restart).result()
        finally:
            doors.close()
        self._world.events.finished("download")

    def _unpack(self, sha256: str, told: str) -> None:
        self._fetch(sha256)
        # What some project let pass may be unpacked again; nobody else is given it.
        self._store.lax.add(sha256)
        filename = told if told.endswith(".whl") else self._filename(sha256)
        self._store.unpack(sha256, filename, self._world.events)

    def _filename(self, sha256: str) -> str:
        """The name of a wheel whose manifest is gone: as it was downloaded, or as the wheel itself tells it."""
        known = origin(self._store, sha256)
        if known is not None:
            return known.filename
        from provenv.store.naming import name_in_wheel

        name = name_in_wheel(self._store.place("blobs", sha256))
        if name is None:
            raise InstallError("the wheel does not tell what it is")
        return name
