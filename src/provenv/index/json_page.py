"""Index pages in JSON (PEP 691, 700, 714, 792). Pure."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urljoin

from provenv.index.links import check_rest, filename_problem, once, url_problem
from provenv.index.page import Fields, Listing, NotAnIndexPage, is_supported_version, usable_hashes
from provenv.net.secrets import split_credentials

__all__ = ["parse_json"]

_KEYS_OF_FILES = (b'"filename"', b'"url"', b'"hashes"')


def parse_json(body: bytes, base_url: str) -> Listing:
    """Read a page; a file entry that makes no sense is skipped. Raises NotAnIndexPage."""
    data = _loaded(body)
    meta = data.get("meta") if isinstance(data, dict) else None
    if not isinstance(meta, dict) or not isinstance(data.get("files"), list):
        raise NotAnIndexPage("JSON, but not a page of files (PEP 691)")
    if not is_supported_version(meta.get("api-version")):
        raise NotAnIndexPage(f"version {meta.get('api-version')!r} of the index protocol; this program reads 1.x")
    files: list[tuple[str, dict[str, Any]]] = []
    skipped: list[tuple[str, str]] = []
    for entry in data["files"]:
        problem = _problem(entry, base_url)
        if problem is None:
            files.append((entry["filename"], entry))
        else:
            filename = entry.get("filename") if isinstance(entry, dict) else entry
            skipped.append((str(filename)[:200], problem))
    if len({filename for filename, _ in files}) != len(files):
        files, twice = once(files, lambda entry: usable_hashes(entry.get("hashes", {})) or ())
        skipped += twice
        check_rest(files, twice)
    status = data.get("project-status")
    status = status if isinstance(status, dict) else {}
    return Listing(
        [filename for filename, _ in files],
        lambda number: _fields(files[number][1], base_url),
        skipped=skipped,
        status=str(status.get("status", "active")),
        status_reason=str(status.get("reason", "")),
    )


def _loaded(body: bytes) -> Any:
    """What JSON says. A key that stands twice in an object would say two things, so it says nothing.

    Looking at every object costs as much as reading the page, so it is done when the number of names tells to.
    """
    try:
        data = json.loads(body)
        files = data.get("files") if isinstance(data, dict) else None
        count = len(files) if isinstance(files, list) else 0
        if body.count(b'"files"') > 1 or any(body.count(key) > count for key in _KEYS_OF_FILES):
            json.loads(body, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise NotAnIndexPage(f"not valid JSON: {error}") from error
    return data


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key `{twin[:80]}` stands twice in one object")
    return found


def _problem(entry: object, base_url: str) -> str | None:
    if not isinstance(entry, dict):
        return "the entry is not an object"
    filename, url = entry.get("filename"), entry.get("url")
    if not isinstance(filename, str) or not isinstance(url, str):
        return "the entry has no `filename` or no `url`"
    if usable_hashes(entry.get("hashes", {})) is None:
        return "its `hashes` cannot be read"
    if not isinstance(entry.get("requires-python", ""), str | None):
        return "its `requires-python` is not a string"
    if not isinstance(entry.get("yanked", False), bool | str):
        return "its `yanked` is neither a boolean nor a string"
    return filename_problem(filename) or url_problem(url, base_url)


def _fields(entry: dict[str, Any], base_url: str) -> Fields:
    yanked = entry.get("yanked", False)
    size = entry.get("size")
    upload_time = entry.get("upload-time")
    # PEP 714: `core-metadata` is the name; older servers say `dist-info-metadata`.
    announced = entry.get("core-metadata", entry.get("dist-info-metadata", False))
    metadata_hashes = usable_hashes(announced) if isinstance(announced, dict) else ()
    url, _ = split_credentials(urljoin(base_url, entry["url"]).partition("#")[0])
    return (
        url,
        usable_hashes(entry.get("hashes", {})) or (),
        size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        entry.get("requires-python") or None,
        (yanked if isinstance(yanked, str) else "") if yanked else None,
        upload_time if isinstance(upload_time, str) else None,
        bool(announced) and metadata_hashes is not None,
        metadata_hashes or (),
    )
