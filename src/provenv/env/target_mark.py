"""Which target of the lock an environment was made for, where there are several that it could be. On the warm path.

A file beside the receipt, with the name and who chose it. It goes with the environment.
"""

from __future__ import annotations

import os

__all__ = ["NAME", "read_mark", "write_mark"]

NAME = "provenv-target"
"""File name of the mark, in the root of the environment."""

_SAID = "said"


def read_mark(root: str) -> tuple[str, bool] | None:
    """The target's name, and whether somebody named it; None without a mark that can be read."""
    try:
        with open(f"{root}/{NAME}", "rb", buffering=0) as file:
            name, _, rest = file.read(1 << 12).decode("utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return (name, rest.strip() == _SAID) if name else None


def write_mark(root: str, name: str, *, is_said: bool) -> None:
    """Note for which target the environment is, with one rename. Raises InstallError."""
    from provenv.store.failure import told_as_install_error

    path = f"{root}/{NAME}"
    with told_as_install_error("note the target of", root):
        if os.path.isdir(path) and not os.path.islink(path):
            from shutil import rmtree

            rmtree(path)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(f"{name}\n{_SAID if is_said else 'found'}\n")
        os.replace(f"{path}.new", path)
