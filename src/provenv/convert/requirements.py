"""Reads requirements files with hashes, as pip-compile, ``uv export`` and others write them."""

from __future__ import annotations

from provenv.convert.foreign import Archive, ForeignLock, ForeignPackage
from provenv.convert.reading import filename_of, hashes_of
from provenv.errors import InputError
from provenv.model.requirements_file import Include, Option, parse_requirements
from provenv.model.wish import ARCHIVES, Wish

__all__ = ["read_requirements"]


def read_requirements(data: bytes, where: str) -> ForeignLock:
    """Every package with its version and hashes. Raises InputError, also for a file that includes others."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(where, f"not UTF-8: {error.reason}") from error
    packages = []
    indexes: list[str] = []
    for statement in parse_requirements(text, where, {}):
        if isinstance(statement, Include):
            if not statement.is_constraint:
                raise InputError(
                    statement.where,
                    f"includes {statement.path}, which is not read",
                    hint="write one file with all hashes, for example with `pip-compile --generate-hashes`",
                )
        elif isinstance(statement, Option):
            if statement.name == "index-url":
                indexes.insert(0, statement.value)
            elif statement.name == "extra-index-url":
                indexes.append(statement.value)
        else:
            packages.append(_package(statement))
    return ForeignLock(form="requirements", where=where, packages=tuple(packages), indexes=tuple(indexes))


def _package(wish: Wish) -> ForeignPackage:
    hashes = [hashes_of((text,), wish.where) for text in wish.hashes]
    requirement = wish.requirement
    marker = wish.marker if requirement is None else requirement.marker
    place = wish.place if requirement is None else requirement.url
    if wish.name is None:
        raise InputError(wish.where, f"`{wish.text}` does not tell the name of its package")
    kind, version = "index", None
    if place is not None:
        kind = _kind(place, is_editable=wish.is_editable)
    elif requirement is not None:
        bounds = requirement.specifier
        exact = [one.version for one in bounds if one.operator in ("==", "===") and "*" not in one.version]
        version = exact[0] if len(exact) == 1 else None
    if kind == "archive" and place is not None:
        bare = place.partition("#")[0]
        files: tuple[Archive, ...] = (
            Archive(
                filename=filename_of(bare),
                url=bare if "://" in bare else None,
                path=bare if "://" not in bare else None,
                hashes=tuple(pair for pairs in hashes for pair in pairs),
            ),
        )
    else:
        files = tuple(Archive(filename="", hashes=pairs) for pairs in hashes)
    return ForeignPackage(
        name=wish.name,
        version=version,
        kind=kind,
        source=place or "",
        files=files,
        marker=str(marker) if marker else "",
        where=wish.where,
    )


def _kind(place: str, *, is_editable: bool) -> str:
    if is_editable:
        return "editable"
    if "git+" in place:
        return "git"
    return "archive" if filename_of(place.partition("#")[0]).endswith(ARCHIVES) else "directory"
