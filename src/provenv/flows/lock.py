"""Locks a project: one solution per target, merged into ``pylock.toml``. On the warm path."""

from __future__ import annotations

import os

from provenv.errors import NoSolution, StaleLock
from provenv.flows import files
from provenv.flows.aim import aim
from provenv.flows.known_lock import KnownLock, known_lock
from provenv.flows.pins import pins_of
from provenv.lockfile.merge import Chosen, Solved, merge
from provenv.lockfile.write import to_toml
from provenv.solve.proof import Unsolvable
from provenv.universe.answers import Answers
from provenv.universe.settle import reachable, settle

__all__ = ["Locked", "lock", "solve_target"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from provenv.flows.aimed import Aim, AimedTarget
    from provenv.flows.world import World
    from provenv.model.artifact import FileRow
    from provenv.universe.answers import Supply
    from provenv.universe.view import Row, View

FORMAT = 1
"""Version of ``[tool.provenv]`` in the lock."""


class Locked:
    """What locking did: the lock's bytes and what changed in it."""

    __slots__ = ("data", "is_changed", "is_written", "new", "old", "warnings")

    def __init__(
        self,
        data: bytes,
        old: Mapping[str, tuple[str, ...]],
        new: Mapping[str, tuple[str, ...]],
        *,
        is_changed: bool,
        is_written: bool,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.data = data
        self.old = old
        """Package -> versions, before."""
        self.new = new
        self.is_changed = is_changed
        self.is_written = is_written
        self.warnings = warnings


def lock(
    world: World,
    *,
    upgrade: bool = False,
    upgrade_packages: tuple[str, ...] = (),
    is_locked: bool = False,
    is_dry: bool = False,
) -> Locked:
    """Bring the lock of a project up to date, keeping old pins where they still fit.

    ``is_locked`` refuses to change anything: StaleLock says what differs. ``is_dry`` solves and compares, but writes
    nothing. Raises InputError, NoSolution, Unavailable; the old lock is then as it was.
    """
    aimed = aim(world)
    data = files.read_if_there(world.lock_file)
    known = known_lock(world, data) if data is not None else None
    if known is not None and data is not None and not upgrade and not upgrade_packages:
        difference = known.difference(aimed["inputs"], FORMAT)
        if difference is None:
            return Locked(data, known.versions, known.versions, is_changed=False, is_written=False)
        if is_locked:
            raise StaleLock(f"{world.lock_file} is out of date: {difference}", hint="run `provenv lock`")
    elif is_locked and known is None:
        raise StaleLock(f"{world.lock_file} is missing", hint="run `provenv lock`")
    return _lock_anew(world, aimed, data, known, upgrade, upgrade_packages, is_dry)


def _lock_anew(
    world: World,
    aimed: Aim,
    data: bytes | None,
    known: KnownLock | None,
    upgrade: bool,
    upgrade_packages: tuple[str, ...],
    is_dry: bool,
) -> Locked:
    world.events.started("resolve")
    solved, warnings = [], []
    earlier: dict[str, str] = {}
    names = [target["name"] for target in aimed["targets"]]
    for target in aimed["targets"]:
        pins = dict(earlier)
        if known is not None and not upgrade:
            old_pins = pins_of(known, target["environment"], target["name"], other_targets=names)
            pins |= {name: version for name, version in old_pins.items() if name not in upgrade_packages}
        packages, notes = solve_target(world, aimed, target, pins)
        solved.append(Solved(target["name"], target["environment"], packages))
        warnings += notes
        for name, chosen in packages.items():
            earlier.setdefault(name, chosen.version)
    world.events.finished("resolve")
    tables, environments, grouped = merge(solved, _beside(world, aimed))
    fresh = to_toml(_document(aimed, tables, environments, grouped))
    new: dict[str, tuple[str, ...]] = {}
    for table in tables:
        new[table["name"]] = (*new.get(table["name"], ()), table["version"])
    is_changed = fresh != data
    if is_changed and not is_dry:
        files.replace(world.lock_file, fresh)
    old = known.versions if known is not None else {}
    return Locked(
        fresh,
        old,
        new,
        is_changed=is_changed,
        is_written=is_changed and not is_dry,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _beside(world: World, aimed: Aim) -> str | None:
    """The URL of the project's directory, when the project looks for files in it."""
    if not any(url.startswith("file:") for _, url, *_ in aimed["locations"]):
        return None
    from provenv.index.local import url_of_path

    return url_of_path(world.directory).rstrip("/") + "/"


def _document(aimed: Aim, tables: list[dict[str, Any]], environments: list[str], grouped: list[str]) -> dict[str, Any]:
    document: dict[str, Any] = {"lock-version": "1.0", "environments": environments}
    if aimed["requires_python"]:
        document["requires-python"] = aimed["requires_python"]
    document["extras"] = aimed["extras"]
    document["dependency-groups"] = sorted({*aimed["groups"], *grouped})
    default = [aimed["targets"][0]["name"]] if aimed["targets"][0]["name"] in grouped else []
    document["default-groups"] = [*aimed["default_groups"], *default]
    document["created-by"] = "provenv"
    document["packages"] = tables
    document["tool"] = {"provenv": {"format": FORMAT, **aimed["inputs"]}}
    return document


def solve_target(
    world: World, aimed: Aim, target: AimedTarget, pins: Mapping[str, str]
) -> tuple[dict[str, Chosen], list[str]]:
    """What a target gets: package -> choice; and warnings. Raises NoSolution, told in sentences."""
    answers = _answers(world, aimed, target, pins)
    try:
        solution = settle(answers, lambda name: world.events.advanced("resolve", 0, name))
    except Unsolvable as failure:
        from provenv.flows.failure import told

        answers.save()
        message, hint = told(failure, answers, aimed, target, world.project_file)
        raise NoSolution(message, hint=hint) from None
    sections: dict[str, set[str]] = {name: set() for name in solution.chosen}
    parts: dict[str, list[Row]] = {}
    for row, _, section in target["rows"]:
        parts.setdefault(section, []).append(row)
    for section, rows in parts.items():
        for name in reachable(rows, solution.chosen, answers.view):
            sections[name].add(section)
    packages = {}
    for name, candidate in solution.chosen.items():
        view = answers.view(name)
        assert view is not None, "what was chosen has a view"
        needed = {
            row[1]
            for extra in ("", *solution.extras.get(name, ()))
            for row, _ in view.rows(candidate, extra)
            if row[1] != name and row[1] in solution.chosen
        }
        packages[name] = Chosen(
            view.versions[candidate - 1],
            view.index,
            _files(world, answers, view, candidate),
            sorted(needed),
            frozenset(sections[name]),
            target["references"][name]["url"] if name in target["references"] else None,
        )
        if view.yanked >> candidate & 1:
            answers.warnings.append(_yanked(answers, view, candidate))
    answers.save()
    return packages, answers.warnings


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


def _answers(world: World, aimed: Aim, target: AimedTarget, pins: Mapping[str, str]) -> Answers:
    direct: dict[str, View] = {}
    supply: Callable[[], Supply] = lambda: _supply(world, aimed, target)  # noqa: E731
    if target["references"]:
        made = _supply(world, aimed, target)
        from provenv.flows.artifacts import direct_view

        direct = {name: direct_view(world, made, name, item) for name, item in target["references"].items()}
        supply = lambda: made  # noqa: E731
    return Answers(
        [(row, where) for row, where, _ in target["rows"]],
        directory=os.path.join(world.cache, "views", target["key"], aimed["index_key"]),
        supply=supply,
        is_fresh=lambda view: world.is_offline or (not world.refresh and view.expires > world.now),
        pins=pins,
        pinned_views=direct,
    )


def _supply(world: World, aimed: Aim, target: AimedTarget) -> Supply:
    from provenv.flows.network import supply

    return supply(world, aimed, target)
