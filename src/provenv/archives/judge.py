"""Who refuses an archive, and what a user may let pass.

Two kinds of faults. What could write outside, or what two readers could read in two ways, is refused whatever anybody
says. What is only sloppy is refused too, unless the user trusts the package: ``lax-archives`` in ``[tool.provenv]``
names it, and the lock records it.
"""

from __future__ import annotations

from provenv.errors import IntegrityError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["Judge"]


class Judge:
    """Judges one archive, which ``subject`` names in errors; ``waived`` tells what passed only by the user's word."""

    __slots__ = ("is_for_windows", "is_lax", "package", "subject", "waived")

    def __init__(self, subject: str, *, package: str | None = None, is_lax: bool = False) -> None:
        self.subject = subject
        self.package = package
        self.is_lax = is_lax
        self.waived: list[str] = []
        self.is_for_windows = _is_for_windows(subject)
        """Whether it could be meant for Windows, so that names which only Windows cannot have are minded."""

    def refuse(self, expected: str, actual: str, member: str | None = None) -> NoReturn:
        """Raise IntegrityError: this is never allowed."""
        raise IntegrityError(
            self._place(member),
            expected=expected,
            actual=actual,
            hint="the archive is damaged or unsafe; nothing was unpacked",
        )

    def frown(self, expected: str, actual: str, member: str | None = None) -> None:
        """Raise IntegrityError, unless the user lets sloppy archives of this package pass."""
        if self.is_lax:
            self.waived.append(f"{self._place(member)}: expected {expected}, found {actual}")
            return
        raise IntegrityError(
            self._place(member),
            expected=expected,
            actual=actual,
            hint=f'if you trust it all the same, write `lax-archives = ["{self.package or "its name"}"]` into '
            "[tool.provenv] and run `provenv lock`",
        )

    def _place(self, member: str | None) -> str:
        return self.subject if member is None else f"{self.subject}: {member!r}"


def _is_for_windows(filename: str) -> bool:
    """Of a wheel its name says which platforms it is for; anything else may be for all."""
    platforms = filename.removesuffix(".whl").rpartition("-")[2].split(".")
    return not filename.endswith(".whl") or any(name == "any" or name.startswith("win") for name in platforms)
