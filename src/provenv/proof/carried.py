"""The facts of a wheel in a form short enough for a lock: what decides whether it runs on another machine.

Files with device code, and those that need or are a library that wheels provide, keep a row of their own; all others
are one row. Symbols are too many: of them it is only told with which wheel they were compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provenv.binary.device_code import DeviceCode
from provenv.binary.facts import FileFacts, ModuleGroup, symbol_family
from provenv.proof.libraries import family_of, is_always_there
from provenv.proof.together import is_runtime
from provenv.proof.words import dotted, newest_symbol_version

__all__ = ["Carried", "carried_rows", "from_carried", "symbol_families"]

_CPYTHON = re.compile(r"\.cpython-[^/.]*\.so$")
_HASHED = re.compile(r"-[0-9a-f]{6,}\.so")
_CODE = re.compile(r"(sm|compute)_(\d+)([af]?)(?::(\d+(?:\.\d+)*))?")
_X86 = "x86_64"


@dataclass(frozen=True, slots=True)
class Carried:
    """What a lock tells of a wheel."""

    files: tuple[FileFacts, ...]
    symbols: Mapping[str, str] = field(default_factory=dict)
    """As ``Package.symbols``."""


def symbol_families(files: Iterable[FileFacts]) -> list[str]:
    """The families of symbols that a wheel looks for in others, sorted."""
    return sorted({family for one in files for name in one.undefined if (family := symbol_family(name))})


def carried_rows(files: Sequence[FileFacts]) -> list[dict[str, Any]]:
    """The rows of a wheel; empty for one without compiled files. The same facts give the same rows."""
    own = {one.path.rpartition("/")[2] for one in files} | {one.soname for one in files}
    special = [one for one in files if _is_special(one)]
    rows = [_row(one, own) for one in sorted(special, key=lambda one: one.path)]
    by_machine: dict[str, list[FileFacts]] = {}
    for one in files:
        if one not in special:
            by_machine.setdefault(one.machine, []).append(one)
    return rows + [_merged(some, own) for _, some in sorted(by_machine.items())]


def _is_special(one: FileFacts) -> bool:
    name = one.path.rpartition("/")[2]
    return bool(
        one.modules
        or one.gfx
        or is_runtime(name)
        or one.soname == "libstdc++.so.6"
        or any(family_of(text) for text in (one.soname, name, *one.needed))
    )


def _row(one: FileFacts, own: set[str]) -> dict[str, Any]:
    name = one.path.rpartition("/")[2]
    row: dict[str, Any] = {"file": _printable(one.path)}
    if one.machine != _X86:
        row["machine"] = one.machine
    if one.soname and one.soname != name:
        row["soname"] = _printable(one.soname)
    _put_needs(row, [one], own)
    if one.soname == "libstdc++.so.6" and (newest := newest_symbol_version(one.version_definitions, "GLIBCXX_")):
        row["defines"] = dotted(newest)
    if one.modules:
        row["code"] = [f"{group.count} {' '.join(map(_code, group.code))}".rstrip() for group in one.modules]
    if one.gfx:
        row["gfx"] = list(one.gfx)
    return row


def _merged(files: Sequence[FileFacts], own: set[str]) -> dict[str, Any]:
    newest = max(files, key=lambda one: (_newest(one, "GLIBC_") or (), one.path))
    # The tag of one of many says nothing of the others.
    row: dict[str, Any] = {"file": _printable(_CPYTHON.sub(".so", newest.path))}
    if newest.machine != _X86:
        row["machine"] = newest.machine
    _put_needs(row, files, own)
    names = {one.path.rpartition("/")[2] for one in files} | {one.soname for one in files}
    offers = sorted(name for name in names if name.startswith("lib") and ".so" in name and not _HASHED.search(name))
    if offers:
        row["offers"] = [_printable(name) for name in offers]
    return row


def _put_needs(row: dict[str, Any], files: Sequence[FileFacts], own: set[str]) -> None:
    # What a wheel brings itself is there wherever it is; the CUDA runtime tells for which driver it is built.
    needs = {
        name
        for one in files
        for name in one.needed
        if name.startswith("libcudart.so.") or not (name in own or is_always_there(name))
    }
    if needs:
        row["needs"] = sorted(map(_printable, needs))
    for key, prefix in (("glibc", "GLIBC_"), ("glibcxx", "GLIBCXX_")):
        found = [version for one in files if (version := _newest(one, prefix))]
        if found:
            row[key] = dotted(max(found))


def _newest(one: FileFacts, prefix: str) -> tuple[int, ...] | None:
    return newest_symbol_version([version for some in one.version_needs.values() for version in some], prefix)


def _code(code: DeviceCode) -> str:
    kind = "compute" if code.kind == "ptx" else "sm"
    return f"{kind}_{code.arch}{code.suffix}" + (f":{dotted(code.isa)}" if code.kind == "ptx" and code.isa else "")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def from_carried(rows: object) -> tuple[FileFacts, ...] | None:
    """The facts that rows tell; None when they are not what ``carried_rows`` writes."""
    if not isinstance(rows, list):
        return None
    found: list[FileFacts] = []
    try:
        for row in rows:
            found += _files(row)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return tuple(found)


def _files(row: Mapping[str, Any]) -> Iterable[FileFacts]:
    path, machine = str(row["file"]), str(row.get("machine", _X86))
    folder, _, name = path.rpartition("/")
    needs: dict[str, tuple[str, ...]] = {}
    if "glibc" in row:
        needs["libc.so.6"] = (f"GLIBC_{row['glibc']}",)
    if "glibcxx" in row:
        needs["libstdc++.so.6"] = (f"GLIBCXX_{row['glibcxx']}",)
    yield FileFacts(
        path=path,
        machine=machine,
        soname=str(row.get("soname", name if name.startswith("lib") else "")),
        needed=_texts(row.get("needs", [])),
        version_needs=needs,
        version_definitions=(f"GLIBCXX_{row['defines']}",) if "defines" in row else (),
        modules=tuple(map(_group, _texts(row.get("code", [])))),
        gfx=_texts(row.get("gfx", [])),
    )
    for offered in _texts(row.get("offers", [])):
        if offered != name:
            yield FileFacts(path=f"{folder}/{offered}", machine=machine, soname=offered)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError
    return tuple(value)


def _group(text: str) -> ModuleGroup:
    count, *codes = text.split()
    found = []
    for code in codes:
        match = _CODE.fullmatch(code)
        if match is None:
            raise ValueError(code)
        isa = tuple(map(int, match[4].split("."))) if match[4] else ()
        found.append(DeviceCode("ptx" if match[1] == "compute" else "sass", int(match[2]), match[3], isa))
    return ModuleGroup(tuple(found), int(count))
