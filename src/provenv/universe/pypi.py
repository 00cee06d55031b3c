"""Supplies views and needs from package indexes, and reads ahead of the solver.

While the solver waits for an answer, every page that arrives is turned into a view, what its best candidate needs is
requested, and what that in turn names is requested too: the closure is crawled in as many round trips as it is deep,
whatever order the solver asks in and whichever answer is slow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from packaging.version import InvalidVersion, Version

from provenv.errors import IntegrityError, Unavailable
from provenv.events import Events
from provenv.index.catalog import Catalog
from provenv.index.page import Page
from provenv.model.artifact import Artifact
from provenv.universe.answers import FOREVER
from provenv.universe.build import Candidates, view_of
from provenv.universe.choices import Choices
from provenv.universe.machine import Machine
from provenv.universe.masks import mask_of
from provenv.universe.rows import Broken, Needs
from provenv.universe.view import View

__all__ = ["IndexSupply", "SourceReader"]

_TICK = 0.002
"""Seconds between two looks at a build that is under way."""
_LONGEST_PAUSE = 1.0


class SourceReader(Protocol):
    """Whoever can tell what a source archive needs, by reading or by building it."""

    def metadata(self, artifact: Artifact, name: str, version: str) -> bytes:
        """METADATA of a source archive. Raises BuildError, which ends the resolution."""

    def begin(self, artifact: Artifact, name: str, version: str) -> None:
        """Begin to find that out, because the solver will likely ask; what fails is told when it does."""

    def is_under_way(self, artifact: Artifact) -> bool:
        """Whether what was begun is being done right now: ``metadata`` would wait for it."""


class IndexSupply:
    """The supply of one target from the indexes of a catalog.

    ``policy`` is the plain table of how to choose, at the moment ``now`` (None: all defaults); without ``sources``
    no source archive is a candidate. ``machine`` knows what the target's machine runs.
    """

    def __init__(
        self,
        catalog: Catalog,
        environment: Mapping[str, str],
        tags: Sequence[str],
        events: Events,
        *,
        policy: Mapping[str, Any] | None = None,
        sources: SourceReader | None = None,
        now: float = 0.0,
        machine: Callable[[], Machine] | None = None,
    ) -> None:
        self.catalog = catalog
        self._choices = Choices(policy, now)
        self._sources = sources
        self._machine = machine
        self._ranks = {tag: rank for rank, tag in enumerate(tags)}
        self._python = environment["python_full_version"]
        self._needs = Needs(environment)
        self._events = events
        self._views: dict[str, View | None] = {}
        self._candidates: dict[str, Candidates] = {}
        self._pages: dict[str, Page] = {}
        self._hints: dict[str, str] = {}
        self._extras: dict[str, set[str]] = {}
        self._pages_under_way: dict[str, None] = {}
        self._metadata_under_way: dict[tuple[str, int], Artifact] = {}
        self._stale: dict[str, View] = {}
        self._direct: dict[str, Artifact | None] = {}
        self.is_at_hand: Callable[[str], bool] = lambda name: False
        """Whether a view of a package is at hand, so that it need not be read ahead."""
        self.is_in_haste = False
        """Whether what is asked for matters more than all that may be asked for later."""
        self.until = FOREVER
        """The moment (of the monotonic clock) from which on nobody waits for anything."""

    def want(self, name: str, specifier: str, extras: Sequence[str] = ()) -> None:
        """Begin to fetch a page; its best candidate within ``specifier`` is read ahead, and what it names in turn."""
        if extras:
            self._extras.setdefault(name, set()).update(extras)
        if name in self._views or name in self._pages_under_way:
            return
        self._hints[name] = specifier
        self._pages_under_way[name] = None
        self.catalog.request(name)

    def expect(self, versions: Mapping[str, str]) -> None:
        """Begin to read what these versions need, all at once: another target has them, so this one likely will."""
        for name, version in versions.items():
            self.want(name, f"=={version}")
        self._crawl(_always)

    def view(self, name: str, stale: View | None) -> View | None:
        """The view of a package from its current page; a stale view of the same page keeps what it learned."""
        if stale is not None:
            self._stale.setdefault(name, stale)
        self.want(name, "")
        is_there = partial(self._is_page_there, name)
        self._lead_on(is_there)
        if name not in self._views:
            self._page_arrived(name)
            self._crawl(is_there)
        if stale is not None:
            self._keep_learned(name, stale)
        return self._views[name]

    def _is_page_there(self, name: str) -> bool:
        return name in self._views or self.catalog.is_page_ready(name)

    def _keep_learned(self, name: str, stale: View) -> None:
        """Let a view that came from its file take the place of one that reading ahead made of the same page."""
        made = self._views[name]
        is_same = made is not None and made is not stale and made.digest == stale.digest
        if is_same and made is not None and stale.holds_at(self._choices.cutoff(name)):
            stale.expires, stale.is_changed = made.expires, True
            self._adopt(stale)

    def mask(self, view: View, specifier: str) -> int:
        """Which candidates a specifier admits; remembered in the view."""
        if specifier not in view.masks:
            view.masks[specifier] = mask_of(specifier, self._of(view).parsed)
            view.is_changed = True
        return view.masks[specifier]

    def learn(self, view: View, candidate: int) -> None:
        """Read what a candidate needs, into its view."""
        self._adopt(view)
        if view.known >> candidate & 1:
            return
        told = self._told(view, candidate)
        if told is not None:
            self._take(view, candidate, told)
        elif self._wheel(view, candidate) is None:
            assert self._sources is not None, "without a reader no source archive is a candidate"
            artifact = self.artifacts(view, candidate)[0]
            # A build takes its time: what arrives meanwhile is taken in, and what that names is fetched.
            while self._sources.is_under_way(artifact):
                self._crawl(_always)
                self.catalog.pause(_TICK)
            self._take(view, candidate, self._sources.metadata(artifact, view.name, view.versions[candidate - 1]))
        else:
            self._await_metadata(view, candidate)
            if view.known >> candidate & 1:
                return
            if (view.name, candidate) not in self._metadata_under_way:
                self._request_metadata(view, candidate)  # it was taken in and was no good: now that counts
            self._metadata_arrived(view.name, candidate)

    def _await_metadata(self, view: View, candidate: int) -> None:
        """Wait until metadata came and was taken in, or was no good."""
        if (view.name, candidate) not in self._metadata_under_way:
            self._request_metadata(view, candidate)
        self._lead_on(partial(self.catalog.is_metadata_ready, self._metadata_under_way[view.name, candidate]))

    def ahead(self, view: View, candidates: int) -> None:
        """Begin to read what several candidates need, the highest first."""
        for candidate in range(candidates.bit_length() - 1, 0, -1):
            is_wanted = candidates >> candidate & 1 and (view.name, candidate) not in self._metadata_under_way
            if is_wanted and self._is_read_ahead(view, candidate):
                self._request_metadata(view, candidate)

    def learn_all(self, view: View, candidates: int) -> int:
        """Read what several candidates need; where that fails, the failure counts when the solver really asks."""
        self._crawl(_always)
        self._adopt(view)
        self.ahead(view, candidates)
        for candidate in range(candidates.bit_length() - 1, 0, -1):
            if (view.name, candidate) in self._metadata_under_way and candidates >> candidate & 1:
                self._await_metadata(view, candidate)
        return candidates & view.known

    def _is_read_ahead(self, view: View, candidate: int) -> bool:
        """Nothing is built, or downloaded whole, on a guess."""
        if view.known >> candidate & 1 or self._told(view, candidate) is not None:
            return False
        return self._wheel(view, candidate) is not None

    def _wheel(self, view: View, candidate: int) -> Artifact | None:
        """The wheel that tells what a candidate needs: one for the target, else for others; None without any."""
        if not view.sources >> candidate & 1:
            return self.artifacts(view, candidate)[0]
        number = self._of(view).alike.get(candidate)
        return None if number is None else self._pages[view.name].artifact(number)

    def direct(self, name: str, version: str, metadata: bytes | None = None, artifact: Artifact | None = None) -> View:
        """The view of a direct reference: one candidate, kept for this command only.

        Its needs are those of ``metadata``; without, they are read from ``artifact``, a wheel. It may itself refer
        directly. Of a directory or a repository there is no artifact.
        """
        view = View(name, artifact.url if artifact is not None else "", "", 0.0, [version])
        view.is_kept = False
        self._views[name] = view
        self._candidates[name] = Candidates({1: [0]}, [Version(version)])
        self._direct[name] = artifact
        if metadata is not None:
            self._take(view, 1, metadata)
        return view

    def artifacts(self, view: View, candidate: int) -> list[Artifact]:
        """The wheels of a candidate that the target accepts, best first; without any, its source archive."""
        if view.name in self._direct:
            direct = self._direct[view.name]
            return [direct] if direct is not None else []
        files = self._of(view).files[candidate]
        return [self._pages[view.name].artifact(number) for number in files]

    def why_yanked(self, view: View, candidate: int) -> str:
        """The reason that the authors gave for yanking a candidate, perhaps none."""
        files = self._of(view).files[candidate]
        return next(filter(None, (self._pages[view.name].yanked(number) for number in files)), "")

    def _of(self, view: View) -> Candidates:
        """The files behind a view; a view that came from its file needs its page again, which the cache has."""
        if view.name not in self._candidates:
            self.view(view.name, view)
        self._adopt(view)
        return self._candidates[view.name]

    def _adopt(self, view: View) -> None:
        """A view that came from its file takes the place of the one that reading ahead made of the same page.

        From then on all that is read goes into the one that the solver is told of.
        """
        made = self._views.get(view.name, view)
        if made is view:
            return
        if made is None or made.digest != view.digest:
            raise Unavailable(
                f"the index page of {view.name} changed while the command was running", hint="run the command again"
            )
        _carry_over(made, view)
        self._views[view.name] = view

    def _crawl(self, is_enough: Callable[[], bool]) -> None:
        """Take in what has arrived, without waiting.

        Who is in haste wants no page to be read while what it waits for is there; everybody else wants what the pages
        name to be fetched as soon as can be.
        """
        moved = True
        while moved:
            moved = False
            for name in [name for name in self._pages_under_way if self.catalog.is_page_ready(name)]:
                if (self.is_in_haste and is_enough()) or time.monotonic() >= self.until:
                    break
                self._page_read_ahead(name)
                moved = True
            for name, candidate in [
                key for key, artifact in self._metadata_under_way.items() if self.catalog.is_metadata_ready(artifact)
            ]:
                self._read_ahead(name, candidate)
                moved = True

    def _lead_on(self, is_there: Callable[[], bool]) -> None:
        """Take in what arrives until an answer is there, unless there is no time for that: Unavailable says so."""
        self._crawl(is_there)
        while not is_there():
            left = self.until - time.monotonic()
            if left <= 0:
                raise Unavailable("there was no time to wait for an answer")
            self.catalog.pause(min(left, _LONGEST_PAUSE))
            self._crawl(is_there)
        # What came between the last look and now.
        self._crawl(is_there)

    def _page_read_ahead(self, name: str) -> None:
        """Take in a page; if that failed, the failure counts when the solver really asks for the package."""
        try:
            self._page_arrived(name)
        except (Unavailable, IntegrityError) as error:
            self._events.noted(f"reading ahead: {error.message}")

    def _page_arrived(self, name: str) -> None:
        """Make the view of a page, waiting for the page if need be."""
        self._pages_under_way.pop(name, None)
        page = self.catalog.page(name)
        self._events.advanced("resolve", 1, name)
        if page is None:
            self._views[name] = None
            return
        cutoff = self._choices.cutoff(name)
        view, candidates = view_of(
            page,
            name,
            self._ranks,
            self._python,
            is_built=self._sources is not None and self._choices.is_built(name),
            has_wheels=self._choices.has_wheels(name),
            cutoff=cutoff,
        )
        if self._machine is not None:
            self._machine().mark(view)
        stale = self._stale.pop(name, None)
        if stale is not None and stale.digest == page.digest and stale.holds_at(cutoff):
            stale.expires, stale.is_changed = page.expires, True
            view = stale
        elif stale is not None:
            _carry_over(stale, view)
        self._views[name], self._candidates[name], self._pages[name] = view, candidates, page
        best = self.mask(view, self._hints.get(name, "")) & ~_ruled_out(view)
        best = best & ~view.pre & ~view.yanked or best & ~view.yanked or best
        if not best:
            return
        candidate = best.bit_length() - 1
        if self._is_read_ahead(view, candidate):
            self._request_metadata(view, candidate)
        elif self._is_begun(view, candidate):
            assert self._sources is not None, "without a reader no source archive is a candidate"
            self._sources.begin(self.artifacts(view, candidate)[0], name, view.versions[candidate - 1])

    def _is_begun(self, view: View, candidate: int) -> bool:
        """Whether a source archive is read before the solver asks.

        Without a lower bound it may be any of many versions, and old ones often cannot be built (as in uv).
        """
        is_open = view.sources >> candidate & 1 and not view.known >> candidate & 1
        return bool(is_open) and _has_floor(self._hints.get(view.name, "")) and self._told(view, candidate) is None

    def _request_metadata(self, view: View, candidate: int) -> None:
        artifact = self._wheel(view, candidate)
        assert artifact is not None, "only what has a wheel is read ahead"
        self._metadata_under_way[view.name, candidate] = artifact
        self.catalog.request_metadata(artifact)

    def _read_ahead(self, name: str, candidate: int) -> None:
        """Take in what was read ahead; if that failed, the failure counts when the solver really asks."""
        try:
            self._metadata_arrived(name, candidate)
        except (Unavailable, IntegrityError) as error:
            self._events.noted(f"reading ahead: {error.message}")

    def _metadata_arrived(self, name: str, candidate: int) -> None:
        """Fold the needs of a candidate into its view, waiting for its metadata if need be."""
        artifact = self._metadata_under_way.pop((name, candidate))
        view = self._views[name]
        assert view is not None
        if not view.known >> candidate & 1:
            self._take(view, candidate, self.catalog.metadata(artifact))

    def _take(self, view: View, candidate: int, metadata: bytes) -> None:
        """Fold metadata into a view, and begin to fetch what it names."""
        may_refer = view.name in self._direct
        try:
            rows, extras = self._needs.of_metadata(
                metadata, view.name, view.versions[candidate - 1], may_refer=may_refer
            )
        except Broken as error:
            view.spoil(candidate, str(error))
            return
        view.learn(candidate, rows, extras)
        wanted = self._extras.get(view.name, ())
        for extra, needed, extras_of_it, specifier in rows:
            if (not extra or extra in wanted) and not self.is_at_hand(needed):
                self.want(needed, specifier, extras_of_it)

    def _told(self, view: View, candidate: int) -> bytes | None:
        """What the project itself says of a candidate (``dependency-metadata``), as METADATA."""
        if view.name in self._direct:
            return None
        tables = self._choices.told(view.name)
        if not tables:
            return None
        from provenv.build.static import metadata_of_table

        version = view.versions[candidate - 1]
        exact = [table for table in tables if table.get("version") and _is_same(table["version"], version)]
        for table in (*exact, *(table for table in tables if not table.get("version"))):
            return metadata_of_table(
                view.name,
                version,
                requires=table.get("requires-dist", ()),
                provides=table.get("provides-extra", ()),
                requires_python=table.get("requires-python"),
            )
        return None


def _always() -> bool:
    return True


def _has_floor(specifier: str) -> bool:
    """Whether a specifier leaves out what is too old."""
    return any(part.strip().startswith((">", "==", "~=")) for part in specifier.split(","))


def _is_same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _ruled_out(view: View) -> int:
    mask = 0
    for spoiled in (*view.broken.values(), *view.refused.values()):
        mask |= spoiled
    return mask


def _carry_over(stale: View, fresh: View) -> None:
    """A page that changed seldom changes old versions: what was read of a candidate holds for the same version."""
    moved = {
        old: new
        for old, version in enumerate(stale.versions, 1)
        if stale.known >> old & 1 and (new := fresh.candidate(version))
    }
    for old, new in moved.items():
        for reason, mask in stale.broken.items():
            if mask >> old & 1:
                fresh.spoil(new, reason)
        if not fresh.known >> new & 1:
            rows = tuple(row for row, mask in stale.needs.items() if mask >> old & 1)
            extras = tuple(extra for extra, mask in stale.extras.items() if mask >> old & 1)
            fresh.learn(new, rows, extras)
