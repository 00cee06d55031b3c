"""Which target of a lock this machine is: the slow half of ``here``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from provenv.errors import InputError, UsageError
from provenv.flows.files import read
from provenv.flows.known_lock import known_lock
from provenv.flows.rules import rules
from provenv.flows.world import World
from provenv.model.hardware import Hardware, capability_of, pair_text
from provenv.model.hardware_file import fingerprint, from_toml
from provenv.model.machine import Interpreter
from provenv.model.target import CPU_LEVELS, PLATFORMS
from provenv.stack.gpus import gpu_by_name
from provenv.stack.tables import Tables, numbers

__all__ = ["candidates", "hardware_here", "known_rules", "pick", "refused", "targets_like"]

Pair = tuple[int, int]
Record = Mapping[str, Any]


def candidates(world: World, data: bytes, interpreter: Interpreter) -> dict[str, Any]:
    """Plain: ``all`` targets of a lock, those ``fitting`` this platform and Python, whether any was ``declared``."""
    records = _records(world, data)
    return {
        "all": [record["name"] for record in records],
        "fitting": [record["name"] for record in records if _fits_platform(record, interpreter)],
        "declared": any(record["name"] != record.get("platform") for record in records),
    }


def _records(world: World, data: bytes) -> list[Record]:
    found = known_lock(world, data).inputs.get("targets", [])
    return [one for one in found if isinstance(one, dict) and isinstance(one.get("name"), str)]


def _fits_platform(record: Record, interpreter: Interpreter) -> bool:
    facts = PLATFORMS.get(str(record.get("platform")))
    markers = dict(interpreter.markers)
    if facts is None or (markers["sys_platform"], markers["platform_machine"]) != (facts[1], facts[3]):
        return False
    has_musl = interpreter.libc is not None and interpreter.libc[0] == "musl"
    minor = tuple(str(record.get("python")).split(".")[:2])
    return has_musl == ("musl" in record) and minor == tuple(map(str, interpreter.minor))


def refused(world: World, known: Mapping[str, Any], interpreter: Interpreter) -> UsageError:
    """The error for a target that cannot be installed here."""
    name, names = world.target, ", ".join(known["all"]) or "none"
    how = "--target" if world.is_target_asked else "PROVENV_TARGET"
    if name not in known["all"]:
        return UsageError(f"{how}: there is no target named `{name}`", hint=f"the lock holds {names}")
    markers = dict(interpreter.markers)
    here = f"{markers['sys_platform']} on {markers['platform_machine']}, Python {interpreter.version}"
    fitting = ", ".join(known["fitting"]) or "no target of the lock does"
    return UsageError(
        f"{how}: target `{name}` is of another platform or Python than this machine ({here})",
        hint=f"fitting: {fitting}; `provenv export --target {name}` writes what it installs",
    )


def hardware_here(world: World, tables: Tables) -> Hardware:
    """The machine we stand on, or the recorded one that PROVENV_MACHINE says it is. Raises InputError."""
    if world.machine_file is not None:
        data = read(world.machine_file, "PROVENV_MACHINE names a file that `provenv machine record` wrote")
        return from_toml(data, world.machine_file)
    from provenv.probe.machine import read_machine

    return read_machine(tables, world.now)


def pick(world: World, data: bytes, interpreter: Interpreter, names: Sequence[str]) -> tuple[str, str, str]:
    """The target that this machine is: its name, what of the machine decided, and a warning or "".

    Raises InputError when none is, or when two are and nothing tells which.
    """
    tables = known_rules(world)
    machine = _Machine(hardware_here(world, tables), interpreter, tables)
    records = [record for record in _records(world, data) if record["name"] in names]
    scored = [(score, record) for record in records if (score := machine.score(record)) is not None]
    best = max((score for score, _ in scored), default=None)
    found = [record for score, record in scored if score == best]
    # Targets that say the same of their machines install the same: any of them will do.
    if not found or any(_facts(record) != _facts(found[0]) for record in found):
        listed = "".join(f"\n  {record['name']}: {_told(record)}" for record in found or records)
        problem = "more than one of its targets is this machine" if found else "none of its targets is this machine"
        raise InputError(
            world.lock_file,
            f"{problem} ({machine.told}):{listed}",
            hint="name one with --target NAME, or for all commands with PROVENV_TARGET",
        )
    return str(found[0]["name"]), machine.told, machine.warning


def targets_like(
    world: World, data: bytes, hardware: Hardware, tables: Tables, *, platform: str, minor: tuple[int, int]
) -> list[str]:
    """The targets of a lock that a machine may be meant by: the one that it is, else all that have a GPU as it has."""
    python = ".".join(map(str, minor))
    records = [
        record
        for record in _records(world, data)
        if record.get("platform") == platform
        and ".".join(str(record.get("python")).split(".")[:2]) == python
        and ("musl" in record) == (hardware.musl is not None)
    ]
    machine = _Machine(hardware, None, tables)
    scored = [(score, record) for record in records if (score := machine.score(record)) is not None]
    if scored:
        best = max(score for score, _ in scored)
        return [str(next(record["name"] for score, record in scored if score == best))]
    return [str(record["name"]) for record in records if _has_gpu(record) == bool(hardware.gpus)]


def known_rules(world: World) -> Tables:
    """With the rows of the project, where it can be read: it may know GPUs that nobody else does."""
    from provenv.flows.project_file import read_project

    try:
        data = world.project_data_if_there()
        own = read_project(data, world.project_file).rules if data is not None else ()
        return rules([os.path.join(world.directory, path) for path in own])
    except InputError:
        return rules()


def _facts(record: Record) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in ("name", "python")}


def _told(record: Record) -> str:
    """What a target says of its machine."""
    names = [*record.get("gpus", ()), *(f"compute capability {text}" for text in record.get("compute", ()))]
    words = [", ".join(names) or ("no GPU" if not _has_gpu(record) else "any GPU")]
    words += [f"{key} {record[key]}" for key in ("driver", "cuda", "cpu", "glibc", "musl") if key in record]
    return "; ".join(words)


def _has_gpu(record: Record) -> bool:
    return any(record.get(key) for key in ("gpus", "compute", "driver", "cuda"))


class _Machine:
    """This machine, as targets are compared with it."""

    def __init__(self, hardware: Hardware, interpreter: Interpreter | None, tables: Tables) -> None:
        self._hardware = hardware
        self._tables = tables
        self._glibc = hardware.glibc
        if (
            self._glibc is None
            and interpreter is not None
            and interpreter.libc is not None
            and interpreter.libc[0] == "glibc"
        ):
            self._glibc = interpreter.libc[1], interpreter.libc[2]
        self._gpus = [gpu for gpu in hardware.gpus if gpu.vendor == "nvidia"]
        self._pairs = {gpu.compute or self._pair_of(gpu.name) for gpu in self._gpus}
        has_driver = hardware.driver is not None or hardware.cuda is not None
        self._has_gpu = bool(self._gpus) and has_driver
        self.warning = ""
        if self._gpus and not has_driver:
            self.warning = f"this machine has a GPU ({self._gpus[0].name}) and no driver for it: it stands idle"

    def _pair_of(self, name: str) -> Pair | None:
        fact = gpu_by_name(self._tables, name)
        return None if fact is None else capability_of(str(fact["compute"]))

    @property
    def told(self) -> str:
        """In words."""
        if not self._gpus:
            return "this machine has no NVIDIA GPU"
        names = []
        for name in dict.fromkeys(gpu.name for gpu in self._gpus):
            gpu = next(one for one in self._gpus if one.name == name)
            pair = pair_text(gpu.compute or self._pair_of(name))
            names.append(f"{name} ({pair})" if pair else f"{name} (of unknown compute capability)")
        driver = self._hardware.driver or (f"CUDA {self._hardware.cuda}" if self._hardware.cuda else "")
        return f"this machine has {', '.join(names)}, {f'driver {driver}' if driver else 'no driver'}"

    def score(self, record: Record) -> tuple[Any, ...] | None:
        """How well a target fits, for comparing; None when it does not."""
        if not self._fits(record):
            return None
        if record.get("machine") == fingerprint(self._hardware):
            return (1,)
        pairs = self._pairs_of(record)
        names = {gpu.name for gpu in self._gpus} & set(record.get("gpus", ()))
        return (
            0,
            bool(pairs),
            -len(pairs),
            len(names),
            _numbers(record.get("driver")),
            _numbers(record.get("cuda")),
            CPU_LEVELS.index(record["cpu"]) if record.get("cpu") in CPU_LEVELS else -1,
            _numbers(record.get("glibc")),
        )

    def _fits(self, record: Record) -> bool:
        if self._glibc is not None and self._glibc < _numbers(record.get("glibc")):
            return False
        cpu, here = record.get("cpu"), self._hardware.cpu
        if cpu in CPU_LEVELS and here in CPU_LEVELS and CPU_LEVELS.index(here) < CPU_LEVELS.index(str(cpu)):
            return False
        if not _has_gpu(record):
            return not self._has_gpu
        if not self._has_gpu:
            return False
        for key, mine in (("driver", self._hardware.driver), ("cuda", self._hardware.cuda)):
            if mine is not None and _numbers(mine) < _numbers(record.get(key)):
                return False
        pairs = self._pairs_of(record)
        return not (record.get("gpus") or record.get("compute")) or (None not in self._pairs and self._pairs <= pairs)

    def _pairs_of(self, record: Record) -> set[Pair | None]:
        found: set[Pair | None] = {capability_of(str(text)) for text in record.get("compute", ())}
        found |= {self._pair_of(str(name)) for name in record.get("gpus", ())}
        return found - {None}


def _numbers(text: Any) -> tuple[int, ...]:
    try:
        return numbers(text) if isinstance(text, str) else ()
    except ValueError:
        return ()
