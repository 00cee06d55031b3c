"""What is kept of a compiled file once it was read: small, plain, and enough to check it against any machine."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from provenv.binary.device_code import DeviceCode, Module, Scanner
from provenv.binary.elf import Elf, Symbol, read_elf, read_symbols
from provenv.binary.reading import Cut, Readable

__all__ = ["FAMILIES", "FileFacts", "ModuleGroup", "facts_of", "is_defined_in", "symbol_family"]

FAMILIES = {
    "torch": ("3c10", "2at", "5torch", "6caffe2"),
    "nvjitlink": ("__nvJitLink",),
}
"""Symbols worth keeping: those that packages of one family look for in another's library. C++ names are mangled: the
parts are length-prefixed namespaces."""

_RELOCATABLE = "__nv_relfatbin"
_DIGEST = 8


@dataclass(frozen=True, slots=True)
class ModuleGroup:
    """Modules that hold code for the same architectures, and how many there are."""

    code: tuple[DeviceCode, ...]
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """One compiled file of a wheel or an environment; ``path`` is as the wheel spells it.

    ``modules`` is its device code by module; that which must be linked again before it runs is left out.
    ``undefined`` are names that it looks for in a family of ``FAMILIES``; ``defined`` are digests of those it offers
    (see ``is_defined_in``).
    """

    path: str
    machine: str
    bits: int = 64
    soname: str = ""
    needed: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    """RPATH or RUNPATH: where it looks for what it needs, ``$ORIGIN`` unexpanded."""
    version_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    version_definitions: tuple[str, ...] = ()
    modules: tuple[ModuleGroup, ...] = ()
    gfx: tuple[str, ...] = ()
    """AMD architectures of its bundles."""
    undefined: tuple[str, ...] = ()
    defined: bytes = b""
    python_symbols: tuple[str, ...] = ()
    """Names of the Python C API that tell about its ABI."""

    @property
    def module_count(self) -> int:
        """How many modules with device code there are."""
        return sum(group.count for group in self.modules)


def facts_of(path: str, data: Readable, scanner: Scanner, gfx: Iterable[str] = ()) -> FileFacts | None:
    """The facts of an ELF file that ``scanner`` has seen whole; None when it is none, or damaged."""
    try:
        elf = read_elf(data)
        symbols = tuple(_symbols_of_interest(data, elf))
    except Cut:
        return None
    spans = ((one.name, one.offset, one.size) for one in elf.sections if one.kind == 1)
    found = scanner.sections(spans)
    modules = [module for name, some in found.items() if name != _RELOCATABLE for module in some]
    return FileFacts(
        path=path,
        machine=elf.machine,
        bits=elf.bits,
        soname=elf.soname,
        needed=elf.needed,
        search=elf.runpath or elf.rpath,
        version_needs=elf.version_needs,
        version_definitions=elf.version_definitions,
        modules=_grouped(modules),
        gfx=tuple(sorted(set(gfx))),
        undefined=tuple(
            sorted({one.name for one in symbols if not one.is_defined and not one.is_weak and symbol_family(one.name)})
        ),
        defined=b"".join(sorted({_digest(one.name) for one in symbols if one.is_defined and symbol_family(one.name)})),
        python_symbols=tuple(sorted({one.name for one in symbols if one.name in _PYTHON_SYMBOLS})),
    )


_PYTHON_SYMBOLS = {"PyModule_Create2", "PyModuleDef_Init", "PyUnstable_Module_SetGIL", "Py_MOD_GIL", "_Py_DecRefShared"}


_TORCH = re.compile(rf"N[KRO]*({'|'.join(FAMILIES['torch'])})(?=[0-9]|[a-z][a-z][EI])")
"""The outermost namespace, then the next length or an operator: ``N4llvm2at`` and ``12at`` are other names."""


def symbol_family(name: str) -> str | None:
    """Which of ``FAMILIES`` a symbol belongs to."""
    if name.startswith("__nvJitLink"):
        return "nvjitlink"
    if name.startswith("_Z") and _TORCH.search(name):
        return "torch"
    return None


def is_defined_in(name: str, defined: bytes) -> bool:
    """Whether a name is among packed digests (sorted, 8 bytes each)."""
    wanted = _digest(name)
    low, high = 0, len(defined) // _DIGEST
    while low < high:
        middle = (low + high) // 2
        here = defined[middle * _DIGEST : (middle + 1) * _DIGEST]
        if here == wanted:
            return True
        if here < wanted:
            low = middle + 1
        else:
            high = middle
    return False


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_DIGEST).digest()


def _symbols_of_interest(data: Readable, elf: Elf) -> Iterator[Symbol]:
    for symbol in read_symbols(data, elf):
        if symbol_family(symbol.name) is not None or symbol.name in _PYTHON_SYMBOLS:
            yield symbol


def _grouped(modules: Iterable[Module]) -> tuple[ModuleGroup, ...]:
    counts = Counter(tuple(sorted(set(module.code))) for module in modules if module.code)
    return tuple(
        ModuleGroup(code, count) for code, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )
