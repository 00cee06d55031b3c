"""The store: everything in it was verified, is read-only, and is complete from the moment it can be seen.

::

    v1/blobs/ab/<sha256>                   files as they were downloaded
    v1/trees/ab/<sha256>/                  a wheel unpacked: files/ and manifest
    v1/bytecode/<tag>/ab/<sha256>/         its byte code: files/ and manifest
    v1/shared/ab/<key>/                    merged site-packages of one set of wheels
    v1/built/ab/<key>                      which wheel was built from what
    v1/origins/ab/<sha256>                 where a file came from, for repairs
    v1/environments/<name>                 which environments may use all this
    v1/durable, v1/synced/<name>           what is known to be on disk
    v1/quarantine/                         what was found rotten
    v1/tmp/                                private work, renamed into place when complete
    v1/locks/, v1/using                    who works on what

Publishing is one rename of a file or directory that is complete, its manifest included. Two processes that make the
same object do no harm: one rename wins, and the other's work is dropped.
"""

from __future__ import annotations

import os

from provenv.errors import InstallError
from provenv.events import Events
from provenv.store.durable import receipt_stamp
from provenv.store.failure import told_as_install_error
from provenv.store.receiving import Receiver
from provenv.store.shelves import Shelves, checked
from provenv.store.tree import Bytecode, Tree, bytecode_key, tag_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from provenv.model.machine import Interpreter

__all__ = ["Store"]


class Store(Shelves):
    """Verified files and unpacked wheels; see ``Shelves`` for where they lie and how they are published."""

    # Blobs

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

    def is_cleared_blob(self, sha256: str) -> bool:
        """Whether a suspect file has the hash that it is named by; if not, it is in the quarantine now."""
        from provenv.store.suspects import is_cleared_blob

        return is_cleared_blob(self, sha256)

    # Trees

    def tree(self, sha256: str) -> Tree | None:
        """The unpacked wheel with this hash, or None when it is not (completely) there."""
        directory = self.place("trees", checked(sha256))
        found = self.manifest(directory)
        if found is None:
            return None
        data, is_suspect = found
        tree = Tree.from_manifest(data, directory, sha256)
        if tree is None or (tree.is_lax and sha256 not in self.lax):
            return None
        if is_suspect:
            from provenv.store.suspects import is_cleared_tree

            return tree if is_cleared_tree(self, tree) else None
        self.touch(directory)
        return tree

    def tree_to_compare(self, sha256: str) -> Tree | None:
        """The same for whoever only compares: what some project let pass proves as much as any other tree."""
        found = self.tree(sha256)
        if found is not None:
            return found
        self.lax.add(sha256)
        found = self.tree(sha256)
        if found is None:
            self.lax.discard(sha256)
        return found

    def mend(self, sha256: str, filename: str, events: Events | None = None) -> Tree | None:
        """The tree of a wheel of which a file was found gone or wrong, whole again; None when it must be fetched.

        What is rotten, of its byte code too, goes to the quarantine; the blob is checked before it is unpacked again.
        """
        from provenv.store.suspects import drop_rotten

        with told_as_install_error(f"mend {filename} in", self.root):
            has_blob = drop_rotten(self, sha256)
        found = self.tree(sha256)
        return found if found is not None or not has_blob else self.unpack(sha256, filename, events)

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
            final = self.place("trees", sha256)
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
                    is_lax=sha256 in self.lax,
                )
                self.publish(directory, final)
            finally:
                self.discard(directory)
        return tree

    # Beside the objects

    def register(self, root: str) -> None:
        """Remember that the environment at ``root`` may use anything that it was installed from. Never fails."""
        from provenv.store.usage import register

        register(self, root)

    def settle(self, *roots: str) -> None:
        """The command is over: what it published, and the environments at ``roots``, are to get to disk.

        With durability ``later`` that is begun and goes on when the process has ended; with ``now`` it is waited for;
        InstallError when it cannot be made sure. Without anything published and without ``roots`` nothing happens.
        """
        if (not self.has_published and not roots) or self.durability == "never" or not self.boot:
            return
        from provenv.store.settling import settle

        self.has_published = False
        if self.durability == "now":
            with told_as_install_error("write to disk", self.root):
                settle(self, {root: receipt_stamp(root) for root in roots}, is_awaited=True)
            return
        try:
            settle(self, {root: receipt_stamp(root) for root in roots}, is_awaited=False)
        except OSError:
            # Nothing is claimed then, so it will be checked after the next boot.
            return

    # Byte code

    def bytecode(self, tree: Tree, interpreter: Interpreter) -> Bytecode | None:
        """The byte code of ``tree`` for this kind of interpreter, if it was compiled before."""
        tag = tag_of(interpreter)
        directory = self.place("bytecode/" + tag, tree.sha256)
        found = self.manifest(directory)
        if found is None:
            return None
        data, is_suspect = found
        bytecode = Bytecode.from_manifest(data, directory, bytecode_key(tag, tree.sha256))
        if bytecode is not None and is_suspect:
            from provenv.store.suspects import is_cleared_bytecode

            return bytecode if is_cleared_bytecode(self, bytecode) else None
        return bytecode

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
                    lambda tree, directory: self.publish(directory, self.place("bytecode/" + tag, tree.sha256)),
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
