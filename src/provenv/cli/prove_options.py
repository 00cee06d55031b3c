"""The words of ``provenv prove``."""

from __future__ import annotations

import argparse

from provenv.cli.shared_options import index_options, interpreter_options, lock_mode_options, part_options

__all__ = ["prove_options"]


def prove_options(to: argparse.ArgumentParser) -> None:
    """What is proven, for which machines, and how it is told."""
    to.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a pylock.toml, uv.lock, poetry.lock, pdm.lock, requirements with hashes, or a wheel; otherwise the "
        "project's lock",
    )
    what = to.add_argument_group("what is proven instead")
    what.add_argument("--environment", "--venv", metavar="DIR", help="what is installed in an environment")
    what.add_argument("--root", metavar="DIR", help="what is installed in the root directory of a container")
    where = to.add_argument_group("machines")
    where.add_argument(
        "--target",
        metavar="NAME",
        action="append",
        default=[],
        help="a declared target; may be repeated; otherwise all of them",
    )
    where.add_argument(
        "--machine",
        metavar="FILE",
        action="append",
        default=[],
        help="a machine that `provenv machine record` wrote; may be repeated",
    )
    where.add_argument("--here", action="store_true", help="this machine, too")
    how = to.add_argument_group("how")
    how.add_argument("--strict", action="store_true", help="fail also when something is not known")
    how.add_argument("--load", action="store_true", help="load every extension module of the environment, too")
    how.add_argument("--json", action="store_true", help="write all findings as JSON to stdout")
    how.add_argument("--html", metavar="FILE", help="write the findings also as a page that needs nothing but itself")
    lock_mode_options(to)
    part_options(to)
    interpreter_options(to)
    index_options(to)
