"""Turns what the operating system refuses into one sentence for the user."""

from __future__ import annotations

import errno

from provenv.errors import InstallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["told_as_install_error"]

_HINTS = {
    errno.ENOSPC: "free some space on that disk and run the command again",
    errno.EDQUOT: "your quota on that disk is used up: free some space and run the command again",
    errno.EROFS: "mount it writable, or choose another place (--cache-dir for the store)",
    errno.EACCES: "check who owns that directory",
    errno.EPERM: "check who owns that directory",
    errno.ENOLCK: "the file system knows no locks, and without them this is not safe",
    errno.EOPNOTSUPP: "the file system knows no locks, and without them this is not safe",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}


class told_as_install_error:
    """Inside, an OSError becomes an InstallError: ``cannot {what} {place}: No space left on device``."""

    __slots__ = ("_place", "_what")

    def __init__(self, what: str, place: str) -> None:
        self._what = what
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(problem, OSError):
            return
        path = problem.filename2 or problem.filename or self._place
        place = self._place
        subject = f"{place} ({path})" if isinstance(path, str) and path != place else place
        hint = _HINTS.get(problem.errno or 0)
        raise InstallError(f"cannot {self._what} {subject}: {problem.strerror or problem}", hint=hint) from problem
