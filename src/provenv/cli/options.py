"""The words of the command line. Where uv has the same job, the flag has uv's name and meaning."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from provenv import __version__
from provenv.cli.machine_options import machine_options
from provenv.cli.prove_options import prove_options
from provenv.cli.shared_options import (
    common_options,
    index_options,
    installer_options,
    interpreter_options,
    lock_mode_options,
    omission_options,
    part_options,
    policy_options,
    result_options,
    script_option,
    upgrade_options,
)
from provenv.cli.store_options import cache_options, store_options
from provenv.cli.tool_options import tool_options

__all__ = ["parser"]


def parser(word: str = "") -> argparse.ArgumentParser:
    """The parser of all commands; each sets ``command``.

    Of a command line whose first ``word`` is a command it only has that one: all of them take 8 ms to make.
    """
    top = argparse.ArgumentParser(
        prog="provenv",
        description="Python environments that are proven before they run.",
        epilog="Run `provenv help COMMAND` or `provenv COMMAND --help` for the flags of one command.",
        allow_abbrev=False,
    )
    top.add_argument("-V", "--version", action="version", version=f"provenv {__version__}")
    common_options(top, argparse.SUPPRESS)
    # Told a name: on some Pythons argparse else formats its own usage to find it, which loads half a dozen modules.
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog=top.prog)
    for name, (text, fill) in _COMMANDS.items():
        if word not in _COMMANDS or word == name:
            fill(_command(commands, name, text))
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
    common_options(made, argparse.SUPPRESS)
    return made


def _init(to: argparse.ArgumentParser) -> None:
    to.add_argument("path", nargs="?", metavar="PATH", help="directory of the new project, or the new script")
    to.add_argument("--script", action="store_true", help="start a script with inline metadata (PEP 723) instead")
    to.add_argument("--name", help="name of the project; otherwise that of the directory")
    to.add_argument("--bare", action="store_true", help="write pyproject.toml only")
    interpreter_options(to)


def _place(to: argparse.ArgumentParser) -> None:
    place = to.add_mutually_exclusive_group()
    place.add_argument("--dev", action="store_true", help="in the group `dev`")
    place.add_argument("--group", metavar="NAME", help="in this dependency group")
    place.add_argument("--optional", metavar="EXTRA", help="in this optional dependency")


def _edit(to: argparse.ArgumentParser) -> None:
    to.add_argument("--package", metavar="NAME", help="the workspace member whose project file is edited")
    script_option(to)
    _place(to)
    interpreter_options(to)
    index_options(to)
    policy_options(to)
    to.add_argument("--no-sync", action="store_true", help="lock only")
    to.add_argument("--frozen", action="store_true", help="edit only: neither lock nor sync")
    installer_options(to)
    result_options(to)


def _add(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "packages",
        nargs="*",
        metavar="REQUIREMENT",
        help="as `numpy`, `numpy>=2`, `torch[extra]==2.9`, a URL, `git+https://...`, or a path as `./directory`",
    )
    group = to.add_argument_group("what to add")
    group.add_argument(
        "-r",
        "--requirements",
        "--requirement",
        metavar="FILE",
        action="append",
        default=[],
        help="everything that a requirements file asks for; may be repeated",
    )
    group.add_argument(
        "-c",
        "--constraints",
        "--constraint",
        metavar="FILE",
        action="append",
        default=[],
        help="bounds for the versions chosen now, which are not written down; may be repeated",
    )
    group.add_argument("--extra", metavar="NAME", action="append", default=[], help="with this extra; may be repeated")
    group.add_argument("-m", "--marker", metavar="MARKER", help="only where this environment marker is true")
    group.add_argument(
        "--bounds",
        choices=("lower", "major", "minor", "exact"),
        default="lower",
        help="the bounds a bare name gets from the version that is chosen",
    )
    group.add_argument("--raw", action="store_true", help="add the words as they are: no bounds, no `sources`")
    _origin(to)
    _edit(to)


def _origin(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("where it comes from")
    state = group.add_mutually_exclusive_group()
    state.add_argument("--rev", metavar="REV", help="the commit of a git repository")
    state.add_argument("--tag", metavar="TAG", help="the tag of a git repository")
    state.add_argument("--branch", metavar="BRANCH", help="the branch of a git repository")
    group.add_argument("--editable", action="store_true", help="a directory that is worked on")
    group.add_argument(
        "--workspace",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="a directory that becomes a member of the workspace; the default for those below it",
    )


def _remove(to: argparse.ArgumentParser) -> None:
    to.add_argument("packages", nargs="+", metavar="NAME")
    _edit(to)


def _lock(to: argparse.ArgumentParser) -> None:
    modes = to.add_mutually_exclusive_group()
    modes.add_argument(
        "--check", "--locked", action="store_true", dest="check", help="fail if the lock is missing or out of date"
    )
    modes.add_argument("--dry-run", action="store_true", help="say what would change, write nothing")
    proofs = to.add_mutually_exclusive_group()
    proofs.add_argument(
        "--prove",
        action="store_true",
        help="download and read what was chosen, prove it for declared machines, and keep in the lock what was read",
    )
    proofs.add_argument("--no-prove", action="store_true", help="do not prove what was chosen for declared machines")
    script_option(to)
    upgrade_options(to)
    interpreter_options(to)
    index_options(to)
    policy_options(to)
    result_options(to)


def _sync(to: argparse.ArgumentParser) -> None:
    modes = to.add_mutually_exclusive_group()
    modes.add_argument(
        "--check", action="store_true", help="fail if the environment is not what the lock says; change nothing"
    )
    modes.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
    _target(to)
    script_option(to)
    lock_mode_options(to)
    part_options(to)
    omission_options(to)
    upgrade_options(to)
    interpreter_options(to)
    index_options(to)
    policy_options(to)
    installer_options(to)
    result_options(to)


def _target(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--target",
        metavar="NAME",
        help="which target of the lock this machine is, where several would do; the environment then stays with it",
    )


def _run(to: argparse.ArgumentParser) -> None:
    to.usage = "provenv run [OPTIONS] COMMAND [ARGUMENTS ...]"
    to.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run, with its arguments")
    to.add_argument(
        "--with",
        dest="with_",
        metavar="REQUIREMENT",
        action="append",
        default=[],
        help="add this for one run; may be repeated",
    )
    to.add_argument(
        "--with-editable",
        metavar="DIR",
        action="append",
        default=[],
        help="the same for a directory that is worked on; may be repeated",
    )
    to.add_argument(
        "--with-requirements",
        metavar="FILE",
        action="append",
        default=[],
        help="the same for everything in a requirements file; may be repeated",
    )
    to.add_argument("-m", "--module", action="store_true", help="COMMAND is a Python module, as for `python -m`")
    to.add_argument("-s", "--script", action="store_true", help="COMMAND is a Python script, whatever its name")
    to.add_argument(
        "--env-file",
        metavar="FILE",
        action="append",
        default=[],
        help="set the variables that FILE names; may be repeated",
    )
    to.add_argument("--no-env-file", action="store_true", help="read no such file, whatever PROVENV_ENV_FILE says")
    to.add_argument("--no-sync", action="store_true", help="use the environment as it is")
    to.add_argument("--exact", action="store_true", help="remove what the lock does not name")
    _target(to)
    to.add_argument("--no-project", action="store_true", help="ignore any project: only what --with names")
    lock_mode_options(to)
    part_options(to)
    omission_options(to)
    interpreter_options(to)
    index_options(to)
    policy_options(to)
    installer_options(to)


def _why(to: argparse.ArgumentParser) -> None:
    to.add_argument("package", metavar="PACKAGE", help="a package of the lock")
    to.add_argument("--target", metavar="NAME", help="the target to speak of; otherwise the first one")
    lock_mode_options(to)
    interpreter_options(to)
    index_options(to)
    policy_options(to)
    result_options(to)


def _tree(to: argparse.ArgumentParser) -> None:
    to.add_argument("--depth", type=int, metavar="N", help="show so many levels")
    to.add_argument("--invert", action="store_true", help="show who needs a package instead")
    to.add_argument(
        "--package", metavar="NAME", action="append", default=[], help="begin at this package; may be repeated"
    )
    to.add_argument("--target", metavar="NAME", help="the target to show; otherwise the first one that the lock has")
    to.add_argument("--no-dev", action="store_true", help="leave out the group `dev`")
    to.add_argument(
        "--prune",
        metavar="NAME",
        action="append",
        default=[],
        help="leave out this package and what only it needs",
    )
    to.add_argument("--no-dedupe", action="store_true", help="unfold a package wherever it stands")
    to.add_argument("--outdated", action="store_true", help="tell the newest version of what is older than it")
    to.add_argument("--show-sizes", action="store_true", help="tell the sizes of what would be downloaded")
    script_option(to)
    lock_mode_options(to)
    interpreter_options(to)
    index_options(to)
    policy_options(to)
    result_options(to)


def _verify(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--repair", action="store_true", help="restore what differs, from the store or the index, and compare again"
    )
    to.add_argument(
        "--environment",
        "--venv",
        metavar="DIR",
        help="the environment to look at, whoever made it; otherwise the project's",
    )
    to.add_argument(
        "--against",
        metavar="FILE",
        help="a lock: pylock.toml, uv.lock, poetry.lock, pdm.lock or requirements with hashes",
    )
    to.add_argument("--inexact", action="store_true", help="packages that the lock does not name are no failure")
    part_options(to)
    omission_options(to)
    to.add_argument("--no-editable", action="store_true", help="local directories were installed as they were")
    interpreter_options(to)
    index_options(to)
    result_options(to)


def _doctor(to: argparse.ArgumentParser) -> None:
    to.add_argument("--strict", action="store_true", help="exit with 1 for warnings, too")
    result_options(to)


def _export(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--format", choices=("requirements.txt", "requirements", "pylock.toml", "pylock"), default="requirements.txt"
    )
    to.add_argument("-o", "--output-file", metavar="FILE", help="write to FILE instead of stdout")
    to.add_argument(
        "--hashes",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="write hashes; otherwise only if every package has one, for pip wants all or none",
    )
    to.add_argument("--no-header", action="store_true", help="leave out the first comment")
    to.add_argument("--no-editable", action="store_true", help="local directories as they are now")
    to.add_argument("--target", metavar="NAME", help="the target to export; otherwise this machine")
    script_option(to)
    lock_mode_options(to)
    part_options(to)
    omission_options(to, "emit")
    interpreter_options(to)
    index_options(to)
    policy_options(to)


def _help(to: argparse.ArgumentParser) -> None:
    to.add_argument("topic", nargs="?", metavar="COMMAND")


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "init": ("start a project in this directory or in PATH", _init),
    "add": ("add requirements to pyproject.toml, lock and sync", _add),
    "remove": ("remove requirements from pyproject.toml, lock and sync", _remove),
    "lock": ("choose the exact files for every target and write pylock.toml", _lock),
    "sync": ("make the environment exactly what the lock says", _sync),
    "run": ("run a command in the environment, synced first if needed", _run),
    "machine": ("show or record the facts of this machine", lambda to: machine_options(to, _command)),
    "tree": ("show the lock as a tree of dependencies", _tree),
    "why": ("tell who needs a package and why it is no newer version", _why),
    "verify": ("compare the environment with the lock, byte by byte", _verify),
    "prove": ("say what will run on which machine, from the bytes of the wheels", prove_options),
    "doctor": ("examine this machine and this project, and tell what to put right", _doctor),
    "export": ("write what this machine installs as a plain file for any installer", _export),
    "tool": ("run and install programs of packages", lambda to: tool_options(to, _command)),
    "store": ("verify, measure and prune what this computer keeps", lambda to: store_options(to, _command)),
    "cache": ("manage the cache, of which the store is a part", lambda to: cache_options(to, _command)),
    "help": ("show the flags of a command", _help),
}
"""What each command does, in the order of the help, and what adds its flags."""
