"""Reads ``uv.lock``."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit, urlunsplit

from provenv.convert.foreign import Archive, ForeignLock, ForeignPackage, Need
from provenv.convert.reading import Table, filename_of, hashes_of, parse_toml
from provenv.errors import InputError

__all__ = ["read_uv_lock"]


def read_uv_lock(data: bytes, where: str) -> ForeignLock:
    """All packages of a ``uv.lock`` of version 1. Raises InputError."""
    document = parse_toml(data, where)
    if document.number("version") != 1:
        raise InputError(where, f"is of version {document.value.get('version')}; only version 1 of uv.lock is known")
    packages = tuple(_package(one) for one in document.tables("package"))
    members = document.table("manifest").texts("members")
    local = tuple(one.name for one in packages if one.kind in ("editable", "virtual", "directory"))
    indexes = dict.fromkeys(one.source for one in packages if one.kind == "index" and "://" in one.source)
    return ForeignLock(
        form="uv",
        where=where,
        packages=packages,
        requires_python=document.text("requires-python") or "",
        indexes=tuple(indexes),
        roots=members or local[:1],
        groups=tuple(sorted({need.group for one in packages for need in one.needs if need.group})),
        extras=tuple(sorted({extra for one in packages if one.name in (members or local[:1]) for extra in one.extras})),
        default_groups=("dev",),
    )


def _package(table: Table) -> ForeignPackage:
    name = table.name()
    table = Table(table.value, f"{table.where} ({name})")
    kind, source, commit, subdirectory = _source(table.table("source"))
    needs = [_need(one) for one in table.tables("dependencies")]
    optional = table.table("optional-dependencies")
    for extra in optional.value:
        needs += [_need(one, extra=extra) for one in optional.tables(extra)]
    groups = table.table("dev-dependencies")
    for group in groups.value:
        needs += [_need(one, group=group) for one in groups.tables(group)]
    files = [_file(one, source if kind == "index" else "") for one in table.tables("wheels")]
    if "sdist" in table:
        files.append(_file(table.table("sdist"), source if kind == "index" else "", fallback=source))
    return ForeignPackage(
        name=name,
        version=table.text("version"),
        kind=kind,
        source=source,
        commit=commit,
        subdirectory=subdirectory,
        files=tuple(files),
        markers=table.texts("resolution-markers"),
        needs=tuple(needs),
        extras={extra: tuple(one.name() for one in optional.tables(extra)) for extra in optional.value},
        where=table.where,
    )


def _source(source: Table) -> tuple[str, str, str, str]:
    """Kind, URL or path, commit, directory inside."""
    subdirectory = source.text("subdirectory") or ""
    if (place := source.text("registry")) is not None:
        return "index", place, "", ""
    if (place := source.text("git")) is not None:
        parts = urlsplit(place)
        inside = parse_qs(parts.query).get("subdirectory", [subdirectory])[0]
        return "git", urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), parts.fragment, inside
    for key, kind in (("url", "archive"), ("path", "archive"), ("directory", "directory"), ("editable", "editable")):
        if (place := source.text(key)) is not None:
            return kind, place, "", subdirectory
    if (place := source.text("virtual")) is not None:
        return "virtual", place, "", ""
    raise InputError(source.where, "names no place that is known")


def _file(table: Table, index: str, *, fallback: str = "") -> Archive:
    url, path = table.text("url"), table.text("path")
    place = url or path or table.text("filename") or fallback
    if not place:
        raise InputError(table.where, "names neither `url`, `path` nor `filename`")
    if path is not None and index and "://" not in index:
        path = f"{index}/{path}"
    hashed = table.text("hash")
    return Archive(
        filename=filename_of(place),
        url=url if url is not None or "://" not in place else place,
        path=path,
        hashes=hashes_of((hashed,), f"{table.where}.hash") if hashed else (),
        size=table.number("size"),
    )


def _need(table: Table, *, extra: str = "", group: str = "") -> Need:
    return Need(
        name=table.name(),
        version=table.text("version"),
        extras=table.texts("extra"),
        marker=table.text("marker") or "",
        extra=extra,
        group=group,
    )
