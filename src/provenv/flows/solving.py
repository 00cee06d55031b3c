"""Solves one target: from what a project needs to the exact files. On the warm path."""

from __future__ import annotations

import os

import provenv
from provenv.errors import NoSolution, Unavailable
from provenv.flows.forked import chosen_sections
from provenv.flows.memory import digest, recall, remember
from provenv.lockfile.choices import Forks
from provenv.lockfile.merge import Chosen
from provenv.solve.proof import Unsolvable
from provenv.universe.answers import Answers
from provenv.universe.settle import reachable, settle
from provenv.universe.view import View

__all__ = ["Answered", "answered", "expect", "prepared_references", "solve_target"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from provenv.flows.aimed import Aim, AimedTarget
    from provenv.flows.prepared import Commit, Prepared
    from provenv.flows.world import World
    from provenv.model.artifact import FileRow
    from provenv.solve.proof import Nogood
    from provenv.solve.solver import Solution
    from provenv.universe.answers import Supply
    from provenv.universe.view import Row


_FORMAT = 3
"""Of what is remembered of a solution."""
_WITHOUT_PAGES = 600.0
"""Seconds for which a solution without any package of an index is remembered."""


class Answered:
    """One target's conversation: who answers the solver, and what no index chooses."""

    __slots__ = ("aimed", "answers", "prepared", "target", "without")

    def __init__(
        self,
        aimed: Aim,
        target: AimedTarget,
        answers: Answers,
        prepared: Mapping[str, Prepared],
        without: Collection[str],
    ) -> None:
        self.aimed = aimed
        self.target = target
        self.answers = answers
        self.prepared = prepared
        self.without = without
        """Sections that are left out, because they exclude what is wanted."""


def solve_target(
    world: World,
    aimed: Aim,
    target: AimedTarget,
    pins: Mapping[str, str],
    *,
    without: Collection[str] = (),
    commits: Mapping[str, Commit] | None = None,
    kept: Mapping[str, str] | None = None,
    is_optional: bool = False,
) -> tuple[dict[str, Chosen], list[str]]:
    """What a target gets: package -> choice; and warnings. Raises NoSolution, told in sentences.

    ``pins`` are versions to prefer, ``commits`` the commits that branches were locked to before, ``kept`` those of the
    pins that an old lock has (None: all). Of an optional target a failure is told in short.
    """
    told = answered(world, aimed, target, pins, without=without, commits=commits)
    answers = told.answers
    key = _key(aimed, target, pins, told)
    known = None if world.refresh else recall(world.cache, "solutions", key)
    if known is not None and known[0] > world.now:
        expires, packages, warnings = known
        world.fresh_until = min(world.fresh_until, expires)
        return {name: _as_chosen(*fields) for name, *fields in packages}, warnings
    try:
        solution = _settled(world, answers)
    except _Refused as refused:
        answers.save()
        raise _no_solution(world, told, refused, pins if kept is None else kept, is_optional) from None
    packages = _packages(world, told, solution)
    answers.save()
    _keep_views(world, told)
    expires = _expires(world, told)
    world.fresh_until = min(world.fresh_until, expires)
    if expires > world.now or world.refresh:  # what was remembered before a refresh holds no longer
        plain = [(name, *_plain(chosen)) for name, chosen in packages.items()]
        remember(world.cache, "solutions", key, (expires, plain, answers.warnings))
    return packages, answers.warnings


class _Refused(Exception):
    """There is no solution: the proof, and whoever answered the solver."""

    def __init__(self, proof: Nogood, answers: Answers) -> None:
        super().__init__()
        self.proof = proof
        self.answers = answers


def _settled(world: World, answers: Answers) -> Solution:
    is_cold = answers.lacks_pins()
    if is_cold:
        _refuse_pins(answers)
    try:
        return settle(answers, lambda name: world.events.advanced("resolve", 0, name))
    except (Unsolvable, Unavailable) as failure:
        if not is_cold:  # With warm caches the story is to be the same as with cold ones, and needs no more.
            _refuse_pins(answers)
        if isinstance(failure, Unavailable):
            raise
        raise _Refused(failure.proof, answers) from None


def _refuse_pins(answers: Answers) -> None:
    """Raise what the project's pins alone exclude, without waiting for anything else."""
    from provenv.universe.pinned import refused

    if (found := refused(answers)) is not None:
        failure, answering = found
        raise _Refused(failure.proof, answering) from None


def _expires(world: World, told: Answered) -> float:
    """Until when a solution may be remembered: as long as every page that it rests on is fresh."""
    answers = told.answers
    pages = [view for name, view in answers.views.items() if name not in told.prepared]
    return min((0.0 if view is None else answers.expires(view) for view in pages), default=world.now + _WITHOUT_PAGES)


def _key(aimed: Aim, target: AimedTarget, pins: Mapping[str, str], told: Answered) -> str:
    """Names everything that decides a solution, besides the pages of indexes."""
    return digest(
        _FORMAT,
        provenv.__version__,
        target,
        aimed["index_key"],
        aimed["policy"],
        sorted(pins.items()),
        sorted(told.without),
        [(name, one.version, one.metadata, one.table) for name, one in sorted(told.prepared.items())],
    )


def _plain(chosen: Chosen) -> tuple[object, ...]:
    source = None if chosen.source is None else {kind: dict(table) for kind, table in chosen.source.items()}
    sections = sorted(chosen.sections)
    return chosen.version, chosen.index, chosen.files, list(chosen.dependencies), sections, source, chosen.newest


def _as_chosen(
    version: str | None,
    index: str,
    files: tuple[FileRow, ...],
    dependencies: list[str],
    sections: list[str],
    source: dict[str, Any] | None,
    newest: str | None,
) -> Chosen:
    return Chosen(version, index, files, dependencies, frozenset(sections), source, newest=newest)


def answered(
    world: World,
    aimed: Aim,
    target: AimedTarget,
    pins: Mapping[str, str],
    *,
    without: Collection[str] = (),
    commits: Mapping[str, Commit] | None = None,
) -> Answered:
    """Whoever answers the solver about a target, ready to be asked."""
    target = chosen_sections(target, without)
    prepared: Mapping[str, Prepared] = {}
    direct: dict[str, View] = {}
    made: Supply | None = None
    if target["references"]:
        prepared = prepared_references(world, aimed, target, commits or {})
        direct = {name: view for name, one in prepared.items() if (view := _known_view(world, target, one)) is not None}
        if len(direct) < len(prepared):
            made = _supply(world, aimed, target, prepared)
            direct = {name: _made_view(made, name) for name in prepared}

    def supply() -> Supply:
        return _supply(world, aimed, target, prepared) if made is None else made

    answers = Answers(
        [(row, where) for row, where, section in target["rows"] if section not in without],
        directory=os.path.join(world.cache, "views", target["key"], aimed["index_key"]),
        supply=supply,
        is_fresh=lambda view: world.is_offline or (not world.refresh and view.expires > world.now),
        pins=pins,
        pinned_views=direct,
        policy=aimed["policy"],
        constraints=target["constraints"],
        overrides=target["overrides"],
        excludes=target["excludes"],
        now=world.now,
        disproved=target.get("disproved"),
    )
    answers.meanwhile = _learn_to_fail
    return Answered(aimed, target, answers, prepared, without)


def _learn_to_fail() -> None:
    """Load what tells a failure while the network is still silent."""
    import provenv.flows.failure  # noqa: F401


def _no_solution(
    world: World, told: Answered, refused: _Refused, kept: Mapping[str, str], is_optional: bool
) -> NoSolution:
    """The failure in sentences, with ways out that hold for every declared target and every choice."""
    from provenv.flows.failure import no_solution
    from provenv.flows.trial import Subject

    aimed = told.aimed

    def everyone(failed: Subject) -> list[Subject]:
        forks = Forks(aimed["conflicts"])
        found = []
        for target in aimed["targets"]:
            for without in map(forks.excluded, forks.all):
                if target["name"] == told.target["name"] and without == frozenset(told.without):
                    found.append(failed)
                elif target["is_declared"] or target["name"] == told.target["name"]:
                    answers = answered(world, aimed, target, kept, without=without).answers
                    found.append(Subject(target=target, answers=answers, without=without))
        return found

    return no_solution(
        world,
        aimed,
        told.target,
        told.answers,
        refused.proof,
        refused.answers,
        without=told.without,
        everyone=everyone,
        answers_for=lambda changed, target: answered(world, changed, target, kept, without=told.without).answers,
        kept=kept,
        is_optional=is_optional,
    )


def prepared_references(
    world: World, aimed: Aim, target: AimedTarget, commits: Mapping[str, Commit]
) -> Mapping[str, Prepared]:
    """Every reference of a target, and those that these name in turn."""
    from provenv.flows.references import closure

    return closure(world, aimed, target, commits)


def _packages(world: World, told: Answered, solution: Solution) -> dict[str, Chosen]:
    answers = told.answers
    sections = _sections(told, solution)
    named = {row[1] for row, _ in answers.root}
    packages = {}
    for name, candidate in solution.chosen.items():
        view = answers.view(name)
        assert view is not None, "what was chosen has a view"
        prepared = told.prepared.get(name)
        if prepared is not None and prepared.is_virtual:
            continue
        needed = {
            row[1]
            for extra in ("", *solution.extras.get(name, ()))
            for row, _ in view.rows(candidate, extra)
            if row[1] != name and row[1] in solution.chosen
        }
        packages[name] = Chosen(
            view.versions[candidate - 1] if prepared is None else prepared.version,
            view.index_of(candidate),
            _files(world, answers, view, candidate) if prepared is None else (),
            sorted(needed),
            frozenset(sections[name]),
            None if prepared is None else _beside(world, prepared.table),
            newest=_newer(view, candidate) if name in named else None,
        )
        if candidate in view.capped:
            answers.warnings.append(_capped(view, candidate))
        if view.yanked >> candidate & 1:
            answers.warnings.append(_yanked(answers, view, candidate))
    return packages


def _newer(view: View, candidate: int) -> str | None:
    """The newest version that anybody would take, when it is newer."""
    usable = (2 << view.size) - 2 & ~view.pre & ~view.yanked
    best = usable.bit_length() - 1
    return view.versions[best - 1] if best > candidate else None


def _sections(told: Answered, solution: Solution) -> dict[str, set[str]]:
    """Which parts of the project bring each package in."""
    sections: dict[str, set[str]] = {name: set() for name in solution.chosen}
    parts: dict[str, list[Row]] = {}
    for row, _, section in told.target["rows"]:
        if section not in told.without:
            parts.setdefault(section, []).append(row)
    for section, rows in parts.items():
        told_as = section or _root_section(told.aimed)
        for name in reachable(rows, solution.chosen, told.answers.view, told.answers.effective):
            sections[name].add(told_as)
    return sections


def _root_section(aimed: Aim) -> str:
    """In a workspace the root's own needs are told by a group, as every other member's: each can be chosen alone."""
    return f"member:{aimed['name']}" if aimed["members"] and aimed["name"] else ""


def _beside(world: World, table: Mapping[str, Any]) -> Mapping[str, Any]:
    """A direct reference's table with the paths that a lock holds: from the lock's directory."""
    found = {}
    for kind, source in table.items():
        path = source.get("path")
        if isinstance(path, str) and os.path.isabs(path):
            source = {**source, "path": os.path.relpath(path, world.directory).replace(os.sep, "/")}
        found[kind] = source
    return found


def _capped(view: View, candidate: int) -> str:
    what = f"{view.name} {view.versions[candidate - 1]}"
    return f"{what} says that it needs Python {view.capped[candidate]}; upper bounds do not bind, as in uv"


def _yanked(answers: Answers, view: View, candidate: int) -> str:
    why = answers.supply.why_yanked(view, candidate)
    return f"{view.name} {view.versions[candidate - 1]} was yanked by its authors{f': {why}' if why else ''}"


def _files(world: World, answers: Answers, view: View, candidate: int) -> tuple[FileRow, ...]:
    """The files of a choice with their hashes; remembered in the view."""
    if candidate not in view.chosen:
        from provenv.flows.artifacts import file_rows

        view.chosen[candidate] = file_rows(world, answers.supply, view, candidate)
        view.is_changed = True
    return view.chosen[candidate]


def expect(world: World, aimed: Aim, target: AimedTarget, versions: Mapping[str, str]) -> None:
    """Begin to fetch what a target will likely get, because another one did; it is solved later."""
    target = chosen_sections(target, ())
    prepared = prepared_references(world, aimed, target, {}) if target["references"] else {}
    made = _supply(world, aimed, target, prepared)
    made.expect({name: version for name, version in versions.items() if name not in prepared})
    world.supplies[target["key"]] = made


def _supply(world: World, aimed: Aim, target: AimedTarget, prepared: Mapping[str, Prepared]) -> Supply:
    """Whoever fetches; it knows what no index chooses, too."""
    if (begun := world.supplies.pop(target["key"], None)) is not None:
        return begun
    from provenv.flows.supply import supply

    made = supply(world, aimed, target)
    for name, one in prepared.items():
        # All are known before the needs of the first are read: no index is asked for what no index chooses.
        made.direct(name, one.candidate)
    for name, one in prepared.items():
        made.direct(name, one.candidate, one.metadata)
    return made


def _made_view(supply: Supply, name: str) -> View:
    view = supply.view(name, None)
    assert view is not None, "what was prepared has a view"
    return view


def _known_view(world: World, target: AimedTarget, prepared: Prepared) -> View | None:
    """The view of a reference, kept from an earlier command."""
    view = View.load(_view_path(world, target, prepared))
    if view is not None:
        view.is_kept = False
    return view


def _keep_views(world: World, told: Answered) -> None:
    for name, one in told.prepared.items():
        view = told.answers.views.get(name)
        if view is not None and view.is_changed:
            view.save(_view_path(world, told.target, one))


def _view_path(world: World, target: AimedTarget, prepared: Prepared) -> str:
    key = digest(prepared.name, prepared.candidate, prepared.metadata)
    return os.path.join(world.cache, "views", target["key"], "direct", key)
