"""For which machines something is proven: declared targets, recorded machines, and the one that we stand on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from provenv.errors import InputError, ProvenvError, UsageError
from provenv.flows import files
from provenv.flows.here_anew import hardware_here, targets_like
from provenv.flows.interpreter import project_interpreter
from provenv.flows.machines import with_machines
from provenv.flows.project_file import read_project
from provenv.flows.rules import rules
from provenv.flows.world import World
from provenv.model.hardware import Gpu, Hardware
from provenv.model.hardware_file import from_toml
from provenv.model.machine import Interpreter
from provenv.model.target import Target, platform_of
from provenv.pythons.find import fits
from provenv.stack.gpus import gpu_by_name
from provenv.stack.tables import Tables, numbers

__all__ = ["Spot", "as_targets", "declared_targets", "own_rules", "spot_of", "spots_of", "with_capabilities"]

_PYTHONS = tuple(f"3.{minor}" for minor in range(8, 20))


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """One machine with a Python on it."""

    name: str
    target: Target
    hardware: Hardware
    is_declared: bool = False
    """It is a target of the project file."""
    interpreter: Interpreter | None = None
    """The machine is the one that we stand on."""
    chosen: str | None = None
    """The target whose part of the lock is meant, where somebody said so."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The marker environment."""
        return dict(self.interpreter.markers) if self.interpreter is not None else self.target.environment()


def own_rules(world: World) -> Tables:
    """The rules, with those of the project if there is one."""
    data = world.project_data_if_there()
    project = None if data is None else read_project(data, world.project_file)
    own = () if project is None else project.rules
    return rules([os.path.join(world.directory, path) for path in own])


def declared_targets(world: World) -> tuple[Target, ...]:
    """The targets that the project file declares; none without a project."""
    data = world.project_data_if_there()
    if data is None:
        return ()
    targets = read_project(data, world.project_file).targets
    return tuple(with_machines(targets, world.directory, world.project_file, is_missing_fine=False))


def spots_of(
    world: World,
    tables: Tables,
    *,
    targets: Sequence[str] = (),
    machines: Sequence[str] = (),
    is_here: bool = False,
    takes_targets: bool = True,
    requires_python: str = "",
    python: str = "",
) -> list[Spot]:
    """The machines that are meant.

    Without any word these are the declared targets (where ``takes_targets``), else this machine. ``python`` is the
    version of what is installed already. Raises UsageError for
    a target that there is none of, InputError for a machine's file that cannot be.
    """
    declared = {target.name: target for target in declared_targets(world)}
    for name in targets:
        if name not in declared:
            known = f"there are {', '.join(declared)}" if declared else "the project declares none"
            raise UsageError(f"there is no target named `{name}`", hint=known)
    spots = [] if machines and targets else [_declared(declared[name], tables) for name in targets]
    chosen = targets if machines and targets else (None,)
    for path in machines:
        hardware = _recorded(path, tables)
        spots += [_of_machine(world, path, hardware, declared, name, requires_python, python) for name in chosen]
    if is_here or not (spots or (takes_targets and declared)):
        spots.append(_here_with(world, tables, python) if python else _here(world, tables))
    return spots or [_declared(target, tables) for target in declared.values()]


def _declared(target: Target, tables: Tables) -> Spot:
    return Spot(
        name=target.name,
        target=target,
        hardware=with_capabilities(target.hardware(), tables),
        is_declared=True,
        chosen=target.name,
    )


def _here(world: World, tables: Tables) -> Spot:
    interpreter = project_interpreter(world)
    hardware = with_capabilities(hardware_here(world, tables), tables)
    return Spot(
        name="this machine",
        target=Target.from_interpreter(interpreter, "here"),
        hardware=hardware,
        interpreter=interpreter,
    )


def as_targets(world: World, data: bytes, spots: Sequence[Spot], tables: Tables) -> list[Spot]:
    """Machines that are no targets, each as the target of the lock that it is, or as all that are like it."""
    found = []
    for spot in spots:
        names: list[str] = []
        if spot.chosen is None and spot.interpreter is None:
            minor = spot.target.minor
            names = targets_like(world, data, spot.hardware, tables, platform=spot.target.platform, minor=minor)
        if len(names) > 1:
            found += [replace(spot, name=f"{spot.name} as {name}", chosen=name) for name in names]
        else:
            found.append(replace(spot, chosen=names[0]) if names else spot)
    return found


def _here_with(world: World, tables: Tables, python: str) -> Spot:
    """This machine, with the Python that somebody else brought."""
    hardware = with_capabilities(hardware_here(world, tables), tables)
    return spot_of(hardware, "this machine", python)


def spot_of(hardware: Hardware, name: str, python: str) -> Spot:
    """A machine with a Python. Raises InputError when provenv has no name for its platform."""
    platform = platform_of(hardware)
    if platform is None:
        raise InputError(name, f"no platform name is known for {hardware.system} on {hardware.architecture}")
    target = Target(
        name=name,
        platform=platform,
        python=python,
        glibc=hardware.glibc,
        musl=hardware.musl,
        macos=hardware.macos,
        is_declared=False,
    )
    return Spot(name=name, target=target, hardware=hardware)


def _recorded(path: str, tables: Tables) -> Hardware:
    data = files.read(path, "give the file that `provenv machine record` wrote")
    return with_capabilities(from_toml(data, path), tables)


def _of_machine(
    world: World,
    path: str,
    hardware: Hardware,
    declared: Mapping[str, Target],
    chosen: str | None,
    requires_python: str,
    python: str,
) -> Spot:
    platform = platform_of(hardware) or ""
    spot = spot_of(
        hardware,
        os.path.basename(path).removesuffix(".toml"),
        python or _python(world, platform, declared, chosen, requires_python),
    )
    return replace(spot, chosen=chosen)


def _python(
    world: World, platform: str, declared: Mapping[str, Target], chosen: str | None, requires_python: str
) -> str:
    """The Python of a machine that does not tell it: what the project says for such a machine, else what fits."""
    if chosen is not None:
        return declared[chosen].python
    for target in declared.values():
        if target.platform == platform:
            return target.python
    try:
        version = project_interpreter(world).version
    except ProvenvError:
        version = ""
    minor = ".".join(version.split(".")[:2])
    for candidate in filter(None, (minor, *_PYTHONS)):
        if fits(f"{candidate}.99", requires_python or None):
            return candidate
    return minor or _PYTHONS[-1]


def with_capabilities(hardware: Hardware, tables: Tables) -> Hardware:
    """The same machine; GPUs that are told by name only have the compute capability that the table knows."""
    return replace(hardware, gpus=tuple(_capable(gpu, tables) for gpu in hardware.gpus))


def _capable(gpu: Gpu, tables: Tables) -> Gpu:
    if gpu.compute is not None or gpu.vendor != "nvidia":
        return gpu
    fact = gpu_by_name(tables, gpu.name)
    if fact is None:
        return gpu
    major, minor = numbers(fact["compute"])[:2]
    return replace(gpu, compute=(major, minor))
