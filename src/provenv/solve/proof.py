"""What the solver knows, and why: the two kinds of *nogood*.

A nogood is a combination of states that no solution holds, as ``terms``: variable -> set of states. It forbids that all
its variables lie within their sets at once. A ``Fact`` was told by the universe; a ``Derived`` follows from two others.
A failed search ends with a nogood that forbids the project itself; the tree below it is the proof.
"""

from __future__ import annotations

__all__ = ["ACTIVE", "Derived", "Fact", "Nogood", "Unsolvable"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import TypeAlias

ACTIVE = 2
"""The state set that holds only "active", for the variable of an extra."""


class Fact:
    """While ``variable`` is active and ``package`` is in ``when``, ``on`` must be in ``allow``.

    ``variable`` is the package itself, or ``package[extra]`` for a need that only the extra adds. An unusable candidate
    is a fact of the package on itself. ``full`` is the set of all states of ``on``. ``when`` may grow while a search
    runs, as more candidates turn out to have the same need; a nogood derived earlier stays true. ``why`` is the
    universe's own word for the rule, or None when several rules were merged into this fact.
    """

    __slots__ = ("allow", "full", "on", "package", "variable", "when", "why")

    def __init__(
        self, package: str, variable: str, on: str, when: int, allow: int, full: int, why: Hashable | None
    ) -> None:
        self.package = package
        self.variable = variable
        self.on = on
        self.when = when
        self.allow = allow
        self.full = full
        self.why = why

    @property
    def terms(self) -> dict[str, int]:
        """The forbidden combination, computed anew because ``when`` may have grown."""
        terms = {self.package: self.when}
        if self.variable != self.package:
            terms[self.variable] = ACTIVE
        forbidden = self.full & ~self.allow
        if self.on in terms:
            terms[self.on] &= forbidden
        elif forbidden != self.full:
            terms[self.on] = forbidden
        return terms

    @property
    def extra(self) -> str:
        """The extra that adds this need, or ""."""
        return self.variable[len(self.package) + 1 : -1]

    def __repr__(self) -> str:
        return f"Fact({self.variable!r}, {self.when:b}, {self.on!r}, {self.allow:b}, {self.why!r})"


class Derived:
    """A nogood that follows from ``left`` and ``right`` by resolving them on one variable."""

    __slots__ = ("left", "right", "terms")

    def __init__(self, terms: dict[str, int], left: Nogood, right: Nogood) -> None:
        self.terms = terms
        self.left = left
        self.right = right

    def __repr__(self) -> str:
        return f"Derived({self.terms!r})"


class Unsolvable(Exception):
    """No choice satisfies all rules; ``proof`` forbids the project (or nothing at all is needed to forbid it)."""

    def __init__(self, proof: Nogood) -> None:
        super().__init__("the requirements exclude one another")
        self.proof = proof


if TYPE_CHECKING:
    Nogood: TypeAlias = "Fact | Derived"
