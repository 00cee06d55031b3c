"""Tell a proof as a story that a person can follow and act on.

The order is that of Dart's solver: a conclusion comes after what it rests on, what was just said is not repeated, and
only a conclusion that is used again later gets a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provenv.explain.words import Describe, Words
from provenv.solve.core import shrink
from provenv.solve.proof import Derived, Fact, Nogood

__all__ = ["Describe", "Story", "tell"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """Why there is no solution.

    ``sentences`` are in order; the number at the end of one, "(1)", is what later ones refer to.
    """

    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """All sentences, one a line."""
        return "\n".join(self.sentences)


def tell(proof: Nogood, describe: Describe, impossible: str = "the requirements cannot be satisfied") -> Story:
    """The proof of an ``Unsolvable``, shrunk and put into sentences; never longer than the proof has conclusions.

    ``impossible`` is the last conclusion, in the reader's words.
    """
    return _Teller(_as_read(shrink(proof)), Words(describe, impossible)).story()


class _Teller:
    def __init__(self, proof: Nogood, words: Words) -> None:
        self._proof = proof
        self._words = words
        self._uses = _uses_of(proof)
        self._numbers: dict[int, int] = {}
        self._sentences: list[str] = []

    def story(self) -> Story:
        proof = self._proof
        if isinstance(proof, Fact):
            self._say(f"Because {self._words.told(proof)}, {self._words.impossible}")
        else:
            # Each visit is a generator that yields what must be told first: a deep proof needs no deep stack.
            visits = [self._visit(proof)]
            while visits:
                node = next(visits[-1], None)
                if node is None:
                    visits.pop()
                else:
                    visits.append(self._visit(node))
        return Story(sentences=tuple(self._sentences))

    def _visit(self, node: Derived) -> Iterator[Derived]:
        left, right = node.left, node.right
        if isinstance(left, Derived) and isinstance(right, Derived):
            yield from self._join(node, left, right)
        elif isinstance(left, Derived):
            yield from self._extend(node, left, right)
        elif isinstance(right, Derived):
            yield from self._extend(node, right, left)
        else:
            self._conclude(node, f"Because {self._both(left, right)}")

    def _join(self, node: Derived, left: Derived, right: Derived) -> Iterator[Derived]:
        """Two conclusions meet: the one told last is the one that the reader still has in mind."""
        first, last = left, right
        if self._is_told(right) or (_is_simple(left) and not _is_simple(right) and not self._is_told(left)):
            first, last = right, left
        if not self._is_told(first):
            yield first
            self._number(first)
        if self._is_told(last):
            self._conclude(node, f"Because {self._recalled(first)} and {self._recalled(last)}")
        else:
            yield last
            self._conclude(node, f"And because {self._recalled(first)}")

    def _extend(self, node: Derived, earlier: Derived, fact: Nogood) -> Iterator[Derived]:
        """A conclusion meets a fact; two facts in a row are told in one sentence."""
        if self._is_told(earlier):
            self._conclude(node, f"Because {self._words.told(fact)} and {self._recalled(earlier)}")
            return
        inner = _collapsible(earlier)
        before, prior = inner if inner is not None else (None, fact)
        if isinstance(before, Derived) and self._uses[id(earlier)] == 1 and not self._is_told(before):
            yield before
            self._conclude(node, f"And because {self._both(prior, fact)}")
        else:
            yield earlier
            self._conclude(node, f"And because {self._words.told(fact)}")

    def _both(self, left: Nogood, right: Nogood) -> str:
        """Two facts in one breath; whoever depends on two things is named once, and the project last."""
        if isinstance(left, Fact) and (not left.package or _leads_to(right, left)):
            left, right = right, left
        first, second = self._words.told(left), self._words.told(right)
        if first == second:
            return first
        if isinstance(left, Fact) and isinstance(right, Fact):
            subject = f"{self._words.candidates(left.package, left.when, left.extra)} "
            is_same = left.variable == right.variable and left.when == right.when
            if is_same and first.startswith(f"{subject}depends on ") and second.startswith(f"{subject}depends on "):
                return f"{first} and on {second.removeprefix(f'{subject}depends on ')}"
        return f"{first} and {second}"

    def _conclude(self, node: Derived, because: str) -> None:
        self._say(f"{because}, {self._words.conclusion(node.terms)}")
        if self._uses[id(node)] > 1:
            self._number(node)

    def _is_told(self, node: Derived) -> bool:
        return id(node) in self._numbers

    def _recalled(self, node: Derived) -> str:
        return f"{self._words.told(node)} ({self._numbers[id(node)]})"

    def _number(self, node: Derived) -> None:
        """Number the conclusion that was told last."""
        if id(node) not in self._numbers:
            self._numbers[id(node)] = len(self._numbers) + 1
            self._sentences[-1] += f" ({self._numbers[id(node)]})"

    def _say(self, sentence: str) -> None:
        self._sentences.append(f"{sentence}.")


def _as_read(proof: Nogood) -> Nogood:
    """The same proof as a reader sees it: no conclusion is drawn twice, and no requirement is used in two halves.

    A requirement with an extra, ``tool[fast]>=2``, is two facts for the solver: on the package and on its extra.
    """
    read: dict[int, Nogood] = {}
    drawn: dict[frozenset[tuple[str, int]], Nogood] = {}
    waiting = [proof]
    while waiting:
        node = waiting[-1]
        missing = [] if isinstance(node, Fact) else [each for each in (node.left, node.right) if id(each) not in read]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        if isinstance(node, Fact):
            read[id(node)] = node
        elif id(node) not in read:
            left, right = _halves_joined(read[id(node.left)], read[id(node.right)])
            read[id(node)] = drawn.setdefault(frozenset(node.terms.items()), Derived(node.terms, left, right))
    return read[id(proof)]


def _halves_joined(left: Nogood, right: Nogood) -> tuple[Nogood, Nogood]:
    """The two causes of a step, without the step before when both only use the halves of one requirement."""
    earlier, half = (left, right) if isinstance(right, Fact) else (right, left)
    if isinstance(earlier, Derived):
        if _are_twins(earlier.right, half):
            return earlier.left, earlier.right
        if _are_twins(earlier.left, half):
            return earlier.right, earlier.left
    return left, right


def _leads_to(one: Nogood, other: Fact) -> bool:
    return isinstance(one, Fact) and bool(one.package) and one.on.partition("[")[0] == other.package


def _are_twins(one: Nogood, other: Nogood) -> bool:
    if not isinstance(one, Fact) or not isinstance(other, Fact):
        return False
    is_same_giver = (one.variable, one.whys) == (other.variable, other.whys)
    return is_same_giver and one.on != other.on and one.on.partition("[")[0] == other.on.partition("[")[0]


def _collapsible(node: Derived) -> tuple[Nogood, Fact] | None:
    """The cause that needs telling and the one that is a fact, when there is at most one of the former."""
    if isinstance(node.right, Fact):
        return node.left, node.right
    if isinstance(node.left, Fact):
        return node.right, node.left
    return None


def _is_simple(node: Derived) -> bool:
    return isinstance(node.left, Fact) and isinstance(node.right, Fact)


def _uses_of(proof: Nogood) -> dict[int, int]:
    """How often each node is used as a cause."""
    uses = {id(proof): 0}
    waiting = [proof]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Derived):
            for cause in (node.left, node.right):
                if id(cause) not in uses:
                    uses[id(cause)] = 0
                    waiting.append(cause)
                uses[id(cause)] += 1
    return uses
