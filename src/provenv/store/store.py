"""The store: everything in it was verified, is read-only, and is complete from the moment it can be seen.

::

    v1/blobs/ab/<sha256>                   files as they were downloaded
    v1/trees/ab/<sha256>/                  a wheel unpacked: files/ and manifest
    v1/bytecode/<tag>/ab/<sha256>/         its byte code: files/ and manifest
    v1/shared/ab/<key>/                    merged site-packages of one set of wheels
    v1/tmp/                                private work, renamed into place when complete
    v1/locks/                              who works on what

Publishing is one rename of a file or directory that is complete, its manifest included. Two processes that make the
same object do no harm: one rename wins, and the other's work is dropped.
"""

from __future__ import annotations

import os

from provenv.errors import InstallError, IntegrityError
from provenv.events import Events
from provenv.store.failure import told_as_install_error
from provenv.store.guard import Guard
from provenv.store.receiving import Receiver
from provenv.store.tree import Bytecode, Tree, is_manifest, tag_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from provenv.model.machine import Interpreter

__all__ = ["Store"]


class Store:
    """Content-addressed files under ``root``; making one touches nothing.

    ``workers`` is how many threads or processes one job may use. With ``is_durable`` whatever is published was synced
    to disk before; without, a power cut may lose recent objects, never a crash of a process.
    """

    def __init__(self, root: str | os.PathLike[str], *, workers: int | None = None, is_durable: bool = False) -> None:
        self.root = os.path.abspath(os.fspath(root))
        self.base = self.root + "/v1"
        self.workers = workers or _core_count()
        self.is_durable = is_durable

    # Blobs

    def blob(self, sha256: str) -> str | None:
        """Absolute path of the file with this hash, or None."""
        path = self._place("blobs", _checked(sha256))
        return path if os.path.exists(path) else None

    def receive(
        self,
        *,
        sha256: str | None = None,
        size: int | None = None,
        subject: str = "file",
        events: Events | None = None,
    ) -> Receiver:
        """Use as ``with store.receive(sha256=...) as receiver``; write unless ``receiver.is_present``.

        At the end of a block without error the bytes are checked against hash and size and published; an IntegrityError
        that names ``subject`` says that they differ, and nothing is kept. Two processes that want the same hash take
        turns, so that the second finds it present. Without a hash, ``receiver.sha256`` tells it afterwards.
        """
        return Receiver(self, sha256=sha256, size=size, subject=subject, events=events or Events())

    def adopt(self, path: str | os.PathLike[str], sha256: str | None = None, *, events: Events | None = None) -> str:
        """Copy a local file into the store, hashing it on the way; its SHA-256."""
        subject = os.path.basename(path)
        with self.receive(sha256=sha256, subject=subject, events=events) as receiver:
            if not receiver.is_present:
                with told_as_install_error("read", os.fspath(path)), open(path, "rb") as source:
                    while chunk := source.read(1 << 20):
                        receiver.write(chunk)
        return receiver.sha256

    # Trees

    def tree(self, sha256: str) -> Tree | None:
        """The unpacked wheel with this hash, or None when it is not (completely) there."""
        directory = self._place("trees", _checked(sha256))
        data = _read(directory + "/manifest")
        return None if data is None else Tree.from_manifest(data, directory, sha256)

    def unpack(self, sha256: str, filename: str, events: Events | None = None) -> Tree:
        """Unpack the blob of a wheel, unless its tree exists; every member is checked against RECORD."""
        found = self.tree(sha256)
        if found is not None:
            return found
        from provenv.store.unpacking import unpack_wheel

        events = events or Events()
        with (
            told_as_install_error(f"unpack {filename} into", self.root),
            self.guard("tree-" + sha256, events, filename),
        ):
            found = self.tree(sha256)
            if found is not None:
                return found
            blob = self.blob(sha256)
            if blob is None:
                raise InstallError(f"{filename} (sha256 {sha256}) is not in the store {self.root}")
            final = self._place("trees", sha256)
            directory = self.temporary()
            try:
                tree = unpack_wheel(
                    blob,
                    sha256=sha256,
                    filename=filename,
                    directory=directory,
                    final=final,
                    workers=self.workers,
                    events=events,
                )
                self.publish(directory, final)
            finally:
                self.discard(directory)
        return tree

    # Byte code

    def bytecode(self, tree: Tree, interpreter: Interpreter) -> Bytecode | None:
        """The byte code of ``tree`` for this kind of interpreter, if it was compiled before."""
        directory = self._place("bytecode/" + tag_of(interpreter), tree.sha256)
        data = _read(directory + "/manifest")
        return None if data is None else Bytecode.from_manifest(data, directory)

    def compile(
        self, trees: Iterable[Tree], interpreter: Interpreter, events: Events | None = None
    ) -> dict[str, Bytecode]:
        """Byte code of all ``trees``, by SHA-256 of the wheel; what is missing is compiled by ``interpreter``."""
        from provenv.store.bytecode import compile_trees

        events = events or Events()
        trees = list(trees)
        found, missing = self._compiled(trees, interpreter)
        if not missing:
            return found
        tag = tag_of(interpreter)
        guard = self.guard("bytecode-" + tag, events, f"byte code for {tag}")
        with told_as_install_error("keep byte code in", self.root), guard:
            found, missing = self._compiled(trees, interpreter)
            work = [(tree, self.temporary()) for tree in missing]
            try:
                compile_trees(
                    work,
                    interpreter,
                    self.workers,
                    events,
                    lambda tree, directory: self.publish(directory, self._place("bytecode/" + tag, tree.sha256)),
                )
            finally:
                for _, directory in work:
                    self.discard(directory)
        found, missing = self._compiled(trees, interpreter)
        if missing:
            raise InstallError(f"the byte code of {missing[0].filename} could not be kept in {self.root}")
        return found

    def _compiled(self, trees: Iterable[Tree], interpreter: Interpreter) -> tuple[dict[str, Bytecode], list[Tree]]:
        found: dict[str, Bytecode] = {}
        missing: dict[str, Tree] = {}
        for tree in trees:
            bytecode = self.bytecode(tree, interpreter)
            if bytecode is None:
                missing[tree.sha256] = tree
            else:
                found[tree.sha256] = bytecode
        return found, list(missing.values())

    # How everything is published

    def place(self, kind: str, key: str) -> str:
        """Absolute path where the object ``key`` (hex) of a kind of our own lies, once it is published."""
        return self._place(kind, key)

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

    def _place(self, kind: str, key: str) -> str:
        return f"{self.base}/{kind}/{key[:2]}/{key}"


def _checked(sha256: str) -> str:
    if len(sha256) != 64 or sha256.strip("0123456789abcdef"):
        raise IntegrityError(repr(sha256), expected="64 lower-case hex digits", actual="something else")
    return sha256


def _core_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_complete(directory: str) -> bool:
    data = _read(directory + "/manifest")
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
