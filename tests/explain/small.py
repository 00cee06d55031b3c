"""An index of a few lines: packages and their requirements as people write them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from provenv.explain.story import Story, tell
from provenv.solve.proof import Unsolvable
from provenv.solve.solver import Solution
from provenv.solve.types import Ask, Rule, Unusable
from tests.solve.driver import drive

if TYPE_CHECKING:
    from provenv.solve.types import Answer

__all__ = ["Index"]

_ENVIRONMENT = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.0",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": "3.12.0",
    "python_version": "3.12",
    "sys_platform": "linux",
}


class Index:
    """``packages`` maps name -> version -> requirements, or None for a version that cannot be used."""

    def __init__(self, packages: Mapping[str, Mapping[str, Sequence[str] | None]]) -> None:
        self._packages: dict[str, list[tuple[str, Sequence[str] | None]]] = {
            canonicalize_name(name): sorted(versions.items(), key=lambda pair: Version(pair[0]))
            for name, versions in packages.items()
        }
        self._requirements: dict[str, Requirement] = {}
        self._masks: dict[tuple[str, str], int] = {}
        self.asked: list[Ask] = []

    def solve(self, root: Sequence[str]) -> Solution:
        """The solver's answer to these requirements."""
        return drive(lambda ask: self._answer(ask, root), asked=self.asked)

    def versions_of(self, root: Sequence[str]) -> dict[str, str]:
        """The chosen versions."""
        return {name: self.versions(name)[state - 1] for name, state in self.solve(root).chosen.items()}

    def explain(self, root: Sequence[str]) -> Story:
        """The story of the failure."""
        try:
            found = self.versions_of(root)
        except Unsolvable as failure:
            return tell(failure.proof, self)
        raise AssertionError(f"solved: {found}")

    def _answer(self, ask: Ask, root: Sequence[str]) -> Answer:
        lines = root if not ask.package else self._packages[ask.package][ask.candidate - 1][1]
        when = 1 << ask.candidate
        if lines is None:
            return Unusable(when, "no wheel")
        rules: list[Rule] = []
        for line in lines:
            requirement = self._requirement(line)
            if self._applies(requirement, ask.extra):
                name = canonicalize_name(requirement.name)
                size = len(self._packages.get(name, ()))
                rules.append(Rule(when, name, self._mask(name, requirement), size, line))
                rules += [Rule(when, f"{name}[{extra}]", 2, 1, line) for extra in sorted(requirement.extras)]
        return tuple(rules)

    def _requirement(self, line: str) -> Requirement:
        if line not in self._requirements:
            self._requirements[line] = Requirement(line)
        return self._requirements[line]

    def _applies(self, requirement: Requirement, extra: str) -> bool:
        marker = requirement.marker
        if marker is None:
            return not extra
        if extra and marker.evaluate({**_ENVIRONMENT, "extra": ""}):
            return False
        return marker.evaluate({**_ENVIRONMENT, "extra": extra})

    def _mask(self, name: str, requirement: Requirement) -> int:
        key = (name, str(requirement.specifier))
        if key not in self._masks:
            names = [version for version, _ in self._packages.get(name, ())]
            allowed = set(requirement.specifier.filter(names))
            self._masks[key] = sum(2 << place for place, version in enumerate(names) if version in allowed)
        return self._masks[key]

    def name(self, package: str) -> str:
        return package or "your project"

    def passed_over(self, package: str) -> int:
        return 0

    def versions(self, package: str) -> Sequence[str]:
        return [version for version, _ in self._packages.get(package, ())]

    def needed(self, why: Hashable) -> str:
        return str(why).partition(";")[0].strip()

    def unmet(self, why: Hashable) -> str:
        return f"there is no version of {self.needed(why)}"

    def reason(self, why: Hashable) -> str:
        return f"has {why} for linux-x86_64"

    def wish(self, why: Hashable) -> str | None:
        return None
