"""Turns views into answers. On the warm path: imports only what a resolution with warm caches needs."""

from __future__ import annotations

import os

from provenv.solve.types import ABSENT, Always, Rule, Unusable
from provenv.universe.choices import Choices
from provenv.universe.view import View

__all__ = ["FOREVER", "ROOT", "Answers", "Supply", "is_exact"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence
    from typing import Any, Protocol

    from provenv.solve.types import Answer, Ask
    from provenv.universe.view import Row, Unfit

    class Supply(Protocol):
        """Whoever can fetch what the views lack."""

        is_at_hand: Callable[[str], bool]
        """Whether a package needs no reading ahead; set by the one who asks."""
        is_in_haste: bool
        """Whether nothing is to be read ahead while an answer is there; set by the one who asks."""
        until: float
        """From when on (of the monotonic clock) nothing is waited for; set by the one who asks."""

        def want(self, name: str, specifier: str, extras: Sequence[str] = ()) -> None:
            """Begin to fetch a package's page, and what its best candidate within ``specifier`` needs, with extras."""

        def expect(self, versions: Mapping[str, str]) -> None:
            """Begin to read what these versions need, all at once: another target has them."""

        def view(self, name: str, stale: View | None) -> View | None:
            """The view of a package, made from its current page; None when no index has the package."""

        def learn(self, view: View, candidate: int) -> None:
            """Read what a candidate needs, into its view."""

        def ahead(self, view: View, candidates: int) -> None:
            """Begin to read what several candidates (a mask) need, because the solver will soon ask."""

        def learn_all(self, view: View, candidates: int) -> int:
            """Read what several candidates (a mask) need, as far as it can be read; those that are known then."""

        def mask(self, view: View, specifier: str) -> int:
            """Which candidates a specifier admits."""

        def why_yanked(self, view: View, candidate: int) -> str:
            """The reason that the authors gave for yanking a candidate, perhaps none."""

else:
    Supply = object

ROOT = ""
_FAMILY_HEAD = "torch"
"""The package whose build its kin must share; rules mark only their views with builds."""
FOREVER = float("inf")
#: From so many candidates asked about, the solver is going back through a package: read ahead, twice as far each time.
#: What arrives is volunteered and ruled out in bulk, so few questions remain (boto3 against a newer botocore: 1,500
#: candidates, 20 questions).
_BACKTRACKING_FROM = 4
_FARTHEST_AHEAD = 128
#: From so many questions on, everything known about the package is volunteered, so that conflicts are learned in bulk.
_VOLUNTEER_FROM = 3


class Answers:
    """What one target's solver is told. One instance lives for one resolution.

    ``root`` holds the rows of the project and the place that wrote each; ``directory`` keeps the views; ``supply``
    makes the one who fetches, at first need; ``pins`` are versions to prefer; ``is_fresh`` decides whether a view may
    be used as it stands. ``policy`` is the plain table of how to choose, at the moment ``now`` (None: all defaults).
    ``constraints`` are bounds that hold if their package is needed at all, each with the place that wrote it;
    ``overrides`` stand in place of every need of a package; ``excludes`` are left out, whoever needs them.
    ``disproved`` are versions that a proof from the bytes has ruled out for the target: package -> version -> reason.
    """

    def __init__(
        self,
        root: Sequence[tuple[Row, str]],
        *,
        directory: str,
        supply: Callable[[], Supply],
        is_fresh: Callable[[View], bool],
        pins: Mapping[str, str],
        pinned_views: Mapping[str, View] | None = None,
        policy: Mapping[str, Any] | None = None,
        constraints: Sequence[tuple[Row, str]] = (),
        overrides: Mapping[str, Sequence[Row]] | None = None,
        excludes: Sequence[str] = (),
        now: float = 0.0,
        disproved: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.root = root
        self.views: dict[str, View | None] = dict(pinned_views or {})
        self.prefer: dict[str, int] = {}
        self.tiers: dict[str, tuple[int, ...]] = {}
        self.costly: dict[str, int] = {}
        """Source archives, which may have to be built to know what they need. Whether some are known already is a
        matter of caches, and must not change the course of a resolution."""
        self.warnings: list[str] = []
        self.meanwhile: Callable[[], None] | None = None
        """Called once, when the first pages were asked for and none can be there yet."""
        self.constraints: dict[str, list[tuple[Row, str]]] = {}
        for row, where in constraints:
            self.constraints.setdefault(row[1], []).append((row, where))
        self._choices = Choices(policy, now)
        self._now = now
        self._disproved = disproved or {}
        self._overrides = overrides or {}
        self._excludes = frozenset(excludes)
        self._constrained: set[str] = set()
        self._named: frozenset[str] | None = None
        self._yanks: dict[str, int] = {}
        self._directory = directory
        self._make_supply = supply
        self._supply: Supply | None = None
        self._is_fresh = is_fresh
        self._pins = pins
        self._stored: dict[str, View] = {}
        self._asked: dict[str, set[int]] = {}
        self._told: dict[str, int] = {}
        self._ahead: dict[str, int] = {}
        self.note_orders()

    def note_orders(self) -> None:
        """Take notice of views that somebody else has put here."""
        for view in self.views.values():
            if view is not None:
                self._note_order(view)

    @property
    def lowest(self) -> Container[str]:
        """Packages of which the lowest version is preferred."""
        if self._choices.resolution == "lowest":
            return _Everything()
        if self._choices.resolution == "lowest-direct":
            return frozenset(needed[1] for row, _ in self.root for needed in self.effective(row))
        return ()

    @property
    def supply(self) -> Supply:
        """The one who fetches; made when the caches do not suffice."""
        if self._supply is None:
            self._supply = self._make_supply()
            self._supply.is_at_hand = self._is_at_hand
        return self._supply

    def _is_at_hand(self, name: str) -> bool:
        """Whether a package has a view that may be used as it stands: nothing about it need be read ahead."""
        return name in self.views or self._fresh_file(name) is not None

    def lacks_pins(self) -> bool:
        """Whether something that the project's pins need, or those of their needs in turn, is not at hand yet.

        Nor must anybody wait for what else the project names: then the pins come first, too.
        """
        named = [needed for row, _ in self.root for needed in self.effective(row)]
        waiting = [needed for needed in named if self.pins_exactly(needed)]
        if waiting and not all(self._is_at_hand(name) for _, name, _, _ in named):
            return True
        followed: set[Row] = set()
        while waiting:
            row = waiting.pop()
            if row in followed:
                continue
            followed.add(row)
            _, name, extras, specifier = row
            view = self.views[name] if name in self.views else self._fresh_file(name)
            if view is None or specifier not in view.masks:
                return True
            if not self.pins_exactly(row):
                continue
            candidate = self.mask(view, specifier).bit_length() - 1
            if candidate < 1 or not view.known >> candidate & 1:
                return True
            for extra in ("", *extras):
                waiting += [other for needed, _ in view.rows(candidate, extra) for other in self.effective(needed)]
        return False

    def pins_exactly(self, row: Row) -> bool:
        """Whether a need, or a constraint of the project, admits one release of its package only."""
        return is_exact(row[3]) or any(is_exact(bound[3]) for bound, _ in self.constraints.get(row[1], ()))

    def answer(self, ask: Ask) -> Answer:
        """What the asked candidate needs, wider where more is known."""
        if ask.package == ROOT:
            return self._rules([(row, 2, ("root", where)) for row, where in self.root])
        view = self.view(ask.package)
        assert view is not None, "only candidates of existing views are asked for"
        bit = 1 << ask.candidate
        for (_, _, reason), mask in self.refusals(view):
            if mask & bit:
                return Unusable(mask, ("machine", view.name, reason))
        if not view.known & bit:
            self.supply.learn(view, ask.candidate)
        told = self._tell(view, ask.candidate)
        for reason, mask in view.broken.items():
            if mask & bit:
                return Unusable(mask & told, ("broken", view.name, reason))
        if ask.extra and not view.extras.get(ask.extra, 0) & bit:
            version = view.versions[ask.candidate - 1]
            self.warnings.append(f"{view.name} {version} has no extra named `{ask.extra}`")
            return ()
        rows = [(row, mask & told, ("needs", view.name, row)) for row, mask in view.rows(ask.candidate, ask.extra)]
        # The order of a view's rows is that of their arrival: a matter of chance.
        rules = self._rules(sorted(rows), view.name)
        if view.builds and not ask.extra and view.name != _FAMILY_HEAD:
            rules += self._same_build(view, ask.candidate)
        return rules + self._volunteered(view, ask, told)

    def refusals(self, view: View) -> Iterable[tuple[Unfit, int]]:
        """Why the target's machine cannot run some candidates: by rules first, then by what proofs have shown."""
        yield from view.refused.items()
        for version, reason in self._disproved.get(view.name, {}).items():
            if candidate := view.candidate(version):
                yield ("proof", "", reason), 1 << candidate

    def _same_build(self, view: View, candidate: int) -> tuple[Rule, ...]:
        """PyTorch's kin go with a PyTorch of the same build, which no metadata tells."""
        head = self.view(_FAMILY_HEAD)
        build = next(build for build, mask in view.builds.items() if mask >> candidate & 1)
        if head is None or not head.builds:
            return ()
        # A mere constraint: whether anybody needs it is another matter.
        row = ("", _FAMILY_HEAD, (), f" of build {build}" if build else " without a build in its version")
        allow = head.builds.get(build, 0) | ABSENT
        return (Rule(view.builds[build], _FAMILY_HEAD, allow, head.size, ("needs", view.name, row)),)

    def effective(self, row: Row) -> Sequence[Row]:
        """What stands in place of a need after overrides and excludes: mostly the need itself."""
        if row[1] in self._excludes:
            return ()
        overrides = self._overrides.get(row[1])
        return (row,) if overrides is None else [(row[0], *other[1:]) for other in overrides]

    def _tell(self, view: View, candidate: int) -> int:
        """The candidates that rules may speak of: those asked about, and those read ahead for earlier questions.

        What else is known is a matter of caches and of chance, and must not change the course of a resolution.
        """
        told = self._told.get(view.name, 0) | 1 << candidate
        if ahead := self._ahead.pop(view.name, 0):
            told |= self.supply.learn_all(view, ahead) if ahead & ~view.known else ahead
        self._told[view.name] = told
        return told

    def view(self, name: str) -> View | None:
        """The view of a package, or None when no index has it."""
        if name in self.views:
            return self.views[name]
        found = self._stored.pop(name, None) or View.load(self._path(name))
        if found is None or not self._holds(found):
            found = self.supply.view(name, found)
        self.views[name] = found
        if found is not None:
            self._note_order(found)
        return found

    def expires(self, view: View) -> float:
        """Until when the view holds: as long as its page is fresh, and no further file becomes old enough."""
        cutoff = self._choices.cutoff(view.name)
        if cutoff is None or view.window is None or not self._choices.moves(view.name):
            return view.expires
        return min(view.expires, self._now + view.window[1] - cutoff)

    def _holds(self, view: View) -> bool:
        return self._is_fresh(view) and view.holds_at(self._choices.cutoff(view.name))

    def mask(self, view: View, specifier: str) -> int:
        """Which candidates of a view a specifier admits, as the policy has it of pre-releases and yanked versions."""
        found = self._within(view, specifier)
        if view.yanked:
            found &= ~view.yanked | self._allowed_yanks(view)
        return found if self.admits_prereleases(view.name) else found & ~view.pre

    def _within(self, view: View, specifier: str) -> int:
        known = view.masks.get(specifier)
        if known is not None:
            return known
        if self._supply is not None:
            return self._supply.mask(view, specifier)
        # After an edit of the project: to know which versions are meant, nobody need be ready to fetch anything.
        from provenv.universe.masks import mask_in

        return mask_in(view, specifier)

    def _allowed_yanks(self, view: View) -> int:
        """Candidates that count although they were yanked: the project pins them exactly, or the lock has them.

        PEP 592 leaves it open. As in uv, what a package pins is no such wish: its user may not even know.
        """
        if view.name not in self._yanks:
            allowed = self.prefer.get(view.name, 0)
            for row in self._own():
                if row[1] == view.name and is_exact(row[3]):
                    # `==2` is also met by `2+local`: where one of them was not yanked, that one is meant.
                    pinned = self._within(view, row[3])
                    allowed |= pinned & ~view.yanked or pinned
            self._yanks[view.name] = allowed
        return self._yanks[view.name]

    def never_chosen(self, view: View) -> int:
        """Candidates that were yanked and that the project does not pin."""
        return view.yanked & ~self._allowed_yanks(view) if view.yanked else 0

    def _own(self) -> list[Row]:
        """What the project itself says: requirements, constraints and overrides."""
        rows = [other for row, _ in self.root for other in self.effective(row)]
        rows += [row for bounds in self.constraints.values() for row, _ in bounds]
        rows += [row for others in self._overrides.values() for row in others]
        return rows

    def admits_prereleases(self, name: str) -> bool:
        """Whether pre-releases of a package count, after its stable versions or (``allow``) among them.

        ``disallow`` admits none; ``explicit`` those of packages to which the project itself gives a bound that names
        a pre-release.
        """
        policy = self._choices.prerelease
        if policy == "explicit":
            return name in self._explicit()
        return policy != "disallow"

    def _explicit(self) -> frozenset[str]:
        if self._named is None:
            from packaging.specifiers import SpecifierSet

            self._named = frozenset(row[1] for row in self._own() if SpecifierSet(row[3]).prereleases)
        return self._named

    def save(self) -> None:
        """Keep every view that changed."""
        for view in self.views.values():
            if view is not None and view.is_changed and view.is_kept:
                view.save(self._path(view.name))

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, self._choices.file_name(name))

    def _note_order(self, view: View) -> None:
        if view.sources:
            self.costly[view.name] = view.sources
        if view.undated:
            self._warn_undated(view)
        if view.pre or view.others or view.first:
            self.tiers[view.name] = self._tiers(view)
        pin = self._pins.get(view.name)
        if pin is None:
            return
        if view.builds and not (view.candidate(pin) and "+" in pin):
            # Another target has it: the same release, in the build that is right here.
            release = pin.partition("+")[0]
            same = [at for at, version in enumerate(view.versions, 1) if version.partition("+")[0] == release]
            mask = sum(1 << at for at in same)
            if mask:
                self.prefer[view.name] = mask & view.first or mask
        elif candidate := view.candidate(pin):
            self.prefer[view.name] = 1 << candidate

    def _tiers(self, view: View) -> tuple[int, ...]:
        """Stable versions before pre-releases; all of an index before those of the next, where that is wanted."""
        everything = (2 << view.size) - 2
        parts = [everything]
        if view.others and self._choices.strategy == "unsafe-first-match":
            by_index: dict[str, int] = {}
            for candidate, index in view.others.items():
                by_index[index] = by_index.get(index, 0) | 1 << candidate
            rest = everything
            for mask in by_index.values():
                rest &= ~mask
            parts = [rest, *by_index.values()]
        if view.first:
            parts = [view.first, everything & ~view.first]
        if self._choices.prerelease == "allow":
            return tuple(parts)
        if view.first:
            return tuple(part & mask for mask in (~view.pre, view.pre) for part in parts)
        return tuple(tier for part in parts for tier in (part & ~view.pre, part & view.pre))

    def _warn_undated(self, view: View) -> None:
        # One message per index, whatever the number of its packages.
        message = (
            f"{view.index} does not tell when files were uploaded, so `exclude-newer` leaves them out: "
            f"exempt a package with `exclude-newer-package` if that is not wanted"
        )
        if message not in self.warnings:
            self.warnings.append(message)

    def _rules(self, rows: Sequence[tuple[Row, int, tuple[object, ...]]], package: str = ROOT) -> tuple[Rule, ...]:
        if self._overrides or self._excludes:
            rows = [
                (row, when, why if row is told else ("override", package, row))
                for told, when, why in rows
                for row in self.effective(told)
            ]
        self._begin([row for row, _, _ in rows])
        rules: list[Rule] = []
        for row, when, why in rows:
            _, name, extras, specifier = row
            if name != package:
                view = self.view(name)
                if view is None:
                    rules.append(Rule(when, name, 0, 1, why))
                    continue
                rules.append(Rule(when, name, self.mask(view, specifier), view.size, why))
                if name in self.constraints and name not in self._constrained:
                    self._constrained.add(name)
                    rules.extend(
                        Always(name, self.mask(view, bound[3]) | ABSENT, view.size, ("constraint", where, bound))
                        for bound, where in self.constraints[name]
                    )
            rules.extend(Rule(when, f"{name}[{extra}]", 2, 1, why) for extra in extras)
        return tuple(rules)

    def _begin(self, rows: Sequence[Row]) -> None:
        """Begin to fetch the pages that rows need and that are not at hand, all at once."""
        missing = [row for row in rows if row[1] not in self.views and self._fresh_file(row[1]) is None]
        for _, name, extras, specifier in missing:
            self.supply.want(name, specifier, extras)
        if missing and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()

    def _fresh_file(self, name: str) -> View | None:
        """The view in a package's file if that is there and fresh, kept until it is needed."""
        if name in self._stored:
            return self._stored[name]
        found = View.load(self._path(name))
        if found is None or not self._holds(found):
            return None
        self._stored[name] = found
        return found

    def _volunteered(self, view: View, ask: Ask, told: int) -> tuple[Rule, ...]:
        tried = self._asked.setdefault(view.name, set())
        if ask.candidate in tried:
            return ()
        tried.add(ask.candidate)
        asked = len(tried)
        if asked >= _BACKTRACKING_FROM:
            # Nothing is built on a guess.
            count, known = min(_FARTHEST_AHEAD, 1 << (asked - 1)), view.sources | told
            lower = [candidate for candidate in range(ask.candidate - 1, 0, -1) if not known >> candidate & 1]
            self._ahead[view.name] = ahead = sum(1 << candidate for candidate in lower[:count])
            # With warm caches nobody fetches yet, and perhaps nobody need: this may have been the last question.
            if self._supply is not None and ahead & ~view.known:
                self._supply.ahead(view, ahead & ~view.known)
        if asked < _VOLUNTEER_FROM:
            return ()
        bit = 1 << ask.candidate
        others = [
            (row, mask & told, ("needs", view.name, row))
            for row, mask in view.needs.items()
            if row[0] == ask.extra and not mask & bit and mask & told and self.views.get(row[1]) is not None
        ]
        return self._rules(sorted(others), view.name)


def is_exact(specifier: str) -> bool:
    """Whether a specifier admits one release only."""
    return any(part.startswith("==") and not part.endswith(".*") for part in specifier.split(","))


class _Everything:
    """Contains every package."""

    def __contains__(self, name: object) -> bool:
        return True
