"""Brings wheels into the store: downloads side by side, unpacks what has arrived."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit
from urllib.request import url2pathname

from provenv.errors import InputError
from provenv.flows.network import catalog
from provenv.flows.world import World
from provenv.model.artifact import Artifact
from provenv.model.machine import Interpreter
from provenv.model.plan import Wanted
from provenv.store.store import Store
from provenv.store.tree import Bytecode, Tree

__all__ = ["compiled", "fetch_trees"]


def compiled(world: World, store: Store, trees: Mapping[str, Tree], interpreter: Interpreter) -> Mapping[str, Bytecode]:
    """The byte code of trees; what was never compiled for this kind of interpreter is compiled now."""
    found = {sha256: code for sha256, tree in trees.items() if (code := store.bytecode(tree, interpreter)) is not None}
    missing = [tree for sha256, tree in trees.items() if sha256 not in found]
    if missing:
        world.events.started("compile", len(missing))
        found.update(store.compile(missing, interpreter, world.events))
        world.events.finished("compile")
    return found


def fetch_trees(world: World, store: Store, wanted: Sequence[Wanted]) -> Mapping[str, Tree]:
    """The unpacked trees of all wanted wheels, by SHA-256; what the store lacks is downloaded and checked.

    Raises Unavailable, IntegrityError and InstallError; whatever was complete by then stays in the store.
    """
    trees: dict[str, Tree] = {}
    missing: list[Wanted] = []
    for item in wanted:
        tree = store.tree(item.sha256)
        if tree is None:
            missing.append(item)
        else:
            trees[item.sha256] = tree
    if not missing:
        return trees
    remote = [item for item in missing if store.blob(item.sha256) is None and not _local(world, item)]
    if remote:
        _download(world, store, remote)
    world.events.started("unpack", sum(item.size or 0 for item in missing) or None)
    for item in missing:
        local = _local(world, item)
        if local and store.blob(item.sha256) is None:
            if not os.path.isfile(local):
                raise InputError(f"{world.lock_file}: {item.name}", f"{local} is not there")
            store.adopt(local, item.sha256, events=world.events)
        trees[item.sha256] = store.unpack(item.sha256, item.filename, world.events)
    world.events.finished("unpack")
    return trees


def _local(world: World, item: Wanted) -> str | None:
    """The local file of a wanted wheel, when the lock names one."""
    if item.path is not None:
        return os.path.join(world.directory, item.path)
    if item.url is not None and item.url.startswith("file:"):
        return url2pathname(urlsplit(item.url).path)
    return None


def _download(world: World, store: Store, remote: Sequence[Wanted]) -> None:
    """Fetch all files side by side, the largest first, so that the last to end is not the longest."""
    from provenv.flows.aim import aim

    locations: Sequence[tuple[str, str, str]] = []
    if os.path.exists(world.project_file):
        locations = aim(world)["locations"]
    doors = catalog(world, locations)
    world.events.started("download", sum(item.size or 0 for item in remote) or None)
    doors.download_all(
        [(_artifact(item), store.receive) for item in sorted(remote, key=lambda item: -(item.size or 0))]
    )
    world.events.finished("download")


def _artifact(item: Wanted) -> Artifact:
    if item.url is None:
        raise InputError(item.name, "the lock names neither URL nor path of its file")
    return Artifact(filename=item.filename, url=item.url, hashes=(("sha256", item.sha256),), size=item.size)
