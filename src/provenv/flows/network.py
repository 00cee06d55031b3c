"""Opens the doors to the network, when a flow first needs them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from provenv.flows.world import World
from provenv.index.catalog import Catalog
from provenv.index.location import Location
from provenv.net.client import Client
from provenv.net.settings import NetSettings
from provenv.universe.pypi import IndexSupply

__all__ = ["catalog", "supply"]


def catalog(world: World, locations: Sequence[tuple[str, str, str]]) -> Catalog:
    """The indexes of a project, behind one HTTP client that is made with the first request."""
    return Catalog(
        [Location(name=name, url=url, kind=kind) for name, url, kind in locations],
        os.path.join(world.cache, "index"),
        lambda: Client(_settings(world), world.events),
        is_offline=world.is_offline,
        refresh=world.refresh,
        now=world.now,
        events=world.events,
    )


def supply(
    world: World, locations: Sequence[tuple[str, str, str]], environment: dict[str, str], tags: Sequence[str]
) -> IndexSupply:
    """The supply of one target."""
    return IndexSupply(catalog(world, locations), environment, tags, world.events)


def _settings(world: World) -> NetSettings:
    return NetSettings(is_offline=world.is_offline, **world.network)
