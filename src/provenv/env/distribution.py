"""One wheel on its way into an environment: the files that are linked, and those that are written for this place."""

from __future__ import annotations

import hashlib
import os

from provenv.env import receipt as receipts
from provenv.env.collision import Owner
from provenv.env.layout import Layout, record_path
from provenv.env.placing import HARDLINK, Directories, Placer, make_room
from provenv.errors import InstallError
from provenv.store.failure import told_as_install_error
from provenv.store.tree import MTIME_NS
from provenv.wheel.record import digest_for_record, write_record
from provenv.wheel.scripts import launcher, rewritten, windows_launcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import TypeAlias

    from provenv.env.paths import Paths
    from provenv.env.placing import Task
    from provenv.events import Events
    from provenv.model.plan import Wanted
    from provenv.store.tree import Bytecode, Tree

    Mend: TypeAlias = Callable[[Wanted, str], tuple[Tree, Bytecode | None]]
    """Unpacks a wheel anew of which a file (by its path in the store) is no longer what it was."""

__all__ = ["Distribution", "Work", "place"]

_INSTALLER = b"provenv\n"


class Distribution:
    """One wheel about to be installed: its layout, and the files that are written for this environment."""

    def __init__(self, wanted: Wanted, layout: Layout, paths: Paths, *, has_scripts: bool = True) -> None:
        self.wanted = wanted
        self.layout = layout
        self.where = wanted.filename
        self.generated: list[tuple[str, bytes, bool]] = []
        """``(destination, content, is_executable)``, RECORD last."""
        self.linked_scripts: list[tuple[str, str, int]] = []
        """``(path in the tree, destination, size)`` of programs that need no change."""
        self.written: dict[str, int] = {}
        """Modification time of each generated file, in nanoseconds, once it is there."""
        if has_scripts:
            self._scripts(paths)
        self.generated = [one for one in self.generated if one[0] not in layout.lost]
        self._dist_info()

    def _scripts(self, paths: Paths) -> None:
        tree, python = self.layout.tree, paths.absolute(paths.python)
        for group, name, reference in tree.entry_points:
            if group not in ("console_scripts", "gui_scripts"):
                continue
            if paths.is_windows:
                data = windows_launcher(name, reference, python, self.where, is_gui=group == "gui_scripts")
                self.generated.append((f"{paths.scripts}/{name}.exe", data, True))
            else:
                self.generated.append((f"{paths.scripts}/{name}", launcher(name, reference, python, self.where), True))
        sizes = {path: size for path, size, _, _ in tree.entries} if self.layout.scripts else {}
        for path, destination, is_executable in self.layout.scripts:
            source = f"{tree.files}/{path}"
            with told_as_install_error("read", source), open(source, "rb") as file:
                start = file.read(8)
                if is_executable and start != b"#!python":
                    self.linked_scripts.append((path, destination, sizes[path]))
                    continue
                data = start + file.read()
            self.generated.append((destination, rewritten(data, python), True))

    def _dist_info(self) -> None:
        layout, site = self.layout, self.layout.site
        small = [("INSTALLER", _INSTALLER)]
        if self.wanted.is_requested:
            small.append(("REQUESTED", b""))
        if self.wanted.direct_url is not None:
            small.append(("direct_url.json", self.wanted.direct_url.encode()))
        self.generated += [(f"{layout.dist_info}/{name}", data, False) for name, data in small]
        rows = [
            (record_path(site, path), f"sha256={digest_for_record(hashlib.sha256(data).digest())}", str(len(data)))
            for path, data, _ in self.generated
        ]
        if self.linked_scripts:
            digests = {path: sha256 for path, _, _, sha256 in layout.tree.entries}
            rows += [
                (record_path(site, destination), f"sha256={digests[path]}", str(size))
                for path, destination, size in self.linked_scripts
            ]
        rows.append((f"{layout.tree.dist_info}/RECORD", "", ""))
        self.generated.append((f"{layout.dist_info}/RECORD", (layout.record + write_record(rows)).encode(), False))

    def owner(self) -> Owner:
        """What it owns, for the check of collisions."""
        groups: list[tuple[str, Iterable[str]]] = [(directory, names) for _, directory, names in self.layout.links]
        single = [path for path, _, _ in self.generated] + [path for _, path, _ in self.linked_scripts]
        groups += [(path.rpartition("/")[0], (path.rpartition("/")[2],)) for path in single]
        return Owner(f"{self.wanted.name} {self.wanted.version}", groups, self._digest, is_kept=False)

    def _digest(self, path: str) -> str | None:
        parent, _, name = path.rpartition("/")
        for place, data, _ in self.generated:
            if place == path:
                return digest_for_record(hashlib.sha256(data).digest())
        tree = self.layout.tree
        sources = [f"{tree.files}/{source}" for source, place, _ in self.linked_scripts if place == path]
        sources += [
            f"{source}/{name}" for source, place, names in self.layout.links if place == parent and name in names
        ]
        inside = tree.files + "/"
        for wanted, _, _, sha256 in tree.entries:
            if any(source == inside + wanted for source in sources):
                return sha256
        return None

    def receipt_item(self, mode: str) -> tuple[receipts.ReceiptItem, bytes]:
        """What the receipt says about it, RECORD first, after everything was written."""
        plain, program = (0o444, 0o555) if mode == HARDLINK else (0o644, 0o755)
        rows = [
            (path, len(data), self.written[path], 0o755 if is_executable else 0o644)
            for path, data, is_executable in reversed(self.generated)
        ]
        rows += [(destination, size, MTIME_NS, program) for _, destination, size in self.linked_scripts]
        item = receipts.ReceiptItem(
            name=self.wanted.name,
            version=self.wanted.version,
            sha256=self.wanted.sha256,
            dist_info=self.layout.dist_info,
            is_requested=self.wanted.is_requested,
            is_reduced=bool(self.layout.lost),
        )
        parts = tuple((prefix, MTIME_NS, plain, program, body) for prefix, body in self.layout.parts)
        return item, receipts.body(tuple(rows), parts)


class Work:
    """The part that writes."""

    def __init__(
        self, paths: Paths, events: Events, mode: str, workers: int, replaceable: Collection[str] = ()
    ) -> None:
        self.paths = paths
        self.events = events
        self.mode = mode
        self.workers = workers
        self.directories = Directories(paths.root, replaceable)

    def install(self, distributions: Iterable[Distribution]) -> dict[Distribution, str]:
        """First every ``.dist-info``, then the rest, and programs last: what can be started is complete.

        Distributions with a file that is not what the store put there once (it was edited through a link), and which
        file of the store that is; it is looked at presence, size, time and permissions.
        """
        distributions = list(distributions)
        first: list[Task] = []
        rest: list[Task] = []
        for one in distributions:
            for source, place, names, sizes in one.layout.sized_links():
                (first if place == one.layout.dist_info else rest).append((source, place, names, sizes))
            programs = {path for path, _, is_executable in one.layout.scripts if is_executable}
            for path, destination, size in one.linked_scripts:
                source, _, name = f"{one.layout.tree.files}/{path}".rpartition("/")
                rest.append((source, destination.rpartition("/")[0], (name,), (~size if path in programs else size,)))
        for one in distributions:
            for destination, data, is_executable in reversed(one.generated):
                if not is_executable:
                    one.written[destination] = self._write(destination, data, is_executable=False)
        placer = Placer(self.paths.root, self.directories, self.mode)
        poisoned = [*placer.place(first, 1), *placer.place(rest, self.workers)]
        for one in distributions:
            for destination, data, is_executable in one.generated:
                if is_executable:
                    one.written[destination] = self._write(destination, data, is_executable=True)
        found = _by_distribution(poisoned, distributions) if poisoned else {}
        for one in distributions:
            # What must be placed once more is not installed yet.
            if one not in found:
                self.events.advanced("link", 1, one.wanted.name)
        return found

    def _write(self, destination: str, data: bytes, *, is_executable: bool) -> int:
        """A new file; its modification time in nanoseconds."""
        self.directories.make(destination.rpartition("/")[0])
        path = self.paths.absolute(destination)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        mode = 0o755 if is_executable else 0o644
        try:
            descriptor = os.open(path, flags, mode)
        except FileExistsError:
            make_room(path)
            descriptor = os.open(path, flags, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            written = os.fstat(descriptor).st_mtime_ns
        finally:
            os.close(descriptor)
        if not is_executable:
            return written
        # Two distributions may bring the same program: then both have put there what is there, whoever came last.
        os.utime(path, ns=(MTIME_NS, MTIME_NS))
        return MTIME_NS


def place(
    work: Work, distributions: list[Distribution], mend: Mend | None, *, has_scripts: bool = True
) -> list[Distribution]:
    """Install all; what came from an edited file of the store is mended there, and placed once more.

    InstallError when that cannot be, or does not help.
    """
    poisoned = work.install(distributions)
    if not poisoned:
        return distributions
    if mend is None:
        raise _edited(next(iter(poisoned.values())))
    again = []
    for one, source in poisoned.items():
        layout = Layout.from_tree(*mend(one.wanted, source), work.paths)
        if one.layout.lost:
            layout.leave(one.layout.lost)
        fresh = Distribution(one.wanted, layout, work.paths, has_scripts=has_scripts)
        if not has_scripts:
            fresh.linked_scripts = one.linked_scripts
        again.append(fresh)
    if still := work.install(again):
        raise _edited(next(iter(still.values())))
    return [*(one for one in distributions if one not in poisoned), *again]


def _edited(source: str) -> InstallError:
    return InstallError(f"{source} was changed in the store", hint="`provenv store verify --repair` mends it")


def _by_distribution(sources: Iterable[str], distributions: Iterable[Distribution]) -> dict[Distribution, str]:
    found: dict[Distribution, str] = {}
    for source in sorted(sources):
        for one in distributions:
            if one not in found and any(source.startswith(place + "/") for place in one.layout.places()):
                found[one] = source
    return found
