"""Do the compilers that packages bring for run time know the GPU? What they do not know they cannot compile for.

Triton brings ptxas, CuPy and others take NVRTC, JAX the assembler of the toolkit. Versions tell the architectures.
"""

from __future__ import annotations

from collections.abc import Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from provenv.model.finding import UNKNOWN, WARNS, Finding
from provenv.model.hardware import Gpu
from provenv.proof.subject import Case, Package
from provenv.proof.words import dotted
from provenv.stack.tables import Fact, Numbers, numbers

__all__ = ["compiler_findings"]


def compiler_findings(case: Case) -> Iterator[Finding]:
    """One finding for every compiler and every kind of GPU that it does not know."""
    kinds: dict[tuple[int, int], Gpu] = {}
    for gpu in case.hardware.gpus:
        if gpu.vendor == "nvidia" and gpu.compute is not None:
            kinds.setdefault(gpu.compute, gpu)
    if not kinds:
        return
    by_name: dict[str, list[Fact]] = {}
    for fact in case.tables.rows("runtime_compiler"):
        by_name.setdefault(fact["name"], []).append(fact)
    for name, facts in by_name.items():
        package = case.package(name)
        if package is None:
            continue
        meant = next((one for one in facts if _is_meant(one, package)), None)
        for capability, gpu in sorted(kinds.items()):
            found = _untold(package, gpu) if meant is None else _finding(case, meant, package, capability, gpu)
            if found is not None:
                yield found


def _untold(package: Package, gpu: Gpu) -> Finding:
    return Finding(
        level=UNKNOWN,
        kind="compiler",
        subject=package.name,
        expected=f"a compiler that knows {gpu.name}",
        actual=f"no rule tells which compiler {package.label} brings",
        evidence=(("version", package.version),),
    )


def _is_meant(fact: Fact, package: Package) -> bool:
    try:
        return SpecifierSet(fact["versions"]).contains(Version(package.version).public, prereleases=True)
    except InvalidVersion:
        return False


def _toolkits(fact: Fact, package: Package) -> list[Numbers]:
    """The toolkits that the compilers are of: as the row says, or the package's own version."""
    texts = [package.version] if fact["cuda"] == "version" else fact["cuda"]
    return [numbers(".".join(text.split(".")[:2])) for text in texts]


def _finding(case: Case, fact: Fact, package: Package, capability: tuple[int, int], gpu: Gpu) -> Finding | None:
    toolkits = _toolkits(fact, package)
    known = [row for row in case.tables.rows("compiler") if numbers(row["cuda"]) in toolkits]
    arch = f"{capability[0]}{capability[1]}"
    if any(arch in row["archs"] for row in known):
        return None
    what = f"{fact['compiler']} of CUDA {' and '.join(map(dotted, toolkits))}"
    is_known = len(known) == len(toolkits)
    is_too_old = not is_known or int(arch) > min(int(one.rstrip("af")) for row in known for one in row["archs"])
    return Finding(
        level=WARNS if is_known else UNKNOWN,
        kind="compiler",
        subject=package.name,
        expected=f"a compiler that knows {gpu.name} (compute capability {dotted(capability)})",
        actual=f"{what} does not know it" if is_known else f"{what} is not known to the rules",
        rule="; ".join(dict.fromkeys([fact.source, *(row.source for row in known)])),
        remedy=f"choose {'a newer' if is_too_old else 'an older'} {package.name}",
        evidence=(("version", package.version),),
    )
