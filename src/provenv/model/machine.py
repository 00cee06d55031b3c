"""What was read off the computer we stand on."""

from __future__ import annotations

from provenv.model.value import Value

__all__ = ["Interpreter"]


class Interpreter(Value):
    """One Python interpreter of this machine. All paths are absolute."""

    __slots__ = (
        "base_executable",
        "base_prefix",
        "cache_tag",
        "executable",
        "implementation",
        "libc",
        "macos",
        "markers",
        "platform",
        "platlib_suffix",
        "soabi_flags",
        "stdlib",
        "version",
    )

    def __init__(
        self,
        *,
        executable: str,
        base_executable: str,
        base_prefix: str,
        implementation: str,
        version: str,
        cache_tag: str,
        platform: str,
        stdlib: str,
        platlib_suffix: str,
        soabi_flags: str,
        libc: tuple[str, int, int] | None,
        markers: tuple[tuple[str, str], ...],
        macos: tuple[int, int] | None = None,
    ) -> None:
        self.executable = executable
        """The program to start: not a shim, symbolic links kept as found."""
        self.base_executable = base_executable
        """``sys._base_executable``: what a virtual environment's ``bin/python`` must point to."""
        self.base_prefix = base_prefix
        self.implementation = implementation
        """``cpython``, ``pypy``: ``sys.implementation.name``."""
        self.version = version
        """Full, as ``3.11.7`` (``platform.python_version()``)."""
        self.cache_tag = cache_tag
        """``cpython-311``: the tag of byte code files."""
        self.platform = platform
        """``sysconfig.get_platform()``, as ``linux-x86_64``."""
        self.stdlib = stdlib
        """Directory of the standard library."""
        self.platlib_suffix = platlib_suffix
        """``lib`` or ``lib64``: ``sys.platlibdir``."""
        self.soabi_flags = soabi_flags
        """``sys.abiflags``: ``t`` for a free-threaded build, mostly empty."""
        self.libc = libc
        """``("glibc", 2, 36)`` or ``("musl", 1, 2)``; None elsewhere."""
        self.markers = markers
        """The marker environment of PEP 508, sorted by name."""
        self.macos = macos

    @property
    def minor(self) -> tuple[int, int]:
        """``(3, 11)``."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)
