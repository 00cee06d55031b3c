"""The members of a ZIP archive, from its central directory, checked against every local header.

A ZIP can be read in two ways, and a hostile one gives two readers two contents. So whatever the two readings could
disagree about is refused: names, sizes, methods and checksums that differ, data that overlaps, local headers hidden
in gaps, bytes before the first member or after the last record. Only what wheels use is known: stored and deflated
members, ZIP64, no encryption, one disk, regular files and directories.

Rules: PKWARE APPNOTE 6.3.10 (record layouts in sections 4.3 and 4.5), PEP 427 (UTF-8 names).
"""

from __future__ import annotations

import re
import struct

from provenv.errors import IntegrityError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

__all__ = ["DEFLATED", "STORED", "Member", "read_archive"]

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
_ENCRYPTED, _DESCRIPTOR, _PATCHED, _STRONG, _MASKED = 0x1, 0x8, 0x20, 0x40, 0x2000
_REGULAR, _DIRECTORY = 0o100000, 0o040000
_ORDINARY = re.compile(
    r"(?!\.{0,2}/)(?:(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f:]+/)*(?!\.{1,2}\Z)[^/\\\x00-\x1f\x7f:]+/?"
)
_DRIVE = re.compile(r"[A-Za-z]:")
_FREE_SIZE = 64 << 20
_LARGEST_RATIO = 50


class Member:
    """One regular file of an archive; ``start`` and ``end`` bound its compressed bytes."""

    __slots__ = ("crc", "end", "is_executable", "method", "path", "size", "start")

    def __init__(
        self, path: str, *, method: int, start: int, end: int, size: int, crc: int, is_executable: bool
    ) -> None:
        self.path = path
        self.method = method
        self.start = start
        self.end = end
        self.size = size
        self.crc = crc
        self.is_executable = is_executable

    def __repr__(self) -> str:
        return f"Member({self.path!r}, {self.size})"


def read_archive(data: memoryview, subject: str) -> tuple[Member, ...]:
    """List the files of the archive in ``data`` (the whole file), in the order of their bytes.

    ``subject`` names the archive in errors. Anything ambiguous or unsafe raises IntegrityError naming archive and
    member; directories are checked and left out. Costs about 10 us per member and reads no member's data.
    """
    return _Reader(data, subject).members()


class _Reader:
    def __init__(self, data: memoryview, subject: str) -> None:
        self.data = data
        self.subject = subject

    def refuse(self, expected: str, actual: str, member: str | None = None) -> NoReturn:
        subject = self.subject if member is None else f"{self.subject}: {member!r}"
        raise IntegrityError(
            subject, expected=expected, actual=actual, hint="the archive is damaged or unsafe; nothing was unpacked"
        )

    def members(self) -> tuple[Member, ...]:
        first, last, count = self._directory()
        found: list[tuple[int, int, Member]] = []
        directories: list[str] = []
        for begin, descriptor, member in self._entries(first, last, count):
            found.append((begin, descriptor, member))
            if member.path.endswith("/"):
                directories.append(member.path)
        found.sort(key=lambda row: row[0])
        self._check_layout(found, first)
        files = tuple(member for _, _, member in found if not member.path.endswith("/"))
        self._check_names(files, directories)
        total = sum(member.size for member in files)
        if total > max(_FREE_SIZE, _LARGEST_RATIO * len(self.data)):
            self.refuse(f"at most {_LARGEST_RATIO} times the size of the archive", f"{total} bytes of content")
        return files

    def _directory(self) -> tuple[int, int, int]:
        """Offsets of the central directory's begin and end, and how many entries it has."""
        data = self.data
        if bytes(data[:4]) not in (b"PK\x03\x04", b"PK\x05\x06"):
            self.refuse("a ZIP archive that begins with its first member", "other bytes at its begin")
        tail_start = max(0, len(data) - _END.size - _FULL16)
        tail = bytes(data[tail_start:])
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END.size:
            self.refuse("a ZIP archive", "no end-of-directory record")
        _, disk, start_disk, here, count, size, offset, comment = _END.unpack_from(tail, at)
        if at + _END.size + comment != len(tail):
            self.refuse("nothing behind the end-of-directory record", "more bytes")
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
        if mark != b"PK\x06\x06" or begin + 12 + length != locator:
            self.refuse("a ZIP64 record right before its locator", "other bytes")
        for (value, full), wide in zip(short, long, strict=True):
            if value not in (full, wide):
                self.refuse("equal values in both end records", f"{value} and {wide}")
        disk, start_disk, here, count, size, offset = long
        return disk, start_disk, here, count, size, offset, begin

    def _entries(self, at: int, last: int, count: int) -> Iterator[tuple[int, int, Member]]:
        data, unpack, fixed = self.data, _CENTRAL.unpack_from, _CENTRAL.size
        for _ in range(count):
            if at + fixed > last:
                self.refuse(f"{count} entries in the central directory", "fewer")
            (mark, made_by, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length, disk,
             _, attributes, begin) = unpack(data, at)  # fmt: skip
            after = at + fixed + name_length + extra_length + comment_length
            if mark != b"PK\x01\x02" or after > last:
                self.refuse("an entry of the central directory", "other bytes")
            raw = bytes(data[at + fixed : at + fixed + name_length])
            path = self._name(raw)
            if extra_length:
                extra = bytes(data[at + fixed + name_length : at + fixed + name_length + extra_length])
                size, packed, begin, disk = self._extra(path, extra, size, packed, begin, disk)
            elif _FULL32 in (size, packed, begin):
                self.refuse("a ZIP64 field", "none", path)
            if disk:
                self.refuse("an archive on one disk", "one on several", path)
            if flags & (_ENCRYPTED | _PATCHED | _STRONG | _MASKED):
                self.refuse("a plain member", "an encrypted or patched one", path)
            if method not in (STORED, DEFLATED):
                self.refuse("a stored or deflated member", f"compression method {method}", path)
            mode = attributes >> 16
            self._check_kind(path, mode, size)
            if method == STORED and packed != size:
                self.refuse("equal sizes of a stored member", f"{packed} and {size}", path)
            start = self._local(begin, raw, path, flags, method, crc, packed, size)
            is_executable = bool(mode & 0o111) and made_by >> 8 in (3, 19)
            member = Member(
                path, method=method, start=start, end=start + packed, size=size, crc=crc, is_executable=is_executable
            )
            yield begin, flags & _DESCRIPTOR, member
            at = after
        if at != last:
            self.refuse(f"{count} entries in the central directory", "more bytes")

    def _name(self, raw: bytes) -> str:
        try:
            path = raw.decode()
        except UnicodeDecodeError:
            self.refuse("a member's name in UTF-8", repr(raw))
        if _ORDINARY.fullmatch(path):
            return path
        segments = path.removesuffix("/").split("/")
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in path) or "\\" in path:
            self.refuse("a plain relative path", "a control character or a backslash", path)
        if path.startswith("/") or _DRIVE.match(path):
            self.refuse("a relative path", "an absolute one", path)
        if any(segment in ("", ".", "..") for segment in segments):
            self.refuse("a path without empty, '.' or '..' parts", "such a part", path)
        return path

    def _extra(
        self, path: str, extra: bytes, size: int, packed: int, begin: int, disk: int
    ) -> tuple[int, int, int, int]:
        """Apply the ZIP64 field (4.5.3); refuse a Unicode path field (4.6.9) that names another file."""
        values = {"size": size, "packed": packed, "begin": begin}
        has_wide = False
        for kind, body in self._fields(path, extra):
            if kind == 0x7075 and body[5:] != path.encode():
                self.refuse("one name", f"also {body[5:]!r}", path)
            if kind != 1:
                continue
            if has_wide:
                self.refuse("one ZIP64 field", "two", path)
            has_wide = True
            for key, value in values.items():
                if value == _FULL32:
                    if len(body) < 8:
                        self.refuse("a complete ZIP64 field", "a short one", path)
                    values[key] = int.from_bytes(body[:8], "little")
                    body = body[8:]
            if disk == _FULL16 and len(body) >= 4:
                disk = int.from_bytes(body[:4], "little")
        if not has_wide and _FULL32 in values.values():
            self.refuse("a ZIP64 field", "none", path)
        return values["size"], values["packed"], values["begin"], disk

    def _fields(self, path: str, extra: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(extra):
            kind, length = _FIELD.unpack_from(extra, at)
            if at + 4 + length > len(extra):
                self.refuse("complete extra fields", "a cut one", path)
            yield kind, extra[at + 4 : at + 4 + length]
            at += 4 + length

    def _check_kind(self, path: str, mode: int, size: int) -> None:
        kind = mode & 0o170000
        is_directory = path.endswith("/")
        if kind not in (0, _DIRECTORY if is_directory else _REGULAR):
            self.refuse("a regular file or a directory", f"file type {kind:o} (a link or a device)", path)
        if is_directory and size:
            self.refuse("an empty directory entry", f"{size} bytes", path)

    def _local(
        self, begin: int, raw: bytes, path: str, flags: int, method: int, crc: int, packed: int, size: int
    ) -> int:
        """Compare the local header with the central one; the offset of the member's data."""
        data = self.data
        if begin + _LOCAL.size > len(data):
            self.refuse("a local header", "the end of the file", path)
        mark, _, local_flags, local_method, _, _, local_crc, local_packed, local_size, name_length, extra_length = (
            _LOCAL.unpack_from(data, begin)
        )
        name_at = begin + _LOCAL.size
        if mark != b"PK\x03\x04" or bytes(data[name_at : name_at + name_length]) != raw:
            self.refuse("the same name in its local header", "another one", path)
        if local_method != method or (local_flags ^ flags) & (_ENCRYPTED | _DESCRIPTOR | _STRONG):
            self.refuse("the same method and flags in its local header", "others", path)
        start: int = name_at + name_length + extra_length
        if start + packed > len(data):
            self.refuse(f"{packed} bytes of data", "the end of the file", path)
        if extra_length and _FULL32 in (local_size, local_packed):
            extra = bytes(data[name_at + name_length : start])
            local_size, local_packed, _, _ = self._extra(path, extra, local_size, local_packed, 0, 0)
        told = ((local_crc, crc), (local_packed, packed), (local_size, size))
        # With a data descriptor the true values follow the data, and zeros may stand here.
        if any(here != true and not (here == 0 and flags & _DESCRIPTOR) for here, true in told):
            self.refuse("the same size and checksum in its local header", "others", path)
        return start

    def _check_layout(self, found: list[tuple[int, int, Member]], directory: int) -> None:
        """Members follow one another; what lies between two of them holds no further local header."""
        position = 0
        for begin, descriptor, member in found:
            if begin < position:
                self.refuse("data of its own", "data that overlaps another member", member.path)
            if begin > position:
                self._check_gap(position, begin, member.path)
            position = self._after_descriptor(member) if descriptor else member.end
        if position > directory:
            self.refuse("members before the central directory", "data that overlaps it")
        if position < directory:
            self._check_gap(position, directory, "the end")

    def _after_descriptor(self, member: Member) -> int:
        """Where the data descriptor (4.3.9) of ``member`` ends: with or without signature, 32 or 64 bit wide."""
        packed = member.end - member.start
        for layout in ("<4sLLL", "<4sLQQ", "<LLL", "<LQQ"):
            length = struct.calcsize(layout)
            if member.end + length > len(self.data) or ((packed | member.size) > _FULL32 and "Q" not in layout):
                continue
            values: tuple[object, ...] = (member.crc, packed, member.size)
            if "s" in layout:
                values = (b"PK\x07\x08", *values)
            if struct.unpack_from(layout, self.data, member.end) == values:
                return member.end + length
        self.refuse("a data descriptor equal to the directory's entry", "another", member.path)

    def _check_gap(self, begin: int, end: int, path: str) -> None:
        if begin == 0 or b"PK\x03\x04" in bytes(self.data[begin:end]):
            self.refuse("members one after another", "hidden bytes before it", path)

    def _check_names(self, files: tuple[Member, ...], directories: list[str]) -> None:
        seen: set[str] = set()
        parents: set[str] = {path.rstrip("/") for path in directories}
        for member in files:
            if member.path in seen:
                self.refuse("one member of this name", "two", member.path)
            seen.add(member.path)
            parents.add(member.path.rpartition("/")[0])
        for parent in tuple(parents):
            above = parent.rpartition("/")[0]
            while above and above not in parents:
                parents.add(above)
                above = above.rpartition("/")[0]
        both = seen & parents
        if both:
            self.refuse("a file or a directory", "both", min(both))
