"""Adds requirements to a project file and removes them, keeping its comments and order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from provenv.errors import InputError, UsageError
from provenv.flows import files
from provenv.flows.bounds import bounds_of
from provenv.flows.credentials import use_secrets
from provenv.flows.discover import package_of
from provenv.flows.document import Document, text_of
from provenv.flows.edits import Change, Manner, changes_of
from provenv.flows.lock import Locked, lock
from provenv.flows.project_file import read_project
from provenv.flows.workspace import members_of
from provenv.flows.world import Draft, World
from provenv.index.location import split_name
from provenv.model.project import Project
from provenv.model.requirement import name_of
from provenv.model.wish import Wish
from provenv.net.secrets import split_credentials

__all__ = ["Addition", "Place", "add", "all_or_nothing", "edited_file", "enter", "remove"]

_START = "run `provenv init` to start a project"


class Place:
    """Which list of the project file: its dependencies, an extra or a group."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: str = "", name: str = "") -> None:
        self.kind = kind
        """``""``, ``extra`` or ``group``."""
        self.name = name

    def path(self) -> tuple[str, ...]:
        """The keys from the top of the file to the list."""
        match self.kind:
            case "extra":
                return "project", "optional-dependencies", self.name
            case "group":
                return "dependency-groups", self.name
            case _:
                return "project", "dependencies"


@dataclass(frozen=True, kw_only=True, slots=True)
class Addition:
    """Everything that one ``add`` is asked for."""

    wishes: Sequence[Wish]
    place: Place
    manner: Manner
    here: str
    """Where relative paths of the wishes begin, absolute."""
    constraints: Sequence[Wish] = ()
    """Bounds for this choice; they are not written down."""
    indexes: Sequence[str] = ()
    """Indexes to write down, before those that are there: each a URL or ``NAME=URL``."""
    default_index: str | None = None
    is_frozen: bool = False
    """Neither lock nor add bounds."""


@contextmanager
def all_or_nothing(world: World) -> Iterator[None]:
    """When the block fails or is interrupted, project files and lock are put back as they were."""
    before = {path: files.read_if_there(path) for path in {world.project_file, edited_file(world), world.lock_file}}
    try:
        yield
    except BaseException:
        for path, data in before.items():
            _put_back(path, data)
        raise


@contextmanager
def _drafted(world: World) -> Iterator[None]:
    """Project file (or script) and lock are written once, at the end of the block: a kill leaves each old or new.

    Not what a workspace's member says of itself: backends and others read that from its file while locking. A kill may
    leave there what was asked for, without the bounds of what was chosen.
    """
    draft = world.draft = Draft()
    try:
        yield
    finally:
        world.draft = None
    if draft.project is not None:
        world.put_project(draft.project)
    if draft.lock is not None:
        world.put_lock(draft.lock)


def edited_file(world: World) -> str:
    """The file that an edit changes: a script, the project file of the workspace member the command was given in, or
    the root's."""
    if world.member_directory is None:
        return world.project_file
    return os.path.join(world.member_directory, "pyproject.toml")


def enter(world: World, name: str) -> None:
    """Go where ``--package NAME`` says: into a member of the workspace, or its root. Raises UsageError."""
    project = read_project(world.project_data(), world.project_file)
    normal = str(canonicalize_name(name))
    members = members_of(world.directory, project.workspace, project.name).all if project.workspace else ()
    directories = {member.name: member.directory for member in members}
    if normal == project.name:
        world.member, world.member_directory = None, None
    elif normal in directories:
        world.member, world.member_directory = normal, directories[normal]
    else:
        known = ", ".join(filter(None, [project.name, *directories]))
        raise UsageError(f"there is no workspace member named `{name}`", hint=f"the workspace has {known or 'none'}")


def _data(world: World, file: str) -> bytes:
    """What the file says, a script's block told as a project file."""
    return world.project_data() if file == world.project_file else files.read(file, _START)


def add(world: World, addition: Addition) -> Locked | None:
    """Add requirements, lock, and give a bare name the bounds of what was chosen (as uv does).

    Project file and lock change together or not at all: after any failure both are as they were. User names and
    passwords of URLs are used, and not written.
    """
    file = edited_file(world)
    before = _data(world, file)
    project = read_project(before, file)
    directory = os.path.dirname(file)
    changes = changes_of(
        addition.wishes,
        addition.manner,
        here=addition.here,
        directory=directory,
        root=world.directory,
        find_name=lambda wish, rule: package_of(world, wish, rule, directory),
    )
    _check_place(project, changes, addition.place, file)
    _remember_secrets(world, changes)
    with all_or_nothing(world), _drafted(world):
        document = Document(before, file)
        bare = [change.name for change in changes if _is_bare(change)]
        for change in changes:
            _write(document, change, addition)
        _write_indexes(world, document, addition, directory)
        _save(world, document, file)
        for change in changes:
            if change.member is not None:
                _add_member(world, document, change.member)
        if addition.is_frozen:
            return None
        return _locked(world, document, file, addition, [] if addition.manner.is_raw else bare)


def remove(world: World, names: Sequence[str], place: Place, *, is_frozen: bool = False) -> Locked | None:
    """Take requirements out and lock. Raises InputError when one is not there; then nothing has changed.

    What ``sources`` say of a package goes, too, when no list names it any more.
    """
    file = edited_file(world)
    before = _data(world, file)
    project = read_project(before, file)
    document = Document(before, file)
    array = document.array(*place.path())
    for name in names:
        normal = str(canonicalize_name(name))
        found = [number for number, text in enumerate(array) if name_of(str(text)) == normal]
        if not found:
            raise InputError(
                f"{file}: {'.'.join(place.path())}", f"`{name}` is not there", hint=_elsewhere(project, normal)
            )
        for number in reversed(found):
            del array[number]
        if not document.needs(normal):
            document.drop_source(normal)
    with all_or_nothing(world), _drafted(world):
        _save(world, document, file)
        return None if is_frozen else lock(world)


# -- the project file -------------------------------------------------------------------------------------


def _check_place(project: Project, changes: Sequence[Change], place: Place, file: str) -> None:
    if project.workspace is not None and not project.has_project and place.kind != "group":
        raise InputError(
            file,
            "there is no [project] that could need something",
            hint="add one, or use --dev or --group: groups do without",
        )
    for change in changes:
        if change.name == project.name and place.kind == "":
            raise UsageError(
                f"the project itself is named `{change.name}`, and cannot need itself",
                hint="rename the project if its name hides another package; extras and groups may name it",
            )


def _is_bare(change: Change) -> bool:
    """Whether it names no version and no place."""
    requirement = change.requirement
    return not requirement.specifier and requirement.url is None and change.rule is None


def _write(document: Document, change: Change, addition: Addition) -> None:
    document.put(document.array(*addition.place.path()), change.requirement)
    if change.rule is not None:
        document.put_source(change.name, change.rule)
    elif change.requirement.url is not None:
        document.drop_source(change.name)


def _write_indexes(world: World, document: Document, addition: Addition, directory: str) -> None:
    """Write down where the flags say to look; the first of them comes first."""
    for text in reversed(addition.indexes):
        name, url = split_name(text)
        document.put_index(name, _index_url(url, directory), is_default=False)
    if addition.default_index is not None:
        name, url = split_name(addition.default_index)
        document.put_index(name, _index_url(url, directory), is_default=True)
    urls = [split_name(text)[1] for text in (*addition.indexes, addition.default_index or "")]
    if use_secrets(world, urls):
        world.events.warned(
            "user name and password of an index are not written: give them in PROVENV_INDEX_<NAME>_USERNAME and "
            "_PASSWORD, in netrc or in a keyring"
        )


def _index_url(url: str, directory: str) -> str:
    clean, _ = split_credentials(url)
    if "://" in clean or not os.path.isabs(clean):
        return clean
    relative = os.path.relpath(clean, directory)
    return clean if relative.startswith("..") else relative.replace(os.sep, "/")


def _add_member(world: World, document: Document, directory: str) -> None:
    """Make a directory a member of the workspace, unless it is one; the root's file may be the one being edited."""
    root = document
    if document.where != world.project_file:
        root = Document(world.project_data(), world.project_file)
    project = read_project(root.data(), world.project_file)
    if project.workspace is not None:
        known = members_of(world.directory, project.workspace, project.name).all
        if any(os.path.realpath(member.directory) == os.path.realpath(directory) for member in known):
            return
    relative = os.path.relpath(directory, world.directory)
    pattern = directory if relative.startswith("..") else relative
    root.add_member(pattern.replace(os.sep, "/"))
    _save(world, root, world.project_file)
    world.events.noted(f"`{pattern}` is now a member of the workspace")


def _save(world: World, document: Document, file: str) -> None:
    if file == world.project_file:
        world.put_project(document.data())
    else:
        files.replace(file, document.data())


def _remember_secrets(world: World, changes: Sequence[Change]) -> None:
    """User names and passwords of direct references serve this command only."""
    if use_secrets(world, [change.secret_url or "" for change in changes]):
        world.events.warned("user name and password of a URL are not written: give them in netrc or in a keyring")


def _put_back(path: str, data: bytes | None) -> None:
    if files.read_if_there(path) == data:
        return
    if data is None:
        files.remove(path)
    else:
        files.replace(path, data)


def _elsewhere(project: Project, name: str) -> str:
    """Where a package is that was not found where it was looked for."""
    places = {"without --dev, --group and --optional": project.dependencies}
    places |= {f"with --optional {extra}": lines for extra, lines in project.extras.items()}
    places |= {"with --dev" if group == "dev" else f"with --group {group}": it for group, it in project.groups.items()}
    found = [words for words, lines in places.items() if any(name_of(line.text) == name for line in lines)]
    if found:
        return f"it is somewhere else: `provenv remove {name}` {' or '.join(found)} takes it out"
    return "only what the project itself names can be removed; `provenv tree` shows who needs a package"


# -- locking ----------------------------------------------------------------------------------------------


def _locked(world: World, document: Document, file: str, addition: Addition, bare: Sequence[str]) -> Locked:
    """Lock, give bare names their bounds, and lock again: the second time keeps what was chosen the first time."""
    if addition.constraints:
        _constrain(world, document.data(), file, addition.constraints)
    locked = lock(world)
    is_bounded = _bounded(document, addition, bare, locked.new)
    if not is_bounded and not addition.constraints:
        return locked
    _save(world, document, file)
    old = locked.old
    locked = lock(world.settled())
    return Locked(
        locked.data, old, locked.new, is_changed=True, is_written=True, warnings=locked.warnings, notes=locked.notes
    )


def _constrain(world: World, data: bytes, file: str, constraints: Sequence[Wish]) -> None:
    """Put bounds into the file for the first of two locks; the second one keeps what was chosen, without them."""
    document = Document(data, file)
    array = document.array("tool", document.home("constraint-dependencies"), "constraint-dependencies")
    for wish in constraints:
        if wish.requirement is None:
            raise InputError(wish.where, f"`{wish.text}` is no constraint", hint="write it as `name<2`")
        array.append(text_of(wish.requirement))
    _save(world, document, file)


def _bounded(
    document: Document, addition: Addition, bare: Sequence[str], chosen: Mapping[str, tuple[str, ...]]
) -> bool:
    """Give each bare requirement the bounds of the lowest version chosen; whether anything was changed."""
    array = document.array(*addition.place.path())
    is_changed = False
    for number, text in enumerate(array):
        name = name_of(str(text))
        versions = [version for version in chosen.get(name, ()) if version]
        if name not in bare or not versions:
            continue
        requirement = Requirement(str(text))
        if requirement.specifier or requirement.url is not None:
            continue
        lowest = min(versions, key=Version)
        requirement.specifier = SpecifierSet(bounds_of(lowest, addition.manner.bounds))
        array[number] = text_of(requirement)
        is_changed = True
    return is_changed
