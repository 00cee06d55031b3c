"""The members of a ZIP archive, from its central directory, checked against every local header.

A ZIP can be read in two ways, and a hostile one gives two readers two contents. So whatever the two readings could
disagree about is refused: names, sizes, methods and checksums that differ, data that overlaps, local headers hidden
in gaps, bytes before the first member or after the last record. Only what wheels use is known: stored and deflated
members, ZIP64, no encryption, one disk, regular files and directories. What is only sloppy may be waived; see
``archives.judge``.

Rules: PKWARE APPNOTE 6.3.10 (record layouts in sections 4.3 and 4.5), PEP 427 (UTF-8 names).
"""

from __future__ import annotations

import struct

from provenv.archives.judge import Judge
from provenv.archives.names import Names, check_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = ["DEFLATED", "STORED", "Member", "contents", "read_archive"]

STORED = 0
"""Compression method: the bytes as they are."""
DEFLATED = 8
"""Compression method: raw deflate."""

_END = struct.Struct("<4sHHHHLLH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQHHLLQQQQ")
_CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_FIELD = struct.Struct("<HH")
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED, _DESCRIPTOR, _PATCHED, _STRONG, _UTF8, _MASKED = 0x1, 0x8, 0x20, 0x40, 0x800, 0x2000
_ZIP64, _UNICODE_PATH, _UNICODE_COMMENT = 0x0001, 0x7075, 0x6375
_NEWEST_VERSION = 45
"""The version of the format that knows ZIP64 (4.4.3.2); what came later is not used by wheels."""
_REGULAR, _DIRECTORY, _SETS_USER_OR_GROUP = 0o100000, 0o040000, 0o6000
_FREE_SIZE = 64 << 20
_LARGEST_RATIO = 50
_MOST_MEMBERS = 200_000
_PIECE = 1 << 16


class Member:
    """One regular file of an archive; ``start`` and ``end`` bound its compressed bytes.

    ``moment`` is the time of its last change as MS-DOS writes it (4.4.6): date in the high, time in the low 16 bits.
    """

    __slots__ = ("crc", "end", "is_executable", "method", "moment", "path", "size", "start")

    def __init__(
        self,
        path: str,
        *,
        method: int,
        start: int,
        end: int,
        size: int,
        crc: int,
        is_executable: bool,
        moment: int = 0,
    ) -> None:
        self.path = path
        self.method = method
        self.start = start
        self.end = end
        self.size = size
        self.crc = crc
        self.is_executable = is_executable
        self.moment = moment

    def __repr__(self) -> str:
        return f"Member({self.path!r}, {self.size})"


def read_archive(data: memoryview, subject: str, judge: Judge | None = None) -> tuple[Member, ...]:
    """List the files of the archive in ``data`` (the whole file), in the order of their bytes.

    ``subject`` names the archive in errors; ``judge`` decides what is waived, nothing by default. Anything ambiguous
    or unsafe raises IntegrityError naming archive and member; directories are checked and left out. Costs about 10 us
    per member and reads no member's data.
    """
    return _Reader(data, judge or Judge(subject)).members()


def contents(data: memoryview, member: Member, judge: Judge) -> Generator[bytes, None, None]:
    """The content of a member in pieces. Raises IntegrityError when it is not what the archive promises, at the end."""
    import zlib

    engine = zlib.decompressobj(-15)
    size, crc = 0, 0
    try:
        for at in range(member.start, member.end, _PIECE):
            piece = bytes(data[at : min(at + _PIECE, member.end)])
            while piece:
                # One byte more than promised: a member that inflates to more is caught without inflating it all.
                limit = min(_PIECE, member.size - size + 1)
                done = piece if member.method == STORED else engine.decompress(piece, limit)
                piece = b"" if member.method == STORED else engine.unconsumed_tail
                size += len(done)
                if size > member.size:
                    judge.refuse(f"{member.size} bytes", "more", member.path)
                crc = zlib.crc32(done, crc)
                yield done
    except zlib.error as problem:
        judge.refuse("deflated data", str(problem), member.path)
    if member.method == DEFLATED and (not engine.eof or engine.unused_data):
        judge.refuse("one complete deflate stream", "a cut or longer one", member.path)
    if (size, crc) != (member.size, member.crc):
        judge.refuse(f"{member.size} bytes, CRC-32 {member.crc:08x}", f"{size} bytes, {crc:08x}", member.path)


class _Reader:
    def __init__(self, data: memoryview, judge: Judge) -> None:
        self.data = data
        self.judge = judge
        self.refuse = judge.refuse
        self.frown = judge.frown

    def members(self) -> tuple[Member, ...]:
        first, last, count = self._directory()
        if count > _MOST_MEMBERS:
            self.refuse(f"at most {_MOST_MEMBERS} members", f"{count}")
        found = sorted(self._entries(first, last, count), key=lambda row: row[0])
        self._check_layout(found, first)
        names = Names(self.judge)
        files = []
        for _, _, member in found:
            if member.path.endswith("/"):
                names.add(member.path[:-1], is_directory=True)
            else:
                names.add(member.path)
                files.append(member)
        total = sum(member.size for member in files)
        if total > max(_FREE_SIZE, _LARGEST_RATIO * len(self.data)):
            self.refuse(f"at most {_LARGEST_RATIO} times the size of the archive", f"{total} bytes of content")
        return tuple(files)

    def _directory(self) -> tuple[int, int, int]:
        """Offsets of the central directory's begin and end, and how many entries it has."""
        data = self.data
        if bytes(data[:4]) not in (b"PK\x03\x04", b"PK\x05\x06"):
            self.refuse("a ZIP archive that begins with its first member", "other bytes at its begin")
        if _is_tar(bytes(data[:512])):
            self.refuse("a ZIP archive", "one that is a TAR archive, too")
        tail_start = max(0, len(data) - _END.size - _FULL16)
        tail = bytes(data[tail_start:])
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END.size:
            self.refuse("a ZIP archive", "no end-of-directory record")
        _, disk, start_disk, here, count, size, offset, comment = _END.unpack_from(tail, at)
        rest = len(tail) - at - _END.size - comment
        marks = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x06\x06", b"PK\x06\x07")
        if rest < 0 or any(mark in tail[at + 4 :] for mark in marks):
            self.refuse("the end-of-directory record at the end", "another archive behind it, or a cut comment")
        if rest:
            self.frown("nothing behind the end-of-directory record", "more bytes")
        end = tail_start + at
        locator = end - _LOCATOR.size
        if locator >= 0 and bytes(data[locator : locator + 4]) == b"PK\x06\x07":
            disk, start_disk, here, count, size, offset, end = self._directory64(
                locator,
                (
                    (disk, _FULL16),
                    (start_disk, _FULL16),
                    (here, _FULL16),
                    (count, _FULL16),
                    (size, _FULL32),
                    (offset, _FULL32),
                ),
            )
        elif _FULL16 in (here, count) or _FULL32 in (size, offset):
            self.refuse("a ZIP64 record", "none")
        if disk or start_disk or here != count:
            self.refuse("an archive on one disk", "one on several")
        if offset + size != end:
            self.refuse("the central directory right before its end record", "a gap or an overlap")
        return offset, end, count

    def _directory64(
        self, locator: int, short: tuple[tuple[int, int], ...]
    ) -> tuple[int, int, int, int, int, int, int]:
        _, record_disk, begin, disks = _LOCATOR.unpack_from(self.data, locator)
        if record_disk or disks > 1 or begin + _END64.size > locator:
            self.refuse("a ZIP64 record right before its locator", "another place")
        mark, length, _, _, *long = _END64.unpack_from(self.data, begin)
        if mark != b"PK\x06\x06" or length != _END64.size - 12 or begin + _END64.size != locator:
            self.refuse("a plain ZIP64 record right before its locator", "other bytes")
        for (value, full), wide in zip(short, long, strict=True):
            if value not in (full, wide):
                self.refuse("equal values in both end records", f"{value} and {wide}")
        disk, start_disk, here, count, size, offset = long
        return disk, start_disk, here, count, size, offset, begin

    def _entries(self, at: int, last: int, count: int) -> Iterator[tuple[int, str, Member]]:
        """``(offset of the local header, layout of the data descriptor or "", member)``."""
        data, unpack, fixed = self.data, _CENTRAL.unpack_from, _CENTRAL.size
        for _ in range(count):
            if at + fixed > last:
                self.refuse(f"{count} entries in the central directory", "fewer")
            (mark, made_by, version, flags, method, time, date, crc, packed, size, name_length, extra_length,
             comment_length, disk, _, attributes, begin) = unpack(data, at)  # fmt: skip
            after = at + fixed + name_length + extra_length + comment_length
            if mark != b"PK\x01\x02" or after > last:
                self.refuse("an entry of the central directory", "other bytes")
            raw = bytes(data[at + fixed : at + fixed + name_length])
            path = self._name(raw, flags)
            if extra_length:
                extra = bytes(data[at + fixed + name_length : after - comment_length])
                size, packed, begin, disk = self._extra(path, extra, size, packed, begin, disk)
            elif _FULL32 in (size, packed, begin):
                self.refuse("a ZIP64 field", "none", path)
            if comment_length:
                self.frown("a member without a comment", f"{comment_length} bytes", path)
            if disk:
                self.refuse("an archive on one disk", "one on several", path)
            if flags & (_ENCRYPTED | _PATCHED | _STRONG | _MASKED):
                self.refuse("a plain member", "an encrypted or patched one", path)
            if method not in (STORED, DEFLATED) or version & 0xFF > _NEWEST_VERSION:
                self.refuse(
                    "a stored or deflated member", f"compression method {method}, version {version & 0xFF}", path
                )
            mode = attributes >> 16
            self._check_kind(path, mode, size)
            if method == STORED and packed != size:
                self.refuse("equal sizes of a stored member", f"{packed} and {size}", path)
            start, descriptor = self._local(begin, raw, path, flags, method, crc, packed, size)
            is_executable = bool(mode & 0o111) and made_by >> 8 in (3, 19)
            yield begin, descriptor, Member(
                path, method=method, start=start, end=start + packed, size=size, crc=crc,
                is_executable=is_executable, moment=date << 16 | time,
            )  # fmt: skip
            at = after
        if at != last:
            self.refuse(f"{count} entries in the central directory", "more bytes")

    def _name(self, raw: bytes, flags: int) -> str:
        try:
            path = raw.decode()
        except UnicodeDecodeError:
            self.refuse("a member's name in UTF-8", repr(raw))
        if not flags & _UTF8 and not path.isascii():
            self.refuse("a name that is said to be UTF-8", "one that others read in code page 437", path)
        check_path(path.removesuffix("/"), self.judge)
        return path

    def _extra(
        self, path: str, extra: bytes, size: int, packed: int, begin: int, disk: int
    ) -> tuple[int, int, int, int]:
        """Apply the ZIP64 field (4.5.3); refuse a Unicode path field (4.6.9) that names another file."""
        wide: bytes | None = None
        seen: set[int] = set()
        for kind, body in self._fields(path, extra):
            if kind in (_ZIP64, _UNICODE_PATH, _UNICODE_COMMENT) and kind in seen:
                self.refuse("one extra field of a kind", f"two of {kind:#06x}", path)
            seen.add(kind)
            if kind == _UNICODE_PATH and body[5:] != path.encode():
                self.refuse("one name", f"also {body[5:]!r}", path)
            if kind == _ZIP64:
                wide = body
        if wide is None:
            if _FULL32 in (size, packed, begin):
                self.refuse("a ZIP64 field", "none", path)
            return size, packed, begin, disk
        return self._wide(path, wide, (size, packed, begin, disk))

    def _wide(self, path: str, body: bytes, short: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """The values of a ZIP64 field: those whose short form is full, in order; or more of them, but equal."""
        lengths = (8, 8, 8, 4)
        is_full = [value == (_FULL16 if length == 4 else _FULL32) for value, length in zip(short, lengths, strict=True)]
        needed = sum(length for length, full in zip(lengths, is_full, strict=True) if full)
        has_all = len(body) != needed
        if has_all and len(body) not in (16, 24, 28):
            self.refuse(f"a ZIP64 field of {needed} bytes", f"{len(body)}", path)
        values, at = list(short), 0
        for number, length in enumerate(lengths):
            if at == len(body) or not (has_all or is_full[number]):
                continue
            value = int.from_bytes(body[at : at + length], "little")
            at += length
            if not is_full[number] and value != short[number]:
                self.refuse("equal values in both places", f"{short[number]} and {value}", path)
            values[number] = value
        if any(full and has_all and sum(lengths[: number + 1]) > len(body) for number, full in enumerate(is_full)):
            self.refuse("a complete ZIP64 field", "a short one", path)
        return values[0], values[1], values[2], values[3]

    def _fields(self, path: str, extra: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(extra):
            kind, length = _FIELD.unpack_from(extra, at)
            if at + 4 + length > len(extra):
                break
            yield kind, extra[at + 4 : at + 4 + length]
            at += 4 + length
        if at != len(extra):
            self.refuse("complete extra fields", "a cut one", path)

    def _check_kind(self, path: str, mode: int, size: int) -> None:
        kind = mode & 0o170000
        is_directory = path.endswith("/")
        if kind not in (0, _DIRECTORY if is_directory else _REGULAR):
            self.refuse("a regular file or a directory", f"file type {kind:o} (a link or a device)", path)
        if is_directory and size:
            self.refuse("an empty directory entry", f"{size} bytes", path)
        if mode & _SETS_USER_OR_GROUP and not is_directory:
            self.frown("an ordinary file", "one that runs as its owner or group (setuid, setgid)", path)

    def _local(
        self, begin: int, raw: bytes, path: str, flags: int, method: int, crc: int, packed: int, size: int
    ) -> tuple[int, str]:
        """Compare the local header with the central one; the offset of the member's data, and its descriptor."""
        data = self.data
        if begin + _LOCAL.size > len(data):
            self.refuse("a local header", "the end of the file", path)
        (mark, version, local_flags, local_method, _, _, local_crc, local_packed, local_size, name_length,
         extra_length) = _LOCAL.unpack_from(data, begin)  # fmt: skip
        name_at = begin + _LOCAL.size
        if mark != b"PK\x03\x04" or bytes(data[name_at : name_at + name_length]) != raw:
            self.refuse("the same name in its local header", "another one", path)
        has_descriptor = local_flags & _DESCRIPTOR
        differing = (local_flags ^ flags) & (_ENCRYPTED | _STRONG | _PATCHED | _UTF8 | _MASKED)
        if local_method != method or differing or (flags & _DESCRIPTOR and not has_descriptor):
            self.refuse("the same method and flags in its local header", "others", path)
        if version & 0xFF > _NEWEST_VERSION:
            self.refuse("a member of a known version", f"version {version & 0xFF}", path)
        start: int = name_at + name_length + extra_length
        if start + packed > len(data):
            self.refuse(f"{packed} bytes of data", "the end of the file", path)
        layout = "<4sLLL"
        if extra_length:
            extra = bytes(data[name_at + name_length : start])
            layout = "<4sLQQ" if any(kind == _ZIP64 for kind, _ in self._fields(path, extra)) else layout
            local_size, local_packed, _, _ = self._extra(path, extra, local_size, local_packed, 0, 0)
        elif _FULL32 in (local_size, local_packed):
            self.refuse("a ZIP64 field", "none", path)
        told = (local_crc, local_packed, local_size)
        # With a data descriptor the true values follow the data, and zeros stand here.
        if told != (crc, packed, size) and not (has_descriptor and told == (0, 0, 0)):
            self.refuse("the same size and checksum in its local header", "others", path)
        return start, layout if has_descriptor else ""

    def _check_layout(self, found: list[tuple[int, str, Member]], directory: int) -> None:
        """Members follow one another; what lies between two of them holds no further local header."""
        position = 0
        for begin, descriptor, member in found:
            if begin < position:
                self.refuse("data of its own", "data that overlaps another member", member.path)
            if begin > position:
                self._check_gap(position, begin, member.path)
            position = self._after_descriptor(member, descriptor) if descriptor else member.end
        if position > directory:
            self.refuse("members before the central directory", "data that overlaps it")
        if position < directory:
            self._check_gap(position, directory, "the end")

    def _after_descriptor(self, member: Member, layout: str) -> int:
        """Where the data descriptor (4.3.9) of ``member`` ends; its signature is missing in some old archives."""
        packed = member.end - member.start
        values = (b"PK\x07\x08", member.crc, packed, member.size)
        for one, expected in ((layout, values), (layout.replace("4s", ""), values[1:])):
            end = member.end + struct.calcsize(one)
            if end <= len(self.data) and struct.unpack_from(one, self.data, member.end) == expected:
                if one != layout:
                    self.frown("a data descriptor with its signature", "one without", member.path)
                return end
        self.refuse("a data descriptor equal to the directory's entry", "another", member.path)

    def _check_gap(self, begin: int, end: int, path: str) -> None:
        if begin == 0 or b"PK\x03\x04" in bytes(self.data[begin:end]):
            self.refuse("members one after another", "hidden bytes before it", path)
        self.frown("members one after another", f"{end - begin} bytes between them", path)


def _is_tar(block: bytes) -> bool:
    """Whether the first block of a file is a header that TAR readers accept: its checksum is right."""
    try:
        told = int(block[148:156].strip(b" \0"), 8)
    except ValueError:
        return False
    return len(block) == 512 and told == sum(block) - sum(block[148:156]) + 8 * 32
