"""Opens the repositories of this computer's cache for a command."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from provenv.build.static import static_metadata
from provenv.errors import InputError
from provenv.flows.credentials import keychain
from provenv.flows.world import World
from provenv.git.program import Git
from provenv.git.repositories import Repositories

__all__ = ["below", "copied_tree", "laid_out", "repositories"]

#: A keychain is for one thread at a time.
_ONE_AT_A_TIME = Lock()


def repositories(world: World) -> Repositories:
    """The repositories of a command; the same for all who ask."""
    if "repositories" not in world.prepared:
        store = world.store()
        world.prepared["repositories"] = Repositories(
            os.path.join(world.cache, "git"),
            Git(world.variables, world.search_path, world.events),
            guard=lambda key, what: store.guard(key, world.events, what),
            credentials=lambda url: _credentials(world, url),
            is_offline=world.is_offline,
        )
    found = world.prepared["repositories"]
    assert isinstance(found, Repositories), "nobody else keeps something under this name"
    return found


def _credentials(world: World, url: str) -> tuple[str, str] | None:
    """What the user told us and not git: a user name and a password in the URL of the requirement."""
    if not url.startswith(("http:", "https:")):
        return None
    with _ONE_AT_A_TIME:
        return keychain(world).credentials(url)


def laid_out(world: World, url: str, commit: str, rev: str | None, subdirectory: str | None) -> tuple[str, str]:
    """The top of the files of a commit, and the project in it. Raises InputError and Unavailable.

    A project that does not say its version may ask git for it: then the tags are there, too.
    """
    there = repositories(world)
    top = there.tree(url, commit, rev=rev)
    project = below(top, subdirectory, url)
    _check_links(top, project, url)
    if static_metadata(project) is None:
        top = there.tree(url, commit, rev=rev, has_history=True)
        project = below(top, subdirectory, url)
    return top, project


def _check_links(top: str, project: str, url: str) -> None:
    """What is read here, and not by a build, is the repository's own: a link may not lead to other files."""
    inside = os.path.realpath(top)
    for name in ("pyproject.toml", "setup.py", "setup.cfg"):
        path = os.path.join(project, name)
        if os.path.islink(path) and os.path.commonpath([inside, os.path.realpath(path)]) != inside:
            raise InputError(url, f"its `{name}` is a link that leads out of the repository")


def below(top: str, subdirectory: str | None, where: str) -> str:
    """A directory below another. Raises InputError when it is none, or lies outside."""
    if not subdirectory:
        return top
    place = os.path.realpath(os.path.join(top, subdirectory))
    if os.path.commonpath([os.path.realpath(top), place]) != os.path.realpath(top) or not os.path.isdir(place):
        raise InputError(where, f"it holds no directory `{subdirectory}`")
    return place


@contextmanager
def copied_tree(top: str, project: str) -> Iterator[str]:
    """A copy of the project in a tree that nobody may change, for a build that writes beside its sources."""
    with tempfile.TemporaryDirectory(prefix="provenv-", ignore_cleanup_errors=True) as directory:
        place = os.path.join(directory, "tree")
        shutil.copytree(top, place, symlinks=True)
        yield os.path.normpath(os.path.join(place, os.path.relpath(project, os.path.realpath(top))))
