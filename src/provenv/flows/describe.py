"""What a story needs to know of packages, versions and reasons, in the user's words."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from packaging.requirements import Requirement

from provenv.explain.story import tell
from provenv.solve.proof import Nogood
from provenv.universe.answers import Answers
from provenv.universe.rows import rows_of_requirement
from provenv.universe.view import row_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["ASKED", "ProjectWords", "place_beside", "sentences"]

_OVERRIDES = ".override-dependencies["
_EXTRAS = "project.optional-dependencies."
_GROUPS = "dependency-groups."

ASKED = "asked"
"""The place of a need that nobody wrote: a question of the form "why not this version?"."""


class ProjectWords:
    """Speaks of one target's answers (``explain.story.Describe``).

    ``texts`` has the requirement as written for each place, ``tell_place`` says where a reader finds it.
    """

    def __init__(self, answers: Answers, texts: Mapping[str, str], tell_place: Callable[[str], str]) -> None:
        self._answers = answers
        self._texts = texts
        self._tell_place = tell_place
        self.specifiers: dict[str, dict[str, None]] = {}
        """Packages that the story mentions, each with the specifiers it is needed with."""
        self.places: dict[str, str] = {}
        """Lines of the project that the story mentions: place -> how it is told, ``(pyproject.toml:12)``."""

    def versions(self, package: str) -> Sequence[str]:
        """The candidates of a package, ascending."""
        view = self._answers.views.get(package)
        return view.versions if view is not None else ()

    def passed_over(self, package: str) -> int:
        """The candidates that were yanked."""
        view = self._answers.views.get(package)
        return self._answers.never_chosen(view) if view is not None else 0

    def needed(self, why: Hashable) -> str:
        """A need as its author wrote it; one of the project with its line."""
        text = self._text(why)
        place = self._place(why)
        if place is None:
            return text
        told = self.places.setdefault(place, f"({', '.join(filter(None, (_part_of(place), self._tell_place(place))))})")
        return f"{text} {told}"

    def name(self, package: str) -> str:
        """The package as a reader knows it."""
        return package or "your project"

    def unmet(self, why: Hashable) -> str:
        """Why no candidate meets a need."""
        text, name = self._text(why), self._row(why)[1]
        view = self._answers.views.get(name)
        if view is None:
            return f"no index has a package named {name}"
        if not view.versions or not self._row(why)[3]:
            return f"no version of {name} can be used here"
        hidden = view.yanked if self._answers.admits_prereleases(name) else view.yanked | view.pre
        for mask in (*view.broken.values(), *view.refused.values()):
            hidden |= mask
        everything = (2 << view.size) - 2
        shown = everything & ~hidden & ~view.pre or everything & ~hidden
        offered = [version for at, version in enumerate(view.versions, 1) if shown >> at & 1]
        newest = f" (the newest is {offered[-1]})" if offered else ""
        return f"no version of {name} that can be used here matches {text}{newest}"

    def reason(self, why: Hashable) -> str:
        """Why a candidate cannot be used."""
        return f"cannot be used ({_parts(why)[2]})"

    def wish(self, why: Hashable) -> str | None:
        """A version that is only asked about."""
        if self._place(why) != ASKED:
            return None
        row = self._row(why)
        return f"{row_text(row).replace('==', ' ')} is asked for"

    def _text(self, why: Hashable) -> str:
        row = self._row(why)
        self.specifiers.setdefault(row[1], {})[row[3]] = None
        place = self._place(why)
        return row_text(row) if place is None or place == ASKED else str(self._texts.get(place, row_text(row)))

    def _place(self, why: Hashable) -> str | None:
        """The place of a line of the project; None for what a package needs."""
        parts = _parts(why)
        if parts[0] in ("root", "constraint"):
            return str(parts[1])
        return place_beside(why, self._texts, self._answers.root)

    def _row(self, why: Hashable) -> Row:
        """The need behind a reason."""
        parts = _parts(why)
        found: Row = parts[2] if parts[0] != "root" else next(row for row, at in self._answers.root if at == parts[1])
        return found


def sentences(
    proof: Nogood, words: ProjectWords, impossible: str = "the requirements cannot be satisfied"
) -> list[str]:
    """The story of a proof; the place of a line is told with its first mention only."""
    told = []
    known: set[str] = set()
    for sentence in tell(proof, words, impossible).sentences:
        for place in dict.fromkeys(words.places.values()):
            before, found, rest = sentence.partition(f" {place}")
            if found:
                kept = "" if place in known else found
                sentence = before + kept + rest.replace(found, "")
                known.add(place)
        told.append(sentence)
    return told


def place_beside(why: Hashable, texts: Mapping[str, str], root: Sequence[tuple[Row, str]]) -> str | None:
    """The place of what the user wrote elsewhere than in the project's own needs; None for what others wrote.

    An override stands in place of a need, and a member of the workspace has its needs in a file of its own.
    """
    kind, giver, row = _parts(why)[:3] if len(_parts(why)) > 2 else ("", "", None)
    if kind == "override":
        tables = [_OVERRIDES]
    elif kind == "needs":
        own = f"project.optional-dependencies.{row[0]}[" if row[0] else "project.dependencies["
        labels = (where.removesuffix("project") for need, where in root if need[1] == giver and _is_member(where))
        tables = [label + own for label in dict.fromkeys(labels)]
    else:
        return None
    for place, text in texts.items():
        if any(table in place for table in tables) and rows_of_requirement(Requirement(text), "")[1:] == row[1:]:
            return place
    return None


def _is_member(where: str) -> bool:
    return where.endswith(": project")


def _part_of(place: str) -> str:
    """The part of the project that a line belongs to, as one names it; nothing for what always holds."""
    if _OVERRIDES in place:
        return "your override"
    for table, kind in ((_EXTRAS, "extra"), (_GROUPS, "group")):
        _, found, rest = place.partition(table)
        if found:
            return f"{kind} `{rest.rpartition('[')[0]}`"
    return ""


def _parts(why: Hashable) -> tuple[Any, ...]:
    assert isinstance(why, tuple)
    return why
