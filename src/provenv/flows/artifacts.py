"""The files of what was chosen, with the hashes that the lock promises."""

from __future__ import annotations

from urllib.parse import urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from provenv.errors import InputError
from provenv.flows.aimed import Reference
from provenv.flows.world import World
from provenv.model.artifact import Artifact, FileRow
from provenv.universe.answers import Supply
from provenv.universe.pypi import IndexSupply
from provenv.universe.view import View

__all__ = ["direct_view", "file_rows"]


def file_rows(world: World, supply: Supply, view: View, candidate: int) -> tuple[FileRow, ...]:
    """The wheels of a candidate, or else its source archive, in the plain form, each with a SHA-256.

    An index that tells no SHA-256 makes us read the file once, now: a lock without hashes would promise nothing.
    """
    assert isinstance(supply, IndexSupply)
    artifacts = supply.artifacts(view, candidate)
    if any(artifact.sha256 is None for artifact in artifacts):
        artifacts = artifacts[:1]
    return tuple(_row(world, supply, artifact) for artifact in artifacts)


def direct_view(world: World, supply: Supply, name: str, reference: Reference) -> View:
    """The view of a direct reference to a wheel (PEP 508 ``name @ URL``): one candidate. Raises InputError."""
    assert isinstance(supply, IndexSupply)
    url = reference["url"]
    filename = urlsplit(url).path.rpartition("/")[2]
    try:
        told, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise InputError(f"{world.project_file}: {url}", f"`{filename}` is not the name of a wheel") from error
    if told != canonicalize_name(name):
        raise InputError(f"{world.project_file}: {url}", f"this is a wheel of {told}, not of {name}")
    hashes = (("sha256", reference["sha256"]),) if reference["sha256"] else ()
    artifact = Artifact(filename=filename, url=url, hashes=hashes)
    view = supply.direct(name, str(version), artifact=artifact)
    view.chosen[1] = (_row(world, supply, artifact),)
    return view


def _row(world: World, supply: IndexSupply, artifact: Artifact) -> FileRow:
    hashes = artifact.hashes
    if artifact.sha256 is None:
        world.events.noted(f"the index tells no SHA-256 of {artifact.filename}: reading it")
        hashes = (("sha256", supply.catalog.sha256(artifact)),)
    return artifact.filename, artifact.url, hashes, artifact.size, artifact.upload_time
