"""What somebody asks for in one line: a requirement, or a URL or path whose package must be found out first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from provenv.errors import InputError

__all__ = ["ARCHIVES", "Wish", "parse_wish"]

#: How the name of an archive ends that can be installed.
ARCHIVES = (".whl", ".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz", ".tar")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9.-]*(\+[A-Za-z0-9.-]+)?:")
_NAME_WITH_URL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\])?\s*@")
_NAMED_PART = re.compile(r"[#&](?:egg)=([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?(?=&|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """One line. Either ``requirement`` or ``place`` is there."""

    where: str
    text: str
    """As written, with variables filled in; it may hold a password."""
    requirement: Requirement | None = None
    """PEP 508, perhaps with a URL."""
    place: str | None = None
    """A URL or a path without the name of its package."""
    name: str | None = None
    """Normalised; None when only the place itself can tell."""
    extras: frozenset[str] = frozenset()
    marker: Marker | None = None
    is_editable: bool = False
    hashes: tuple[str, ...] = ()
    """As ``sha256:...``."""


def parse_wish(text: str, where: str, *, is_editable: bool = False, hashes: tuple[str, ...] = ()) -> Wish:
    """Understand one line. Raises InputError, which names ``where``, when it is neither requirement, URL nor path."""
    text = text.strip()
    if not _is_place(text):
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise InputError(
                where,
                f"`{text}` is not a requirement: {str(error).splitlines()[0]}",
                hint="write it as `name`, `name>=1.2`, `name[extra]==1.2`, a URL or a path such as `./directory`",
            ) from error
        if is_editable and requirement.url is None:
            raise InputError(where, f"`{text}` cannot be editable: only a directory can")
        return Wish(
            where=where,
            text=text,
            requirement=requirement,
            name=canonicalize_name(requirement.name),
            extras=frozenset(requirement.extras),
            marker=requirement.marker,
            is_editable=is_editable,
            hashes=hashes,
        )
    place, marker = _without_marker(text, where)
    place, extras = _without_extras(place)
    return Wish(
        where=where,
        text=text,
        place=place,
        name=_told_name(place),
        extras=extras,
        marker=marker,
        is_editable=is_editable,
        hashes=hashes,
    )


def _is_place(text: str) -> bool:
    """Whether a line begins with a URL or a path, as pip sees it: a bare word is a package, unless it ends like an
    archive."""
    if _NAME_WITH_URL.match(text):
        return False
    first = text.partition(" ")[0].partition(";")[0]
    if _SCHEME.match(first) or first.startswith((".", "/", "~", "\\")):
        return True
    first = first.partition("[")[0]
    return first.lower().endswith(ARCHIVES) or "/" in first or "\\" in first


def _without_marker(text: str, where: str) -> tuple[str, Marker | None]:
    """A marker follows ``;`` after a space, for a URL may hold a ``;``."""
    match = re.search(r"\s+;|;\s+", text)
    if match is None:
        return text, None
    try:
        return text[: match.start()].strip(), Marker(text[match.end() :].strip())
    except InvalidMarker as error:
        raise InputError(where, f"`{text}` has no valid marker: {str(error).splitlines()[0]}") from error


def _without_extras(place: str) -> tuple[str, frozenset[str]]:
    """Extras in brackets at the end of a path, or in the ``egg`` part of a URL."""
    if (named := _NAMED_PART.search(place)) and named[2]:
        return place.replace(named[2], ""), _extras(named[2])
    match = re.fullmatch(r"(.+?)\s*(\[[A-Za-z0-9._,\s-]*\])", place)
    return (match[1], _extras(match[2])) if match else (place, frozenset())


def _extras(text: str) -> frozenset[str]:
    return frozenset(str(canonicalize_name(part.strip())) for part in text.strip("[]").split(",") if part.strip())


def _told_name(place: str) -> str | None:
    """The package that a place's own words name: an ``egg`` part, or the name of an archive."""
    if named := _NAMED_PART.search(place):
        return str(canonicalize_name(named[1]))
    file = place.partition("#")[0].partition("?")[0].rstrip("/").replace("\\", "/").rpartition("/")[2]
    try:
        if file.endswith(".whl"):
            return str(parse_wheel_filename(file.replace("%2B", "+").replace("%2b", "+"))[0])
        return str(parse_sdist_filename(file)[0])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
