"""``provenv doctor``: one page on this machine and this project."""

from __future__ import annotations

import sys

from provenv.cli.telling import is_quiet
from provenv.cli.words import Words
from provenv.flows.doctor import doctor as flow
from provenv.flows.world import World
from provenv.show.doctor import doctor_document, doctor_text

__all__ = ["doctor"]


def doctor(words: Words, world: World) -> int:
    """Examine and tell; 1 when something fails, and with ``--strict`` also when something is to be warned of."""
    told = flow(world)
    is_well = told.is_well(is_strict=words.strict)
    if words.json:
        sys.stdout.write(doctor_document(told, is_well=is_well) + "\n")
    elif not (is_quiet(words) and is_well):
        is_verbose = bool(getattr(words, "verbose", False))
        sys.stdout.write(doctor_text(told, has_colour=words.has_colour, is_verbose=is_verbose) + "\n")
    return 0 if is_well else 1
