"""Reads ``pylock.toml`` (PEP 751), whoever wrote it."""

from __future__ import annotations

from packaging.pylock import Package, PackageArchive, PackageSdist, PackageWheel, Pylock, PylockValidationError

from provenv.convert.foreign import Archive, ForeignLock, ForeignPackage, Need
from provenv.convert.reading import filename_of, parse_toml
from provenv.errors import InputError

__all__ = ["read_pylock"]


def read_pylock(data: bytes, where: str) -> ForeignLock:
    """All packages of a ``pylock.toml``. Raises InputError."""
    document = parse_toml(data, where)
    try:
        lock = Pylock.from_dict(document.value)
    except PylockValidationError as error:
        raise InputError(where, f"not a valid pylock.toml: {error}") from error
    indexes = dict.fromkeys(package.index for package in lock.packages if package.index)
    return ForeignLock(
        form="pylock",
        where=where,
        packages=tuple(_package(one, f"{where}.packages[{number}]") for number, one in enumerate(lock.packages)),
        requires_python=str(lock.requires_python or ""),
        indexes=tuple(indexes),
        default_groups=tuple(lock.default_groups or ()),
        extras=tuple(lock.extras or ()),
        groups=tuple(lock.dependency_groups or ()),
    )


def _package(package: Package, where: str) -> ForeignPackage:
    kind, source, commit, subdirectory = "index", package.index or "", "", ""
    files: list[Archive] = [_archive(one) for one in package.wheels or ()]
    if package.sdist is not None:
        files.append(_archive(package.sdist))
    if package.archive is not None:
        kind, source = "archive", package.archive.url or package.archive.path or ""
        subdirectory = package.archive.subdirectory or ""
        files.append(_archive(package.archive))
    elif package.vcs is not None:
        kind, source, commit = package.vcs.type, package.vcs.url or package.vcs.path or "", package.vcs.commit_id
        subdirectory = package.vcs.subdirectory or ""
    elif package.directory is not None:
        kind, source = "editable" if package.directory.editable else "directory", package.directory.path
        subdirectory = package.directory.subdirectory or ""
    return ForeignPackage(
        name=str(package.name),
        version=None if package.version is None else str(package.version),
        kind=kind,
        source=source,
        commit=commit,
        subdirectory=subdirectory,
        files=tuple(files),
        marker=str(package.marker) if package.marker else "",
        requires_python=str(package.requires_python or ""),
        needs=tuple(
            Need(name=str(one["name"]), version=one.get("version"))
            for one in package.dependencies or ()
            if isinstance(one.get("name"), str)
        ),
        where=f"{where} ({package.name})",
    )


def _archive(file: PackageWheel | PackageSdist | PackageArchive) -> Archive:
    filename = filename_of(file.url or file.path or "") if isinstance(file, PackageArchive) else file.filename
    return Archive(
        filename=filename,
        url=file.url,
        path=file.path,
        hashes=tuple(sorted((algorithm, digest.lower()) for algorithm, digest in file.hashes.items())),
        size=file.size,
    )
