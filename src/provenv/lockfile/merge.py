"""Merges one solution per target into the entries of one lock, told apart by the smallest markers.

PEP 751 allows two entries of one package when their markers exclude one another. On the warm path.
"""

from __future__ import annotations

__all__ = ["Chosen", "Solved", "merge"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TypeAlias

    from provenv.model.artifact import FileRow

    Entry: TypeAlias = dict[str, Any]

#: The marker variables that may tell targets apart, in the order they are tried.
_KEYS = ("sys_platform", "platform_machine", "python_version")


class Chosen:
    """One package of one solution."""

    __slots__ = ("dependencies", "direct", "files", "index", "sections", "version")

    def __init__(
        self,
        version: str,
        index: str,
        files: tuple[FileRow, ...],
        dependencies: Sequence[str],
        sections: frozenset[str],
        direct: str | None = None,
    ) -> None:
        self.version = version
        self.index = index
        self.files = files
        self.dependencies = dependencies
        self.sections = sections
        """Parts of the project that bring it in: ``""`` the project itself, ``extra:NAME``, ``group:NAME``."""
        self.direct = direct
        """The URL of a direct reference."""


class Solved:
    """One target and what was chosen for it."""

    __slots__ = ("environment", "name", "packages")

    def __init__(self, name: str, environment: Mapping[str, str], packages: Mapping[str, Chosen]) -> None:
        self.name = name
        self.environment = environment
        self.packages = packages


def merge(targets: Sequence[Solved], beside: str | None = None) -> tuple[list[Entry], list[str], list[str]]:
    """The lock's package tables (sorted), its ``environments``, and the names of targets used as dependency groups.

    ``beside`` is the ``file:`` URL of the lock's directory, with a final slash: wheels below it are told by a path from
    there, so that a project can be moved. A target that shares its marker environment with an earlier one is told by a
    group of its own name.
    """
    grouped = _told_by_group(targets)
    entries: dict[tuple[str, str, str], dict[str, Chosen]] = {}
    for target in targets:
        for name, chosen in target.packages.items():
            entries.setdefault((name, chosen.version, chosen.direct or chosen.index), {})[target.name] = chosen
    versions: dict[str, set[tuple[str, str]]] = {}
    for name, version, source in entries:
        versions.setdefault(name, set()).add((version, source))
    tables = [
        _entry(name, version, users, targets, grouped, beside)
        for (name, version, _), users in sorted(entries.items(), key=lambda item: item[0])
    ]
    return tables, _environments(targets), sorted(grouped)


def _told_by_group(targets: Sequence[Solved]) -> frozenset[str]:
    seen: dict[tuple[str, ...], str] = {}
    for target in targets:
        seen.setdefault(_place(target), target.name)
    shared = [place for place in seen if sum(_place(target) == place for target in targets) > 1]
    return frozenset(target.name for target in targets if _place(target) in shared)


def _place(target: Solved) -> tuple[str, ...]:
    return tuple(target.environment[key] for key in _KEYS)


def _environments(targets: Sequence[Solved]) -> list[str]:
    return list(dict.fromkeys(_conjunction(target, (*_KEYS, "implementation_name")) for target in targets))


def _conjunction(target: Solved, keys: Iterable[str]) -> str:
    return " and ".join(f"{key} == '{target.environment[key]}'" for key in keys)


def _entry(
    name: str,
    version: str,
    users: Mapping[str, Chosen],
    targets: Sequence[Solved],
    grouped: frozenset[str],
    beside: str | None,
) -> Entry:
    first = next(iter(users.values()))
    table: Entry = {"name": name, "version": version}
    if marker := _marker(users, targets, grouped):
        table["marker"] = marker
    files: dict[str, FileRow] = {file[0]: file for chosen in users.values() for file in chosen.files}
    dependencies = sorted({needed for chosen in users.values() for needed in chosen.dependencies})
    if dependencies:
        table["dependencies"] = [{"name": needed} for needed in dependencies]
    if first.direct is not None:
        _, url, hashes, size, _ = first.files[0]
        table["archive"] = _file(None, url, hashes, size, None)
        return table
    if first.index and not _path_from(beside, first.index):
        table["index"] = first.index
    table["wheels"] = [_file(*files[filename], beside) for filename in sorted(files)]
    return table


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


def _marker(users: Mapping[str, Chosen], targets: Sequence[Solved], grouped: frozenset[str]) -> str:
    """The marker of an entry: for which targets and for which parts of the project it is wanted."""
    by_sections: dict[frozenset[str], list[Solved]] = {}
    for target in targets:
        if target.name in users:
            sections = users[target.name].sections
            by_sections.setdefault(frozenset([""]) if "" in sections else sections, []).append(target)
    parts = []
    for sections, wanted in sorted(by_sections.items(), key=lambda item: sorted(item[0])):
        where = _targets_marker(wanted, targets, grouped)
        part = " or ".join(_section_marker(section) for section in sorted(sections) if section)
        both = [f"({text})" if " or " in text else text for text in (where, part) if text]
        if not both:
            return ""
        parts.append(" and ".join(both) if len(both) > 1 else (where or part))
    return parts[0] if len(parts) == 1 else " or ".join(f"({part})" if " and " in part else part for part in parts)


def _section_marker(section: str) -> str:
    kind, _, name = section.partition(":")
    return f"'{name}' in {'extras' if kind == 'extra' else 'dependency_groups'}"


def _targets_marker(wanted: Sequence[Solved], targets: Sequence[Solved], grouped: frozenset[str]) -> str:
    """The smallest marker that is true for the wanted targets and false for the others; "" when all are wanted."""
    others = [target for target in targets if target not in wanted]
    if not others:
        return ""
    for key in _KEYS:
        here = sorted({target.environment[key] for target in wanted})
        there = sorted({target.environment[key] for target in others})
        if set(here).isdisjoint(there):
            if len(there) < len(here):
                return " and ".join(f"{key} != '{value}'" for value in there)
            return " or ".join(f"{key} == '{value}'" for value in here)
    return " or ".join(dict.fromkeys(_one_target(target, others, grouped) for target in wanted))


def _one_target(target: Solved, others: Sequence[Solved], grouped: frozenset[str]) -> str:
    """The fewest variables that tell one target from the others, and its group when no variable can."""
    needed: list[str] = []
    rest = list(others)
    while rest:
        gains = {key: sum(other.environment[key] != target.environment[key] for other in rest) for key in _KEYS}
        best = max(_KEYS, key=lambda key: gains[key])
        if not gains[best]:
            break
        needed.append(best)
        rest = [other for other in rest if other.environment[best] == target.environment[best]]
    parts = [f"{key} == '{target.environment[key]}'" for key in _KEYS if key in needed]
    if rest and target.name in grouped:
        parts.append(f"'{target.name}' in dependency_groups")
    return " and ".join(parts)
