"""A project is what the user wants: ``pyproject.toml`` (PEP 621 and 735) with our own table."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from provenv.errors import InputError
from provenv.model.target import PLATFORMS, Target

__all__ = ["IndexSource", "Line", "Project"]

_TOOL_KEYS = ("default-groups", "find-links", "index", "targets")
_INDEX_KEYS = ("default", "name", "url")
_TARGET_KEYS = ("compute", "cpu", "driver", "glibc", "gpus", "macos", "musl", "platform", "python")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One requirement and the place that asked for it, as ``project.dependencies[2]``."""

    requirement: Requirement
    text: str
    where: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSource:
    """One ``[[tool.provenv.index]]``."""

    name: str | None
    url: str
    is_default: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """What a project file says, checked as a whole."""

    name: str | None
    requires_python: str | None
    dependencies: tuple[Line, ...] = ()
    extras: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    default_groups: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    indexes: tuple[IndexSource, ...] = ()
    find_links: tuple[str, ...] = ()

    @classmethod
    def from_pyproject(cls, document: Mapping[str, Any], where: str = "pyproject.toml") -> Project:
        """Read the parsed project file; ``where`` names it in messages.

        Raises one InputError that lists every mistake with its key.
        """
        return _Reader(document, where).read()


class _Reader:
    """Collects mistakes while it reads, so that the user sees all of them at once."""

    def __init__(self, document: Mapping[str, Any], where: str) -> None:
        self.document = document
        self.where = where
        self.problems: list[tuple[str, str]] = []

    def read(self) -> Project:
        project = self._table(self.document, "project")
        tool = self._table(self._table(self.document, "tool"), "provenv", "tool.provenv")
        self._only(tool, _TOOL_KEYS, "tool.provenv")
        name = project.get("name")
        if name is not None and (not isinstance(name, str) or not _NAME.fullmatch(name)):
            self._problem("project.name", f"{name!r} is not a valid name")
            name = None
        groups = self._groups()
        found = Project(
            name=canonicalize_name(name) if name else None,
            requires_python=self._requires_python(project),
            dependencies=tuple(self._lines(project.get("dependencies", []), "project.dependencies")),
            extras={
                canonicalize_name(extra): tuple(self._lines(lines, f"project.optional-dependencies.{extra}"))
                for extra, lines in self._table(
                    project, "optional-dependencies", "project.optional-dependencies"
                ).items()
            },
            groups=groups,
            default_groups=self._default_groups(tool, groups),
            targets=tuple(self._targets(tool)),
            indexes=tuple(self._indexes(tool)),
            find_links=tuple(self._strings(tool.get("find-links", []), "tool.provenv.find-links")),
        )
        for target in found.targets:
            if canonicalize_name(target.name) in groups:
                # In the lock a target may be told by a dependency group of its name.
                self._problem(f"tool.provenv.targets.{target.name}", "a dependency group has this name: choose another")
        self._raise()
        return found

    def _raise(self) -> None:
        if len(self.problems) == 1:
            key, problem = self.problems[0]
            raise InputError(f"{self.where}: {key}", problem)
        if self.problems:
            listed = "".join(f"\n  {key}: {problem}" for key, problem in self.problems)
            raise InputError(self.where, f"{len(self.problems)} mistakes{listed}")

    def _problem(self, key: str, problem: str) -> None:
        self.problems.append((key, problem))

    def _table(self, parent: Mapping[str, Any], key: str, where: str | None = None) -> Mapping[str, Any]:
        value = parent.get(key, {})
        if isinstance(value, dict):
            return value
        self._problem(where or key, f"a table is expected here, not {value!r}")
        return {}

    def _only(self, table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in known:
                close = difflib.get_close_matches(key, known, 1)
                meant = f"; did you mean `{close[0]}`?" if close else f"; known are {', '.join(known)}"
                self._problem(f"{where}.{key}", f"unknown key{meant}")

    def _strings(self, value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, list):
            self._problem(where, "a list of strings is expected here")
            return
        for number, item in enumerate(value):
            if isinstance(item, str):
                yield item
            else:
                self._problem(f"{where}[{number}]", f"a string is expected here, not {item!r}")

    def _lines(self, value: Any, where: str) -> Iterator[Line]:
        if not isinstance(value, list):
            self._problem(where, "a list of requirements is expected here")
            return
        for number, text in enumerate(value):
            if (line := self._line(text, f"{where}[{number}]")) is not None:
                yield line

    def _line(self, text: Any, where: str) -> Line | None:
        if not isinstance(text, str):
            self._problem(where, f"a requirement is a string, not {text!r}")
            return None
        try:
            return Line(requirement=Requirement(text), text=text, where=where)
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0]
            self._problem(where, f"`{text}` is not a requirement: {reason}")
            return None

    def _requires_python(self, project: Mapping[str, Any]) -> str | None:
        value = project.get("requires-python")
        if value is None:
            return None
        try:
            SpecifierSet(value)
        except (InvalidSpecifier, TypeError, AttributeError):
            self._problem("project.requires-python", f"`{value}` is not a version specifier")
            return None
        return str(value)

    def _groups(self) -> dict[str, tuple[Line, ...]]:
        """Dependency groups with ``include-group`` unfolded (PEP 735)."""
        table = self._table(self.document, "dependency-groups")
        raw: dict[str, tuple[str, Any]] = {str(canonicalize_name(name)): (name, items) for name, items in table.items()}
        return {name: tuple(self._group(name, raw, ())) for name in raw}

    def _group(self, name: str, raw: Mapping[str, tuple[str, Any]], path: tuple[str, ...]) -> Iterator[Line]:
        written, items = raw[canonicalize_name(name)]
        where = f"dependency-groups.{written}"
        if name in path:
            self._problem(where, f"the group includes itself: {' -> '.join((*path, name))}")
            return
        if not isinstance(items, list):
            self._problem(where, "a list is expected here")
            return
        for number, item in enumerate(items):
            place = f"{where}[{number}]"
            if isinstance(item, dict) and set(item) == {"include-group"}:
                included = canonicalize_name(str(item["include-group"]))
                if included in raw:
                    yield from self._group(included, raw, (*path, name))
                else:
                    self._problem(place, f"there is no group `{item['include-group']}`")
            elif (line := self._line(item, place)) is not None:
                yield line

    def _default_groups(self, tool: Mapping[str, Any], groups: Mapping[str, object]) -> tuple[str, ...]:
        """``dev`` when there is one and nothing else is said, as in uv."""
        if "default-groups" not in tool:
            return ("dev",) if "dev" in groups else ()
        if tool["default-groups"] == "all":
            return tuple(groups)
        found = []
        for name in self._strings(tool["default-groups"], "tool.provenv.default-groups"):
            found.append(str(canonicalize_name(name)))
            if found[-1] not in groups:
                self._problem("tool.provenv.default-groups", f"there is no group `{name}`")
        return tuple(found)

    def _indexes(self, tool: Mapping[str, Any]) -> Iterator[IndexSource]:
        value = tool.get("index", [])
        if not isinstance(value, list):
            self._problem("tool.provenv.index", "write it as [[tool.provenv.index]]")
            return
        for number, item in enumerate(value):
            where = f"tool.provenv.index[{number}]"
            if not isinstance(item, dict) or not isinstance(item.get("url"), str):
                self._problem(where, "an index needs a `url`")
                continue
            self._only(item, _INDEX_KEYS, where)
            scheme, separator, _ = item["url"].partition("://")
            if separator and scheme.lower() not in ("http", "https", "file"):
                self._problem(f"{where}.url", f"`{item['url']}` is neither an http, https or file URL nor a path")
                continue
            yield IndexSource(name=item.get("name"), url=item["url"], is_default=bool(item.get("default", False)))

    def _targets(self, tool: Mapping[str, Any]) -> Iterator[Target]:
        for name, item in self._table(tool, "targets", "tool.provenv.targets").items():
            where = f"tool.provenv.targets.{name}"
            if not isinstance(item, dict):
                self._problem(where, "a table is expected here")
                continue
            self._only(item, _TARGET_KEYS, where)
            platform, python = str(item.get("platform")), item.get("python")
            if platform not in PLATFORMS:
                self._problem(f"{where}.platform", f"`{platform}` is not one of {', '.join(PLATFORMS)}")
            if not isinstance(python, str) or not re.fullmatch(r"3\.\d+(\.\d+)?", python):
                self._problem(f"{where}.python", f"{python!r} is not a version such as '3.12'")
            glibc, musl, macos = (self._floor(item, key, where) for key in ("glibc", "musl", "macos"))
            if glibc and musl:
                self._problem(f"{where}.musl", "a target has either `glibc` or `musl`")
            if platform in PLATFORMS and isinstance(python, str) and python.count(".") in (1, 2):
                yield Target(
                    name=name,
                    platform=platform,
                    python=python,
                    glibc=glibc,
                    musl=musl,
                    macos=macos,
                    driver=self._text(item, "driver", where),
                    gpus=tuple(self._strings(item.get("gpus", []), f"{where}.gpus")),
                    compute=tuple(self._strings(item.get("compute", []), f"{where}.compute")),
                    cpu=self._text(item, "cpu", where),
                )

    def _floor(self, item: Mapping[str, Any], key: str, where: str) -> tuple[int, int] | None:
        text = self._text(item, key, where)
        if text is None:
            return None
        if match := re.fullmatch(r"(\d+)\.(\d+)", text):
            return int(match[1]), int(match[2])
        self._problem(f"{where}.{key}", f"{text!r} is not a version such as '2.31'")
        return None

    def _text(self, item: Mapping[str, Any], key: str, where: str) -> str | None:
        value = item.get(key)
        if value is None or isinstance(value, str):
            return value
        self._problem(f"{where}.{key}", f"a string is expected here, not {value!r}")
        return None
