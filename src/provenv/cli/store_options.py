"""The words of ``provenv store`` and ``provenv cache``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["cache_options", "store_options"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command: TypeAlias = Callable[[Commands, str, str], argparse.ArgumentParser]


def store_options(to: argparse.ArgumentParser, command: Command) -> None:
    """Add the commands of ``store``; ``command`` makes one."""
    commands = to.add_subparsers(dest="store_command", metavar="COMMAND", title="commands", required=True)
    verify = command(commands, "verify", "compare every byte of the store with its hash")
    verify.add_argument("--repair", action="store_true", help="make whole what is rotten; what cannot be, is put aside")
    _json(verify)
    size = command(commands, "size", "tell how large the store is, by kind")
    _json(size)
    command(commands, "path", "tell where the store is")
    prune = command(commands, "prune", "remove what no environment uses and nobody used lately")
    _pruning(prune)
    _json(prune)


def cache_options(to: argparse.ArgumentParser, command: Command) -> None:
    """Add the commands of ``cache``."""
    commands = to.add_subparsers(dest="cache_command", metavar="COMMAND", title="commands", required=True)
    command(commands, "clean", "remove the whole cache, the store with it")
    prune = command(commands, "prune", "the same as `provenv store prune`")
    _pruning(prune)
    _json(prune)
    command(commands, "dir", "tell where the cache is")
    size = command(commands, "size", "tell how large the cache is, in bytes")
    size.add_argument("-H", "--human", action="store_true", help="in units that people read")


def _pruning(to: argparse.ArgumentParser) -> None:
    to.add_argument("--dry-run", action="store_true", help="only tell what would be removed")
    to.add_argument(
        "--older-than", metavar="DAYS", type=float, default=30.0, help="keep what was used in these days (30)"
    )
    to.add_argument("--all", action="store_true", help="also what is in use; environments keep their files")
    to.add_argument("--blobs", action="store_true", help="also wheels that are unpacked; repairs then download them")


def _json(to: argparse.ArgumentParser) -> None:
    to.add_argument("--json", action="store_true", help="print the result as JSON")
