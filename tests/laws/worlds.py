"""Small random universes, and an oracle that tries everything."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenv.solve.types import Ask, Rule, Unusable

if TYPE_CHECKING:
    from provenv.solve.types import Answer

__all__ = ["World", "active_extras", "random_world", "violations"]


@dataclass
class World:
    """``sizes`` counts the candidates of a package; ``answers`` holds what (package, candidate, extra) needs."""

    sizes: dict[str, int]
    answers: dict[tuple[str, int, str], Answer] = field(default_factory=dict)

    def answer(self, ask: Ask) -> Answer:
        """What this universe says; a candidate without an entry needs nothing."""
        return self.answers.get((ask.package, ask.candidate, ask.extra), ())

    def models(self) -> Iterator[dict[str, int]]:
        """Every assignment that breaks no rule (brute force over packages; extras are closed over)."""
        names = list(self.sizes)
        for states in itertools.product(*(range(self.sizes[name] + 1) for name in names)):
            chosen = {name: state for name, state in zip(names, states, strict=True) if state}
            if not violations(self, chosen, active_extras(self, chosen)):
                yield chosen

    def is_satisfiable(self) -> bool:
        """Whether any assignment breaks no rule."""
        return next(self.models(), None) is not None


def active_extras(world: World, chosen: Mapping[str, int]) -> set[str]:
    """The least set of extras that the chosen candidates activate."""
    active: set[str] = set()
    while True:
        found = {
            rule.on
            for answer in spoken(world, chosen, active).values()
            if not isinstance(answer, Unusable)
            for rule in answer
            if rule.on.endswith("]")
        }
        if found <= active:
            return active
        active |= found


def spoken(world: World, chosen: Mapping[str, int], active: set[str]) -> dict[tuple[str, int, str], Answer]:
    """The answers that count for a choice."""
    keys = [("", 1, "")]
    for name, candidate in chosen.items():
        keys.append((name, candidate, ""))
        keys += [(name, candidate, extra[len(name) + 1 : -1]) for extra in active if extra.startswith(f"{name}[")]
    return {key: world.answers.get(key, ()) for key in keys}


def violations(world: World, chosen: Mapping[str, int], active: set[str]) -> list[str]:
    """Every rule that the choice breaks, in words."""
    broken = []
    for key, answer in spoken(world, chosen, active).items():
        if isinstance(answer, Unusable):
            broken.append(f"{key} is unusable")
            continue
        for rule in answer:
            state = int(rule.on in active) if rule.on.endswith("]") else chosen.get(rule.on, 0)
            if not rule.allow >> state & 1:
                broken.append(f"{key} breaks {rule}")
    return broken


def random_world(seed: int, *, packages: int = 6, versions: int = 4) -> World:
    """A universe that is satisfiable about half of the time, with extras, constraints and unusable candidates."""
    dice = random.Random(seed)
    names = "abcdefghij"[: dice.randint(2, packages)]
    world = World({name: dice.randint(0 if dice.random() < 0.1 else 1, versions) for name in names})
    extras = {name: ["x", "y"][: dice.randint(0, 2)] if dice.random() < 0.4 else [] for name in names}
    density = dice.choice([0.15, 0.3, 0.5])
    keys = [("", 1, "")]
    for name in names:
        for candidate in range(1, world.sizes[name] + 1):
            keys += [(name, candidate, extra) for extra in ["", *extras[name]]]
    for key in keys:
        if key[0] and dice.random() < 0.05:
            world.answers[key] = Unusable(1 << key[1], f"{key} is broken")
            continue
        rules = []
        for on in names:
            if dice.random() < (0.5 if key == ("", 1, "") else density) and (on != key[0] or dice.random() < 0.3):
                rules += _needs(dice, world, key, on, extras[on])
        world.answers[key] = tuple(rules)
    return world


def _needs(dice: random.Random, world: World, key: tuple[str, int, str], on: str, extras: list[str]) -> list[Rule]:
    size = world.sizes[on]
    when = 1 << key[1]
    allow = dice.getrandbits(size) << 1 | (dice.getrandbits(size) << 1)
    is_constraint = dice.random() < 0.15
    rules = [Rule(when, on, allow | is_constraint, size, f"{key} on {on} in {allow:b}")]
    if extras and not is_constraint and dice.random() < 0.5:
        extra = dice.choice(extras)
        rules.append(Rule(when, f"{on}[{extra}]", 2, 1, f"{key} on {on}[{extra}]"))
    return rules
