"""Joins those who supply a resolution: the doors to the indexes, and the reader of source archives behind them."""

from __future__ import annotations

from collections.abc import Callable

from provenv.flows.ahead import Ahead
from provenv.flows.aimed import Aim, AimedTarget
from provenv.flows.builds import build_interpreter
from provenv.flows.network import door
from provenv.flows.rules import rules
from provenv.flows.sources import Sources
from provenv.flows.world import World
from provenv.model.artifact import Artifact
from provenv.universe.machine import Machine
from provenv.universe.pypi import IndexSupply

__all__ = ["supply"]


def supply(world: World, aimed: Aim, target: AimedTarget) -> IndexSupply:
    """The supply of one target; ``world.close`` closes the catalog behind it."""
    is_combined = aimed["policy"]["index_strategy"] != "first-index"
    return IndexSupply(
        door(world, aimed["locations"], target["pinned"], is_combined=is_combined, beside=target["beside"]),
        target["environment"],
        target["tags"],
        world.events,
        policy=aimed["policy"],
        sources=_Reader(world, aimed, target),
        now=world.now,
        machine=_machine(world, target),
    )


def _machine(world: World, target: AimedTarget) -> Callable[[], Machine] | None:
    """What the target's machine runs; the rules are read when the first page is there."""
    plain = target["machine"]
    if plain is None:
        return None
    made: list[Machine] = []

    def machine() -> Machine:
        if not made:
            made.append(Machine(plain, rules(plain["rules"])))
        return made[0]

    return machine


class _Reader:
    """Reads source archives; looks for the interpreter that builds only when there is one to be read."""

    def __init__(self, world: World, aimed: Aim, target: AimedTarget) -> None:
        self._world = world
        self._aimed = aimed
        self._target = target
        self._sources: Sources | None = None

    def begin(self, artifact: Artifact, name: str, version: str) -> None:
        if self._world.building is not None or self._world.is_offline:
            return
        if not self._world.ahead:
            apart = self._world.apart()
            sources = Sources(apart, self._aimed, build_interpreter(apart, self._aimed, self._target))
            self._world.ahead.append(Ahead(sources.metadata, apart.close))
        self._world.ahead[0].begin(artifact, name, version)

    def is_under_way(self, artifact: Artifact) -> bool:
        return bool(self._world.ahead) and self._world.ahead[0].is_under_way(artifact)

    def metadata(self, artifact: Artifact, name: str, version: str) -> bytes:
        if self._world.ahead and (read := self._world.ahead[0].result(artifact)) is not None:
            return read
        if self._sources is None:
            self._sources = Sources(self._world, self._aimed, build_interpreter(self._world, self._aimed, self._target))
        return self._sources.metadata(artifact, name, version)
