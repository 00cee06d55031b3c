"""The words of the conversation between the solver and whoever knows the packages.

A package with n candidates has n+1 *states*: bit 0 is "absent", bit i is candidate i, and a higher bit is better.
A set of states is an ``int``. An *extra* of a package is a variable of its own with one candidate ("active"), so
a requirement ``p[e]`` is two rules: one on ``p``, one that activates ``(p, e)``.

These classes are plain and slotted: this module is on the warm path, where importing ``dataclasses`` alone would
cost more than a resolution.
"""

from __future__ import annotations

__all__ = ["ABSENT", "Always", "Answer", "Ask", "Rule", "Unusable"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import TypeAlias

ABSENT = 1
"""The state set that holds only "absent"."""


class Ask:
    """The solver's one question: what does candidate ``candidate`` of ``package`` need?

    With ``extra`` the question is about the requirements that this extra adds. The root is asked first, as
    ``Ask("", 1, "")``.
    """

    __slots__ = ("candidate", "extra", "package")

    def __init__(self, package: str, candidate: int, extra: str) -> None:
        self.package = package
        self.candidate = candidate
        self.extra = extra

    def __repr__(self) -> str:
        return f"Ask({self.package!r}, {self.candidate}, {self.extra!r})"


class Rule:
    """When ``(package, extra)`` is active and ``package`` is in ``when``, then ``on`` must be in ``allow``.

    ``on`` is a variable: ``"numpy"`` for a package, ``"torch[cuda]"`` for the activation of an extra. ``allow`` never
    holds bit 0 unless the rule is a mere constraint. ``size`` is the number of candidates of ``on`` (1 for an extra).
    ``when`` always holds the asked candidate, and may hold others that are known to have the same need: a rule may be
    wider than the question, never wrong. ``why`` is handed back in a failure's derivation, untouched.
    """

    __slots__ = ("allow", "on", "size", "when", "why")

    def __init__(self, when: int, on: str, allow: int, size: int, why: Hashable) -> None:
        self.when = when
        self.on = on
        self.allow = allow
        self.size = size
        self.why = why

    def __repr__(self) -> str:
        return f"Rule({self.when:b}, {self.on!r}, {self.allow:b}, {self.size}, {self.why!r})"


class Always(Rule):
    """Whatever else is chosen, ``on`` must be in ``allow``, which holds "absent": a constraint of the root.

    It may come with any answer, beside the first rule about ``on``; so a package that nobody needs costs no question.
    """

    __slots__ = ()

    def __init__(self, on: str, allow: int, size: int, why: Hashable) -> None:
        super().__init__(2, on, allow | ABSENT, size, why)


class Unusable:
    """The asked candidate cannot be used; ``when`` may name others that share the reason."""

    __slots__ = ("when", "why")

    def __init__(self, when: int, why: Hashable) -> None:
        self.when = when
        self.why = why

    def __repr__(self) -> str:
        return f"Unusable({self.when:b}, {self.why!r})"


if TYPE_CHECKING:
    Answer: TypeAlias = "tuple[Rule, ...] | Unusable"
