"""Before anything is installed: is it known that it does not run on this machine? Cheap, and without any wheel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provenv.errors import InstallError
from provenv.flows.here_anew import hardware_here
from provenv.flows.prove_carried import carried_of
from provenv.flows.prove_facts import Facts
from provenv.flows.prove_parts import Part
from provenv.flows.prove_spots import own_rules, with_capabilities
from provenv.flows.world import World
from provenv.lockfile.read import parse
from provenv.model.finding import FAILS, Finding
from provenv.model.hardware import Hardware
from provenv.model.machine import Interpreter
from provenv.model.plan import Wanted
from provenv.proof.coverage import coverage_findings
from provenv.proof.cpu import cpu_findings
from provenv.proof.driver import driver_findings
from provenv.proof.libc import libc_findings
from provenv.proof.subject import Case
from provenv.stack.builds import needs_of, unmet
from provenv.stack.tables import Tables

__all__ = ["refuse_what_fails"]

_OF_MACHINES = (driver_findings, coverage_findings, libc_findings, cpu_findings)
_MOST = 4


def refuse_what_fails(world: World, data: bytes, wanted: Sequence[Wanted], interpreter: Interpreter) -> None:
    """Raise InstallError when something is known to fail on this machine: by kept facts, those of the lock, or rules.

    What is not known is no reason to refuse.
    """
    tables = own_rules(world)
    hardware = with_capabilities(hardware_here(world, tables), tables)
    facts = Facts(world, world.store(), carried_of(parse(data, world.lock_file)), is_fetching=False)
    facts.recall(wanted)
    parts = [Part(name=item.name, version=item.version, wanted=item) for item in wanted]
    case = Case(
        target="this machine",
        python=interpreter.minor,
        abi_flags=interpreter.soabi_flags,
        hardware=hardware,
        packages=tuple(facts.package(part) for part in parts),
        tables=tables,
    )
    failing = [finding for check in _OF_MACHINES for finding in check(case) if finding.level == FAILS]
    unread = [item for item in wanted if facts.of(item.sha256) is None]
    failing += _by_rules(unread, tables, hardware, {finding.subject for finding in failing})
    if not failing:
        return
    lines = [
        f"{finding.subject}: {finding.actual} (needed: {finding.expected})".removeprefix(": ")
        for finding in failing[:_MOST]
    ]
    if len(failing) > _MOST:
        lines.append(f"and {len(failing) - _MOST} more")
    raise InstallError(
        "what the lock holds does not run on this machine; nothing was installed\n  " + "\n  ".join(lines),
        hint=f"{failing[0].remedy or 'lock for this machine'}; `provenv prove --here` tells more, "
        "and --no-prove installs it all the same",
    )


def _by_rules(items: Iterable[Wanted], tables: Tables, hardware: Hardware, told: set[str]) -> list[Finding]:
    """What rules tell of versions that nobody has read."""
    gpus = [(gpu.name, gpu.compute) for gpu in hardware.gpus if gpu.vendor == "nvidia" and gpu.compute is not None]
    platform = f"{hardware.system}-{hardware.architecture}"
    if hardware.system not in ("linux", "windows"):
        return []
    found = []
    for item in items:
        needs = needs_of(tables, item.name, item.version, platform)
        if needs is None or not needs.is_certain or item.name in told:
            continue
        lacking = unmet(tables, needs, system=hardware.system, driver=hardware.driver, gpus=gpus, cuda=hardware.cuda)
        if lacking is not None:
            there = f"driver {hardware.driver}" if lacking.kind == "driver" else "no such code"
            found.append(
                Finding(
                    level=FAILS,
                    kind=lacking.kind,
                    subject=f"{item.name} {item.version}",
                    expected=lacking.reason,
                    actual=there,
                    rule=needs.source,
                    remedy="declare this machine in [tool.provenv.targets] and run `provenv lock`",
                )
            )
    return found
