"""Tells a failed resolution in sentences."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from provenv.explain.story import tell
from provenv.flows.aimed import Aim, AimedTarget
from provenv.solve.proof import Unsolvable
from provenv.universe.answers import Answers
from provenv.universe.view import row_text

__all__ = ["told"]

#: Of the versions that are no candidates, so many reasons are told per package.
_REASONS_TOLD = 2


class _Words:
    """What the story needs to know of packages, versions and reasons (``explain.story.Describe``)."""

    def __init__(self, answers: Answers, texts: dict[str, str]) -> None:
        self._answers = answers
        self._texts = texts
        self.mentioned: dict[str, None] = {}

    def versions(self, package: str) -> Sequence[str]:
        """The candidates of a package, ascending."""
        self.mentioned[package] = None
        view = self._answers.views.get(package)
        return view.versions if view is not None else ()

    def needed(self, why: Hashable) -> str:
        """A need as its author wrote it."""
        assert isinstance(why, tuple)
        if why[0] == "root":
            return str(self._texts.get(why[1], why[1]))
        self.mentioned[why[2][1]] = None
        return row_text(why[2])

    def name(self, package: str) -> str:
        """The package as a reader knows it."""
        return package or "your project"

    def unmet(self, why: Hashable) -> str:
        """Why no candidate meets a need."""
        assert isinstance(why, tuple)
        name = self._needed_package(why)
        view = self._answers.views.get(name)
        if view is None:
            return f"no index has a package named {name}"
        if not view.versions:
            return f"no version of {name} can be used here"
        return f"no version of {name} that can be used here is within {self.needed(why)}"

    def _needed_package(self, why: tuple[Any, ...]) -> str:
        if why[0] == "root":
            return next(row[1] for row, where in self._answers.root if where == why[1])
        return str(why[2][1])

    def reason(self, why: Hashable) -> str:
        """Why a candidate cannot be used."""
        assert isinstance(why, tuple)
        return str(why[2])


def told(failure: Unsolvable, answers: Answers, aimed: Aim, target: AimedTarget) -> tuple[str, str | None]:
    """Message and hint of a failed resolution for one target."""
    words = _Words(answers, aimed["texts"])
    story = tell(failure.proof, words).text
    where = f" for target `{target['name']}`" if len(aimed["targets"]) > 1 else ""
    message = f"the requirements cannot be satisfied together{where}\n\n{story}"
    hints = _unknown(answers, target) + _excluded(answers, words)
    return message, "\n".join(hints) or None


def _unknown(answers: Answers, target: AimedTarget) -> list[str]:
    names = [name for name, view in answers.views.items() if view is None]
    return [
        f"no index has a package named `{name}`: check the spelling, or name its index with --index" for name in names
    ]


def _excluded(answers: Answers, words: _Words) -> list[str]:
    """Versions that exist but are no candidates on the target, with the reason: often the real cause."""
    hints = []
    for package in words.mentioned:
        view = answers.views.get(package)
        if view is None or not view.excluded:
            continue
        by_reason: dict[str, list[str]] = {}
        for version, reason in view.excluded:
            by_reason.setdefault(reason, []).append(version)
        if view.versions and not set(by_reason) - {"only a source archive, and sources are not built yet"}:
            continue
        ranked = sorted(by_reason.items(), key=lambda item: -len(item[1]))[:_REASONS_TOLD]
        listed = "; ".join(f"{_count(versions)}: {reason}" for reason, versions in ranked)
        hints.append(f"other versions of {package} exist but cannot be used here ({listed})")
    return hints[:3]


def _count(versions: list[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{len(versions)} versions, as {versions[-1]}"
