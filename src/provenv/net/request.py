"""What goes to the client and what comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from provenv.errors import Unavailable

__all__ = ["Pending", "Request", "Response", "TooLarge"]


class TooLarge(Unavailable):
    """An answer is larger than its request allows."""


class Response:
    """A whole answer. ``url`` is where it came from in the end; header names are in lower case."""

    __slots__ = ("body", "headers", "is_known_whole", "status", "url")

    def __init__(
        self, *, status: int, url: str, headers: Mapping[str, str], body: bytes, is_known_whole: bool = True
    ) -> None:
        self.status = status
        self.url = url
        self.headers = headers
        self.body = body
        self.is_known_whole = is_known_whole
        """False when only the end of the connection told where the body ends (RFC 9112, 6.3): it may be cut off."""


class Request:
    """One GET. ``url`` may hold credentials; they go to its own scheme, host and port only.

    Without ``write`` the body is collected, decoded, up to ``limit`` bytes. With it, the body of a good answer is
    handed on in pieces, byte by byte as the file is, and a broken transfer goes on where it stopped; ``restart`` is
    called when it must begin anew. All callbacks run in the client's thread and must be quick.
    """

    __slots__ = ("headers", "is_verified", "limit", "restart", "retries", "size", "subject", "then", "url", "write")

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = 16 << 20,
        write: Callable[[bytes], object] | None = None,
        restart: Callable[[], object] | None = None,
        size: int | None = None,
        subject: str = "",
        is_verified: bool = False,
        then: Callable[[Pending], object] | None = None,
        retries: int | None = None,
    ) -> None:
        self.url = url
        self.headers = headers or {}
        self.limit = limit
        self.write = write
        self.restart = restart
        self.size = size
        """The expected size of a download in bytes, when known."""
        self.subject = subject
        """What progress is reported under."""
        self.is_verified = is_verified
        """Whoever writes the body checks its hash, so pieces may be joined although no validator vouches for them."""
        self.then = then
        """Called with the pending answer once it is there."""
        self.retries = retries
        """How often more it is tried; None: as the settings have it."""


class Pending:
    """An answer that will come."""

    __slots__ = ("_answered", "_outcome")

    def __init__(self) -> None:
        # A bare lock costs a tenth of an Event, and hundreds are made.
        self._answered = threading.Lock()
        self._answered.acquire()
        self._outcome: Response | Exception | None = None

    @property
    def is_done(self) -> bool:
        """Whether ``result`` returns or raises at once."""
        return self._outcome is not None

    def result(self) -> Response:
        """Wait for the answer: any status but those worth another attempt. Raises Unavailable."""
        if self._outcome is None:
            with self._answered:
                pass
        if isinstance(self._outcome, Exception):
            raise self._outcome
        assert self._outcome is not None
        return self._outcome

    def settle(self, outcome: Response | Exception) -> None:
        """Say once how it ended; a second time changes nothing."""
        if self._outcome is None:
            self._outcome = outcome
            self._answered.release()
