"""How findings spell versions and lists."""

from __future__ import annotations

from collections.abc import Sequence

from provenv.stack.tables import numbers_if_any

__all__ = ["dotted", "listed", "newest_symbol_version"]


def dotted(numbers: Sequence[int]) -> str:
    """``(12, 4)`` as ``12.4``."""
    return ".".join(map(str, numbers))


def listed(names: Sequence[str], most: int = 6) -> str:
    """``a, b, c and 4 more``."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def newest_symbol_version(versions: Sequence[str], prefix: str) -> tuple[int, ...] | None:
    """The newest of ``GLIBC_2.17``, ``GLIBC_2.34`` ... as ``(2, 34)``; None without any that is a number."""
    found = []
    for version in versions:
        text = version.removeprefix(prefix)
        if text != version and (found_numbers := numbers_if_any(text)) is not None:
            found.append(found_numbers)
    return max(found, default=None)
