"""Text for people: errors, changes, amounts. Every function returns a string without a final line end.

Names, versions and messages come from files and servers that others wrote, so each passes through ``clean``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from provenv.errors import ProvenvError
    from provenv.model.plan import Plan

    Pair = tuple[str, str]
    """A name and a version."""
    Triple = tuple[str, str, str]
    """A name, the version that was, the version that is."""

__all__ = [
    "bytes_text",
    "changes",
    "changes_of",
    "clean",
    "count_text",
    "error_text",
    "seconds_text",
    "styled",
    "warning_text",
]

_STYLES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}

# C0, DEL and C1 move the cursor or start escape sequences; the others turn the direction of writing or break lines.
_FORBIDDEN = (
    *range(32),
    *range(127, 160),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    0x2028,
    0x2029,
    0x200E,
    0x200F,
)
_CLEAN: dict[int, str] = {**dict.fromkeys(_FORBIDDEN, ""), 9: " "}
_CLEAN_LINES: dict[int, str] = {**_CLEAN, 10: "\n"}


def clean(text: str, *, keeps_lines: bool = False) -> str:
    """``text`` without characters that could command a terminal; line ends stay only when asked for."""
    return text.translate(_CLEAN_LINES if keeps_lines else _CLEAN)


def styled(text: str, style: str, *, has_colour: bool) -> str:
    """``text`` in one of the styles red, green, yellow, cyan, bold and dim, when there is colour."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if has_colour else text


def error_text(error: ProvenvError, *, has_colour: bool = False) -> str:
    """The message that ends a command: ``error: ...`` and, after a blank line, ``hint: ...``."""
    text = f"{styled('error:', 'red', has_colour=has_colour)} {clean(error.message, keeps_lines=True)}"
    if error.hint:
        text += f"\n\n{styled('hint:', 'cyan', has_colour=has_colour)} {clean(error.hint, keeps_lines=True)}"
    return text


def warning_text(message: str, *, has_colour: bool = False) -> str:
    """One warning: ``warning: ...``."""
    return f"{styled('warning:', 'yellow', has_colour=has_colour)} {clean(message, keeps_lines=True)}"


def changes(
    installed: Iterable[Pair] = (),
    removed: Iterable[Pair] = (),
    updated: Iterable[Triple] = (),
    *,
    has_colour: bool = False,
) -> str:
    """What a command changed, a line for each package, sorted by name; empty when nothing changed.

    ``+ torch 2.15.0`` is new, ``- six 1.17.0`` is gone, ``~ numpy 2.3.0 -> 2.4.1`` has another version and
    ``~ numpy 2.4.1 (again)`` was put there anew.
    """
    rows = [(name, "+", "green", version) for name, version in installed]
    rows += [(name, "-", "red", version) for name, version in removed]
    rows += [(name, "~", "yellow", f"{old} -> {new}" if old != new else f"{new} (again)") for name, old, new in updated]
    return "\n".join(
        f"{styled(sign, style, has_colour=has_colour)} {clean(name)} {clean(versions)}"
        for name, sign, style, versions in sorted(rows)
    )


def changes_of(plan: Plan) -> tuple[list[Pair], list[Pair], list[Triple]]:
    """What a plan installs, removes and updates: the three arguments of ``changes``."""
    old = {package.name: package.version for package in plan.remove}
    new = {package.name: package.version for package in plan.install}
    return (
        [pair for pair in new.items() if pair[0] not in old],
        [pair for pair in old.items() if pair[0] not in new],
        [(name, old[name], version) for name, version in new.items() if name in old],
    )


def count_text(count: int, noun: str) -> str:
    """``1 package``, ``2 packages``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def bytes_text(amount: float) -> str:
    """An amount of bytes in binary units: ``17 B``, ``1.4 KiB``, ``527.3 MiB``."""
    if amount < 1024:
        return f"{amount:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1023.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"


def seconds_text(seconds: float) -> str:
    """A duration: ``3 ms``, ``0.42 s``, ``12.3 s``, ``2 min 5 s``."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
