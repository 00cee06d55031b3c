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

_FORMAT = 5
"""Of what is remembered."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.flows.aimed import Aim
    from provenv.flows.world import World


def aim(world: World) -> Aim:
    """Read and understand the project of a world. Raises InputError, or Unavailable without a Python."""
    data = world.project_data()
    pin = files.read_if_there(os.path.join(world.directory, ".python-version"))
    key = digest(
        _FORMAT, provenv.__version__, data, pin, world.python_request, world.search_path, world.default_index,
        world.indexes,
        world.find_links, environment_stamp(world.environment_directory), sorted(world.policy.items()),
        world.uses_sources, world.needs_files, world.has_index, world.is_only_here,
    )  # fmt: skip
    known: tuple[Aim, tuple[int, ...], str | None, list[tuple[int, ...]]] | None = recall(world.cache, "aims", key)
    if known is not None:
        understood, stamp, directory, facts = known
        if (
            directory in (None, world.directory)
            and stamp == _stamp_of(understood["interpreter"])
            and facts == [_stamp_of(path) for path in understood["watched"]]
        ):
            return understood
    from provenv.flows.parse_aim import parse_aim

    fresh = parse_aim(world, data, pin)
    # A path in the project file means another place in another directory; without one, a copy of a project is known.
    stamp, directory = _stamp_of(fresh["interpreter"]), world.directory if _is_local(fresh) else None
    facts = [_stamp_of(path) for path in fresh["watched"]]
    if not _holds_secrets(fresh):
        remember(world.cache, "aims", key, (fresh, stamp, directory, facts))
    return fresh


def _holds_secrets(aimed: Aim) -> bool:
    """Whether an address has a token in its query, which nothing may write down. User and password are not in it."""
    from provenv.net.secrets import redact

    urls = [url for _, url, *_ in aimed["locations"]]
    urls += [one["url"] for target in aimed["targets"] for one in target["references"].values()]
    return any("?" in url and redact(url) != url for url in urls)


def _is_local(aimed: Aim) -> bool:
    """Whether the aim names places that lie elsewhere when the project does."""
    if aimed["watched"] or any(url.startswith("file:") for _, url, *_ in aimed["locations"]):
        return True
    for target in aimed["targets"]:
        sources = [*target["references"].values()]
        for forked in target["forked"].values():
            sources += [source for source in forked.values() if not isinstance(source, str)]
        if any(source["kind"] == "directory" or source["url"].startswith("file:") for source in sources):
            return True
    return False


def _stamp_of(path: str | None) -> tuple[int, ...]:
    if path is None:
        return ()
    try:
        status = os.stat(path)
    except OSError:
        return (0,)
    return status.st_mtime_ns, status.st_size, status.st_ino
