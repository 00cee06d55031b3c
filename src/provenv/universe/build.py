"""Makes a view from an index page: which versions are candidates on a target, and from which files."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.specifiers import InvalidSpecifier
from packaging.version import InvalidVersion, Version

from provenv.index.page import Page, normalised
from provenv.universe.cutoff import uploaded
from provenv.universe.rows import fits_python
from provenv.universe.view import View

__all__ = ["Candidates", "view_of"]

_FOREVER = float("inf")
_VERSIONS: dict[str, Version | None] = {}
"""Every version text that was met, parsed; None: it is no version. Several targets and many packages share them."""
_SOURCE_ENDINGS = (".tar.gz", ".zip")


class Candidates:
    """The files behind a view's candidates, best first; kept beside the view while a command runs."""

    __slots__ = ("alike", "files", "parsed")

    def __init__(self, files: dict[int, list[int]], parsed: list[Version], alike: dict[int, int] | None = None) -> None:
        self.files = files
        """Candidate -> numbers of its wheels on the page, best tag first; without any, of its source archive."""
        self.parsed = parsed
        """Parsed versions, in the view's order."""
        self.alike = alike or {}
        """Candidate that is only a source archive here -> number of a wheel of it for other machines: as in uv, what
        that one needs stands for what a build would tell."""


def view_of(
    page: Page,
    name: str,
    ranks: Mapping[str, int],
    python: str,
    *,
    is_built: bool = True,
    has_wheels: bool = True,
    cutoff: float | None = None,
) -> tuple[View, Candidates]:
    """The view of a page for a target.

    ``ranks`` maps each tag that the target accepts to its place, best first; ``python`` is the target's full version.
    ``is_built``: a version without a usable wheel counts if it has a source archive. ``has_wheels``: wheels may be
    used. Files uploaded at ``cutoff`` (seconds since the epoch) or later do not count.
    """
    return _Reading(page, name, ranks, python, is_built, has_wheels, cutoff).view()


class _Reading:
    """One pass over the files of a page."""

    def __init__(
        self,
        page: Page,
        name: str,
        ranks: Mapping[str, int],
        python: str,
        is_built: bool,
        has_wheels: bool,
        cutoff: float | None,
    ) -> None:
        self._page = page
        self._name = name
        self._ranks = ranks
        self._python = python
        self._is_built = is_built
        self._has_wheels = has_wheels
        self._cutoff = cutoff
        self._window = (-_FOREVER, _FOREVER)
        self._undated = 0
        self._pythons: dict[str, tuple[bool, bool]] = {}
        self._usable: dict[str, list[tuple[int, int]]] = {}
        self._sources: dict[str, int] = {}
        self._reasons: dict[str, str] = {}
        self._yanked: dict[str, bool] = {}
        self._capped: dict[str, str] = {}
        self._others: dict[str, int] = {}

    def view(self) -> tuple[View, Candidates]:
        """Read the wheels, then the source archives of versions that have no usable wheel."""
        self._read_files()
        parsed = _parsed(self._usable)
        if self._sources:
            known = {version for version, _ in parsed}
            for version, text in _parsed(self._sources):
                # An index may write one version in two ways: `1.0` and `1.0.0`.
                if version not in known and self._admit_source(text, self._sources[text]):
                    known.add(version)
                    parsed.append((version, text))
        parsed.sort()
        return self._assembled(parsed)

    def _read_files(self) -> None:
        page, ranks, reasons, usable, yanked = self._page, self._ranks, self._reasons, self._usable, self._yanked
        tag_memory: dict[str, int | None] = {}
        no_wheel = f"no wheel for {_short(ranks)}"
        wheels, self._sources = _split(page, self._name)
        for number, version, tags in wheels:
            self._others.setdefault(version, number)
            if not self._has_wheels:
                reasons[version] = "it has no source archive, and wheels of it may not be used"
                continue
            if tags in tag_memory:
                rank = tag_memory[tags]
            else:
                rank = tag_memory[tags] = _rank(tags, ranks)
            if rank is None:
                reasons[version] = no_wheel
                continue
            if not self._counts(version, number):
                continue
            usable.setdefault(version, []).append((rank, number))
            yanked[version] = yanked.get(version, True) and page.yanked(number) is not None

    def _admit_source(self, version: str, number: int) -> bool:
        if not self._is_built:
            self._reasons.setdefault(version, "only a source archive, and it may not be built")
            return False
        if not self._counts(version, number):
            return False
        self._yanked[version] = self._page.yanked(number) is not None
        return True

    def _counts(self, version: str, number: int) -> bool:
        """Whether a file is for the target's Python and old enough."""
        needs = self._page.requires_python(number)
        if needs is not None:
            is_admitted, is_meant = _admits(needs, self._python, self._pythons)
            if not is_admitted:
                self._reasons[version] = f"needs Python {needs}"
                return False
            if not is_meant:
                self._capped[version] = needs
        if self._cutoff is None:
            return True
        time = uploaded(self._page.upload_time(number))
        if time is None:
            self._undated += 1
            self._reasons[version] = "the index does not tell when it was uploaded, which exclude-newer needs"
            return False
        newest, oldest = self._window
        if time < self._cutoff:
            self._window = max(newest, time), oldest
            return True
        self._window = newest, min(oldest, time)
        self._reasons[version] = "uploaded later than exclude-newer admits"
        return False

    def _assembled(self, parsed: list[tuple[Version, str]]) -> tuple[View, Candidates]:
        page = self._page
        view = View(self._name, page.digest, page.index_url, page.expires, [str(version) for version, _ in parsed])
        files: dict[int, list[int]] = {}
        alike: dict[int, int] = {}
        for candidate, (version, text) in enumerate(parsed, 1):
            if text in self._usable:
                files[candidate] = self._of_one_index([number for _, number in sorted(self._usable[text])])
            else:
                files[candidate] = [self._sources[text]]
                view.sources |= 1 << candidate
                if text in self._others:
                    alike[candidate] = self._others[text]
            if version.is_prerelease:
                view.pre |= 1 << candidate
            if text in self._capped:
                view.capped[candidate] = self._capped[text]
            if self._yanked[text]:
                view.yanked |= 1 << candidate
        admitted = {text for _, text in parsed}
        view.excluded = [(text, reason) for text, reason in self._reasons.items() if text not in admitted]
        view.undated = self._undated
        indexes = page.indexes
        if len(indexes) > 1:
            parts = sorted((page.part(numbers[0]), candidate) for candidate, numbers in files.items())
            view.others = {candidate: indexes[part] for part, candidate in parts if part}
        if self._cutoff is not None:
            view.window = self._window
        return view, Candidates(files, [version for version, _ in parsed], alike)

    def _of_one_index(self, numbers: list[int]) -> list[int]:
        """Files of one version that several indexes offer: those of the first index."""
        if len(self._page.indexes) == 1:
            return numbers
        first = min(self._page.part(number) for number in numbers)
        return [number for number in numbers if self._page.part(number) == first]


def _split(page: Page, name: str) -> tuple[list[tuple[int, str, str]], dict[str, int]]:
    """The wheels of a page, each with its number, version and tags, and its source archives: version -> number.

    Every target asks for the same, so the page remembers it.
    """
    if page.split is None:
        wheels, sources = [], dict[str, int]()
        for number, filename in enumerate(page.filenames):
            if filename.endswith(".whl"):
                # name-version(-build)-python-abi-platform: a light reading, for thousands of names; what is chosen is
                # checked.
                parts = filename.split("-", 2)
                if len(parts) == 3:
                    wheels.append((number, parts[1], parts[2]))
            elif version := _source_version(filename, name):
                sources.setdefault(version, number)
        page.split = wheels, sources
    return page.split


def _parsed(texts: Mapping[str, object]) -> list[tuple[Version, str]]:
    found = []
    for text in texts:
        if text not in _VERSIONS:
            try:
                _VERSIONS[text] = Version(text)
            except InvalidVersion:
                _VERSIONS[text] = None
        if (version := _VERSIONS[text]) is not None:
            found.append((version, text))
    return found


def _source_version(filename: str, name: str) -> str | None:
    """The version in the file name of a source archive; None for any other file.

    An old archive's name may hold dashes, as its project does: count them from the project's name.
    """
    for ending in _SOURCE_ENDINGS:
        if filename.endswith(ending):
            told, version = filename[: len(name)], filename[len(name) + 1 : -len(ending)]
            return version if normalised(told) == name else None
    return None


def _rank(tags: str, ranks: Mapping[str, int]) -> int | None:
    """The best place among the tags that the end of a wheel's file name stands for (PEP 425); None if it has none."""
    parts = tags.removesuffix(".whl").split("-")[-3:]
    if len(parts) != 3:
        return None
    pythons, abis, platforms = parts
    found = None
    for python in pythons.split("."):
        for abi in abis.split("."):
            for platform in platforms.split("."):
                rank = ranks.get(f"{python}-{abi}-{platform}")
                if rank is not None and (found is None or rank < found):
                    found = rank
    return found


def _short(ranks: Mapping[str, int]) -> str:
    """The first tag's Python and platform, as a reader needs it: ``cp311 on manylinux_2_36_x86_64``."""
    # `linux_x86_64` comes first and says nothing: the level of the C library is what readers look for.
    python, _, platform = next((tag for tag in ranks if "-linux_" not in tag), next(iter(ranks))).split("-")
    return f"{python} on {platform}"


def _admits(specifier: str, python: str, memory: dict[str, tuple[bool, bool]]) -> tuple[bool, bool]:
    """As ``fits_python``; what cannot be read admits everything, as in pip."""
    if specifier not in memory:
        try:
            memory[specifier] = fits_python(specifier, python)
        except InvalidSpecifier:
            memory[specifier] = True, True
    return memory[specifier]
