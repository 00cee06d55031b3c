"""Source archives, whoever made them: nothing is written outside, nothing leads outside, nothing is hidden.

What an archive is, its name says; one that is also of another kind is refused. Links are replaced by copies of what
they lead to, so that no program that works in the tree later is led anywhere by them; modes are 0644 or 0755.
"""

from __future__ import annotations

import calendar
import mmap
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

from provenv.archives.judge import Judge
from provenv.archives.links import Links
from provenv.archives.stream import MARKS, Decompressed
from provenv.archives.tar import DIRECTORY, FILE, HARD_LINK, SYMBOLIC_LINK, Entry, read_tar
from provenv.archives.zip import contents, read_archive
from provenv.build.extraction import Extraction
from provenv.errors import InputError

__all__ = ["read_from_source", "unpack_source"]

_KINDS = {
    ".tar.gz": "gz",
    ".tgz": "gz",
    ".tar.bz2": "bz2",
    ".tbz": "bz2",
    ".tbz2": "bz2",
    ".tar.xz": "xz",
    ".txz": "xz",
    ".tar.lzma": "lzma",
    ".tlz": "lzma",
    ".tar": "",
    ".zip": "zip",
}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_END = b"PK\x05\x06"
_LONGEST_END = 22 + 0xFFFF
_FREE_SIZE = 256 << 20
_LARGEST_RATIO = 200
_SECONDS = 120.0
_SECONDS_OF_A_MEBIBYTE = 10.0
_LARGEST_TEXT = 16 << 20

_Members = Iterator[tuple[Entry, Iterator[bytes]]]


def unpack_source(
    path: str, into: str, *, filename: str | None = None, package: str | None = None, is_lax: bool = False
) -> str:
    """Unpack a source archive into the empty directory ``into``; the directory of the tree in it.

    Raises IntegrityError, which names ``filename`` and the member, when a member may not be there or the archive is
    damaged, and InputError when it is no source archive or cannot be written. ``is_lax``: the user lets sloppy archives
    of ``package`` pass.
    """
    where = filename or os.path.basename(path)
    judge = Judge(where, package=package, is_lax=is_lax)
    try:
        size = os.path.getsize(path)
        limit = max(_FREE_SIZE, _LARGEST_RATIO * size)
        deadline = time.monotonic() + _SECONDS + _SECONDS_OF_A_MEBIBYTE * size / (1 << 20)
        with (
            Extraction(into, judge, limit=limit, deadline=deadline) as extraction,
            _opened(path, where, judge, limit) as members,
        ):
            _write(members, extraction, judge)
    except OSError as error:
        raise InputError(where, f"the archive cannot be unpacked: {error}") from error
    return _top(into, where)


def read_from_source(
    path: str,
    wanted: Collection[str],
    *,
    filename: str | None = None,
    is_enough: Callable[[Mapping[str, bytes]], bool] = lambda found: False,
    most: int | None = None,
) -> dict[str, bytes]:
    """The content of files in the top directory of a source archive, by name, without unpacking it.

    Stops at the last of them, when those found are enough, and behind ``most`` bytes of content: that the rest is in
    order is only known when it is unpacked. Raises IntegrityError, InputError and OSError.
    """
    where = filename or os.path.basename(path)
    judge = Judge(where, is_lax=True)
    found: dict[str, bytes] = {}
    seen = 0
    with _opened(path, where, judge, max(_FREE_SIZE, _LARGEST_RATIO * os.path.getsize(path))) as members:
        for entry, pieces in members:
            parts = entry.path.split("/")
            if len(parts) == 2 and parts[1] in wanted and entry.kind == FILE and entry.size <= _LARGEST_TEXT:
                content = b"".join(pieces)
                if entry.is_again and found.get(parts[1]) != content:
                    judge.refuse("one member of this name", "two that differ", entry.path)
                found[parts[1]] = content
                if len(found) == len(wanted) or is_enough(found):
                    break
            seen += entry.size
            if most is not None and seen > most:
                break
    return found


@contextmanager
def _opened(path: str, where: str, judge: Judge, limit: int) -> Iterator[_Members]:
    with open(path, "rb") as file:
        kind = _kind(file.read(8), _tail(file), where, judge)
        if kind != "zip":
            file.seek(0)
            yield read_tar(Decompressed(file.read, kind, judge, limit=limit).read, judge)
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
            yield _of_zip(view, where, judge)


def _kind(head: bytes, tail: bytes, where: str, judge: Judge) -> str:
    """``zip``, or how a TAR is compressed: as the name says, and only as a look into the file agrees.

    A name without a known ending (some servers give none) leaves it to the look.
    """
    name = where.lower()
    told = next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), None)
    seen = "zip" if head.startswith(_ZIP) else next((kind for kind, mark in MARKS.items() if head.startswith(mark)), "")
    if told is None:
        told = seen
    if told != seen:
        judge.refuse(_described(told), _described(seen))
    at = tail.rfind(_END)
    if told != "zip" and at >= 0 and len(tail) - at >= 22:
        comment = int.from_bytes(tail[at + 20 : at + 22], "little")
        if at + 22 + comment == len(tail):
            judge.refuse("a TAR archive", "one that is a ZIP archive, too")
    return told


def _described(kind: str) -> str:
    return "a ZIP archive" if kind == "zip" else f"a TAR archive ({kind or 'not compressed'})"


def _tail(file: BinaryIO) -> bytes:
    file.seek(max(0, os.fstat(file.fileno()).st_size - _LONGEST_END))
    return file.read()


def _of_zip(view: memoryview, where: str, judge: Judge) -> _Members:
    for member in read_archive(view, where, judge):
        entry = Entry(
            member.path,
            kind=FILE,
            size=member.size,
            is_executable=member.is_executable,
            moment=_moment(member.moment),
        )
        pieces = contents(view, member, judge)
        yield entry, pieces
        pieces.close()


def _moment(stamp: int) -> int:
    """Seconds of a time as MS-DOS writes it; what is no date becomes the first one that there is."""
    date, clock = stamp >> 16, stamp & 0xFFFF
    day = (1980 + (date >> 9), max(1, date >> 5 & 15), max(1, date & 31))
    return max(0, calendar.timegm((*day, clock >> 11, clock >> 5 & 63, (clock & 31) * 2, 0, 0, 0)))


def _write(members: _Members, extraction: Extraction, judge: Judge) -> None:
    links = Links(judge)
    for entry, pieces in members:
        extraction.check_time()
        if entry.kind == DIRECTORY:
            extraction.directory(entry.path)
            links.add_directory(entry.path)
        elif entry.kind == SYMBOLIC_LINK:
            links.add_link(entry.path, entry.target)
        elif entry.kind == HARD_LINK:
            if not links.is_file(entry.target):
                judge.refuse("a link to a file before it", f"one to {entry.target!r}", entry.path)
            extraction.copy(entry.target, entry.path)
            links.add_file(entry.path)
        elif entry.is_again:
            extraction.again(entry.path, entry.size, pieces, is_executable=entry.is_executable)
        else:
            extraction.file(entry.path, entry.size, pieces, is_executable=entry.is_executable, moment=entry.moment)
            links.add_file(entry.path)
    for link in links.paths:
        for source, place in links.copies(link):
            extraction.copy(source, place)


def _top(into: str, where: str) -> str:
    """The one directory of an archive; files that begin with a dot beside it are another program's remarks."""
    names = [name for name in os.listdir(into) if not name.startswith(".")]
    if len(names) == 1 and os.path.isdir(os.path.join(into, names[0])):
        return os.path.join(into, names[0])
    if {"pyproject.toml", "setup.py"} & set(names):
        return into
    raise InputError(where, f"a source archive holds one directory; this one holds {len(names)} files and directories")
