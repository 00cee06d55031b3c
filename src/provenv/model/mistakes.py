"""Reads a parsed TOML document and collects its mistakes, so that a user sees all of them at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provenv.errors import InputError

__all__ = ["Line", "Mistakes", "Setting", "Settings"]

_URL = re.compile(r"[a-z][a-z+]*://", re.IGNORECASE)
_TOLD = 20
"""So many mistakes are told in one error: a file with more has one reason for most of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One requirement and the place that asked for it, as ``project.dependencies[2]``."""

    requirement: Requirement
    text: str
    where: str


class Mistakes:
    """What is wrong with a document. Each method gives a usable value, whatever it finds, and notes what is wrong."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._found: list[tuple[str, str]] = []

    def add(self, key: str, problem: str) -> None:
        """Note a mistake at a key. The keys of ``[project]`` stand at the top of a script's metadata."""
        is_script = not self._where.endswith(".toml")
        self._found.append((key.removeprefix("project.") if is_script else key, problem))

    def check(self) -> None:
        """Raise one InputError with everything that was noted."""
        if len(self._found) == 1:
            key, problem = self._found[0]
            raise InputError(f"{self._where}: {key}", problem)
        if self._found:
            listed = "".join(f"\n  {key}: {problem}" for key, problem in self._found[:_TOLD])
            if (more := len(self._found) - _TOLD) > 0:
                listed += f"\n  and {more} more"
            raise InputError(self._where, f"{len(self._found)} mistakes{listed}")

    def table(self, value: Any, where: str) -> Mapping[str, Any]:
        """A table; None stands for an empty one."""
        if isinstance(value, dict):
            return value
        if value is not None:
            self.add(where, f"a table is expected here, not {value!r}")
        return {}

    def only(self, table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
        """Note the keys that are not known."""
        for key in table:
            if key not in known:
                import difflib  # one more millisecond for everybody who makes no mistake

                close = difflib.get_close_matches(key, known, 1)
                meant = f"; did you mean `{close[0]}`?" if close else f"; known are {', '.join(sorted(known))}"
                self.add(f"{where}.{key}", f"unknown key{meant}")

    def items(self, value: Any, where: str, kind: str) -> list[Any]:
        """A list of anything; None stands for an empty one."""
        if isinstance(value, list):
            return value
        if value is not None:
            self.add(where, f"a list of {kind} is expected here")
        return []

    def strings(self, value: Any, where: str) -> Iterator[str]:
        """A list of strings."""
        for number, item in enumerate(self.items(value, where, "strings")):
            if isinstance(item, str):
                yield item
            else:
                self.add(f"{where}[{number}]", f"a string is expected here, not {item!r}")

    def names(self, value: Any, where: str) -> Iterator[str]:
        """A list of package names, normalised."""
        for number, text in enumerate(self.strings(value, where)):
            if (name := self.name(text, f"{where}[{number}]")) is not None:
                yield name

    def name(self, value: Any, where: str) -> str | None:
        """A name of a package, an extra or a group, normalised."""
        try:
            return str(canonicalize_name(value, validate=True))
        except (ValueError, TypeError):
            self.add(where, f"{value!r} is not a valid name")
            return None

    def text(self, value: Any, where: str) -> str | None:
        """A string, or None when there is none."""
        if value is None or isinstance(value, str):
            return value
        self.add(where, f"a string is expected here, not {value!r}")
        return None

    def truth(self, value: Any, where: str) -> bool | None:
        """``true`` or ``false``, or None when nothing is said."""
        if value is None or isinstance(value, bool):
            return value
        self.add(where, f"true or false is expected here, not {value!r}")
        return None

    def one_of(self, value: Any, known: Sequence[str], where: str) -> str | None:
        """One of some words, or None when nothing is said."""
        if value is None or (isinstance(value, str) and value in known):
            return value
        self.add(where, f"{value!r} is not one of {', '.join(known)}")
        return None

    def lines(self, value: Any, where: str) -> Iterator[Line]:
        """A list of requirements."""
        for number, text in enumerate(self.items(value, where, "requirements")):
            if (line := self.line(text, f"{where}[{number}]")) is not None:
                yield line

    def line(self, text: Any, where: str) -> Line | None:
        """One requirement."""
        if not isinstance(text, str):
            self.add(where, f"a requirement is a string, not {text!r}")
            return None
        try:
            return Line(requirement=Requirement(text), text=text, where=where)
        except InvalidRequirement as error:
            why = str(error).splitlines()[0]
            if _URL.match(text):
                why = f"a URL needs the name of its package before it, as `NAME @ {text}`"
            self.add(where, f"`{text}` is not a requirement: {why}")
            return None

    def markers(self, value: Any, where: str) -> Iterator[Marker]:
        """A list of environment markers; a single string stands for a list of one."""
        for number, text in enumerate(self.strings([value] if isinstance(value, str) else value, where)):
            if (marker := self.marker(text, f"{where}[{number}]")) is not None:
                yield marker

    def marker(self, text: str, where: str) -> Marker | None:
        """One environment marker (PEP 508)."""
        try:
            return Marker(text)
        except InvalidMarker as error:
            self.add(where, f"`{text}` is not a marker: {str(error).splitlines()[0]}")
            return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One key of ``[tool.provenv]``, or of ``[tool.uv]`` where ours says nothing."""

    value: Any
    where: str
    """The full key, as ``tool.uv.sources``."""
    is_ours: bool


class Settings:
    """``[tool.provenv]`` before ``[tool.uv]``, key by key: a project that has only uv's table is understood."""

    def __init__(self, mistakes: Mistakes, document: Mapping[str, Any]) -> None:
        tool = mistakes.table(document.get("tool"), "tool")
        self.own = mistakes.table(tool.get("provenv"), "tool.provenv")
        uv = tool.get("uv")
        self._other: Mapping[str, Any] = uv if isinstance(uv, dict) else {}

    def __getitem__(self, key: str) -> Setting:
        """What is said under a key; the value is None when nothing is."""
        if key in self.own or key not in self._other:
            return Setting(value=self.own.get(key), where=f"tool.provenv.{key}", is_ours=True)
        return Setting(value=self._other[key], where=f"tool.uv.{key}", is_ours=False)
