"""Remembers that words had nothing to do, for the fast start (``quick``) to know the next time."""

from __future__ import annotations

import os

from provenv.cli.quick import Stamp, stamp_path, words_of
from provenv.store.boot import BOOT

__all__ = ["stamp", "stamp_synced"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provenv.cli.words import Words
    from provenv.flows.sync import Synced
    from provenv.flows.world import World


def stamp_synced(words: Words, world: World, variables: Mapping[str, str], message: str, synced: Synced) -> None:
    """Remember a sync that looked at every file and found nothing to do; after a change the next one looks again.

    What is remembered was seen after that look, so there is another one behind it: nothing wrong may be remembered.
    """
    if synced.plan.is_empty and not (synced.is_created or synced.is_restored):
        from provenv.flows.watch import watched

        has_files = words.argv[:1] == ["sync"]
        places, directories = watched(synced.environment, has_files=has_files)
        if synced.target is not None and synced.target.has_others:
            # Another driver, GPU or recorded machine, and another target may be the one that this machine is.
            from provenv.env.target_mark import NAME
            from provenv.flows.here import SIGNS

            places += [*SIGNS, os.path.join(synced.environment, NAME)]
            places += [world.machine_file] if world.machine_file is not None else []
        stamp(words, world, variables, message, places, directories)


def stamp(
    words: Words,
    world: World,
    variables: Mapping[str, str],
    message: str,
    places: Sequence[str] = (),
    directories: Sequence[str] = (),
) -> None:
    """Remember that these words now have nothing to do."""
    from provenv.flows.aim import aim

    typed = words_of(words.argv)
    if typed is None or getattr(words, "cache_dir", None) or getattr(words, "directory", None):
        return
    aimed = aim(world)
    if aimed["build_files"] is None:
        return
    contents = [world.project_file, world.lock_file, os.path.join(world.directory, ".python-version"), BOOT]
    here, below = os.getcwd(), ""
    while here != below:  # a project may appear between here and the root, or one further up that takes this one in
        contents.append(os.path.join(here, "pyproject.toml"))
        here, below = os.path.dirname(here), here
    try:
        made = Stamp.of(
            contents,
            [*places, *aimed["watched"], *aimed["build_files"]],
            world.environment_directory,
            directories,
            message,
        )
    except OSError:
        return  # somebody is changing the environment right now
    if directories:
        from provenv.flows.watch import is_as_written

        if not is_as_written(world.environment_directory):
            return
    made.save(stamp_path(typed, variables))
