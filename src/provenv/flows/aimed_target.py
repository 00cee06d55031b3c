"""Aims the requirements of a project at one target: markers evaluated, sources lowered."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from packaging.requirements import Requirement

from provenv.errors import InputError
from provenv.flows.aimed import AimedMachine, AimedTarget, Reference
from provenv.flows.authors import Author
from provenv.flows.lowering import directory_reference, lower, without_secret
from provenv.flows.memory import digest
from provenv.index.local import path_of_url
from provenv.model.project import Line
from provenv.model.target import Target
from provenv.pythons.find import fits
from provenv.universe.rows import Needs, rows_of_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["Aiming", "described", "text_of", "texts_of"]


class Aiming:
    """What all targets of a project have in common."""

    def __init__(
        self,
        root: Author,
        members: Sequence[Author],
        *,
        conflicts: Sequence[Sequence[str]],
        index_names: Sequence[str],
        machines: Mapping[str, tuple[AimedMachine | None, Mapping[str, list[str]]]],
    ) -> None:
        self.root = root
        self.machines = machines
        """Target -> its machine, and the indexes that are asked for some packages because of it."""
        self.members = members
        self.conflicts = [frozenset(one) for one in conflicts]
        self.index_names = frozenset(index_names)
        self.workspace = {str(author.project.name): author.directory for author in (root, *members)}

    def at(self, target: Target, *, is_declared: bool) -> AimedTarget:
        """One target, ready for the solver. Raises InputError."""
        return _Aimed(self, target).read(target, is_declared=is_declared)


class _Aimed:
    def __init__(self, aiming: Aiming, target: Target) -> None:
        self.aiming = aiming
        self.environment = target.environment()
        self.needs = Needs(self.environment)
        self.rows: list[tuple[Row, str, str]] = []
        self.sources = _Sources(aiming.conflicts)

    def read(self, target: Target, *, is_declared: bool) -> AimedTarget:
        root = self.aiming.root
        self._root(root)
        for member in self.aiming.members:
            self._member(member)
        constraints = [(row, place) for row, place in self._bounds(root, root.project.constraints)]
        replaced: dict[str, list[Row]] = {}
        for line in root.project.overrides:
            name = rows_of_requirement(line.requirement, "")[1]
            rows = replaced.setdefault(name, [])
            if (row := self._row(root, line, "", is_override=True)) is not None:
                rows.append(row)
        references, pinned, forked = self.sources.settled()
        for author in self.aiming.members:
            # A member that nothing names stands for itself; one without a build system is then only what it needs.
            name = str(author.project.name)
            if name not in references:
                references[name] = directory_reference(
                    author.directory, where=author.file, is_editable=True, is_needed=False
                )
        if (own := self._own_reference(root)) is not None:
            references[str(root.project.name)] = own
        tags = target.tags()
        machine, places = self.aiming.machines.get(target.name, (None, {}))
        beside = {package: names for package, names in places.items() if package not in pinned}
        return {
            "name": target.name,
            "key": digest(self.environment, tags, sorted(pinned.items()), machine, beside),
            "environment": self.environment,
            "tags": tags,
            "is_declared": is_declared,
            "rows": self.rows,
            "references": references,
            "pinned": pinned,
            "machine": machine,
            "beside": beside,
            "forked": forked,
            "constraints": constraints,
            "overrides": replaced,
            "excludes": list(root.project.excludes),
        }

    def _own_reference(self, root: Author) -> Reference | None:
        """The root project is a package itself if it has a build system; a dynamic one tells its needs as one."""
        project = root.project
        if project.name is None or not (project.is_package or "dependencies" in project.dynamic):
            return None
        return {
            "kind": "directory",
            "url": root.directory,
            "rev": None,
            "subdirectory": None,
            "sha256": None,
            "is_editable": project.is_package,
            "is_virtual": not project.is_package,
        }

    def _root(self, author: Author) -> None:
        project = author.project
        if self._own_reference(author) is not None and project.name is not None:
            self.rows.append((("", project.name, (), ""), "project", ""))
        for part, line in author.lines():
            if not self._is_for(author, part):
                continue
            requirement = line.requirement
            if project.name is not None and rows_of_requirement(requirement, "")[1] == project.name:
                if self._holds(requirement):
                    extras = rows_of_requirement(requirement, "")[2]
                    self.rows.extend(self._own_extras(author, extras, line, part))
            elif (row := self._row(author, line, part)) is not None:
                self.rows.append((row, author.place(line), part))

    def _member(self, author: Author) -> None:
        """A member's own needs are those of its metadata; what it says of sources counts for all."""
        name = str(author.project.name)
        place = f"{author.label}project"
        self.rows.append((("", name, (), ""), place, author.section("")))
        for extra in author.project.extras:
            self.rows.append((("", name, (extra,), ""), place, author.section(f"extra:{extra}")))
        for part, line in author.lines():
            if not self._is_for(author, part) or rows_of_requirement(line.requirement, "")[1] == name:
                if part.startswith("group:") and self._is_for(author, part) and self._holds(line.requirement):
                    row = rows_of_requirement(line.requirement, "")
                    self.rows.append((row, author.place(line), author.section(part)))
                continue
            row_found = self._row(author, line, part)
            if row_found is not None and part.startswith("group:"):
                self.rows.append((row_found, author.place(line), author.section(part)))

    def _is_for(self, author: Author, part: str) -> bool:
        kind, _, name = part.partition(":")
        python = author.project.group_pythons.get(name) if kind == "group" else None
        return fits(self.environment["python_full_version"], python)

    def _holds(self, requirement: Requirement) -> bool:
        return requirement.marker is None or self.needs.holds(requirement.marker)

    def _bounds(self, author: Author, lines: Sequence[Line]) -> Iterator[tuple[Row, str]]:
        for line in lines:
            if (row := self._row(author, line, "")) is not None:
                yield row, author.place(line)

    def _row(self, author: Author, line: Line, part: str, *, is_override: bool = False) -> Row | None:
        """The row of a line, None when its marker does not hold here; where its package comes from is noted."""
        requirement = line.requirement
        if not self._holds(requirement):
            return None
        row = rows_of_requirement(requirement, "")
        where = author.where(line)
        found = lower(
            author.rules,
            requirement,
            holds=self.needs.holds,
            section=part,
            directory=author.directory,
            workspace=self.aiming.workspace,
            where=where,
        )
        if isinstance(found, str) and found not in self.aiming.index_names:
            raise InputError(
                f"{author.file}: tool.provenv.sources.{row[1]}",
                f"there is no index named `{found}`",
                hint=f'declare it as [[tool.provenv.index]] with `name = "{found}"`',
            )
        if is_override:
            self.sources.replace(row[1], found)
        else:
            self.sources.add(row[1], found, where, author.section(part))
        # As in uv, a version is not asked of what comes from one known place.
        return (row[0], row[1], row[2], "") if isinstance(found, dict) else row

    def _own_extras(
        self, author: Author, names: Sequence[str], line: Line, section: str, seen: tuple[str, ...] = ()
    ) -> Iterator[tuple[Row, str, str]]:
        """A project that needs itself with extras (``all = ["me[a,b]"]``) means what these extras list."""
        for extra in names:
            for inner in author.project.extras.get(extra, ()):
                if not self._holds(inner.requirement):
                    continue
                row = rows_of_requirement(inner.requirement, "")
                if row[1] != author.project.name:
                    lowered = self._row(author, inner, f"extra:{extra}")
                    if lowered is not None:
                        yield lowered, inner.where, section
                elif extra not in seen:
                    yield from self._own_extras(author, row[2], line, section, (*seen, extra))


class _Sources:
    """What was said of where packages come from on one target."""

    def __init__(self, conflicts: Sequence[frozenset[str]]) -> None:
        self._conflicts = conflicts
        self._said: dict[str, list[tuple[Reference | str | None, str, str]]] = {}
        self._replaced: dict[str, Reference | str] = {}

    def add(self, name: str, found: Reference | str | None, where: str, section: str) -> None:
        self._said.setdefault(name, []).append((found, where, section))

    def replace(self, name: str, found: Reference | str | None) -> None:
        """An override wins over whatever was said."""
        if found is not None:
            self._replaced[name] = found

    def settled(self) -> tuple[dict[str, Reference], dict[str, str], dict[str, dict[str, Reference | str]]]:
        """References, pins, and those that hold only where one section of a conflict is wanted: section -> name ->."""
        everywhere: dict[str, Reference | str] = {}
        forked: dict[str, dict[str, Reference | str]] = {}
        for name, said in self._said.items():
            if name in self._replaced:
                continue
            if self._is_forked(said):
                for found, _, section in said:
                    if found is not None:
                        forked.setdefault(section, {})[name] = found
            elif (one := _agreed(name, said)) is not None:
                everywhere[name] = one
        everywhere |= self._replaced
        references = {name: found for name, found in everywhere.items() if isinstance(found, dict)}
        pinned = {name: found for name, found in everywhere.items() if isinstance(found, str)}
        return references, pinned, forked

    def _is_forked(self, said: Sequence[tuple[Reference | str | None, str, str]]) -> bool:
        """Whether all that is said is said by sections that exclude one another, and is not the same."""
        values = [found for found, _, _ in said]
        speaking = {section for found, _, section in said if found is not None}
        return any(value != values[0] for value in values) and any(speaking <= one for one in self._conflicts)


def _agreed(name: str, said: Sequence[tuple[Reference | str | None, str, str]]) -> Reference | str | None:
    first: tuple[Reference | str, str] | None = None
    for found, where, _ in said:
        if found is None:
            continue
        if first is None:
            first = found, where
        elif found != first[0]:
            both = _joined(first[0], found)
            if both is None:
                raise InputError(
                    where,
                    f"two sources for {name}: {described(found)} here, {described(first[0])} at {first[1]}",
                    hint="name one of them, or declare the extras or groups as `conflicts`",
                )
            first = both, first[1]
    return first[0] if first is not None else None


def _joined(one: Reference | str, other: Reference | str) -> Reference | None:
    """The same directory asked for twice: editable if either says so, virtual if both do."""
    if isinstance(one, str) or isinstance(other, str) or one["url"] != other["url"] or one["kind"] != "directory":
        return None
    joined = one.copy()
    joined["is_editable"] = one["is_editable"] or other["is_editable"]
    joined["is_virtual"] = one["is_virtual"] and other["is_virtual"]
    return joined


def described(source: Reference | str, root: str | None = None) -> str:
    """A source in a few words; paths below or beside ``root`` are told from there."""
    if isinstance(source, str):
        return f"index {source}"
    url = without_secret(source["url"])
    if root is not None and source["kind"] != "git":
        # A repository is named by a whole URL, and the lock holds it so: it is the same wherever the project lies.
        url = _from(root, url)
    words = [source["kind"], url + (f"@{source['rev']}" if source["rev"] else "")]
    words += [f"sha256 {source['sha256']}"] if source["sha256"] else []
    words += [f"in {source['subdirectory']}"] if source["subdirectory"] else []
    words += ["editable"] if source["is_editable"] else []
    words += ["virtual"] if source["is_virtual"] else []
    return " ".join(words)


def _from(root: str, url: str) -> str:
    path = url if os.path.isabs(url) else path_of_url(url)
    return url if path is None else os.path.relpath(path, root).replace(os.sep, "/")


def texts_of(authors: Sequence[Author]) -> Mapping[str, str]:
    """Place -> requirement as written, without credentials; bounds are the root's, who comes first."""
    found = {author.place(line): text_of(line) for author in authors for _, line in author.lines()}
    bounds = (*authors[0].project.constraints, *authors[0].project.overrides)
    return {**found, **{line.where: text_of(line) for line in bounds}}


def text_of(line: Line) -> str:
    """A requirement as written, but without the credentials in a URL: it is kept in caches and in the lock."""
    url = line.requirement.url
    return line.text if url is None else line.text.replace(url, without_secret(url))
