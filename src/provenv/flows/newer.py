"""The newest version of a package that could be chosen on a target, and what stands in its way."""

from __future__ import annotations

from provenv.flows.describe import ASKED
from provenv.flows.trial import Budget, Refusal, Subject, Variation, attempt
from provenv.solve.solver import Solution
from provenv.universe.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["asked_for", "newest", "refused_newest", "with_newest"]


def newest(view: View) -> int:
    """The newest candidate that is neither a pre-release nor yanked nor known to be unusable; 0 when there is none."""
    usable = (2 << view.size) - 2 & ~view.pre & ~view.yanked
    for mask in (*view.broken.values(), *view.refused.values()):
        usable &= ~mask
    return max(usable.bit_length() - 1, 0)


def refused_newest(view: View, candidate: int) -> tuple[str, str] | None:
    """The newest release that only the target's machine rules out, when it is newer than a candidate; and why."""
    usable = (2 << view.size) - 2 & ~view.pre & ~view.yanked
    best = 0
    reason = ""
    for (_, _, why), mask in view.refused.items():
        at = max((mask & usable).bit_length() - 1, 0)
        if at > best:
            best, reason = at, why
    release = [version.partition("+")[0] for version in (view.versions[best - 1], view.versions[candidate - 1])]
    if best <= candidate or best < newest(view) or release[0] == release[1]:
        return None
    return release[0], reason


def asked_for(view: View, candidate: int) -> list[tuple[Row, str]]:
    """The need of exactly that candidate."""
    return [(("", view.name, (), f"=={view.versions[candidate - 1]}"), ASKED)]


def with_newest(subject: Subject, view: View, budget: Budget) -> Solution | Refusal | None:
    """What comes of asking for the newest candidate; None when there was no time to know."""
    return attempt(subject, Variation(added=asked_for(view, newest(view))), budget)
