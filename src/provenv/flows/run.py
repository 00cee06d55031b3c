"""Runs a command inside an environment. On the warm path."""

from __future__ import annotations

import os

from provenv.errors import UsageError

__all__ = ["Found", "become", "command_environment", "execute", "find_program"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn


class Found:
    """A program with its words and variables, ready to be become."""

    __slots__ = ("program", "variables", "words")

    def __init__(self, program: str, words: list[str], variables: dict[str, str]) -> None:
        self.program = program
        self.words = words
        self.variables = variables


def find_program(environment: str, command: Sequence[str], variables: Mapping[str, str]) -> Found | None:
    """The program of a command: its name is looked up in the environment first, then on PATH.

    A path to a ``.py`` file is given to the environment's Python.
    """
    fresh = command_environment(environment, variables)
    words = list(command)
    if words[0].endswith(".py") and os.path.isfile(words[0]):
        words.insert(0, "python")
    program = _program(words[0], fresh["PATH"])
    return None if program is None else Found(program, words, fresh)


def become(found: Found) -> NoReturn:
    """Replace this process. Raises UsageError when the system refuses."""
    try:
        os.execve(found.program, found.words, found.variables)
    except OSError as error:
        raise UsageError(f"{found.program}: cannot be run: {error.strerror}") from error


def execute(environment: str, command: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    """Become the command: its exit code and its signals are then the command's own.

    Raises UsageError when there is no such program.
    """
    found = find_program(environment, command, variables)
    if found is None and command[0].endswith((".py", ".pyw")):
        raise UsageError(f"there is no file `{command[0]}`", hint="a script is named by its path from this directory")
    if found is None:
        raise UsageError(
            f"there is no program `{command[0]}` in {environment} or on PATH",
            hint="install the package that brings it with `provenv add`, or give --with PACKAGE",
        )
    become(found)


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
