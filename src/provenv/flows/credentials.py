"""Collects what the user said about user names and passwords: in URLs, variables, netrc and the keyring.

They live in memory only. Aims, locks and caches hold URLs without them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import cast

from provenv.errors import InputError
from provenv.flows.project_file import read_project
from provenv.flows.workspace import members_of
from provenv.flows.world import World
from provenv.index.location import default_url, split_name
from provenv.model.project import Project
from provenv.net.keychain import Access, Authenticate, Keychain
from provenv.net.keyring import Keyring
from provenv.net.secrets import redact, split_credentials

__all__ = ["keychain", "use_secrets"]


def keychain(world: World) -> Keychain:
    """The keychain of one command; the same for all its doors, so that nothing is asked twice.

    Raises InputError when a place that must never be asked with credentials has some in its URL.
    """
    if world.keychain is None:
        data = world.project_data_if_there()
        project = read_project(data, world.project_file) if data is not None else None
        provider = world.network.get("keyring_provider") or (project.keyring_provider if project else None)
        keyring = None
        if provider == "subprocess":
            keyring = Keyring(shutil.which("keyring", path=world.search_path), world.events)
        world.keychain = Keychain(
            _places(world, project), netrc_file=world.network.get("netrc_file"), ask_keyring=keyring
        )
    return world.keychain


def use_secrets(world: World, urls: Iterable[str]) -> bool:
    """Let user names and passwords in URLs of the command line serve this command; whether there are any."""
    found = [url for url in (url.removeprefix("git+") for url in urls) if split_credentials(url)[1] is not None]
    for url in found:
        if url not in world.credential_urls:
            world.credential_urls = (*world.credential_urls, url)
            if world.keychain is not None:
                world.keychain.add(Access(url))
    return bool(found)


def _places(world: World, project: Project | None) -> Iterator[Access]:
    for text in (*world.indexes, world.default_index or ""):
        name, url = split_name(text)
        yield _access(name, url, "auto", world)
    for url in (*world.find_links, *world.credential_urls, default_url()):
        yield _direct(url)
    if project is None:
        return
    yield from _places_of_project(project, world)
    if project.workspace is not None:
        for member in members_of(world.directory, project.workspace, project.name).all:
            yield from _places_of_project(member.project, world)


def _places_of_project(project: Project, world: World) -> Iterator[Access]:
    for index in project.indexes:
        authenticate = cast(Authenticate, index.authenticate)
        yield _access(index.name, index.url, authenticate, world)
    for place in project.find_links:
        yield _direct(place)
    for line in chain(
        project.dependencies,
        *project.extras.values(),
        *project.groups.values(),
        project.constraints,
        project.overrides,
    ):
        if line.requirement.url:
            yield _direct(line.requirement.url)
    for rule in chain(*project.sources.values()):
        if rule.kind in ("git", "url"):
            yield _direct(rule.place)


def _direct(url: str) -> Access:
    return Access(url.removeprefix("git+"))


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
