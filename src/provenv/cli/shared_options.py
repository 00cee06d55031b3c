"""Flags that several commands share. Where uv has the same job, the flag has uv's name and meaning."""

from __future__ import annotations

import argparse

__all__ = [
    "choosing_options",
    "common_options",
    "index_options",
    "installer_options",
    "interpreter_options",
    "lock_mode_options",
    "omission_options",
    "part_options",
    "policy_options",
    "result_options",
    "script_option",
    "upgrade_options",
]


def common_options(to: argparse.ArgumentParser, default: str) -> None:
    """What every command takes."""
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


def interpreter_options(to: argparse.ArgumentParser) -> None:
    """Which Python to use."""
    to.add_argument("-p", "--python", metavar="PYTHON", help="interpreter to use: a version, a name or a path")


def index_options(to: argparse.ArgumentParser) -> None:
    """Where to look for packages."""
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


def policy_options(to: argparse.ArgumentParser) -> None:
    """How versions are chosen, and how packages are built."""
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
    _building(to)


def _building(to: argparse.ArgumentParser) -> None:
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


def choosing_options(to: argparse.ArgumentParser) -> None:
    """All that choosing versions takes: an interpreter, indexes, a policy."""
    interpreter_options(to)
    index_options(to)
    policy_options(to)


def upgrade_options(to: argparse.ArgumentParser) -> None:
    """Which old pins to let go of."""
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


def lock_mode_options(to: argparse.ArgumentParser) -> None:
    """How much the lock may change."""
    group = to.add_argument_group("lock options").add_mutually_exclusive_group()
    group.add_argument("--locked", action="store_true", help="fail if the lock is missing or out of date")
    group.add_argument("--frozen", action="store_true", help="use the lock as it is, without a look at the project")


def part_options(to: argparse.ArgumentParser) -> None:
    """Which extras, groups and members are meant."""
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


def omission_options(to: argparse.ArgumentParser, verb: str = "install") -> None:
    """What of the chosen parts is left out."""
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


def installer_options(to: argparse.ArgumentParser) -> None:
    """How an environment is filled."""
    group = to.add_argument_group("installer options")
    group.add_argument(
        "--link-mode", choices=("auto", "clone", "hardlink", "copy"), default="auto", help="how files are placed"
    )
    group.add_argument("--inexact", action="store_true", help="keep what the lock does not name")
    group.add_argument("--no-editable", action="store_true", help="install local directories as they are now")
    group.add_argument("--no-prove", action="store_true", help="install also what is known not to run on this machine")
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


def result_options(to: argparse.ArgumentParser) -> None:
    """In which form the result is told."""
    to.add_argument("--json", action="store_true", help="the result as JSON on stdout")


def script_option(to: argparse.ArgumentParser) -> None:
    """A script in place of the project."""
    to.add_argument("--script", metavar="FILE", help="work on a script with inline metadata (PEP 723), not the project")
