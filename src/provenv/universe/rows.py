"""Reads METADATA into rows for one target. Markers are evaluated here, once.

Core metadata: https://packaging.python.org/en/latest/specifications/core-metadata/
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["Broken", "Needs", "fits_python", "headers_of", "rows_of_requirement"]

_EXTRA_NAME = re.compile(r"""extra\s*(?:==|!=)\s*['"]([^'"]+)['"]|['"]([^'"]+)['"]\s*(?:==|!=)\s*extra""")

_LONGEST = 4096
"""Characters of one field that is parsed: a reader of grammar takes seconds for what is a hundred times as long."""

_REQUIREMENTS: dict[str, tuple[Requirement, str]] = {}
"""Every requirement text that was met, parsed, with its marker's text: targets and versions share most of them."""


class Broken(Exception):
    """The metadata makes its candidate unusable; the argument is the reason."""


def headers_of(metadata: bytes) -> dict[str, list[str]]:
    """The header fields of METADATA, by lower-case name; the description is not read."""
    found: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in metadata.decode("utf-8", "replace").splitlines():
        if not line:
            break
        if line[0] in " \t":
            if last:
                last[-1] += "\n" + line.strip()
            continue
        name, colon, value = line.partition(":")
        if colon:
            last = found.setdefault(name.lower(), [])
            last.append(value.strip())
    return found


class Needs:
    """Evaluates requirements against one target, and remembers what it evaluated."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._markers: dict[tuple[str, str], bool] = {}

    def of_metadata(
        self, metadata: bytes, name: str, version: str, *, may_refer: bool = False
    ) -> tuple[tuple[Row, ...], tuple[str, ...]]:
        """Rows and offered extras of one candidate.

        With ``may_refer`` a need may be a direct reference, whose URL is not looked at: what it leads to is known.

        Raises Broken when the metadata is another package's, needs another Python or cannot be read: it never
        means "no constraint".
        """
        headers = headers_of(metadata)
        self._check_identity(headers, name, version)
        for specifier in headers.get("requires-python", []):
            self._check_python(specifier)
        extras = tuple(canonicalize_name(extra) for extra in headers.get("provides-extra", []))
        rows: dict[Row, None] = {}
        for text in headers.get("requires-dist", []):
            for row in self._rows(text, may_refer):
                rows[row] = None
        return tuple(rows), extras

    def _check_identity(self, headers: Mapping[str, list[str]], name: str, version: str) -> None:
        told_name = headers.get("name", [""])[0]
        told_version = headers.get("version", [""])[0]
        try:
            is_same = canonicalize_name(told_name) == name and Version(told_version) == Version(version)
        except (InvalidVersion, ValueError):
            is_same = False
        if not is_same:
            raise Broken(f"its metadata is that of `{told_name[:200]} {told_version[:200]}`")

    def _check_python(self, specifier: str) -> None:
        _check_length("Requires-Python", specifier)
        try:
            admits, _ = fits_python(specifier, self._environment["python_full_version"])
        except (InvalidSpecifier, ValueError) as error:
            raise Broken(f"its metadata has `Requires-Python: {specifier}`, which cannot be read") from error
        if not admits:
            raise Broken(f"it needs Python {specifier}")

    def _rows(self, text: str, may_refer: bool) -> list[Row]:
        known = _REQUIREMENTS.get(text)
        if known is None:
            _check_length("Requires-Dist", text)
            try:
                requirement = Requirement(text)
            except (InvalidRequirement, ValueError, RecursionError) as error:
                raise Broken(f"its metadata has `Requires-Dist: {text}`, which cannot be read") from error
            known = _REQUIREMENTS[text] = (requirement, str(requirement.marker or ""))
        requirement, marker = known
        try:
            active = [extra for extra in self._extras_in(marker) if self._holds(requirement, marker, extra)]
        except (UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError) as error:
            raise Broken(f"its metadata has `Requires-Dist: {text}`, whose marker means nothing") from error
        if active and requirement.url is not None and not may_refer:
            raise Broken(f"it needs `{requirement.name}` by a direct reference, which only a project may do")
        return [rows_of_requirement(requirement, extra) for extra in active]

    def _extras_in(self, marker: str) -> list[str]:
        """The extras under which a marker could be true; "" first: when it is true without, the others add nothing."""
        if "extra" not in marker:
            return [""]
        names = [canonicalize_name(match[1] or match[2]) for match in _EXTRA_NAME.finditer(marker)]
        return ["", *dict.fromkeys(names)]

    def _holds(self, requirement: Requirement, marker: str, extra: str) -> bool:
        if requirement.marker is None:
            return True
        key = (marker, extra)
        if key not in self._markers:
            self._markers[key] = self.holds(requirement.marker, extra)
        if extra and self._markers.get((marker, "")):
            return False
        return self._markers[key]

    def holds(self, marker: Marker, extra: str = "") -> bool:
        """Whether a marker is true on the target."""
        return marker.evaluate({**self._environment, "extra": extra})


def _check_length(field: str, text: str) -> None:
    if len(text) > _LONGEST:
        raise Broken(f"its metadata has a `{field}` of {len(text)} characters")


def rows_of_requirement(requirement: Requirement, extra: str) -> Row:
    """The row of a requirement whose marker holds; a direct reference shows as ``@ URL`` in place of the specifier."""
    extras = tuple(sorted(canonicalize_name(name) for name in requirement.extras))
    return extra, canonicalize_name(requirement.name), extras, str(requirement.specifier)


def fits_python(specifier: str, python: str) -> tuple[bool, bool]:
    """Whether ``Requires-Python`` admits a Python, and whether it does so to the letter. Raises InvalidSpecifier.

    As in uv, upper bounds do not bind: they are guesses about Pythons that did not exist yet, and a resolver that
    obeys them goes back to ancient versions whose authors did not guess.
    """
    whole = SpecifierSet(specifier)
    if whole.contains(python, prereleases=True):
        return True, True
    lower = [
        f">={part.version.removesuffix('.*')}" if part.operator in ("~=", "==", "===") else str(part)
        for part in whole
        if part.operator not in ("<", "<=")
    ]
    return SpecifierSet(",".join(lower)).contains(python, prereleases=True), False
