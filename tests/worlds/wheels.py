"""Real, small wheels for tests: valid METADATA, WHEEL and RECORD, the same bytes for the same arguments."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["build_wheel", "core_metadata", "wheel_members", "write_archive"]

_DATE = (2024, 1, 1, 0, 0, 0)


def core_metadata(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    extras: Mapping[str, Iterable[str]] | None = None,
    requires_python: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> str:
    """The text of a METADATA file; requirements of an extra get the extra's marker."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, requirements in (extras or {}).items():
        lines.append(f"Provides-Extra: {extra}")
        for requirement in requirements:
            bare, _, marker = requirement.partition(";")
            condition = f"({marker.strip()}) and extra == '{extra}'" if marker else f"extra == '{extra}'"
            lines.append(f"Requires-Dist: {bare.strip()} ; {condition}")
    lines += [f"{key}: {value}" for key, value in headers]
    return "\n".join(lines) + "\n"


def wheel_members(
    name: str,
    version: str,
    *,
    files: Mapping[str, str | bytes] | None = None,
    requires: Iterable[str] = (),
    extras: Mapping[str, Iterable[str]] | None = None,
    entry_points: Mapping[str, Mapping[str, str]] | str | None = None,
    tags: str = "py3-none-any",
    requires_python: str | None = None,
    is_purelib: bool = True,
    headers: Iterable[tuple[str, str]] = (),
) -> dict[str, bytes]:
    """The members of a wheel, path to content, RECORD last and right."""
    stem = f"{_escaped(name)}-{version.replace('-', '_')}"
    if files is None:
        files = {f"{_escaped(name)}/__init__.py": f"__version__ = {version!r}\n"}
    members = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
    metadata = core_metadata(
        name, version, requires=requires, extras=extras, requires_python=requires_python, headers=headers
    )
    members[f"{stem}.dist-info/METADATA"] = metadata.encode()
    python, abi, platform = tags.split("-")
    expanded = [
        f"Tag: {one}-{two}-{three}\n"
        for one in python.split(".")
        for two in abi.split(".")
        for three in platform.split(".")
    ]
    members[f"{stem}.dist-info/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {str(is_purelib).lower()}\n" + "".join(expanded)
    ).encode()
    if entry_points:
        members[f"{stem}.dist-info/entry_points.txt"] = _entry_points(entry_points).encode()
    record = "".join(f"{_quoted(path)},sha256={_digest(data)},{len(data)}\n" for path, data in members.items())
    members[f"{stem}.dist-info/RECORD"] = (record + f"{stem}.dist-info/RECORD,,\n").encode()
    return members


def build_wheel(
    directory: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes] | None = None,
    requires: Iterable[str] = (),
    extras: Mapping[str, Iterable[str]] | None = None,
    entry_points: Mapping[str, Mapping[str, str]] | str | None = None,
    tags: str = "py3-none-any",
    requires_python: str | None = None,
    *,
    is_purelib: bool = True,
    executables: Iterable[str] = (),
    headers: Iterable[tuple[str, str]] = (),
) -> Path:
    """Write a wheel into ``directory`` and return its path.

    ``files`` defaults to one package named as the distribution; ``executables`` names members with the executable bit;
    ``headers`` are more lines of METADATA; ``entry_points`` maps a group to names and references, or is the text.
    """
    members = wheel_members(
        name,
        version,
        files=files,
        requires=requires,
        extras=extras,
        entry_points=entry_points,
        tags=tags,
        requires_python=requires_python,
        is_purelib=is_purelib,
        headers=headers,
    )
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{_escaped(name)}-{version.replace('-', '_')}-{tags}.whl"
    write_archive(path, members, executables=executables)
    return path


def write_archive(path: Path, members: Mapping[str, bytes], *, executables: Iterable[str] = ()) -> None:
    """Write a ZIP file with fixed dates; a name that ends with ``/`` becomes a directory."""
    executable = set(executables)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            info = zipfile.ZipInfo(member, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if member in executable else 0o100644) << 16
            archive.writestr(info, data)


def _escaped(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _quoted(path: str) -> str:
    return '"' + path.replace('"', '""') + '"' if "," in path or '"' in path else path


def _entry_points(groups: Mapping[str, Mapping[str, str]] | str) -> str:
    if isinstance(groups, str):
        return groups
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in names.items())
        for group, names in groups.items()
    )
