"""Small files and directories of a system, as far as they are there."""

from __future__ import annotations

import os

__all__ = ["listed", "text_of"]

_LONGEST = 1 << 16


def text_of(path: str) -> str | None:
    """What a small file says; None when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST)
    except OSError:
        return None


def listed(directory: str) -> list[str]:
    """The names in a directory, sorted; none when it cannot be read."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
