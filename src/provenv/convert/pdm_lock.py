"""Reads ``pdm.lock``, of PDM 2.0 and newer."""

from __future__ import annotations

from provenv.convert.foreign import Archive, ForeignLock, ForeignPackage, Need
from provenv.convert.reading import Table, filename_of, hashes_of, parse_toml
from provenv.errors import InputError

__all__ = ["read_pdm_lock"]


def read_pdm_lock(data: bytes, where: str) -> ForeignLock:
    """All packages of a ``pdm.lock``; entries for extras of one package are joined. Raises InputError."""
    document = parse_toml(data, where)
    metadata = document.table("metadata")
    version = metadata.text("lock_version")
    if version is None:
        raise InputError(f"{where}.metadata", "`lock_version` is missing", hint="is it a lock of PDM?")
    if not version.startswith("4"):
        raise InputError(f"{where}.metadata.lock_version", f"`{version}` is not known; 4 is")
    older = metadata.table("files")
    joined: dict[tuple[str, str | None, str, str], ForeignPackage] = {}
    for table in document.tables("package"):
        one = _package(table, older)
        key = (one.name, one.version, one.source, one.marker if not table.texts("extras") else "")
        first = joined.get(key) or next(
            (other for other in joined.values() if (other.name, other.version, other.source) == key[:3]), None
        )
        if first is None or not table.texts("extras"):
            joined[key] = one
    targets = [one.text("requires_python") or "" for one in metadata.tables("targets")]
    return ForeignLock(
        form="pdm",
        where=where,
        packages=tuple(joined.values()),
        requires_python=targets[0] if targets else "",
        groups=metadata.texts("groups"),
        default_groups=("default",),
    )


def _package(table: Table, older: Table) -> ForeignPackage:
    name = table.name()
    table = Table(table.value, f"{table.where} ({name})")
    version = table.text("version")
    kind, source = "index", ""
    if (place := table.text("git")) is not None:
        kind, source = "git", place
    elif (place := table.text("url")) is not None:
        kind, source = "archive", place
    elif (place := table.text("path")) is not None:
        kind = "editable" if table.truth("editable") else "directory"
        kind, source = ("archive", place) if place.endswith((".whl", ".gz", ".zip")) else (kind, place)
    listed = list(table.tables("files")) or list(older.tables(f"{table.text('name')} {version}"))
    files = []
    for one in listed:
        url = one.text("url")
        filename = one.text("file") or (filename_of(url) if url else "")
        if not filename:
            raise InputError(one.where, "names neither `file` nor `url`")
        place = source if kind == "archive" and filename_of(source) == filename else ""
        files.append(
            Archive(
                filename=filename,
                url=url or (place if "://" in place else None),
                path=place if place and "://" not in place else None,
                hashes=hashes_of(one.texts("hash"), f"{one.where}.hash"),
            )
        )
    return ForeignPackage(
        name=name,
        version=version,
        kind=kind,
        source=source,
        commit=table.text("revision") or "",
        subdirectory=table.text("subdirectory") or "",
        files=tuple(files),
        marker=table.text("marker") or "",
        groups=table.texts("groups"),
        requires_python=table.text("requires_python") or "",
        needs=tuple(_need(text, f"{table.where}.dependencies") for text in table.texts("dependencies")),
        where=table.where,
    )


def _need(text: str, where: str) -> Need:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        told = Requirement(text)
    except InvalidRequirement as error:
        raise InputError(where, f"`{text}` is not a requirement: {str(error).splitlines()[0]}") from error
    return Need(
        name=str(canonicalize_name(told.name)),
        version=str(told.specifier) or None,
        extras=tuple(sorted(told.extras)),
        marker=str(told.marker) if told.marker else "",
    )
