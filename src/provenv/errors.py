"""Every error that a user can meet, in one tree.

::

    ProvenvError                exit 1
    |- UsageError               exit 2   the words on the command line
    |- InputError               a file says something that cannot be; names file and key
    |- NoSolution               the requirements exclude one another
    |- StaleLock                the lock does not match the project
    |- IntegrityError           bytes are not the promised ones
    |- Unavailable              a host, a file or a package cannot be reached
    |- BuildError               a package could not be built from its source
    `- InstallError             an environment or the store could not be changed

A message is one sentence (or a few) for the person at the terminal; a hint says what to do.
No secret may ever be put into either: URLs pass through ``net.secrets.redact`` first.
"""

from __future__ import annotations

__all__ = [
    "BuildError",
    "InputError",
    "InstallError",
    "IntegrityError",
    "NoSolution",
    "ProvenvError",
    "StaleLock",
    "Unavailable",
    "UsageError",
]


class ProvenvError(Exception):
    """Root of all errors that end a command with one clear message."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ProvenvError):
    """The words on the command line cannot be understood."""

    exit_code = 2


class InputError(ProvenvError):
    """A file holds something that cannot be right.

    ``where`` names the file and, inside it, the key: ``pyproject.toml: project.dependencies[2]``.
    """

    def __init__(self, where: str, problem: str, *, hint: str | None = None) -> None:
        super().__init__(f"{where}: {problem}", hint=hint)
        self.where = where
        self.problem = problem


class NoSolution(ProvenvError):
    """No choice of versions satisfies the requirements on a target.

    ``details`` has for programs what the message has for people: the conflict's lines, its story and solved fixes.
    """

    def __init__(self, message: str, *, hint: str | None = None, details: dict[str, object] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.details = details or {}


class StaleLock(ProvenvError):
    """The lock is missing, or it was made from another project file."""


class IntegrityError(ProvenvError):
    """Bytes differ from what a lock, an index or a record promised."""

    def __init__(self, subject: str, *, expected: str, actual: str, hint: str | None = None) -> None:
        super().__init__(f"{subject}: expected {expected}, found {actual}", hint=hint)
        self.subject = subject
        self.expected = expected
        self.actual = actual


class Unavailable(ProvenvError):
    """A host, a file or a package could not be reached or does not exist."""


class InstallError(ProvenvError):
    """An environment or the store could not be changed; what was there before is still there."""


class BuildError(ProvenvError):
    """A package could not be built from its source; the message holds the last error of its output.

    ``subject`` names the package and its version; ``log`` is the file with the whole output, if anything ran;
    ``stack`` are the packages for whose sake it was built, the outermost first.
    """

    def __init__(
        self,
        subject: str,
        problem: str,
        *,
        log: str | None = None,
        stack: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        chain = f"\n  needed to build {', needed to build '.join(reversed(stack))}" if stack else ""
        kept = f"\n  whole output: {log}" if log else ""
        super().__init__(f"{subject} cannot be built: {problem}{chain}{kept}", hint=hint)
        self.subject = subject
        self.problem = problem
        self.log = log
        self.stack = stack
