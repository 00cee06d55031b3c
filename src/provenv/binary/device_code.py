"""Which GPUs the device code inside a file is for, from the headers of NVIDIA's "fat binary" containers.

A container holds the code of one translation unit (a *module*) for several architectures. Its entry headers are never
compressed, so nothing is unpacked. The layout was measured on 84 libraries against ``cuobjdump``; names of the
parts follow NVIDIA's ``fatbinary_section.h``. Containers are found by their mark, whatever section they lie in: some
libraries keep code outside of ``.nv_fatbin``.

AMD's bundles (``CCOB``, ``__CLANG_OFFLOAD_BUNDLE__``) are found by their marks, too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["DeviceCode", "Module", "Scanner"]

_MARK = (0xBA55ED50).to_bytes(4, "little")
_CONTAINER = struct.Struct("<IHHQ")
_ENTRY = struct.Struct("<HHIIIIIHHIIIQQQ")
_PTX, _SASS = 1, 2
_ENTRY_VERSION = 0x0101
_OWN, _FAMILY = 0x100000, 0x200000
_LARGEST = 1 << 33
_MOST_ENTRIES = 4096
_LONGEST_HEADER = 4096


@dataclass(frozen=True, order=True, slots=True)
class DeviceCode:
    """Code for one architecture.

    ``arch`` is 10 times the compute capability (90 for 9.0); ``suffix`` is ``a`` (this capability alone), ``f``
    (its family) or empty; ``isa`` is the version of the PTX language, empty for machine code.
    """

    kind: str
    arch: int
    suffix: str = ""
    isa: tuple[int, ...] = ()

    def __str__(self) -> str:
        name = f"{'compute' if self.isa else 'sm'}_{self.arch}{self.suffix}"
        return f"{name} (PTX {'.'.join(map(str, self.isa))})" if self.isa else name


@dataclass(frozen=True, slots=True)
class Module:
    """One container: where it begins in the file, and the code in it."""

    offset: int
    code: tuple[DeviceCode, ...]


class Scanner:
    """Finds the modules of a file that is fed piece by piece, in order; only what is being read is kept.

    After the last piece, ``modules`` has all that are whole.
    """

    def __init__(self) -> None:
        self.modules: list[Module] = []
        self._kept = b""
        self._at = 0
        """Offset in the file of what is kept."""
        self._next = 0
        """Offset of the next byte that matters: code is passed over."""
        self._begin = -1
        """Offset of the container that is being read; -1 between two of them."""
        self._end = 0
        self._code: list[DeviceCode] = []

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the file."""
        end = self._at + len(self._kept) + len(piece)
        if self._next >= end:
            self._kept, self._at = b"", end
            return
        data = self._kept + piece if self._kept else bytes(piece)
        base = self._at
        while self._next < end and (self._search(data, base) if self._begin < 0 else self._walk(data, base)):
            pass
        kept = min(self._next, end)
        self._kept, self._at = data[kept - base :], kept

    def _search(self, data: bytes, base: int) -> bool:
        """Go to the next container; False when none begins in ``data``, or not enough of one."""
        at = self._next - base
        while True:
            found = data.find(_MARK, at)
            if found < 0:
                self._next = base + max(at, len(data) - len(_MARK) + 1)
                return False
            if len(data) - found < _CONTAINER.size + _ENTRY.size:
                self._next = base + found
                return False
            if (base + found) % 8 == 0 and self._is_container(data, found):
                header, size = _CONTAINER.size, _CONTAINER.unpack_from(data, found)[3]
                self._begin, self._code = base + found, []
                self._next, self._end = self._begin + header, self._begin + header + size
                return True
            at = found + 1

    def _is_container(self, data: bytes, at: int) -> bool:
        """Whether a container begins here, and not only its mark: programs that look for it hold it, too."""
        _, version, header, size = _CONTAINER.unpack_from(data, at)
        kind, mark, *_ = _ENTRY.unpack_from(data, at + _CONTAINER.size)
        is_fit = version == 1 and header == _CONTAINER.size and _ENTRY.size <= size < _LARGEST
        return is_fit and kind in (_PTX, _SASS) and mark == _ENTRY_VERSION

    def _walk(self, data: bytes, base: int) -> bool:
        """Read the next entry; False when it is not in ``data`` yet."""
        if self._next - base + _ENTRY.size > len(data):
            return False
        kind, mark, header, low, high, _, _, minor, major, arch, _, _, flags, _, _ = _ENTRY.unpack_from(
            data, self._next - base
        )
        if mark != _ENTRY_VERSION or not _ENTRY.size <= header <= _LONGEST_HEADER:
            self._finish()
            return True
        if kind in (_PTX, _SASS):
            suffix = "a" if flags & _OWN else "f" if flags & _FAMILY else ""
            isa = (major, minor) if kind == _PTX else ()
            self._code.append(DeviceCode("ptx" if kind == _PTX else "sass", arch, suffix, isa))
        self._next += header + (low | high << 32)
        if self._next + _ENTRY.size > self._end or len(self._code) >= _MOST_ENTRIES:
            self._finish()
        return True

    def _finish(self) -> None:
        self.modules.append(Module(self._begin, tuple(self._code)))
        self._begin = -1
        # A container may end with filling: the next one is looked for from where the last entry ended.
        self._next = min(self._next, self._end)

    def sections(self, spans: Iterable[tuple[str, int, int]]) -> dict[str, list[Module]]:
        """The modules by section, given ``(name, offset, size)`` of each; under "" what lies in none."""
        ordered = sorted(spans, key=lambda span: span[1])
        found: dict[str, list[Module]] = {}
        for module in self.modules:
            name = next((name for name, at, size in ordered if at <= module.offset < at + size), "")
            found.setdefault(name, []).append(module)
        return found
