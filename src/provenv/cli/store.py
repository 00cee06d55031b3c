"""``provenv store`` and ``provenv cache``: what this computer keeps, whether it is right, and how to be rid of it."""

from __future__ import annotations

import sys

from provenv.cli.telling import say
from provenv.cli.words import Words
from provenv.errors import UsageError
from provenv.flows.world import World

__all__ = ["cache", "store"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def store(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv store COMMAND``."""
    return _STORE[words.store_command](words, world)


def cache(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv cache COMMAND``."""
    return _CACHE[words.cache_command](words, world)


def _verify(words: Words, world: World) -> int:
    from provenv.flows.store_verify import verify_store
    from provenv.show.store import verified_document, verified_text

    verified = verify_store(world, is_repairing=words.repair)
    world.close()
    if words.json:
        sys.stdout.write(verified_document(verified) + "\n")
    else:
        say(words, verified_text(verified))
    return 0 if verified.is_good else 1


def _size(words: Words, world: World) -> int:
    from provenv.flows.store_prune import size_of_store
    from provenv.show.store import size_document, size_text

    sizes = size_of_store(world)
    sys.stdout.write((size_document(sizes) if words.json else size_text(sizes)) + "\n")
    return 0


def _path(words: Words, world: World) -> int:
    sys.stdout.write(world.store().root + "\n")
    return 0


def _prune(words: Words, world: World) -> int:
    from provenv.flows.store_prune import prune
    from provenv.show.store import pruned_document, pruned_text

    if not words.older_than >= 0:
        raise UsageError("--older-than: a number of days from 0 on is needed")
    pruned = prune(world, is_dry=words.dry_run, days=words.older_than, is_everything=words.all, has_blobs=words.blobs)
    if words.json:
        sys.stdout.write(pruned_document(pruned, is_dry=words.dry_run) + "\n")
    else:
        say(words, pruned_text(pruned, is_dry=words.dry_run))
    return 0


def _clean(words: Words, world: World) -> int:
    from provenv.flows.store_prune import clean_cache
    from provenv.show.text import bytes_text

    say(words, f"Removed {bytes_text(clean_cache(world))} from {world.cache}")
    return 0


def _directory(words: Words, world: World) -> int:
    sys.stdout.write(world.cache + "\n")
    return 0


def _cache_size(words: Words, world: World) -> int:
    from provenv.flows.store_prune import size_of_cache
    from provenv.show.text import bytes_text

    size = size_of_cache(world)
    sys.stdout.write((bytes_text(size) if words.human else str(size)) + "\n")
    return 0


_STORE: Mapping[str, Callable[[Words, World], int]] = {
    "path": _path,
    "prune": _prune,
    "size": _size,
    "verify": _verify,
}
_CACHE: Mapping[str, Callable[[Words, World], int]] = {
    "clean": _clean,
    "dir": _directory,
    "prune": _prune,
    "size": _cache_size,
}
