"""Holds what an index told of a wheel against the wheel itself, when it has arrived. On the warm path.

A resolution reads METADATA beside the wheel, or its end only: nothing but the word of the index says that it is the
wheel's own. An index that tells other needs than the wheel has would leave out what it needs, or bring in what it does
not (pip #13983).
"""

from __future__ import annotations

import os

from provenv.flows.memory import place_of, recall, remember

__all__ = ["check_told", "note_mistold"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from provenv.flows.world import World
    from provenv.model.plan import Wanted
    from provenv.store.tree import Tree

_COMPARED = ("name", "version", "requires-python", "requires-dist", "provides-extra")


def check_told(world: World, wanted: Iterable[Wanted], trees: Mapping[str, Tree], fetched: Collection[str]) -> None:
    """Raise IntegrityError when the index told other needs of a wheel than it has.

    Wheels that were just ``fetched`` are compared, and those that ``note_mistold`` found to differ before: such a wheel
    is right by its hash and stays in the store, but an environment never gets it on the word of that index.
    """
    has_doubts = os.path.isdir(place_of(world.cache, "mistold", ""))
    if not fetched and not has_doubts:
        return
    for item in wanted:
        if item.sha256 in fetched or (has_doubts and recall(world.cache, "mistold", item.sha256) is not None):
            _compare(world, item, trees[item.sha256])


def note_mistold(cache: str, sha256: str, files: str) -> None:
    """Remember when the index told other needs of a wheel than its files say, which nobody else sees yet.

    So a command that is killed right after they can be seen leaves word to the next one. What the cache does not hold
    was not used here, and nothing is compared with it.
    """
    if _difference(cache, sha256, files) is not None:
        remember(cache, "mistold", sha256, True)


def _compare(world: World, item: Wanted, tree: Tree) -> None:
    found = _difference(world.cache, item.sha256, tree.files)
    if found is None:
        return
    from provenv.errors import IntegrityError
    from provenv.net.secrets import origin_of

    remember(world.cache, "mistold", item.sha256, True)
    said, has = found
    host = f" from {origin_of(item.url)[1]}" if item.url else ""
    raise IntegrityError(
        f"{item.filename}{host}",
        expected=f"the metadata that the index told ({_first(said - has)})",
        actual=f"other metadata in the wheel ({_first(has - said)})",
        hint="the index and its files do not agree: tell who runs the index; once that is repaired, lock with an empty "
        "cache",
    )


def _difference(cache: str, sha256: str, files: str) -> tuple[set[str], set[str]] | None:
    """What the index told of a wheel's needs, and what its files say; None when they agree, or nothing was told."""
    from provenv.index.cache import IndexCache

    told = IndexCache(os.path.join(cache, "index")).metadata(sha256)
    if told is None:
        return None
    try:
        dist_info = next(name for name in os.listdir(files) if name.endswith(".dist-info"))
        with open(f"{files}/{dist_info}/METADATA", "rb") as file:
            own = file.read()
    except (OSError, StopIteration):
        return None  # whoever places its files tells that one is missing
    if told == own or (said := _needs(told)) == (has := _needs(own)):
        return None
    return said, has


def _needs(metadata: bytes) -> set[str]:
    """The lines that decide what is chosen, without their spaces."""
    head = metadata.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")
    lines = head.replace("\n ", " ").replace("\n\t", " ").split("\n")
    return {"".join(line.split()) for line in lines if line.partition(":")[0].strip().lower() in _COMPARED}


def _first(lines: set[str]) -> str:
    return f"`{min(lines)[:200]}`" if lines else "nothing more"
