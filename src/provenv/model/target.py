"""A target is a machine that we promise to run on; we may not be standing on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from packaging import tags as packaging_tags

from provenv.errors import InputError
from provenv.model.hardware import Gpu, Hardware, capability_of, pair_text
from provenv.model.machine import Interpreter

__all__ = ["CPU_LEVELS", "PLATFORMS", "Target", "platform_of"]

PLATFORMS: Mapping[str, tuple[str, str, str, str]] = {
    "linux-x86_64": ("posix", "linux", "Linux", "x86_64"),
    "linux-aarch64": ("posix", "linux", "Linux", "aarch64"),
    "macos-arm64": ("posix", "darwin", "Darwin", "arm64"),
    "macos-x86_64": ("posix", "darwin", "Darwin", "x86_64"),
    "windows-x86_64": ("nt", "win32", "Windows", "AMD64"),
}
"""Platform name -> os_name, sys_platform, platform_system, platform_machine (PEP 508)."""

CPU_LEVELS = ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4")
"""Micro-architecture levels of x86-64, each with what those before it have."""

#: A wheel built for these or anything older is accepted where a target does not say its floor. The same choice as
#: uv's ``--python-platform linux`` and ``macos``: what a supported distribution of today has at least.
DEFAULT_GLIBC = (2, 28)
DEFAULT_MACOS = (14, 0)

#: PEP 600: the older names of three manylinux levels.
_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
#: PEP 600 and auditwheel's policies: the oldest glibc that wheels of an architecture were ever built for.
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "aarch64": 17}


def platform_of(hardware: Hardware) -> str | None:
    """The name of a machine's platform; None where there is none."""
    architecture = (
        "arm64" if (hardware.system, hardware.architecture) == ("macos", "aarch64") else hardware.architecture
    )
    name = f"{hardware.system}-{architecture}"
    return name if name in PLATFORMS else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Platform, C library, Python and accelerator of a machine.

    ``python`` is ``3.12`` or ``3.12.4``; a version without patch stands for its first patch release, so that what is
    locked runs on every patch (uv's ``--python-version`` means the same).
    """

    name: str
    platform: str
    python: str
    glibc: tuple[int, int] | None = None
    musl: tuple[int, int] | None = None
    macos: tuple[int, int] | None = None
    driver: str | None = None
    """NVIDIA kernel driver, as ``535.104.05``."""
    gpus: tuple[str, ...] = ()
    compute: tuple[str, ...] = ()
    """Compute capabilities, as ``9.0``."""
    has_no_gpu: bool = False
    """It is said that it has none (``gpus = []``); with none named and without this, nothing is known."""
    cpu: str | None = None
    """Micro-architecture level, as ``x86-64-v3``."""
    cuda: str | None = None
    """The newest CUDA of the user-mode driver library, as ``12.2``."""
    glibcxx: str | None = None
    """The newest symbol version of libstdc++, as ``3.4.30``."""
    machine_file: str | None = None
    """The recorded machine that it is, as the project file names it."""
    machine: Hardware | None = None
    """What that file holds, once somebody has read it; what the target itself says goes before it."""
    abi_flags: str = ""
    """``t`` for a free-threaded Python."""
    is_declared: bool = True
    """Written in the project file, not derived from the machine we stand on."""

    @classmethod
    def from_interpreter(cls, interpreter: Interpreter, name: str = "default") -> Target:
        """The target that is this machine with that interpreter.

        Raises InputError when provenv has no name for the platform.
        """
        markers = dict(interpreter.markers)
        libc = interpreter.libc
        for platform, (_, sys_platform, _, machine) in PLATFORMS.items():
            if (markers["sys_platform"], markers["platform_machine"]) == (sys_platform, machine):
                return cls(
                    name=name,
                    platform=platform,
                    python=interpreter.version,
                    glibc=libc[1:] if libc and libc[0] == "glibc" else None,
                    musl=libc[1:] if libc and libc[0] == "musl" else None,
                    macos=interpreter.macos,
                    abi_flags=interpreter.soabi_flags,
                    is_declared=False,
                )
        raise InputError(
            interpreter.executable,
            f"no platform name is known for {markers['sys_platform']} on {markers['platform_machine']}",
            hint="declare the machine in [tool.provenv.targets]",
        )

    def with_machine(self, machine: Hardware) -> Target:
        """The same target, which is that recorded machine: what the target does not say is as it was recorded.

        Raises ValueError when it does not say its platform, and the machine's has no name.
        """
        platform = self.platform or platform_of(machine)
        if platform is None:
            raise ValueError(f"no platform name is known for {machine.system} on {machine.architecture}")
        is_same = platform == platform_of(machine)
        says_gpus = bool(self.gpus or self.compute or self.has_no_gpu)
        nvidia = [] if says_gpus else [gpu for gpu in machine.gpus if gpu.vendor == "nvidia"]
        says_libc = self.glibc is not None or self.musl is not None
        return replace(
            self,
            platform=platform,
            glibc=machine.glibc if is_same and not says_libc else self.glibc,
            musl=machine.musl if is_same and not says_libc and machine.glibc is None else self.musl,
            macos=self.macos or (machine.macos if is_same else None),
            driver=self.driver or machine.driver,
            gpus=self.gpus or tuple(dict.fromkeys(gpu.name for gpu in nvidia)),
            compute=self.compute or tuple(dict.fromkeys(text for gpu in nvidia if (text := pair_text(gpu.compute)))),
            cpu=self.cpu or machine.cpu,
            cuda=self.cuda or machine.cuda,
            glibcxx=self.glibcxx or machine.glibcxx,
            has_no_gpu=self.has_no_gpu or (machine.has_no_gpu and not says_gpus),
            machine=machine,
        )

    def hardware(self, compute: Callable[[str], tuple[int, int] | None] = lambda name: None) -> Hardware:
        """The machine for a proof: what is not declared is None.

        ``compute`` tells the compute capability of a GPU's name, as rules have it.
        """
        system, _, architecture = self.platform.partition("-")
        recorded = self.machine
        cuda_source = "" if self.cuda is None else "declared"
        if recorded is not None and self.cuda == recorded.cuda:
            cuda_source = recorded.cuda_source
        gpus = self._gpus(compute)
        return Hardware(
            system=system,
            architecture=architecture,
            driver=self.driver,
            cuda=self.cuda,
            cuda_source=cuda_source,
            has_no_gpu=self.has_no_gpu and not gpus,
            gpus=gpus,
            glibc=self.glibc,
            musl=self.musl,
            macos=self.macos,
            glibcxx=self.glibcxx,
            sonames=recorded.sonames if recorded is not None and platform_of(recorded) == self.platform else None,
            cpu=self.cpu,
            rocm=None if recorded is None else recorded.rocm,
            is_wsl=recorded is not None and recorded.is_wsl,
            has_container=recorded is not None and recorded.has_container,
            recorded="" if recorded is None else recorded.recorded,
        )

    def _gpus(self, compute: Callable[[str], tuple[int, int] | None]) -> tuple[Gpu, ...]:
        recorded = self.machine.gpus if self.machine is not None else ()
        names = tuple(dict.fromkeys(gpu.name for gpu in recorded if gpu.vendor == "nvidia"))
        if self.has_no_gpu:
            return ()
        if recorded and self.gpus == names:
            return tuple(replace(gpu, compute=gpu.compute or compute(gpu.name)) for gpu in recorded)
        known = {gpu.name: gpu.compute for gpu in recorded}
        found = [Gpu(name=name, compute=known.get(name) or compute(name)) for name in self.gpus]
        for text in self.compute:
            pair = capability_of(text)
            if pair is not None and not any(gpu.compute == pair for gpu in found):
                found.append(Gpu(name=f"compute capability {text}", compute=pair))
        return tuple(found)

    @property
    def minor(self) -> tuple[int, int]:
        """``(3, 12)``."""
        parts = self.python.split(".")
        return int(parts[0]), int(parts[1])

    def environment(self) -> dict[str, str]:
        """The marker environment of PEP 508, the same on every machine that fits the target."""
        os_name, sys_platform, platform_system, machine = PLATFORMS[self.platform]
        full = self.python if self.python.count(".") >= 2 else f"{self.python}.0"
        major, minor = self.minor
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": os_name,
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": platform_system,
            "platform_version": "",
            "python_full_version": full,
            "python_version": f"{major}.{minor}",
            "sys_platform": sys_platform,
        }

    def tags(self) -> list[str]:
        """Every wheel tag the target accepts, best first, as ``cp312-cp312-manylinux_2_28_x86_64``."""
        platforms = list(self._platform_tags())
        major, minor = self.minor
        interpreter = f"cp{major}{minor}"
        abis = [interpreter + self.abi_flags] if self.abi_flags else None
        found = [str(tag) for tag in packaging_tags.cpython_tags((major, minor), abis, platforms)]
        found += [str(tag) for tag in packaging_tags.compatible_tags((major, minor), interpreter, platforms)]
        return list(dict.fromkeys(found))

    def _platform_tags(self) -> Iterator[str]:
        system, _, machine = self.platform.partition("-")
        if system == "macos":
            yield from packaging_tags.mac_platforms(self.macos or DEFAULT_MACOS, machine)
        elif system == "windows":
            yield "win_amd64"
        elif self.musl:
            # A wheel built on the machine itself comes first, as in `packaging`.
            yield f"linux_{machine}"
            major, newest = self.musl
            for minor in range(newest, -1, -1):
                yield f"musllinux_{major}_{minor}_{machine}"
        else:
            yield f"linux_{machine}"
            major, newest = self.glibc or DEFAULT_GLIBC
            for minor in range(newest, _OLDEST_GLIBC_MINOR[machine] - 1, -1):
                yield f"manylinux_{major}_{minor}_{machine}"
                if legacy := _LEGACY_MANYLINUX.get((major, minor)):
                    yield f"{legacy}_{machine}"
