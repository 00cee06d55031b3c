"""From a wheel's bytes to the files and manifest of a tree, in a private directory that nobody else sees yet.

One wheel is many pieces of work, so that a crew can be at several wheels at once and none of its threads waits for the
last member of one of them.
"""

from __future__ import annotations

import hashlib
import os
from functools import partial
from threading import Lock

from provenv.archives.judge import Judge
from provenv.archives.zip import Member, read_archive
from provenv.errors import InputError, InstallError, IntegrityError
from provenv.store.crew import FIRST, Crew
from provenv.store.failure import told_as_install_error
from provenv.store.inflate import LONG, Source, content, write_member
from provenv.store.tree import Tree
from provenv.wheel.contents import check_metadata, check_record, check_tags
from provenv.wheel.filename import WheelName
from provenv.wheel.metadata import WheelFile, parse_entry_points
from provenv.wheel.record import RecordRow, digest_for_record, parse_record
from provenv.wheel.scripts import check_data_path, check_entry_point, check_script_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from provenv.events import Events

__all__ = ["Unpacking", "unpack_wheel"]

_LARGE = LONG
_BATCH_BYTES = 1 << 20
_BATCH_FILES = 64
_LARGEST_GAP = 64 << 10
_STEP = 12 << 10
"""What a file costs beside its bytes, in bytes that could be inflated in that time."""
_LARGEST_METADATA = 16 << 20
_SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")


def unpack_wheel(
    blob_path: str,
    *,
    sha256: str,
    filename: str,
    directory: str,
    final: str,
    workers: int,
    events: Events,
    is_lax: bool = False,
) -> Tree:
    """Unpack into ``directory`` (empty, ours); the tree says it lies in ``final``, where the caller will rename it to.

    Every member's size, CRC-32 and RECORD hash is checked, and RECORD must list exactly the members; ``is_lax``: the
    user lets pass what is only sloppy.
    """
    work = Unpacking(
        blob_path,
        sha256=sha256,
        filename=filename,
        directory=directory,
        final=final,
        events=events,
        is_proven=True,
        is_lax=is_lax,
        is_thorough=True,
    )
    try:
        with Crew(workers) as crew:
            work.begin(crew, lambda: None)
        return work.result()
    finally:
        work.close()


class Unpacking:
    """One wheel that becomes a tree. Without ``is_proven`` the whole file is hashed beside it, and must have the hash.

    Of long members RECORD's word is taken, unless ``is_thorough``: see ``write_member``.
    Nothing of the directory may be used before ``result`` returned the tree.
    """

    def __init__(
        self,
        path: str,
        *,
        sha256: str,
        filename: str,
        directory: str,
        final: str,
        events: Events,
        is_proven: bool,
        is_lax: bool = False,
        is_thorough: bool = False,
    ) -> None:
        self.sha256 = sha256
        self.filename = filename
        self.directory = directory
        self._path = path
        self._final = final
        self._events = events
        self._is_proven = is_proven
        self._is_thorough = is_thorough
        self._files = directory + "/files"
        self._source: Source | None = None
        self._head: _Head | None = None
        self._members: tuple[Member, ...] = ()
        self._judge = Judge(filename, is_lax=is_lax)
        self._promised: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        self._draft: Tree | None = None
        """The tree as RECORD promises it, made while others still write."""
        self._tree: Tree | None = None
        self._refusal: BaseException | None = None
        """That the bytes are not those that were promised: it explains every other failure."""
        self._failures: list[BaseException] = []
        self._left = 0
        self._lock = Lock()
        self._crew = Crew(1)
        self._then: Callable[[], object] = lambda: None
        self._publish: Callable[[], object] = lambda: None

    def begin(self, crew: Crew, then: Callable[[], object], publish: Callable[[], object] = lambda: None) -> None:
        """Let the crew do it. One of its threads calls ``publish`` when the tree is complete, and ``then`` at the end,
        whatever came of it.
        """
        self._crew, self._then, self._publish = crew, then, publish
        self._add(FIRST, self._open)

    def result(self) -> Tree:
        """The tree, when all is done; raises what went wrong: IntegrityError, InputError or InstallError."""
        if self._refusal is not None:
            raise self._refusal
        if self._failures:
            raise self._failures[0]
        if self._tree is None:
            raise InstallError(f"{self.filename} was not unpacked: the command ended before")
        return self._tree

    def close(self) -> None:
        """Let go of all files; the crew is not at it any more."""
        if self._source is not None:
            self._source.close()

    @property
    def _is_given_up(self) -> bool:
        return self._crew.is_stopped or bool(self._failures) or self._refusal is not None

    # What the crew does

    def _add(self, weight: int, work: Callable[[], None], *, is_fiddly: bool = False) -> None:
        with self._lock:
            self._left += 1
        self._crew.add(weight, lambda: self._do(work), is_fiddly=is_fiddly)

    def _do(self, work: Callable[[], None]) -> None:
        """One piece of work; whoever did the last one finishes the tree. Nothing is raised."""
        try:
            with told_as_install_error(f"unpack {self.filename} into", self._final):
                work()
                is_last = self._is_last()
                if is_last and not self._is_given_up:
                    self._finish()
        except BaseException as failure:
            is_last = self._left == 0 or self._is_last()
            self._failures.append(failure)
        if is_last:
            self.close()
            self._then()

    def _is_last(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left == 0

    def _open(self) -> None:
        self._source = source = Source(self._path, self.filename, lambda: self._is_given_up)
        if not self._is_proven:
            self._add(source.status.st_size // 2, self._prove)
        name = WheelName.from_filename(self.filename)
        self._judge.package = name.name
        mapped = source.map()
        try:
            with memoryview(mapped) as view:
                self._members = read_archive(view, self.filename, self._judge)
        finally:
            mapped.close()
        self._head = _Head(source, self._members, name, self._judge)
        _make_directories(self._files, self._members)
        self._promised = self._head.promised()
        if len(self._promised) == len(self._members):
            self._add(len(self._members) * _STEP, self._sketch, is_fiddly=True)
        for batch in _batches(self._members):
            weight = sum(member.size + _STEP for member in batch)
            self._add(weight, partial(self._write, batch), is_fiddly=len(batch) > 1)

    def _prove(self) -> None:
        assert self._source is not None
        actual = self._source.sha256(lambda: self._crew.is_stopped)
        if actual != self.sha256 and not self._crew.is_stopped:
            self._refusal = IntegrityError(
                self.filename,
                expected=f"sha256 {self.sha256}",
                actual=actual,
                hint="the file is not the one that was promised; nothing was kept",
            )

    def _write(self, batch: list[Member]) -> None:
        source, head = self._source, self._head
        assert source is not None
        assert head is not None
        begin = batch[0].start
        packed = memoryview(source.read(begin, batch[-1].end)) if len(batch) > 1 else None
        for member in batch:
            if self._is_given_up:
                return
            path = member.path
            piece = None if packed is None else packed[member.start - begin : member.end - begin]
            row, place = head.rows.get(path), f"{self._files}/{path}"
            self._digests[path] = write_member(source, member, row, place, piece, is_thorough=self._is_thorough)
        self._events.advanced("unpack", sum(member.size for member in batch), source.subject)

    def _sketch(self) -> None:
        self._draft = self._described(self._promised)

    def _described(self, digests: Mapping[str, str]) -> Tree:
        head = self._head
        assert head is not None
        entries = sorted((one.path, one.size, one.is_executable, digests[one.path]) for one in self._members)
        return Tree.from_entries(
            tuple(entries),
            directory=self._final,
            sha256=self.sha256,
            filename=self.filename,
            name=head.name.name,
            version=head.version,
            dist_info=head.dist_info,
            data_dir=head.data_dir,
            is_purelib=head.is_purelib,
            entry_points=head.entry_points,
            is_lax=bool(self._judge.waived),
        )

    def _finish(self) -> None:
        source = self._source
        assert source is not None
        if not self._is_proven and not source.is_unchanged:
            raise IntegrityError(
                self.filename,
                expected="a file that nobody changes",
                actual=f"{self._path} was changed while it was read",
                hint="run the command again",
            )
        tree = (self._draft if self._digests == self._promised else None) or self._described(self._digests)
        with open(self.directory + "/manifest", "xb") as manifest:
            manifest.write(tree.manifest())
        self._publish()
        self._tree = tree


class _Head:
    """What the ``.dist-info`` directory says, read before any file is written."""

    def __init__(self, source: Source, members: tuple[Member, ...], name: WheelName, judge: Judge) -> None:
        self.source = source
        self.name = name
        self.judge = judge
        self.members = {member.path: member for member in members}
        self.dist_info, self.version = self._dist_info()
        self.data_dir = self._data_dir()
        wheel = self._text("WHEEL")
        self.is_purelib = WheelFile.from_text(wheel, self._where("WHEEL")).is_purelib
        check_tags(wheel, name, self.dist_info, judge)
        check_metadata(self._text("METADATA"), name, self.dist_info, judge)
        record = self._text("RECORD")
        self._record = digest_for_record(hashlib.sha256(record.encode()).digest())
        self.rows = self._rows(record)
        self.entry_points: tuple[tuple[str, str, str], ...] = ()
        if f"{self.dist_info}/entry_points.txt" in self.members:
            where = self._where("entry_points.txt")
            self.entry_points = parse_entry_points(self._text("entry_points.txt"), where)
        for group, script, reference in self.entry_points:
            if group in ("console_scripts", "gui_scripts"):
                check_entry_point(script, reference, self._where("entry_points.txt"))

    def _where(self, file: str) -> str:
        return f"{self.source.subject}: {self.dist_info}/{file}"

    def _dist_info(self) -> tuple[str, str]:
        from packaging.utils import canonicalize_name
        from packaging.version import InvalidVersion, Version

        tops = {path.partition("/")[0] for path in self.members if "/" in path}
        found = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(found) != 1:
            raise IntegrityError(self.source.subject, expected="one .dist-info directory", actual=f"{found or 'none'}")
        name, _, version = found[0].removesuffix(".dist-info").partition("-")
        try:
            fits = canonicalize_name(name) == self.name.name and Version(version) == self.name.version
        except InvalidVersion:
            fits = False
        if not fits:
            raise IntegrityError(
                self.source.subject, expected=f"metadata of {self.name.name} {self.name.version}", actual=found[0]
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
                        self.source.subject, f"{path!r} is in none of the known places ({', '.join(_SCHEMES)})"
                    )
                if scheme == "scripts":
                    check_script_name(rest.rpartition("/")[2], f"{self.source.subject}: {path}")
                if scheme == "data":
                    check_data_path(rest, f"{self.source.subject}: {path}")
        return data_dir if is_there else ""

    def _text(self, file: str) -> str:
        member = self.members.get(f"{self.dist_info}/{file}")
        if member is None:
            raise IntegrityError(self.source.subject, expected=f"{self.dist_info}/{file}", actual="no such member")
        if member.size > _LARGEST_METADATA:
            raise IntegrityError(self._where(file), expected="at most 16 MiB", actual=f"{member.size} bytes")
        try:
            return content(self.source, member).decode()
        except UnicodeDecodeError as problem:
            raise InputError(self._where(file), "not UTF-8") from problem

    def promised(self) -> dict[str, str]:
        """The SHA-256 of each member that RECORD has one of, and that of RECORD, as RECORD writes them."""
        found = {path: row.sha256 for path, row in self.rows.items() if row.sha256 and path in self.members}
        return found | {f"{self.dist_info}/RECORD": self._record}

    def _rows(self, record: str) -> dict[str, RecordRow]:
        rows = parse_record(record, self._where("RECORD"))
        check_record(self.members, rows, self.dist_info, self.judge)
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


def _batches(members: Iterable[Member]) -> list[list[Member]]:
    """Large members alone, small neighbours in bundles that are read at once."""
    found: list[list[Member]] = []
    bundle: list[Member] = []
    weight = 0
    for member in members:
        if member.size >= _LARGE or member.end - member.start >= _LARGE:
            found.append([member])
            continue
        is_far = bool(bundle) and member.start - bundle[-1].end > _LARGEST_GAP
        if bundle and (is_far or weight >= _BATCH_BYTES or len(bundle) >= _BATCH_FILES):
            found.append(bundle)
            bundle, weight = [], 0
        bundle.append(member)
        weight += member.size
    if bundle:
        found.append(bundle)
    return found
