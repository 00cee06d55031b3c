"""Where objects of the store lie, and how each becomes visible: complete, with one rename."""

from __future__ import annotations

import os

from provenv.errors import IntegrityError
from provenv.store.guard import Guard
from provenv.store.tree import is_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.events import Events

__all__ = ["Shelves", "checked", "read_if_there"]


class Shelves:
    """Places of content-addressed objects under ``root``; making one touches nothing.

    ``workers`` is how many threads or processes one job may use. With ``is_durable`` whatever is published was synced
    to disk before; without, a power cut may lose recent objects, never a crash of a process.
    """

    def __init__(self, root: str | os.PathLike[str], *, workers: int | None = None, is_durable: bool = False) -> None:
        self.root = os.path.abspath(os.fspath(root))
        self.base = self.root + "/v1"
        self.workers = workers or _core_count()
        self.is_durable = is_durable

    def blob(self, sha256: str) -> str | None:
        """Absolute path of the file with this hash, or None."""
        path = self.place("blobs", checked(sha256))
        return path if os.path.exists(path) else None

    def place(self, kind: str, key: str) -> str:
        """Absolute path where the object ``key`` (hex) of a kind lies, once it is published."""
        return f"{self.base}/{kind}/{key[:2]}/{key}"

    def temporary(self) -> str:
        """A new private directory on the store's file system; the caller removes or publishes it."""
        parent = self.base + "/tmp"
        os.makedirs(parent, exist_ok=True)
        directory = f"{parent}/{os.urandom(12).hex()}"
        os.mkdir(directory, 0o700)
        return directory

    def discard(self, directory: str) -> None:
        """Remove a private directory, if it is still there."""
        if os.path.isdir(directory):
            from shutil import rmtree

            rmtree(directory, ignore_errors=True)

    def guard(self, key: str, events: Events, what: str) -> Guard:
        """A lock for one object, to be used in ``with``."""
        os.makedirs(self.base + "/locks", exist_ok=True)
        return Guard(f"{self.base}/locks/{key}", events, what)

    def publish(self, source: str, final: str) -> None:
        """Rename a complete file or directory into its place; a complete object that is there already wins."""
        if self.is_durable:
            _sync(source)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        if os.path.isdir(source):
            os.chmod(source, 0o755)
            if os.path.isdir(final) and not _is_complete(final):
                # Damaged by a power cut or by hand: out of the way, the new one is whole.
                os.rename(final, self.temporary() + "/damaged")
        try:
            os.rename(source, final)
        except OSError:
            if not os.path.isdir(final):
                raise
        if self.is_durable:
            _sync_one(os.path.dirname(final))


def checked(sha256: str) -> str:
    """The hash, if it is one in the form of file names. Raises IntegrityError."""
    if len(sha256) != 64 or sha256.strip("0123456789abcdef"):
        raise IntegrityError(repr(sha256), expected="64 lower-case hex digits", actual="something else")
    return sha256


def _core_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_if_there(path: str) -> bytes | None:
    """The bytes of a file, or None when it is not there."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_complete(directory: str) -> bool:
    data = read_if_there(directory + "/manifest")
    return data is not None and is_manifest(data)


def _sync(source: str) -> None:
    if os.path.isfile(source):
        _sync_one(source)
        return
    for directory, _, files in os.walk(source):
        for file in files:
            _sync_one(f"{directory}/{file}")
        _sync_one(directory)


def _sync_one(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
