"""Source archives that must be refused, and what is wrong with each.

The cases come from reports on ``tarfile`` and its callers (CVE-2007-4559, CVE-2025-4517, CVE-2026-11940), on readers
that two halves of a header desynchronise (CVE-2025-62518), and on endless archives (CVE-2025-8194).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator

from tests.worlds.hostile_wheels import BAD_NAMES, SLOPPY_NAMES
from tests.worlds.raw_zip import Raw, raw_zip

__all__ = ["Block", "hostile_sdists", "raw_tar", "sloppy_sdists"]

TOP = "demo-1.0"
FILENAME = f"{TOP}.tar.gz"


class Block:
    """One header and what follows it; every field can be a lie."""

    def __init__(
        self,
        name: str | bytes,
        data: bytes = b"",
        *,
        kind: bytes = b"0",
        target: str | bytes = "",
        mode: bytes = b"0000644\0",
        size: bytes | None = None,
        magic: bytes = b"ustar\x0000",
        prefix: bytes = b"",
        checksum: int = 0,
        has_padding: bool = True,
    ) -> None:
        raw = name.encode() if isinstance(name, str) else name
        link = target.encode() if isinstance(target, str) else target
        told = b"%011o\0" % len(data) if size is None else size
        head = raw[:100].ljust(100, b"\0") + mode + b"0000000\0" * 2 + told + b"%011o\0" % 1_700_000_000
        tail = kind + link[:100].ljust(100, b"\0") + magic + bytes(80) + prefix.ljust(155, b"\0") + bytes(12)
        total = sum(head) + sum(tail) + 8 * 32 + checksum
        self.bytes = head + b"%06o\0 " % total + tail + data
        if has_padding:
            self.bytes += bytes(-len(data) % 512)


def raw_tar(*blocks: Block, end: bytes = bytes(1024)) -> bytes:
    """The blocks, and two of zeros."""
    return b"".join(block.bytes for block in blocks) + end


def _pax(*records: tuple[str, str | bytes], kind: bytes = b"x", data: bytes | None = None) -> Block:
    return Block("PaxHeaders/x", _lines(*records) if data is None else data, kind=kind)


def _lines(*records: tuple[str, str | bytes]) -> bytes:
    found = b""
    for key, value in records:
        rest = b" " + key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
        length = len(rest)
        while length != len(rest) + len(str(length)):
            length = len(rest) + len(str(length))
        found += str(length).encode() + rest
    return found


def _long(name: str) -> Block:
    return Block("././@LongLink", name.encode() + b"\0", kind=b"L", magic=b"ustar  \0")


SETUP = Block(f"{TOP}/setup.py", b"print(1)\n")


def _link(name: str, target: str | bytes) -> Block:
    return Block(f"{TOP}/{name}", kind=b"2", target=target)


def _hard(name: str, target: str) -> Block:
    return Block(f"{TOP}/{name}", kind=b"1", target=target)


def sloppy_sdists() -> Iterator[tuple[str, str, bytes]]:
    """``(name, file name, archive)`` of source archives that are refused unless the user lets them pass."""
    for name, path in SLOPPY_NAMES.items():
        yield f"name-{name}", FILENAME, gzip.compress(raw_tar(SETUP, Block(f"{TOP}/{path}")))
    twins = (Block(f"{TOP}/x"), Block(f"{TOP}/X"))
    yield "twins", FILENAME, gzip.compress(raw_tar(SETUP, *twins))
    yield "no-end", FILENAME, gzip.compress(raw_tar(SETUP, end=b""))
    yield "half-an-end", FILENAME, gzip.compress(raw_tar(SETUP, end=bytes(512)))
    yield "zeros-behind-the-stream", FILENAME, gzip.compress(raw_tar(SETUP)) + bytes(512)


def hostile_sdists() -> Iterator[tuple[str, str, bytes]]:
    """``(name, file name, archive)`` of source archives that nothing makes acceptable."""
    for name, tar in (*_named(), *_links(), *_kinds(), *_sizes(), *_records(), *_twice(), *_ends()):
        yield name, FILENAME, gzip.compress(tar)
    yield from _streams()
    for name, path in BAD_NAMES.items():
        both = [Raw(f"{TOP}/setup.py", b"x"), Raw(path, b"x")]
        yield f"zip-name-{name}", f"{TOP}.zip", raw_zip(both)
    yield "zip-symlink", f"{TOP}.zip", raw_zip([Raw(f"{TOP}/setup.py", b"x"), Raw(f"{TOP}/x", b"..", mode=0o120777)])


def _named() -> Iterator[tuple[str, bytes]]:
    for name, path in BAD_NAMES.items():
        raw = path.encode() if isinstance(path, str) else path
        if b"\0" in raw or name == "deep":
            continue  # ends there, by the format; and too long for one record of a small archive
        long = path if isinstance(path, bytes) else path.encode()
        header = (_pax(("path", long)), Block("x", b"x"))
        yield f"pax-name-{name}", raw_tar(SETUP, *header)
        if len(raw) <= 100:
            yield f"name-{name}", raw_tar(SETUP, Block(raw, b"x"))
    yield "long-name-up", raw_tar(SETUP, _long("../" * 40 + "up.py"), Block("x", b"x"))
    yield "long-name-absolute", raw_tar(SETUP, _long("/" + "tmp/" * 40 + "up.py"), Block("x", b"x"))
    yield "prefix-up", raw_tar(SETUP, Block("up.py", b"x", prefix=b"../.."))
    yield "prefix-absolute", raw_tar(SETUP, Block("up.py", b"x", prefix=b"/tmp"))
    yield "prefix-without-name", raw_tar(SETUP, Block("", b"x", prefix=b"demo"))
    yield "pax-nul", raw_tar(SETUP, _pax(("path", b"demo\0/../x")), Block("x", b"x"))
    yield "file-with-slash", raw_tar(SETUP, Block(f"{TOP}/x/", b"x"))
    yield "cut-name-up", raw_tar(SETUP, _pax(("path", f"{TOP}/x")), Block("../../x", b"x"))


def _links() -> Iterator[tuple[str, bytes]]:
    """Everything that leads out: by one link, by chains of them, and by what is written through them."""
    targets = {
        "absolute": "/etc/passwd", "absolute-directory": "/tmp", "up": "../../up", "up-and-down": "../../etc/passwd",
        "up-far": "../" * 30 + "etc/passwd", "inside-and-up": f"../{TOP}/../../x", "backslash": "..\\..\\x",
        "drive": "C:/x", "missing-and-up": "nothing/../../../x", "empty": "", "dots": "./.././../x",
    }  # fmt: skip
    for name, target in targets.items():
        yield f"link-{name}", raw_tar(SETUP, _link("x", target))
    yield "link-chain", raw_tar(SETUP, _link("a", "."), _link("b", "a/.."), _link("c", "b/../.."))
    yield "link-chain-to-the-root", raw_tar(SETUP, _link("a", ".."), _link("a2", "a/.."), _link("x", "a2/etc"))
    yield "link-and-file-through-it", raw_tar(SETUP, _link("a", ".."), Block(f"{TOP}/a/up.py", b"x"))
    yield "link-outside-and-file-through-it", raw_tar(SETUP, _link("a", "/tmp"), Block(f"{TOP}/a/up.py", b"x"))
    yield "link-and-file-in-its-place", raw_tar(SETUP, _link("x", "setup.py"), Block(f"{TOP}/x", b"x"))
    yield "file-and-link-in-its-place", raw_tar(SETUP, Block(f"{TOP}/x", b"x"), _link("x", "/etc/passwd"))
    yield "directory-and-link-in-its-place", raw_tar(SETUP, Block(f"{TOP}/x/", kind=b"5"), _link("x", "/tmp"))
    yield "link-and-directory-in-its-place", raw_tar(SETUP, _link("x", "/tmp"), Block(f"{TOP}/x/", kind=b"5"))
    yield "link-to-itself", raw_tar(SETUP, _link("x", "x"))
    yield "links-to-one-another", raw_tar(SETUP, _link("x", "y"), _link("y", "x"))
    yield "link-to-its-own-directory", raw_tar(SETUP, _link("x", "."))
    yield "link-to-the-top", raw_tar(SETUP, _link("sub/x", "../.."))
    yield "link-of-another-object", raw_tar(SETUP, _link("x", "../../0000/files"))
    # CVE-2025-4517: names so long that a check by the system gives up before their end.
    part = "d" * 247
    steps = "abcdefghijklmnop"
    chain: list[Block] = []
    for number, step in enumerate(steps):
        above = "/".join([TOP, *steps[:number]])
        chain += [_pax(("path", f"{above}/{part}/")), Block(part[:90], kind=b"5")]
        chain += [_pax(("linkpath", part), ("path", f"{above}/{step}")), Block(f"{above}/{step}"[:99], kind=b"2")]
    yield "link-too-long-to-be-checked", raw_tar(SETUP, *chain, Block(f"{TOP}/{'/'.join(steps)}/flag", b"x"))
    far = "/".join([*steps, "l" * 254])
    tail = (
        _pax(("path", f"{TOP}/{far}"), ("linkpath", "../" * 20)),
        Block("x", kind=b"2"),
        _link("escape", f"{far}/../up"),
    )
    yield "link-behind-a-long-one", raw_tar(SETUP, *tail)
    for name, target in {
        "absolute": "/etc/passwd", "up": "../up", "up-inside": f"{TOP}/../../x", "missing": f"{TOP}/nothing",
        "itself": f"{TOP}/x", "directory": TOP, "empty": "", "later": f"{TOP}/z",
    }.items():  # fmt: skip
        yield f"hard-{name}", raw_tar(SETUP, _hard("x", target), Block(f"{TOP}/z", b"z"))
    yield "hard-to-a-link", raw_tar(SETUP, _link("a", "/etc/passwd"), _hard("x", f"{TOP}/a"))
    yield "hard-to-a-link-inside", raw_tar(SETUP, _link("a", "setup.py"), _hard("x", f"{TOP}/a"))
    yield "hard-to-a-deeper-link", raw_tar(SETUP, _link("a/b/l", "../../../.."), _hard("x", f"{TOP}/a/b/l"))
    yield "hard-through-a-link", raw_tar(SETUP, _link("a", "/etc"), _hard("x", f"{TOP}/a/passwd"))


def _kinds() -> Iterator[tuple[str, bytes]]:
    for kind in b"34678ABDMNSVXZ":
        yield f"kind-{chr(kind)}", raw_tar(SETUP, Block(f"{TOP}/x", kind=bytes([kind])))
    for name, type_flag in {"link": b"2", "hard-link": b"1", "directory": b"5", "device": b"3", "pipe": b"6"}.items():
        inner = Block(f"{TOP}/hidden.py", b"evil").bytes
        yield f"data-of-a-{name}", raw_tar(SETUP, Block(f"{TOP}/x", inner, kind=type_flag, target="setup.py"))
    yield "magic-of-nothing", raw_tar(SETUP, Block(f"{TOP}/x", b"x", magic=b"tar!    "))
    old = Block(f"{TOP}/x", b"x", kind=b"\0", magic=bytes(8), prefix=b"y")
    yield "prefix-of-an-old-header", raw_tar(SETUP, old)
    yield "directory-by-slash-only", raw_tar(SETUP, Block(f"{TOP}/x/", kind=b"\0", magic=bytes(8)))
    yield "directory-without-type", raw_tar(SETUP, Block(f"{TOP}/x/", kind=b"\0"))
    yield "checksum", raw_tar(SETUP, Block(f"{TOP}/x", b"x", checksum=1))
    yield "checksum-of-the-first", raw_tar(Block(f"{TOP}/x", b"x", checksum=-1))


def _sizes() -> Iterator[tuple[str, bytes]]:
    fields = {
        "negative": b"\xff" * 12, "negative-small": b"\xff" * 11 + b"\xf0", "word": b"0000000000x\0",
        "minus": b"-0000000001\0",
        "empty": bytes(12), "spaces": b" " * 12, "hex": b"0x000000010\0", "huge": b"\x80" + b"\x7f" * 11,
        "beyond-the-end": b"00000777777\0", "nine": b"00000000009\0", "decimal": b"00000000018\0",
    }  # fmt: skip
    for name, field in fields.items():
        yield f"size-{name}", raw_tar(SETUP, Block(f"{TOP}/x", b"x", size=field))
    inner = Block(f"{TOP}/hidden.py", b"evil").bytes
    for name, told in {
        "zero": "0",
        "more": str(len(inner) + 512),
        "less": "512",
        "negative": "-1",
        "word": "x",
    }.items():
        yield f"pax-size-{name}", raw_tar(SETUP, _pax(("size", told)), Block(f"{TOP}/x", inner))
    yield (
        "pax-size-over-none",
        raw_tar(SETUP, _pax(("size", "1024")), Block(f"{TOP}/x", b""), Block(f"{TOP}/y", b"y" * 900)),
    )
    yield "pax-size-for-all", raw_tar(_pax(("size", "0"), kind=b"g"), SETUP)
    yield "bomb-by-claim", raw_tar(SETUP, Block(f"{TOP}/x", size=b"\x80" + (1 << 40).to_bytes(11, "big")))


def _records() -> Iterator[tuple[str, bytes]]:
    member = Block(f"{TOP}/x", b"x")
    for name, data in {
        "no-length": b"path=evil\n", "no-equals": b"9 pathab\n", "no-newline": b"13 path=evils",
        "too-long": b"99 path=evil\n",
        "too-short": b"3 path=evil\n", "leading-zero": b"013 path=evi\n", "negative": b"-12 path=evi\n",
        "no-key": b"8 =evil\n",
        "nul-in-key": b"14 pa\0th=evil\n", "not-utf-8": _lines(("path", b"demo/\xff")),
        "nul-behind": _lines(("path", "a")) + b"\0",
        "space": b" 12 path=evi\n",
    }.items():  # fmt: skip
        yield f"record-{name}", raw_tar(SETUP, _pax(data=data), member)
    yield "record-twice", raw_tar(SETUP, _pax(("path", f"{TOP}/a"), ("path", f"{TOP}/b")), member)
    for name, records in {
        "path": ("path", f"{TOP}/evil.py"), "link": ("linkpath", "/etc/passwd"), "charset": ("hdrcharset", "BINARY"),
        "sparse": ("GNU.sparse.major", "1"),
    }.items():  # fmt: skip
        yield f"for-all-{name}", raw_tar(_pax(records, kind=b"g"), SETUP)
    for name, pair in {
        "binary": ("hdrcharset", "BINARY"), "latin-1": ("hdrcharset", "ISO-IR 8859 1 1998"),
        "sparse": ("GNU.sparse.size", "9"),
        "sparse-name": ("GNU.sparse.name", f"{TOP}/evil.py"), "sparse-map": ("GNU.sparse.map", "0,1"),
        "real-size": ("SCHILY.realsize", "9"), "link-up": ("linkpath", "../../x"), "type": ("SCHILY.filetype", "dir"),
    }.items():  # fmt: skip
        block = Block(f"{TOP}/x", kind=b"2", target="setup.py") if name == "link-up" else member
        yield f"pax-{name}", raw_tar(SETUP, _pax(pair), block)
    one = _pax(("path", f"{TOP}/a"))
    yield "two-headers", raw_tar(SETUP, one, _pax(("path", f"{TOP}/b")), member)
    yield "header-and-one-for-all", raw_tar(SETUP, one, _pax(("comment", "x"), kind=b"g"), member)
    yield "header-and-long-name", raw_tar(SETUP, one, _long(f"{TOP}/b"), member)
    yield "long-name-and-header", raw_tar(SETUP, _long(f"{TOP}/b"), one, member)
    yield "two-long-names", raw_tar(SETUP, _long(f"{TOP}/a"), _long(f"{TOP}/b"), member)
    yield "long-name-without-end", raw_tar(SETUP, Block("@LongLink", b"demo/x", kind=b"L", magic=b"ustar  \0"), member)
    yield (
        "long-name-with-two-ends",
        raw_tar(SETUP, Block("@LongLink", b"demo/x\0y\0", kind=b"L", magic=b"ustar  \0"), member),
    )
    yield "header-of-nothing", raw_tar(SETUP, one)
    yield "header-too-large", raw_tar(SETUP, _pax(("comment", "x" * (2 << 20))), member)


def _twice() -> Iterator[tuple[str, bytes]]:
    yield "twice", raw_tar(SETUP, Block(f"{TOP}/setup.py", b"print(2)\n"))
    yield "twice-longer", raw_tar(SETUP, Block(f"{TOP}/setup.py", b"print(1)\n\n"))
    yield "twice-and-empty", raw_tar(SETUP, Block(f"{TOP}/setup.py"))
    yield "twice-and-executable", raw_tar(SETUP, Block(f"{TOP}/setup.py", b"print(1)\n", mode=b"0000755\0"))
    yield "twice-and-another", raw_tar(SETUP, SETUP, Block(f"{TOP}/setup.py", b"print(2)\n"))
    yield "hard-link-and-file", raw_tar(SETUP, _hard("x", f"{TOP}/setup.py"), Block(f"{TOP}/x", b"print(1)\n"))
    yield "file-and-hard-link", raw_tar(SETUP, Block(f"{TOP}/x", b"print(1)\n"), _hard("x", f"{TOP}/setup.py"))
    yield "link-twice", raw_tar(SETUP, _link("x", "setup.py"), _link("x", "setup.py"))
    yield "file-and-below-it", raw_tar(SETUP, Block(f"{TOP}/setup.py/x", b"x"))
    yield "directory-and-file", raw_tar(SETUP, Block(f"{TOP}/x/y", b"x"), Block(f"{TOP}/x", b"x"))
    yield "two-tops", raw_tar(SETUP, Block("other/setup.py", b"x"))
    yield "no-top", raw_tar(Block("x.py", b"x"), Block("y.py", b"x"))
    yield "nothing", raw_tar()


def _ends() -> Iterator[tuple[str, bytes]]:
    good = raw_tar(SETUP)
    yield "more-behind-the-end", good + Block(f"{TOP}/hidden.py", b"x").bytes
    yield "zeros-in-the-middle", raw_tar(SETUP, end=bytes(512)) + raw_tar(Block(f"{TOP}/hidden.py", b"x"))
    yield "garbage-behind-the-end", good + b"x" * 512
    for part in (1, 511, 1100, 1500, 1600):
        yield f"cut-by-{part}", good[:-part]
    yield "text", b"<html>no such file</html>" * 99


def _streams() -> Iterator[tuple[str, str, bytes]]:
    tar = raw_tar(SETUP)
    good, other = gzip.compress(tar), gzip.compress(raw_tar(Block("other/setup.py", b"x")))
    yield "empty-file", FILENAME, b""
    yield "two-streams", FILENAME, good + other
    yield "two-streams-of-one-archive", FILENAME, gzip.compress(tar[:700]) + gzip.compress(tar[700:])
    yield "stream-and-garbage", FILENAME, good + b"garbage"
    yield "stream-wrong-crc", FILENAME, good[:-8] + b"\0\0\0\0" + good[-4:]
    yield "stream-wrong-size", FILENAME, good[:-4] + b"\0\0\0\1"
    for part in (1, 8, 20, len(good) // 2):
        yield f"stream-cut-by-{part}", FILENAME, good[:-part]
    yield "bzip2-called-gzip", FILENAME, bz2.compress(tar)
    yield "plain-called-gzip", FILENAME, tar
    yield "zip-called-gzip", FILENAME, raw_zip([Raw(f"{TOP}/setup.py", b"x")])
    yield "gzip-called-zip", f"{TOP}.zip", good
    yield "gzip-called-plain", f"{TOP}.tar", good
    yield "two-bzip2-streams", f"{TOP}.tar.bz2", bz2.compress(tar) + bz2.compress(tar)
    yield "bzip2-cut", f"{TOP}.tar.bz2", bz2.compress(tar)[:-5]
    yield "two-xz-streams", f"{TOP}.tar.xz", lzma.compress(tar) + lzma.compress(tar)
    yield "xz-cut", f"{TOP}.tar.xz", lzma.compress(tar)[:-5]
    small = bytearray(lzma.compress(tar, lzma.FORMAT_XZ, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]))
    small[16] = 40  # the dictionary's size: 4 GiB less one byte
    small[20:24] = zlib.crc32(bytes(small[12:20])).to_bytes(4, "little")
    yield "xz-that-wants-4-gibibytes", f"{TOP}.tar.xz", bytes(small)
    zipped = raw_zip([Raw(f"{TOP}/setup.py", b"evil")])
    yield "tar-and-zip", f"{TOP}.tar", tar + zipped
    yield (
        "tar-that-holds-a-zip-end",
        f"{TOP}.tar",
        raw_tar(SETUP, Block(f"{TOP}/z", zipped), end=b"")[: 2048 + len(zipped) - 512],
    )
    yield "bomb-of-zeros", FILENAME, _zeros_behind(tar)
    yield "bomb-in-a-file", FILENAME, _bomb()


def _zeros_behind(tar: bytes) -> bytes:
    """An archive with hundreds of mebibytes of zeros behind its end, which every reader has to look at."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    data = packer.compress(tar)
    for _ in range(40):
        data += packer.compress(bytes(8 << 20))
    return data + packer.flush()


def _bomb() -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    size = 320 << 20
    head = Block(f"{TOP}/zeros", size=b"%011o\0" % size)
    data = packer.compress(SETUP.bytes + head.bytes)
    for _ in range(40):
        data += packer.compress(bytes(8 << 20))
    return data + packer.compress(bytes(1024)) + packer.flush()
