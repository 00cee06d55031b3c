"""Reads ``uv.lock``: the versions that a project had before it had a lock of ours. Pure.

The file has one entry for each version of a package, told apart by ``resolution-markers``. Only what stands in it as
a wish is read: names, versions, and the commits of repositories.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from packaging.markers import InvalidMarker, Marker

__all__ = ["UvLock"]

_REVISIONS = ("rev", "tag", "branch")


class UvLock:
    """The entries of a ``uv.lock``. One that cannot be read has none: it is a wish, not an order."""

    def __init__(self, data: bytes) -> None:
        try:
            found = tomllib.loads(data.decode()).get("package", [])
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            found = []
        self._packages: list[Mapping[str, Any]] = [
            item
            for item in (found if isinstance(found, list) else [])
            if isinstance(item, dict) and isinstance(item.get("name"), str) and isinstance(item.get("source"), dict)
        ]

    def pins(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Package -> its version on a machine with that marker environment, of what came from indexes."""
        pins: dict[str, str] = {}
        for item in self._packages:
            is_of_index = "registry" in item["source"] and isinstance(item.get("version"), str)
            if is_of_index and _holds(item.get("resolution-markers"), environment):
                pins.setdefault(item["name"], item["version"])
        return pins

    def commits(self) -> dict[str, tuple[str, str | None, str]]:
        """Package -> its repository, the revision that was asked for, and the commit."""
        return dict(self._commits())

    def _commits(self) -> Iterator[tuple[str, tuple[str, str | None, str]]]:
        for item in self._packages:
            text = item["source"].get("git")
            if isinstance(text, str):
                parts = urlsplit(text)
                asked = parse_qs(parts.query)
                revision = next((asked[key][0] for key in _REVISIONS if key in asked), None)
                if parts.fragment:
                    url = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
                    yield item["name"], (url, revision, parts.fragment)


def _holds(markers: Any, environment: Mapping[str, str]) -> bool:
    if not isinstance(markers, list):
        return True
    for text in markers:
        try:
            if Marker(text).evaluate({**environment, "extra": ""}):
                return True
        except (InvalidMarker, TypeError):
            continue
    return False
