"""Turns what the operating system refuses into one sentence for the user."""

from __future__ import annotations

import errno
from contextlib import contextmanager

from provenv.errors import InstallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["told_as_install_error"]

_HINTS = {
    errno.ENOSPC: "free some space on that disk and run the command again",
    errno.EDQUOT: "your quota on that disk is used up: free some space and run the command again",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "check who owns that directory",
    errno.EPERM: "check who owns that directory",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}


@contextmanager
def told_as_install_error(what: str, place: str) -> Iterator[None]:
    """Inside, an OSError becomes an InstallError: ``cannot {what} {place}: No space left on device``."""
    try:
        yield
    except OSError as problem:
        path = problem.filename2 or problem.filename or place
        subject = place if not isinstance(path, str) or path == place else f"{place} ({path})"
        hint = _HINTS.get(problem.errno or 0)
        raise InstallError(f"cannot {what} {subject}: {problem.strerror or problem}", hint=hint) from problem
