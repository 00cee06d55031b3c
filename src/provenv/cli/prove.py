"""``provenv prove``: what will run on which machine, before anything is installed there."""

from __future__ import annotations

import os
import sys

from provenv.cli.telling import is_quiet
from provenv.cli.words import Words
from provenv.flows.choice import Choice
from provenv.flows.prove import prove as flow
from provenv.flows.proven import Asked, Proven
from provenv.flows.world import World
from provenv.model.finding import FAILS, HOLDS
from provenv.show.prove import prove_document, prove_text
from provenv.show.text import clean

__all__ = ["prove"]


def prove(words: Words, world: World, choice: Choice) -> int:
    """Prove, and say what came of it; 1 when something fails, with ``--strict`` also when something is not known."""
    proven = flow(
        world,
        choice,
        Asked(
            file=_absolute(words.file),
            environment=_absolute(words.environment),
            root=_absolute(words.root),
            targets=tuple(words.target),
            machines=tuple(os.path.abspath(os.path.expanduser(path)) for path in words.machine),
            is_here=words.here,
            is_locked=words.locked,
            is_frozen=words.frozen,
            is_loading=words.load,
        ),
    )
    if words.html:
        _write_page(proven, os.path.abspath(os.path.expanduser(words.html)), is_quiet=is_quiet(words))
    is_good = proven.verdict == HOLDS if words.strict else proven.verdict != FAILS
    if words.json:
        sys.stdout.write(prove_document(proven) + "\n")
    elif not (is_quiet(words) and is_good):
        is_verbose = bool(getattr(words, "verbose", False))
        sys.stdout.write(prove_text(proven, has_colour=words.has_colour, is_verbose=is_verbose) + "\n")
    return 0 if is_good else 1


def _write_page(proven: Proven, path: str, *, is_quiet: bool) -> None:
    from provenv.flows.files import replace
    from provenv.show.html_proof import prove_page

    replace(path, prove_page(proven).encode())
    if not is_quiet:
        sys.stderr.write(f"Wrote {clean(path)}\n")


def _absolute(path: str | None) -> str | None:
    return None if path is None else os.path.abspath(os.path.expanduser(path))
