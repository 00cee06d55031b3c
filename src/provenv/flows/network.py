"""Opens the doors to the network, when a flow first needs them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import provenv
from provenv.flows.aimed import Aim, AimedTarget
from provenv.flows.credentials import keychain
from provenv.flows.world import World
from provenv.index.catalog import Catalog
from provenv.index.location import Location
from provenv.net.client import Client
from provenv.net.settings import NetSettings
from provenv.universe.pypi import IndexSupply

__all__ = ["Place", "catalog", "supply"]


Place: TypeAlias = tuple[str, str, str, bool, tuple[int, ...]]


def catalog(
    world: World, locations: Sequence[Place], pinned: Mapping[str, str] | None = None, *, is_combined: bool = False
) -> Catalog:
    """The indexes of a project, behind one HTTP client that is made with the first request."""
    return Catalog(
        [
            Location(
                name=name,
                url=url,
                kind="flat" if kind == "flat" else "simple",
                is_explicit=is_explicit,
                ignored_statuses=frozenset(statuses),
            )
            for name, url, kind, is_explicit, statuses in locations
        ],
        os.path.join(world.cache, "index"),
        lambda: Client(_settings(world), world.events),
        is_offline=world.is_offline,
        refresh=world.refresh,
        now=world.now,
        events=world.events,
        pinned=pinned,
        is_combined=is_combined,
    )


def supply(world: World, aimed: Aim, target: AimedTarget) -> IndexSupply:
    """The supply of one target; ``world.close`` closes the catalog behind it."""
    locations, pinned = aimed["locations"], target["pinned"]
    is_combined = aimed["policy"]["index_strategy"] != "first-index"
    key = (
        *((name, url, kind, is_explicit, tuple(statuses)) for name, url, kind, is_explicit, statuses in locations),
        *sorted(pinned.items()),
        is_combined,
    )
    if key not in world.doors:
        world.doors[key] = catalog(world, locations, pinned, is_combined=is_combined)
    return IndexSupply(
        world.doors[key], target["environment"], target["tags"], world.events, policy=aimed["policy"], now=world.now
    )


def _settings(world: World) -> NetSettings:
    return NetSettings(
        user_agent=f"provenv/{provenv.__version__}",
        is_offline=world.is_offline,
        ca_file=world.network.get("ca_file"),
        ca_dir=world.network.get("ca_dir"),
        keychain=keychain(world),
    )
