"""Tells a failed resolution in sentences."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from provenv.explain.story import tell
from provenv.flows.aimed import Aim, AimedTarget
from provenv.solve.proof import Unsolvable
from provenv.universe.answers import Answers
from provenv.universe.view import row_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["told"]

#: Of the versions that are no candidates, so many reasons are told per package.
_REASONS_TOLD = 2


class _Words:
    """What the story needs to know of packages, versions and reasons (``explain.story.Describe``)."""

    def __init__(self, answers: Answers, texts: dict[str, str]) -> None:
        self._answers = answers
        self._texts = texts
        self.specifiers: dict[str, dict[str, None]] = {}
        """Packages that the story mentions, each with the specifiers it is needed with."""
        self.lines: dict[str, str] = {}
        """Lines of the project that the story mentions: place -> requirement as written."""

    def versions(self, package: str) -> Sequence[str]:
        """The candidates of a package, ascending."""
        view = self._answers.views.get(package)
        return view.versions if view is not None else ()

    def needed(self, why: Hashable) -> str:
        """A need as its author wrote it."""
        assert isinstance(why, tuple)
        row = self._row(why)
        self.specifiers.setdefault(row[1], {})[row[3]] = None
        if why[0] == "root":
            return self.lines.setdefault(why[1], str(self._texts.get(why[1], why[1])))
        return row_text(row)

    def name(self, package: str) -> str:
        """The package as a reader knows it."""
        return package or "your project"

    def unmet(self, why: Hashable) -> str:
        """Why no candidate meets a need."""
        assert isinstance(why, tuple)
        text, name = self.needed(why), self._row(why)[1]
        view = self._answers.views.get(name)
        if view is None:
            return f"no index has a package named {name}"
        if not view.versions:
            return f"no version of {name} can be used here"
        offered = [version for at, version in enumerate(view.versions, 1) if not view.yanked >> at & 1]
        newest = f" (the newest is {offered[-1]})" if offered else ""
        return f"no version of {name} that can be used here matches {text}{newest}"

    def _row(self, why: tuple[Any, ...]) -> Row:
        """The need behind a reason."""
        found: Row = why[2] if why[0] != "root" else next(row for row, at in self._answers.root if at == why[1])
        return found

    def reason(self, why: Hashable) -> str:
        """Why a candidate cannot be used."""
        assert isinstance(why, tuple)
        return f"cannot be used ({why[2]})"


def told(
    failure: Unsolvable, answers: Answers, aimed: Aim, target: AimedTarget, project_file: str
) -> tuple[str, str | None]:
    """Message and hint of a failed resolution for one target."""
    words = _Words(answers, aimed["texts"])
    story = tell(failure.proof, words).text
    where = f" for target `{target['name']}`" if len(aimed["targets"]) > 1 else ""
    message = f"the requirements cannot be satisfied{where}\n\n{story}"
    hints = _unknown(answers) + _excluded(answers, words)
    return message, "\n".join(hints or _lines(words, project_file)) or None


def _unknown(answers: Answers) -> list[str]:
    names = [name for name, view in answers.views.items() if view is None]
    return [
        f"no index has a package named `{name}`: check the spelling, or name its index with --index" for name in names
    ]


def _lines(words: _Words, project_file: str) -> list[str]:
    """Where the project itself says what cannot be."""
    listed = [f"`{text}` ({place})" for place, text in words.lines.items()]
    if not listed:
        return []
    return [f"change {'one of these' if len(listed) > 1 else 'this'} in {project_file}: {', '.join(listed)}"]


def _excluded(answers: Answers, words: _Words) -> list[str]:
    """Versions that would do but are no candidates on the target, with the reason: often the real cause."""
    hints = []
    for package, specifiers in words.specifiers.items():
        view = answers.views.get(package)
        if view is None:
            continue
        wanted = [SpecifierSet(text) for text in specifiers]
        by_reason: dict[str, list[str]] = {}
        yanked = [
            (version, "yanked, so it must be pinned with `==`")
            for at, version in enumerate(view.versions, 1)
            if view.yanked >> at & 1
        ]
        for version, reason in (*view.excluded, *yanked):
            if any(_admits(one, version) for one in wanted):
                by_reason.setdefault(reason, []).append(version)
        if by_reason:
            ranked = sorted(by_reason.items(), key=lambda item: -len(item[1]))[:_REASONS_TOLD]
            listed = "; ".join(f"{_count(versions)}: {reason}" for reason, versions in ranked)
            other = "other versions" if view.versions else "versions"
            hints.append(f"{other} of {package} exist but cannot be used here ({listed})")
    return hints[:3]


def _admits(specifier: SpecifierSet, version: str) -> bool:
    try:
        return specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _count(versions: list[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{len(versions)} versions, as {versions[-1]}"
