"""Makes a view from an index page: which versions are candidates on a target, and from which files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from provenv.index.page import Page
from provenv.universe.view import View

__all__ = ["Candidates", "mask_of", "view_of"]


class Candidates:
    """The files behind a view's candidates, best first; kept beside the view while a command runs."""

    __slots__ = ("files", "parsed")

    def __init__(self, files: dict[int, list[int]], parsed: list[Version]) -> None:
        self.files = files
        """Candidate -> numbers of its wheels on the page, best tag first."""
        self.parsed = parsed
        """Parsed versions, in the view's order."""


def view_of(page: Page, name: str, ranks: Mapping[str, int], python: str) -> tuple[View, Candidates]:
    """The view of a page for a target.

    ``ranks`` maps each tag that the target accepts to its place, best first; ``python`` is the target's full version.
    """
    tag_memory: dict[str, int | None] = {}
    python_memory: dict[str, bool] = {}
    usable: dict[str, list[tuple[int, int]]] = {}
    reasons: dict[str, str] = {}
    yanked: dict[str, bool] = {}
    no_wheel = f"no wheel for {_short(ranks)}"
    for number, filename in enumerate(page.filenames):
        if not filename.endswith(".whl"):
            version = _source_version(filename, name)
            if version:
                reasons.setdefault(version, "only a source archive, and sources are not built yet")
            continue
        # name-version(-build)-python-abi-platform: a light reading, for thousands of names; what is chosen is checked.
        parts = filename.split("-", 2)
        if len(parts) < 3:
            continue
        _, version, tags = parts
        if tags in tag_memory:
            rank = tag_memory[tags]
        else:
            rank = tag_memory[tags] = _rank(tags, ranks)
        if rank is None:
            reasons[version] = no_wheel
            continue
        needs = page.requires_python(number)
        if needs is not None and not _admits(needs, python, python_memory):
            reasons[version] = f"needs Python {needs}"
            continue
        usable.setdefault(version, []).append((rank, number))
        yanked[version] = yanked.get(version, True) and page.yanked(number) is not None
    return _assembled(page, name, usable, reasons, yanked)


def _assembled(
    page: Page,
    name: str,
    usable: Mapping[str, list[tuple[int, int]]],
    reasons: Mapping[str, str],
    yanked: Mapping[str, bool],
) -> tuple[View, Candidates]:
    parsed: list[tuple[Version, str]] = []
    for text in usable:
        try:
            parsed.append((Version(text), text))
        except InvalidVersion:
            continue
    parsed.sort()
    view = View(name, page.digest, page.index_url, page.expires, [str(version) for version, _ in parsed])
    files: dict[int, list[int]] = {}
    for candidate, (version, text) in enumerate(parsed, 1):
        files[candidate] = [number for _, number in sorted(usable[text])]
        if version.is_prerelease:
            view.pre |= 1 << candidate
        if yanked[text]:
            view.yanked |= 1 << candidate
    view.excluded = [(text, reason) for text, reason in reasons.items() if text not in usable]
    return view, Candidates(files, [version for version, _ in parsed])


def _source_version(filename: str, name: str) -> str | None:
    """The version in the file name of a source archive; None for any other file.

    An old archive's name may hold dashes, as its project does: count them from the project's name.
    """
    for ending in (".tar.gz", ".zip"):
        if filename.endswith(ending):
            return filename[len(name) + 1 : -len(ending)]
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


def _admits(specifier: str, python: str, memory: dict[str, bool]) -> bool:
    """Whether ``Requires-Python`` admits the target; one that cannot be read admits everything, as in pip."""
    if specifier not in memory:
        try:
            memory[specifier] = SpecifierSet(specifier).contains(python, prereleases=True)
        except InvalidSpecifier:
            memory[specifier] = True
    return memory[specifier]


def mask_of(specifier: str, parsed: Sequence[Version], yanked: int) -> int:
    """Which candidates a specifier admits, by PEP 440's rule for pre-releases and PEP 592's for yanked files.

    Pre-releases count when the specifier names one or when nothing else matches; a yanked version only when it is
    pinned exactly.
    """
    wanted = SpecifierSet(specifier)
    is_exact = any(part.operator in ("==", "===") and not part.version.endswith(".*") for part in wanted)
    offered = {
        version: 1 << candidate
        for candidate, version in enumerate(parsed, 1)
        if is_exact or not yanked >> candidate & 1
    }
    mask = 0
    for version in wanted.filter(offered):
        mask |= offered[version]
    return mask
