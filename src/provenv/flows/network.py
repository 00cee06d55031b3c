"""Opens the doors to the network, when a flow first needs them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from threading import RLock
from typing import TypeAlias

import provenv
from provenv.flows.world import World
from provenv.index.catalog import Catalog
from provenv.index.location import Location
from provenv.net.client import Client
from provenv.net.settings import NetSettings

__all__ = ["ONE_AT_A_TIME", "Place", "catalog", "door"]


ONE_AT_A_TIME = RLock()
"""Held by a thread of several that uses the doors of a command: a catalog serves one at a time."""

Place: TypeAlias = tuple[str, str, str, bool, tuple[int, ...]]


def catalog(
    world: World,
    locations: Sequence[Place],
    pinned: Mapping[str, str] | None = None,
    *,
    is_combined: bool = False,
    beside: Mapping[str, Sequence[str]] | None = None,
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
        beside=beside,
    )


def door(
    world: World,
    locations: Sequence[Place],
    pinned: Mapping[str, str] | None = None,
    *,
    is_combined: bool = False,
    beside: Mapping[str, Sequence[str]] | None = None,
) -> Catalog:
    """The catalog of some locations, which all of a command share; ``world.close`` closes it."""
    key = (
        *((name, url, kind, is_explicit, tuple(statuses)) for name, url, kind, is_explicit, statuses in locations),
        *sorted((pinned or {}).items()),
        is_combined,
        *sorted((name, tuple(names)) for name, names in (beside or {}).items()),
    )
    if key not in world.doors:
        world.doors[key] = catalog(world, locations, pinned, is_combined=is_combined, beside=beside)
    return world.doors[key]


def _settings(world: World) -> NetSettings:
    from provenv.flows.credentials import keychain  # reads the project again: 20 ms that most commands do without

    stall = int(world.network.get("timeout", 30))
    return NetSettings(
        user_agent=f"provenv/{provenv.__version__}",
        timeout_connect=float(world.network.get("timeout_connect", 10)),
        stall_seconds=stall,
        retries=int(world.network.get("retries", 3)),
        # Whoever does not wait that long for an answer does not wait that long to ask again, either.
        pause_limit=min(30.0, float(stall)),
        is_offline=world.is_offline,
        ca_file=world.network.get("ca_file"),
        ca_dir=world.network.get("ca_dir"),
        keychain=keychain(world),
    )
