"""The tables of rules, as values. Files hold rows; every row names its source, and whether it is certain."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provenv.errors import InputError

__all__ = ["FILES", "Fact", "Numbers", "Tables", "numbers", "numbers_if_any"]

FILES = ("cuda.toml", "gpus.toml", "torch.toml", "packages.toml", "cpu.toml")
"""The tables that are shipped, beside this module."""

Numbers = tuple[int, ...]


def numbers(text: str) -> Numbers:
    """``"535.104.05"`` as ``(535, 104, 5)``. Raises ValueError."""
    return tuple(int(part) for part in text.split("."))


def numbers_if_any(text: str) -> Numbers | None:
    """The same for a text of strangers; None when it is no dotted number."""
    parts = text.split(".")
    if not all(0 < len(part) < 10 and part.isascii() and part.isdecimal() for part in parts):
        return None
    return tuple(map(int, parts))


@dataclass(frozen=True, slots=True)
class Fact:
    """One row: its values, where it comes from (in full), and whether it is certain."""

    values: Mapping[str, Any]
    source: str
    is_certain: bool

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:
        """A value that a row may leave out."""
        return self.values.get(key, default)


class Tables:
    """All rows by table, in the order of the files; rows of later files come first, so that a user's own ones win."""

    def __init__(self, rows: Mapping[str, Sequence[Fact]], *, date: str) -> None:
        self._rows = rows
        self.date = date
        """The day of the newest file, as ``2026-11-21``."""

    @classmethod
    def from_texts(cls, texts: Iterable[tuple[str, str]]) -> Tables:
        """Read ``(name of the file, its text)``. Raises InputError naming the file and the row."""
        rows: dict[str, list[Fact]] = {}
        date = ""
        for name, text in texts:
            try:
                document = tomllib.loads(text)
            except tomllib.TOMLDecodeError as error:
                raise InputError(name, f"not TOML: {error}") from error
            date = max(date, str(document.pop("date", "")))
            sources = document.pop("sources", {})
            for table, listed in document.items():
                rows[table] = [*_facts(name, table, listed, sources), *rows.get(table, ())]
        return cls(rows, date=date)

    def extended(self, own: Tables) -> Tables:
        """These tables, with the rows of others before them."""
        names = {**self._rows, **own._rows}
        rows = {table: [*own.rows(table), *self.rows(table)] for table in names}
        return Tables(rows, date=max(self.date, own.date))

    def rows(self, table: str) -> Sequence[Fact]:
        """The rows of a table; none when there is no such table."""
        return self._rows.get(table, ())


def _facts(name: str, table: str, listed: Any, sources: Any) -> list[Fact]:
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise InputError(f"{name}: {table}", "not a list of rows")
    found = []
    for number, row in enumerate(listed):
        source = row.get("source")
        if not isinstance(source, str) or not source:
            raise InputError(f"{name}: {table}[{number}]", "names no source", hint='add `source = "..."`')
        values = {key: value for key, value in row.items() if key not in ("source", "certain")}
        found.append(Fact(values, str(sources.get(source, source)), row.get("certain") is True))
    return found
