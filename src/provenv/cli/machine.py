"""``provenv machine``: the facts of this machine, to look at and to keep."""

from __future__ import annotations

import os
import sys

from provenv.cli.telling import say
from provenv.cli.words import Words
from provenv.flows.machine import machine_here
from provenv.flows.world import World

__all__ = ["machine"]


def machine(words: Words, world: World) -> int:
    """``provenv machine COMMAND``: it needs neither a project nor a lock."""
    hardware = machine_here(world)
    if words.machine_command == "show":
        from provenv.show.machine import machine_document, machine_text

        text = machine_document(hardware) if words.json else machine_text(hardware, has_colour=words.has_colour)
        sys.stdout.write(text + "\n")
        return 0
    from provenv.model.hardware_file import to_toml

    text = to_toml(hardware)
    if words.output:
        from provenv.flows import files

        path = os.path.abspath(words.output)
        files.replace(path, text.encode())
        say(words, f"Recorded this machine in {path}")
    else:
        sys.stdout.write(text)
    return 0
