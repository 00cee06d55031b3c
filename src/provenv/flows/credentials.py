"""Collects what the user said about user names and passwords: in URLs, variables, netrc and the keyring.

They live in memory only. Aims, locks and caches hold URLs without them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from itertools import chain

from provenv.errors import InputError
from provenv.flows import files
from provenv.flows.parse_aim import read_project
from provenv.flows.world import World
from provenv.index.location import default_url, split_name
from provenv.model.project import IndexSource, Line, Project
from provenv.net.keychain import Access, Authenticate, Keychain
from provenv.net.keyring import Keyring
from provenv.net.secrets import redact

__all__ = ["keychain"]


def keychain(world: World) -> Keychain:
    """The keychain of one command; the same for all its doors, so that nothing is asked twice.

    Raises InputError when a place that must never be asked with credentials has some in its URL.
    """
    if world.keychain is None:
        network = world.network
        keyring = None
        if network.get("keyring_provider", "disabled") == "subprocess":
            keyring = Keyring(shutil.which("keyring", path=world.search_path), world.events)
        world.keychain = Keychain(_places(world), netrc_file=network.get("netrc_file"), ask_keyring=keyring)
    return world.keychain


def _places(world: World) -> Iterator[Access]:
    for text in (*world.indexes, world.default_index or ""):
        name, url = split_name(text)
        yield _access(name, url, "auto", world)
    for url in (*world.find_links, *world.credential_urls, default_url()):
        yield Access(url)
    if (data := files.read_if_there(world.project_file)) is not None:
        yield from _places_of_project(read_project(data, world.project_file), world)


def _places_of_project(project: Project, world: World) -> Iterator[Access]:
    for index in project.indexes:
        yield _access(index.name, index.url, _authenticate(index), world)
    for place in project.find_links:
        yield Access(place)
    for line in _lines(project):
        if line.requirement.url:
            yield Access(line.requirement.url.removeprefix("git+"))


def _lines(project: Project) -> Iterator[Line]:
    yield from chain(project.dependencies, *project.extras.values(), *project.groups.values())


def _authenticate(index: IndexSource) -> Authenticate:
    found: Authenticate = getattr(index, "authenticate", None) or "auto"
    return found


def _access(name: str | None, url: str, authenticate: Authenticate, world: World) -> Access:
    """The way into an index: variables with its name win over what its URL holds, as in uv."""
    user, password = _variables(name, world.network)
    access = Access(url, username=user, password=password, authenticate=authenticate)
    if authenticate == "never" and (access.username is not None or access.password is not None):
        raise InputError(
            f"index `{name or redact(url)}`",
            '`authenticate` is "never", but a user name or a password is given',
            hint='take them out of its URL and of PROVENV_INDEX_* variables, or set `authenticate = "auto"`',
        )
    return access


def _variables(name: str | None, network: Mapping[str, str]) -> tuple[str | None, str | None]:
    """``PROVENV_INDEX_<NAME>_USERNAME`` and ``_PASSWORD``, else uv's."""
    if name is None:
        return None, None
    key = "".join(letter if letter.isalnum() else "_" for letter in name.upper())
    found: list[str | None] = []
    for part in ("USERNAME", "PASSWORD"):
        ours, theirs = f"PROVENV_INDEX_{key}_{part}", f"UV_INDEX_{key}_{part}"
        found.append(network.get(ours) or network.get(theirs) or None)
    return found[0], found[1]
