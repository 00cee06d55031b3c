"""Takes distributions out of an environment: by our receipt, or by the RECORD that another tool wrote."""

from __future__ import annotations

import os

from provenv.errors import InputError
from provenv.wheel.record import parse_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from provenv.env.paths import Paths
    from provenv.events import Events

__all__ = ["foreign_files", "remove_files"]


def foreign_files(paths: Paths, dist_info: str, events: Events) -> list[str]:
    """Paths, relative to the root, that the RECORD of ``dist_info`` names inside the environment.

    A row that leads out of the environment, or that belongs to the environment itself, is not followed; ``events``
    hears of it.
    """
    directory = paths.absolute(dist_info)
    if os.path.islink(directory) or not os.path.isdir(directory):
        return [dist_info]
    try:
        rows = list(parse_record(_text_of(directory + "/RECORD"), directory + "/RECORD"))
    except (OSError, UnicodeDecodeError, InputError):
        events.warned(f"{directory} has no usable RECORD: only that directory is removed")
        rows = []
    site = dist_info.rpartition("/")[0]
    found = {f"{dist_info}/{name}" for name in os.listdir(directory)}
    for row in rows:
        path = os.path.normpath(f"{site}/{row}").replace(os.sep, "/")
        if os.path.isabs(row) or path.startswith("../") or path == ".." or _is_own(path, paths):
            events.warned(f"{directory}/RECORD names {row}, which is not the package's own: left alone")
            continue
        found.add(path)
    return sorted(found)


def _text_of(path: str) -> str:
    """The text of a file; of a pipe or device, where reading might never end, FileNotFoundError."""
    if not os.path.isfile(path):
        raise FileNotFoundError(path)
    with open(path, encoding="utf-8") as file:
        return file.read()


def _is_own(path: str, paths: Paths) -> bool:
    name = path.rpartition("/")[2]
    if path.startswith(paths.scripts + "/"):
        return name.lower().startswith("activate.") or name.lower() in ("activate", "python", "python3", "python.exe")
    return "/" not in path and name in ("pyvenv.cfg", "provenv-receipt", "provenv-receipt.unfinished", ".gitignore")


def remove_files(root: str, files: Iterable[str], last: str) -> None:
    """Remove ``files`` (relative to ``root``), the byte code that Python wrote for them, and directories left empty.

    What lies in ``last``, the ``.dist-info`` directory, goes after everything else: until then its RECORD tells, after
    a crash, what is left to remove. Nothing is followed through a link in the place of a directory: the link goes.
    """
    links: set[str] = set()
    by_directory: dict[str, list[str]] = {}
    for path in files:
        parent, _, name = path.rpartition("/")
        by_directory.setdefault(parent, []).append(name)
    # Programs go first: what can be started is complete.
    order = sorted(by_directory, key=lambda parent: parent not in ("bin", "Scripts"))
    order.sort(key=lambda parent: parent == last or parent.startswith(last + "/"))
    for parent in order:
        if (link := _link_in(root, parent)) is not None:
            links.add(link)
            continue
        directory = f"{root}/{parent}" if parent else root
        names = by_directory[parent]
        if parent == last:
            names.sort(key=lambda name: name == "RECORD")
        _remove_names(directory, names)
    for link in links:
        os.unlink(f"{root}/{link}")
    # Also when nothing was left in it: a crash may have come between the last file and its directory.
    for parent in sorted(_with_parents([*by_directory, last]), key=lambda parent: -parent.count("/")):
        _remove_if_empty(root, parent)


def _link_in(root: str, directory: str) -> str | None:
    """The first part of ``directory`` that is a link in its place; None when there is none, or it is the usual one."""
    place = ""
    for part in directory.split("/") if directory else ():
        place = f"{place}/{part}" if place else part
        if os.path.islink(f"{root}/{place}"):
            is_usual = place == "lib64" and os.readlink(f"{root}/{place}") == "lib"
            if not is_usual:
                return place
    return None


def _remove_names(directory: str, names: list[str]) -> None:
    modules = set()
    for name in names:
        _unlink(f"{directory}/{name}")
        if name.endswith(".py"):
            modules.add(name[:-3])
    if not modules:
        return
    cache = directory + "/__pycache__"
    if os.path.islink(cache):
        os.unlink(cache)
        return
    try:
        compiled = os.listdir(cache)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in compiled:
        if name.endswith(".pyc") and name.partition(".")[0] in modules:
            _unlink(f"{cache}/{name}")
    if len(os.listdir(cache)) == 0:
        os.rmdir(cache)


def _unlink(path: str) -> None:
    """Remove a file; what is none stays, for whoever puts another one there."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (IsADirectoryError, PermissionError):
        if not os.path.isdir(path):
            raise


def _with_parents(directories: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for directory in directories:
        while directory and directory not in found:
            found.add(directory)
            directory = directory.rpartition("/")[0]
    return found


def _remove_if_empty(root: str, directory: str) -> None:
    """Leave alone what the environment itself needs, even when empty."""
    if directory.endswith("/site-packages") or "/" not in directory:
        if directory not in ("etc", "share", "man"):
            return
    elif directory.startswith(("lib/", "Lib/")) and "site-packages" not in directory:
        return
    try:
        os.rmdir(f"{root}/{directory}")
    except OSError:
        # Not empty, or gone already: both are fine.
        return
