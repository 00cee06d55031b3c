"""Aims a project at its targets: every marker of the project evaluated, every place to look named.

The result is a plain value that is remembered until the project file, the interpreter or the choices change, so that a
warm command parses no TOML and no requirement. This module is on the warm path; ``parse_aim`` is off it.
"""

from __future__ import annotations

import os

import provenv
from provenv.flows import files
from provenv.flows.environment import environment_stamp
from provenv.flows.memory import digest, recall, remember

__all__ = ["aim"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.aimed import Aim
    from provenv.flows.world import World


def aim(world: World) -> Aim:
    """Read and understand the project of a world. Raises InputError, or Unavailable without a Python."""
    data = files.read(world.project_file, "run `provenv init` to start a project, or name one with --project")
    pin = files.read_if_there(os.path.join(world.directory, ".python-version"))
    key = digest(
        provenv.__version__, data, pin, world.python_request, world.search_path, world.default_index, world.indexes,
        world.find_links, environment_stamp(world.environment_directory),
    )  # fmt: skip
    known: tuple[Aim, tuple[int, ...], str | None] | None = recall(world.cache, "aims", key)
    if known is not None:
        understood, stamp, directory = known
        if directory in (None, world.directory) and stamp == _program_stamp(understood["interpreter"]):
            return understood
    from provenv.flows.parse_aim import parse_aim

    fresh = parse_aim(world, data, pin)
    # A path in the project file means another place in another directory; without one, a copy of a project is known.
    is_local = any(url.startswith("file:") for _, url, *_ in fresh["locations"])
    stamp, directory = _program_stamp(fresh["interpreter"]), world.directory if is_local else None
    remember(world.cache, "aims", key, (fresh, stamp, directory))
    return fresh


def _program_stamp(program: str | None) -> tuple[int, ...]:
    if program is None:
        return ()
    try:
        status = os.stat(program)
    except OSError:
        return (0,)
    return status.st_mtime_ns, status.st_size, status.st_ino
