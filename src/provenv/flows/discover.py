"""Finds the name of a package that only its place can tell: by looking there, and by building as the last resort."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from email.parser import BytesHeaderParser
from urllib.parse import unquote, urldefrag, urlsplit

from packaging.utils import canonicalize_name

from provenv.build.static import archive_metadata
from provenv.errors import InputError, UsageError
from provenv.flows.credentials import use_secrets
from provenv.flows.world import World
from provenv.index.local import url_of_path
from provenv.model.artifact import Artifact
from provenv.model.wish import ARCHIVES, Wish
from provenv.net.secrets import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from provenv.flows.sources import Sources

__all__ = ["package_of"]


def package_of(world: World, wish: Wish, rule: Mapping[str, object], directory: str) -> str:
    """The name of the package in a place, normalised; ``rule`` is the place as a source, relative to ``directory``.

    Raises UsageError when nothing there tells it, InputError, Unavailable and BuildError.
    """
    name = None
    if "path" in rule:
        path = os.path.abspath(os.path.join(directory, str(rule["path"])))
        if os.path.isdir(path):
            name = _stated(path) or _built(world, wish, path, lambda: nullcontext(path))
        elif path.lower().endswith(ARCHIVES):
            name = _of_archive(world, wish, url_of_path(path), None)
    elif "url" in rule:
        use_secrets(world, [wish.place or ""])
        name = _of_archive(world, wish, urldefrag(str(rule["url"])).url, _text(rule, "subdirectory"))
    elif "git" in rule:
        use_secrets(world, [wish.place or ""])
        name = _of_repository(world, wish, rule)
    if name is not None:
        return name
    raise UsageError(
        f"`{redact(wish.text)}` does not tell the name of its package",
        hint=f"write it as `name @ {redact(wish.place or '')}`",
    )


def _text(rule: Mapping[str, object], key: str) -> str | None:
    value = rule.get(key)
    return value if isinstance(value, str) else None


def _of_repository(world: World, wish: Wish, rule: Mapping[str, object]) -> str | None:
    from provenv.flows.repositories import copied_tree, laid_out, repositories

    url = str(rule["git"])
    rev = _text(rule, "rev") or _text(rule, "tag") or _text(rule, "branch")
    commit = repositories(world).commit(url, rev)
    top, project = laid_out(world, url, commit, rev, _text(rule, "subdirectory"))
    return _stated(project) or _built(world, wish, commit, lambda: copied_tree(top, project))


def _of_archive(world: World, wish: Wish, url: str, subdirectory: str | None) -> str | None:
    """Of an archive whose file name says nothing: by what is in it."""
    if not world.has_project:
        return None
    sources = _sources(world)
    artifact = Artifact(filename=unquote(urlsplit(url).path).rpartition("/")[2], url=url)
    if not artifact.filename.lower().endswith(ARCHIVES):
        return None
    data = None
    if subdirectory is None:
        data = archive_metadata(sources.archive(artifact), version="0", filename=artifact.filename)
    if data is not None:
        return _name_in(data)
    with sources.unpacked(artifact, subdirectory) as place:
        return _stated(place) or _built(world, wish, url, lambda: nullcontext(place))


def _stated(directory: str) -> str | None:
    """The name that a directory's project file states."""
    file = os.path.join(directory, "pyproject.toml")
    try:
        with open(file, "rb") as opened:
            document = tomllib.load(opened)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(file, f"cannot be read: {error}") from error
    project = document.get("project")
    name = project.get("name") if isinstance(project, dict) else None
    return str(canonicalize_name(name)) if isinstance(name, str) else None


def _built(world: World, wish: Wish, which: str, tree: Callable[[], AbstractContextManager[str]]) -> str | None:
    """The name that a build tells. It is asked once; so what comes of it is kept for this moment only."""
    if not world.has_project:
        return None
    subject = os.path.basename((wish.place or "").partition("#")[0].rstrip("/")) or "package"
    origin = (("place", which), ("moment", str(world.now)))
    return _name_in(_sources(world).built_metadata(subject, None, origin, tree))


def _sources(world: World) -> Sources:
    from provenv.flows.aim import aim
    from provenv.flows.builds import build_interpreter
    from provenv.flows.sources import Sources

    aimed = aim(world)
    return Sources(world, aimed, build_interpreter(world, aimed))


def _name_in(metadata: bytes) -> str | None:
    name = BytesHeaderParser().parsebytes(metadata)["Name"]
    return str(canonicalize_name(name)) if name else None
