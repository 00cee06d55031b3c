"""Is there device code for every GPU of the machine? Judged module by module: one library in hundreds says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provenv.binary.device_code import DeviceCode
from provenv.binary.facts import FileFacts, ModuleGroup
from provenv.model.finding import FAILS, HOLDS, UNKNOWN, WARNS, Finding
from provenv.model.hardware import Gpu
from provenv.proof.subject import Case, Package
from provenv.proof.words import dotted, listed
from provenv.stack.coverage import Runs, runs_on
from provenv.stack.drivers import branch_limit, newest_ptx, newest_toolkit
from provenv.stack.tables import Numbers, Tables, numbers

__all__ = ["Cover", "cover_of", "coverage_findings"]


_DIGITS = re.compile(r"\d+")
_SMALL_SHARE = 10
"""A file with no more than one in so many modules of its package is a part that few use."""


_AS_MANY = 0.6
"""Share of what the best GPU runs, from which on a file is for this GPU as for any other."""
_ANY_PTX = (99, 0)


@dataclass(frozen=True, slots=True)
class Cover:
    """How many modules of a file run on a GPU."""

    total: int
    running: int
    by_ptx: int
    """Of those running: by PTX alone, which the driver compiles."""
    waiting: int
    """Not running with this driver, and with a newer one."""
    unknown: int


def cover_of(tables: Tables, modules: tuple[ModuleGroup, ...], gpu: Numbers, ptx: Numbers | None) -> Cover:
    """Count the modules that run on a GPU of this capability; ``ptx`` is the newest that its driver compiles."""
    running = by_ptx = waiting = unknown = 0
    for group in modules:
        verdicts = {code: runs_on(tables, code.kind, code.arch, code.suffix, code.isa, gpu, ptx) for code in group.code}
        if any(does is Runs.YES for does in verdicts.values()):
            running += group.count
            if not any(does is Runs.YES and code.kind == "sass" for code, does in verdicts.items()):
                by_ptx += group.count
        elif any(does is Runs.UNKNOWN for does in verdicts.values()):
            unknown += group.count
        elif any(does is Runs.NEEDS_NEWER_DRIVER for does in verdicts.values()):
            waiting += group.count
    return Cover(sum(group.count for group in modules), running, by_ptx, waiting, unknown)


def coverage_findings(case: Case) -> Iterator[Finding]:
    """For every file with device code and every kind of GPU; and for GPUs that the driver no longer knows."""
    kinds: dict[tuple[int, int], Gpu] = {}
    for gpu in case.hardware.gpus:
        if gpu.vendor == "nvidia" and gpu.compute is not None:
            kinds.setdefault(gpu.compute, gpu)
    for capability, gpu in sorted(kinds.items()):
        yield from _branch(case, gpu, capability)
    ptx = _newest_ptx(case)
    for package in case.packages:
        files = [facts for facts in package.facts or () if facts.module_count]
        for capability, gpu in sorted(kinds.items()):
            covers = {facts.path: cover_of(case.tables, facts.modules, capability, ptx) for facts in files}
            for facts in files:
                yield _file(case.tables, package, facts, gpu, capability, covers)


def _newest_ptx(case: Case) -> Numbers | None:
    """From the user-mode CUDA version when that is known, else from the kernel driver."""
    machine = case.hardware
    if machine.cuda is not None:
        found = newest_ptx(case.tables, numbers(machine.cuda))
        return None if found is None else found[0]
    if machine.driver is None:
        return None
    toolkit = newest_toolkit(case.tables, machine.driver, "windows" if machine.system == "windows" else "linux")
    found = None if toolkit is None else newest_ptx(case.tables, toolkit[0])
    return None if found is None else found[0]


def _branch(case: Case, gpu: Gpu, capability: tuple[int, int]) -> Iterator[Finding]:
    limit, driver = branch_limit(case.tables, capability), case.hardware.driver
    if limit is None or driver is None or int(driver.partition(".")[0]) <= limit["branch"]:
        return
    yield Finding(
        level=FAILS if limit.is_certain else UNKNOWN,
        kind="driver",
        subject="",
        expected=f"a driver of branch {limit['branch']} or older for {gpu.name} ({limit['capabilities']})",
        actual=f"driver {driver}",
        rule=limit.source,
        remedy=f"install a driver of branch {limit['branch']}: newer ones do not know this GPU",
    )


def _file(
    tables: Tables,
    package: Package,
    facts: FileFacts,
    gpu: Gpu,
    capability: tuple[int, int],
    covers: Mapping[str, Cover],
) -> Finding:
    cover = covers[facts.path]
    level, remedy = _level(tables, facts, cover)
    if level == FAILS:
        level, remedy = _beside(facts.path, covers, remedy)
    built = sorted({code for group in facts.modules for code in group.code}, key=_by_arch)
    actual = f"{cover.running} of {cover.total} modules run" + _details(cover)
    return Finding(
        level=level,
        kind="gpu",
        subject=package.name,
        path=facts.path,
        expected=f"code for {gpu.name} (compute capability {dotted(capability)})",
        actual=f"{actual}; it has {listed([str(code) for code in built], 8)}",
        rule='CUDA C++ Programming Guide, "Compute Capabilities": machine code runs within one major version',
        remedy=remedy,
        evidence=(
            ("version", package.version),
            ("modules", str(cover.total)),
            ("running", str(cover.running)),
            ("by PTX", str(cover.by_ptx)),
            ("needs a newer driver", str(cover.waiting)),
            ("not known", str(cover.unknown)),
        ),
    )


def _level(tables: Tables, facts: FileFacts, cover: Cover) -> tuple[str, str]:
    if cover.running == cover.total:
        return HOLDS, ""
    if cover.running:
        # Libraries that choose among modules for single architectures run all of them on no GPU at all.
        if cover.running >= _AS_MANY * _most_anywhere(tables, facts):
            return HOLDS, ""
        return WARNS, "some operations have no code for this GPU: try those that you need there"
    if cover.unknown:
        return UNKNOWN, "no rule tells whether this code runs there: try it on the machine"
    if cover.waiting:
        return FAILS, "only a newer driver compiles its PTX: update the driver, or choose a build for an older CUDA"
    return FAILS, "choose a version or build that has code for this GPU"


def _beside(path: str, covers: Mapping[str, Cover], remedy: str) -> tuple[str, str]:
    """What a file without any code for a GPU means where other files of its package have some.

    A small library beside large ones (libcufftw beside libcufft) and a variant for other GPUs (``sm90/ops.so`` beside
    ``sm100/ops.so``) are nothing that fails.
    """
    others = {other: cover for other, cover in covers.items() if other != path and cover.running}
    if not others:
        return FAILS, remedy
    total = sum(cover.total for cover in covers.values())
    is_variant = any(_DIGITS.sub("", other) == _DIGITS.sub("", path) for other in others)
    if is_variant or covers[path].total * _SMALL_SHARE <= total:
        return WARNS, "other files of the package have code for this GPU: what this one does is missing there"
    return UNKNOWN, "other files of the package have code for this GPU: try it on the machine"


def _most_anywhere(tables: Tables, facts: FileFacts) -> int:
    """How many of a file's modules run on the GPU that runs most of them."""
    known = {numbers(fact["compute"]) for fact in tables.rows("gpu")}
    return max((cover_of(tables, facts.modules, one, _ANY_PTX).running for one in known), default=0)


def _details(cover: Cover) -> str:
    parts = []
    if cover.by_ptx:
        parts.append(f"{cover.by_ptx} of them compiled by the driver when they start")
    if cover.waiting:
        parts.append(f"{cover.waiting} need a newer driver")
    if cover.unknown:
        parts.append(f"of {cover.unknown} it is not known")
    return f" ({', '.join(parts)})" if parts else ""


def _by_arch(code: DeviceCode) -> tuple[int, str, str]:
    return code.arch, code.suffix, code.kind
