"""The words of ``provenv tool``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

from provenv.cli.shared_options import choosing_options

__all__ = ["tool_options"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command: TypeAlias = Callable[[Commands, str, str], argparse.ArgumentParser]


def tool_options(to: argparse.ArgumentParser, command: Command) -> None:
    """Add the commands of ``tool``; ``command`` makes one."""
    commands = to.add_subparsers(dest="tool_command", metavar="COMMAND", title="commands", required=True)
    run = command(commands, "run", "run a program of a package, in an environment of its own")
    run.usage = "provenv tool run [OPTIONS] NAME[@VERSION] [ARGUMENTS ...]"
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="NAME", help="the program, with its arguments")
    run.add_argument("--from", dest="from_", metavar="PACKAGE", help="the package that has it, if its name is another")
    _additions(run)
    run.add_argument("--isolated", action="store_true", help="not the one that is installed")
    run.add_argument("--env-file", metavar="FILE", action="append", default=[], help="set the variables of FILE")
    run.add_argument("--no-env-file", action="store_true", help="read no such file, whatever PROVENV_ENV_FILE says")
    choosing_options(run)

    install = command(commands, "install", "install a package, and link its programs to a directory on PATH")
    install.add_argument("package", metavar="PACKAGE", help="as `ruff`, `ruff@0.6.0`, `ruff>=0.6`, a URL or a path")
    _additions(install)
    install.add_argument("-e", "--editable", action="store_true", help="PACKAGE is a directory, used as it is")
    install.add_argument("--force", action="store_true", help="replace programs of others, and install anew")
    install.add_argument("-U", "--upgrade", action="store_true", help="take the newest version")
    choosing_options(install)

    upgrade = command(commands, "upgrade", "bring tools to the newest versions that they were asked for with")
    _named(upgrade)
    choosing_options(upgrade)

    _named(command(commands, "uninstall", "remove tools"))
    told = command(commands, "list", "list the installed tools and their programs")
    told.add_argument("--show-paths", action="store_true", help="where they are")
    told.add_argument("--show-version-specifiers", action="store_true", help="what was asked for")
    place = command(commands, "dir", "tell where tools are kept")
    place.add_argument("--bin", action="store_true", help="where their programs are linked instead")
    command(commands, "update-shell", "tell how to put that directory on PATH")


def _additions(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "-w",
        "--with",
        dest="with_",
        metavar="REQUIREMENT",
        action="append",
        default=[],
        help="a package beside it; may be repeated",
    )
    to.add_argument("--with-editable", metavar="DIR", action="append", default=[], help="a directory beside it")
    to.add_argument("--with-requirements", metavar="FILE", action="append", default=[], help="the packages of a file")


def _named(to: argparse.ArgumentParser) -> None:
    to.add_argument("names", nargs="*", metavar="NAME")
    to.add_argument("--all", action="store_true", help="all of them")
