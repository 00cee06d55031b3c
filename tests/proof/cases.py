"""Small cases: wheels made of facts, machines made of words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import provenv.stack
from provenv.binary.device_code import DeviceCode, Scanner
from provenv.binary.facts import FileFacts, ModuleGroup, facts_of
from provenv.binary.reading import InMemory
from provenv.model.finding import Finding
from provenv.model.hardware import Gpu, Hardware
from provenv.proof.prove import prove
from provenv.proof.subject import Case, Package
from provenv.stack.tables import FILES, Tables
from tests.worlds.binaries import build_elf

__all__ = ["TABLES", "code", "facts", "findings", "machine", "package"]

_ROOM = Path(provenv.stack.__file__).parent
TABLES = Tables.from_texts((name, (_ROOM / name).read_text("utf-8")) for name in FILES)


def code(*archs: str) -> tuple[DeviceCode, ...]:
    """``"90a"`` for machine code, ``"90:8.4"`` for PTX."""
    found = []
    for text in archs:
        arch, _, isa = text.partition(":")
        digits = arch.rstrip("af")
        version = tuple(int(part) for part in isa.split(".")) if isa else ()
        found.append(DeviceCode("ptx" if isa else "sass", int(digits), arch[len(digits) :], version))
    return tuple(found)


def facts(path: str, *, modules: Sequence[tuple[int, tuple[DeviceCode, ...]]] = (), **what: object) -> FileFacts:
    """The facts of a file that is built for the occasion, and read."""
    data = build_elf(**what)  # type: ignore[arg-type]  # the words of build_elf, handed on
    scanner = Scanner()
    scanner.feed(data)
    read = facts_of(path, InMemory(data), scanner)
    assert read is not None
    groups = tuple(ModuleGroup(codes, count) for count, codes in modules)
    return FileFacts(
        path=read.path,
        machine=read.machine,
        soname=read.soname,
        needed=read.needed,
        search=read.search,
        version_needs=read.version_needs,
        version_definitions=read.version_definitions,
        modules=groups,
        undefined=read.undefined,
        defined=read.defined,
    )


def package(
    name: str, version: str, *files: FileFacts, build: str = "", paths: dict[str, str] | None = None
) -> Package:
    return Package(name=name, version=version, facts=files, build=build, paths=paths)


def machine(*gpus: str, driver: str | None = None, **what: object) -> Hardware:
    """GPUs as ``H100=9.0``; a machine of today unless something else is said."""
    found = []
    for text in gpus:
        name, _, capability = text.partition("=")
        major, _, minor = capability.partition(".")
        found.append(Gpu(name=name, compute=(int(major), int(minor))))
    words: dict[str, object] = {"system": "linux", "architecture": "x86_64", "glibc": (2, 36), "cpu": "x86-64-v3"}
    words |= {"glibcxx": "3.4.30", "sonames": ("libnuma.so.1", "libz.so.1"), "has_no_gpu": not gpus, **what}
    return Hardware(driver=driver, gpus=tuple(found), **words)  # type: ignore[arg-type]  # words of Hardware


def findings(
    hardware: Hardware, *packages: Package, kind: str = "", python: tuple[int, int] = (3, 12)
) -> list[Finding]:
    case = Case(target="there", python=python, hardware=hardware, packages=packages, tables=TABLES)
    return [finding for finding in prove(case) if not kind or finding.kind == kind]
