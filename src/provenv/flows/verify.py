"""Compares an environment with what it was promised to be, byte by byte. Absence of proof is failure."""

from __future__ import annotations

from provenv.flows.choice import Choice
from provenv.flows.verify_look import Verified, Verifier
from provenv.flows.verify_repair import repair
from provenv.flows.world import World

__all__ = ["Verified", "verify"]


def verify(
    world: World,
    choice: Choice,
    *,
    environment: str | None = None,
    against: str | None = None,
    is_inexact: bool = False,
    is_repairing: bool = False,
) -> Verified:
    """Compare ``environment`` (the project's, unless named) with the project's lock, or with the file ``against``.

    Without any lock, a receipt of ours or the RECORD files are all there is to compare with. ``is_inexact``: packages
    that the lock does not name are no failure. ``is_repairing`` puts right what can be put right, and looks again.
    Raises StaleLock when there is no environment, InputError when the lock cannot be read.
    """
    verifier = Verifier(world, choice, environment=environment, against=against, is_inexact=is_inexact)
    return repair(verifier) if is_repairing else verifier.look()
