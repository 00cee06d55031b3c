"""Runs a command inside an environment. On the warm path."""

from __future__ import annotations

import os

from provenv.errors import UsageError

__all__ = ["command_environment", "execute"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn


def execute(environment: str, command: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    """Become the command: its exit code and its signals are then the command's own.

    A name is looked up in the environment first; a path to a ``.py`` file is given to the environment's Python.
    Raises UsageError when there is no such program.
    """
    fresh = command_environment(environment, variables)
    words = list(command)
    if words[0].endswith(".py") and os.path.isfile(words[0]):
        words.insert(0, "python")
    program = _program(words[0], fresh["PATH"])
    if program is None:
        raise UsageError(
            f"there is no program `{words[0]}` in {environment} or on PATH",
            hint="install the package that brings it with `provenv add`, or give --with PACKAGE",
        )
    try:
        os.execve(program, words, fresh)
    except OSError as error:
        raise UsageError(f"{program}: cannot be run: {error.strerror}") from error


def command_environment(environment: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a command: as after ``activate``."""
    fresh = dict(variables)
    scripts = os.path.join(environment, "Scripts" if os.name == "nt" else "bin")
    fresh["PATH"] = os.pathsep.join(filter(None, [scripts, variables.get("PATH", os.defpath)]))
    fresh["VIRTUAL_ENV"] = environment
    fresh.pop("PYTHONHOME", None)
    return fresh


def _program(name: str, search_path: str) -> str | None:
    if os.sep in name:
        return name if os.path.isfile(name) else None
    for directory in search_path.split(os.pathsep):
        path = os.path.join(directory, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
