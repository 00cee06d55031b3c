"""Inflating and hashing one member of an archive into one file.

Decompression, hashing and writing all release the interpreter's lock, so two threads use two cores.
"""

from __future__ import annotations

import hashlib
import mmap
import os

from provenv.archives.zip import STORED
from provenv.errors import IntegrityError
from provenv.store.tree import MTIME_NS
from provenv.wheel.record import digest_for_record

try:
    from isal.isal_zlib import crc32, decompressobj
except ImportError:
    from zlib import crc32, decompressobj  # type: ignore[assignment]  # the same, slower

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provenv.archives.zip import Member
    from provenv.wheel.record import RecordRow

__all__ = ["Blob", "content", "write_member"]

_SMALL = 1 << 20
"""Up to here a member is inflated in one piece; above, in pieces that stay in the processor's cache."""
_PIECE = 1 << 16
_RELEASE = 8 << 20


class Blob:
    """A mapped archive. ``view`` is all of it; ``release`` gives pages back, so that memory stays small."""

    __slots__ = ("_map", "subject", "view")

    def __init__(self, path: str, subject: str) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if os.fstat(descriptor).st_size == 0:
                raise IntegrityError(subject, expected="a ZIP archive", actual="an empty file")
            self._map = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        self.subject = subject
        self.view = memoryview(self._map)

    def release(self, start: int, end: int) -> None:
        """The pages between these offsets are not needed soon."""
        if hasattr(mmap, "MADV_DONTNEED"):
            begin = start & -mmap.PAGESIZE
            self._map.madvise(mmap.MADV_DONTNEED, begin, end - begin)

    def close(self) -> None:
        """Unmap; no slice of ``view`` may be alive."""
        self.view.release()
        self._map.close()


def content(blob: Blob, member: Member) -> bytes:
    """The member's bytes in memory, with size and checksum checked."""
    data = b"".join(_pieces(blob, member))
    _check(blob, member, len(data), crc32(data))
    return data


def write_member(blob: Blob, member: Member, row: RecordRow | None, path: str) -> str:
    """Write the member to the new file ``path``; its SHA-256 in RECORD's form.

    Size, CRC-32 and the hash in ``row`` are checked; IntegrityError names archive and member.
    """
    digest = hashlib.sha256()
    algorithm = row.algorithm if row is not None else None
    other = None if algorithm in (None, "sha256") else hashlib.new(str(algorithm))
    size, checksum = 0, 0
    mode = 0o555 if member.is_executable else 0o444
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        for piece in _pieces(blob, member):
            size += len(piece)
            checksum = crc32(piece, checksum)
            digest.update(piece)
            if other is not None:
                other.update(piece)
            _write(target, piece)
        if os.utime in os.supports_fd:
            os.utime(target, ns=(MTIME_NS, MTIME_NS))
    finally:
        os.close(target)
    if os.utime not in os.supports_fd:
        os.utime(path, ns=(MTIME_NS, MTIME_NS))
    _check(blob, member, size, checksum)
    raw = digest.digest()
    if row is not None and row.digest is not None:
        actual = raw if other is None else other.digest()
        if actual != row.digest or (row.size is not None and row.size != size):
            raise IntegrityError(
                f"{blob.subject}: {member.path!r}",
                expected=f"{row.algorithm} {row.digest.hex()} of its RECORD",
                actual=actual.hex(),
                hint="the wheel contradicts itself; nothing was unpacked",
            )
    return digest_for_record(raw)


def _write(target: int, piece: bytes | memoryview) -> None:
    written = os.write(target, piece) if piece else 0
    while written < len(piece):
        written += os.write(target, piece[written:])


def _pieces(blob: Blob, member: Member) -> Iterator[bytes | memoryview]:
    view = blob.view[member.start : member.end]
    if member.method == STORED:
        yield from _stored(blob, member, view)
        return
    engine = decompressobj(-15)
    try:
        if member.size <= _SMALL:
            # One byte more than promised: a member that inflates to more is caught without inflating it all.
            yield engine.decompress(view, member.size + 1)
        else:
            yield from _large(blob, member, view, engine.decompress)
    except Exception as problem:
        if type(problem).__name__ not in ("error", "IsalError"):
            raise
        raise IntegrityError(
            f"{blob.subject}: {member.path!r}", expected="deflated data", actual=str(problem)
        ) from problem
    if not engine.eof or engine.unused_data:
        raise IntegrityError(
            f"{blob.subject}: {member.path!r}", expected="one complete deflate stream", actual="a cut or longer one"
        )


def _large(blob: Blob, member: Member, view: memoryview, decompress: Callable[[memoryview], bytes]) -> Iterator[bytes]:
    total, released = 0, 0
    for at in range(0, len(view), _PIECE):
        piece = decompress(view[at : at + _PIECE])
        total += len(piece)
        if total > member.size:
            break
        yield piece
        if at - released >= _RELEASE:
            blob.release(member.start + released, member.start + at)
            released = at
    blob.release(member.start + released, member.end)
    if total > member.size:
        raise IntegrityError(f"{blob.subject}: {member.path!r}", expected=f"{member.size} bytes", actual="more")


def _stored(blob: Blob, member: Member, view: memoryview) -> Iterator[memoryview]:
    for at in range(0, len(view), _RELEASE):
        yield view[at : at + _RELEASE]
        if len(view) > _SMALL:
            blob.release(member.start + at, min(member.end, member.start + at + _RELEASE))


def _check(blob: Blob, member: Member, size: int, checksum: int) -> None:
    if size != member.size:
        actual = f"{size}" if size < member.size else "more"
        raise IntegrityError(f"{blob.subject}: {member.path!r}", expected=f"{member.size} bytes", actual=actual)
    if checksum != member.crc:
        raise IntegrityError(
            f"{blob.subject}: {member.path!r}", expected=f"CRC-32 {member.crc:08x}", actual=f"{checksum:08x}"
        )
