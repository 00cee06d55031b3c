"""Turns what is asked for into what a project file will say: a requirement, and where its package comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from provenv.errors import UsageError
from provenv.index.local import path_of_url
from provenv.model.wish import Wish
from provenv.net.secrets import redact, split_credentials

__all__ = ["Change", "Manner", "changes_of"]

Rule = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How to write down what is asked for."""

    is_raw: bool = False
    """Direct references stay in the requirement, and no bound is added."""
    is_editable: bool | None = None
    is_in_workspace: bool | None = None
    """Directories become members of the workspace; None: those below its root."""
    rev: str | None = None
    tag: str | None = None
    branch: str | None = None
    extras: tuple[str, ...] = ()
    marker: str | None = None
    bounds: str = "lower"

    def git(self) -> Rule:
        """What the command line says of a repository's state."""
        given = {"rev": self.rev, "tag": self.tag, "branch": self.branch}
        return {key: value for key, value in given.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One package to add."""

    requirement: Requirement
    rule: Rule | None = None
    """What ``sources`` will say of it."""
    member: str | None = None
    """Directory that becomes a member of the workspace, absolute."""
    secret_url: str | None = None
    """The place with user name and password, when it has them: they are not written."""

    @property
    def name(self) -> str:
        """Normalised."""
        return str(canonicalize_name(self.requirement.name))


def changes_of(
    wishes: Sequence[Wish],
    manner: Manner,
    *,
    here: str,
    directory: str,
    root: str,
    find_name: Callable[[Wish, Rule], str],
) -> list[Change]:
    """What to write for each wish. ``here`` is where relative paths begin, ``directory`` holds the project file,
    ``root`` the one of its workspace. ``find_name`` tells the package in a place whose words do not name it.

    Raises UsageError when a flag does not fit what is asked for.
    """
    return [_change(wish, manner, here, directory, root, find_name) for wish in wishes]


def _change(
    wish: Wish, manner: Manner, here: str, directory: str, root: str, find_name: Callable[[Wish, Rule], str]
) -> Change:
    place = wish.requirement.url if wish.requirement is not None else wish.place
    if place is None:
        assert wish.requirement is not None
        _refuse(wish, manner, is_git=False, is_directory=False)
        return Change(requirement=_requirement(wish, wish.requirement.name, manner, wish.requirement.specifier))
    rule = _rule(place, manner, here, directory)
    # The directory of a tool is not there yet: a path through it would lead nowhere.
    full = os.path.normpath(os.path.join(directory, str(rule["path"]))) if "path" in rule else ""
    is_directory = bool(full) and os.path.isdir(full)
    _refuse(wish, manner, is_git="git" in rule, is_directory=is_directory)
    if is_directory and (wish.is_editable or manner.is_editable is not None):
        rule["editable"] = manner.is_editable is not False
    name = wish.name or find_name(wish, rule)
    member = None
    if is_directory and _is_member(full, root, manner):
        member = full
        rule = {"workspace": True, **{key: rule[key] for key in ("editable",) if key in rule}}
    requirement = _requirement(wish, name, manner, SpecifierSet())
    if manner.is_raw:
        requirement.url = _clean(place)
        return Change(requirement=requirement, secret_url=_secret(place))
    return Change(requirement=requirement, rule=rule, member=member, secret_url=_secret(place))


def _requirement(wish: Wish, name: str, manner: Manner, specifier: SpecifierSet) -> Requirement:
    made = Requirement(name)
    made.specifier = specifier
    made.extras = {*wish.extras, *manner.extras}
    made.marker = wish.marker
    if manner.marker is not None:
        both = f"({manner.marker}) and ({wish.marker})" if wish.marker else manner.marker
        made.marker = Marker(both)
    return made


def _refuse(wish: Wish, manner: Manner, *, is_git: bool, is_directory: bool) -> None:
    shown = redact(wish.text)
    if not is_git and (given := manner.git()):
        flags = " and ".join(f"--{key}" for key in given)
        raise UsageError(f"`{shown}` is not a git repository, but {flags} is given")
    if len(manner.git()) > 1:
        raise UsageError("give one of --rev, --tag and --branch")
    if manner.is_editable and not is_directory:
        raise UsageError(f"`{shown}` is not a directory, but --editable is given", hint="only a directory is editable")
    if manner.is_in_workspace and not is_directory and wish.place is not None:
        raise UsageError(f"`{shown}` is not a directory, but --workspace is given")


def _rule(place: str, manner: Manner, here: str, directory: str) -> Rule:
    """The source that a URL or a path means."""
    if place.startswith("git+"):
        return _git_rule(place[4:], manner)
    address, _, fragment = place.partition("#")
    options = [part for part in fragment.split("&") if part and not part.startswith("egg=")]
    subdirectory = [part.partition("=")[2] for part in options if part.startswith("subdirectory=")]
    rest = "&".join(part for part in options if not part.startswith("subdirectory="))
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    if scheme in ("http", "https"):
        rule: Rule = {"url": _clean(address) + (f"#{rest}" if rest else "")}
        return rule | ({"subdirectory": subdirectory[0]} if subdirectory else {})
    if scheme not in ("", "file"):
        raise UsageError(
            f"`{redact(place)}` begins with `{scheme}://`, which provenv cannot read",
            hint="http, https, file and git+https, git+ssh, git+file are known",
        )
    path = path_of_url(address) if scheme else address.removeprefix("file:")
    if path is None:
        raise UsageError(f"`{address}` is a file of another computer")
    path = os.path.expanduser(path)
    if not os.path.exists(os.path.join(here, path)):
        raise UsageError(f"`{place}` does not exist", hint="give the path of a directory, a wheel or a source archive")
    if os.path.isabs(path):
        return {"path": path}
    return {"path": os.path.relpath(os.path.join(here, path), directory).replace(os.sep, "/")}


def _git_rule(place: str, manner: Manner) -> Rule:
    address, _, fragment = place.partition("#")
    subdirectory = [part.partition("=")[2] for part in fragment.split("&") if part.startswith("subdirectory=")]
    start = address.find("://") + 3 if "://" in address else 0
    # The first part may be `user@host`: only an @ in the path begins a revision.
    path_start = address.find("/", start)
    revision = ""
    if path_start >= 0 and "@" in address[path_start:]:
        address, _, revision = address.rpartition("@")
    given = manner.git() or ({"rev": revision} if revision else {})
    return {"git": _clean(address), **given, **({"subdirectory": subdirectory[0]} if subdirectory else {})}


def _is_member(path: str, root: str, manner: Manner) -> bool:
    if manner.is_raw or not os.path.isfile(os.path.join(path, "pyproject.toml")):
        return False
    if manner.is_in_workspace is not None:
        return manner.is_in_workspace
    return path.startswith(os.path.normpath(root) + os.sep)


def _clean(place: str) -> str:
    """Without a password. ``git@`` of a secure shell is no secret, and needed."""
    clean, found = split_credentials(place)
    return clean if found is not None and not _is_shell(place) else place


def _secret(place: str) -> str | None:
    _, found = split_credentials(place)
    return place if found is not None and not _is_shell(place) else None


def _is_shell(place: str) -> bool:
    return "ssh" in place.partition("://")[0]
