"""Put one nogood into words: a fact as what somebody needs, a derived one as what follows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

from provenv.explain.ranges import is_everything, spell
from provenv.solve.proof import ACTIVE, Fact, Nogood

__all__ = ["Describe", "Words"]

_REASONS_SHOWN = 3


class Describe(Protocol):
    """What the giver of the rules knows about them.

    A ``why`` is what it put into ``Rule.why`` or ``Unusable.why``.
    """

    def name(self, package: str) -> str:
        """The package as a reader knows it; for "" what stands for the whole: "your project"."""

    def versions(self, package: str) -> Sequence[str]:
        """The names of its candidates, 1 first; empty when the package does not exist."""

    def passed_over(self, package: str) -> int:
        """Candidates that nobody chooses unless it must be these: a gap of such in a range is not worth a word."""

    def needed(self, why: Hashable) -> str:
        """The need as its author wrote it: "torch>=2.8". It follows "depends on"."""

    def unmet(self, why: Hashable) -> str:
        """Why no candidate at all meets this need, as a clause: "there is no version of torch>=9"."""

    def reason(self, why: Hashable) -> str:
        """Why a candidate is unusable, as a predicate: "has no wheel for linux-x86_64"."""

    def wish(self, why: Hashable) -> str | None:
        """A need of the whole that nobody wrote down, as a clause: "numpy 2.4.1 is asked for"; None for all others."""


class Words:
    """Speaks about nogoods with the names that ``describe`` gives; ``impossible`` is what they come to."""

    def __init__(self, describe: Describe, impossible: str = "the requirements cannot be satisfied") -> None:
        self._describe = describe
        self.impossible = impossible

    def told(self, nogood: Nogood) -> str:
        """The nogood as a clause that can follow "because"."""
        return self._fact(nogood) if isinstance(nogood, Fact) else self.conclusion(nogood.terms)

    def conclusion(self, terms: dict[str, int]) -> str:
        """What a nogood says when nobody needs to be quoted: "a>=2 requires b<3"."""
        subjects: list[str] = []
        objects: list[str] = []
        mentioned = dict(terms)
        mentioned.pop("", None)
        for variable, mask in mentioned.items():
            package, _, extra = variable.removesuffix("]").partition("[")
            if extra:
                if mask == ACTIVE and not mentioned.get(package, 1) & 1:
                    continue
                (subjects if mask == ACTIVE else objects).append(self._named(package, extra))
            elif mask & 1:
                objects.append(self._object(package, ~mask))
            else:
                extras = [other[len(package) + 1 : -1] for other in mentioned if other.startswith(f"{package}[")]
                active = sorted(extra for extra in extras if mentioned[f"{package}[{extra}]"] == ACTIVE)
                subjects.append(self.candidates(package, mask, ",".join(active)))
        if not subjects and not objects:
            return self.impossible
        return self._sentence(subjects, objects)

    def _sentence(self, subjects: list[str], objects: list[str]) -> str:
        wanted = " or ".join(objects)
        if not subjects:
            return f"{self._describe.name('')} requires {wanted}"
        if not objects:
            if len(subjects) == 1:
                every, _, rest = subjects[0].partition(" ")
                return f"no {rest} can be used" if every == "every" else f"{subjects[0]} cannot be used"
            if len(subjects) == 2:
                return f"{subjects[0]} is incompatible with {subjects[1]}"
            return f"{', '.join(subjects[:-1])} and {subjects[-1]} cannot be used together"
        if len(subjects) == 1:
            return f"{subjects[0]} requires {wanted}"
        return f"{', '.join(subjects[:-1])} and {subjects[-1]} together require {wanted}"

    def candidates(self, package: str, mask: int, extra: str = "") -> str:
        """Some candidates of a package: "torch>=2.8", "every version of torch"."""
        if not package:
            return self._describe.name("")
        name = self._named(package, extra)
        versions = self._describe.versions(package)
        if not versions:
            return name
        clauses = spell(mask & ((2 << len(versions)) - 1), versions, self._describe.passed_over(package))
        if clauses:
            return f"{name}{clauses}"
        # What is said of all versions but some pre-releases was not asked of these: they were never in question.
        return f"every {'' if is_everything(mask, versions) else 'stable '}version of {name}"

    def _named(self, package: str, extra: str = "") -> str:
        name = self._describe.name(package)
        return f"{name}[{extra}]" if extra else name

    def _fact(self, fact: Fact) -> str:
        subject = self.candidates(fact.package, fact.when, fact.extra)
        describe = self._describe
        # One candidate has all of its needs; of several candidates each has one of them.
        link = "and" if fact.when.bit_count() == 1 else "or"
        if not fact.package and fact.allow and len(fact.whys) == 1 and (clause := describe.wish(fact.whys[0])):
            return clause
        if fact.is_unusable:
            return f"{subject} {_joined([describe.reason(why) for why in fact.whys], link)}"
        if not fact.allow & ~1 and fact.allow:
            return f"{subject} excludes {self._object(fact.on, fact.full)}"
        needs = _joined([describe.needed(why) for why in fact.whys], link) or self._object(fact.on, fact.allow)
        if fact.allow & 1:
            return f"{subject} allows only {needs}"
        if fact.allow:
            return f"{subject} depends on {needs}"
        unmet = dict.fromkeys(describe.unmet(why) for why in fact.whys[:_REASONS_SHOWN])
        return f"{subject} depends on {needs} and {' and '.join(unmet)}"

    def _object(self, package: str, mask: int) -> str:
        """Some candidates as something that is needed: any version will do is not worth a word."""
        if is_everything(mask, self._describe.versions(package)):
            return self._named(package)
        return self.candidates(package, mask).replace("every stable", "a stable")


def _joined(reasons: list[str], link: str) -> str:
    distinct = list(dict.fromkeys(reasons))
    shown = f" {link} ".join(distinct[:_REASONS_SHOWN])
    rest = len(distinct) - _REASONS_SHOWN
    return f"{shown} ({link} {rest} more)" if rest > 0 else shown
