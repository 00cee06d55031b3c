"""Where one reference leads: to files that are fetched, and to METADATA that is read or, if need be, built."""

from __future__ import annotations

import hashlib
import os
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from provenv.build.static import archive_metadata, static_metadata
from provenv.errors import InputError, NoSolution, ProvenvError, Unavailable
from provenv.flows.aimed import Aim, AimedTarget, Reference
from provenv.flows.aimed_target import described
from provenv.flows.builds import build_interpreter
from provenv.flows.fingerprint import fingerprint
from provenv.flows.network import door
from provenv.flows.prepared import Prepared
from provenv.flows.repositories import below, copied_tree, laid_out
from provenv.flows.sources import Sources
from provenv.flows.world import World
from provenv.index.local import path_of_url
from provenv.model.artifact import Artifact
from provenv.universe.rows import headers_of

__all__ = ["Lead", "Leads", "archive_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lead:
    """A reference that was followed."""

    prepared: Prepared
    project: str | None = None
    """The directory of its source tree, if it has one that stays."""
    top: str | None = None
    """The directory that holds everything of its repository."""


class Leads:
    """Follows references for one target."""

    def __init__(self, world: World, aimed: Aim, target: AimedTarget) -> None:
        self._world = world
        self._aimed = aimed
        self._target = target
        self._known_sources: Sources | None = None

    def follow(self, name: str, reference: Reference, where: str, commit: str | None) -> Lead:
        """Where the reference of a package leads; ``commit`` is the full one of a repository. Raises InputError,
        NoSolution for a wheel that the target cannot use, BuildError, Unavailable.
        """
        if reference["kind"] == "git":
            assert commit is not None, "a branch became a commit before"
            return self._git(name, reference, where, commit)
        if reference["kind"] == "directory":
            return self._directory(name, reference, where)
        artifact = archive_of(reference["url"], reference["sha256"])
        if artifact.filename.endswith(".whl"):
            return self._wheel(name, reference, where, artifact)
        return self._source_archive(name, reference, where, artifact)

    # -- trees --------------------------------------------------------------------------------------------

    def _directory(self, name: str, reference: Reference, where: str) -> Lead:
        project = below(reference["url"], reference["subdirectory"], where)
        metadata = self._declared(name, None) or static_metadata(project)
        is_told = metadata is not None and headers_of(metadata)["version"] != ["0"]
        if metadata is None:
            metadata = self._of_dynamic(name, project, is_virtual=reference["is_virtual"])
        table: dict[str, Any] = {"path": reference["url"]}
        if reference["is_editable"]:
            table["editable"] = True
        version = _version(name, metadata, reference, where) if is_told else None
        return Lead(
            prepared=Prepared(
                name, version, metadata, {"directory": table | _within(reference)}, reference["is_virtual"]
            ),
            project=project,
            top=None,
        )

    def _of_dynamic(self, name: str, project: str, *, is_virtual: bool) -> bytes:
        """METADATA of a directory that does not say everything itself.

        If all that is missing is the version, and it cannot be told here, the rest is still good for a lock.
        """
        without_version = static_metadata(project, version="0")
        if without_version is not None and is_virtual:
            return without_version
        stamp = fingerprint(self._world.cache, project, self._world.variables)
        try:
            return self._sources().built_metadata(
                name, None, (("directory", project), ("files", stamp)), lambda: nullcontext(project)
            )
        except ProvenvError as failure:
            if without_version is None:
                raise
            self._world.events.noted(f"the version of {name} is not known: {failure.message}")
            return without_version

    def _git(self, name: str, reference: Reference, where: str, commit: str) -> Lead:
        url, rev, subdirectory = reference["url"], reference["rev"], reference["subdirectory"]
        top, project = laid_out(self._world, url, commit, rev, subdirectory)
        if not any(os.path.exists(os.path.join(project, file)) for file in ("pyproject.toml", "setup.py")):
            raise InputError(
                where,
                f"{described(reference)} has neither a pyproject.toml nor a setup.py",
                hint="if the project lies deeper, name its directory: `#subdirectory=` or `subdirectory = ...`",
            )
        metadata = self._declared(name, None) or static_metadata(project)
        if metadata is None:
            metadata = self._sources().built_metadata(
                name,
                None,
                (("commit", commit), *([("subdirectory", subdirectory)] if subdirectory else [])),
                lambda: copied_tree(top, project),
            )
        version = _version(name, metadata, reference, where)
        requested = {"requested-revision": rev} if rev else {}
        table = {"type": "git", "url": url, **requested, "commit-id": commit, **_within(reference)}
        return Lead(
            prepared=Prepared(name, None if version == "0" else version, metadata, {"vcs": table}),
            project=project,
            top=top,
        )

    # -- archives -----------------------------------------------------------------------------------------

    def _wheel(self, name: str, reference: Reference, where: str, artifact: Artifact) -> Lead:
        try:
            told, version, _, tags = parse_wheel_filename(artifact.filename)
        except InvalidWheelFilename as error:
            raise InputError(where, f"`{artifact.filename}` is not the name of a wheel") from error
        if told != name:
            raise InputError(where, f"{described(reference)} is a wheel of {told}, not of {name}")
        if not {str(tag) for tag in tags} & set(self._target["tags"]):
            raise NoSolution(
                f"{name} is the wheel {artifact.filename}, which cannot be used on {self._target['name']}.",
                hint="name another file for this platform, with a `marker` on each of them in `sources`",
            )
        catalog = door(self._world, self._aimed["locations"], self._target["pinned"])
        if artifact.sha256 is None:
            self._world.events.noted(f"nothing tells the SHA-256 of {artifact.filename}: reading it")
            artifact = archive_of(reference["url"], catalog.sha256(artifact))
        metadata = catalog.metadata(artifact)
        _version(name, metadata, reference, where)
        files = ((artifact.filename, artifact.url, artifact.hashes, artifact.size, None),)
        return Lead(prepared=Prepared(name, str(version), metadata, {"archive": _archive(artifact)}, files=files))

    def _source_archive(self, name: str, reference: Reference, where: str, artifact: Artifact) -> Lead:
        sources, subdirectory = self._sources(), reference["subdirectory"]
        path = sources.archive(artifact)
        artifact = archive_of(reference["url"], os.path.basename(path), size=os.path.getsize(path))
        told = _version_of_filename(artifact.filename)
        metadata = self._declared(name, told)
        if metadata is None and subdirectory is None:
            metadata = archive_metadata(path, filename=artifact.filename)
        elif metadata is None:
            with sources.unpacked(artifact, subdirectory, package=name) as directory:
                metadata = static_metadata(directory)
        if metadata is None:
            origin = [("sha256", artifact.sha256 or "")]
            origin += [("subdirectory", subdirectory)] if subdirectory else []
            metadata = sources.built_metadata(
                name, told, origin, lambda: sources.unpacked(artifact, subdirectory, package=name)
            )
        version = _version(name, metadata, reference, where)
        table = {"archive": _archive(artifact) | _within(reference)}
        return Lead(prepared=Prepared(name, None if version == "0" else version, metadata, table))

    # -- inside -------------------------------------------------------------------------------------------

    def _declared(self, name: str, version: str | None) -> bytes | None:
        """``dependency-metadata`` of the project about a package."""
        if not any(canonicalize_name(table["name"]) == name for table in self._aimed["policy"]["metadata"]):
            return None
        return self._sources().declared(name, version)

    def _sources(self) -> Sources:
        if self._known_sources is None:
            self._known_sources = Sources(
                self._world, self._aimed, build_interpreter(self._world, self._aimed, self._target)
            )
        return self._known_sources


def archive_of(url: str, sha256: str | None, *, size: int | None = None) -> Artifact:
    """The file at a URL; of one on this computer its hash and size are read now. Raises Unavailable."""
    path = path_of_url(url)
    if path is not None:
        try:
            size = os.path.getsize(path)
            if sha256 is None:
                with open(path, "rb") as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}") from error
    hashes = (("sha256", sha256),) if sha256 else ()
    return Artifact(filename=unquote(urlsplit(url).path.rpartition("/")[2]), url=url, hashes=hashes, size=size)


def _archive(artifact: Artifact) -> dict[str, Any]:
    path = path_of_url(artifact.url)
    place = {"url": artifact.url} if path is None else {"path": path}
    size = {} if artifact.size is None else {"size": artifact.size}
    return {**place, **size, "hashes": dict(artifact.hashes)}


def _within(reference: Reference) -> dict[str, Any]:
    return {"subdirectory": reference["subdirectory"]} if reference["subdirectory"] else {}


def _version_of_filename(filename: str) -> str | None:
    try:
        return str(parse_sdist_filename(filename)[1])
    except InvalidSdistFilename:
        return None


def _version(name: str, metadata: bytes, reference: Reference, where: str) -> str:
    """The version in METADATA. Raises InputError when it is that of another package."""
    headers = headers_of(metadata)
    told = headers.get("name", [""])[0]
    if canonicalize_name(told) != name:
        raise InputError(
            where, f"{described(reference)} is the package `{told}`, not `{name}`", hint=f"ask for `{told}` there"
        )
    return headers.get("version", ["0"])[0]
