"""Before anything is installed: is it known that it does not run on this machine? Cheap, and without any wheel."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence

from provenv.errors import InstallError
from provenv.flows.here_anew import hardware_here
from provenv.flows.lock_proof import may_carry_facts
from provenv.flows.prove_spots import own_rules, with_capabilities
from provenv.flows.world import World
from provenv.model.finding import FAILS, Finding
from provenv.model.hardware import Hardware
from provenv.model.machine import Interpreter
from provenv.model.plan import Wanted
from provenv.stack.builds import needs_of, unmet
from provenv.stack.tables import Tables
from provenv.store.places import base_of, place_of

__all__ = ["refuse_what_fails"]

_MOST = 4


def refuse_what_fails(world: World, data: bytes, wanted: Sequence[Wanted], interpreter: Interpreter) -> None:
    """Raise InstallError when something is known to fail on this machine: by kept facts, those of the lock, or rules.

    What is not known is no reason to refuse.
    """
    tables = own_rules(world)
    hardware = with_capabilities(hardware_here(world, tables), tables)
    failing: list[Finding] = []
    read: Collection[str] = ()
    if _has_facts(world, data, wanted):
        from provenv.flows.prove_recall import failing_by_facts  # nor their readers, where no facts are

        failing, read = failing_by_facts(world, data, wanted, interpreter, hardware, tables)
    unread = [item for item in wanted if item.sha256 not in read]
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


def _has_facts(world: World, data: bytes, wanted: Sequence[Wanted]) -> bool:
    """Whether the lock may carry facts of a wheel, or the store has some."""
    base = base_of(os.path.join(world.cache, "store"))
    return may_carry_facts(data) or any(os.path.exists(place_of(base, "facts", item.sha256)) for item in wanted)


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
