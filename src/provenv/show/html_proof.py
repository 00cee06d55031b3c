"""What ``prove`` found as the values of a report page."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provenv.flows.proven import Proof, Proven
from provenv.model.finding import Finding
from provenv.model.hardware import Hardware
from provenv.proof.subject import Package
from provenv.show.html import MachineColumn, PackageRow, report

__all__ = ["prove_page"]


def prove_page(proven: Proven) -> str:
    """The page of a proof. It names the last two parts of the path that was proven, and no other place."""
    title = "/".join(proven.against.replace(os.sep, "/").rsplit("/", 2)[-2:])
    proofs = _with_different_names(proven.proofs)
    return report(title, [_machine(proof) for proof in proofs], list(_rows(proofs)), proven.tables_date)


def _with_different_names(proofs: Sequence[Proof]) -> list[Proof]:
    """Two recorded machines may be called alike: ``node`` and ``node (2)``."""
    found: dict[str, Proof] = {}
    for proof in proofs:
        name, count = proof.target, 1
        while name in found:
            count += 1
            name = f"{proof.target} ({count})"
        found[name] = replace(proof, target=name)
    return list(found.values())


def _machine(proof: Proof) -> MachineColumn:
    facts = [("Python", proof.python), *_hardware(proof.hardware)]
    if proof.local:
        facts.append(("not looked at", ", ".join(proof.local)))
    return MachineColumn(name=proof.target, facts=tuple(facts), verdict=proof.verdict)


def _hardware(hardware: Hardware) -> Iterator[tuple[str, str]]:
    yield "platform", f"{hardware.system} {hardware.architecture}"
    counts: dict[str, int] = {}
    for gpu in hardware.gpus:
        what = f"{gpu.name} ({gpu.compute[0]}.{gpu.compute[1]})" if gpu.compute else gpu.name
        counts[what] = counts.get(what, 0) + 1
    if counts:
        yield "GPU", ", ".join(what if count == 1 else f"{count} x {what}" for what, count in counts.items())
    else:
        yield "GPU", "none" if hardware.has_no_gpu else "not known"
    if hardware.driver is not None:
        yield "driver", hardware.driver
    if hardware.cuda is not None:
        yield "CUDA", hardware.cuda
    for name, version in (("glibc", hardware.glibc), ("musl", hardware.musl), ("macOS", hardware.macos)):
        if version is not None:
            yield name, f"{version[0]}.{version[1]}"
    if hardware.cpu is not None:
        yield "processor", hardware.cpu


def _rows(proofs: Sequence[Proof]) -> Iterator[PackageRow]:
    """One for every package of any machine, and one for what was found about the machines themselves."""
    versions: dict[str, dict[str, str]] = {}
    requires: dict[str, dict[str, None]] = {}
    findings: dict[str, dict[str, list[Finding]]] = {}
    sizes: dict[str, int] = {}
    for proof in proofs:
        names = set()
        for package in proof.packages:
            names.add(package.name)
            versions.setdefault(package.name, {})[proof.target] = package.version
            requires.setdefault(package.name, {}).update(dict.fromkeys(_required(package, proof)))
        for finding in proof.findings:
            for subject in _subjects(finding, proof.packages):
                findings.setdefault(subject, {}).setdefault(proof.target, []).append(finding)
                if subject and subject not in names:
                    version = dict(finding.evidence).get("version", "")
                    versions.setdefault(subject, {}).setdefault(proof.target, version)
        for name, size in proof.sizes.items():
            sizes[name] = max(size, sizes.get(name, 0))
    for name in sorted({*versions, *findings}):
        yield PackageRow(
            name=name,
            version_by_machine=versions.get(name, {}),
            size=sizes.get(name),
            requires=tuple(sorted(requires.get(name, ()))),
            findings={target: tuple(found) for target, found in findings.get(name, {}).items()},
        )


def _subjects(finding: Finding, packages: Iterable[Package]) -> Iterator[str]:
    """The package that a finding is about. One about a machine may name packages of which, then, nothing holds."""
    yield finding.subject
    if not finding.subject:
        labels = {which for what, which in finding.evidence if what == "package"}
        for package in packages:
            if package.label in labels:
                yield package.name


def _required(package: Package, proof: Proof) -> Iterator[str]:
    """Names of what it needs on that machine. Extras are left out: nobody here knows which are wanted."""
    platforms = {"macos": "darwin", "windows": "win32"}
    systems = {"linux": "Linux", "macos": "Darwin", "windows": "Windows"}
    system = proof.hardware.system
    environment = {
        "extra": "",
        "os_name": "nt" if system == "windows" else "posix",
        "platform_machine": proof.hardware.architecture,
        "platform_system": systems.get(system, system),
        "python_full_version": proof.python if proof.python.count(".") > 1 else f"{proof.python}.0",
        "python_version": ".".join(proof.python.split(".")[:2]),
        "sys_platform": platforms.get(system, system),
    }
    for line in package.requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield canonicalize_name(requirement.name)
