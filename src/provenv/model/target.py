"""A target is a machine that we promise to run on; we may not be standing on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging import tags as packaging_tags

from provenv.errors import InputError
from provenv.model.machine import Interpreter

__all__ = ["PLATFORMS", "Target"]

PLATFORMS: Mapping[str, tuple[str, str, str, str]] = {
    "linux-x86_64": ("posix", "linux", "Linux", "x86_64"),
    "linux-aarch64": ("posix", "linux", "Linux", "aarch64"),
    "macos-arm64": ("posix", "darwin", "Darwin", "arm64"),
    "macos-x86_64": ("posix", "darwin", "Darwin", "x86_64"),
    "windows-x86_64": ("nt", "win32", "Windows", "AMD64"),
}
"""Platform name -> os_name, sys_platform, platform_system, platform_machine (PEP 508)."""

#: A wheel built for these or anything older is accepted where a target does not say its floor. The same choice as
#: uv's ``--python-platform linux`` and ``macos``: what a supported distribution of today has at least.
DEFAULT_GLIBC = (2, 28)
DEFAULT_MACOS = (14, 0)

#: PEP 600: the older names of three manylinux levels.
_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
#: PEP 600 and auditwheel's policies: the oldest glibc that wheels of an architecture were ever built for.
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "aarch64": 17}


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
