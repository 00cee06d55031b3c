"""Where the interpreter of an environment lies, when it was made, and who may change it. On the warm path."""

from __future__ import annotations

import os

__all__ = ["alone", "environment_program", "environment_stamp"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.env.hold import Hold
    from provenv.flows.world import World


def alone(world: World, directory: str) -> Hold:
    """Held by the one process that changes an environment, or all of what lies in ``directory``."""
    from provenv.env.hold import Hold
    from provenv.flows.memory import digest

    fallback = os.path.join(world.cache, "guards", digest(os.path.realpath(directory)))
    return Hold(directory, fallback, world.events)


def environment_program(root: str) -> str:
    """The path of the interpreter inside an environment."""
    return os.path.join(root, "Scripts", "python.exe") if os.name == "nt" else os.path.join(root, "bin", "python")


def environment_stamp(environment: str) -> tuple[str, int, int] | None:
    """Changes when the environment is made again, perhaps with another interpreter."""
    try:
        status = os.stat(os.path.join(environment, "pyvenv.cfg"))
    except OSError:
        return None
    return environment, status.st_mtime_ns, status.st_size
