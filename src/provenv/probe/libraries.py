"""The shared libraries of a system: what its loader's cache names, and what its C and C++ libraries define."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator, Sequence

from provenv.binary.elf import is_elf, read_elf
from provenv.binary.reading import Cut, InMemory
from provenv.stack.tables import numbers_if_any

__all__ = ["c_library", "sonames", "symbol_versions"]

_CACHE_MARK = b"glibc-ld.so.cache1.1"
_HEADER, _ENTRY = 48, 24
_PLACES = ("lib/{}-linux-gnu", "usr/lib/{}-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib")
_MOST = 1 << 16


def sonames(root: str, architecture: str) -> tuple[str, ...] | None:
    """Names of all shared libraries that the loader finds, sorted; None when neither cache nor directories tell."""
    names = set(_cached(os.path.join(root, "etc/ld.so.cache")))
    for directory in _directories(root, architecture):
        names.update(name for name in _listed(directory) if ".so" in name)
    return tuple(sorted(names)) or None


def _cached(path: str) -> Iterator[str]:
    """The names in a loader's cache (``sysdeps/generic/dl-cache.h`` of glibc 2.32 and later)."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return
    begin = data.find(_CACHE_MARK)
    if begin < 0 or len(data) < begin + _HEADER:
        return
    count = min(struct.unpack_from("<I", data, begin + len(_CACHE_MARK))[0], _MOST)
    for number in range(count):
        at = begin + _HEADER + number * _ENTRY
        if at + 8 > len(data):
            return
        key = begin + struct.unpack_from("<I", data, at + 4)[0]
        end = data.find(b"\0", key)
        if begin <= key < len(data) and end > key:
            yield data[key:end].decode("utf-8", "replace")


def symbol_versions(root: str, architecture: str, soname: str) -> Sequence[str]:
    """The symbol versions that a library of the system defines (``GLIBC_2.36``); empty when it is not there."""
    for directory in _directories(root, architecture):
        path = os.path.join(directory, soname)
        try:
            with open(path, "rb") as file:
                if not is_elf(file.read(4)):
                    continue
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    readable = InMemory(memoryview(mapped))
                    try:
                        return read_elf(readable).version_definitions
                    finally:
                        readable.close()
        except (OSError, Cut, ValueError):
            continue
    return ()


def c_library(root: str, architecture: str) -> tuple[str, tuple[int, int]] | None:
    """``("glibc", (2, 36))`` or ``("musl", (1, 2))``; None when neither is found."""
    versions = [version.removeprefix("GLIBC_") for version in symbol_versions(root, architecture, "libc.so.6")]
    known = [found for text in versions if (found := numbers_if_any(text)) is not None and len(found) > 1]
    if known:
        newest = max(known)
        return "glibc", (newest[0], newest[1])
    for directory in (os.path.join(root, "lib"), os.path.join(root, "usr/lib")):
        for name in _listed(directory):
            if name.startswith("ld-musl-"):
                return "musl", _musl_version(os.path.join(directory, name))
    return None


def _musl_version(path: str) -> tuple[int, int]:
    """musl's loader holds its version as text; all of this decade are 1.2."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return 1, 2
    for minor in range(9, 0, -1):
        if f"\x001.{minor}.".encode() in data:
            return 1, minor
    return 1, 2


def _directories(root: str, architecture: str) -> Iterator[str]:
    for place in _PLACES:
        yield os.path.join(root, place.format(architecture))


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
