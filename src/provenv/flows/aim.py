"""Aims a project at its targets: every marker of the project evaluated, every place to look named.

The result is a plain value that is remembered until the project file, the interpreter or the choices change, so that a
warm command parses no TOML and no requirement. This module is on the warm path; ``parse_aim`` is off it.
"""

from __future__ import annotations

import os

import provenv
from provenv.flows import files
from provenv.flows.memory import digest, recall, remember

__all__ = ["AimedTarget", "aim"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from provenv.flows.world import World
    from provenv.universe.view import Row

    class AimedTarget(TypedDict):
        """One target, ready for the solver."""

        name: str
        key: str
        """Digest of environment and tags: names the views."""
        environment: dict[str, str]
        tags: list[str]
        rows: list[tuple[Row, str, str]]
        """Row, the place that wrote it, and its section (``""``, ``extra:NAME``, ``group:NAME``)."""
        urls: dict[str, str]
        """Packages that are direct references, with their URL."""

    class Aim(TypedDict):
        """A project as the flows see it."""

        name: str | None
        requires_python: str | None
        extras: list[str]
        groups: list[str]
        default_groups: list[str]
        targets: list[AimedTarget]
        locations: list[tuple[str, str, str]]
        """Name, URL and kind of every place to look, in order."""
        index_key: str
        inputs: dict[str, Any]
        """What the lock records of the project, to know later whether it is still right."""
        texts: dict[str, str]
        """Place -> requirement as written."""
        interpreter: str | None
        """The interpreter that stands for this machine; None when all targets are declared."""

else:
    AimedTarget = dict
    Aim = dict


def aim(world: World) -> Aim:
    """Read and understand the project of a world. Raises InputError, or Unavailable without a Python."""
    data = files.read(world.project_file, "run `provenv init` to start a project, or name one with --project")
    pin = files.read_if_there(os.path.join(world.directory, ".python-version"))
    key = digest(
        provenv.__version__, world.directory, data, pin, world.python_request, world.search_path, world.default_index,
        world.indexes, world.find_links, _stamp(world.environment_directory),
    )  # fmt: skip
    known: tuple[Aim, tuple[int, ...]] | None = recall(world.cache, "aims", key)
    if known is not None and known[1] == _program_stamp(known[0]["interpreter"]):
        return known[0]
    from provenv.flows.parse_aim import parse_aim

    fresh = parse_aim(world, data, pin)
    remember(world.cache, "aims", key, (fresh, _program_stamp(fresh["interpreter"])))
    return fresh


def _stamp(environment: str) -> tuple[int, int] | None:
    """Changes when the environment is made again, perhaps with another interpreter."""
    try:
        status = os.stat(os.path.join(environment, "pyvenv.cfg"))
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _program_stamp(program: str | None) -> tuple[int, ...]:
    if program is None:
        return ()
    try:
        status = os.stat(program)
    except OSError:
        return (0,)
    return status.st_mtime_ns, status.st_size, status.st_ino
