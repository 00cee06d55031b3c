"""The words of ``provenv machine``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["machine_options"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command: TypeAlias = Callable[[Commands, str, str], argparse.ArgumentParser]


def machine_options(to: argparse.ArgumentParser, command: Command) -> None:
    """Add the commands of ``machine``; ``command`` makes one."""
    commands = to.add_subparsers(dest="machine_command", metavar="COMMAND", title="commands", required=True)
    show = command(commands, "show", "show driver, GPUs, C libraries and processor of this machine")
    show.add_argument("--json", action="store_true", help="print all facts as JSON")
    record = command(commands, "record", "print these facts as a file that a target can name")
    record.add_argument("-o", "--output", metavar="FILE", help="write them to FILE instead")
