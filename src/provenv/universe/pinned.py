"""What a project's exact pins alone exclude: often known long before every page has arrived.

A package that is pinned exactly needs what its one version needs, whatever else is chosen. So the pins of the project,
those that their needs have in turn, and the packages on which two of them cannot agree make a small universe of their
own. What has no solution there has none at all; what has one is solved as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.version import InvalidVersion, Version

from provenv.solve.proof import Unsolvable
from provenv.universe.answers import ROOT, Answers
from provenv.universe.settle import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.solve.types import Answer, Ask, Rule
    from provenv.universe.view import Row

__all__ = ["Pinned", "refused"]

_CLAUSE = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>)\s*([^\s,]+)\s*")
_MOST = 200
"""Pinned packages: whoever pins more has a list that was solved before."""


def refused(whole: Answers) -> tuple[Unsolvable, Answers] | None:
    """Why the pins exclude one another, and who answered; None when they do not.

    Waits for what the pins need, and for nothing else. Raises what the supply raises.
    """
    pinned = Pinned(whole)
    whole.supply.is_in_haste = True
    try:
        if pinned.may_be_refused():
            settle(pinned)
    except Unsolvable as failure:
        return failure, pinned
    finally:
        whole.supply.is_in_haste = False
        whole.note_orders()
    return None


class Pinned(Answers):
    """Answers of whatever the pins decide, with the views and the supply of the whole; all other needs are left out.

    What must be built first is not asked what it needs: that would take its time, and may be in vain.
    """

    def __init__(self, whole: Answers) -> None:
        super().__init__(
            whole.root,
            directory=whole._directory,
            supply=lambda: whole.supply,
            is_fresh=whole._is_fresh,
            pins=whole._pins,
            policy=whole._choices._policy,
            constraints=[bound for bounds in whole.constraints.values() for bound in bounds],
            overrides=whole._overrides,
            excludes=tuple(whole._excludes),
            now=whole._now,
        )
        self.views = whole.views
        self._stored = whole._stored
        self.note_orders()
        self._pins_found: dict[str, int] = {}
        self._disputed: set[str] = set()

    def may_be_refused(self) -> bool:
        """Follow the pins; whether two needs may exclude one another, or a pin has no candidate."""
        needs: dict[str, list[str]] = {}
        extras: dict[str, set[str]] = {}
        followed: set[tuple[str, str]] = set()
        pins = self._pins_found
        waiting = [other for row, _ in self.root for other in self.effective(row)]
        while waiting:
            self._begin([row for row in waiting if self.pins_exactly(row)])
            self._begin(waiting)
            for _, name, chosen, specifier in waiting:
                needs.setdefault(name, []).append(specifier)
                extras.setdefault(name, {""}).update(chosen)
            for row in waiting:
                name = row[1]
                if name not in pins and len(pins) < _MOST and self.pins_exactly(row):
                    pins[name] = self._pinned(name, row[3])
                    if not pins[name]:
                        return True
            waiting = []
            for name, candidate in pins.items():
                for extra in sorted(extras[name]):
                    if (name, extra) not in followed:
                        followed.add((name, extra))
                        waiting += self._needs(name, candidate, extra)
        for name in needs:
            needs[name] += [row[3] for row, _ in self.constraints.get(name, ())]
        self._disputed = {name for name, told in needs.items() if name not in pins and _is_disputed(told)}
        return bool(self._disputed) or any(len(set(needs[name])) > 1 for name in pins)

    def answer(self, ask: Ask) -> Answer:
        """What the asked candidate needs of the packages that matter here."""
        if ask.package != ROOT:
            view = self.view(ask.package)
            if ask.package not in self._pins_found or (view is not None and view.sources >> ask.candidate & 1):
                return ()
        return super().answer(ask)

    def _pinned(self, name: str, specifier: str) -> int:
        """The candidate that a pin means; 0 when there is none."""
        view = self.view(name)
        if view is None:
            return 0
        mask = self.mask(view, specifier)
        for bound, _ in self.constraints.get(name, ()):
            mask &= self.mask(view, bound[3])
        return mask.bit_length() - 1 if mask else 0

    def _needs(self, name: str, candidate: int, extra: str) -> list[Row]:
        view = self.view(name)
        assert view is not None, "what is pinned has a view"
        if view.sources >> candidate & 1:
            return []
        if not view.known >> candidate & 1:
            self.supply.learn(view, candidate)
        return [other for row, _ in sorted(view.rows(candidate, extra)) for other in self.effective(row)]

    def _rules(self, rows: Sequence[tuple[Row, int, tuple[object, ...]]], package: str = ROOT) -> tuple[Rule, ...]:
        told = [one for one in rows if one[0][1] in self._pins_found or one[0][1] in self._disputed]
        return super()._rules(told, package)


def _is_disputed(specifiers: Sequence[str]) -> bool:
    """Whether some of the specifiers seem to have nothing in common: a reason to look closely, and no more."""
    floor: Version | None = None
    ceiling: Version | None = None
    for text in specifiers:
        for operator, told in _CLAUSE.findall(text):
            try:
                version = Version(told.removesuffix(".*"))
            except InvalidVersion:
                continue
            if operator in (">", ">=", "~=", "==", "===") and (floor is None or version > floor):
                floor = version
            if operator in ("<", "<=", "==", "===") and (ceiling is None or version < ceiling):
                ceiling = version
            if operator == "~=":
                above = _above(version)
                ceiling = above if ceiling is None or above < ceiling else ceiling
    return floor is not None and ceiling is not None and floor >= ceiling


def _above(version: Version) -> Version:
    """What ``~=`` ends before: ``~=2.2.3`` before ``2.3``."""
    head = version.release[:-1] or version.release
    return Version(".".join(map(str, (*head[:-1], head[-1] + 1))))
