"""The names of AMD GPUs in clang's offload bundles, plain and compressed."""

from __future__ import annotations

import random
import struct
import sys
import zlib
from importlib import import_module

import pytest

from provenv.binary.gfx import UNREADABLE, GfxScanner

__all__: list[str] = []

_NAMES = ("gfx90a:xnack+", "gfx942", "gfx1100")


def bundle(names: tuple[str, ...] = _NAMES, filling: int = 4096) -> bytes:
    """A bundle: a table of ``(offset, size, length, name)``, then code that does not compress."""
    triples = ["host-x86_64-unknown-linux--", *(f"hipv4-amdgcn-amd-amdhsa--{name}" for name in names)]
    table = b"".join(struct.pack("<QQQ", 4096, 64, len(name)) + name.encode() for name in triples)
    code = random.Random(1).randbytes(filling)
    return b"__CLANG_OFFLOAD_BUNDLE__" + struct.pack("<Q", len(triples)) + table + code


def packed(data: bytes, *, version: int, method: int) -> bytes:
    """The same, compressed: the header of version 2 or 3, then the data."""
    body = zlib.compress(data) if method == 0 else compressed(data)
    rest = {2: 24, 3: 32}[version] - 8
    return b"CCOB" + struct.pack("<HH", version, method) + b"\0" * rest + body


def compressed(data: bytes) -> bytes:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            found: bytes = import_module(name).compress(data)
        except ImportError:
            continue
        return found
    pytest.skip("nothing here reads Zstandard")


def names(data: bytes, size: int = 1 << 20) -> set[str]:
    scanner = GfxScanner()
    for at in range(0, len(data), size):
        scanner.feed(data[at : at + size])
    scanner.finish()
    return scanner.names


@pytest.mark.parametrize("size", [1000, 4096, 1 << 20])
@pytest.mark.parametrize("kind", ["plain", "zlib", "zstd"])
def test_whatever_the_compression_and_the_pieces(kind: str, size: int) -> None:
    whole = bundle(filling=300_000)
    data = whole if kind == "plain" else packed(whole, version=3, method=0 if kind == "zlib" else 1)
    assert names(b"\0" * 8192 + data + b"\0" * 9000, size) == {"gfx90a", "gfx942", "gfx1100"}


def test_two_bundles_of_two_versions() -> None:
    first = packed(bundle(("gfx908",)), version=2, method=0)
    data = first + b"\0" * (-len(first) % 4096) + packed(bundle(), version=3, method=0)
    assert names(data) == {"gfx908", "gfx90a", "gfx942", "gfx1100"}


def test_what_nothing_here_reads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    assert names(b"CCOB" + struct.pack("<HH", 3, 1) + b"\0" * 8000) == {UNREADABLE}


def test_damage_is_survived() -> None:
    chance = random.Random(3)
    whole = packed(bundle(), version=2, method=0)
    for _ in range(200):
        data = bytearray(whole[: chance.randrange(1, len(whole))])
        for _ in range(chance.randrange(0, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        names(bytes(data), chance.choice([64, 5000]))
