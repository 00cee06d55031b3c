"""Make a proof smaller before a person has to read it.

During a search, facts grow wider and the order of questions is the order of discovery. So the facts of a proof, asked
again from the start in their final width, nearly always exclude one another in fewer steps; and some are not needed.
"""

from __future__ import annotations

from provenv.solve.proof import Derived, Fact, Unsolvable
from provenv.solve.solver import solve
from provenv.solve.types import Rule

__all__ = ["facts_of", "replay", "shrink", "steps_of"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provenv.solve.proof import Nogood
    from provenv.solve.types import Answer


def facts_of(proof: Nogood) -> list[Fact]:
    """Every fact that the proof rests on, once each, in the order of first use."""
    return [node for node in _nodes(proof) if isinstance(node, Fact)]


def steps_of(proof: Nogood) -> int:
    """How many conclusions the proof draws."""
    return sum(isinstance(node, Derived) for node in _nodes(proof))


def replay(facts: Iterable[Fact], *, budget: int = 1000) -> Nogood | None:
    """A proof from these facts alone; None when they do not exclude one another, or ``budget`` questions are spent."""
    return _replay(facts, budget)[0]


def shrink(proof: Nogood, *, budget: int = 3000) -> Nogood:
    """A proof of the same from no more conclusions, found within about ``budget`` questions.

    The budget counts questions, not time, so that the same failure is always told in the same words.
    """
    best = proof
    while True:
        smaller, spent = _replay(facts_of(best), budget)
        budget -= spent
        if smaller is None or _size(smaller) >= _size(best):
            break
        best = smaller
    needed = facts_of(best)
    for fact in list(needed):
        if budget <= 0:
            break
        fewer = [other for other in needed if other is not fact]
        smaller, spent = _replay(fewer, budget)
        budget -= spent
        if smaller is not None and _size(smaller) <= _size(best):
            best, needed = smaller, fewer
    return best


def _size(proof: Nogood) -> tuple[int, int]:
    return steps_of(proof), len(facts_of(proof))


def _nodes(proof: Nogood) -> list[Nogood]:
    # Not recursive: an unshrunk proof can be thousands of steps deep.
    seen: dict[int, Nogood] = {}
    waiting = [proof]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen[id(node)] = node
        if isinstance(node, Derived):
            waiting += (node.right, node.left)
    return list(seen.values())


def _replay(facts: Iterable[Fact], budget: int) -> tuple[Nogood | None, int]:
    needs: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        needs.setdefault((fact.package, fact.extra), []).append(fact)
    search = solve()
    spent = 0
    try:
        ask = next(search)
        while spent < budget:
            spent += 1
            ask = search.send(_answer(needs.get((ask.package, ask.extra), ()), ask.candidate))
    except StopIteration:
        return None, spent
    except Unsolvable as failure:
        # The reasons of the new facts are the reasons of the facts that they came from.
        for node in _nodes(failure.proof):
            if isinstance(node, Fact):
                node.whys = tuple(dict.fromkeys(why for whys in node.whys if isinstance(whys, tuple) for why in whys))
        return failure.proof, spent
    search.close()
    return None, spent


def _answer(facts: Sequence[Fact], candidate: int) -> Answer:
    return tuple(
        Rule(fact.when, fact.on, fact.allow, fact.full.bit_length() - 1, fact.whys)
        for fact in facts
        if fact.when >> candidate & 1
    )
