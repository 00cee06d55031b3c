"""Proves what a lock has chosen for declared machines; a version that fails there is ruled out, and is solved for anew.

Only chosen wheels are looked at. Unless it is asked for, nothing is downloaded for this: what nobody has read yet stays
unproven, which is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from provenv.flows.aimed import Aim
from provenv.flows.prove_carried import carried_of
from provenv.flows.prove_facts import Facts
from provenv.flows.prove_known import wheel_for
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
    first: list[Solved] | None = None,
) -> tuple[list[Solved], Learned]:
    """Solve, prove, and solve again without what fails, until nothing does or no round or second is left.

    ``first`` is what was solved already; the same list comes back when nothing was ruled out.
    ``old`` is the lock before, whose facts count; ``budget`` are seconds for reading (None: as long as it takes).
    Raises whatever ``solve`` raises; NoSolution then names what was ruled out.
    """
    tables = own_rules(world)
    spots = {spot.name: spot for spot in spots_of(world, tables)} if declared_targets(world) else {}
    facts = Facts(world, world.store(), carried_of(old or {}), is_fetching=is_fetching, owners=aimed["file_owners"])
    until = None if budget is None else time.monotonic() + budget
    learned = Learned()
    solved = first if first is not None else solve(aimed)
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
    chosen: dict[int, list[Part]] = {}
    for one in solved:
        if targets[one.name]["environment"]["sys_platform"] == "linux":
            ranks = {tag: rank for rank, tag in enumerate(targets[one.name]["tags"])}
            parts = (_part(name, choice, ranks) for name, choice in sorted(one.packages.items()))
            chosen[id(one)] = [part for part in parts if part is not None]
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


def _part(name: str, chosen: Chosen, ranks: Mapping[str, int]) -> Part | None:
    """The wheel that the target takes of the files of a choice; None where it takes none."""
    row = wheel_for(chosen, ranks)
    sha256 = None if row is None else dict(row[2]).get("sha256")
    if row is None or sha256 is None:
        return None
    filename, url, _, size, _ = row
    version = chosen.version or ""
    wanted = Wanted(name=name, version=version, filename=filename, sha256=sha256, url=url, size=size)
    return Part(name=name, version=version, wanted=wanted)


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
