"""Where the interpreter of an environment lies, and when the environment was made. On the warm path."""

from __future__ import annotations

import os

__all__ = ["environment_program", "environment_stamp"]


def environment_program(root: str) -> str:
    """The path of the interpreter inside an environment."""
    return os.path.join(root, "Scripts", "python.exe") if os.name == "nt" else os.path.join(root, "bin", "python")


def environment_stamp(environment: str) -> tuple[str, int, int] | None:
    """Changes when the environment is made again, perhaps with another interpreter."""
    try:
        status = os.stat(os.path.join(environment, "pyvenv.cfg"))
    except OSError:
        return None
    return environment, status.st_mtime_ns, status.st_size
