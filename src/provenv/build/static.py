"""METADATA without building: what a source tree says for certain.

Two places may be trusted: ``PKG-INFO`` of a source archive whose ``Metadata-Version`` is 2.2 or newer and that lists
nothing of ours as ``Dynamic`` (PEP 643), and ``[project]`` of ``pyproject.toml`` where it is not ``dynamic`` (PEP 621).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from email.parser import BytesHeaderParser
from typing import Any

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from provenv.build.source import read_from_source
from provenv.errors import InputError, IntegrityError

__all__ = ["archive_metadata", "metadata_of_table", "static_metadata"]

_WANTED = ("PKG-INFO", "pyproject.toml")
_DYNAMIC_HEADERS = {"requires-dist", "provides-extra", "requires-python", "version", "name"}
_DYNAMIC_KEYS = {"dependencies", "optional-dependencies", "requires-python"}


def static_metadata(directory: str, *, is_release: bool = False, version: str | None = None) -> bytes | None:
    """METADATA of a tree, or None when only a build can tell.

    ``is_release``: the tree is that of a source archive, so that its PKG-INFO counts; in a working directory that file
    may be a stale remainder. ``version`` stands for one that is dynamic in ``[project]``.
    """
    found: dict[str, bytes] = {}
    for name in _WANTED:
        try:
            with open(os.path.join(directory, name), "rb") as file:
                found[name] = file.read()
        except OSError:
            continue
    return _metadata(found, is_release=is_release, version=version)


def archive_metadata(
    path: str, *, version: str | None = None, filename: str | None = None, most: int | None = None
) -> bytes | None:
    """METADATA of a source archive, read without unpacking it; None when only a build can tell.

    ``filename`` says what kind of archive it is, where ``path`` does not. With ``most`` only so many bytes of content
    are looked through: then None also says that the tree may tell. Raises OSError when the file cannot be read; a
    damaged archive tells nothing here, and everything when unpacked.
    """

    def is_enough(found: Mapping[str, bytes]) -> bool:
        return "PKG-INFO" in found and _is_trusted(found["PKG-INFO"])

    try:
        found = read_from_source(path, _WANTED, filename=filename, is_enough=is_enough, most=most)
    except (InputError, IntegrityError):
        return None
    return _metadata(found, is_release=True, version=version)


def metadata_of_table(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    extras: Mapping[str, Iterable[str]] | None = None,
    provides: Iterable[str] = (),
    requires_python: str | None = None,
) -> bytes:
    """The text of a METADATA file. ``provides`` are extras whose requirements are in ``requires``, with markers.

    Raises InvalidRequirement.
    """
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
    if requires_python:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {Requirement(text)}" for text in requires]
    lines += [f"Provides-Extra: {extra}" for extra in provides]
    for extra, texts in (extras or {}).items():
        normal = canonicalize_name(extra)
        lines.append(f"Provides-Extra: {normal}")
        lines += [f"Requires-Dist: {_of_extra(text, normal)}" for text in texts]
    return ("\n".join(lines) + "\n").encode()


def _of_extra(text: str, extra: str) -> Requirement:
    requirement = Requirement(text)
    condition = f'extra == "{extra}"'
    marker = requirement.marker
    requirement.marker = Marker(condition if marker is None else f"({marker}) and {condition}")
    return requirement


def _metadata(found: Mapping[str, bytes], *, is_release: bool, version: str | None) -> bytes | None:
    if is_release and "PKG-INFO" in found and _is_trusted(found["PKG-INFO"]):
        return found["PKG-INFO"]
    if "pyproject.toml" in found:
        return _of_project(found["pyproject.toml"], version)
    return None


def _is_trusted(data: bytes) -> bool:
    headers = BytesHeaderParser().parsebytes(data)
    numbers = str(headers.get("Metadata-Version", "")).strip().split(".")
    if not all(number.isdecimal() for number in numbers) or [int(number) for number in numbers] < [2, 2]:
        return False
    dynamic = {str(value).strip().lower() for value in headers.get_all("Dynamic", [])}
    return not dynamic & _DYNAMIC_HEADERS and bool(headers.get("Name")) and bool(headers.get("Version"))


def _of_project(data: bytes, version: str | None) -> bytes | None:
    try:
        document = tomllib.loads(data.decode())
        return _of_document(document, version)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, InvalidRequirement, InvalidVersion, TypeError, AttributeError):
        # The backend may know better what is meant, and else tells what is wrong.
        return None


def _of_document(document: Mapping[str, Any], version: str | None) -> bytes | None:
    project = document.get("project")
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        return None
    dynamic = set(project.get("dynamic", ()))
    if dynamic & _DYNAMIC_KEYS or _is_of_poetry(document, project):
        return None
    told = version if "version" in dynamic else project.get("version")
    if told is None:
        return None
    return metadata_of_table(
        project["name"],
        str(Version(told)),
        requires=project.get("dependencies", ()),
        extras=project.get("optional-dependencies"),
        requires_python=project.get("requires-python"),
    )


def _is_of_poetry(document: Mapping[str, Any], project: Mapping[str, Any]) -> bool:
    """Poetry adds to ``[project]`` what its own table says, whether ``dynamic`` announces it or not."""
    poetry = document.get("tool", {}).get("poetry", {})
    return ("dependencies" in poetry and "dependencies" not in project) or (
        "extras" in poetry and "optional-dependencies" not in project
    )
