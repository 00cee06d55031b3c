"""Proves what a lock chose for machines, and keeps what was read for it. On the warm path."""

from __future__ import annotations

__all__ = ["may_carry_facts", "proven_too", "with_facts"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from provenv.flows.aimed import Aim
    from provenv.flows.prove_known import Told
    from provenv.flows.prove_learn import Learned
    from provenv.flows.world import World
    from provenv.lockfile.merge import Solved
    from provenv.proof.subject import Package

_PROVE_BUDGET = 10.0
"""Seconds for reading wheels that are at hand, when nobody asked for a proof."""


def proven_too(
    world: World, aimed: Aim, anew: Callable[..., list[Solved]], data: bytes | None, proving: str
) -> tuple[list[Solved], Learned | Told]:
    """Solve for machines, and prove what was chosen: what fails there is ruled out.

    Unless everything is to be read, it is not proven again while nothing new could be told.
    """
    from provenv.flows.prove_known import Told, remember_told, told_before

    first = anew(aimed)
    carried = data if data is not None and may_carry_facts(data) else None
    if proving != "all":
        _, told = told_before(world, aimed, first, carried)
        if told is not None:
            return first, told
    from provenv.flows.prove_learn import learn

    solved, learned = learn(
        world,
        aimed,
        anew,
        first=first,
        old=_document_of(data),
        is_fetching=proving == "all",
        budget=_PROVE_BUDGET if world.prove_budget is None and proving != "all" else world.prove_budget,
    )
    if proving == "all":
        return solved, learned
    if solved is first:
        # By now facts may have been kept that were not there before.
        key, _ = told_before(world, aimed, first, carried)
        remember_told(world, Told(key, learned.notes, learned.warnings))
    return solved, Told("", learned.notes, learned.warnings)


def may_carry_facts(data: bytes) -> bool:
    """Whether a lock may carry facts of wheels, in whatever form of TOML; on the warm path, so nothing is parsed."""
    return any(word in data for word in (b".facts", b"facts =", b"facts=", b'"facts"', b"plain-wheels"))


def _document_of(data: bytes | None) -> dict[str, Any]:
    """An old lock that may carry facts of wheels."""
    if data is None or not may_carry_facts(data):
        return {}
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except ValueError:
        return {}


def with_facts(
    tables: list[dict[str, Any]], data: bytes | None, packages: Sequence[Package]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The entries with the facts of wheels: those that were read for it, and those that the old lock has."""
    older = _document_of(data)
    if not packages and not older:
        return tables, []
    from provenv.flows.prove_carried import carried_of, put_facts

    return put_facts(tables, packages, carried_of(older))
