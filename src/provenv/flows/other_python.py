"""Another Python for a target, when versions that would do need one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from provenv.errors import ProvenvError
from provenv.flows import files
from provenv.flows.aimed import Aim, AimedTarget
from provenv.flows.fixes import Change, Fix
from provenv.flows.parse_aim import parse_aim
from provenv.flows.places import Places
from provenv.flows.trial import Budget, Subject, Variation, attempt
from provenv.flows.world import World
from provenv.solve.solver import Solution
from provenv.universe.answers import Answers
from provenv.universe.view import View

__all__ = ["other_python"]

_MOST_TRIED = 2
_OLDEST, _NEWEST = 8, 15
_VERSIONS_TOLD = 4
_WEIGHT = (1, 5, 5, 0)
_NEEDS = "needs Python "


def other_python(
    world: World,
    subject: Subject,
    needs: Mapping[str, Sequence[str]],
    answers_for: Callable[[Aim, AimedTarget], Answers],
    budget: Budget,
) -> list[Fix]:
    """The nearest Python with which a target can be solved, if one of the packages in ``needs`` asks for another.

    ``needs`` maps package to the specifiers that it is needed with. Of a target that nobody declared, an interpreter of
    that version must be there.
    """
    for python in list(_candidates(subject, needs))[:_MOST_TRIED]:
        aimed = _aimed_at(world, subject.target, python)
        target = (
            next((one for one in aimed["targets"] if one["name"] == subject.target["name"]), None) if aimed else None
        )
        if aimed is None or target is None or budget.is_spent:
            continue
        try:
            other = Subject(target=target, answers=answers_for(aimed, target), without=subject.without)
        except ProvenvError:
            continue
        outcome = attempt(other, Variation(), budget)
        if isinstance(outcome, Solution):
            return [_fix(other, outcome, python, needs)]
    return []


def _fix(subject: Subject, solution: Solution, python: str, needs: Mapping[str, Sequence[str]]) -> Fix:
    versions = {}
    for name in needs:
        view = subject.answers.view(name) if name in solution.chosen else None
        if view is not None:
            versions[name] = (view.versions[solution.chosen[name] - 1],)
    target = subject.target
    where = f"tool.provenv.targets.{target['name']}.python" if target["is_declared"] else "--python"
    change = Change(kind="python", where=where, before=None, after=python)
    return Fix(changes=(change,), versions=dict(list(versions.items())[:_VERSIONS_TOLD]), weight=_WEIGHT)


def _candidates(subject: Subject, needs: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Pythons that some version in question asks for, the nearest to the target's first."""
    wanted: list[SpecifierSet] = []
    for name, specifiers in needs.items():
        view = subject.answers.views.get(name)
        admitted = [SpecifierSet(specifier) for specifier in specifiers]
        for version, reason in _refused(view) if view is not None else ():
            if _NEEDS in reason and any(one.contains(version, prereleases=True) for one in admitted):
                with suppress(InvalidSpecifier):
                    wanted.append(SpecifierSet(reason.partition(_NEEDS)[2]))
    here = Version(subject.target["environment"]["python_full_version"])
    named = {
        clause.version for one in wanted for clause in one if clause.operator == ">=" and "*" not in clause.version
    }
    known = {f"3.{minor}" for minor in range(_OLDEST, _NEWEST)}
    known |= {text for text in named if text.startswith("3.") and text.count(".") == 2 and not text.endswith(".0")}
    pythons = sorted(known, key=lambda text: (_distance(Version(text), here), Version(text)))
    for text in pythons:
        if any(one.contains(text, prereleases=True) for one in wanted):
            yield text


def _refused(view: View) -> Iterator[tuple[str, str]]:
    """Versions that are no candidates or turned out to be unusable, with the reason."""
    yield from view.excluded
    for reason, mask in view.broken.items():
        yield from ((version, reason) for at, version in enumerate(view.versions, 1) if mask >> at & 1)


def _distance(one: Version, other: Version) -> tuple[int, bool]:
    return abs(one.minor - other.minor), one < other


def _aimed_at(world: World, target: AimedTarget, python: str) -> Aim | None:
    """The project with another Python for a target; None when it cannot be had."""
    data = files.read_if_there(world.project_file)
    if data is None:
        return None
    changed = copy(world)
    if target["is_declared"]:
        line = Places(world).line(f"tool.provenv.targets.{target['name']}.python")
        if line is None:
            return None
        lines = data.splitlines(keepends=True)
        before, equals, _ = lines[line - 1].partition(b"=")
        lines[line - 1] = before + equals + f' "{python}"\n'.encode()
        data = b"".join(lines)
    else:
        changed.python_request = python
    try:
        return parse_aim(changed, data, None)
    except ProvenvError:
        return None
