"""A shared library with a name and nothing in it, as bytes: it stands for a driver's library where there is none.

The smallest that a dynamic loader accepts: one loaded segment with everything, a dynamic table, an empty hash table
(System V ABI, gABI 4.3, chapters 4 and 5).
"""

from __future__ import annotations

import struct

from provenv.binary.elf import MACHINES

__all__ = ["stub_library"]

_PAGE = 0x10000
_SHARED, _CURRENT = 3, 1
_LOAD, _DYNAMIC, _STACK = 1, 2, 0x6474E551
_READ, _WRITE = 4, 2
_NULL, _HASH, _STRTAB, _SYMTAB, _STRSZ, _SYMENT, _SONAME = 0, 4, 5, 6, 10, 11, 14
_HEADER, _PROGRAM, _SYMBOL = 64, 56, 24


def stub_library(soname: str, machine: str = "x86_64") -> bytes:
    """An empty 64-bit shared library of that soname, for ``x86_64`` or ``aarch64``."""
    number = next(key for key, name in MACHINES.items() if name == machine)
    strings = b"\0" + soname.encode() + b"\0"
    start = _HEADER + 3 * _PROGRAM
    symbols_at = start
    hash_at = symbols_at + _SYMBOL
    strings_at = hash_at + 16
    dynamic_at = -(-(strings_at + len(strings)) // 8) * 8
    tags = [
        (_SONAME, 1),
        (_HASH, hash_at),
        (_STRTAB, strings_at),
        (_SYMTAB, symbols_at),
        (_STRSZ, len(strings)),
        (_SYMENT, _SYMBOL),
        (_NULL, 0),
    ]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    size = dynamic_at + len(dynamic)
    # One bucket, one symbol: the empty one that every table begins with.
    tables = bytes(_SYMBOL) + struct.pack("<4I", 1, 1, 0, 0) + strings
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", _SHARED, number, _CURRENT, 0, _HEADER, 0, 0, _HEADER, _PROGRAM, 3, 64, 0, 0)
    programs = struct.pack("<IIQQQQQQ", _LOAD, _READ | _WRITE, 0, 0, 0, size, size, _PAGE)
    programs += struct.pack(
        "<IIQQQQQQ", _DYNAMIC, _READ | _WRITE, dynamic_at, dynamic_at, dynamic_at, len(dynamic), len(dynamic), 8
    )
    # Without this the loader would ask for a stack that may be executed.
    programs += struct.pack("<IIQQQQQQ", _STACK, _READ | _WRITE, 0, 0, 0, 0, 0, 16)
    return (header + programs + tables).ljust(dynamic_at, b"\0") + dynamic
