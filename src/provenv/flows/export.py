"""Writes what one machine installs from a lock as a plain file for any other installer."""

from __future__ import annotations

from collections.abc import Sequence

from provenv.lockfile.write import to_toml
from provenv.model.plan import Wanted

__all__ = ["FORMATS", "export"]

FORMATS = ("requirements.txt", "pylock.toml")


def export(wanted: Sequence[Wanted], form: str, *, has_hashes: bool = True, has_header: bool = True) -> str:
    """The text of a requirements file with hashes (pip's form) or of a single-machine ``pylock.toml``."""
    if form == "pylock.toml":
        return _pylock(wanted)
    lines = ["# Exported by provenv: one machine's share of pylock.toml.\n"] if has_header else []
    for item in wanted:
        source = f"{item.name} @ {item.url}" if item.direct_url else f"{item.name}=={item.version}"
        lines.append(source + (f" \\\n    --hash=sha256:{item.sha256}" if has_hashes else "") + "\n")
    return "".join(lines)


def _pylock(wanted: Sequence[Wanted]) -> str:
    packages = []
    for item in wanted:
        file: dict[str, object] = {"path": item.path} if item.url is None else {"url": item.url}
        if item.size is not None:
            file["size"] = item.size
        file["hashes"] = {"sha256": item.sha256}
        package: dict[str, object] = {"name": item.name, "version": item.version}
        if item.direct_url:
            package["archive"] = file
        else:
            package["wheels"] = [{"name": item.filename, **file}]
        packages.append(package)
    return to_toml({"lock-version": "1.0", "created-by": "provenv", "packages": packages}).decode()
