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

ACTIVE = 2
"""The state set that holds only "active", for the variable of an extra."""


class Fact:
    """While ``variable`` is active and ``package`` is in ``when``, ``on`` must be in ``allow``.

    ``variable`` is the package itself, or ``package[extra]`` for a need that only the extra adds. ``full`` is the set
    of all states of ``on``. Of an unusable candidate ``on`` is "" and ``allow`` is 0. ``when`` may grow while a search
    runs, as more candidates turn out to have the same need; what was derived from it stays true. ``whys`` holds the
    universe's own words for the rule; it is empty when many different rules were merged into this fact.
    """

    __slots__ = ("allow", "full", "on", "package", "variable", "when", "whys")

    def __init__(
        self, package: str, variable: str, on: str, when: int, allow: int, full: int, whys: tuple[Hashable, ...]
    ) -> None:
        self.package = package
        self.variable = variable
        self.on = on
        self.when = when
        self.allow = allow
        self.full = full
        self.whys = whys

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
    def is_unusable(self) -> bool:
        """Whether this says that the package cannot be used at all, rather than what it needs."""
        return not self.on

    @property
    def extra(self) -> str:
        """The extra that adds this need, or ""."""
        return self.variable[len(self.package) + 1 : -1]

    def __repr__(self) -> str:
        return f"Fact({self.variable!r}, {self.when:b}, {self.on!r}, {self.allow:b}, {self.whys!r})"


class Derived:
    """A nogood that follows from ``left`` and ``right`` by resolving them on one variable."""

    __slots__ = ("left", "right", "terms")

    def __init__(self, terms: dict[str, int], left: Fact | Derived, right: Fact | Derived) -> None:
        self.terms = terms
        self.left = left
        self.right = right

    def __repr__(self) -> str:
        return f"Derived({self.terms!r})"


class Unsolvable(Exception):
    """No choice satisfies all rules; ``proof`` forbids the project (or nothing at all is needed to forbid it)."""

    def __init__(self, proof: Fact | Derived) -> None:
        super().__init__("the requirements exclude one another")
        self.proof = proof


Nogood = Fact | Derived
