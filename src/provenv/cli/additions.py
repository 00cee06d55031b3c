"""What the words of ``provenv add`` ask for."""

from __future__ import annotations

import os
from collections.abc import Mapping

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from provenv.cli.words import Words
from provenv.errors import UsageError
from provenv.flows.edit import Addition, Place
from provenv.flows.edits import Manner
from provenv.flows.wishes import Wishes, read_wishes, wishes_of_words
from provenv.flows.world import World
from provenv.index.location import split_name

__all__ = ["addition_of"]


def addition_of(words: Words, world: World, place: Place, variables: Mapping[str, str]) -> Addition:
    """Everything that is to be added. Raises UsageError, and InputError for what a file says."""
    here = os.getcwd()
    asked = read_wishes(words.requirements, here, variables)
    bounds = read_wishes(words.constraints, here, variables, are_constraints=True)
    if not words.packages and not asked.needs:
        raise UsageError("nothing to add is given", hint="for example `provenv add numpy` or `provenv add -r FILE`")
    _check(words)
    _warn(asked, world)
    return Addition(
        wishes=(*wishes_of_words(words.packages), *asked.needs),
        place=place,
        manner=Manner(
            is_raw=words.raw,
            is_editable=True if words.editable else False if words.no_editable else None,
            is_in_workspace=words.workspace,
            rev=words.rev,
            tag=words.tag,
            branch=words.branch,
            extras=tuple(str(canonicalize_name(name)) for name in words.extra),
            marker=words.marker,
            bounds=words.bounds,
        ),
        here=here,
        constraints=(*asked.constraints, *bounds.constraints),
        indexes=tuple(_located(text, here) for text in (*words.index, *asked.values("extra-index-url"))),
        default_index=_located(words.default_index or _last(asked, "index-url"), here) or None,
        is_frozen=words.frozen,
    )


def _check(words: Words) -> None:
    if words.marker is not None:
        try:
            Marker(words.marker)
        except InvalidMarker as error:
            raise UsageError(f"--marker: `{words.marker}` is not a marker: {str(error).splitlines()[0]}") from error


def _warn(asked: Wishes, world: World) -> None:
    """Say which options of a requirements file have no effect here."""
    for option in asked.options:
        if option.name not in ("extra-index-url", "index-url", "require-hashes"):
            world.events.warned(f"{option.where}: `--{option.name}` is not taken over into the project")


def _last(asked: Wishes, name: str) -> str:
    return (*asked.values(name), "")[-1]


def _located(text: str, here: str) -> str:
    """An index of the command line: a path is one from here."""
    name, url = split_name(text)
    if not url or "://" in url:
        return text
    path = os.path.join(here, os.path.expanduser(url))
    return path if name is None else f"{name}={path}"
