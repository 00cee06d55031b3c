"""Tells a failed resolution: the conflict in a few sentences, and ways out that were solved before they are shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from provenv.errors import NoSolution
from provenv.flows.aimed import Aim, AimedTarget
from provenv.flows.conflict import Conflict, narrowed
from provenv.flows.describe import ProjectWords, sentences
from provenv.flows.fixes import Change, Fix, find_fixes, ranked
from provenv.flows.other_python import other_python
from provenv.flows.places import Places
from provenv.flows.trial import Budget, Refusal, Subject
from provenv.flows.world import World
from provenv.solve.proof import Nogood
from provenv.universe.answers import Answers

__all__ = ["no_solution"]

#: Of the versions that are no candidates, so many reasons are told per package.
_REASONS_TOLD = 2
#: Without a word of the user, narrowing the conflict and looking for ways out may take this part of the time that the
#: command took until then, but no less and no more than so many seconds. The first has half, the second what is left.
_PART, _LEAST, _MOST = 0.2, 0.15, 6.0


def no_solution(
    world: World,
    aimed: Aim,
    target: AimedTarget,
    answers: Answers,
    proof: Nogood,
    refusing: Answers,
    *,
    without: Collection[str] = (),
    everyone: Callable[[Subject], Sequence[Subject]],
    answers_for: Callable[[Aim, AimedTarget], Answers],
    kept: Mapping[str, str],
    is_optional: bool = False,
) -> NoSolution:
    """The error for a failed resolution of one target.

    ``answers`` are those of the whole, ``refusing`` gave the answers that ``proof`` rests on: mostly the same.
    ``everyone`` tells what a fix must leave solvable: all targets and choices in the order of locking, with the failed
    one among them; ``answers_for`` makes the answers of a changed project. ``kept`` are versions of an old lock. Of an
    optional target the story is told as it is, without a search for less or for a way out.
    """
    subject = Subject(target=target, answers=answers, without=without)
    refusal = Refusal(proof=proof, answers=refusing)
    places = Places(world)
    fixes: list[Fix] = []
    conflict = Conflict(places=(), refusal=refusal, is_minimal=True)
    patience, begun = _patience(world), time.monotonic()
    if not is_optional:
        conflict = narrowed(subject, refusal, Budget(patience))
    words = ProjectWords(conflict.refusal.answers, aimed["texts"], places.text)
    told = sentences(conflict.refusal.proof, words)
    if not is_optional:
        budget = Budget(2 * patience - (time.monotonic() - begun))
        fixes = find_fixes(subject, lambda: everyone(subject), kept, conflict, aimed["texts"], budget)
        needs = {name: tuple(found) for name, found in words.specifiers.items()}
        fixes = ranked([*fixes, *other_python(world, subject, needs, answers_for, budget)])
        answers.save()
    where = f" for target `{target['name']}`" if len(aimed["targets"]) > 1 else ""
    message = f"the requirements cannot be satisfied{where}\n\n" + "\n".join(told)
    if not conflict.is_minimal:
        message += "\n(There was no time to find out whether all of these lines have a part in it.)"
    hints = _ways_out(fixes, places) + _unknown(answers, words) + _excluded(answers, words, fixes)
    hint = "\n".join(hints or _lines(words, aimed, world.project_file)) or None
    return NoSolution(message, hint=hint, details=_details(aimed, target, conflict, told, fixes, places))


def _patience(world: World) -> float:
    if world.patience is not None:
        return world.patience
    return min(_MOST, max(_LEAST, _PART * (time.time() - world.now))) / 2


def _details(
    aimed: Aim, target: AimedTarget, conflict: Conflict, told: list[str], fixes: list[Fix], places: Places
) -> dict[str, object]:
    return {
        "target": target["name"],
        "conflict": [
            {"where": place, "line": places.line(place), "text": aimed["texts"].get(place, place)}
            for place in conflict.places
        ],
        "is_minimal": conflict.is_minimal,
        "story": told,
        "fixes": [
            {
                "changes": [
                    {
                        "kind": change.kind,
                        "where": change.where,
                        "line": places.line(change.where),
                        "before": change.before,
                        "after": change.after,
                    }
                    for change in fix.changes
                ],
                "versions": {name: list(found) for name, found in fix.versions.items()},
            }
            for fix in fixes
        ],
    }


def _ways_out(fixes: Sequence[Fix], places: Places) -> list[str]:
    told: list[str] = []
    for fix in fixes:
        changes = " and ".join(_told(change, places) for change in fix.changes)
        versions = ", ".join(f"{name} {' and '.join(found)}" for name, found in fix.versions.items())
        told.append(f"{'or ' if told else ''}{changes}: solves{f' with {versions}' if versions else ''}")
    return told


def _told(change: Change, places: Places) -> str:
    place = places.text(change.where)
    if change.kind == "python":
        return f"use Python {change.after} ({place})"
    if change.kind == "prerelease" and change.before is None:
        return f'let pre-releases count with `prerelease = "{change.after}"`'
    if change.kind == "conflicts":
        return f"never install them together, with `{change.after}` in [tool.provenv]"
    if change.kind == "driver":
        return f"update the NVIDIA driver from {change.before} to {change.after} or newer ({place})"
    if change.kind == "override":
        return f"add `{change.after}` to {place}, against what others say of it"
    if change.after is None:
        return f"remove `{change.before}` ({place})"
    verb = "relax" if change.kind == "relax" else "change"
    why = {"prerelease": ", a pre-release", "yanked": ", a yanked version"}.get(change.kind, "")
    return f"{verb} `{change.before}` to `{change.after}`{why} ({place})"


def _unknown(answers: Answers, words: ProjectWords) -> list[str]:
    names = [name for name in words.specifiers if answers.views.get(name, answers) is None]
    return [f"check the spelling of `{name}`, or name its index with --index" for name in names]


def _lines(words: ProjectWords, aimed: Aim, project_file: str) -> list[str]:
    """Where the project itself says what cannot be."""
    listed = [f"`{aimed['texts'].get(place, place)}` {told}" for place, told in words.places.items()]
    if not listed:
        return []
    return [f"change {'one of these' if len(listed) > 1 else 'this'} in {project_file}: {', '.join(listed)}"]


def _excluded(answers: Answers, words: ProjectWords, fixes: Sequence[Fix]) -> list[str]:
    """Versions that would do but are no candidates on the target, with the reason: often the real cause.

    Where there are ways out, only those of needs that no candidate meets, and nothing that a way out says already.
    """
    hints = []
    told = {change.kind for fix in fixes for change in fix.changes}
    for package, specifiers in words.specifiers.items():
        view = answers.views.get(package)
        if view is None:
            continue
        hidden = answers.never_chosen(view) | (0 if answers.admits_prereleases(package) else view.pre)
        offered = [version for at, version in enumerate(view.versions, 1) if not hidden >> at & 1]
        wanted = [SpecifierSet(text) for text in specifiers]
        if fixes:
            wanted = [one for one in wanted if not any(_admits(one, version) for version in offered)]
        by_reason: dict[str, list[str]] = {}
        yanked = [
            (version, "yanked, so it must be pinned with `==`")
            for at, version in enumerate(view.versions, 1)
            if view.yanked >> at & 1 and "yanked" not in told
        ]
        early = [
            (version, "a pre-release, which the setting `prerelease` does not admit")
            for at, version in enumerate(view.versions, 1)
            if view.pre >> at & 1 and not answers.admits_prereleases(package) and "prerelease" not in told
        ]
        for version, reason in (*view.excluded, *yanked, *early):
            is_told = "python" in told and reason.startswith("needs Python")
            if not is_told and any(_admits(one, version) for one in wanted):
                by_reason.setdefault(reason, []).append(version)
        if by_reason:
            ranked = sorted(by_reason.items(), key=lambda item: -len(item[1]))[:_REASONS_TOLD]
            listed = "; ".join(f"{_count(versions)}: {reason}" for reason, versions in ranked)
            other = "other versions" if view.versions else "versions"
            hints.append(f"{other} of {package} exist but cannot be used here ({listed})")
    return hints[:3]


def _admits(specifier: SpecifierSet, version: str) -> bool:
    try:
        return specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _count(versions: list[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{len(versions)} versions, as {versions[-1]}"
