"""Other people's solver tests as data: ``tests/data/pub`` and ``tests/data/poetry``.

A case is an index and one or more steps, each with its requirements and what must come of them. A later step finds the
lock of the one before it. What needs a policy or a lock is tried on a real index, everything else on the solver alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provenv.explain.story import tell
from provenv.solve.proof import Unsolvable
from tests.explain.small import Index
from tests.worlds.house import House

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

__all__ = ["Case", "Readings", "Step", "cases_of", "check_solver", "check_world", "chosen"]

_DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """``solution`` is None where the source only says that there is one; ``sentences`` is 0 where it tells no story."""

    root: Sequence[str]
    solution: Mapping[str, str] | None = None
    sentences: int | None = None
    """How many sentences the source needs to say that there is no solution; None: there is one."""
    overrides: Sequence[str] = ()
    upgrade: Sequence[str] = ()
    lowest: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    group: str
    name: str
    packages: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    unusable: Sequence[str] = ()
    yanked: Sequence[str] = ()

    @property
    def needs_world(self) -> bool:
        """Whether more than the solver takes part."""
        has_policy = any(step.overrides or step.upgrade or step.lowest for step in self.steps)
        return has_policy or len(self.steps) > 1 or "yanked" in self.name or self.group == "pre-release"

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


def cases_of(source: str) -> list[Case]:
    """All cases of a folder of ``tests/data``."""
    tables: list[dict[str, Any]] = tomllib.loads((_DATA / source / "cases.toml").read_text("utf-8"))["case"]
    return [Case(**{**table, "steps": [Step(**step) for step in table["steps"]]}) for table in tables]


Readings = Mapping[str, Mapping[str, str]]
"""Case and number of a step -> another answer that is right here."""


def chosen(cases: Iterable[Case], *, needs_world: bool) -> list[ParameterSet]:
    """The cases for one way of trying them."""
    return [pytest.param(case, id=str(case)) for case in cases if case.needs_world is needs_world]


def check_solver(case: Case, readings: Readings) -> None:
    """The verdict of the solver; its solution, or a story that is no longer than the source's."""
    index = Index(
        {
            name: {version: None if f"{name} {version}" in case.unusable else lines for version, lines in known.items()}
            for name, known in case.packages.items()
        }
    )
    [step] = case.steps
    if step.sentences is not None:
        with pytest.raises(Unsolvable) as failure:
            index.solve(step.root)
        sentences = tell(failure.value.proof, index).sentences
        assert not step.sentences or len(sentences) <= step.sentences, "\n".join(sentences)
        return
    found = index.versions_of(step.root)
    solution = readings.get(f"{case} 1", step.solution)
    assert solution is None or found == solution, found


def check_world(case: Case, house: House, readings: Readings) -> None:
    """The commands of a person who does what the case tells."""
    for name, known in case.packages.items():
        for version, lines in known.items():
            wheel = house.wheel(name, version, tuple(lines))
            if f"{name} {version}" in case.yanked:
                house.server.yanked[wheel.name] = ""
    for number, step in enumerate(case.steps):
        settings = f"override-dependencies = {list(step.overrides)!r}\n" if step.overrides else ""
        settings += 'resolution = "lowest"\n' if step.lowest else ""
        house.project(*step.root, more=f"[tool.provenv]\n{settings}" if settings else "")
        words = [word for name in step.upgrade for word in ("--upgrade-package", name)]
        solution = readings.get(f"{case} {number + 1}", step.solution)
        if step.sentences is None:
            house.do("lock", *words)
            found = house.locked()
            assert solution is None or found == solution, found
        else:
            house.refused("lock", *words)
