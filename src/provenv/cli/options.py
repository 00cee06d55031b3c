"""The words of the command line. Where uv has the same job, the flag has uv's name and meaning."""

from __future__ import annotations

import argparse

from provenv import __version__
from provenv.cli.tool_options import tool_options

__all__ = ["parser"]


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets ``command``."""
    top = argparse.ArgumentParser(
        prog="provenv",
        description="Python environments that are proven before they run.",
        epilog="Run `provenv help COMMAND` or `provenv COMMAND --help` for the flags of one command.",
        allow_abbrev=False,
    )
    top.add_argument("-V", "--version", action="version", version=f"provenv {__version__}")
    _common(top, argparse.SUPPRESS)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _init(_command(commands, "init", "start a project in this directory or in PATH"))
    _add(_command(commands, "add", "add requirements to pyproject.toml, lock and sync"))
    _remove(_command(commands, "remove", "remove requirements from pyproject.toml, lock and sync"))
    _lock(_command(commands, "lock", "choose the exact files for every target and write pylock.toml"))
    _sync(_command(commands, "sync", "make the environment exactly what the lock says"))
    _run(_command(commands, "run", "run a command in the environment, synced first if needed"))
    _tree(_command(commands, "tree", "show the lock as a tree of dependencies"))
    _why(_command(commands, "why", "tell who needs a package and why it is no newer version"))
    _export(_command(commands, "export", "write what this machine installs as a plain file for any installer"))
    tool_options(_command(commands, "tool", "run and install programs of packages"), _command, _choosing)
    told = commands.add_parser("help", help="show the flags of a command")
    told.add_argument("topic", nargs="?", metavar="COMMAND")
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
    _common(made, argparse.SUPPRESS)
    return made


def _common(to: argparse.ArgumentParser, default: str) -> None:
    group = to.add_argument_group("global options")
    group.add_argument("-q", "--quiet", action="store_true", default=default, help="say nothing but errors")
    group.add_argument("-v", "--verbose", action="store_true", default=default, help="say more")
    group.add_argument("--color", choices=("auto", "always", "never"), default=default, help="when to use colour")
    group.add_argument("--no-progress", action="store_true", default=default, help="show no progress bars")
    group.add_argument(
        "--project", metavar="DIR", default=default, help="the project to work on, found upwards from DIR"
    )
    group.add_argument("--directory", metavar="DIR", default=default, help="change to DIR first")
    group.add_argument("--cache-dir", metavar="DIR", default=default, help="where caches and the store are kept")
    group.add_argument("--offline", action="store_true", default=default, help="use no network, only what is cached")


def _interpreter(to: argparse.ArgumentParser) -> None:
    to.add_argument("-p", "--python", metavar="PYTHON", help="interpreter to use: a version, a name or a path")


def _indexes(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("index options")
    group.add_argument("--default-index", metavar="URL", help="the index to use instead of the default one")
    group.add_argument(
        "--index",
        metavar="[NAME=]URL",
        action="append",
        default=[],
        help="an index to look at first; may be repeated",
    )
    group.add_argument(
        "-f",
        "--find-links",
        metavar="PLACE",
        action="append",
        default=[],
        help="a directory or page of files; may be repeated",
    )
    group.add_argument("--refresh", action="store_true", help="ask the indexes again, whatever is cached")
    group.add_argument(
        "--keyring-provider",
        choices=("disabled", "subprocess"),
        help="whether the program `keyring` is asked for passwords",
    )


def _policy(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("resolver options")
    group.add_argument("--resolution", choices=("highest", "lowest", "lowest-direct"), help="which versions to prefer")
    group.add_argument(
        "--prerelease",
        choices=("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit"),
        help="when to use pre-releases",
    )
    group.add_argument(
        "--index-strategy",
        choices=("first-index", "unsafe-first-match", "unsafe-best-match"),
        help="how to choose among several indexes that have a package",
    )
    group.add_argument("--exclude-newer", metavar="DATE", help="only what was uploaded before a date, a time or a span")
    group.add_argument(
        "--exclude-newer-package", metavar="PACKAGE=DATE", action="append", help="the same for one package"
    )
    group.add_argument("--no-index", action="store_true", help="ask no index, only what --find-links names")
    group.add_argument(
        "--no-sources", action="store_true", help="leave the tables `sources` of projects out of account"
    )
    group = to.add_argument_group("build options")
    for word, what in (("build", "build no package from source"), ("binary", "use no wheel of an index")):
        group.add_argument(f"--no-{word}", action="store_true", default=None, help=what)
        group.add_argument(f"--{word}", action="store_false", dest=f"no_{word}", help=argparse.SUPPRESS)
        group.add_argument(f"--no-{word}-package", metavar="NAME", action="append", help=f"{what}: only for this one")
    group.add_argument(
        "--only-binary", metavar="NAME", action="append", help="the same as --no-build-package; or :all:"
    )
    group.add_argument(
        "--no-build-isolation",
        action="store_true",
        default=None,
        help="build in the project's environment instead of one of its own",
    )
    group.add_argument("--build-isolation", action="store_false", dest="no_build_isolation", help=argparse.SUPPRESS)
    group.add_argument("--no-build-isolation-package", metavar="NAME", action="append", help="the same for one package")
    group.add_argument(
        "-C",
        "--config-setting",
        "--config-settings",
        dest="config_setting",
        metavar="KEY=VALUE",
        action="append",
        help="a setting for the build backends; may be repeated",
    )
    group.add_argument(
        "--config-settings-package", metavar="PACKAGE:KEY=VALUE", action="append", help="the same for one package"
    )


def _choosing(to: argparse.ArgumentParser) -> None:
    _interpreter(to)
    _indexes(to)
    _policy(to)


def _upgrades(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("upgrade options")
    group.add_argument("-U", "--upgrade", action="store_true", help="let go of all old pins")
    group.add_argument(
        "-P",
        "--upgrade-package",
        metavar="NAME",
        action="append",
        default=[],
        help="let go of one pin; may be repeated",
    )


def _lock_modes(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("lock options").add_mutually_exclusive_group()
    group.add_argument("--locked", action="store_true", help="fail if the lock is missing or out of date")
    group.add_argument("--frozen", action="store_true", help="use the lock as it is, without a look at the project")


def _parts(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("what to install")
    group.add_argument(
        "--extra", metavar="NAME", action="append", default=[], help="an optional dependency; may be repeated"
    )
    group.add_argument("--all-extras", action="store_true", help="every optional dependency")
    group.add_argument(
        "--no-extra", metavar="NAME", action="append", default=[], help="leave one out of --all-extras; may be repeated"
    )
    group.add_argument(
        "--group", metavar="NAME", action="append", default=[], help="a dependency group; may be repeated"
    )
    group.add_argument(
        "--no-group", metavar="NAME", action="append", default=[], help="leave a group out; may be repeated"
    )
    group.add_argument(
        "--only-group", metavar="NAME", action="append", default=[], help="nothing but this group; may be repeated"
    )
    group.add_argument("--all-groups", action="store_true", help="every dependency group")
    group.add_argument("--no-default-groups", action="store_true", help="leave out the default groups")
    group.add_argument("--dev", action="append_const", dest="group", const="dev", help="the group `dev`")
    group.add_argument(
        "--no-dev", action="append_const", dest="no_group", const="dev", help="leave out the group `dev`"
    )
    group.add_argument(
        "--only-dev", action="append_const", dest="only_group", const="dev", help="nothing but the group `dev`"
    )
    group.add_argument(
        "--package", metavar="NAME", action="append", default=[], help="a member of the workspace; may be repeated"
    )
    group.add_argument("--all-packages", action="store_true", help="every member of the workspace")


def _omissions(to: argparse.ArgumentParser, verb: str = "install") -> None:
    group = to.add_argument_group(f"what not to {verb}, although what it needs is")
    for word, what in (
        ("project", "the project itself"),
        ("workspace", "the project and all workspace members"),
        ("local", "whatever lies in a local directory or archive"),
    ):
        group.add_argument(f"--no-{verb}-{word}", action="store_true", dest=f"no_install_{word}", help=what)
    group.add_argument(
        f"--no-{verb}-package",
        dest="no_install_package",
        metavar="NAME",
        action="append",
        default=[],
        help="this package; may be repeated",
    )


def _installing(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("installer options")
    group.add_argument(
        "--link-mode", choices=("auto", "clone", "hardlink", "copy"), default="auto", help="how files are placed"
    )
    group.add_argument("--inexact", action="store_true", help="keep what the lock does not name")
    group.add_argument("--no-editable", action="store_true", help="install local directories as they are now")
    group.add_argument("--reinstall", action="store_true", help="place every package anew")
    group.add_argument(
        "--reinstall-package", metavar="NAME", action="append", default=[], help="place this one anew; may be repeated"
    )
    group.add_argument(
        "--compile-bytecode",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="place byte code (once compiled, it is kept)",
    )


def _results(to: argparse.ArgumentParser) -> None:
    to.add_argument("--json", action="store_true", help="the result as JSON on stdout")


def _init(to: argparse.ArgumentParser) -> None:
    to.add_argument("path", nargs="?", metavar="PATH", help="directory of the new project, or the new script")
    to.add_argument("--script", action="store_true", help="start a script with inline metadata (PEP 723) instead")
    to.add_argument("--name", help="name of the project; otherwise that of the directory")
    to.add_argument("--bare", action="store_true", help="write pyproject.toml only")
    _interpreter(to)


def _script(to: argparse.ArgumentParser) -> None:
    to.add_argument("--script", metavar="FILE", help="work on a script with inline metadata (PEP 723), not the project")


def _place(to: argparse.ArgumentParser) -> None:
    place = to.add_mutually_exclusive_group()
    place.add_argument("--dev", action="store_true", help="in the group `dev`")
    place.add_argument("--group", metavar="NAME", help="in this dependency group")
    place.add_argument("--optional", metavar="EXTRA", help="in this optional dependency")


def _edit(to: argparse.ArgumentParser) -> None:
    to.add_argument("--package", metavar="NAME", help="the workspace member whose project file is edited")
    _script(to)
    _place(to)
    _interpreter(to)
    _indexes(to)
    _policy(to)
    to.add_argument("--no-sync", action="store_true", help="lock only")
    to.add_argument("--frozen", action="store_true", help="edit only: neither lock nor sync")
    _installing(to)
    _results(to)


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
    _edit(to)


def _remove(to: argparse.ArgumentParser) -> None:
    to.add_argument("packages", nargs="+", metavar="NAME")
    _edit(to)


def _lock(to: argparse.ArgumentParser) -> None:
    modes = to.add_mutually_exclusive_group()
    modes.add_argument(
        "--check", "--locked", action="store_true", dest="check", help="fail if the lock is missing or out of date"
    )
    modes.add_argument("--dry-run", action="store_true", help="say what would change, write nothing")
    _script(to)
    _upgrades(to)
    _interpreter(to)
    _indexes(to)
    _policy(to)
    _results(to)


def _sync(to: argparse.ArgumentParser) -> None:
    modes = to.add_mutually_exclusive_group()
    modes.add_argument(
        "--check", action="store_true", help="fail if the environment is not what the lock says; change nothing"
    )
    modes.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
    _script(to)
    _lock_modes(to)
    _parts(to)
    _omissions(to)
    _upgrades(to)
    _interpreter(to)
    _indexes(to)
    _policy(to)
    _installing(to)
    _results(to)


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
    to.add_argument("--no-project", action="store_true", help="ignore any project: only what --with names")
    _lock_modes(to)
    _parts(to)
    _omissions(to)
    _interpreter(to)
    _indexes(to)
    _policy(to)
    _installing(to)


def _why(to: argparse.ArgumentParser) -> None:
    to.add_argument("package", metavar="PACKAGE", help="a package of the lock")
    to.add_argument("--target", metavar="NAME", help="the target to speak of; otherwise the first one")
    _lock_modes(to)
    _interpreter(to)
    _indexes(to)
    _policy(to)
    _results(to)


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
    _script(to)
    _lock_modes(to)
    _interpreter(to)
    _indexes(to)
    _policy(to)
    _results(to)


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
    _script(to)
    _lock_modes(to)
    _parts(to)
    _omissions(to, "emit")
    _interpreter(to)
    _indexes(to)
    _policy(to)
