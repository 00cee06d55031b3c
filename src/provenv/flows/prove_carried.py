"""The facts that a lock carries, so that another machine is checked without any wheel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from provenv.binary.facts import FileFacts
from provenv.proof.carried import Carried, carried_rows, from_carried, symbol_families
from provenv.proof.subject import Package

__all__ = ["PLAIN", "carried_of", "put_facts"]

PLAIN = "plain-wheels"
"""The key of ``[tool.provenv]`` that lists packages whose wheels hold no compiled file."""


def carried_of(document: Mapping[str, Any]) -> dict[str, Carried]:
    """SHA-256 of wheels -> what the lock tells of them; nothing of what is not as we write it."""
    recorded = document.get("tool", {}).get("provenv", {})
    plain = recorded.get(PLAIN, []) if isinstance(recorded, dict) else []
    found: dict[str, Carried] = {}
    for package in document.get("packages", []):
        own = package.get("tool", {}).get("provenv", {})
        told = own.get("facts", {}) if isinstance(own, dict) else {}
        compared = own.get("symbols", {}) if isinstance(own, dict) else {}
        label = f"{package['name']} {package.get('version', '')}"
        for name, sha256 in _wheels(package):
            if name.endswith("-any.whl") and label in plain:
                found[sha256] = Carried(())
            elif isinstance(told, dict) and (files := from_carried(told.get(name))) is not None:
                symbols = compared if isinstance(compared, dict) else {}
                found[sha256] = Carried(files, {str(key): str(value) for key, value in symbols.items()})
    return found


def _wheels(package: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for wheel in [*package.get("wheels", []), *([package["archive"]] if "archive" in package else [])]:
        place = str(wheel.get("url") or wheel.get("path") or "")
        name = str(wheel.get("name") or place.partition("?")[0].rpartition("/")[2])
        if name.endswith(".whl") and "sha256" in wheel["hashes"]:
            yield name, wheel["hashes"]["sha256"]


def put_facts(
    tables: Sequence[dict[str, Any]], packages: Iterable[Package], older: Mapping[str, Carried]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The entries of a lock with the facts of wheels that were read, and the list of plain packages.

    ``packages`` are those of all machines; ``older`` are the facts of the lock before, kept where nobody has read the
    wheel anew.
    """
    read = {one.sha256: one for one in packages if one.facts is not None and one.sha256}
    plain: set[str] = set()
    made = []
    for table in tables:
        rows: dict[str, Any] = {}
        symbols: dict[str, str] = {}
        for name, sha256 in _wheels(table):
            if sha256 in read and read[sha256].symbols is None:
                files = read[sha256].facts or ()
                found = carried_rows(files)
                symbols |= dict.fromkeys(_foreign_families(table["name"], files), "") | _compared(
                    read[sha256], read.values()
                )
            elif sha256 in older:
                found = carried_rows(older[sha256].files)
                symbols |= older[sha256].symbols
            else:
                continue
            if found or not name.endswith("-any.whl"):
                rows[name] = [{key: _Line(value) if isinstance(value, list) else value for key, value in row.items()}
                              for row in found]  # fmt: skip
            else:
                plain.add(f"{table['name']} {table.get('version', '')}")
        own = {"facts": rows} if rows else {}
        own |= {"symbols": dict(sorted(symbols.items()))} if symbols else {}
        made.append(
            {**table, "tool": {"provenv": {**table.get("tool", {}).get("provenv", {}), **own}}} if own else table
        )
    return made, sorted(plain)


class _Line(list[Any]):
    """A list that is written on one line."""

    is_inline = True


def _foreign_families(name: str, files: Sequence[FileFacts]) -> list[str]:
    """The families of symbols that others must bring."""
    return [family for family in symbol_families(files) if family != name]


def _compared(package: Package, packages: Iterable[Package]) -> dict[str, str]:
    """With which wheels the symbols of a package were compared, all being there."""
    from provenv.proof.subject import Case
    from provenv.proof.symbols import symbol_findings

    found: dict[str, str] = {}
    for provider in packages:
        if provider.symbols is not None or provider.sha256 == package.sha256:
            continue
        for family in _foreign_families(package.name, package.facts or ()):
            is_it = provider.name == "torch" if family == "torch" else "nvjitlink" in provider.name
            case = Case(target="", python=(3, 0), packages=(package, provider))
            if is_it and all(one.level == "holds" for one in symbol_findings(case) if one.subject == package.name):
                found[family] = provider.sha256[:16]
    return found
