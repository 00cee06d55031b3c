"""Where things lie in a virtual environment (the ``venv`` scheme of ``sysconfig``)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.model.machine import Interpreter

__all__ = ["Paths"]


class Paths:
    """The directories of one environment, relative to its root, with ``/`` on every platform."""

    __slots__ = ("data", "headers", "include", "is_windows", "platlib", "purelib", "python", "root", "scripts")

    def __init__(
        self,
        *,
        root: str,
        purelib: str,
        platlib: str,
        scripts: str,
        headers: str,
        include: str,
        python: str,
        is_windows: bool,
    ) -> None:
        self.root = root
        """Absolute."""
        self.purelib = purelib
        self.platlib = platlib
        self.scripts = scripts
        self.headers = headers
        """Each distribution gets a directory of its own in here."""
        self.include = include
        """Python's own headers, in the environment empty."""
        self.data = ""
        self.python = python
        """The interpreter, relative to the root."""
        self.is_windows = is_windows

    @classmethod
    def from_interpreter(cls, root: str, interpreter: Interpreter) -> Paths:
        """The scheme that ``interpreter`` uses in a virtual environment at ``root``."""
        if interpreter.platform.startswith("win"):
            site = "Lib/site-packages"
            return cls(
                root=root,
                purelib=site,
                platlib=site,
                scripts="Scripts",
                headers="Include",
                include="Include",
                python="Scripts/python.exe",
                is_windows=True,
            )
        major, minor = interpreter.minor
        flags = "t" if "t" in interpreter.soabi_flags else ""
        library = "pypy" if interpreter.implementation == "pypy" else "python"
        versioned = f"{library}{major}.{minor}{flags}"
        # Where platform libraries go to lib64, an environment's lib64 is a link to lib, so both are one directory.
        site = f"lib/{versioned}/site-packages"
        return cls(
            root=root,
            purelib=site,
            platlib=site,
            scripts="bin",
            headers=f"include/site/{versioned}",
            include=f"include/{versioned}",
            python="bin/python",
            is_windows=False,
        )

    def absolute(self, relative: str) -> str:
        """``relative`` below the root."""
        return f"{self.root}/{relative}" if relative else self.root
