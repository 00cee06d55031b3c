"""Follows references, and those that they name in turn: the slow half of ``references``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from provenv.errors import InputError
from provenv.flows.aimed import Aim, AimedTarget, Reference
from provenv.flows.aimed_target import described
from provenv.flows.fingerprint import fingerprint
from provenv.flows.leads import Lead, Leads
from provenv.flows.lowering import lower
from provenv.flows.memory import digest
from provenv.flows.prepared import Commit, Prepared
from provenv.flows.repositories import repositories
from provenv.flows.tree_author import TreeAuthor, author_of
from provenv.flows.world import World
from provenv.git.repositories import is_full_commit
from provenv.index.local import path_of_url
from provenv.universe.rows import Needs, headers_of

__all__ = ["Preparing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A reference on its way: who asked for it, and the commit that it must be, if that is known."""

    reference: Reference
    where: str
    commit: str | None = None


class Preparing:
    """Finds the closure of one target."""

    def __init__(self, world: World, aimed: Aim, target: AimedTarget, pinned: Mapping[str, Commit]) -> None:
        self._world = world
        self._aimed = aimed
        self._target = target
        self._pinned = pinned
        self._needs = Needs(target["environment"])
        self._leads = Leads(world, aimed, target)
        self._asked: dict[str, _Asked] = {}
        self._found: dict[str, Lead] = {}
        self._authors: dict[str, TreeAuthor] = {}
        self._extras: dict[str, set[str]] = {}
        self._done: set[tuple[str, str]] = set()
        self._unbounded: dict[str, set[str]] = {}
        self._own = {os.path.realpath(path) for path in (world.directory, *aimed["members"].values())}
        self.watched: set[str] = set()
        """Directories whose project files decided something, and archives of this computer."""
        self.is_steady = True
        """Nothing was asked that may be answered otherwise tomorrow."""

    def closure(self) -> dict[str, Prepared]:
        """Package -> what its reference leads to."""
        places: dict[str, str] = {}
        for row, place, _ in self._target["rows"]:
            places.setdefault(row[1], place)
            self._extras.setdefault(row[1], set()).update(row[2])
        for name, reference in self._target["references"].items():
            where = f"{self._world.project_file}: {places.get(name, name)}"
            self._asked[name] = _Asked(reference=reference, where=where)
        while waiting := [name for name in self._asked if name not in self._found]:
            self._ask_servers(waiting)
            for name in waiting:
                self._found[name] = self._followed(name)
            while self._take_needs():
                pass
        return {name: self._without_bounds(name, lead.prepared) for name, lead in self._found.items()}

    # -- one reference ------------------------------------------------------------------------------------

    def _followed(self, name: str) -> Lead:
        asked = self._asked[name]
        reference = asked.reference
        commit = None
        if reference["kind"] == "git":
            commit = self._known_commit(name) or self._commit(reference["url"], reference["rev"])
        elif reference["kind"] == "archive":
            if (path := path_of_url(reference["url"])) is not None:
                self.watched.add(path)
            elif reference["sha256"] is None:
                self.is_steady = False
        # A wheel may fit one target and not another; everything else is the same for all of them.
        is_wheel = reference["kind"] == "archive" and reference["url"].endswith(".whl")
        stamp = None
        if reference["kind"] == "directory":
            stamp = fingerprint(self._world.cache, reference["url"], self._world.variables)
        key = digest("lead", name, reference, commit, self._target["tags"] if is_wheel else (), stamp)
        if key not in self._world.prepared:
            self._world.prepared[key] = self._leads.follow(name, reference, asked.where, commit)
        lead: Lead = self._world.prepared[key]
        if reference["kind"] == "directory" and lead.project is not None:
            self.watched.add(lead.project)
        return lead

    def _known_commit(self, name: str) -> str | None:
        """The commit of a reference, if no server needs to be asked."""
        asked = self._asked[name]
        url, rev = asked.reference["url"], asked.reference["rev"]
        if asked.commit is not None:
            return asked.commit
        if rev is not None and is_full_commit(rev):
            return rev.lower()
        pinned = self._pinned.get(name)
        return pinned[2] if pinned is not None and pinned[:2] == (url, rev) else None

    def _commit(self, url: str, rev: str | None) -> str:
        self.is_steady = False
        key = digest("commit", url, rev)
        if key not in self._world.prepared:
            self._world.prepared[key] = repositories(self._world).commit(url, rev)
        return str(self._world.prepared[key])

    def _ask_servers(self, names: Sequence[str]) -> None:
        """Ask side by side which commits the branches of several repositories are."""
        found = [
            (self._asked[name].reference["url"], self._asked[name].reference["rev"])
            for name in names
            if self._asked[name].reference["kind"] == "git" and self._known_commit(name) is None
        ]
        pairs = list(dict.fromkeys(found))
        if len(pairs) > 1:
            repositories(self._world)
            with ThreadPoolExecutor(4) as pool:
                for future in [pool.submit(self._commit, *pair) for pair in pairs]:
                    future.result()

    # -- what it names in turn ----------------------------------------------------------------------------

    def _take_needs(self) -> bool:
        """Note what the packages found so far need by reference; whether anything was new."""
        is_new = False
        for name in list(self._found):
            for extra in ("", *sorted(self._extras.get(name, ()))):
                if (name, extra) not in self._done:
                    self._done.add((name, extra))
                    self._take(name, extra)
                    is_new = True
        return is_new

    def _take(self, name: str, extra: str) -> None:
        lead = self._found[name]
        for requirement in self._requirements(lead.prepared, extra):
            other = str(canonicalize_name(requirement.name))
            self._extras.setdefault(other, set()).update(map(canonicalize_name, requirement.extras))
            if other == name or other in self._target["excludes"] or other in self._target["overrides"]:
                continue
            is_in_aim = self._is_own(lead) and (other in self._asked or requirement.url is None)
            if is_in_aim and (other not in self._asked or not requirement.specifier):
                # What the project and its members say of sources is in the aim.
                continue
            asked = self._lowered(name, lead, requirement, extra)
            if asked is None:
                continue
            if requirement.specifier:
                self._unbounded.setdefault(name, set()).add(str(requirement))
            if not is_in_aim:
                self._ask(other, asked)

    def _without_bounds(self, name: str, prepared: Prepared) -> Prepared:
        """As in uv, whoever says where a package comes from does not ask for a version of it: ``sources`` decide."""
        if name not in self._unbounded:
            return prepared
        header, blank, description = prepared.metadata.partition(b"\n\n")
        lines = [self._without_bound(name, line) for line in header.split(b"\n")]
        table = dict(prepared.table)
        return Prepared(
            name, prepared.version, b"\n".join(lines) + blank + description, table, prepared.is_virtual, prepared.files
        )

    def _without_bound(self, name: str, line: bytes) -> bytes:
        key, _, text = line.decode("utf-8", "replace").partition(":")
        if key.lower() != "requires-dist":
            return line
        try:
            requirement = Requirement(text.strip())
        except InvalidRequirement:
            return line
        if str(requirement) not in self._unbounded[name]:
            return line
        requirement.specifier = SpecifierSet()
        return f"Requires-Dist: {requirement}".encode()

    def _requirements(self, prepared: Prepared, extra: str) -> Iterator[Requirement]:
        """What METADATA needs on the target: without extras, or what an extra adds."""
        for text in headers_of(prepared.metadata).get("requires-dist", []):
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                # The solver tells of it, if the package is chosen.
                continue
            marker = requirement.marker
            is_plain = marker is None or self._needs.holds(marker)
            if is_plain if not extra else (not is_plain and marker is not None and self._needs.holds(marker, extra)):
                yield requirement

    def _is_own(self, lead: Lead) -> bool:
        return lead.top is None and lead.project is not None and os.path.realpath(lead.project) in self._own

    def _lowered(self, name: str, lead: Lead, requirement: Requirement, extra: str) -> _Asked | None:
        author = self._author(name, lead)
        where = f"{author.file}: {requirement.name}"
        found = lower(
            author.rules,
            requirement,
            holds=self._needs.holds,
            section=f"extra:{extra}" if extra else "",
            directory=author.directory,
            workspace=author.workspace,
            where=where,
        )
        if found is None:
            return None
        if isinstance(found, str):
            self._warn_of_index(str(canonicalize_name(requirement.name)), found, where)
            return None
        if lead.top is None:
            return _Asked(reference=found, where=where)
        return self._in_repository(name, lead.top, found, where)

    def _warn_of_index(self, name: str, index: str, where: str) -> None:
        """Which index a package comes from is the project's to say; told once, whatever the number of targets."""
        key = digest("warned", where, index)
        if name not in self._target["pinned"] and key not in self._world.prepared:
            self._world.prepared[key] = True
            self._world.events.warned(
                f"{where}: the index `{index}` is not looked into for {name}: "
                "say so in the `sources` of the project, and declare the index there"
            )

    def _in_repository(self, name: str, top: str, found: Reference, where: str) -> _Asked:
        """A place beside a project in its repository is that place in the repository, at the same commit."""
        path = found["url"] if found["kind"] == "directory" else path_of_url(found["url"])
        if found["kind"] == "git" or path is None:
            return _Asked(reference=found, where=where)
        inner = os.path.relpath(os.path.realpath(path), os.path.realpath(top)).replace(os.sep, "/")
        if found["kind"] != "directory" or inner.startswith("../"):
            raise InputError(where, f"{path} is not a project within its repository", hint="name it by a URL there")
        outer = self._asked[name].reference
        reference = outer.copy()
        reference["subdirectory"] = None if inner == "." else inner
        commit = str(self._found[name].prepared.table["vcs"]["commit-id"])
        return _Asked(reference=reference, where=where, commit=commit)

    def _author(self, name: str, lead: Lead) -> TreeAuthor:
        if name not in self._authors:
            author = author_of(name, lead.project, lead.top, uses_sources=self._world.uses_sources)
            self._authors[name] = author
            if lead.top is None:
                self.watched.update(author.watched)
        return self._authors[name]

    def _ask(self, name: str, asked: _Asked) -> None:
        known = self._asked.get(name)
        if known is None:
            self._asked[name] = asked
        elif not self._is_same(name, known, asked):
            raise InputError(
                asked.where,
                f"two sources for {name}: {described(asked.reference)} here, "
                f"{described(known.reference)} at {known.where}",
                hint=f"say in `override-dependencies` of the project which {name} is meant",
            )

    def _is_same(self, name: str, one: _Asked, other: _Asked) -> bool:
        here, there = one.reference, other.reference
        if any(here[key] != there[key] for key in ("kind", "url", "subdirectory")):
            return False
        if here["kind"] != "git":
            return None in (here["sha256"], there["sha256"]) or here["sha256"] == there["sha256"]
        if other.commit is not None and name in self._found:
            return other.commit == str(self._found[name].prepared.table["vcs"]["commit-id"])
        return here["rev"] == there["rev"]
