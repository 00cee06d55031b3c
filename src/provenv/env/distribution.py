"""One wheel on its way into an environment: the files that are linked, and those that are written for this place."""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64encode

from provenv.env import receipt as receipts
from provenv.env.layout import record_path
from provenv.env.placing import HARDLINK, Directories, Placer
from provenv.store.failure import told_as_install_error
from provenv.store.tree import MTIME_NS
from provenv.wheel.record import write_record
from provenv.wheel.scripts import launcher, rewritten, windows_launcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from provenv.env.layout import Layout
    from provenv.env.paths import Paths
    from provenv.env.receipt import FileRow
    from provenv.events import Events
    from provenv.model.plan import Wanted

__all__ = ["Distribution", "Work", "record_hash"]

_INSTALLER = b"provenv\n"


def record_hash(digest: bytes) -> str:
    """``digest`` in RECORD's form: URL-safe base64 without padding."""
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


class Distribution:
    """One wheel about to be installed: its layout, and the files that are written for this environment."""

    def __init__(self, wanted: Wanted, layout: Layout, paths: Paths, *, has_scripts: bool = True) -> None:
        self.wanted = wanted
        self.layout = layout
        self.where = wanted.filename
        self.generated: list[tuple[str, bytes, bool]] = []
        """``(destination, content, is_executable)``, RECORD last."""
        self.linked_scripts: list[tuple[str, str]] = []
        """``(source directory, name)`` of programs that need no change."""
        self.written: dict[str, int] = {}
        """Modification time of each generated file, in nanoseconds, once it is there."""
        if has_scripts:
            self._scripts(paths)
        self._dist_info(paths)

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
        entries = {path: (size, sha256) for path, size, _, sha256 in tree.entries}
        for path, destination, is_executable in self.layout.scripts:
            source = f"{tree.files}/{path}"
            with told_as_install_error("read", source), open(source, "rb") as file:
                start = file.read(8)
                if is_executable and start != b"#!python":
                    self.linked_scripts.append((source.rpartition("/")[0], destination))
                    size, sha256 = entries[path]
                    self.layout.owned.append((destination, size, True, sha256))
                    continue
                data = start + file.read()
            self.generated.append((destination, rewritten(data, python), True))

    def _dist_info(self, paths: Paths) -> None:
        layout, site = self.layout, self.layout.site
        small = [("INSTALLER", _INSTALLER)]
        if self.wanted.is_requested:
            small.append(("REQUESTED", b""))
        if self.wanted.direct_url is not None:
            small.append(("direct_url.json", self.wanted.direct_url.encode()))
        self.generated += [(f"{layout.dist_info}/{name}", data, False) for name, data in small]
        rows = [(record_path(site, path), f"sha256={sha256}", str(size)) for path, size, _, sha256 in layout.owned]
        rows += [(record_path(site, path), "", "") for path, _ in layout.compiled]
        rows += [
            (record_path(site, path), f"sha256={record_hash(hashlib.sha256(data).digest())}", str(len(data)))
            for path, data, _ in self.generated
        ]
        rows.append((f"{layout.tree.dist_info}/RECORD", "", ""))
        rows.sort()
        self.generated.append((f"{layout.dist_info}/RECORD", write_record(rows).encode(), False))

    def owned(self) -> tuple[str, list[tuple[str, str]]]:
        """The distribution and ``(destination, sha256)`` of its files."""
        rows = [(path, sha256) for path, _, _, sha256 in self.layout.owned]
        rows += [(path, record_hash(hashlib.sha256(data).digest())) for path, data, _ in self.generated]
        return f"{self.wanted.name} {self.wanted.version}", rows

    def receipt_item(self, mode: str) -> tuple[receipts.ReceiptItem, tuple[FileRow, ...]]:
        """What the receipt says about it, RECORD first, after everything was written."""
        plain, program = (0o444, 0o555) if mode == HARDLINK else (0o644, 0o755)
        rows = [
            (path, len(data), self.written[path], 0o755 if is_executable else 0o644)
            for path, data, is_executable in reversed(self.generated)
        ]
        rows += [
            (path, size, MTIME_NS, program if is_executable else plain)
            for path, size, is_executable, _ in self.layout.owned
        ]
        rows += [(path, size, MTIME_NS, plain) for path, size in self.layout.compiled]
        item = receipts.ReceiptItem(
            name=self.wanted.name,
            version=self.wanted.version,
            sha256=self.wanted.sha256,
            dist_info=self.layout.dist_info,
            is_requested=self.wanted.is_requested,
        )
        return item, tuple(rows)


class Work:
    """The part that writes."""

    def __init__(self, paths: Paths, events: Events, mode: str, workers: int) -> None:
        self.paths = paths
        self.events = events
        self.mode = mode
        self.workers = workers
        self.directories = Directories(paths.root)

    def install(self, distributions: Iterable[Distribution]) -> None:
        """First every ``.dist-info``, then the rest."""
        distributions = list(distributions)
        first: list[tuple[str, str, list[str]]] = []
        rest: list[tuple[str, str, list[str]]] = []
        for one in distributions:
            for destination, sources in one.layout.links.items():
                tasks = [(source, destination, names) for source, names in sources]
                (first if destination == one.layout.dist_info else rest).extend(tasks)
            for source, destination in one.linked_scripts:
                parent, _, name = destination.rpartition("/")
                rest.append((source, parent, [name]))
        for one in distributions:
            for destination, data, is_executable in reversed(one.generated):
                one.written[destination] = self._write(destination, data, is_executable=is_executable)
        placer = Placer(self.paths.root, self.directories, self.mode)
        placer.place(first, 1)
        placer.place(rest, self.workers)
        for one in distributions:
            self.events.advanced("link", 1, one.wanted.name)

    def _write(self, destination: str, data: bytes, *, is_executable: bool) -> int:
        """A new file; its modification time in nanoseconds."""
        self.directories.make(destination.rpartition("/")[0])
        path = self.paths.absolute(destination)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        mode = 0o755 if is_executable else 0o644
        try:
            descriptor = os.open(path, flags, mode)
        except FileExistsError:
            os.unlink(path)
            descriptor = os.open(path, flags, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            return os.fstat(descriptor).st_mtime_ns
        finally:
            os.close(descriptor)
