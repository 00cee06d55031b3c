"""What kept facts, and those of the lock, tell of a machine before anything is installed. No wheel is looked at."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from provenv.flows.prove_carried import carried_of
from provenv.flows.prove_facts import Facts
from provenv.flows.prove_parts import Part
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
from provenv.stack.tables import Tables

__all__ = ["failing_by_facts"]

_OF_MACHINES = (driver_findings, coverage_findings, libc_findings, cpu_findings)


def failing_by_facts(
    world: World,
    data: bytes,
    wanted: Sequence[Wanted],
    interpreter: Interpreter,
    hardware: Hardware,
    tables: Tables,
) -> tuple[list[Finding], Collection[str]]:
    """What is known to fail on this machine, and the SHA-256 of the wheels of which facts were at hand.

    ``data`` is the lock.
    """
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
    return failing, {item.sha256 for item in wanted if facts.of(item.sha256) is not None}
