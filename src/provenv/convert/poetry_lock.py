"""Reads ``poetry.lock``, of Poetry 1.0 to 2.x."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name

from provenv.convert.foreign import Archive, ForeignLock, ForeignPackage, Need
from provenv.convert.reading import Table, filename_of, hashes_of, parse_toml
from provenv.errors import InputError

__all__ = ["read_poetry_lock"]

_KINDS = {"git": "git", "url": "archive", "file": "archive", "directory": "directory", "legacy": "index"}


def read_poetry_lock(data: bytes, where: str) -> ForeignLock:
    """All packages of a ``poetry.lock``. Raises InputError."""
    document = parse_toml(data, where)
    metadata = document.table("metadata")
    if "lock-version" not in metadata and "content-hash" not in metadata:
        raise InputError(f"{where}.metadata", "`lock-version` is missing", hint="is it a lock of Poetry?")
    version = metadata.text("lock-version") or "1.0"
    if version.partition(".")[0] not in ("1", "2"):
        raise InputError(f"{where}.metadata.lock-version", f"`{version}` is not known; 1 and 2 are")
    older = metadata.table("files")
    packages = tuple(_package(one, older) for one in document.tables("package"))
    indexes = dict.fromkeys(one.source for one in packages if one.kind == "index" and one.source)
    extras = document.table("extras")
    return ForeignLock(
        form="poetry",
        where=where,
        packages=packages,
        requires_python=metadata.text("python-versions") or "",
        indexes=tuple(indexes),
        extras=tuple(extras.value),
        groups=tuple(sorted({group for one in packages for group in one.groups})),
        default_groups=("main",),
    )


def _package(table: Table, older: Table) -> ForeignPackage:
    told = table.needed("name")
    name = str(canonicalize_name(told))
    table = Table(table.value, f"{table.where} ({name})")
    source = table.table("source")
    kind = _KINDS.get(source.text("type") or "legacy")
    if kind is None:
        raise InputError(f"{source.where}.type", f"`{source.text('type')}` is not known")
    place = source.text("url") or ""
    if table.truth("develop") and kind == "directory":
        kind = "editable"
    listed = list(table.tables("files")) or list(older.tables(told)) or list(older.tables(name))
    markers = table.value.get("markers", "")
    if isinstance(markers, dict):
        # One marker for each group.
        markers = " or ".join(f"({text})" for text in dict.fromkeys(map(str, markers.values())))
    if not isinstance(markers, str):
        raise table.wrong("markers", "a text, or a table of texts")
    category = table.text("category")
    return ForeignPackage(
        name=name,
        version=table.needed("version"),
        kind=kind,
        source=place,
        commit=source.text("resolved_reference") or "",
        subdirectory=source.text("subdirectory") or "",
        files=tuple(_files(listed, place if kind == "archive" else "")),
        marker=markers or (table.text("marker") or ""),
        groups=table.texts("groups") or ((category,) if category else ()),
        is_optional=table.truth("optional"),
        requires_python=table.text("python-versions") or "",
        needs=tuple(_needs(table.table("dependencies"))),
        extras={extra: table.table("extras").texts(extra) for extra in table.table("extras").value},
        where=table.where,
    )


def _files(listed: Iterable[Table], place: str) -> Iterable[Archive]:
    for one in listed:
        filename = one.needed("file")
        is_it = bool(place) and filename_of(place) == filename
        yield Archive(
            filename=filename,
            url=one.text("url") or (place if is_it and "://" in place else None),
            path=place if is_it and "://" not in place else None,
            hashes=hashes_of(one.texts("hash"), f"{one.where}.hash"),
        )


def _needs(table: Table) -> Iterable[Need]:
    for name, value in table.value.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                yield Need(name=str(canonicalize_name(name)), version=one)
                continue
            if not isinstance(one, dict):
                raise table.wrong(name, "a text or a table")
            told = Table(one, f"{table.where}.{name}")
            yield Need(
                name=str(canonicalize_name(name)),
                version=told.text("version"),
                extras=told.texts("extras"),
                marker=told.text("markers") or "",
            )
