"""Which bytes the archives of this computer are that a project names. On the warm path."""

from __future__ import annotations

import os

from provenv.flows.memory import digest, recall, remember

__all__ = ["archive_digests", "stamp_of"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from provenv.flows.aimed import Reference
    from provenv.flows.world import World


def stamp_of(path: str) -> str:
    """Changes when the file is written again; empty when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"


def archive_digests(world: World, references: Iterable[tuple[str, Reference]]) -> list[tuple[str, str]]:
    """Package and SHA-256 of every reference to a file of this computer; each is read once. One that cannot be read
    has an empty digest.
    """
    found = []
    for name, reference in references:
        if reference["kind"] == "archive" and reference["url"].startswith("file:"):
            from provenv.index.local import path_of_url

            if (path := path_of_url(reference["url"])) is not None:
                found.append((name, _digest(world.cache, path)))
    return found


def _digest(cache: str, path: str) -> str:
    key = digest(path, stamp_of(path))
    known = recall(cache, "archives", key)
    if known is None:
        import hashlib

        try:
            with open(path, "rb") as file:
                known = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return ""
        remember(cache, "archives", key, known)
    return str(known)
