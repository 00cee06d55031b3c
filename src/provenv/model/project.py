"""A project is what the user wants: ``pyproject.toml`` (PEP 621 and 735) with our own table, or uv's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.markers import Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from provenv.model import policy
from provenv.model.mistakes import Line, Mistakes, Settings
from provenv.model.policy import read_policy
from provenv.model.sources import IndexSource, SourceRule, read_indexes, read_rules
from provenv.model.target import CPU_LEVELS, PLATFORMS, Target

__all__ = ["TOOL_KEYS", "IndexSource", "Line", "Part", "Project", "Workspace"]

TOOL_KEYS = (
    *policy.KEYS,
    "cache-keys",
    "conflicts",
    "constraint-dependencies",
    "default-groups",
    "dependency-groups",
    "dev-dependencies",
    "environments",
    "exclude-dependencies",
    "extra-index-url",
    "file-owners",
    "find-links",
    "index",
    "index-url",
    "keyring-provider",
    "link-mode",
    "managed",
    "no-index",
    "override-dependencies",
    "package",
    "required-environments",
    "required-version",
    "rules",
    "sources",
    "targets",
    "workspace",
)
"""The keys of ``[tool.provenv]``."""
_TARGET_KEYS = ("compute", "cpu", "cuda", "driver", "glibc", "glibcxx", "gpus", "machine", "macos", "musl", "platform",
                "python")  # fmt: skip
_LINK_MODES = ("auto", "clone", "hardlink", "copy", "symlink")
_KEYRING_PROVIDERS = ("disabled", "subprocess")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """An extra, a group, or a whole package, that cannot be installed together with some others."""

    package: str | None
    """A workspace member; None for the project that says it."""
    kind: str
    """``extra``, ``group``, or ``""`` for the package itself."""
    name: str
    where: str
    """The key that says it."""
    is_ours: bool
    """Said in our own table."""

    def section(self, own: str | None, prefix: str = "") -> str:
        """The section of an aim that it is. ``own`` is the name of the root project, ``prefix`` that of who says it."""
        if self.package is not None:
            prefix = "" if self.package == own else f"member:{self.package}"
        return ":".join(filter(None, [prefix, self.kind, self.name]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """Patterns of the directories that belong to a workspace, and of those that do not."""

    members: tuple[str, ...]
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """What a project file says, checked as a whole."""

    name: str | None
    requires_python: str | None
    version: str | None = None
    dynamic: frozenset[str] = frozenset()
    """Fields of ``[project]`` that only a build can tell."""
    has_project: bool = True
    """There is a ``[project]``; the root of a workspace may do without."""
    has_build_system: bool = False
    is_package: bool = False
    """Installed itself, not only what it needs."""
    is_managed: bool = True
    dependencies: tuple[Line, ...] = ()
    extras: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    group_pythons: Mapping[str, str] = field(default_factory=dict)
    """Group -> the Pythons that it is for."""
    default_groups: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    environments: tuple[Marker, ...] = ()
    """The only environments to lock for; empty: no limit."""
    required_environments: tuple[Marker, ...] = ()
    indexes: tuple[IndexSource, ...] = ()
    find_links: tuple[str, ...] = ()
    has_index: bool = True
    """False: only ``find_links`` offer packages."""
    sources: Mapping[str, tuple[SourceRule, ...]] = field(default_factory=dict)
    constraints: tuple[Line, ...] = ()
    overrides: tuple[Line, ...] = ()
    excludes: tuple[str, ...] = ()
    conflicts: tuple[tuple[Part, ...], ...] = ()
    workspace: Workspace | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)
    """How to choose: what the file says, under the keys of ``flows.aimed.Policy``."""
    has_cache_keys: bool = False
    """More than its project file decides whether it must be built again (``cache-keys``)."""
    rules: tuple[str, ...] = ()
    """Files with rules of machines, besides those that provenv brings; relative to the project's directory."""
    file_owners: Mapping[str, str] = field(default_factory=dict)
    """Pattern of paths below site-packages -> the package that they are taken from, where several bring them."""
    link_mode: str | None = None
    keyring_provider: str | None = None
    required_version: str | None = None
    """The versions of provenv that may work on this project."""

    @classmethod
    def from_pyproject(cls, document: Mapping[str, Any], where: str = "pyproject.toml") -> Project:
        """Read the parsed project file; ``where`` names it in messages.

        A key that ``[tool.provenv]`` lacks is taken from ``[tool.uv]``. Raises one InputError that lists every mistake
        with its key.
        """
        return _Reader(document, where).read()


class _Reader:
    def __init__(self, document: Mapping[str, Any], where: str) -> None:
        self.document = document
        self.mistakes = Mistakes(where)
        self.settings = Settings(self.mistakes, document)

    def read(self) -> Project:
        mistakes, settings = self.mistakes, self.settings
        mistakes.only(settings.own, TOOL_KEYS, "tool.provenv")
        project = mistakes.table(self.document.get("project"), "project")
        name = project.get("name")
        groups = self._groups()
        extras = mistakes.table(project.get("optional-dependencies"), "project.optional-dependencies")
        has_build_system = "build-system" in self.document
        is_package = self._truth("package")
        found = Project(
            name=mistakes.name(name, "project.name") if name is not None else None,
            version=mistakes.text(project.get("version"), "project.version"),
            dynamic=frozenset(mistakes.strings(project.get("dynamic"), "project.dynamic")),
            has_project="project" in self.document,
            has_build_system=has_build_system,
            is_package="project" in self.document and (has_build_system if is_package is None else is_package),
            is_managed=self._truth("managed") is not False,
            requires_python=self._specifier(project.get("requires-python"), "project.requires-python"),
            dependencies=tuple(mistakes.lines(project.get("dependencies"), "project.dependencies")),
            extras={
                str(canonicalize_name(extra)): tuple(mistakes.lines(lines, f"project.optional-dependencies.{extra}"))
                for extra, lines in extras.items()
            },
            groups=groups,
            group_pythons=self._group_pythons(groups),
            default_groups=self._default_groups(groups),
            targets=tuple(self._targets()),
            environments=self._markers("environments"),
            required_environments=self._markers("required-environments"),
            indexes=read_indexes(settings, mistakes),
            find_links=tuple(mistakes.strings(settings["find-links"].value, settings["find-links"].where)),
            has_index=not self._truth("no-index"),
            sources=read_rules(settings["sources"], mistakes),
            constraints=self._lines("constraint-dependencies"),
            overrides=self._lines("override-dependencies"),
            excludes=tuple(
                mistakes.names(settings["exclude-dependencies"].value, settings["exclude-dependencies"].where)
            ),
            conflicts=tuple(self._conflicts()),
            workspace=self._workspace(),
            policy=read_policy(settings, mistakes),
            has_cache_keys=settings["cache-keys"].value is not None,
            rules=tuple(mistakes.strings(settings.own.get("rules", []), "tool.provenv.rules")),
            file_owners=self._file_owners(),
            link_mode=mistakes.one_of(settings["link-mode"].value, _LINK_MODES, settings["link-mode"].where),
            keyring_provider=mistakes.one_of(
                settings["keyring-provider"].value, _KEYRING_PROVIDERS, settings["keyring-provider"].where
            ),
            # uv's own version says nothing of ours.
            required_version=self._specifier(settings.own.get("required-version"), "tool.provenv.required-version"),
        )
        self._check_names(found)
        mistakes.check()
        return found

    def _file_owners(self) -> dict[str, str]:
        where = "tool.provenv.file-owners"
        table = self.mistakes.table(self.settings.own.get("file-owners"), where)
        found = {pattern: self.mistakes.name(name, f"{where}.{pattern}") for pattern, name in table.items()}
        return {pattern: str(name) for pattern, name in found.items() if name is not None}

    def _check_names(self, found: Project) -> None:
        for target in found.targets:
            if canonicalize_name(target.name) in found.groups:
                # In the lock a target may be told by a dependency group of its name.
                self.mistakes.add(
                    f"tool.provenv.targets.{target.name}", "a dependency group has this name: choose another"
                )
        is_hidden = "optional-dependencies" in found.dynamic
        for rules in found.sources.values():
            for rule in rules:
                if rule.extra is not None and rule.extra not in found.extras and not is_hidden:
                    self.mistakes.add(rule.where, f"there is no optional dependency `{rule.extra}`")
                if rule.group is not None and rule.group not in found.groups:
                    self.mistakes.add(rule.where, f"there is no group `{rule.group}`")

    def _truth(self, key: str) -> bool | None:
        setting = self.settings[key]
        return self.mistakes.truth(setting.value, setting.where)

    def _lines(self, key: str) -> tuple[Line, ...]:
        setting = self.settings[key]
        return tuple(self.mistakes.lines(setting.value, setting.where))

    def _markers(self, key: str) -> tuple[Marker, ...]:
        setting = self.settings[key]
        return () if setting.value is None else tuple(self.mistakes.markers(setting.value, setting.where))

    def _specifier(self, value: Any, where: str) -> str | None:
        if value is None:
            return None
        try:
            SpecifierSet(value)
        except (InvalidSpecifier, TypeError, AttributeError):
            self.mistakes.add(where, f"`{value}` is not a version specifier")
            return None
        return str(value)

    def _groups(self) -> dict[str, tuple[Line, ...]]:
        """Dependency groups with ``include-group`` unfolded (PEP 735); ``dev-dependencies`` are part of ``dev``."""
        table = self.mistakes.table(self.document.get("dependency-groups"), "dependency-groups")
        raw: dict[str, tuple[str, Any]] = {}
        for name, items in table.items():
            if (normal := self.mistakes.name(name, f"dependency-groups.{name}")) is not None:
                if normal in raw:
                    self.mistakes.add(f"dependency-groups.{name}", f"`{raw[normal][0]}` is the same group")
                raw[normal] = (name, items)
        found = {name: tuple(self._group(name, raw, ())) for name in raw}
        if self.settings["dev-dependencies"].value is not None:
            found["dev"] = (*found.get("dev", ()), *self._lines("dev-dependencies"))
        return found

    def _group(self, name: str, raw: Mapping[str, tuple[str, Any]], path: tuple[str, ...]) -> Iterator[Line]:
        written, items = raw[canonicalize_name(name)]
        where = f"dependency-groups.{written}"
        if name in path:
            self.mistakes.add(where, f"the group includes itself: {' -> '.join((*path, name))}")
            return
        if not isinstance(items, list):
            self.mistakes.add(where, "a list is expected here")
            return
        for number, item in enumerate(items):
            place = f"{where}[{number}]"
            if isinstance(item, dict) and set(item) == {"include-group"}:
                included = str(canonicalize_name(str(item["include-group"])))
                if included in raw:
                    yield from self._group(included, raw, (*path, name))
                else:
                    self.mistakes.add(place, f"there is no group `{item['include-group']}`")
            elif (line := self.mistakes.line(item, place)) is not None:
                yield line

    def _group_pythons(self, groups: Mapping[str, object]) -> dict[str, str]:
        setting = self.settings["dependency-groups"]
        found = {}
        for name, item in self.mistakes.table(setting.value, setting.where).items():
            where = f"{setting.where}.{name}"
            table = self.mistakes.table(item, where)
            if setting.is_ours:
                self.mistakes.only(table, ("requires-python",), where)
            if canonicalize_name(name) not in groups:
                self.mistakes.add(where, f"there is no group `{name}`")
            if (python := self._specifier(table.get("requires-python"), f"{where}.requires-python")) is not None:
                found[str(canonicalize_name(name))] = python
        return found

    def _default_groups(self, groups: Mapping[str, object]) -> tuple[str, ...]:
        """``dev`` when there is one and nothing else is said, as in uv."""
        setting = self.settings["default-groups"]
        if setting.value is None:
            return ("dev",) if "dev" in groups else ()
        if setting.value == "all":
            return tuple(groups)
        found = []
        for name in self.mistakes.strings(setting.value, setting.where):
            found.append(str(canonicalize_name(name)))
            if found[-1] not in groups and found[-1] != "dev":
                self.mistakes.add(setting.where, f"there is no group `{name}`")
        return tuple(name for name in found if name in groups)

    def _workspace(self) -> Workspace | None:
        setting = self.settings["workspace"]
        if setting.value is None:
            return None
        table = self.mistakes.table(setting.value, setting.where)
        if setting.is_ours:
            self.mistakes.only(table, ("exclude", "members"), setting.where)
        return Workspace(
            members=tuple(self.mistakes.strings(table.get("members"), f"{setting.where}.members")),
            exclude=tuple(self.mistakes.strings(table.get("exclude"), f"{setting.where}.exclude")),
        )

    def _conflicts(self) -> Iterator[tuple[Part, ...]]:
        setting = self.settings["conflicts"]
        for number, items in enumerate(self.mistakes.items(setting.value, setting.where, "lists")):
            where = f"{setting.where}[{number}]"
            parts = [
                self._part(item, f"{where}[{at}]", is_ours=setting.is_ours)
                for at, item in enumerate(self.mistakes.items(items, where, "extras and groups"))
            ]
            if len(parts) < 2:
                self.mistakes.add(where, "a conflict is between two or more")
            yield tuple(part for part in parts if part is not None)

    def _part(self, item: Any, where: str, *, is_ours: bool) -> Part | None:
        table = self.mistakes.table(item, where)
        self.mistakes.only(table, ("extra", "group", "package"), where)
        package = None if table.get("package") is None else self.mistakes.name(table["package"], f"{where}.package")
        if "extra" in table and "group" in table:
            self.mistakes.add(where, "say either `extra` or `group`")
        for kind in ("extra", "group"):
            if kind in table:
                name = self.mistakes.name(table[kind], f"{where}.{kind}")
                if name is None:
                    return None
                return Part(package=package, kind=kind, name=name, where=where, is_ours=is_ours)
        if package is None:
            self.mistakes.add(where, "an `extra` or a `group` is expected here")
            return None
        return Part(package=package, kind="", name="", where=where, is_ours=is_ours)

    def _targets(self) -> Iterator[Target]:
        for name, item in self.mistakes.table(self.settings.own.get("targets"), "tool.provenv.targets").items():
            where = f"tool.provenv.targets.{name}"
            if not isinstance(item, dict):
                self.mistakes.add(where, "a table is expected here")
                continue
            self.mistakes.only(item, _TARGET_KEYS, where)
            machine, platform, python = self._machine_file(item, where), item.get("platform"), item.get("python")
            is_told = "platform" in item or "machine" not in item
            is_known = platform in PLATFORMS if is_told and isinstance(platform, str) else not is_told
            if not is_known:
                self.mistakes.add(f"{where}.platform", f"`{platform}` is not one of {', '.join(PLATFORMS)}")
            if not isinstance(python, str) or not re.fullmatch(r"3\.\d+(\.\d+)?", python):
                self.mistakes.add(f"{where}.python", f"{python!r} is not a version such as '3.12'")
            glibc, musl, macos = (self._floor(item, key, where) for key in ("glibc", "musl", "macos"))
            if glibc and musl:
                self.mistakes.add(f"{where}.musl", "a target has either `glibc` or `musl`")
            gpus = tuple(self.mistakes.strings(item.get("gpus", []), f"{where}.gpus"))
            compute = tuple(self.mistakes.strings(item.get("compute", []), f"{where}.compute"))
            driver, cuda, glibcxx = (self._version(item, key, where) for key in ("driver", "cuda", "glibcxx"))
            if is_known and isinstance(python, str) and python.count(".") in (1, 2):
                yield Target(
                    name=name,
                    platform=platform or "",
                    python=python,
                    glibc=glibc,
                    musl=musl,
                    macos=macos,
                    driver=driver,
                    gpus=gpus,
                    compute=compute,
                    cpu=self.mistakes.one_of(item.get("cpu"), CPU_LEVELS, f"{where}.cpu"),
                    cuda=cuda,
                    glibcxx=glibcxx,
                    has_no_gpu=item.get("gpus") == [] and not compute,
                    machine_file=machine,
                )

    def _machine_file(self, item: Mapping[str, Any], where: str) -> str | None:
        text = self.mistakes.text(item.get("machine"), f"{where}.machine")
        if text is not None and (not text or "\0" in text):
            self.mistakes.add(f"{where}.machine", "the path of a recorded machine is expected here")
            return None
        return text

    def _version(self, item: Mapping[str, Any], key: str, where: str) -> str | None:
        """A text that looks like a version; that of a driver is checked where drivers are known."""
        text = self.mistakes.text(item.get(key), f"{where}.{key}")
        if key != "driver" and text is not None and not re.fullmatch(r"\d{1,4}(\.\d{1,4}){1,3}", text):
            self.mistakes.add(f"{where}.{key}", f"{text!r} is not a version such as '12.4'")
            return None
        return text

    def _floor(self, item: Mapping[str, Any], key: str, where: str) -> tuple[int, int] | None:
        text = self.mistakes.text(item.get(key), f"{where}.{key}")
        if text is None:
            return None
        if match := re.fullmatch(r"(\d+)\.(\d+)", text):
            return int(match[1]), int(match[2])
        self.mistakes.add(f"{where}.{key}", f"{text!r} is not a version such as '2.31'")
        return None
