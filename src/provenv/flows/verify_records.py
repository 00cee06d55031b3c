"""Claims of an environment about itself: the RECORD of each distribution, and the records that conda keeps."""

from __future__ import annotations

import csv
import json
import os
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from provenv.env.scan import normalised
from provenv.flows.verify_claims import BYTECODE, FILE, FREE, LINK, Claim, Promise
from provenv.flows.verify_ground import Ground
from provenv.wheel.record import digest_from_record

__all__ = ["Found", "conda_claims", "found_in", "record_claim", "record_paths"]

_ALGORITHMS = {"sha256": 32, "sha384": 48, "sha512": 64}
_LARGEST = 64 << 20


class Found:
    """One distribution on the disk. ``kind``: ``dist-info``, ``egg-info`` or ``egg-link``."""

    __slots__ = ("kind", "name", "path", "version")

    def __init__(self, name: str, version: str, path: str, kind: str) -> None:
        self.name = name
        """Normalised."""
        self.version = version
        self.path = path
        """Its directory or file, relative to the root."""
        self.kind = kind


def found_in(ground: Ground) -> list[Found]:
    """Every distribution of an environment, sorted by name and place; leftovers of an interrupted pip are none."""
    found = []
    for site in ground.sites:
        tops = {path[len(site) + 1 :] for path in (*ground.directories, *ground.entries) if path.startswith(site + "/")}
        for top in tops:
            stem, _, kind = top.rpartition(".")
            if "/" in top or top.startswith("~") or kind not in ("dist-info", "egg-info", "egg-link"):
                continue
            name, _, version = stem.partition("-")
            found.append(Found(normalised(name), version.partition("-py")[0], f"{site}/{top}", kind))
    return sorted(found, key=lambda one: (one.name, one.path))


def record_claim(ground: Ground, found: Found) -> Claim:
    """What RECORD of a distribution promises; no promises, and a remark, where it has none that can be read."""
    claim = Claim(found.name, found.version, "RECORD", [], dist_info=found.path)
    text = _text(ground, f"{found.path}/RECORD") if found.kind == "dist-info" else None
    if text is None:
        claim.remark = {"egg-link": "a development installation of an old kind, which lists no files"}.get(
            found.kind, "it has no RECORD"
        )
        return claim
    try:
        rows = _rows(text)
    except ValueError as problem:
        claim.remark = f"its RECORD cannot be read: {problem}"
        return claim
    claim.editable = _editable(ground, found)
    site = found.path.rpartition("/")[0]
    for written, digest, algorithm, size in rows:
        path = _below_root(ground, site, written)
        if path is None:
            claim.remark = claim.remark or f"its RECORD names {written}, which is outside the environment"
            continue
        claim.promises.append(_promise(ground, found, path, digest, algorithm, size))
    return claim


def _promise(
    ground: Ground, found: Found, path: str, digest: bytes | None, algorithm: str, size: int | None
) -> Promise:
    name = path.rpartition("/")[2]
    role = FILE
    if path == f"{found.path}/RECORD" or (digest is None and path.startswith(found.path + "/RECORD.")):
        role = FREE
    elif name.endswith(".pyc") and "/__pycache__/" in path:
        # Whoever compiled it, and whatever its hash was then: Python may have written it anew since.
        role, digest = BYTECODE, None
    return Promise(found.name, path, role, digest=digest, size=size, algorithm=algorithm or "sha256")


def record_paths(ground: Ground, found: Found) -> set[str]:
    """The paths that a distribution's RECORD names, relative to the root; its own directory if it has none."""
    claim = record_claim(ground, found)
    own = set(ground.below(found.path)) if found.path in ground.directories else {found.path}
    return own | {promise.path for promise in claim.promises}


def _text(ground: Ground, path: str) -> str | None:
    status = ground.look(path)
    if status is None or status.st_size > _LARGEST:
        return None
    try:
        with open(f"{ground.root}/{path}", "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return None


def _rows(text: str) -> Iterator[tuple[str, bytes | None, str, int | None]] | list[Any]:
    """More lenient than for a wheel: other installers repeat lines, and leave fields out."""
    rows: dict[str, tuple[str, bytes | None, str, int | None]] = {}
    for number, fields in enumerate(csv.reader(text.splitlines(keepends=True)), 1):
        if not fields:
            continue
        path, hashed, size = (*fields, "", "")[:3]
        algorithm, _, encoded = hashed.partition("=")
        digest = None
        if algorithm in _ALGORITHMS:
            try:
                digest = digest_from_record(encoded)
            except (ValueError, NotBase64):
                raise ValueError(f"line {number} holds no hash: {hashed!r}") from None
            if len(digest) != _ALGORITHMS[algorithm]:
                raise ValueError(f"line {number} holds no hash: {hashed!r}")
        if not path or "\0" in path:
            raise ValueError(f"line {number} names no file")
        if rows.get(path, (path, digest, algorithm, None))[1] != digest:
            raise ValueError(f"line {number} tells another hash of {path} than a line before")
        rows[path] = (path, digest, algorithm, int(size) if size.isdecimal() else None)
    return list(rows.values())


def _below_root(ground: Ground, site: str, written: str) -> str | None:
    """A path of RECORD relative to the environment's root; None when it leads out."""
    if os.path.isabs(written):
        place = os.path.normpath(written)
        start = os.path.normpath(ground.root) + os.sep
        if not place.startswith(start):
            return None
        path = place[len(start) :].replace(os.sep, "/")
    else:
        path = os.path.normpath(f"{site}/{written}").replace(os.sep, "/")
    if path.startswith("../") or path == "..":
        return None
    if path.startswith("lib64/") and os.path.islink(f"{ground.root}/lib64"):
        path = "lib/" + path[6:]
    return path


def _editable(ground: Ground, found: Found) -> str:
    """The directory of an editable installation (PEP 610); "" for any other."""
    try:
        told = json.loads(_text(ground, f"{found.path}/direct_url.json") or "{}")
        if not told["dir_info"]["editable"]:
            return ""
        return unquote(urlsplit(told["url"]).path)
    except (ValueError, KeyError, TypeError):
        return ""


def conda_claims(ground: Ground) -> list[Claim]:
    """What conda's records (``conda-meta/*.json``) promise: every file of every package, as it was placed."""
    directory = f"{ground.root}/conda-meta"
    claims = []
    for file in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
        if not file.endswith(".json"):
            continue
        try:
            with open(f"{directory}/{file}", encoding="utf-8") as stream:
                told = json.load(stream)
            name, version = str(told["name"]), str(told["version"])
            rows = (told.get("paths_data") or {}).get("paths") or []
            promises = [_conda_promise(ground, normalised(name), row) for row in rows if isinstance(row, dict)]
            remark = "" if rows else "its record lists no files with hashes"
        except (OSError, ValueError, KeyError, TypeError) as problem:
            name, version, promises = file.removesuffix(".json"), "", []
            remark = f"its record {file} cannot be read: {problem}"
        claims.append(Claim(normalised(name), version, "conda-meta", promises, remark=remark))
    return claims


def _conda_promise(ground: Ground, owner: str, row: Mapping[str, Any]) -> Promise:
    path = os.path.normpath(str(row["_path"])).replace(os.sep, "/")
    if path.startswith("../") or os.path.isabs(path):
        raise ValueError(f"it names {path}, outside the environment")
    kind = row.get("path_type", "hardlink")
    sha256 = row.get("sha256_in_prefix") or row.get("sha256")
    if kind == "pyc_file" or ("/__pycache__/" in path and path.endswith(".pyc") and not sha256):
        return Promise(owner, path, BYTECODE)
    if kind in ("softlink", "directory") or "entry_point" in kind:
        return Promise(owner, path, LINK)
    return Promise(owner, path, digest=bytes.fromhex(sha256) if sha256 else None, size=_conda_size(row))


def _conda_size(row: Mapping[str, Any]) -> int | None:
    """The size in the package; a file with a path of its own in it may have another one."""
    if row.get("prefix_placeholder") or row.get("sha256_in_prefix"):
        return None
    size = row.get("size_in_bytes")
    return size if isinstance(size, int) else None
