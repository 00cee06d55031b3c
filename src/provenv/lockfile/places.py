"""Tells targets apart by the smallest markers. On the warm path."""

from __future__ import annotations

__all__ = ["KEYS", "Place", "Places"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Protocol

    class Place(Protocol):
        """A target, by its name and marker environment."""

        @property
        def name(self) -> str:
            """Its name, unique."""

        @property
        def environment(self) -> Mapping[str, str]:
            """Its marker environment."""

else:
    Place = object

#: The marker variables that may tell targets apart, in the order they are tried.
KEYS = ("sys_platform", "platform_machine", "python_version")


class Places:
    """All targets of a lock. ``grouped`` are the names of those that only a dependency group of their name tells."""

    __slots__ = ("_grouped", "_known", "_targets")

    def __init__(self, targets: Sequence[Place], grouped: Collection[str]) -> None:
        self._targets = targets
        self._grouped = grouped
        self._known: dict[tuple[str, ...], str] = {}

    def marker(self, wanted: Sequence[Place]) -> str:
        """The smallest marker that is true for the wanted targets and false for the others; "" when all are wanted."""
        key = tuple(target.name for target in wanted)
        if key not in self._known:
            self._known[key] = self._marker(wanted)
        return self._known[key]

    def _marker(self, wanted: Sequence[Place]) -> str:
        names = {target.name for target in wanted}
        others = [target for target in self._targets if target.name not in names]
        if not others:
            return ""
        single = self._by_one_variable(wanted, others)
        if single:
            return single
        # All but a few is told shorter by the few, where each of them can be told by variables alone.
        if len(others) < len(wanted):
            told = [_told(target, wanted) for target in others]
            if all(text is not None for text in told):
                negated = [_negated(text) for text in dict.fromkeys(told) if text is not None]
                return " and ".join(f"({text})" if " or " in text else text for text in negated)
        return " or ".join(dict.fromkeys(self._one(target, others) for target in wanted))

    def _by_one_variable(self, wanted: Sequence[Place], others: Sequence[Place]) -> str:
        for key in KEYS:
            here = sorted({target.environment[key] for target in wanted})
            there = sorted({target.environment[key] for target in others})
            if set(here).isdisjoint(there):
                if len(there) < len(here):
                    return " and ".join(f"{key} != '{value}'" for value in there)
                return " or ".join(f"{key} == '{value}'" for value in here)
        return ""

    def _one(self, target: Place, others: Sequence[Place]) -> str:
        """The fewest variables that tell one target from the others, and its group when no variable can."""
        needed, rest = _telling(target, others)
        parts = [f"{key} == '{target.environment[key]}'" for key in KEYS if key in needed]
        if rest and target.name in self._grouped:
            parts.append(f"'{target.name}' in dependency_groups")
        return " and ".join(parts)


def _telling(target: Place, others: Sequence[Place]) -> tuple[list[str], list[Place]]:
    """Variables that tell a target from others, and the others that none of them tells it from."""
    needed: list[str] = []
    rest = list(others)
    while rest:
        gains = {key: sum(other.environment[key] != target.environment[key] for other in rest) for key in KEYS}
        best = max(KEYS, key=lambda key: gains[key])
        if not gains[best]:
            break
        needed.append(best)
        rest = [other for other in rest if other.environment[best] == target.environment[best]]
    return needed, rest


def _told(target: Place, others: Sequence[Place]) -> tuple[tuple[str, str], ...] | None:
    needed, rest = _telling(target, others)
    return None if rest else tuple((key, target.environment[key]) for key in KEYS if key in needed)


def _negated(told: tuple[tuple[str, str], ...]) -> str:
    return " or ".join(f"{key} != '{value}'" for key, value in told)
