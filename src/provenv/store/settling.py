"""Begins the sync to disk at the end of a command that published something."""

from __future__ import annotations

import os

from provenv.store.durable import Pending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from provenv.store.shelves import Shelves

__all__ = ["settle"]


def settle(shelves: Shelves, stamps: Mapping[str, str], *, is_awaited: bool) -> None:
    """Sync the store and environments (root to the stamp of its receipt), then record it. Raises OSError."""
    shelves.enter_boot()
    shelves.make(shelves.base + "/synced")
    stamps = {root: stamp for root, stamp in stamps.items() if stamp}
    pending = Pending(shelves.base, stamps, shelves.file_mode)
    pending.promise(shelves.known.synced(pending.began))
    places = [*_parts(shelves.base), *stamps]
    if is_awaited:
        pending.wait(places)
    else:
        pending.begin(places)


def _parts(base: str) -> list[str]:
    """The store, and those of its shelves that lie on other devices."""
    device = os.stat(base).st_dev
    places = [f"{base}/{name}" for name in ("blobs", "bytecode", "built", "shared", "trees")]
    return [base, *(place for place in places if os.path.isdir(place) and os.stat(place).st_dev != device)]
