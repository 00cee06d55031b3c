"""Merges one solution per target into the entries of one lock, told apart by the smallest markers.

PEP 751 allows two entries of one package when their markers exclude one another. On the warm path.
"""

from __future__ import annotations

from provenv.lockfile.choices import Forks, section_marker
from provenv.lockfile.places import KEYS, Places

__all__ = ["Chosen", "Solved", "merge"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TypeAlias

    from provenv.model.artifact import FileRow

    Entry: TypeAlias = dict[str, Any]


class Chosen:
    """One package of one solution."""

    __slots__ = ("dependencies", "files", "index", "newest", "sections", "source", "version")

    def __init__(
        self,
        version: str | None,
        index: str,
        files: tuple[FileRow, ...],
        dependencies: Sequence[str],
        sections: frozenset[str],
        source: Mapping[str, Any] | None = None,
        *,
        newest: str | None = None,
    ) -> None:
        self.version = version
        """None when only a build can tell it."""
        self.index = index
        self.files = files
        """Wheels and source archives of an index; of a direct reference to a wheel that one file."""
        self.dependencies = dependencies
        self.sections = sections
        """Parts of the project that bring it in: ``""`` the project itself, ``extra:NAME``, ``group:NAME`` ..."""
        self.newest = newest
        """The newest version that the target could use, where the project itself names the package and got an older."""
        self.source = source
        """For what no index chose: ``{"archive": {...}}``, or ``vcs`` or ``directory``, with the keys of PEP 751."""


class Solved:
    """One target, one choice among parts that exclude one another, and what was chosen for both."""

    __slots__ = ("environment", "fork", "name", "packages")

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        packages: Mapping[str, Chosen],
        fork: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.environment = environment
        self.packages = packages
        self.fork = fork
        """For each set of conflicting sections the one that is chosen, or "" for none of them."""


def merge(
    solved: Sequence[Solved], beside: str | None = None, conflicts: Sequence[Sequence[str]] = ()
) -> tuple[list[Entry], list[str], list[str]]:
    """The lock's package tables (sorted), its ``environments``, and the names of targets used as dependency groups.

    ``beside`` is the ``file:`` URL of the lock's directory, with a final slash: wheels below it are told by a path from
    there, so that a project can be moved. A target that shares its marker environment with an earlier one is told by a
    group of its own name. ``conflicts`` are sets of sections that are never wanted together; every target is then
    solved once for each choice among them.
    """
    targets = list({one.name: one for one in solved}.values())
    grouped = _told_by_group(targets)
    places = Places(targets, grouped)
    forks = Forks(conflicts)
    entries: dict[tuple[str, str, str], list[tuple[Solved, Chosen]]] = {}
    for one in solved:
        for name, chosen in one.packages.items():
            key = name, chosen.version or "", _source_key(chosen)
            entries.setdefault(key, []).append((one, chosen))
    tables = []
    for (name, _, _), users in sorted(entries.items(), key=lambda item: item[0]):
        tables.append(_entry(name, users, _marker(users, places, forks), beside))
    return tables, _environments(targets), sorted(grouped)


def _source_key(chosen: Chosen) -> str:
    return repr(sorted(chosen.source.items())) if chosen.source is not None else chosen.index


def _told_by_group(targets: Sequence[Solved]) -> frozenset[str]:
    seen: dict[tuple[str, ...], str] = {}
    for target in targets:
        seen.setdefault(_place(target), target.name)
    shared = [place for place in seen if sum(_place(target) == place for target in targets) > 1]
    return frozenset(target.name for target in targets if _place(target) in shared)


def _place(target: Solved) -> tuple[str, ...]:
    return tuple(target.environment[key] for key in KEYS)


def _environments(targets: Sequence[Solved]) -> list[str]:
    return list(dict.fromkeys(_conjunction(target, (*KEYS, "implementation_name")) for target in targets))


def _conjunction(target: Solved, keys: Iterable[str]) -> str:
    return " and ".join(f"{key} == '{target.environment[key]}'" for key in keys)


def _entry(name: str, users: Sequence[tuple[Solved, Chosen]], marker: str, beside: str | None) -> Entry:
    first = users[0][1]
    table: Entry = {"name": name}
    if first.version is not None:
        table["version"] = first.version
    if marker:
        table["marker"] = marker
    dependencies = sorted({needed for _, chosen in users for needed in chosen.dependencies})
    if dependencies:
        table["dependencies"] = [{"name": needed} for needed in dependencies]
    if first.source is not None:
        for kind, source in first.source.items():
            table[kind] = _relative(source, beside)
        return table
    files: dict[str, FileRow] = {file[0]: file for _, chosen in users for file in chosen.files}
    if first.index and not _path_from(beside, first.index):
        table["index"] = first.index
    for filename in sorted(files):
        if not filename.endswith(".whl"):
            table["sdist"] = _file(*files[filename], beside)
    if wheels := [_file(*files[filename], beside) for filename in sorted(files) if filename.endswith(".whl")]:
        table["wheels"] = wheels
    return table


def _relative(source: Mapping[str, Any], beside: str | None) -> Entry:
    """A direct reference's table; a file below the lock's directory is told by its path from there."""
    path = _path_from(beside, source["url"]) if "url" in source else None
    return {"path": path, **{key: item for key, item in source.items() if key != "url"}} if path else dict(source)


def _file(
    filename: str | None,
    url: str,
    hashes: Sequence[tuple[str, str]],
    size: int | None,
    time: str | None,
    beside: str | None = None,
) -> Entry:
    table: Entry = {}
    if filename is not None:
        table["name"] = filename
    if time is not None:
        table["upload-time"] = _Time(time)
    if path := _path_from(beside, url):
        table["path"] = path
    else:
        table["url"] = url
    if size is not None:
        table["size"] = size
    table["hashes"] = dict(hashes)
    return table


def _path_from(beside: str | None, url: str) -> str | None:
    """The path of a file below the lock's directory, as PEP 751 writes it; None when it lies elsewhere."""
    if beside is None or not url.startswith(beside):
        return None
    from urllib.parse import unquote

    return unquote(url.removeprefix(beside))


class _Time(str):
    """A time as an index wrote it, to be written as a TOML offset date-time."""

    __slots__ = ()
    is_bare = True


def _marker(users: Sequence[tuple[Solved, Chosen]], places: Places, forks: Forks) -> str:
    """The marker of an entry: for which targets, parts of the project and choices it is wanted."""
    shapes: dict[str, dict[str, set[tuple[str, ...]]]] = {}
    by_name: dict[str, Solved] = {}
    for one, chosen in users:
        by_name.setdefault(one.name, one)
        wanted = shapes.setdefault(one.name, {})
        for section in [""] if "" in chosen.sections else chosen.sections:
            wanted.setdefault(section, set()).add(one.fork)
    by_parts: dict[str, list[Solved]] = {}
    for name, wanted in shapes.items():
        by_parts.setdefault(_parts_marker(wanted, forks), []).append(by_name[name])
    texts = []
    for part, wanted_by in sorted(by_parts.items()):
        where = places.marker(wanted_by)
        if not where and not part:
            return ""
        both = [f"({text})" if " or " in text else text for text in (where, part) if text]
        texts.append(" and ".join(both) if len(both) > 1 else (where or part))
    return texts[0] if len(texts) == 1 else " or ".join(f"({text})" if " and " in text else text for text in texts)


def _parts_marker(wanted: Mapping[str, set[tuple[str, ...]]], forks: Forks) -> str:
    """For which parts of the project: section -> the forks in which it wants the package."""
    everywhere = wanted.get("", set())
    texts = []
    for section in sorted(wanted):
        if section and wanted[section] <= everywhere:
            continue
        condition = forks.marker(section, wanted[section])
        part = section_marker(section) if section else ""
        both = [f"({text})" if " or " in text else text for text in (part, condition) if text]
        if not both:
            return ""
        texts.append(" and ".join(both) if len(both) > 1 else (part or condition))
    return texts[0] if len(texts) == 1 else " or ".join(f"({text})" if " and " in text else text for text in texts)
