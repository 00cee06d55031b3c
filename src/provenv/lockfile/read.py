"""Reads a lock and selects from it what one machine installs (PEP 751)."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockValidationError,
)
from packaging.tags import Tag, parse_tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from provenv.errors import InputError, IntegrityError
from provenv.lockfile.seal import is_as_written
from provenv.lockfile.shape import problem_of, too_long
from provenv.model.plan import Unbuilt, Wanted

__all__ = ["check_as_written", "is_of_uv", "parse", "select"]

_LARGEST = 32 << 20
_FIRST_SEALED = 3
"""The format of ``[tool.provenv]`` since which a lock of ours tells its digest."""
_AGAIN = "bring back an older one, or remove it and run `provenv lock`"


def is_of_uv(data: bytes) -> bool:
    """Whether uv wrote a lock: beside a script it has the name that ours has."""
    return data.startswith(b"version = ") and b"\n[[package]]\n" in data


def parse(data: bytes, where: str) -> dict[str, Any]:
    """The lock as plain values. Raises InputError when it is not TOML or not a valid ``pylock.toml``."""
    if len(data) > _LARGEST:
        raise InputError(where, f"it is larger than {_LARGEST >> 20} MiB, which no lock is", hint=_AGAIN)
    try:
        document = tomllib.loads(data.decode())
    except RecursionError:
        raise InputError(where, "not valid TOML: values are nested too deeply", hint=_AGAIN) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        hint = _AGAIN
        if b"\n<<<<<<< " in data or data.startswith(b"<<<<<<< "):
            hint = "it holds merge conflict markers: take either side, then run `provenv lock`"
        raise InputError(where, f"not valid TOML: {error}", hint=hint) from error
    if key := too_long(document):
        raise InputError(f"{where}: {key}", "it is longer than anything in a lock", hint=_AGAIN)
    try:
        Pylock.from_dict(document)
        problem = problem_of(document)
    except PylockValidationError as error:
        if is_of_uv(data):
            raise InputError(
                where, "is a lock of uv", hint="move it away: provenv writes its own in this place"
            ) from error
        raise InputError(where, f"not a valid lock: {error}", hint=_AGAIN) from error
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        # What the library did not foresee is no reason to trust the file.
        raise InputError(where, f"not a valid lock: {type(error).__name__}: {error}", hint=_AGAIN) from error
    if problem is not None:
        raise InputError(f"{where}: {problem[0]}", problem[1], hint=_AGAIN)
    return document


def check_as_written(data: bytes, document: Mapping[str, Any], where: str) -> None:
    """Raise InputError when a lock of ours is not what we wrote. Locks of other tools have nothing that would tell."""
    recorded = document.get("tool", {}).get("provenv", {})
    form = recorded.get("format", 0)
    must_tell = isinstance(form, int) and form >= _FIRST_SEALED
    as_written = is_as_written(data)
    if as_written is False or (as_written is None and must_tell):
        raise InputError(
            where,
            "it was changed since provenv wrote it: its digest is another",
            hint="bring the right one back; or run `provenv lock`, which takes versions from it and all else anew",
        )


def select(
    document: Mapping[str, Any],
    where: str,
    *,
    environment: Mapping[str, str],
    tags: Sequence[str],
    extras: Collection[str],
    groups: Collection[str],
    requested: Collection[str],
) -> list[Wanted | Unbuilt]:
    """What to install on a machine with that marker environment and those tags, sorted by name.

    Raises InputError when the lock was not made for the machine or holds something that cannot be installed, and
    IntegrityError when a file's name or hashes do not agree with its entry.
    """
    lock = Pylock.from_dict(document)
    accepted: list[Tag] = [next(iter(parse_tag(tag))) for tag in tags]
    wanted: list[Wanted | Unbuilt] = []
    try:
        for package, file in lock.select(
            environment=dict(environment),  # type: ignore[arg-type]  # a TypedDict with the same keys
            tags=accepted,
            extras=extras,
            dependency_groups=groups,
        ):
            item = _item(package, file, where, package.name in requested)
            wanted.append(item.changed(is_lax=True) if _is_lax(package) else item)
    except PylockSelectError as error:
        raise InputError(
            where,
            f"the lock is not for this machine: {error}",
            hint="declare the machine in [tool.provenv.targets] and run `provenv lock`",
        ) from error
    return sorted(wanted, key=lambda item: item.name)


def _is_lax(package: Package) -> bool:
    """Whether the lock says that a sloppy archive of this package may pass (``lax-archives`` of the project)."""
    tool: Any = package.tool or {}
    ours = tool.get("provenv", {}) if isinstance(tool, Mapping) else {}
    return isinstance(ours, Mapping) and ours.get("lax-archive") is True


_File = PackageWheel | PackageSdist | PackageArchive | PackageVcs | PackageDirectory


def _item(package: Package, file: _File, where: str, is_requested: bool) -> Wanted | Unbuilt:
    name, version = str(package.name), None if package.version is None else str(package.version)
    if isinstance(file, PackageWheel) or (isinstance(file, PackageArchive) and _filename(file).endswith(".whl")):
        return _wanted(name, version, file, where, is_requested)
    if isinstance(file, PackageVcs):
        if file.type != "git":
            raise InputError(f"{where}: {name}", f"repositories of the kind `{file.type}` are not known; only git is")
        return Unbuilt(
            name=name,
            kind="git",
            version=version,
            url=file.url,
            path=file.path,
            commit=file.commit_id,
            revision=file.requested_revision,
            subdirectory=file.subdirectory,
            is_requested=is_requested,
        )
    if isinstance(file, PackageDirectory):
        return Unbuilt(
            name=name,
            kind="directory",
            version=version,
            path=file.path,
            subdirectory=file.subdirectory,
            is_editable=bool(file.editable),
            is_requested=is_requested,
        )
    return Unbuilt(
        name=name,
        kind="sdist" if isinstance(file, PackageSdist) else "archive",
        version=version,
        url=file.url,
        path=file.path,
        subdirectory=None if isinstance(file, PackageSdist) else file.subdirectory,
        sha256=_sha256(file, f"{where}: {name} {version or ''}".rstrip()),
        size=file.size,
        is_requested=is_requested,
    )


def _wanted(
    name: str, version: str | None, file: PackageWheel | PackageArchive, where: str, is_requested: bool
) -> Wanted:
    place = f"{where}: {name} {version or ''}".rstrip()
    filename = _filename(file)
    try:
        told_name, told_version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise InputError(place, f"`{filename}` is not the name of a wheel") from error
    if told_name != canonicalize_name(name) or str(told_version) != (version or str(told_version)):
        raise IntegrityError(place, expected=f"a wheel of {name} {version or ''}".rstrip(), actual=f"`{filename}`")
    return Wanted(
        name=name,
        version=str(told_version),
        filename=filename,
        sha256=_sha256(file, place),
        url=file.url,
        path=file.path,
        size=file.size,
        is_requested=is_requested,
        direct_url=_direct_url(file) if isinstance(file, PackageArchive) else None,
    )


def _filename(file: PackageWheel | PackageArchive) -> str:
    if isinstance(file, PackageWheel):
        return file.filename
    if file.url is None:
        return (file.path or "").replace("\\", "/").rpartition("/")[2]
    return unquote(urlsplit(file.url).path.rpartition("/")[2])


def _sha256(file: PackageWheel | PackageSdist | PackageArchive, place: str) -> str:
    sha256 = file.hashes.get("sha256", "").lower()
    if len(sha256) != 64 or any(digit not in "0123456789abcdef" for digit in sha256):
        raise IntegrityError(place, expected="a SHA-256 hash", actual=str(dict(file.hashes)), hint="run `provenv lock`")
    return sha256


def _direct_url(file: PackageArchive) -> str:
    """The content of ``direct_url.json`` (PEP 610); of a local file, only somebody else knows the URL."""
    import json

    return json.dumps({"url": file.url, "archive_info": {"hashes": dict(file.hashes)}}, sort_keys=True)
