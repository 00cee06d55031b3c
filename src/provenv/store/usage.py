"""Which environments may use what is in the store, and where files came from: for pruning and for repairs."""

from __future__ import annotations

import os

from provenv.store.durable import name_of
from provenv.store.packed import pack, unpack
from provenv.store.shelves import read_if_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.store.shelves import Shelves

__all__ = ["Origin", "environments", "forget_environment", "keep_origin", "origin", "register"]

_ENVIRONMENT = b"provenv environment 1\n"
_ORIGIN = b"provenv origin 1\n"


class Origin:
    """Where a file can be had again. Only what needs no password to be written down: other URLs are not kept."""

    __slots__ = ("filename", "size", "url")

    def __init__(self, filename: str, url: str, size: int | None) -> None:
        self.filename = filename
        self.url = url
        self.size = size


def register(shelves: Shelves, root: str) -> None:
    """Remember an environment. Where nothing can be written nothing can be pruned either, so that is no failure."""
    root = os.path.realpath(root)
    path = f"{shelves.base}/environments/{name_of(root)}"
    data = pack(_ENVIRONMENT, os.fsencode(root))
    try:
        if read_if_there(path) != data:
            _put(shelves, path, data)
    except OSError:
        return


def environments(shelves: Shelves) -> list[str]:
    """The roots of all environments that were ever registered and not forgotten, sorted."""
    shelf = shelves.base + "/environments"
    found = []
    for name in os.listdir(shelf) if os.path.isdir(shelf) else ():
        root = unpack(_ENVIRONMENT, read_if_there(f"{shelf}/{name}") or b"")
        if root is not None:
            found.append(os.fsdecode(root))
    return sorted(found)


def forget_environment(shelves: Shelves, root: str) -> None:
    """The environment is gone."""
    for place in ("environments", "synced"):
        try:
            os.unlink(f"{shelves.base}/{place}/{name_of(root)}")
        except OSError:
            continue


def keep_origin(shelves: Shelves, sha256: str, filename: str, url: str, size: int | None) -> None:
    """Remember where a file came from. URLs with a user name, or with words that may be secret, are not kept."""
    if "@" in url.partition("://")[2].partition("/")[0] or "?" in url or "#" in url:
        return
    path = shelves.place("origins", sha256)
    try:
        if not os.path.exists(path):
            _put(shelves, path, pack(_ORIGIN, (sha256, filename, url, size)))
    except OSError:
        return


def origin(shelves: Shelves, sha256: str) -> Origin | None:
    """Where a file came from, if that is known."""
    value = unpack(_ORIGIN, read_if_there(shelves.place("origins", sha256)) or b"")
    return None if value is None or value[0] != sha256 else Origin(*value[1:])


def _put(shelves: Shelves, path: str, data: bytes) -> None:
    directory = shelves.temporary()
    try:
        descriptor = os.open(directory + "/record", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        with open(descriptor, "wb") as file:
            file.write(data)
        shelves.publish(directory + "/record", path, replaces=True)
    finally:
        shelves.discard(directory)
