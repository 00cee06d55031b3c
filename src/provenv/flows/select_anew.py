"""Selects from a lock: the slow half of ``select``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from packaging.utils import canonicalize_name

from provenv.errors import UsageError
from provenv.flows.choice import Choice
from provenv.flows.world import World
from provenv.lockfile.choices import group_of, section_marker
from provenv.lockfile.read import check_as_written, parse, select
from provenv.model.machine import Interpreter
from provenv.model.plan import Unbuilt, Wanted
from provenv.model.requirement import name_of
from provenv.model.target import Target

__all__ = ["select_anew", "select_for"]


def select_anew(
    world: World, data: bytes, interpreter: Interpreter, choice: Choice, target: str | None = None
) -> list[Wanted | Unbuilt]:
    """What this machine installs from the lock with these bytes. Raises InputError, UsageError, IntegrityError."""
    here = Target.from_interpreter(interpreter)
    return select_for(world, data, choice, environment=dict(interpreter.markers), tags=here.tags(), target=target)


def select_for(
    world: World,
    data: bytes,
    choice: Choice,
    *,
    environment: Mapping[str, str],
    tags: Sequence[str],
    target: str | None = None,
) -> list[Wanted | Unbuilt]:
    """What a machine with that marker environment and those tags installs.

    ``target`` names a target that the lock may tell by a dependency group of its own.
    """
    document = parse(data, world.lock_file)
    check_as_written(data, document, world.lock_file)
    recorded = document.get("tool", {}).get("provenv", {})
    wanted = _Parts(choice, document, world.member)
    targets = {item["name"] for item in recorded.get("targets", [])} & set(document.get("dependency-groups", []))
    if target is not None and targets:
        wanted.groups = (wanted.groups - targets) | ({target} & targets)
    wanted.check_conflicts(recorded.get("conflicts", []))
    items = select(
        document,
        world.lock_file,
        environment=environment,
        tags=tags,
        extras=wanted.extras,
        groups=wanted.groups,
        requested=_requested(recorded, wanted.extras, wanted.groups),
    )
    if choice.only_groups:
        items = _only(items, document, wanted.groups)
    return items


class _Parts:
    """The extras and groups of a lock that a choice means; members of a workspace and their parts are groups too."""

    def __init__(self, choice: Choice, document: Mapping[str, Any], member: str | None) -> None:
        known = set(document.get("dependency-groups", []))
        self._members = {group.partition("--")[2] for group in known if _is_member(group) and group.count("--") == 1}
        self._groups = {group for group in known if "--" not in group}
        self._known = known
        self._extras = set(document.get("extras", []))
        self.extras: set[str] = set()
        recorded = document.get("tool", {}).get("provenv", {})
        root, self._defaults = recorded.get("root"), recorded.get("member-default-groups", {})
        chosen = self._chosen(choice, document, member)
        self.groups = set() if choice.only_groups else {group_of(f"member:{name}") for name in chosen}
        if root in chosen or not chosen or (root is None and not choice.packages and member not in self._members):
            self.extras = _named(choice.extras, choice.all_extras, document.get("extras", []), "extra")
            self.extras -= {canonicalize_name(name) for name in choice.no_extras}
            self.groups |= self._root_groups(choice, document)
        if choice.packages or choice.all_packages or member in self._members or root is None:
            self._of_members(choice, [name for name in chosen if name != root])

    def _chosen(self, choice: Choice, document: Mapping[str, Any], member: str | None) -> list[str]:
        if not self._members:
            if choice.packages or choice.all_packages:
                raise UsageError("the project has no workspace members", hint="leave out --package and --all-packages")
            return []
        if choice.all_packages:
            return sorted(self._members)
        if choice.packages:
            return sorted(_named(choice.packages, False, self._members, "workspace member"))
        if member is not None and member in self._members:
            return [member]
        return [name for group in document.get("default-groups", []) if (name := group.partition("--")[2])]

    def _root_groups(self, choice: Choice, document: Mapping[str, Any]) -> set[str]:
        # `--dev` and `--no-dev` may always be said, as in uv: a script that gives them need not know the project.
        known = [*self._groups, "dev"]
        if choice.only_groups:
            return _named(choice.only_groups, False, known, "group")
        wanted = _named(choice.groups, choice.all_groups, known, "group")
        if choice.has_defaults:
            wanted |= {group for group in document.get("default-groups", []) if not _is_member(group)}
        return wanted - _named(choice.no_groups, False, known, "group")

    def _of_members(self, choice: Choice, chosen: Sequence[str]) -> None:
        """The extras and groups of members; what one of several does not have is no mistake."""
        if not chosen:
            return
        for kind, names, has_all in (
            ("extra", choice.extras, choice.all_extras),
            ("group", (*choice.groups, *choice.only_groups), choice.all_groups),
        ):
            options = {
                group.rpartition("--")[2]: None
                for name in chosen
                for group in self._known
                if group.startswith(group_of(f"member:{name}:{kind}:"))
            }
            here = {*options, *(self._groups | {"dev"} if kind == "group" else self._extras)}
            wanted = set(options) if has_all else _named(names, False, here, kind)
            omitted = {canonicalize_name(name) for name in (choice.no_groups if kind == "group" else choice.no_extras)}
            has_defaults = kind == "group" and choice.has_defaults and not choice.only_groups
            for name in chosen:
                parts = (wanted | set(self._defaults.get(name, ()) if has_defaults else ())) - omitted
                self.groups |= {group_of(f"member:{name}:{kind}:{part}") for part in parts} & self._known

    def check_conflicts(self, conflicts: Sequence[Sequence[str]]) -> None:
        """Raises UsageError when parts are chosen that exclude one another."""
        active = {section_marker(f"extra:{name}") for name in self.extras}
        active |= {f"'{name}' in dependency_groups" for name in self.groups}
        for one in conflicts:
            both = [section for section in one if section_marker(section) in active]
            if len(both) > 1:
                named = " and ".join(f"{kind} `{name}`" for kind, _, name in (item.partition(":") for item in both))
                raise UsageError(f"{named} exclude one another", hint="the project declares so under `conflicts`")


def _is_member(group: str) -> bool:
    return group.startswith("member--")


def _only(
    items: list[Wanted | Unbuilt], document: Mapping[str, Any], groups: Collection[str]
) -> list[Wanted | Unbuilt]:
    """Those that one of the groups brings in: an entry whose marker names none of them is for the project.

    What both the project and a group need has no marker. So the groups' own requirements are followed.
    """
    needs: dict[str, set[str]] = {}
    for package in document["packages"]:
        needs.setdefault(package["name"], set()).update(item["name"] for item in package.get("dependencies", []))
    recorded = document.get("tool", {}).get("provenv", {}).get("groups", {})
    waiting = [name_of(line) for group in groups for line in recorded.get(group, [])]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += needs.get(name, ())
    return [item for item in items if item.name in reached]


def _named(names: tuple[str, ...], has_all: bool, known: Collection[str], kind: str) -> set[str]:
    if has_all:
        return set(known)
    wanted = {str(canonicalize_name(name)) for name in names}
    for name in sorted(wanted - set(known)):
        from difflib import get_close_matches

        close = get_close_matches(name, known, 1)
        hint = f"did you mean `{close[0]}`?" if close else f"the lock has {', '.join(sorted(set(known))) or 'none'}"
        raise UsageError(f"there is no {kind} named `{name}`", hint=hint)
    return wanted


def _requested(recorded: Mapping[str, Any], extras: Collection[str], groups: Collection[str]) -> set[str]:
    """The packages that the project names itself; another tool's lock does not tell."""
    lines = list(recorded.get("requires", []))
    for key, chosen in (("extras", extras), ("groups", groups)):
        for name, texts in recorded.get(key, {}).items():
            if name in chosen:
                lines += texts
    return set(map(name_of, lines))
