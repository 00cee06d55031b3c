"""Wheels that must be refused, and what is wrong with each; all the rest of each one is right.

The cases come from reports on installers and archive readers: traversal (CVE-2007-4559 and its many heirs), two
readings of one file (CVE-2025-54368, CVE-2026-3219), bombs (CVE-2024-0450), names of scripts as paths
(CVE-2026-8643), RECORD as a list of what to delete.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from itertools import count

from tests.worlds.raw_zip import Raw, raw_zip, wide_end

__all__ = ["BAD_NAMES", "FILENAME", "SLOPPY_NAMES", "hostile_wheels", "sloppy_wheels"]

INFO = "demo-1.0.dist-info"
FILENAME = "demo-1.0-py3-none-any.whl"

BAD_NAMES: dict[str, str | bytes] = {
    "up": "../up.py",
    "up-twice": "../../up.py",
    "up-inside": "demo/../../up.py",
    "up-at-the-end": "demo/..",
    "up-only": "..",
    "up-to-a-twin": "../site-packages_evil/x.py",
    "up-to-another-object": "../../00/0000/files/x.py",
    "up-and-back": "demo/../demo/x.py",
    "absolute": "/tmp/up.py",
    "absolute-twice": "//tmp/up.py",
    "absolute-later": "demo//tmp/up.py",
    "drive": "C:/up.py",
    "drive-backslash": "C:\\up.py",
    "drive-relative": "C:up.py",
    "share": "\\\\host\\share\\up.py",
    "backslash": "demo\\up.py",
    "backslash-up": "..\\up.py",
    "backslash-mixed": "demo/..\\..\\up.py",
    "dot": "./demo/x.py",
    "dot-inside": "demo/./x.py",
    "dot-at-the-end": "demo/.",
    "dot-only": ".",
    "empty": "",
    "empty-part": "demo//x.py",
    "slash-only": "/",
    "nul": "demo/x.py\0.txt",
    "nul-first": "\0demo/x.py",
    "newline": "demo/x\n.py",
    "return": "demo/x\r.py",
    "tab": "demo/x\t.py",
    "escape": "demo/x\x1b[2J.py",
    "delete": "demo/x\x7f.py",
    "c1": "demo/x\x9b.py",
    "turned-line": "demo/x\u202eyp.txt",
    "isolate": "demo/x\u2066.py",
    "mark": "demo/x\u200f.py",
    "byte-order-mark": "demo/\ufeffx.py",
    "line-separator": "demo/x\u2028.py",
    "no-character": "demo/x\uffff.py",
    "long-part": "demo/" + "x" * 256,
    "long-part-in-bytes": "demo/" + "\u00e9" * 128,
    "long": "/".join(["x" * 99] * 41),
    "deep": "/".join(["d"] * 2100),
    "latin-1": b"demo/\xe9.py",
    "overlong": b"demo/\xc0\xaf.py",
    "surrogate": b"demo/\xed\xa0\x80.py",
}
"""What no member may be called, whatever a user lets pass."""

SLOPPY_NAMES = {
    "device": "demo/aux.py",
    "device-bare": "demo/con",
    "device-directory": "nul/x.py",
    "device-number": "demo/COM1.txt",
    "device-printer": "demo/lpt9",
    "dot-behind": "demo/x.",
    "space-behind": "demo/x ",
    "dots-as-directory": "demo/.../x.py",
    "colon": "demo/x.py:stream",
}
"""What is refused unless the user lets it pass."""

TWINS = {
    "case": ("demo/x.py", "demo/X.py"),
    "case-of-a-directory": ("demo/x.py", "Demo/y.py"),
    "form": ("demo/\u00e9.py", "demo/e\u0301.py"),
    "width": ("demo/x.py", "demo/\uff58.py"),
    "sharp-s": ("demo/stra\u00dfe.py", "demo/strasse.py"),
    "ligature": ("demo/fi.py", "demo/\ufb01.py"),
    "kelvin": ("demo/k.py", "demo/\u212a.py"),
}


def _digest(data: bytes, algorithm: str = "sha256") -> str:
    return base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()


def _quoted(path: str) -> str:
    return '"' + path.replace('"', '""') + '"' if set(path) & set(',"\r\n') else path


def _wheel(
    more: Mapping[str, bytes] | None = None,
    *,
    raws: tuple[Raw, ...] = (),
    replaced: Mapping[str, bytes | None] | None = None,
    record: str | bytes | None = None,
    rows: str = "",
    info: str = INFO,
) -> list[Raw]:
    """The members of a right wheel with more members, or others: None leaves one out. RECORD fits all of them."""
    files: dict[str, bytes | None] = {
        "demo/__init__.py": b"x = 1\n",
        **(more or {}),
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **{f"{info}/{name}": data for name, data in (replaced or {}).items()},
    }
    found = [Raw(path, data) for path, data in files.items() if data is not None] + list(raws)
    if record is None:
        listed = [(one.name.decode("utf-8", "replace"), one.content) for one in found if not one.name.endswith(b"/")]
        record = "".join(f"{_quoted(path)},sha256={_digest(data)},{len(data)}\n" for path, data in listed)
        record += f"{rows}{info}/RECORD,,\n"
    if "RECORD" not in (replaced or {}):
        found.append(Raw(f"{info}/RECORD", record.encode() if isinstance(record, str) else record))
    return found


def sloppy_wheels() -> Iterator[tuple[str, bytes]]:
    """``(name, archive)`` of wheels that are refused unless the user lets them pass, and then are good."""
    for name, path in SLOPPY_NAMES.items():
        yield f"name-{name}", raw_zip(_wheel({path: b"x"}))
    for name, paths in TWINS.items():
        yield f"twins-{name}", raw_zip(_wheel(dict.fromkeys(paths, b"x")))
    yield "comment-of-a-member", raw_zip(_wheel(raws=(Raw("demo/x", b"x", comment=b"read me"),)))
    yield "bytes-behind", raw_zip(_wheel(), behind=b"\n")
    yield "zeros-behind", raw_zip(_wheel(), behind=bytes(512))
    yield "gap", raw_zip(_wheel(raws=(Raw("demo/x", b"x", behind=b"\0" * 7),)))
    yield "gap-before-the-directory", raw_zip(_wheel(), between=b"nothing")
    yield "setuid", raw_zip(_wheel(raws=(Raw("demo/x", b"x", mode=0o104755),)))
    yield "setgid", raw_zip(_wheel(raws=(Raw("demo/x", b"x", mode=0o102755),)))
    twice = (Raw("data/", mode=0o040755), Raw("data/", mode=0o040755))
    yield "directory-twice", raw_zip(_wheel(raws=twice))
    bare = struct.pack("<LLL", zlib.crc32(b"x"), 1, 1)
    yield "descriptor-without-mark", raw_zip(_wheel(raws=(_described(bare),)))
    yield "record-lacks-a-file", raw_zip(_wheel(raws=(Raw("demo/x", b"x"),), record=_record_of(_wheel())))
    yield "record-lacks-a-hash", raw_zip(_wheel(record=_record_of(_wheel()).replace("sha256=", "", 1).replace(
        _digest(b"x = 1\n"), "", 1)))  # fmt: skip
    yield "record-empty", raw_zip(_wheel(record=""))
    yield "record-lists-what-is-not-there", raw_zip(_wheel(rows=f"demo/gone.py,sha256={_digest(b'')},0\n"))
    wheel = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: cp27-none-win32\n"
    yield "tags-of-another", raw_zip(_wheel(replaced={"WHEEL": wheel}))


def hostile_wheels() -> Iterator[tuple[str, str, bytes]]:
    """``(name, file name, archive)`` of wheels that nothing makes acceptable."""
    for name, data in (*_named(), *_kinds(), *_containers(), *_headers(), *_ends(), *_wide(), *_streams(), *_claims()):
        yield name, FILENAME, data
    yield "file-name-of-another", "other-1.0-py3-none-any.whl", raw_zip(_wheel())
    yield "file-name-of-another-version", "demo-2.0-py3-none-any.whl", raw_zip(_wheel())
    yield "file-name-of-nothing", "demo.whl", raw_zip(_wheel())


def _record_of(members: list[Raw]) -> str:
    return members[-1].content.decode()


def _described(descriptor: bytes, **central: object) -> Raw:
    """A member whose sizes follow its data."""
    zeros: dict[str, object] = {"flags": 8, "crc": 0, "packed": 0, "size": 0}
    return Raw("demo/x", b"x", local=zeros, central={"flags": 8, **central}, behind=descriptor)


def _named() -> Iterator[tuple[str, bytes]]:
    for name, path in BAD_NAMES.items():
        yield f"name-{name}", raw_zip(_wheel(raws=(Raw(path, b"x"),)))
        yield f"directory-{name}", raw_zip(_wheel(raws=(Raw(_slashed(path), mode=0o040755),)))
    yield "name-in-an-old-code-page", raw_zip(_wheel(raws=(
        Raw("demo/\u00e9.py", b"x", local={"flags": 0}, central={"flags": 0}),)))  # fmt: skip
    yield "twice", raw_zip(_wheel(raws=(Raw("demo/x", b"1"), Raw("demo/x", b"2"))))
    yield "twice-and-equal", raw_zip(_wheel(raws=(Raw("demo/x", b"1"), Raw("demo/x", b"1"))))
    yield "file-and-directory", raw_zip(_wheel(raws=(Raw("demo/x", b"1"), Raw("demo/x/y", b"2"))))
    yield "directory-and-file", raw_zip(_wheel(raws=(Raw("demo/x/y", b"1"), Raw("demo/x", b"2"))))
    yield "file-and-directory-entry", raw_zip(_wheel(raws=(Raw("demo/x", b"1"), Raw("demo/x/", mode=0o040755))))


def _slashed(path: str | bytes) -> str | bytes:
    return path + "/" if isinstance(path, str) else path + b"/"


def _kinds() -> Iterator[tuple[str, bytes]]:
    kinds = {"symlink": 0o120777, "character": 0o020644, "block": 0o060644, "pipe": 0o010644, "socket": 0o140644}
    for name, mode in kinds.items():
        yield f"kind-{name}", raw_zip(_wheel(raws=(Raw("demo/x", b"/etc/passwd", mode=mode),)))
    link = (Raw("demo/sub", b"..", mode=0o120777), Raw("demo/sub/x", b"x"))
    yield "kind-symlink-and-below-it", raw_zip(_wheel(raws=link))
    yield "kind-directory-without-slash", raw_zip(_wheel(raws=(Raw("demo/x", mode=0o040755),)))
    yield "kind-file-with-slash", raw_zip(_wheel(raws=(Raw("demo/x/", mode=0o100644),)))
    yield "kind-directory-with-data", raw_zip(_wheel(raws=(Raw("demo/x/", b"data", mode=0o040755),)))


def _containers() -> Iterator[tuple[str, bytes]]:
    good, other = raw_zip(_wheel()), raw_zip(_wheel({"demo/evil.py": b"evil"}))
    yield "empty", b""
    yield "nothing-in-it", raw_zip([])
    yield "text", b"<html>no such file</html>\n" * 99
    yield "zeros", bytes(4096)
    yield "gzip", gzip.compress(good)
    yield "bytes-before", raw_zip(_wheel(), before=b"#!/bin/sh\n")
    yield "bytes-before-unseen", b"x" + good
    yield "two-archives", good + other
    yield "two-archives-turned", other + good
    yield "archive-in-the-comment", good[:-2] + struct.pack("<H", len(other)) + other
    yield "end-in-the-comment", raw_zip(_wheel(), comment=good[-22:])
    yield "directory-in-the-comment", raw_zip(_wheel(), comment=b"PK\x01\x02" + bytes(42))
    yield "archive-between", raw_zip(_wheel(), between=other)
    yield "member-hidden", raw_zip(_wheel(raws=(Raw("demo/hidden.py", b"evil", is_hidden=True),)))
    yield "member-listed-twice", raw_zip(_wheel(), order=[0, 0, 1, 2, 3])
    for part in (1, 3, 21, 22, 23, len(good) // 3, len(good) // 2, len(good) - 60):
        yield f"cut-by-{part}", good[:-part]
    for part in (1, 4, 30, 100):
        yield f"begins-late-by-{part}", good[part:]
    yield "tar", _tar(good)[1024:]
    yield "tar-and-zip", _tar(good)
    yield "zip-in-a-tar-name", _as_tar_header(good)


def _tar(data: bytes) -> bytes:
    """A TAR with an archive at its end: a ZIP for who looks from behind."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("demo/x")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return file.getvalue().rstrip(b"\0") + b"\0" * 20


def _as_tar_header(data: bytes) -> bytes:
    """A ZIP whose first block is a right TAR header, by the name of its first member."""
    first = Raw("demo/" + "x" * 250, bytes(600))
    block = bytearray(raw_zip([first, *_wheel()]))
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


def _headers() -> Iterator[tuple[str, bytes]]:
    """One field of one header that is wrong, or that differs from the other header."""

    def one(where: str, **fields: object) -> bytes:
        return raw_zip(_wheel(raws=(Raw("demo/x", b"xyz" * 9, **{where: fields}),)))  # type: ignore[arg-type]

    lies: dict[str, dict[str, object]] = {
        "mark": {"mark": b"PK\x09\x09"},
        "newer-version": {"version": 63},
        "encrypted": {"flags": 1},
        "patched": {"flags": 0x20},
        "strongly-encrypted": {"flags": 0x40},
        "masked": {"flags": 0x2000},
        "descriptor-flag": {"flags": 8},
        "utf8-flag": {"flags": 0x800},
        "shrunk": {"method": 1},
        "deflated": {"method": 8},
        "deflate64": {"method": 9},
        "bzip2": {"method": 12},
        "lzma": {"method": 14},
        "zstd": {"method": 93},
        "crc": {"crc": 7},
        "crc-zero": {"crc": 0},
        "packed-more": {"packed": 28},
        "packed-less": {"packed": 26},
        "packed-zero": {"packed": 0},
        "size-more": {"size": 28},
        "size-less": {"size": 2},
        "size-huge": {"size": 0xFFFFFFFE},
        "size-full": {"size": 0xFFFFFFFF},
        "packed-full": {"packed": 0xFFFFFFFF},
        "name": {"name": b"demo/y"},
        "name-case": {"name": b"demo/X"},
        "name-longer": {"name": b"demo/x\0.py"},
        "extra-cut": {"extra": b"\x55\x54\x09"},
        "extra-longer-than-told": {"extra": b"\x55\x54\x09\0x"},
        "unicode-path": {"extra": _extra(0x7075, b"\1" + struct.pack("<L", zlib.crc32(b"demo/x")) + b"demo/evil.py")},
        "unicode-path-twice": {"extra": _extra(0x7075, b"\1\0\0\0\0demo/x") * 2},
        "wide-short": {"size": 0xFFFFFFFF, "extra": _extra(1, b"\x1b\0\0")},
        "wide-twice": {"size": 0xFFFFFFFF, "extra": _extra(1, struct.pack("<Q", 27)) * 2},
        "wide-long": {"size": 0xFFFFFFFF, "extra": _extra(1, struct.pack("<QL", 27, 0))},
        "wide-other": {"size": 0xFFFFFFFF, "extra": _extra(1, struct.pack("<Q", 99))},
        "wide-other-unasked": {"extra": _extra(1, struct.pack("<QQ", 99, 27))},
    }
    for name, fields in lies.items():
        if name not in ("utf8-flag", "descriptor-flag"):
            yield f"central-{name}", one("central", **fields)
        if name != "descriptor-flag":
            yield f"local-{name}", one("local", **fields)
    yield "central-descriptor-flag", one("central", flags=8)
    yield "local-descriptor-flag", one("local", flags=8)
    yield "central-disk", one("central", disk=1)
    yield "central-begin", one("central", begin=1)
    yield "central-begin-far", one("central", begin=1 << 30)
    yield "central-begin-of-another", one("central", begin=0)
    crc = zlib.crc32(b"x")
    for name, values in {"crc": (crc ^ 1, 1, 1), "packed": (crc, 2, 1), "size": (crc, 1, 2)}.items():
        yield f"descriptor-{name}", raw_zip(_wheel(raws=(_described(b"PK\x07\x08" + struct.pack("<LLL", *values)),)))
    yield "descriptor-missing", raw_zip(_wheel(raws=(_described(b""),)))
    wide = b"PK\x07\x08" + struct.pack("<LQQ", crc, 1, 1)
    yield "descriptor-wide-unasked", raw_zip(_wheel(raws=(_described(wide),)))
    overlap = Raw("demo/y", b"y", central={"name": b"demo/x", "begin": 0})
    yield "overlap", raw_zip([Raw("demo/x", b"x"), overlap, *_wheel()])


def _extra(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _ends() -> Iterator[tuple[str, bytes]]:
    names = ("disk", "directory-disk", "count-here", "count", "size", "offset", "comment")
    for number, name in enumerate(names):
        for change in (-1, 1):
            if number < 2 and change < 0:
                continue
            comment = b"abc" if name == "comment" else b""
            if name == "comment" and change < 0:
                continue
            yield f"end-{name}{change:+}", raw_zip(_wheel(), end={number: change}, comment=comment)
    yield "end-both-counts-less", raw_zip(_wheel(), end={2: -1, 3: -1})
    yield "end-both-counts-more", raw_zip(_wheel(), end={2: 1, 3: 1})
    yield "end-count-of-zip64-without-it", raw_zip(_wheel(), end={2: 0xFFFF - 4, 3: 0xFFFF - 4})


def _wide() -> Iterator[tuple[str, bytes]]:
    good = raw_zip(_wheel())
    for number, name in enumerate(("length", "disk", "directory-disk", "count-here", "count", "size", "offset")):
        yield f"zip64-{name}+1", wide_end(good, record={number: 1})
    yield "zip64-both-counts+1", wide_end(good, record={3: 1, 4: 1})
    yield "zip64-too-many", wide_end(good, record={3: 300_000, 4: 300_000})
    yield "zip64-locator-before", wide_end(good, locator=-1)
    yield "zip64-locator-behind", wide_end(good, locator=1)
    yield "zip64-locator-far", wide_end(good, locator=1 << 40)
    yield "zip64-more", wide_end(good, more=b"x" * 9)
    yield "zip64-other-than-short", wide_end(good, record={6: 1}, is_full=False)


def _streams() -> Iterator[tuple[str, bytes]]:
    """Data that is not what the headers promise."""
    content = bytes(range(256)) * 9
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()

    def one(data: bytes, **fields: object) -> bytes:
        both = {"packed": len(data), "size": len(content), **fields}
        return raw_zip(_wheel(raws=(
            Raw("demo/x", content, is_deflated=True, data=data, local=dict(both), central=dict(both)),)))  # fmt: skip

    yield "deflate-cut", one(packed[:-3])
    yield "deflate-and-more", one(packed + b"more")
    yield "deflate-twice", one(packed + packed)
    yield "deflate-garbage", one(b"\xff" * len(packed))
    yield "deflate-nothing", one(b"")
    yield "deflate-more-than-promised", one(packed, size=len(content) - 1)
    yield "deflate-less-than-promised", one(packed, size=len(content) + 1)
    yield "deflate-other-crc", one(packed, crc=1)
    yield "stored-other-crc", raw_zip(_wheel(raws=(Raw("demo/x", b"x", local={"crc": 1}, central={"crc": 1}),)))
    huge = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = huge.compress(bytes(80 << 20)) + huge.flush()
    lie = {"packed": len(zeros), "size": 100, "crc": 0}
    yield "bomb-that-lies", raw_zip(_wheel(raws=(
        Raw("demo/x", b"", is_deflated=True, data=zeros, local=dict(lie), central=dict(lie)),)))  # fmt: skip
    told = {"packed": len(zeros), "size": 80 << 20, "crc": zlib.crc32(bytes(80 << 20))}
    bomb = Raw("demo/x", b"", is_deflated=True, data=zeros, local=dict(told), central=dict(told))
    yield "bomb", raw_zip(_wheel(raws=(bomb,)))
    claimed = {"size": 0xF0000000}
    yield "bomb-by-claim", raw_zip(_wheel(raws=(
        Raw("demo/x", b"", is_deflated=True, local=dict(claimed), central=dict(claimed)),)))  # fmt: skip
    begins = [
        Raw(f"demo/{n}", b"", is_deflated=True, data=b"", local=told, central={**told, "begin": 0}) for n in range(9)
    ]
    yield "bomb-of-one-kernel", raw_zip([bomb, *begins, *_wheel()])
    large = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\n" + bytes(17 << 20)
    yield "metadata-of-17-mebibytes", raw_zip(_wheel(replaced={"METADATA": large}))


def _claims() -> Iterator[tuple[str, bytes]]:
    """Files of ``.dist-info`` that contradict the archive or the file name, or ask for what nobody may have."""
    yield "info-missing", raw_zip([Raw("demo/__init__.py", b"")])
    yield "info-twice", raw_zip(_wheel({"other-1.0.dist-info/METADATA": b"Name: other\nVersion: 1.0\n"}))
    for name, info in {
        "other-name": "other-1.0.dist-info",
        "other-version": "demo-2.0.dist-info",
        "no-version": "demo.dist-info",
        "bad-version": "demo-x.y.dist-info",
    }.items():
        yield f"info-{name}", raw_zip(_wheel(info=info))
    for file in ("METADATA", "WHEEL", "RECORD"):
        yield f"{file.lower()}-missing", raw_zip(_wheel(replaced={file: None}))
        yield f"{file.lower()}-not-utf-8", raw_zip(_wheel(replaced={file: b"\xff\xfe\x00"}))
    head = b"Metadata-Version: 2.1\n"
    for name, text in {
        "other-name": b"Name: other\nVersion: 1.0\n",
        "other-version": b"Name: demo\nVersion: 1.1\n",
        "two-names": b"Name: demo\nName: other\nVersion: 1.0\n",
        "two-versions": b"Name: demo\nVersion: 1.0\nVersion: 2.0\n",
        "no-name": b"Version: 1.0\n",
        "no-version": b"Name: demo\n",
        "bad-version": b"Name: demo\nVersion: latest\n",
        "empty-line-first": b"\nName: demo\nVersion: 1.0\n",
    }.items():
        yield f"metadata-{name}", raw_zip(_wheel(replaced={"METADATA": head + text}))
    for name, text in {
        "version-2": b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "version-word": b"Wheel-Version: one\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "no-version": b"Root-Is-Purelib: true\nTag: py3-none-any\n",
        "no-purelib": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
        "purelib-word": b"Wheel-Version: 1.0\nRoot-Is-Purelib: maybe\nTag: py3-none-any\n",
    }.items():
        yield f"wheel-{name}", raw_zip(_wheel(replaced={"WHEEL": text}))
    yield from _records()
    yield from _scripts()


def _records() -> Iterator[tuple[str, bytes]]:
    right = _record_of(_wheel())
    digest, sha = _digest(b"x = 1\n"), f"sha256={_digest(b'x = 1' + bytes([10]))}"
    for name, text in {
        "wrong-hash": right.replace(digest, _digest(b"other")),
        "wrong-size": right.replace(f"{sha},6", f"{sha},7"),
        "md5": right.replace(sha, f"md5={_digest(b'x = 1' + bytes([10]), 'md5')}"),
        "sha1": right.replace(sha, f"sha1={_digest(b'x = 1' + bytes([10]), 'sha1')}"),
        "hash-cut": right.replace(digest, digest[:-2]),
        "wrong-hash-in-hex": right.replace(digest, hashlib.sha256(b"other").hexdigest()),
        "hash-in-half-hex": right.replace(digest, hashlib.sha256(b"x = 1\n").hexdigest()[:-2]),
        "hash-of-no-kind": right.replace("sha256=", "magic=", 1),
        "size-word": right.replace(f"{sha},6", f"{sha},six"),
        "twice": right + right,
        "four-fields": right.replace(f"{sha},6", f"{sha},6,7"),
        "quote-open": right.replace("demo/__init__.py", '"demo/__init__.py', 1),
        "no-path": right + ",,\n",
    }.items():
        yield f"record-{name}", raw_zip(_wheel(record=text))
    for number, path in zip(
        count(), ("../../up.py", "/etc/passwd", "demo/../../x", "..\\..\\x", "../../../bin/sh"), strict=False
    ):
        yield f"record-lists-outside-{number}", raw_zip(_wheel(rows=f"{path},sha256={_digest(b'')},0\n"))


def _scripts() -> Iterator[tuple[str, bytes]]:
    names = {
        "up": "../up", "absolute": "/bin/sh", "backslash": "..\\up", "empty": "", "dot": ".", "dots": "..",
        "hidden": ".profile", "option": "-rf", "python": "python", "python3": "python3", "python-minor": "python3.11",
        "pythonw": "pythonw.exe", "activate": "activate", "activate-fish": "activate.fish",
        "deactivate": "deactivate",
        "case": "Activate", "escape": "x\x1b", "quote": "x'y", "dollar": "$(id)", "line": "x\u2028y",
        "semicolon": "a;b",
    }  # fmt: skip
    for name, script in names.items():
        text = f"[console_scripts]\n{script} = demo:main\n"
        yield f"script-{name}", raw_zip(_wheel(replaced={"entry_points.txt": text.encode()}))
    references = {
        "call": "os:system('id')", "statement": "os;import evil:x", "no-object": "demo", "no-module": ":main",
        "path": "../demo:main", "space": "de mo:main", "number": "demo:1", "two-colons": "demo:a:b",
        "dots": "demo..x:y",
    }  # fmt: skip
    for name, reference in references.items():
        text = f"[console_scripts]\ntool = {reference}\n"
        yield f"reference-{name}", raw_zip(_wheel(replaced={"entry_points.txt": text.encode()}))
    yield "script-outside-a-group", raw_zip(_wheel(replaced={"entry_points.txt": b"tool = demo:main\n"}))
    yield "script-without-equals", raw_zip(_wheel(replaced={"entry_points.txt": b"[console_scripts]\ntool\n"}))
    yield "script-gui", raw_zip(_wheel(replaced={"entry_points.txt": b"[gui_scripts]\npython = demo:main\n"}))
    for name, path in {
        "unknown": "nowhere/x", "none": "x", "python": "scripts/python3", "activate": "scripts/activate",
        "deep": "scripts/sub/python", "config": "data/pyvenv.cfg", "data-python": "data/bin/python",
        "data-activate": "data/bin/activate", "data-windows": "data/Scripts/python.exe",
    }.items():  # fmt: skip
        yield f"data-{name}", raw_zip(_wheel({f"demo-1.0.data/{path}": b"x"}))
