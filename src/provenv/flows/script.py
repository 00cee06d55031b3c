"""A script with inline metadata (PEP 723), read and edited as the project that it is. On the warm path."""

from __future__ import annotations

import os

from provenv.errors import InputError
from provenv.flows import files
from provenv.flows.memory import digest, recall, remember
from provenv.model.script import Block, find_block, with_block

__all__ = ["block_of", "is_script", "project_of", "put_project", "text_of", "with_project"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from provenv.events import Events

    class Place(Protocol):
        """What a script needs of the world that it stands in."""

        @property
        def cache(self) -> str:
            """Where what was read is remembered."""

        @property
        def events(self) -> Events:
            """Who hears of keys that have no effect."""

        @property
        def script(self) -> str | None:
            """The script that is the project."""

else:
    Place = object

_HINT = "run `provenv init --script FILE` to start one"
_HEADER = b"[project]\n"


def is_script(path: str) -> bool:
    """Whether a file has inline metadata. Raises InputError when it has it, but in a form that cannot be."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return False
    return find_block(data, path) is not None


def block_of(path: str) -> Block:
    """The block of a script. Raises InputError when there is no script, or it has no metadata."""
    data = files.read(path, _HINT)
    if (block := find_block(data, path)) is None:
        raise InputError(
            path,
            "has no inline metadata (`# /// script`)",
            hint=f"run `provenv init --script {os.path.basename(path)}`",
        )
    return block


def project_of(world: Place, data: bytes) -> bytes:
    """What the block of the world's script says, as a ``pyproject.toml``; of a script without one, an empty project."""
    assert world.script is not None
    block = find_block(data, world.script)
    return _HEADER if block is None else text_of(world, block, world.script)


def text_of(world: Place, block: Block, where: str) -> bytes:
    """What a block says, as a ``pyproject.toml``. Raises InputError for a key that looks like a slip of the pen."""
    key = digest(block.content)
    known = recall(world.cache, "scripts", key)
    if known is None:
        from provenv.flows.script_keys import known_keys_only

        known = known_keys_only(block, where, world.events)
        remember(world.cache, "scripts", key, known)
    return Block(known, line=block.line, start=block.start, end=block.end).as_project()


def put_project(path: str, data: bytes) -> None:
    """Replace the block of a script, or begin it, so that it says what the project file ``data`` says."""
    files.replace(path, with_project(path, data))


def with_project(path: str, data: bytes) -> bytes:
    """A script as it is, but for its block, which says what the project file ``data`` says."""
    header, found, content = data.lstrip(b"\n").partition(_HEADER)
    assert found
    assert not header, "what was read as a project begins with its table"
    script = files.read(path, _HINT)
    return with_block(script, content, find_block(script, path))
