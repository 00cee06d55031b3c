"""The machine of a declared target, in plain values: what decides which builds it can run, and where those are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from provenv.errors import InputError
from provenv.flows.aimed import AimedMachine
from provenv.flows.rules import rules
from provenv.model.target import Target
from provenv.stack.builds import builds_for, driver_limit, family
from provenv.stack.gpus import gpu_by_name, names_like
from provenv.stack.tables import Numbers, Tables, numbers

if TYPE_CHECKING:
    from provenv.flows.network import Place

__all__ = ["family_places", "machine_of"]

_SYSTEMS = {"linux": "linux", "windows": "windows"}


def machine_of(target: Target, tables: Tables, own: Sequence[str], where: str) -> AimedMachine | None:
    """What rules must know of a target; None for one that nobody declared, and for a Mac.

    ``own`` are the files with rules of the project.

    Raises InputError naming the key of a GPU, a capability or a driver that cannot be.
    """
    system = _SYSTEMS.get(target.platform.partition("-")[0])
    if system is None or not target.is_declared:
        return None
    place = f"{where}: tool.provenv.targets.{target.name}"
    gpus = [(name, *_capability_of(name, tables, f"{place}.gpus")) for name in target.gpus]
    gpus += [
        (f"compute capability {text}", *_pair(text, f"{place}.compute"))
        for text in target.compute
        if not any(_pair(text, place) == (major, minor) for _, major, minor in gpus)
    ]
    if target.driver is not None:
        _check_driver(target.driver, gpus, tables, f"{place}.driver")
    return {
        "name": target.name,
        "platform": target.platform,
        "system": system,
        "driver": target.driver,
        "gpus": gpus,
        "rules": list(own),
        "date": tables.date,
    }


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
    return _pair(str(fact["compute"]), where)


def _pair(text: str, where: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise InputError(where, f"`{text}` is no compute capability", hint='write it as `"9.0"`')
    return int(major), int(minor)


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
    shipped = rules().rows("index")
    templates = [str(fact["url"]) for fact in tables.rows("index") if is_public or fact not in shipped][:1]
    known: list[tuple[str, Numbers]] = [(name, (major, minor)) for name, major, minor in machine["gpus"]]
    places: list[Place] = []
    for template in templates:
        for build in builds_for(tables, system=machine["system"], driver=machine["driver"], gpus=known):
            url = template.replace("{build}", build).rstrip("/") + "/"
            places.append((f"pytorch-{build}", url, "simple", True, (403,)))
    names = [name for name, *_ in places]
    return places, dict.fromkeys(sorted(family(tables)), names) if names else {}
