"""Checks the top of a script's metadata: PEP 723 knows three keys, and a slip of the pen must not be ignored."""

from __future__ import annotations

import difflib
import tomllib

import tomlkit

from provenv.errors import InputError
from provenv.events import Events
from provenv.model.script import KEYS, Block

__all__ = ["known_keys_only"]


def known_keys_only(block: Block, where: str, events: Events) -> bytes:
    """The block's content without keys that mean nothing here; of these the user is warned.

    Raises InputError when one looks like a known one. What is no TOML is left to whoever reads the project.
    """
    try:
        document = tomllib.loads(block.content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return block.content
    strange = [key for key in document if key not in KEYS]
    if not strange:
        return block.content
    for key in strange:
        if close := difflib.get_close_matches(key, KEYS, 1):
            raise InputError(f"{where}: {key}", f"unknown key; did you mean `{close[0]}`?")
        events.warned(f"{where}: `{key}` means nothing in a script: known are {', '.join(KEYS)}")
    edited = tomlkit.parse(block.content.decode())
    for key in strange:
        del edited[key]
    return tomlkit.dumps(edited).encode()
