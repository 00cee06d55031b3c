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


def tell(proof: Nogood, describe: Describe) -> Story:
    """The proof of an ``Unsolvable``, shrunk and put into sentences; never longer than the proof has conclusions."""
    return _Teller(_without_twins(shrink(proof)), Words(describe)).story()


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
            self._say(f"Because {self._words.told(proof)}, the requirements cannot be satisfied")
        else:
            # Each visit is a generator that yields what must be told first: a deep proof needs no deep stack.
            visits = [self._visit(proof)]
            while visits:
                node = next(visits[-1], None)
                if node is None:
                    visits.pop()
                elif id(node) not in self._numbers:
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
        if self._is_told(left) and self._is_told(right):
            self._conclude(node, f"Because {self._recalled(left)} and {self._recalled(right)}")
            return
        first, last = (left, right) if self._is_told(left) or not self._is_told(right) else (right, left)
        if not self._is_told(first) and _is_simple(first) and not _is_simple(last):
            first, last = last, first
        if not self._is_told(first):
            yield first
            self._number(first)
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


def _without_twins(proof: Nogood) -> Nogood:
    """The same proof with ``tool[fast]>=2`` used once where the solver used its two halves one after the other.

    A requirement with an extra is two facts, one on the package and one on the extra. A reader sees one requirement.
    """
    told: dict[int, Nogood] = {}
    waiting = [proof]
    while waiting:
        node = waiting[-1]
        if isinstance(node, Fact):
            told[id(waiting.pop())] = node
            continue
        missing = [cause for cause in (node.left, node.right) if id(cause) not in told]
        if missing:
            waiting += missing
            continue
        left, right = told[id(node.left)], told[id(node.right)]
        if isinstance(left, Fact) and isinstance(right, Derived):
            left, right = right, left
        if isinstance(left, Derived):
            inner = left
            if _are_twins(inner.right, right):
                left, right = inner.left, inner.right
            elif _are_twins(inner.left, right):
                left, right = inner.right, inner.left
        told[id(waiting.pop())] = Derived(node.terms, left, right)
    return told[id(proof)]


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
