"""How checks write down what they found."""

from __future__ import annotations

from collections.abc import Sequence

from provenv.model.finding import WARNS, Finding

__all__ = ["found", "line_of", "listed"]


def found(
    kind: str,
    actual: str,
    remedy: str,
    *,
    level: str = WARNS,
    path: str = "",
    line: int = 0,
    subject: str = "",
    expected: str = "",
    rule: str = "",
) -> Finding:
    """One finding with the line of its file, where there is one."""
    return Finding(
        level=level,
        kind=kind,
        subject=subject,
        path=path,
        expected=expected,
        actual=actual,
        remedy=remedy,
        rule=rule,
        evidence=(("line", str(line)),) if line else (),
    )


def line_of(text: str, part: str) -> int:
    """The number of the first line that holds ``part``; 0 when none does."""
    at = text.find(part)
    return 0 if at < 0 else text.count("\n", 0, at) + 1


def listed(names: Sequence[str], most: int = 4) -> str:
    """``a, b and 3 more``."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
