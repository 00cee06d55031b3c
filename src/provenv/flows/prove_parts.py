"""What is proven, as parts: each a distribution with the wheel that it comes from, or with the files that it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from provenv.binary.facts import FileFacts
from provenv.errors import InputError
from provenv.flows.aim import aim
from provenv.flows.choice import Choice
from provenv.flows.here import name_of, target_here
from provenv.flows.prove_spots import Spot
from provenv.flows.ready import Ready
from provenv.flows.select import select_items
from provenv.flows.world import World
from provenv.model.plan import Unbuilt, Wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.convert.foreign import ForeignLock
    from provenv.store.store import Store

__all__ = ["Part", "parts_of_foreign", "parts_of_lock", "parts_of_wheel", "sha256_of_file"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One distribution."""

    name: str
    version: str
    wanted: Wanted | None = None
    """Its wheel; None when it has none, or when its files were read where they are."""
    reason: str = ""
    """Why there is no wheel, in words."""
    is_local: bool = False
    """It is a directory on this computer that its author works on: no wheel, and nothing that was chosen."""
    requires: tuple[str, ...] = ()
    """Names of what it needs."""
    size: int | None = None
    facts: tuple[FileFacts, ...] | None = None
    paths: Mapping[str, str] | None = None


def parts_of_lock(world: World, data: bytes, choice: Choice, spot: Spot) -> list[Part]:
    """What one machine installs from the project's lock. Raises InputError when the lock was not made for it."""
    from provenv.flows.select_anew import select_for
    from provenv.lockfile.read import parse

    if spot.interpreter is not None and spot.chosen is None:
        target = name_of(target_here(world, data, spot.interpreter))
        items = select_items(world, data, spot.interpreter, choice, target)
        known: Mapping[str, Wanted] = {}
        if any(isinstance(item, Unbuilt) for item in items):
            known = {item.name: item for item in Ready(world, items, choice, spot.interpreter).known() if item.sha256}
    else:
        aimed = next((one for one in aim(world)["targets"] if one["name"] == spot.chosen), None)
        environment = spot.environment if aimed is None else aimed["environment"]
        tags = spot.target.tags() if aimed is None or not spot.is_declared else aimed["tags"]
        items, known = select_for(world, data, choice, environment=environment, tags=tags, target=spot.chosen), {}
    needs = _needs(parse(data, world.lock_file)["packages"])
    return [replace(_part(item, known.get(item.name)), requires=needs.get(item.name, ())) for item in items]


def _part(item: Wanted | Unbuilt, known: Wanted | None) -> Part:
    if isinstance(item, Wanted):
        return Part(name=item.name, version=item.version, wanted=item, size=item.size)
    if known is not None and not item.is_editable:
        return Part(name=known.name, version=known.version, wanted=known)
    is_local = item.kind == "directory"
    what = {"git": "a repository", "directory": "a local directory"}.get(item.kind, "its source archive")
    return Part(name=item.name, version=item.version or "", reason=f"it is built from {what}", is_local=is_local)


def _needs(packages: Sequence[Mapping[str, object]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for package in packages:
        listed = package.get("dependencies", [])
        names = {str(one["name"]) for one in listed if "name" in one} if isinstance(listed, list) else set()
        found.setdefault(str(package["name"]), set()).update(names)
    return {name: tuple(sorted(names)) for name, names in found.items()}


def parts_of_foreign(
    world: World, store: Store, lock: ForeignLock, spot: Spot, *, extras: Sequence[str], groups: Sequence[str]
) -> list[Part]:
    """What one machine installs from another tool's lock: of every package the wheel that fits it best."""
    from provenv.flows.required import required
    from provenv.flows.verify_wheels import Shelf

    shelf = Shelf(world, store, lock, None, spot.target.tags())
    found: dict[str, Part] = {}
    for package in required(lock, spot.environment, extras=extras, groups=groups):
        version = package.version or ""
        requires = tuple(sorted({need.name for need in package.needs if not need.extra and not need.group}))
        part = Part(name=package.name, version=version, requires=requires)
        if package.kind == "git" or not package.files:
            part = replace(part, reason="it is built from a repository" if package.kind == "git" else _loose(lock))
        elif not any(file.sha256 for file in package.files):
            part = replace(part, reason="the lock has no SHA-256 of it")
        else:
            candidates = shelf.candidates(package, version, (frozenset(), ""))
            if candidates:
                part = replace(part, wanted=candidates[0], size=candidates[0].size)
            else:
                part = replace(part, reason=shelf.why or "the lock has no wheel that fits this machine")
        found[package.name] = part
    return sorted(found.values(), key=lambda part: part.name)


def _loose(lock: ForeignLock) -> str:
    if lock.form == "requirements":
        return "it is not locked: no hash says which file it is"
    return "the lock names no file of it"


def parts_of_wheel(path: str, spot: Spot) -> list[Part]:
    """One wheel. Raises InputError when the name of the file is none of a wheel."""
    from packaging.tags import parse_tag

    filename = os.path.basename(path)
    try:
        name, version, _, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise InputError(path, f"not a name of a wheel: {error}") from error
    accepted = {tag for text in spot.target.tags() for tag in parse_tag(text)}
    wanted = Wanted(
        name=str(canonicalize_name(name)),
        version=str(version),
        filename=filename,
        sha256=sha256_of_file(path),
        path=path,
        size=os.path.getsize(path),
    )
    reason = "" if tags & accepted else "no tag of its name is one of those that this machine takes"
    return [Part(name=wanted.name, version=wanted.version, wanted=wanted, size=wanted.size, reason=reason)]


def sha256_of_file(path: str) -> str:
    """The SHA-256 of a file in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
