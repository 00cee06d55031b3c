"""A view is one package as one target sees it: candidates sorted, markers evaluated, masks remembered.

A view holds for one digest of the index page it was made from; another page makes another view. It is kept in a
marshalled file so that a resolution with warm caches needs neither ``packaging`` nor the page. This module is on the
warm path: it imports nothing that costs time.
"""

from __future__ import annotations

import marshal
import os

__all__ = ["Row", "Unfit", "View", "row_text"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from provenv.model.artifact import FileRow

    Row: TypeAlias = tuple[str, str, tuple[str, ...], str]
    """One need: the extra that adds it (or ""), the package needed, its extras, its version specifier."""

    Unfit: TypeAlias = tuple[str, str, str]
    """Why a machine cannot run something: ``driver`` or ``gpu``, what is needed, and the reason in words."""

_FORMAT = 10


class View:
    """What the solver may know of one package.

    Candidate ``i`` (bit ``i``) is ``versions[i - 1]``; versions ascend. ``needs`` maps a row to the mask of the
    candidates known to have it; ``known`` is the mask of candidates whose needs were read; ``broken`` maps a reason to
    the candidates it makes unusable; ``excluded`` lists ``(version, reason)`` of versions that are no candidates.
    ``sources`` are the candidates that must be built, ``capped`` tells the ``Requires-Python`` of those whose upper
    bound is below the target, ``others`` tells the index of candidates that another one than
    ``index`` offers. With ``exclude-newer`` the view holds for every cut-off in ``window`` (after the first moment, up
    to the second), and ``undated`` counts the files of which the index tells no upload time. ``refused`` maps a reason
    to the candidates that the machine of the target cannot run; ``builds`` maps a build (``cu126``, ``cpu``, or "" for
    none) to its candidates, for packages that must come from one build; those in ``first`` are better than all others.
    """

    __slots__ = (
        "broken",
        "builds",
        "capped",
        "chosen",
        "digest",
        "excluded",
        "expires",
        "extras",
        "first",
        "index",
        "is_changed",
        "is_kept",
        "known",
        "masks",
        "name",
        "needs",
        "others",
        "pre",
        "refused",
        "sources",
        "undated",
        "versions",
        "window",
        "yanked",
    )

    def __init__(self, name: str, digest: str, index: str, expires: float, versions: list[str]) -> None:
        self.name = name
        self.digest = digest
        self.index = index
        self.expires = expires
        self.versions = versions
        self.pre = 0
        self.yanked = 0
        self.sources = 0
        self.capped: dict[int, str] = {}
        self.others: dict[int, str] = {}
        self.window: tuple[float, float] | None = None
        self.undated = 0
        self.excluded: list[tuple[str, str]] = []
        self.needs: dict[Row, int] = {}
        self.extras: dict[str, int] = {}
        self.broken: dict[str, int] = {}
        self.known = 0
        self.refused: dict[Unfit, int] = {}
        self.builds: dict[str, int] = {}
        self.first = 0
        self.masks: dict[str, int] = {}
        self.chosen: dict[int, tuple[FileRow, ...]] = {}
        self.is_changed = True
        self.is_kept = True

    @property
    def size(self) -> int:
        """The number of candidates."""
        return len(self.versions)

    def index_of(self, candidate: int) -> str:
        """The root of the index that offers a candidate."""
        return self.others.get(candidate, self.index)

    def holds_at(self, cutoff: float | None) -> bool:
        """Whether the view is the same for this cut-off; one that was made without any is not asked about another."""
        return cutoff is None or (self.window is not None and self.window[0] < cutoff <= self.window[1])

    def candidate(self, version: str) -> int:
        """The number of the candidate with exactly that version text, or 0."""
        try:
            return self.versions.index(version) + 1
        except ValueError:
            return 0

    def learn(self, candidate: int, rows: tuple[Row, ...], extras: tuple[str, ...]) -> None:
        """Record what a candidate needs and which extras it offers."""
        bit = 1 << candidate
        for row in rows:
            self.needs[row] = self.needs.get(row, 0) | bit
        for extra in extras:
            self.extras[extra] = self.extras.get(extra, 0) | bit
        self.known |= bit
        self.is_changed = True

    def spoil(self, candidate: int, reason: str) -> None:
        """Record that a candidate cannot be used."""
        self.broken[reason] = self.broken.get(reason, 0) | (1 << candidate)
        self.known |= 1 << candidate
        self.is_changed = True

    def rows(self, candidate: int, extra: str) -> list[tuple[Row, int]]:
        """The needs of a known candidate with their masks; ``extra`` "" for those without an extra."""
        bit = 1 << candidate
        return [(row, mask) for row, mask in self.needs.items() if mask & bit and row[0] == extra]

    @staticmethod
    def load(path: str) -> View | None:
        """The view kept in a file, or None when there is none that can be read."""
        try:
            with open(path, "rb") as file:
                data = marshal.loads(file.read())
            if data[0] != _FORMAT:
                return None
            _, name, digest, index, expires, versions, *rest = data
        except (OSError, ValueError, EOFError, TypeError, IndexError):
            return None
        view = View(name, digest, index, expires, versions)
        (
            view.pre,
            view.yanked,
            view.sources,
            view.capped,
            view.others,
            view.window,
            view.undated,
            view.excluded,
            view.needs,
            view.extras,
            view.broken,
            view.known,
            view.refused,
            view.builds,
            view.first,
            view.masks,
            view.chosen,
        ) = rest
        view.is_changed = False
        return view

    def save(self, path: str) -> None:
        """Keep the view; a failure to write is no failure of the command."""
        data = (
            _FORMAT, self.name, self.digest, self.index, self.expires, self.versions, self.pre, self.yanked,
            self.sources, self.capped, self.others, self.window, self.undated, self.excluded, self.needs,
            self.extras, self.broken, self.known, self.refused, self.builds, self.first,
            self.masks, self.chosen,
        )  # fmt: skip
        temporary = f"{path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(marshal.dumps(data))
            os.replace(temporary, path)
        except OSError:
            return
        self.is_changed = False


def row_text(row: Row) -> str:
    """A need as a user writes it: ``torch[cuda]>=2.8``."""
    _, name, extras, specifier = row
    chosen = f"[{','.join(extras)}]" if extras else ""
    return f"{name}{chosen}{specifier}"
