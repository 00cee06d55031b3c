"""Where the interpreter of an environment lies, when it was made, and who may change it. On the warm path."""

from __future__ import annotations

import os

__all__ = ["alone", "check_finished", "environment_program", "environment_stamp", "is_only_damaged"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenv.env.hold import Hold
    from provenv.flows.world import World


def alone(world: World, directory: str) -> Hold:
    """Held by the one process that changes an environment, or all of what lies in ``directory``."""
    from provenv.env.hold import Hold
    from provenv.flows.memory import digest

    fallback = os.path.join(world.cache, "guards", digest(os.path.realpath(directory)))
    return Hold(directory, fallback, world.events)


def check_finished(root: str) -> None:
    """InstallError when the last change of an environment of ours did not end: nobody knows what is in it.

    One that another tool made has no mark of ours, and is used as it is.
    """
    from provenv.env.receipt import is_unfinished
    from provenv.errors import InstallError

    if is_unfinished(root):
        raise InstallError(
            f"{root} is unfinished: a change of it was begun and did not end",
            hint="run `provenv sync`, or leave out --no-sync",
        )


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


def is_only_damaged(root: str, damaged: Sequence[str]) -> bool:
    """Whether it is still the environment of its receipt, of whose own files these are no longer what they were.

    Who makes another environment in its place writes both the settings and the link to the interpreter.
    """
    program = os.path.relpath(environment_program(root), root).replace(os.sep, "/")
    return "pyvenv.cfg" not in damaged or program not in damaged
