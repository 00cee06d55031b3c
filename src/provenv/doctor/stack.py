"""Driver, toolkit, libraries, framework and own extensions: do they fit one another on this machine?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from provenv.binary.facts import FileFacts
from provenv.doctor.subject import Patient
from provenv.doctor.words import found, listed
from provenv.model.finding import FAILS, UNKNOWN, Finding
from provenv.model.hardware import Gpu, Hardware
from provenv.proof.coverage import coverage_findings
from provenv.proof.driver import driver_findings
from provenv.proof.subject import Case, Package
from provenv.proof.together import pair_findings
from provenv.stack.builds import build_of, needs_of, unmet
from provenv.stack.gpus import gpu_by_name
from provenv.stack.tables import numbers

__all__ = ["cuda_of_framework", "extension_findings", "machine_findings", "proof_findings", "toolkit_findings"]

_TAG = re.compile(r"\.cpython-(\d)(\d+)(t?)-[^/]*\.so$")
_SHADOWS = ("libcudart", "libcudnn", "libcublas", "libnccl", "libnvJitLink", "libcusparse", "libcufft", "libcusolver",
            "libnvrtc", "libcupti", "libcurand", "libtorch", "libc10")  # fmt: skip


def _platform(hardware: Hardware) -> str:
    return f"{hardware.system}-{hardware.architecture}"


def _packages(patient: Patient) -> Sequence[Package]:
    """What is installed, else what every installation of the lock holds: a version that only some have says nothing."""
    lock = patient.own_lock or (patient.locks[0] if patient.locks else None)
    known: Mapping[str, tuple[FileFacts, ...]] = {} if lock is None else lock.facts
    chosen: list[tuple[str, str, tuple[FileFacts, ...] | None]] = []
    if patient.environment is not None and patient.environment.distributions:
        for one in patient.environment.distributions:
            chosen.append((one.name, one.version, known.get(one.sha256) if one.facts is None else one.facts))
    elif lock is not None:
        for name, several in lock.versions.items():
            hashes = lock.hashes.get(name, ())
            if len(several) == 1:
                # Of several wheels nobody knows here which one this machine would take.
                chosen.append((name, several[0], known[hashes[0]] if len(hashes) == 1 else None))
    return [
        Package(name=name, version=version, facts=facts, build=build_of(version)) for name, version, facts in chosen
    ]


def cuda_of_framework(patient: Patient) -> tuple[tuple[int, ...], str] | None:
    """The CUDA that PyTorch is built for, and which PyTorch; None without one, or when nobody knows."""
    packages = {package.name: package for package in _packages(patient)}
    torch = packages.get("torch")
    if torch is None:
        return None
    needs = needs_of(patient.tables, "torch", torch.version, _platform(patient.machine.hardware))
    cuda = () if needs is None else needs.cuda
    if not cuda:
        for package in packages.values():
            if package.name.startswith("nvidia-cuda-runtime") and not torch.build:
                told = needs_of(patient.tables, package.name, package.version, "linux-x86_64")
                cuda = () if told is None else told.cuda
    return (tuple(cuda), torch.label) if cuda else None


def machine_findings(patient: Patient) -> Iterator[Finding]:
    """The machine by itself, and beside the targets that the project declares."""
    hardware = patient.machine.hardware
    nvidia = [gpu for gpu in hardware.gpus if gpu.vendor == "nvidia"]
    if nvidia and hardware.driver is None:
        yield found(
            "no-driver",
            f"there is {nvidia[0].name} and no NVIDIA driver that answers",
            "install the NVIDIA driver, or give the container access to it (`--gpus all`)",
            level=FAILS,
        )
    if patient.project is None:
        return
    declared = [target for target in patient.project.targets if target.platform == _platform(hardware)]
    capable = {target.name: _capabilities(patient, target.gpus, target.compute) for target in declared}
    if not any(capable.values()):
        return
    for gpu in nvidia:
        fitting = [target for target in declared if gpu.compute in capable[target.name]]
        if gpu.compute is not None and not fitting:
            yield found(
                "no-target",
                f"no target names {gpu.name} (compute capability {gpu.compute[0]}.{gpu.compute[1]}), which is here",
                "declare one: [tool.provenv.targets.NAME] with gpus and driver, then `provenv lock`",
                path="pyproject.toml",
            )
        for target in fitting:
            if target.driver and hardware.driver and numbers(hardware.driver) < numbers(target.driver):
                yield found(
                    "older-driver",
                    f"target {target.name} has driver {target.driver}; here is {hardware.driver}",
                    "update the driver here, or declare this machine as a target of its own",
                    path="pyproject.toml",
                    subject=target.name,
                )


def _capabilities(patient: Patient, gpus: Sequence[str], compute: Sequence[str]) -> set[tuple[int, ...]]:
    facts = [gpu_by_name(patient.tables, name) for name in gpus]
    texts = [str(fact["compute"]) for fact in facts if fact is not None] + list(compute)
    return {tuple(numbers(text))[:2] for text in texts}


def proof_findings(patient: Patient) -> Iterator[Finding]:
    """What is chosen beside this machine: what fails by rules, or by the bytes where these were read before."""
    packages, hardware = _packages(patient), patient.machine.hardware
    python = patient.environment.python[:2] if patient.environment is not None else ()
    case = Case(
        target="this machine",
        python=(python[0], python[1]) if len(python) == 2 else (3, 11),
        hardware=hardware,
        packages=tuple(packages),
        tables=patient.tables,
    )
    told: set[str] = set()
    # What a lock holds for several machines need not all come together on one.
    is_installed = patient.environment is not None and bool(patient.environment.distributions)
    pairs = tuple(pair_findings(case)) if is_installed else ()
    for finding in (*driver_findings(case), *coverage_findings(case), *pairs):
        is_of_machine = finding.kind in ("driver", "gpu")
        if finding.level == FAILS or (finding.level not in (UNKNOWN, "holds") and not is_of_machine):
            if is_of_machine and finding.subject in told:
                continue
            told.add(finding.subject)
            yield finding
    for package in packages:
        if package.name not in told:
            yield from _ruled(patient, package, hardware)


def _ruled(patient: Patient, package: Package, hardware: Hardware) -> Iterator[Finding]:
    """By tables alone, for what nobody has read."""
    needs = needs_of(patient.tables, package.name, package.version, _platform(hardware))
    gpus = [(gpu.name, gpu.compute) for gpu in hardware.gpus if _is_known(gpu) and gpu.compute is not None]
    if needs is None or not gpus or package.facts is not None:
        return
    lacking = unmet(patient.tables, needs, system=hardware.system, driver=hardware.driver, gpus=gpus)
    if lacking is not None:
        yield found(
            lacking.kind,
            f"{package.label}: {lacking.reason}",
            "update the driver" if lacking.kind == "driver" else "declare this GPU in a target, then `provenv lock`",
            level=FAILS if needs.is_certain else UNKNOWN,
            subject=package.name,
            rule=needs.source,
        )


def _is_known(gpu: Gpu) -> bool:
    return gpu.vendor == "nvidia" and gpu.compute is not None


def toolkit_findings(patient: Patient) -> Iterator[Finding]:
    """The toolkit that compiles, libraries that stand before those of wheels, and two CUDAs in one environment."""
    told = cuda_of_framework(patient)
    toolkit = patient.machine.toolkit
    if told is not None and toolkit is not None and numbers(toolkit[1])[0] != told[0][0]:
        yield found(
            "toolkit",
            f"{toolkit[0]} is CUDA {toolkit[1]}, and {told[1]} is built for CUDA {told[0][0]}: extensions that are "
            "compiled here will not load",
            f"set CUDA_HOME to a toolkit of CUDA {told[0][0]}, or choose a PyTorch for CUDA {numbers(toolkit[1])[0]}",
            subject="torch",
        )
    brought = {name.partition(".")[0]: path for name, path in _libraries(patient).items()}
    for directory, names in patient.machine.libraries.items():
        shadowed = sorted(name for name in names if name.startswith(_SHADOWS) and name.partition(".")[0] in brought)
        if shadowed:
            yield found(
                "library-path",
                f"LD_LIBRARY_PATH puts {listed(shadowed)} of {directory} before those that wheels brought",
                f"take {directory} out of LD_LIBRARY_PATH",
                expected=brought[shadowed[0].partition(".")[0]],
            )
    yield from _two_majors(patient)


def _libraries(patient: Patient) -> Mapping[str, str]:
    return {} if patient.environment is None else patient.environment.libraries


def _two_majors(patient: Patient) -> Iterator[Finding]:
    if patient.environment is None:
        return
    majors: dict[int, list[str]] = {}
    for one in patient.environment.distributions:
        needs = needs_of(patient.tables, one.name, one.version, "linux-x86_64")
        if needs is not None and needs.cuda and one.name.startswith("nvidia-"):
            majors.setdefault(needs.cuda[0], []).append(one.name)
    if len(majors) > 1:
        parts = [f"CUDA {major} ({listed(sorted(names), 2)})" for major, names in sorted(majors.items())]
        yield found(
            "two-cudas",
            f"libraries of {' and '.join(parts)}: which one a program gets is a matter of luck",
            "choose builds for one CUDA; `provenv why` tells who wants the other",
            path=patient.environment.place,
        )


def extension_findings(patient: Patient) -> Iterator[Finding]:
    """Compiled files of the project itself, against the Python, the CUDA and the PyTorch that are installed."""
    told = cuda_of_framework(patient)
    python = patient.environment.python[:2] if patient.environment is not None else ()
    by_stem: dict[str, list[tuple[FileFacts, tuple[int, ...]]]] = {}
    for facts in patient.extensions:
        match = _TAG.search(facts.path)
        if match:
            by_stem.setdefault(facts.path[: match.start()], []).append((facts, (int(match[1]), int(match[2]))))
        yield from _cuda_of_extension(facts, told)
        missing = [name for name in facts.undefined if name.startswith("_Z")]
        if patient.torch_symbols is not None and (
            lost := [name for name in missing if name not in patient.torch_symbols]
        ):
            yield found(
                "extension-torch",
                f"it wants {lost[0]}{f' and {len(lost) - 1} more' if len(lost) > 1 else ''} of PyTorch, which the "
                "installed one does not have: it was built against another",
                "build it again with the PyTorch that is installed",
                level=FAILS,
                path=facts.path,
            )
    for variants in by_stem.values():
        if python and all(version != python for _, version in variants):
            facts, version = variants[0]
            yield found(
                "extension-python",
                f"it was built for Python {version[0]}.{version[1]}; the environment has {python[0]}.{python[1]}",
                "build it again with this Python",
                path=facts.path,
                rule="PEP 3149: Python does not find a module with another tag",
            )


def _cuda_of_extension(facts: FileFacts, told: tuple[tuple[int, ...], str] | None) -> Iterator[Finding]:
    for soname in facts.needed:
        major = soname.removeprefix("libcudart.so.").partition(".")[0]
        if told is not None and soname.startswith("libcudart.so.") and major.isdecimal() and int(major) != told[0][0]:
            yield found(
                "extension-cuda",
                f"it needs {soname}, and {told[1]} is built for CUDA {told[0][0]}",
                f"build it again with CUDA {told[0][0]}",
                level=FAILS,
                path=facts.path,
            )
