"""The machine we stand on, with the rules of the project if there is one."""

from __future__ import annotations

from dataclasses import replace

from provenv.flows.here_anew import hardware_here, known_rules
from provenv.flows.world import World
from provenv.model.hardware import Hardware, capability_of
from provenv.stack.gpus import gpu_by_name

__all__ = ["machine_here"]


def machine_here(world: World) -> Hardware:
    """Its facts; GPUs that only tell their name have the capability that rules know. Raises InputError."""
    tables = known_rules(world)
    hardware = hardware_here(world, tables)
    gpus = []
    for gpu in hardware.gpus:
        if gpu.compute is None and gpu.vendor == "nvidia" and (fact := gpu_by_name(tables, gpu.name)) is not None:
            gpu = replace(gpu, compute=capability_of(str(fact["compute"])))
        gpus.append(gpu)
    return replace(hardware, gpus=tuple(gpus))
