"""The state of one search: what is known, what is assumed, and how to take an assumption back.

The *trail* lists every narrowing of a variable in order, each with its cause: a nogood, or None for a decision. A
*level* is a decision and all that followed from it. Facts are looked at only where they can speak: the needs of a
candidate when its package comes down to it (``rows``), and everything learned from conflicts whenever one of its
variables changes (``watched``). Facts that merely contradict the present choice cost nothing.
"""

from __future__ import annotations

from provenv.solve.proof import ACTIVE, Derived, Fact, Unsolvable
from provenv.solve.types import Always, Rule, Unusable

__all__ = ["Search"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from provenv.solve.proof import Nogood
    from provenv.solve.types import Answer

_PATIENCE = 5
"""A package that lost so many conflicts is decided earlier from then on; once only, or two packages would seesaw."""

_EARLY, _LATE = 0, 1


class Search:
    """A partial solution and the nogoods that bound it."""

    def __init__(self) -> None:
        self.state: dict[str, int] = {"": 2}
        self.full: dict[str, int] = {"": 3}
        self.decided: dict[str, int] = {"": 1}
        self.order: list[str] = []
        self.extras: dict[str, list[str]] = {}
        self.owner: dict[str, str] = {}
        self.rows: dict[str, dict[int, list[Fact]]] = {"": {}}
        self.unasked: list[tuple[str, str]] = []
        self.conflicts = 0
        self._facts: dict[str, dict[Hashable, Fact]] = {}
        self._wide: dict[str, dict[Hashable, Fact]] = {}
        self._merged: dict[tuple[str, str], Fact] = {}
        self._watched: dict[str, dict[Hashable, tuple[dict[str, int], Nogood]]] = {}
        # (variable, state before, cause, level, index of the variable's previous entry)
        self._trail: list[tuple[str, int, Nogood | None, int, int]] = [("", 3, None, 0, -1)]
        self._last: dict[str, int] = {"": 0}
        self._starts: list[int] = []
        self._changed: list[str] = []
        self._singles: list[str] = []
        self._cursor = 0
        self._lost: dict[str, int] = {}
        self._blamed: dict[str, int] = {}
        self._culprits: dict[str, str] = {}
        self._put_off: dict[str, None] = {}
        self._waiting: dict[str, None] = {}
        self._rank: dict[str, tuple[int, int]] = {}

    # What the universe says

    def record(self, package: str, variable: str, candidate: int, answer: Answer) -> None:
        """Keep the answer about one candidate (and, for an extra's ``variable``, what the extra adds to it)."""
        rules = (Rule(answer.when, "", 0, 1, answer.why),) if isinstance(answer, Unusable) else answer
        facts = self._facts.setdefault(variable, {})
        full = self.full
        bit = 1 << candidate
        row: list[Fact] = []
        self.rows[variable][candidate] = row
        for rule in rules:
            on = rule.on
            allow = rule.allow
            if rule.__class__ is Always:
                self._oblige(rule)
                continue
            # Rules that allow no candidate at all are told apart by their reasons, which a reader will want to know.
            key = (on, allow) if allow > 1 else (on, allow, rule.why)
            fact = facts.get(key)
            if fact is None:
                if on not in full:
                    self._discover(on, rule.size)
                fact = facts[key] = Fact(package, variable, on, rule.when, allow, full[on], (rule.why,))
            else:
                fact.when |= rule.when
            row.append(fact)
            if rule.when != bit:
                self._wide.setdefault(variable, {})[key] = fact
        if package in self.decided:
            self._changed.append(variable)

    def _oblige(self, rule: Rule) -> None:
        """Keep a rule of the root that was told late; it is looked at again whenever its package changes."""
        facts = self._facts.setdefault("", {})
        key = (rule.on, rule.allow, rule.why)
        if key in facts:
            return
        if rule.on not in self.full:
            self._discover(rule.on, rule.size)
        fact = facts[key] = Fact("", "", rule.on, rule.when, rule.allow, self.full[rule.on], (rule.why,))
        self.rows[""].setdefault(1, []).append(fact)
        self._watch(key, fact)
        self._changed.append(rule.on)

    def _discover(self, variable: str, size: int) -> None:
        self.state[variable] = self.full[variable] = (2 << size) - 1
        self._last[variable] = -1
        self.rows[variable] = {}
        if variable[-1] == "]":
            owner = variable[: variable.index("[")]
            self.owner[variable] = owner
            self.extras.setdefault(owner, []).append(variable)
        else:
            self.order.append(variable)

    def active(self, package: str) -> Iterable[str]:
        """The variables whose needs count for ``package`` now: itself and its active extras."""
        yield package
        for variable in self.extras.get(package, ()):
            if self.state[variable] == ACTIVE:
                yield variable

    # What follows

    def propagate(self) -> Nogood | None:
        """Draw all conclusions from the latest changes; a nogood that is violated by them, or None."""
        changed, owner, watched = self._changed, self.owner, self._watched
        while changed:
            variable = changed.pop()
            if variable in watched:
                conflict = self._consult(watched[variable].values())
                if conflict is not None:
                    return conflict
            if variable in owner:
                speakers: Iterable[str] = (variable,) if self.state[variable] == ACTIVE else ()
                package = owner[variable]
            else:
                speakers = self.active(variable) if variable in self.extras else (variable,)
                package = variable
            for speaker in speakers:
                conflict = self._apply(package, speaker)
                if conflict is not None:
                    return conflict
        return None

    def _consult(self, nogoods: Iterable[tuple[dict[str, int], Nogood]]) -> Nogood | None:
        state = self.state
        for terms, nogood in nogoods:
            open_variable = None
            for variable, mask in terms.items():
                now = state[variable]
                if now & ~mask:
                    if open_variable is not None or not now & mask:
                        break
                    open_variable = variable
            else:
                if open_variable is None:
                    return nogood
                self._narrow(open_variable, state[open_variable] & ~terms[open_variable], nogood)
        return None

    def _apply(self, package: str, variable: str) -> Nogood | None:
        """Apply every fact that holds for all candidates left of ``package``; a violated one, or None."""
        state = self.state
        left = state.get(package, 1)
        if left & 1:
            return None
        best = left.bit_length() - 1
        row: Iterable[Fact] | None = self.rows[variable].get(best)
        if row is None:
            if package in self.decided:
                self.unasked.append((package, variable))
                return None
            if variable not in self._wide:
                return None
            row = self._wide[variable].values()
        for fact in row:
            if left & ~fact.when:
                continue
            before = state[fact.on]
            after = before & fact.allow
            if after != before:
                if not after:
                    return fact
                self._narrow(fact.on, after, fact)
        return None

    def _narrow(self, variable: str, after: int, cause: Nogood) -> None:
        before = self.state[variable]
        self._trail.append((variable, before, cause, len(self._starts), self._last[variable]))
        self._last[variable] = len(self._trail) - 1
        self.state[variable] = after
        self._changed.append(variable)
        if not after & 1:
            if before & 1:
                self._cursor = 0
            if not after & (after - 1):
                self._singles.append(variable)

    # Choosing

    def next_open(self) -> str | None:
        """The package to decide next: one with a single candidate left, an often disputed one, the first found."""
        state, decided = self.state, self.decided
        later = {**self._put_off, **self._waiting}
        while self._singles:
            package = self._singles.pop()
            left = state[package]
            is_open = package not in decided and package not in self.owner and package not in self._waiting
            if is_open and not left & 1 and not left & (left - 1):
                return package
        if self._rank:
            ranked = [name for name in self._rank if name not in decided and not state[name] & 1 and name not in later]
            if ranked:
                return min(ranked, key=self._rank.__getitem__)
        order = self.order
        for position in range(self._cursor, len(order)):
            package = order[position]
            if not state[package] & 1 and package not in decided and package not in later:
                self._cursor = position
                return package
        return next((name for name in later if not state[name] & 1 and name not in decided), None)

    def decide(self, package: str, candidate: int) -> None:
        """Assume that ``package`` is this candidate."""
        self._starts.append(len(self._trail))
        self._trail.append((package, self.state[package], None, len(self._starts), self._last[package]))
        self._last[package] = len(self._trail) - 1
        self.state[package] = 1 << candidate
        self.decided[package] = candidate
        self._changed.append(package)

    def objection(self, package: str, candidate: int) -> Fact | None:
        """A known fact by which this candidate cannot be chosen now, or None.

        Facts that were volunteered with other candidates count even before this candidate is asked about.
        """
        state = self.state
        bit = 1 << candidate
        before = state[package]
        state[package] = bit
        try:
            for variable in self.active(package):
                row: Iterable[Fact] | None = self.rows[variable].get(candidate)
                if row is None:
                    row = self._wide[variable].values() if variable in self._wide else ()
                for fact in row:
                    if not state[fact.on] & fact.allow and fact.when & bit:
                        return fact
            return None
        finally:
            state[package] = before

    def reject(self, package: str, objection: Fact) -> None:
        """Exclude from ``package`` the candidates that share the objection; learn from it when none is left."""
        nogood = self._merge(objection)
        after = self.state[package] & ~nogood.terms[package]
        if not after:
            self.resolve(nogood)
            return
        self.conflicts += 1
        self._narrow(package, after, nogood)
        if objection.on != package:
            culprit = self._satisfier(objection.on, objection.full & ~objection.allow)
            self._blame(package, self._trail[culprit][3] if culprit >= 0 else 0)

    # Conflicts

    def resolve(self, conflict: Nogood) -> None:
        """Learn from a violated nogood and go back to where the lesson applies.

        Raises ``Unsolvable`` when nothing was assumed that could be taken back.
        """
        self.conflicts += 1
        if isinstance(conflict, Fact):
            conflict = self._merge(conflict)
        trail = self._trail
        while True:
            terms = conflict.terms
            latest = second = -1
            pivot = ""
            for variable, mask in terms.items():
                index = self._satisfier(variable, mask)
                if index > latest:
                    latest, second, pivot = index, latest, variable
                elif index > second:
                    second = index
            if latest <= 0:
                raise Unsolvable(conflict)
            _, _, cause, level, earlier = trail[latest]
            if cause is None:
                break
            causes = cause.terms
            union = terms[pivot] | causes[pivot]
            if union != self.full[pivot]:
                second = max(second, self._satisfier(pivot, union, earlier))
            if (trail[second][3] if second >= 0 else 0) < level:
                break
            conflict = Derived(_resolvent(terms, causes, pivot, self.full[pivot]), conflict, cause)
        previous = trail[second][3] if second >= 0 else 0
        loser = trail[self._starts[level - 1]][0]
        self.backjump(previous)
        self._watch(id(conflict), conflict)
        self._narrow(pivot, self.state[pivot] & ~conflict.terms[pivot], conflict)
        self._blame(loser, previous)

    def _satisfier(self, variable: str, mask: int, index: int | None = None) -> int:
        """The trail index from which on ``variable`` lay within ``mask``."""
        trail = self._trail
        found = self._last[variable] if index is None else index
        while found >= 0:
            _, before, _, _, earlier = trail[found]
            if before & ~mask:
                break
            found = earlier
        return found

    def _merge(self, fact: Fact) -> Fact:
        """One stronger fact out of all facts of the same package that exclude the present states of ``fact.on``."""
        on = fact.on
        now = self.state[on]
        key = (fact.variable, on)
        known = self._merged.get(key)
        if on == fact.package:
            return fact
        if not fact.allow:
            same = [other for other in self._facts[fact.variable].values() if other.on == on and not other.allow]
            if len(same) == 1:
                return fact
            return _union(same, tuple(why for other in same for why in other.whys))
        if known is None or known.allow & now:
            rivals = self._facts[fact.variable].values()
            merged = _union([other for other in rivals if other.on == on and not other.allow & now], ())
        elif fact.when & ~known.when or fact.allow & ~known.allow:
            merged = _union([known, fact], ())
        else:
            return known
        if merged.when == fact.when:
            return fact
        self._merged[key] = merged
        self._watch(key, merged)
        return merged

    def _watch(self, key: Hashable, nogood: Nogood) -> None:
        terms = nogood.terms
        for variable in terms:
            self._watched.setdefault(variable, {})[key] = (terms, nogood)

    def _blame(self, loser: str, level: int) -> None:
        """Count a conflict between ``loser`` and the decision of ``level``; change the order when it happens often."""
        if not level:
            return
        culprit = self._trail[self._starts[level - 1]][0]
        self._culprits[loser] = culprit
        self._lost[loser] = self._lost.get(loser, 0) + 1
        self._blamed[culprit] = self._blamed.get(culprit, 0) + 1
        if self._lost[loser] == _PATIENCE:
            self._rank.setdefault(loser, (_EARLY, self.order.index(loser)))
        if self._blamed[culprit] == _PATIENCE and culprit not in self._rank:
            self._rank[culprit] = (_LATE, self.order.index(culprit))
            self.backjump(level - 1)

    def reorder(self, loser: str) -> bool:
        """Put off the package that last ruled out candidates of ``loser`` until all others are decided; once for each.

        False when nobody did, or it was put off before.
        """
        culprit = self._culprits.get(loser)
        if culprit is None or culprit not in self.decided or culprit in self._put_off:
            return False
        self._put_off[culprit] = None
        self.backjump(next(at for at, start in enumerate(self._starts) if self._trail[start][0] == culprit))
        return True

    def postpone(self, package: str) -> bool:
        """Let a package wait until all others are decided, if it has one candidate whatever they are; once for each.

        What that candidate needs holds then as it would now, so nothing is lost but what was decided in ignorance.
        """
        if package in self._waiting:
            del self._waiting[package]
            return False
        left = self.state[package]
        if left & (left - 1) or self._trail[self._last[package]][3]:
            return False
        self._waiting[package] = None
        return True

    def backjump(self, level: int) -> None:
        """Take back every decision above ``level`` and all that followed from it."""
        cut = self._starts[level]
        reopened = []
        for variable, before, cause, _, earlier in reversed(self._trail[cut:]):
            self.state[variable] = before
            self._last[variable] = earlier
            if cause is None:
                del self.decided[variable]
                reopened.append(variable)
        del self._trail[cut:]
        del self._starts[level:]
        self._changed.clear()
        self.unasked.clear()
        self._cursor = 0
        for package in reopened:
            left = self.state[package]
            if not left & 1 and not left & (left - 1):
                self._singles.append(package)


def _union(facts: list[Fact], whys: tuple[Hashable, ...]) -> Fact:
    """The fact that any of these candidates needs something that one of the facts allows."""
    first = facts[0]
    when = allow = 0
    for fact in facts:
        when |= fact.when
        allow |= fact.allow
    return Fact(first.package, first.variable, first.on, when, allow, first.full, whys)


def _resolvent(left: dict[str, int], right: dict[str, int], pivot: str, full: int) -> dict[str, int]:
    """What both nogoods forbid together when ``pivot`` may lie in either of its two sets."""
    terms = dict(right)
    for variable, mask in left.items():
        terms[variable] = mask & terms[variable] if variable in terms else mask
    union = left[pivot] | right[pivot]
    if union == full:
        del terms[pivot]
    else:
        terms[pivot] = union
    return terms
