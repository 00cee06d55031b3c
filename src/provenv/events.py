"""What long work says while it runs.

Every method does nothing; the faces override what they show. Rooms receive an ``Events`` as an argument and
never print. A *phase* is one of ``resolve``, ``build``, ``download``, ``unpack``, ``compile``, ``link`` and
``verify``; amounts are bytes for ``download``, ``unpack`` and ``verify``, packages for the others.
"""

from __future__ import annotations

__all__ = ["Events"]


class Events:
    """A listener that hears everything and says nothing."""

    def started(self, phase: str, total: int | None = None) -> None:
        """A phase begins; ``total`` is None when its size is not known yet."""

    def expected(self, phase: str, amount: int) -> None:
        """The total of a running phase grew by ``amount``."""

    def advanced(self, phase: str, amount: int, subject: str = "") -> None:
        """A running phase moved on by ``amount``, thanks to ``subject`` (a package or file name)."""

    def finished(self, phase: str) -> None:
        """A phase is over."""

    def waiting(self, what: str) -> None:
        """Nothing moves because of ``what``: another process, or a host that asked for a pause."""

    def warned(self, message: str) -> None:
        """Something the user should know although the command goes on."""

    def noted(self, message: str) -> None:
        """A detail for ``--verbose``."""
