"""What was read off the computer we stand on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Interpreter"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """One Python interpreter of this machine. All paths are absolute."""

    executable: str
    """The program to start: not a shim, symbolic links kept as found."""
    base_executable: str
    """``sys._base_executable``: what a virtual environment's ``bin/python`` must point to."""
    base_prefix: str
    implementation: str
    """``cpython``, ``pypy``: ``sys.implementation.name``."""
    version: str
    """Full, as ``3.11.7`` (``platform.python_version()``)."""
    cache_tag: str
    """``cpython-311``: the tag of byte code files."""
    platform: str
    """``sysconfig.get_platform()``, as ``linux-x86_64``."""
    stdlib: str
    """Directory of the standard library."""
    platlib_suffix: str
    """``lib`` or ``lib64``: ``sys.platlibdir``."""
    soabi_flags: str
    """``sys.abiflags``: ``t`` for a free-threaded build, mostly empty."""
    libc: tuple[str, int, int] | None
    """``("glibc", 2, 36)`` or ``("musl", 1, 2)``; None elsewhere."""
    markers: tuple[tuple[str, str], ...]
    """The marker environment of PEP 508, sorted by name."""
    macos: tuple[int, int] | None = None

    @property
    def minor(self) -> tuple[int, int]:
        """``(3, 11)``."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)
