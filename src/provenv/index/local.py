"""Files and directories of this computer, as index locations."""

from __future__ import annotations

import os

from provenv.errors import Unavailable
from provenv.index.links import is_archive_name
from provenv.index.page import Fields, Listing, normalised

__all__ = ["directory_digest", "files_of", "list_directory", "path_of_url", "project_of", "url_of_path"]


def url_of_path(path: str) -> str:
    """The ``file`` URL of an absolute path."""
    from urllib.parse import quote

    path = path.replace(os.sep, "/")
    return "file://" + quote(path if path.startswith("/") else f"/{path}", safe="/:~+")


def path_of_url(url: str) -> str | None:
    """The path that a ``file`` URL names (RFC 8089); None for any other URL."""
    if url[:7].lower() != "file://":
        return None
    from urllib.parse import unquote

    host, _, path = url[7:].partition("#")[0].partition("?")[0].partition("/")
    if host not in ("", "localhost"):
        return None
    path = unquote(path)
    # `file:///C:/wheels` on Windows, `/wheels` elsewhere.
    return path.replace("/", os.sep) if path[1:2] in (":", "|") else os.sep + path.replace("/", os.sep)


def list_directory(path: str, where: str) -> list[tuple[str, Fields]]:
    """The archives in a directory, sorted by name; their hashes are not known until somebody reads them."""
    try:
        with os.scandir(path) as entries:
            found = [
                (entry.name, entry.stat().st_size)
                for entry in entries
                if is_archive_name(entry.name) and entry.is_file()
            ]
    except OSError as error:
        raise Unavailable(f"{where}: {error.strerror or error}", hint="check the path of the index") from error
    return [
        (name, (url_of_path(os.path.join(path, name)), (), size, None, None, None, False, ()))
        for name, size in sorted(found)
    ]


def directory_digest(path: str, files: list[tuple[str, Fields]]) -> str:
    """Changes when a file of a listing comes, goes or changes."""
    from hashlib import blake2b

    hasher = blake2b(digest_size=16)
    for name, _ in files:
        stat = os.stat(os.path.join(path, name))
        hasher.update(f"{path}\0{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()


def project_of(filename: str) -> str:
    """The package that a file name belongs to, normalised; of a source archive, what stands before its last dash."""
    if filename.endswith((".whl", ".egg")):
        return normalised(filename.partition("-")[0])
    return normalised(filename.rpartition("-")[0])


def files_of(listing: Listing) -> dict[str, list[tuple[str, Fields]]]:
    """The files of a listing of many packages, by package."""
    files: dict[str, list[tuple[str, Fields]]] = {}
    for number, filename in enumerate(listing.filenames):
        files.setdefault(project_of(filename), []).append((filename, listing.fields(number)))
    return files
