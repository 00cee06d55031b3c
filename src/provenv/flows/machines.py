"""The machine of a declared target, in plain values: what decides which builds it can run, and where those are."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from provenv.errors import InputError
from provenv.flows.aimed import AimedMachine
from provenv.flows.files import read_if_there
from provenv.flows.rules import rules
from provenv.model.hardware import capability_of
from provenv.model.hardware_file import from_toml
from provenv.model.target import Target
from provenv.stack.builds import builds_for, driver_limit, family
from provenv.stack.gpus import gpu_by_name, names_like
from provenv.stack.tables import Numbers, Tables, numbers

if TYPE_CHECKING:
    from provenv.flows.network import Place

__all__ = ["every_place", "family_places", "machine_of", "with_machines"]

_SYSTEMS = {"linux": "linux", "windows": "windows"}


def with_machines(targets: Sequence[Target], directory: str, where: str, *, is_missing_fine: bool) -> list[Target]:
    """The same targets; those that are a recorded machine with what its file holds.

    A file is named from the project's ``directory``. One that is not there is passed over where ``is_missing_fine``,
    and so is a target of which then not even the platform is known. Raises InputError naming the file and the key.
    """
    found = []
    for target in targets:
        if target.machine_file is None:
            found.append(target)
            continue
        path = os.path.join(directory, target.machine_file)
        place = f"{where}: tool.provenv.targets.{target.name}.machine"
        data = read_if_there(path)
        if data is None and is_missing_fine:
            found += [target] if target.platform else []
            continue
        if data is None:
            hint = "`provenv machine record --output FILE` writes it on the machine"
            raise InputError(place, f"{path} is missing", hint=hint)
        try:
            found.append(target.with_machine(from_toml(data, path)))
        except ValueError as error:
            raise InputError(place, str(error), hint="say its `platform`") from None
    return found


def machine_of(target: Target, tables: Tables, own: Sequence[str], where: str) -> AimedMachine | None:
    """What rules must know of a target; None for one that nobody declared, and for a Mac.

    ``own`` are the files with rules of the project.

    Raises InputError naming the key of a GPU, a capability or a driver that cannot be.
    """
    system = _SYSTEMS.get(target.platform.partition("-")[0])
    if system is None or not target.is_declared:
        return None
    place = f"{where}: tool.provenv.targets.{target.name}"
    for text in target.compute:
        if capability_of(text) is None:
            raise InputError(f"{place}.compute", f"`{text}` is no compute capability", hint='write it as `"9.0"`')
    gpus: dict[tuple[str, int, int], None] = {}
    for gpu in target.hardware(lambda name: _known_capability(name, tables)).gpus:
        if gpu.vendor == "nvidia":
            gpus[(gpu.name, *(gpu.compute or _capability_of(gpu.name, tables, f"{place}.gpus")))] = None
    if target.driver is not None:
        _check_driver(target.driver, gpus, tables, f"{place}.driver")
    return {
        "name": target.name,
        "platform": target.platform,
        "system": system,
        "driver": target.driver,
        "cuda": target.cuda,
        "gpus": list(gpus),
        "rules": list(own),
        "date": tables.date,
    }


def _known_capability(name: str, tables: Tables) -> tuple[int, int] | None:
    fact = gpu_by_name(tables, name)
    return None if fact is None else capability_of(str(fact["compute"]))


def _capability_of(name: str, tables: Tables, where: str) -> tuple[int, int]:
    fact = gpu_by_name(tables, name)
    if fact is None:
        near = names_like(tables, name)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise InputError(
            where,
            f"`{name}` is no GPU that the rules know",
            hint=f'{hint}`compute = ["9.0"]` names a capability instead',
        )
    pair = capability_of(str(fact["compute"]))
    if pair is None:
        raise InputError(where, f"the rules have no compute capability for `{name}`, but `{fact['compute']}`")
    return pair


def _check_driver(driver: str, gpus: Collection[tuple[str, int, int]], tables: Tables, where: str) -> None:
    try:
        numbers(driver)
    except ValueError:
        raise InputError(where, f"`{driver}` is no driver version", hint='write it as `"535.104.05"`') from None
    known: list[tuple[str, Numbers]] = [(name, (major, minor)) for name, major, minor in gpus]
    if (problem := driver_limit(tables, driver, known)) is not None:
        raise InputError(where, problem, hint="give the driver that the machine has; `provenv machine record` reads it")


def family_places(
    machine: AimedMachine, tables: Tables, *, is_public: bool
) -> tuple[list[Place], dict[str, list[str]]]:
    """The indexes of PyTorch that are worth asking for a machine, and for which packages: name -> names of indexes.

    Unless ``is_public``, only those that the project's own rules name: whoever has an index of their own instead of
    the public one wants no other public one.
    """
    known: list[tuple[str, Numbers]] = [(name, (major, minor)) for name, major, minor in machine["gpus"]]
    builds = builds_for(tables, system=machine["system"], driver=machine["driver"], gpus=known, cuda=machine["cuda"])
    places = _places(tables, builds, is_public=is_public)
    names = [name for name, *_ in places]
    return places, dict.fromkeys(sorted(family(tables)), names) if names else {}


def every_place(tables: Tables, *, is_public: bool) -> list[Place]:
    """The indexes of all builds of PyTorch."""
    builds = [build for fact in tables.rows("builds") for build in (*fact["stable"], *fact["experimental"])]
    return _places(tables, list(dict.fromkeys(["cpu", *builds])), is_public=is_public)


def _places(tables: Tables, builds: Sequence[str], *, is_public: bool) -> list[Place]:
    shipped = rules().rows("index")
    templates = [str(fact["url"]) for fact in tables.rows("index") if is_public or fact not in shipped][:1]
    return [
        (f"pytorch-{build}", template.replace("{build}", build).rstrip("/") + "/", "simple", True, (403,))
        for template in templates
        for build in builds
    ]
