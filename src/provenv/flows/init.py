"""Starts a project."""

from __future__ import annotations

import os
import re

from packaging.utils import canonicalize_name

from provenv.errors import InputError, UsageError
from provenv.flows import files
from provenv.flows.python import interpreter_of
from provenv.flows.world import World
from provenv.model.script import find_block, with_block

__all__ = ["begin_script", "init", "init_script"]

_PROGRAM = """

def main() -> None:
    print("Hello from {name}!")


if __name__ == "__main__":
    main()
"""


def init(world: World, name: str | None = None, *, is_bare: bool = False) -> str:
    """Write ``pyproject.toml`` (and ``main.py`` unless bare) into the directory of the world; the project's name.

    Raises InputError when there is a project already.
    """
    if os.path.exists(world.project_file):
        raise InputError(world.project_file, "there is a project here already")
    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(os.path.abspath(world.directory))).strip("-._")
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name or ""):
        raise UsageError(f"`{name}` is not a valid project name", hint="give one with --name")
    minor = interpreter_of(world, None, None).minor
    os.makedirs(world.directory, exist_ok=True)
    text = (
        f'[project]\nname = "{canonicalize_name(name)}"\nversion = "0.1.0"\n'
        f'requires-python = ">={minor[0]}.{minor[1]}"\ndependencies = []\n'
    )
    files.replace(world.project_file, text.encode())
    program = os.path.join(world.directory, "main.py")
    if not is_bare and not os.path.exists(program):
        files.replace(program, f'print("Hello from {canonicalize_name(name)}!")\n'.encode())
    return str(canonicalize_name(name))


def init_script(world: World) -> None:
    """Start the script of the world, or give inline metadata to the file that is there.

    Raises InputError when it has some already.
    """
    assert world.script is not None
    data = files.read_if_there(world.script)
    if data is not None and find_block(data, world.script) is not None:
        raise InputError(
            world.script, "is a script with inline metadata already", hint="`provenv add --script` adds to it"
        )
    if data is None:
        os.makedirs(world.directory, exist_ok=True)
        data = _PROGRAM.format(name=os.path.basename(world.script)).encode()
    files.replace(world.script, with_block(data, _first_block(world), None))


def begin_script(world: World) -> None:
    """Give the script of the world inline metadata, if it has none. Raises InputError when there is no such file."""
    assert world.script is not None
    data = files.read(world.script, f"`provenv init --script {os.path.basename(world.script)}` starts it")
    if find_block(data, world.script) is None:
        files.replace(world.script, with_block(data, _first_block(world), None))


def _first_block(world: World) -> bytes:
    major, minor = interpreter_of(world, None, None).minor
    return f'requires-python = ">={major}.{minor}"\ndependencies = []\n'.encode()
