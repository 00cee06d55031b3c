"""What is installed in an environment, or in the root directory of a system, whoever put it there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.requirements import InvalidRequirement, Requirement

from provenv.binary.facts import FileFacts
from provenv.errors import InputError
from provenv.flows.memory import digest, recall, remember
from provenv.flows.prove_parts import Part
from provenv.flows.prove_spots import Spot, spot_of, spots_of
from provenv.flows.verify_ground import Ground
from provenv.flows.verify_own import settings_of
from provenv.flows.verify_records import Found, found_in, record_claim
from provenv.flows.world import World
from provenv.model.hardware import Hardware
from provenv.probe.machine import read_root
from provenv.proof.words import dotted, newest_symbol_version
from provenv.stack.tables import Tables
from provenv.store.compiled import facts_of_directory, from_plain, plain
from provenv.wheel.record import digest_for_record

__all__ = ["installed", "sites_of"]

_PYTHON = re.compile(r"python(\d+\.\d+)(t?)")
_SITES = ("site-packages", "dist-packages")
_NOT_WALKED = ("proc", "sys", "dev", "node_modules", "__pycache__")
_LARGEST = 4 << 20


def installed(
    world: World,
    tables: Tables,
    place: str,
    *,
    is_root: bool,
    targets: Sequence[str] = (),
    machines: Sequence[str] = (),
    is_here: bool = False,
) -> list[tuple[Spot, list[Part]]]:
    """Each environment in ``place`` with its distributions, for each machine that is meant.

    Of the root of a system the libraries are its own, whatever the machine. Raises InputError when nothing is there.
    """
    base = read_root(place, tables, world.now) if is_root else None
    prefixes = list(_prefixes(place)) if is_root else [place]
    cases = []
    for prefix in prefixes:
        sites = sites_of(prefix)
        parts = _parts(world, prefix, sites)
        if is_root and not parts:
            continue
        python, flags = _python_of(prefix, sites, place if is_root else "")
        if base is not None and not (targets or machines or is_here):
            spots = [spot_of(base, os.path.relpath(prefix, place) if len(prefixes) > 1 else "system", python)]
        else:
            spots = spots_of(
                world, tables, targets=targets, machines=machines, is_here=is_here, takes_targets=False, python=python
            )
            told = f": {os.path.relpath(prefix, place)}" if len(prefixes) > 1 else ""
            spots = [_on(spot, base, told) for spot in spots]
        cases += [(_fitted(spot, prefix, python, flags), parts) for spot in spots]
    if not cases:
        raise InputError(place, "holds no Python packages", hint="name the root of a system, or an environment")
    return cases


def _on(spot: Spot, base: Hardware | None, told: str) -> Spot:
    """A system on a machine: driver and GPUs are the machine's, libraries those of the system."""
    if base is None:
        return spot
    hardware = replace(spot.hardware, glibc=base.glibc, musl=base.musl, glibcxx=base.glibcxx, sonames=base.sonames)
    return replace(spot, name=spot.name + told, hardware=hardware)


def _fitted(spot: Spot, prefix: str, python: str, flags: str) -> Spot:
    """The machine with the Python of an environment, and with the libraries that the environment brings (conda's)."""
    hardware = spot.hardware
    directory = os.path.join(prefix, "lib")
    names = [name for name in _listed(directory) if ".so" in name]
    if names and hardware.sonames is not None:
        hardware = replace(hardware, sonames=tuple(sorted({*hardware.sonames, *names})))
    if "libstdc++.so.6" in names and os.path.isdir(f"{prefix}/conda-meta"):
        found = facts_of_directory(directory, ["libstdc++.so.6"])
        newest = newest_symbol_version(found[0].version_definitions if found else (), "GLIBCXX_")
        hardware = replace(hardware, glibcxx=dotted(newest) if newest else hardware.glibcxx)
    return replace(spot, target=replace(spot.target, python=python, abi_flags=flags), hardware=hardware)


def _prefixes(root: str) -> Iterator[str]:
    """Directories below which packages are installed: ``/usr``, ``/usr/local``, virtual environments."""
    found: dict[str, None] = {}
    for directory, names, _ in os.walk(root):
        if os.path.relpath(directory, root) in _NOT_WALKED:
            names.clear()
            continue
        for name in [name for name in names if name in _SITES]:
            library = os.path.dirname(directory) if _PYTHON.match(os.path.basename(directory) + ".0") else directory
            found.setdefault(os.path.dirname(library))
            names.remove(name)
        names[:] = sorted(name for name in names if name not in _NOT_WALKED)
    yield from found


def sites_of(prefix: str) -> list[str]:
    """The directories of packages in an environment, from there."""
    found = []
    for library in ("lib", "lib64"):
        if os.path.islink(os.path.join(prefix, library)):
            continue
        for name in _listed(os.path.join(prefix, library)):
            for site in _SITES:
                if name.startswith("python") and os.path.isdir(os.path.join(prefix, library, name, site)):
                    found.append(f"{library}/{name}/{site}")
    return found


def _python_of(prefix: str, sites: Sequence[str], root: str) -> tuple[str, str]:
    """The version of Python and its ABI flags."""
    for site in sites:
        if match := _PYTHON.fullmatch(site.split("/")[1]):
            return match[1], match[2]
    settings = settings_of(prefix)
    for key in ("version", "version_info"):
        if settings.get(key, "").count("."):
            return ".".join(settings[key].split(".")[:2]), ""
    for place in ("usr/bin/python3", "usr/local/bin/python3", "bin/python3"):
        try:
            told = os.readlink(os.path.join(root, place))
        except OSError:
            continue
        if match := _PYTHON.search(told):
            return match[1], match[2]
    raise InputError(prefix, "is no environment: nothing tells its Python", hint="name another directory")


def _parts(world: World, prefix: str, sites: Sequence[str]) -> list[Part]:
    ground = Ground(prefix, sites, "bin")
    found: dict[str, Part] = {}
    for one in found_in(ground):
        found.setdefault(one.name, _part(world, ground, one))
    return sorted(found.values(), key=lambda part: part.name)


def _part(world: World, ground: Ground, one: Found) -> Part:
    site = one.path.rpartition("/")[0]
    claim = record_claim(ground, one)
    owned = {promise.path: promise for promise in claim.promises if promise.path.startswith(site + "/")}
    there = {path: ground.entries[path] for path in owned if path in ground.entries}
    paths = {
        path[len(site) + 1 :]: digest_for_record(promise.digest)
        for path, promise in owned.items()
        if promise.digest is not None and promise.algorithm == "sha256" and not path.startswith(one.path + "/")
    }
    return Part(
        name=one.name,
        version=one.version,
        requires=tuple(_requires(ground, one)),
        size=sum(status.st_size for status in there.values()),
        facts=None if claim.remark and not there else _facts(world, ground, site, there),
        paths=paths,
        is_local=bool(claim.editable),
    )


def _facts(world: World, ground: Ground, site: str, there: Mapping[str, os.stat_result]) -> tuple[FileFacts, ...]:
    """The facts of installed files, remembered until one of them is another."""
    stamps = sorted((path, status.st_size, status.st_mtime_ns, status.st_ino) for path, status in there.items())
    key = digest(_FORMAT, ground.root, site, stamps)
    known = recall(world.cache, "installed-facts", key)
    if known is not None:
        return tuple(from_plain(row) for row in known)
    names = [path[len(site) + 1 :] for path in there]
    found = facts_of_directory(os.path.join(ground.root, site), names)
    remember(world.cache, "installed-facts", key, [plain(one) for one in found])
    return found


_FORMAT = 1
"""Of what is remembered."""


def _requires(ground: Ground, one: Found) -> Iterator[str]:
    """The names of what a distribution needs, extras aside."""
    try:
        with open(f"{ground.root}/{one.path}/METADATA", encoding="utf-8", errors="replace") as file:
            head = file.read(_LARGEST).partition("\n\n")[0]
    except OSError:
        return
    for line in head.splitlines():
        if line.startswith("Requires-Dist:"):
            try:
                requirement = Requirement(line.partition(":")[2].strip())
            except InvalidRequirement:
                continue
            if requirement.marker is None or "extra" not in str(requirement.marker):
                yield "-".join(part for part in re.split(r"[-_.]+", requirement.name.lower()) if part)


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
