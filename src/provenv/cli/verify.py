"""``provenv verify``: what is installed is what was locked, or it is told what is not."""

from __future__ import annotations

import os
import sys

from provenv.cli.telling import is_quiet
from provenv.cli.words import Words
from provenv.flows.choice import Choice
from provenv.flows.verify import verify as flow
from provenv.flows.world import World
from provenv.show.verify import verify_document, verify_text

__all__ = ["verify"]


def verify(words: Words, world: World, choice: Choice) -> int:
    """Compare, perhaps repair, and say what came of it; 1 unless everything was proven."""
    found = flow(
        world,
        choice,
        environment=_absolute(words.environment),
        against=_absolute(words.against),
        is_inexact=words.inexact,
        is_repairing=words.repair,
    )
    if words.json:
        sys.stdout.write(verify_document(found) + "\n")
    elif not (is_quiet(words) and found.is_proven):
        is_verbose = bool(getattr(words, "verbose", False))
        sys.stdout.write(verify_text(found, has_colour=words.has_colour, is_verbose=is_verbose) + "\n")
    return 0 if found.is_proven else 1


def _absolute(path: str | None) -> str | None:
    return None if path is None else os.path.abspath(os.path.expanduser(path))
