"""Inflating and hashing one member of an archive into one file.

Decompression, hashing, reading and writing all release the interpreter's lock, so two threads use two cores. The bytes
are read, not mapped: reading into a buffer that stays in the processor's cache costs no page faults, and a file that
somebody cuts short meanwhile is an error, not a signal that ends the process.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import sys

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
    from collections.abc import Callable, Iterable, Iterator

    from provenv.archives.zip import Member
    from provenv.wheel.record import RecordRow

__all__ = ["LONG", "Source", "content", "pieces", "write_member"]

_SMALL = 1 << 20
"""Up to here a member is inflated in one piece; above, in pieces that stay in the processor's cache."""
LONG = 256 << 10
"""From here on RECORD's word is taken for the hash of a member."""
_PIECE = 1 << 18
_AT_ONCE = 4 << 20
"""A piece inflates to no more at a time; one that is a thousand times as long inside is taken in several."""
_HASHED = 1 << 19
_BINARY = getattr(os, "O_BINARY", 0)
_SETS_TIMES = os.utime in os.supports_fd
_TIMES = (MTIME_NS, MTIME_NS)
_DAMAGE = ("error", "IsalError")
"""What zlib and isal call data that cannot be inflated."""
_CREATED = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | _BINARY


class Source:
    """An open archive that several threads read at once; ``subject`` names it in errors.

    Long work asks ``is_given_up`` again and again, and ends early, with an error or a wrong result, when it says so.
    """

    __slots__ = ("_descriptor", "_status", "is_given_up", "subject")

    def __init__(self, path: str, subject: str, is_given_up: Callable[[], bool] = lambda: False) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | _BINARY)
        self._status = os.fstat(self._descriptor)
        self.subject = subject
        self.is_given_up = is_given_up

    def map(self) -> mmap.mmap:
        """All bytes, to look at a few of them; the caller closes it."""
        if self._status.st_size == 0:
            raise IntegrityError(self.subject, expected="a ZIP archive", actual="an empty file")
        return mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ)

    def read(self, start: int, end: int) -> bytes:
        """These bytes; fewer only at the end of the file."""
        return _read_at(self._descriptor, end - start, start)

    def fill(self, buffer: memoryview, start: int) -> int:
        """Read bytes from ``start`` on into ``buffer``; how many."""
        return _fill_at(self._descriptor, buffer, start)

    def sha256(self, is_given_up: Callable[[], bool]) -> str:
        """The hash of the whole file, read from begin to end."""
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(min(_HASHED, max(1, self._status.st_size))))
        at = 0
        while count := self.fill(buffer, at):
            digest.update(buffer[:count])
            at += count
            if is_given_up():
                break
        return digest.hexdigest()

    @property
    def is_unchanged(self) -> bool:
        """Whether nobody changed the file, or what it is called, since it was opened."""
        before, now = self._status, os.fstat(self._descriptor)
        return (before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
            now.st_size,
            now.st_mtime_ns,
            now.st_ctime_ns,
        )

    @property
    def status(self) -> os.stat_result:
        """What the system said of the file when it was opened."""
        return self._status

    def close(self) -> None:
        """Let go of the file; may be done twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


if sys.platform != "win32":

    def _read_at(descriptor: int, count: int, start: int) -> bytes:
        return os.pread(descriptor, count, start)

    def _fill_at(descriptor: int, buffer: memoryview, start: int) -> int:
        return os.preadv(descriptor, [buffer], start)

else:
    from threading import Lock

    _moving = Lock()

    def _read_at(descriptor: int, count: int, start: int) -> bytes:
        with _moving:
            os.lseek(descriptor, start, os.SEEK_SET)
            return os.read(descriptor, count)

    def _fill_at(descriptor: int, buffer: memoryview, start: int) -> int:
        data = _read_at(descriptor, len(buffer), start)
        buffer[: len(data)] = data
        return len(data)


def content(source: Source, member: Member) -> bytes:
    """The member's bytes in memory, with size and checksum checked."""
    data = b"".join(bytes(piece) for piece in _pieces(source, member, None))
    _check(source, member, len(data), crc32(data))
    return data


def pieces(source: Source, member: Member) -> Iterator[bytes | memoryview]:
    """The member's bytes, piece by piece; each holds until the next one is asked for. Raises IntegrityError."""
    yield from _pieces(source, member, None)


def write_member(
    source: Source,
    member: Member,
    row: RecordRow | None,
    path: str,
    packed: memoryview | None,
    *,
    is_thorough: bool = False,
) -> str:
    """Write the member to the new file ``path``; its SHA-256 in RECORD's form.

    ``packed`` are its bytes in the archive, where they were read before. Size, CRC-32 and the hash in ``row`` are
    checked; IntegrityError names archive and member. Of a long member RECORD's word is taken for the hash: the bytes
    are those of the archive, whose own hash is checked, and to hash them a second time costs as much as to inflate
    them. A wheel that contradicts itself there is found by ``verify`` and ``store verify``, and refused where
    ``is_thorough``: whoever repairs must not make the same again.
    """
    if packed is not None and member.size < LONG and row is not None and row.algorithm == "sha256":
        return _write_short(source, member, row, path, packed)
    is_believed = row is not None and row.algorithm == "sha256" and member.size >= LONG and not is_thorough
    if is_believed and row is not None and row.digest is not None:
        _write(source, member, path, packed, None)
        if row.size is not None and row.size != member.size:
            raise _contradicted(source, member, row, f"{member.size} bytes")
        return row.sha256
    digest = hashlib.sha256()
    algorithm = row.algorithm if row is not None else None
    other = None if algorithm in (None, "sha256") else hashlib.new(str(algorithm))

    def hashed(piece: bytes | memoryview) -> None:
        digest.update(piece)
        if other is not None:
            other.update(piece)

    _write(source, member, path, packed, hashed)
    if row is not None and row.digest is not None:
        actual = digest.digest() if other is None else other.digest()
        if actual != row.digest or (row.size is not None and row.size != member.size):
            raise _contradicted(source, member, row, actual.hex())
    return digest_for_record(digest.digest())


def _write_short(source: Source, member: Member, row: RecordRow, path: str, packed: memoryview) -> str:
    """The same for a member that is at hand: most are such, and a few steps less for each are a tenth of all."""
    data = packed if member.method == STORED else _inflated(source, member, packed)
    if len(data) != member.size or crc32(data) != member.crc:
        _check(source, member, len(data), crc32(data))
    digest = hashlib.sha256(data).digest()
    if digest != row.digest or (row.size is not None and row.size != member.size):
        raise _contradicted(source, member, row, digest.hex())
    _put(path, (data,), is_executable=member.is_executable)
    return row.sha256


def _told(source: Source, member: Member, problem: Exception) -> IntegrityError:
    """The error for damaged data; whatever else an engine raises is a defect of ours, and raised as it is."""
    if type(problem).__name__ not in _DAMAGE:
        raise problem
    return IntegrityError(f"{source.subject}: {member.path!r}", expected="deflated data", actual=str(problem))


def _cut(source: Source, member: Member) -> IntegrityError:
    return IntegrityError(
        f"{source.subject}: {member.path!r}", expected="one complete deflate stream", actual="a cut or longer one"
    )


def _contradicted(source: Source, member: Member, row: RecordRow, actual: str) -> IntegrityError:
    assert row.digest is not None
    return IntegrityError(
        f"{source.subject}: {member.path!r}",
        expected=f"{row.algorithm} {row.digest.hex()} of its RECORD",
        actual=actual,
        hint="the wheel contradicts itself; nothing was unpacked",
    )


def _write(
    source: Source,
    member: Member,
    path: str,
    packed: memoryview | None,
    taken: Callable[[bytes | memoryview], None] | None,
) -> None:
    """Write the member; ``taken`` sees each piece. Raises IntegrityError for another size or checksum."""
    size, checksum = 0, 0

    def checked() -> Iterator[bytes | memoryview]:
        nonlocal size, checksum
        for piece in _pieces(source, member, packed):
            size += len(piece)
            checksum = crc32(piece, checksum)
            if taken is not None:
                taken(piece)
            yield piece

    _put(path, checked(), is_executable=member.is_executable)
    _check(source, member, size, checksum)


def _put(path: str, pieces: Iterable[bytes | memoryview], *, is_executable: bool) -> None:
    """A new file of a tree: read-only, with the one time that all of them have."""
    target = os.open(path, _CREATED, 0o555 if is_executable else 0o444)
    try:
        for piece in pieces:
            written = os.write(target, piece) if piece else 0
            while written < len(piece):
                written += os.write(target, piece[written:])
        if _SETS_TIMES:
            os.utime(target, ns=_TIMES)
    finally:
        os.close(target)
    if not _SETS_TIMES:
        os.utime(path, ns=_TIMES)


def _pieces(source: Source, member: Member, packed: memoryview | None) -> Iterator[bytes | memoryview]:
    if member.method == STORED:
        yield from _stored(source, member, packed)
        return
    if member.size <= _SMALL and member.end - member.start <= 2 * _SMALL:
        yield _inflated(source, member, source.read(member.start, member.end) if packed is None else packed)
    else:
        yield from _large(source, member)


def _inflated(source: Source, member: Member, packed: bytes | memoryview) -> bytes:
    """All of a small member. One byte more than promised is enough to tell that it is more."""
    engine = decompressobj(-15)
    try:
        data = engine.decompress(packed, member.size + 1)
    except Exception as problem:
        raise _told(source, member, problem) from problem
    if not engine.eof or engine.unused_data:
        raise _cut(source, member)
    return data


def _large(source: Source, member: Member) -> Iterator[bytes]:
    """A long member in pieces, none of them so long that an archive that inflates to very much takes the memory."""
    engine = decompressobj(-15)
    total = 0
    for packed in _packed(source, member):
        left: bytes | memoryview = packed
        is_more = True
        while is_more:
            try:
                piece = engine.decompress(left, _AT_ONCE)
            except Exception as problem:
                raise _told(source, member, problem) from problem
            total += len(piece)
            if total > member.size:
                _check(source, member, total, member.crc)
            yield piece
            left = engine.unconsumed_tail
            is_more = len(piece) == _AT_ONCE and not engine.eof
    if not engine.eof or engine.unused_data:
        raise _cut(source, member)


def _stored(source: Source, member: Member, packed: memoryview | None) -> Iterator[bytes | memoryview]:
    if packed is not None:
        yield packed
    else:
        yield from _packed(source, member)


def _packed(source: Source, member: Member) -> Iterator[memoryview]:
    """The member's bytes in the archive, a piece at a time, in one buffer."""
    at = member.start
    if at == member.end:
        return
    buffer = memoryview(bytearray(min(_PIECE, member.end - at)))
    while at < member.end and not source.is_given_up():
        count = source.fill(buffer[: member.end - at], at)
        if not count:
            raise IntegrityError(
                f"{source.subject}: {member.path!r}", expected="its data", actual="the end of the file"
            )
        yield buffer[:count]
        at += count


def _check(source: Source, member: Member, size: int, checksum: int) -> None:
    if size != member.size:
        actual = f"{size}" if size < member.size else "more"
        raise IntegrityError(f"{source.subject}: {member.path!r}", expected=f"{member.size} bytes", actual=actual)
    if checksum != member.crc:
        raise IntegrityError(
            f"{source.subject}: {member.path!r}", expected=f"CRC-32 {member.crc:08x}", actual=f"{checksum:08x}"
        )
