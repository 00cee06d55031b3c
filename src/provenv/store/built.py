"""The shelf of built wheels: which wheel was made from what, so that a build happens once.

::

    v1/built/ab/<key>                      one small record; the wheel itself lies among the blobs

The key is a digest of everything that decides a build; whoever asks makes it. Losing a record costs a build.
"""

from __future__ import annotations

import os

from provenv.store.failure import told_as_install_error
from provenv.store.packed import pack, unpack
from provenv.store.shelves import read_if_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.store.store import Store

__all__ = ["Built", "find_built", "keep_built"]

_MARK = b"provenv built 2\n"


class Built:
    """One wheel of the store that was built here. ``made_from`` tells of what, for people: ``(what, which)`` pairs."""

    __slots__ = ("filename", "made_from", "sha256", "size")

    def __init__(self, *, filename: str, sha256: str, size: int, made_from: tuple[tuple[str, str], ...]) -> None:
        self.filename = filename
        self.sha256 = sha256
        self.size = size
        self.made_from = made_from

    def __repr__(self) -> str:
        return f"Built({self.filename!r}, {self.sha256[:12]!r})"


def find_built(store: Store, key: str) -> Built | None:
    """The wheel that was built under this key (hex), if it is still there."""
    data = read_if_there(store.place("built", key))
    value = None if data is None else unpack(_MARK, data)
    if value is None or value[0] != key:
        return None
    _, filename, sha256, size, made_from = value
    if store.blob(sha256) is None and store.tree(sha256) is None:
        return None
    return Built(filename=filename, sha256=sha256, size=size, made_from=made_from)


def keep_built(store: Store, key: str, wheel: str, made_from: tuple[tuple[str, str], ...]) -> Built:
    """Take the wheel at that path into the store, and remember what it was made from. Raises InstallError.

    What was kept under the key before is forgotten.
    """
    sha256 = store.adopt(wheel)
    built = Built(
        filename=os.path.basename(wheel), sha256=sha256, size=os.path.getsize(wheel), made_from=tuple(sorted(made_from))
    )
    with told_as_install_error("keep a built wheel in", store.root):
        directory = store.temporary()
        try:
            with open(directory + "/record", "xb") as file:
                file.write(pack(_MARK, (key, built.filename, built.sha256, built.size, built.made_from)))
            store.publish(directory + "/record", store.place("built", key), replaces=True)
        finally:
            store.discard(directory)
    return built
