"""From a wheel's bytes to the files and manifest of a tree, in a private directory that nobody else sees yet."""

from __future__ import annotations

import os
from collections import deque
from threading import Thread

from provenv.archives.zip import Member, read_archive
from provenv.errors import InputError, IntegrityError
from provenv.store.inflate import Blob, content, write_member
from provenv.store.tree import Tree
from provenv.wheel.filename import WheelName
from provenv.wheel.metadata import WheelFile, parse_entry_points
from provenv.wheel.record import RecordRow, parse_record
from provenv.wheel.scripts import check_script_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from provenv.events import Events

__all__ = ["unpack_wheel"]

_LARGE = 256 << 10
_BATCH_BYTES = 1 << 20
_BATCH_FILES = 64
_LARGEST_METADATA = 16 << 20
_SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")
_UNHASHED = ("RECORD", "RECORD.jws", "RECORD.p7s")


def unpack_wheel(
    blob_path: str, *, sha256: str, filename: str, directory: str, final: str, workers: int, events: Events
) -> Tree:
    """Unpack into ``directory`` (empty, ours); the tree says it lies in ``final``, where the caller will rename it to.

    Every member's size, CRC-32 and RECORD hash is checked, and RECORD must list exactly the members.
    """
    blob = Blob(blob_path, filename)
    try:
        members = read_archive(blob.view, filename)
        head = _Head(blob, members, WheelName.from_filename(filename))
        files = directory + "/files"
        _make_directories(files, members)
        digests = _Crew(blob, head.rows, files, events).run(members, workers)
    finally:
        blob.close()
    entries = sorted((one.path, one.size, one.is_executable, digests[one.path]) for one in members)
    tree = Tree.from_entries(
        tuple(entries),
        directory=final,
        sha256=sha256,
        filename=filename,
        name=head.name.name,
        version=head.version,
        dist_info=head.dist_info,
        data_dir=head.data_dir,
        is_purelib=head.is_purelib,
        entry_points=head.entry_points,
    )
    with open(directory + "/manifest", "xb") as manifest:
        manifest.write(tree.manifest())
    return tree


class _Head:
    """What the ``.dist-info`` directory says, read before any file is written."""

    def __init__(self, blob: Blob, members: tuple[Member, ...], name: WheelName) -> None:
        self.blob = blob
        self.name = name
        self.members = {member.path: member for member in members}
        self.dist_info, self.version = self._dist_info()
        self.data_dir = self._data_dir()
        wheel = WheelFile.from_text(self._text("WHEEL"), self._where("WHEEL"))
        self.is_purelib = wheel.is_purelib
        self._text("METADATA")
        self.rows = self._rows()
        self.entry_points: tuple[tuple[str, str, str], ...] = ()
        if f"{self.dist_info}/entry_points.txt" in self.members:
            where = self._where("entry_points.txt")
            self.entry_points = parse_entry_points(self._text("entry_points.txt"), where)
        for group, script, _ in self.entry_points:
            if group in ("console_scripts", "gui_scripts"):
                check_script_name(script, self._where("entry_points.txt"))

    def _where(self, file: str) -> str:
        return f"{self.blob.subject}: {self.dist_info}/{file}"

    def _dist_info(self) -> tuple[str, str]:
        from packaging.utils import canonicalize_name
        from packaging.version import InvalidVersion, Version

        tops = {path.partition("/")[0] for path in self.members if "/" in path}
        found = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(found) != 1:
            raise IntegrityError(self.blob.subject, expected="one .dist-info directory", actual=f"{found or 'none'}")
        name, _, version = found[0].removesuffix(".dist-info").partition("-")
        try:
            fits = canonicalize_name(name) == self.name.name and Version(version) == self.name.version
        except InvalidVersion:
            fits = False
        if not fits:
            raise IntegrityError(
                self.blob.subject, expected=f"metadata of {self.name.name} {self.name.version}", actual=found[0]
            )
        return found[0], version

    def _data_dir(self) -> str:
        data_dir = self.dist_info.removesuffix(".dist-info") + ".data"
        is_there = False
        for path in self.members:
            if path.startswith(data_dir + "/"):
                is_there = True
                scheme, _, rest = path[len(data_dir) + 1 :].partition("/")
                if scheme not in _SCHEMES or not rest:
                    raise InputError(
                        self.blob.subject, f"{path!r} is in none of the known places ({', '.join(_SCHEMES)})"
                    )
                if scheme == "scripts":
                    check_script_name(rest.rpartition("/")[2], f"{self.blob.subject}: {path}")
        return data_dir if is_there else ""

    def _text(self, file: str) -> str:
        member = self.members.get(f"{self.dist_info}/{file}")
        if member is None:
            raise IntegrityError(self.blob.subject, expected=f"{self.dist_info}/{file}", actual="no such member")
        if member.size > _LARGEST_METADATA:
            raise IntegrityError(self._where(file), expected="at most 16 MiB", actual=f"{member.size} bytes")
        try:
            return content(self.blob, member).decode()
        except UnicodeDecodeError as problem:
            raise InputError(self._where(file), "not UTF-8") from problem

    def _rows(self) -> dict[str, RecordRow]:
        where = self._where("RECORD")
        rows = parse_record(self._text("RECORD"), where)
        unhashed = {f"{self.dist_info}/{file}" for file in _UNHASHED}
        for path in self.members:
            row = rows.get(path)
            if path not in unhashed and (row is None or row.digest is None):
                raise IntegrityError(where, expected=f"a hash of {path!r}", actual="none")
        for path in rows:
            if path not in self.members and path not in unhashed and not path.endswith("/"):
                raise IntegrityError(where, expected=f"the member {path!r}", actual="no such member")
        return rows


def _make_directories(files: str, members: tuple[Member, ...]) -> None:
    os.mkdir(files)
    made = {""}
    for parent in sorted({member.path.rpartition("/")[0] for member in members}):
        missing = []
        while parent not in made:
            missing.append(parent)
            made.add(parent)
            parent = parent.rpartition("/")[0]
        for one in reversed(missing):
            os.mkdir(f"{files}/{one}")


class _Crew:
    """Threads that take batches of members until none is left or one of them fails."""

    def __init__(self, blob: Blob, rows: dict[str, RecordRow], files: str, events: Events) -> None:
        self.blob = blob
        self.rows = rows
        self.files = files
        self.events = events
        self.digests: dict[str, str] = {}
        self.failures: list[BaseException] = []
        self.batches: deque[list[Member]] = deque()

    def run(self, members: tuple[Member, ...], workers: int) -> dict[str, str]:
        self.batches = deque(_batches(members))
        threads = [Thread(target=self._work, daemon=True) for _ in range(min(workers, len(self.batches)) - 1)]
        for thread in threads:
            thread.start()
        self._work()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]
        return self.digests

    def _work(self) -> None:
        try:
            while not self.failures:
                try:
                    batch = self.batches.popleft()
                except IndexError:
                    return
                self._write(batch)
        except BaseException as failure:
            self.failures.append(failure)

    def _write(self, batch: list[Member]) -> None:
        blob, rows, files = self.blob, self.rows, self.files
        for member in batch:
            path = member.path
            self.digests[path] = write_member(blob, member, rows.get(path), f"{files}/{path}")
        if len(batch) > 1:
            blob.release(batch[0].start, batch[-1].end)
        self.events.advanced("unpack", sum(member.size for member in batch), blob.subject)


def _batches(members: Iterable[Member]) -> list[list[Member]]:
    """Large members alone and first, largest before all, so that no thread ends alone; small ones in bundles."""
    large: list[Member] = []
    bundles: list[list[Member]] = []
    bundle: list[Member] = []
    weight = 0
    for member in members:
        if member.size >= _LARGE:
            large.append(member)
            continue
        bundle.append(member)
        weight += member.size
        if weight >= _BATCH_BYTES or len(bundle) >= _BATCH_FILES:
            bundles.append(bundle)
            bundle, weight = [], 0
    if bundle:
        bundles.append(bundle)
    large.sort(key=lambda member: (-member.size, member.path))
    return [[member] for member in large] + bundles
