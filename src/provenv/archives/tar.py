"""The members of a TAR archive, in order, from a stream of its decompressed bytes.

A TAR says everything twice: in a header of fixed width, and in records before it. A hostile one lets two readers
believe different halves, and see different members. So where both halves speak they must agree, nothing may be said
twice, and only what source archives use is known: ustar with pax records (POSIX.1-2001) or GNU's long names, regular
files, directories and links. Sparse files, devices, volumes, and members that bring data where none belongs are
refused.

Rules: POSIX.1-2017, ``pax``, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

from provenv.archives.judge import Judge
from provenv.archives.names import Names, check_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["DIRECTORY", "FILE", "HARD_LINK", "SYMBOLIC_LINK", "Entry", "read_tar"]

FILE = "0"
"""A regular file."""
HARD_LINK = "1"
"""Another name of a file before it; ``target`` is that file's path in the archive."""
SYMBOLIC_LINK = "2"
"""``target`` is a path as seen from the directory of the link; whether it leads outside is for the caller to see."""
DIRECTORY = "5"
"""A directory."""

_BLOCK = 512
_PIECE = 1 << 16
_POSIX, _GNU = b"ustar\x0000", b"ustar  \0"
_LARGEST_RECORDS = 1 << 20
_MOST_MEMBERS = 200_000
_LATEST = 1 << 33
_EVIL_KEYS = ("GNU.sparse.", "SCHILY.sparse", "SCHILY.realsize", "SCHILY.filetype", "SUN.holesdata")
_NOT_FOR_ALL = ("path", "linkpath", "size", "hdrcharset")
_UTF8 = "ISO-IR 10646 2000 UTF-8"


class Entry:
    """One member. ``kind`` is one of the constants here; ``moment`` is the time of its last change, in seconds.

    ``is_again``: a file of this path came before. Readers differ in which one counts, so the caller must see that they
    are alike.
    """

    __slots__ = ("is_again", "is_executable", "kind", "moment", "path", "size", "target")

    def __init__(
        self,
        path: str,
        *,
        kind: str,
        size: int,
        is_executable: bool,
        moment: int,
        target: str = "",
        is_again: bool = False,
    ) -> None:
        self.path = path
        self.kind = kind
        self.size = size
        self.is_executable = is_executable
        self.moment = moment
        self.target = target
        self.is_again = is_again


def read_tar(read: Callable[[int], bytes], judge: Judge) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Yield each member with the pieces of its content; what the caller leaves of them is skipped.

    ``read(n)`` gives ``n`` bytes, less only at the end. Raises IntegrityError for whatever is ambiguous or unsafe,
    when it comes to it: what was yielded before is good only if the iteration ends without an error.
    """
    return _Reader(read, judge).members()


class _Said:
    """What records before a header say of the member: the path and target, each once, and pax records."""

    def __init__(self) -> None:
        self.records: dict[str, str] | None = None
        self.long: dict[str, str] = {}

    def __bool__(self) -> bool:
        return self.records is not None or bool(self.long)


class _Reader:
    def __init__(self, read: Callable[[int], bytes], judge: Judge) -> None:
        self.read = read
        self.judge = judge
        self.refuse = judge.refuse
        self._patient = Judge(judge.subject, is_lax=True)
        self.names = Names(judge)
        self.links: set[str] = set()

    def members(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        said = _Said()
        count = 0
        while (block := self._header()) is not None:
            kind, name, size = self._kind(block), self._name(block), self._size(block)
            if kind in ("x", "g", "L", "K"):
                self._extension(kind, name, size, said)
                continue
            entry = self._entry(block, kind, size, said)
            said = _Said()
            count += 1
            if count > _MOST_MEMBERS:
                self.refuse(f"at most {_MOST_MEMBERS} members", "more")
            if entry is None:
                continue
            pieces = self._pieces(entry)
            yield entry, pieces
            for _ in pieces:
                pass
        if said:
            self.refuse("a member behind its extended header", "the end of the archive")

    # -- blocks -------------------------------------------------------------------------------------------

    def _header(self) -> bytes | None:
        """The next header; None at the end, behind which only zeros may follow."""
        block = self.read(_BLOCK)
        if len(block) == _BLOCK and any(block):
            told = block[148:156].strip(b" \0")
            if not told.isdigit() or int(told, 8) != sum(block) - sum(block[148:156]) + 8 * 32:
                self.refuse("a header with its checksum", "other bytes")
            return block
        if any(block) or len(block) % _BLOCK:
            self.refuse("a header of 512 bytes", f"{len(block)}, then the end")
        second = self.read(_BLOCK) if block else b""
        if any(second):
            self.refuse("two blocks of zeros at the end", "one, and more behind it")
        if 0 < len(second) < _BLOCK:
            self.refuse("whole blocks", f"one of {len(second)} bytes at the end")
        if not second:
            self.judge.frown("two blocks of zeros at the end", "the end of the file")
        while rest := self.read(_PIECE):
            if rest.strip(b"\0"):
                self.refuse("nothing behind the end of the archive", "more bytes")
        return None

    def _data(self, size: int, what: str) -> bytes:
        data = self.read(size)
        padding = self.read(-size % _BLOCK)
        if len(data) < size or len(padding) < -size % _BLOCK:
            self.refuse(f"{size} bytes of {what}", "the end of the file")
        return data

    def _pieces(self, entry: Entry) -> Iterator[bytes]:
        left = entry.size
        while left:
            piece = self.read(min(left, _PIECE))
            if not piece:
                self.refuse(f"{entry.size} bytes", f"{entry.size - left}, then the end of the file", entry.path)
            left -= len(piece)
            yield piece
        if len(self.read(-entry.size % _BLOCK)) < -entry.size % _BLOCK:
            self.refuse("a whole block", "the end of the file", entry.path)

    # -- fields -------------------------------------------------------------------------------------------

    def _kind(self, block: bytes) -> str:
        if block[257:265] not in (_POSIX, _GNU) and any(block[257:]):
            # Headers of before 1988 say nothing there; whether a prefix behind no mark counts, readers differ.
            self.refuse("a header of POSIX or GNU", repr(block[257:265]))
        kind = chr(block[156])
        if kind == "\0":
            # "For backward compatibility ... a regular file" (POSIX); some tools for Rust packages write it.
            kind = FILE
        return kind

    def _short(self, block: bytes) -> bytes:
        """What the fields of the header call the member; cut, where records say more."""
        name = block[:100].partition(b"\0")[0]
        prefix = block[345:500].partition(b"\0")[0] if block[257:265] == _POSIX else b""
        if prefix and not name:
            self.refuse("a name behind its prefix", "none", prefix.decode(errors="replace"))
        return prefix + b"/" + name if prefix else name

    def _name(self, block: bytes) -> str:
        """The same for a message."""
        return self._short(block).decode(errors="replace")

    def _text(self, raw: bytes, what: str) -> str:
        raw = raw.partition(b"\0")[0]
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self.refuse(f"a {what} in UTF-8", repr(raw))

    def _size(self, block: bytes) -> int:
        size = _number(block[124:136])
        if size is None:
            self.refuse("a size", repr(bytes(block[124:136])), self._name(block))
        return size

    # -- extended headers ---------------------------------------------------------------------------------

    def _extension(self, kind: str, name: str, size: int, said: _Said) -> None:
        if size > _LARGEST_RECORDS:
            self.refuse(f"an extended header of at most {_LARGEST_RECORDS} bytes", f"{size}", name)
        data = self._data(size, "an extended header")
        if kind in ("L", "K"):
            if kind in said.long or said.records is not None:
                self.refuse("one extended header for a member", "several", name)
            if not data.endswith(b"\0") or b"\0" in data[:-1] or len(data) < 2:
                self.refuse("a long name that ends with its only NUL", repr(data[:80]), name)
            said.long[kind] = self._text(data[:-1], "name")
            return
        if said:
            self.refuse("one extended header for a member", "several", name)
        records = self._records(data, name)
        if kind == "x":
            said.records = records
        elif evil := [key for key in records if key in _NOT_FOR_ALL]:
            self.refuse("a global header that names no member", f"`{evil[0]}`", name)

    def _records(self, data: bytes, name: str) -> dict[str, str]:
        records: dict[str, str] = {}
        at = 0
        while at < len(data):
            digits, space, _ = data[at : at + 8].partition(b" ")
            length = int(digits) if digits.isdigit() and digits[:1] != b"0" else 0
            raw_key, equals, value = data[at + len(digits) + 1 : at + length].partition(b"=")
            if not space or at + length > len(data) or not equals or value[-1:] != b"\n":
                self.refuse("records of the form `length key=value`", repr(data[at : at + 80]), name)
            key = self._exact(raw_key, name)
            if not key or key in records or key.startswith(_EVIL_KEYS):
                self.refuse("a known record, once", repr(key), name)
            # Attributes of files may hold any bytes: nobody here reads them.
            is_read = key in (*_NOT_FOR_ALL, "mtime")
            records[key] = self._exact(value[:-1], name) if is_read else ""
            at += length
        if records.get("hdrcharset", _UTF8) != _UTF8:
            self.refuse("records in UTF-8", f"another encoding, {records['hdrcharset']!r}", name)
        return records

    def _exact(self, raw: bytes, name: str) -> str:
        if b"\0" in raw:
            self.refuse("a record without NUL", repr(raw[:80]), name)
        return self._text(raw, "record")

    # -- members ------------------------------------------------------------------------------------------

    def _entry(self, block: bytes, kind: str, size: int, said: _Said) -> Entry | None:
        records = said.records or {}
        short = self._short(block)
        long = records.get("path", said.long.get("L"))
        path = self._text(short, "name") if long is None else long
        target = records.get("linkpath", said.long.get("K"))
        if target is None:
            target = self._text(block[157:257], "target")
        if kind not in (FILE, HARD_LINK, SYMBOLIC_LINK, DIRECTORY):
            self.refuse("a file, a directory or a link", f"a member of type {kind!r}", path)
        if "size" in records and records["size"] != str(size):
            self.refuse("the same size in both headers", f"{size} and {records['size']}", path)
        if kind != FILE and size:
            self.refuse("no data in what is no file", f"{size} bytes", path)
        if "K" in said.long and kind not in (HARD_LINK, SYMBOLIC_LINK):
            self.refuse("a target of links only", "one of another member", path)
        if long is not None and not (block[98] and path.encode().startswith(short)):
            # The fields are not what the member is called; but somebody might believe them. A cut one ends anywhere,
            # in a letter or behind a dot, and no system has to allow a name that nobody gives.
            check_path(self._name(block).removeprefix("./").removesuffix("/") or path, self._patient)
        path = self._path(path, is_directory=kind == DIRECTORY)
        if not path:
            return None
        is_again = kind == FILE and path in self.names and path not in self.links
        if kind == DIRECTORY:
            self.names.add_directories(path)
        elif not is_again:
            self.names.add(path)
        if kind in (HARD_LINK, SYMBOLIC_LINK):
            self.links.add(path)
        if kind == HARD_LINK:
            target = self._path(target, is_directory=False)
        mode = _number(block[100:108]) or 0
        moment = _moment(records.get("mtime"), block[136:148])
        return Entry(
            path,
            kind=kind,
            size=size,
            is_executable=bool(mode & 0o100),
            moment=moment,
            target=target,
            is_again=is_again,
        )

    def _path(self, path: str, *, is_directory: bool) -> str:
        """The path below the top; empty for the top itself, which `tar` calls `./`."""
        if is_directory:
            path = path.removesuffix("/")
            if path == ".":
                return ""
        path = path.removeprefix("./")
        check_path(path, self.judge)
        return path


def _number(field: bytes) -> int | None:
    """An octal number, or one of GNU's for large values; None for anything else, a negative one among it."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    text = field.partition(b"\0")[0].strip(b" ")
    if not text or any(digit not in b"01234567" for digit in text):
        return None
    return int(text, 8)


def _moment(told: str | None, field: bytes) -> int:
    try:
        moment = int(float(told)) if told is not None else _number(field) or 0
    except (ValueError, OverflowError):
        return 0
    return min(max(moment, 0), _LATEST)
