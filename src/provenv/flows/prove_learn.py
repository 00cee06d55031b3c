"""Proves what a lock has chosen for declared machines; a version that fails there is ruled out, and is solved for anew.

Only chosen wheels are looked at. Unless it is asked for, nothing is downloaded for this: what nobody has read yet stays
unproven, which is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.tags import parse_tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from provenv.flows.aimed import Aim, AimedTarget
from provenv.flows.look import file_owners
from provenv.flows.prove_carried import carried_of
from provenv.flows.prove_facts import Facts
from provenv.flows.prove_parts import Part
from provenv.flows.prove_spots import Spot, declared_targets, own_rules, spots_of
from provenv.flows.world import World
from provenv.lockfile.merge import Chosen, Solved
from provenv.model.finding import FAILS, UNKNOWN, Finding
from provenv.model.plan import Wanted
from provenv.proof.prove import prove
from provenv.proof.subject import Case, Package
from provenv.stack.tables import Tables

__all__ = ["Learned", "learn"]

_ROUNDS = 8
"""How often a target is solved anew: each round rules out what the one before it has chosen."""
_ABOUT_THE_PACKAGE = ("driver", "gpu", "glibc", "libstdc++", "cpu", "processor", "library", "symbol")
"""Kinds of findings from which it follows that another version may do. Others are about several packages."""


@dataclass(kw_only=True, slots=True)
class Learned:
    """What proving a choice told."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    """Of the last round, with what was read."""


def learn(
    world: World,
    aimed: Aim,
    solve: Callable[[Aim], list[Solved]],
    *,
    old: Mapping[str, object] | None,
    is_fetching: bool,
    budget: float | None,
) -> tuple[list[Solved], Learned]:
    """Solve, prove, and solve again without what fails, until nothing does or no round or second is left.

    ``old`` is the lock before, whose facts count; ``budget`` are seconds for reading (None: as long as it takes).
    Raises whatever ``solve`` raises; NoSolution then names what was ruled out.
    """
    tables = own_rules(world)
    spots = {spot.name: spot for spot in spots_of(world, tables)} if declared_targets(world) else {}
    facts = Facts(world, world.store(), carried_of(old or {}), is_fetching=is_fetching, owners=file_owners(world))
    until = None if budget is None else time.monotonic() + budget
    learned = Learned()
    solved = solve(aimed)
    for _ in range(_ROUNDS):
        found = _findings(aimed, tables, facts, spots, solved, learned, until)
        ruled_out = _ruled_out(found, solved)
        if not ruled_out or (until is not None and time.monotonic() > until):
            break
        aimed = _without(aimed, ruled_out)
        learned.notes += [
            f"{name} {version} was left out on {target}: {reason}"
            for target, versions in ruled_out.items()
            for name, told in versions.items()
            for version, reason in told.items()
        ]
        solved = solve(aimed)
    else:
        found = _findings(aimed, tables, facts, spots, solved, learned, until)
    learned.warnings += [
        f"{target}: {finding.subject} fails: {finding.actual} (needed: {finding.expected}); `provenv prove` tells more"
        for target, findings in found.items()
        for finding in findings
        if finding.level == FAILS
    ]
    learned.notes += _unproven(found, spots, is_fetching=is_fetching)
    return solved, learned


def _findings(
    aimed: Aim,
    tables: Tables,
    facts: Facts,
    spots: Mapping[str, Spot],
    solved: Sequence[Solved],
    learned: Learned,
    until: float | None,
) -> dict[str, list[Finding]]:
    """Target -> findings; targets of other systems have none."""
    targets = {target["name"]: target for target in aimed["targets"]}
    chosen = {
        id(one): [
            part for name, choice in sorted(one.packages.items()) if (part := _part(name, choice, targets[one.name]))
        ]
        for one in solved
        if targets[one.name]["environment"]["sys_platform"] == "linux"
    }
    facts.read((part.wanted for parts in chosen.values() for part in parts if part.wanted is not None), until=until)
    learned.packages = []
    found: dict[str, list[Finding]] = {}
    for one in solved:
        if id(one) not in chosen:
            continue
        packages = tuple(facts.package(part) for part in chosen[id(one)])
        learned.packages += packages
        spot = spots.get(one.name)
        if spot is not None:
            case = Case(
                target=one.name,
                python=spot.target.minor,
                abi_flags=spot.target.abi_flags,
                hardware=spot.hardware,
                packages=packages,
                tables=tables,
                has_strict_owners=True,
            )
            found.setdefault(one.name, []).extend(prove(case))
    return found


def _part(name: str, chosen: Chosen, target: AimedTarget) -> Part | None:
    """The wheel that the target takes of the files of a choice; None where it takes none."""
    ranks = {tag: rank for rank, text in enumerate(target["tags"]) for tag in parse_tag(text)}
    best: tuple[int, Wanted] | None = None
    for filename, url, hashes, size, _ in chosen.files:
        sha256 = dict(hashes).get("sha256")
        if not filename.endswith(".whl") or sha256 is None:
            continue
        try:
            tags = parse_wheel_filename(filename)[3]
        except InvalidWheelFilename:
            continue
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is not None and (best is None or rank < best[0]):
            wanted = Wanted(
                name=name, version=chosen.version or "", filename=filename, sha256=sha256, url=url, size=size
            )
            best = rank, wanted
    return None if best is None else Part(name=name, version=chosen.version or "", wanted=best[1])


def _ruled_out(
    found: Mapping[str, Sequence[Finding]], solved: Sequence[Solved]
) -> dict[str, dict[str, dict[str, str]]]:
    """Target -> package -> version -> why it does not run there."""
    versions = {(one.name, name): chosen.version for one in solved for name, chosen in one.packages.items()}
    ruled: dict[str, dict[str, dict[str, str]]] = {}
    for target, findings in found.items():
        for finding in findings:
            version = versions.get((target, finding.subject))
            if finding.level == FAILS and finding.kind in _ABOUT_THE_PACKAGE and version:
                told = ruled.setdefault(target, {}).setdefault(finding.subject, {})
                told.setdefault(version, f"{_reason(finding)} (read from its files)")
    return ruled


def _reason(finding: Finding) -> str:
    if finding.kind == "gpu":
        return f"it has no {finding.expected}"
    where = f"{finding.path} " if finding.path else ""
    return f"{where}needs {finding.expected}; there is {finding.actual}"


def _without(aimed: Aim, ruled_out: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Aim:
    """The aim in which these versions cannot be chosen."""
    narrowed = aimed.copy()
    narrowed["targets"] = []
    for target in aimed["targets"]:
        found = target.copy()
        disproved = {name: dict(told) for name, told in target.get("disproved", {}).items()}
        for name, told in ruled_out.get(target["name"], {}).items():
            disproved.setdefault(name, {}).update(told)
        if disproved:
            found["disproved"] = disproved
        narrowed["targets"].append(found)
    return narrowed


def _unproven(found: Mapping[str, Sequence[Finding]], spots: Mapping[str, Spot], *, is_fetching: bool) -> list[str]:
    """One line on what nobody has read, for machines with an accelerator."""
    unread = {
        finding.subject
        for target, findings in found.items()
        for finding in findings
        if finding.level == UNKNOWN and finding.kind == "unread" and spots[target].hardware.gpus
    }
    if not unread or is_fetching:
        return []
    wheels = "1 wheel is" if len(unread) == 1 else f"{len(unread)} wheels are"
    return [f"{wheels} not proven yet: `provenv lock --prove` reads what was chosen for machines with a GPU"]
