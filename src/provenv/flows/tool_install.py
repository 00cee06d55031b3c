"""Installs tools for good: each is a small project of its own, and its programs are linked to one directory."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import tomlkit
from packaging.utils import canonicalize_name

from provenv.errors import InputError, InstallError, UsageError
from provenv.flows import files
from provenv.flows.additions import Additions
from provenv.flows.choice import Choice
from provenv.flows.edit import all_or_nothing
from provenv.flows.environment import alone
from provenv.flows.given import given_project, package_name
from provenv.flows.known_lock import known_lock
from provenv.flows.lock import lock
from provenv.flows.sync import Synced, sync
from provenv.flows.tool import Request, Shelf, executables
from provenv.flows.world import World
from provenv.net.secrets import redact

__all__ = ["Tool", "install", "installed", "tool", "uninstall", "upgrade"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """An installed tool."""

    name: str
    version: str
    requirements: tuple[str, ...]
    programs: tuple[tuple[str, str], ...]
    """Name of each program, and where it was linked."""
    python: str | None = None
    """The interpreter that was asked for."""


def installed(world: World, shelf: Shelf) -> list[Tool]:
    """All tools, by name. Raises InputError when a receipt cannot be read."""
    try:
        names = sorted(os.listdir(shelf.directory))
    except FileNotFoundError:
        return []
    return [found for name in names if (found := tool(world, shelf, name)) is not None]


def tool(world: World, shelf: Shelf, name: str) -> Tool | None:
    """The installed tool of that name."""
    path = shelf.receipt(name)
    data = files.read_if_there(path)
    if data is None:
        return None
    try:
        told = tomllib.loads(data.decode())["tool"]
        programs = tuple((item["name"], item["install-path"]) for item in told["entrypoints"])
        requirements = tuple(told["requirements"])
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise InputError(
            path, f"is not a receipt: {error}", hint=f"`provenv tool install --force {name}` makes it anew"
        ) from error
    there = world.at(shelf.place(name))
    locked = files.read_if_there(there.lock_file)
    versions = known_lock(there, locked).versions.get(name, ()) if locked is not None else ()
    return Tool(
        name=name,
        version=versions[-1] if versions else "",
        requirements=requirements,
        programs=programs,
        python=told.get("python"),
    )


def install(
    world: World,
    shelf: Shelf,
    request: Request,
    additions: Additions,
    *,
    is_editable: bool = False,
    is_forced: bool = False,
    upgrades: bool = False,
) -> tuple[Tool, Synced | None]:
    """Install a tool, or bring it to what is asked for now; what was done, None when there was nothing to do.

    A directory may be installed as ``is_editable``. A program of somebody else is replaced only when ``is_forced``.
    Raises InstallError, UsageError for a package without programs, and every error of ``sync``; what was there before
    is then still there.
    """
    itself = (request.requirement,)
    asked = Additions(
        (*(() if is_editable else itself), *additions.requirements),
        here=additions.here,
        editables=(*(itself if is_editable else ()), *additions.editables),
        files=additions.files,
        variables=additions.variables,
    )
    name = package_name(world, request.requirement, additions.here)
    before = tool(world, shelf, name) if not is_forced else None
    requirements = tuple(
        redact(text)
        for text in (*asked.requirements, *(f"--editable {place}" for place in asked.editables), *asked.files)
    )
    is_same = before is not None and before.requirements == requirements and before.python == world.python_request
    world.refresh = world.refresh or request.is_latest
    if before is not None and is_same and not (request.is_latest or upgrades):
        return before, None
    there = world.at(shelf.place(name))
    project = given_project(there, asked, None)
    with alone(world, there.directory), _whole(there, shelf, tool(world, shelf, name) if not is_forced else None):
        files.replace(there.project_file, project)
        synced = _synced(there, shelf, before, upgrades=upgrades or request.is_latest)
        made = _linked(there, shelf, name, requirements, synced, is_forced=is_forced)
    return made, synced


def upgrade(world: World, shelf: Shelf, name: str) -> tuple[Tool, Tool]:
    """Bring a tool to the newest version that it was asked for with; the tool before and after. Raises UsageError."""
    before = _known(world, shelf, name)
    there = world.at(shelf.place(before.name))
    there.python_request = world.python_request or before.python
    with alone(world, there.directory), _whole(there, shelf, before):
        synced = _synced(there, shelf, before, upgrades=True)
        after = _linked(there, shelf, before.name, before.requirements, synced, is_forced=False)
    return before, after


def uninstall(world: World, shelf: Shelf, name: str) -> Tool:
    """Remove a tool with the programs that were linked. Raises UsageError when there is none, and InstallError."""
    found = _known(world, shelf, name)
    with alone(world, shelf.place(found.name)):
        _take_off(shelf, found)
        files.remove(shelf.receipt(found.name))
        _remove(shelf.place(found.name))
    return found


def _known(world: World, shelf: Shelf, name: str) -> Tool:
    found = tool(world, shelf, str(canonicalize_name(name)))
    if found is None:
        raise UsageError(f"`{name}` is not installed", hint="`provenv tool list` shows what is")
    return found


def _synced(there: World, shelf: Shelf, before: Tool | None, *, upgrades: bool) -> Synced:
    """Bring the environment of a tool to its lock; while it changes, its programs are not to be found."""
    if upgrades:
        lock(there, upgrade=True)
    if before is not None and not sync(there, Choice(), is_dry=True).plan.is_empty:
        _take_off(shelf, before)
    return sync(there, Choice())


def _take_off(shelf: Shelf, one: Tool) -> None:
    for _, path in one.programs:
        _unlink(shelf, one.name, path)


@contextmanager
def _whole(there: World, shelf: Shelf, before: Tool | None) -> Iterator[None]:
    """When the block fails, a new tool leaves nothing behind, and an old one is as it was."""
    is_new = not os.path.exists(there.project_file)
    try:
        os.makedirs(there.directory, exist_ok=True)
    except OSError as error:
        raise InstallError(f"{there.directory}: cannot be made: {error.strerror}") from error
    try:
        with all_or_nothing(there):
            yield
    except BaseException:
        if is_new:
            shutil.rmtree(there.directory, ignore_errors=True)
        elif os.path.exists(there.lock_file):
            sync(there, Choice(), is_frozen=True)
            if before is not None:
                _link_all(before.programs, _programs_of(there))
        raise


def _linked(
    there: World, shelf: Shelf, name: str, requirements: Sequence[str], synced: Synced, *, is_forced: bool
) -> Tool:
    """Link the programs of a tool, drop links to those that are gone, and write the receipt."""
    wheel = next((item for item in (*synced.plan.install, *synced.plan.keep) if item.name == name), None)
    names = executables(there, wheel) if wheel is not None else []
    if wheel is None or not names:
        raise UsageError(
            f"the package `{name}` has no programs", hint="`provenv add` makes a library part of a project"
        )
    links = [(one, os.path.join(shelf.programs, one)) for one in names]
    foreign = [path for _, path in links if os.path.lexists(path) and not _is_ours(shelf, name, path)]
    if foreign and not is_forced:
        raise InstallError(
            f"{foreign[0]} exists already, and is not of this tool; nothing was changed",
            hint="move it away, or give --force to replace it",
        )
    old = tool(there, shelf, name)
    _link_all(links, _programs_of(there))
    for _, path in old.programs if old is not None else ():
        if path not in [linked for _, linked in links]:
            _unlink(shelf, name, path)
    made = Tool(
        name=name,
        version=wheel.version,
        requirements=tuple(requirements),
        programs=tuple(links),
        python=there.python_request,
    )
    files.replace(shelf.receipt(name), _receipt(made))
    return made


def _programs_of(there: World) -> str:
    return os.path.join(there.environment_directory, "Scripts" if os.name == "nt" else "bin")


def _link_all(links: Sequence[tuple[str, str]], directory: str) -> None:
    for name, path in links:
        source = os.path.join(directory, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            temporary = f"{path}.{os.getpid()}.tmp"
            if os.name == "nt":
                shutil.copyfile(f"{source}.exe", temporary)
                path += ".exe"
            else:
                os.symlink(source, temporary)
            os.replace(temporary, path)
        except OSError as error:
            raise InstallError(f"{path}: cannot be linked: {error.strerror}") from error


def _is_ours(shelf: Shelf, name: str, path: str) -> bool:
    """Whether a link leads into the environment of this tool."""
    return os.path.islink(path) and os.readlink(path).startswith(shelf.place(name) + os.sep)


def _unlink(shelf: Shelf, name: str, path: str) -> None:
    if _is_ours(shelf, name, path) or (os.name == "nt" and os.path.isfile(path)):
        files.remove(path)


def _receipt(made: Tool) -> bytes:
    table = tomlkit.table()
    table["requirements"] = list(made.requirements)
    if made.python is not None:
        table["python"] = made.python
    points = tomlkit.array()
    for name, path in made.programs:
        point = tomlkit.inline_table()
        point.update({"name": name, "install-path": path, "from": made.name})
        points.append(point)
    points.multiline(True)
    table["entrypoints"] = points
    document = tomlkit.document()
    document["tool"] = table
    return tomlkit.dumps(document).encode()


def _remove(place: str) -> None:
    try:
        shutil.rmtree(place)
    except OSError as error:
        raise InstallError(f"{place}: cannot be removed: {error.strerror}") from error
