"""Where a project looks for packages, in the order it looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from provenv.errors import InputError, UsageError
from provenv.flows.world import World
from provenv.index.location import Location, default_url, location_from, split_name
from provenv.model.project import IndexSource, Project

__all__ = ["Place", "locations_of"]

Place: TypeAlias = tuple[str, str, str, bool, tuple[int, ...]]


def locations_of(world: World, project: Project, members: Sequence[Project] = ()) -> list[Place]:
    """The command line's indexes, the project's, the default one; then flat places.

    Of the members of a workspace the named indexes count, for what their own rules pin to them.

    An index of the command line stands for one of the project that has its name. User names and passwords are left
    out: an aim is kept on disk. ``network`` reads them when it connects. Raises InputError or UsageError.
    """
    return list(_places(world, project, members))


def _places(world: World, project: Project, members: Sequence[Project]) -> Iterator[Place]:
    named = [split_name(text) for text in world.indexes]
    default_name, default_place = split_name(world.default_index or "")
    for url in (*(url for _, url in named), *filter(None, [default_place]), *world.find_links):
        try:
            location_from(url, directory=world.directory)
        except InputError as error:
            raise UsageError(error.message, hint="this was given on the command line or in a variable") from error
    default: IndexSource | None = None
    if default_place:
        default = IndexSource(name=default_name, url=default_place, is_default=True)
    others = [IndexSource(name=name, url=url) for name, url in named]
    given = {name for name, _ in named if name}
    for index in project.indexes:
        if index.is_default:
            default = default or index
        elif index.name not in given:
            others.append(index)
    given |= {index.name for index in project.indexes if index.name}
    for index in (index for member in members for index in member.indexes):
        if index.name and index.name not in given:
            given.add(index.name)
            others.append(replace(index, is_default=False, is_explicit=True))
    default = default or IndexSource(name=None, url=default_url(), is_default=True)
    if project.has_index and world.has_index:
        for index in (*others, default):
            name = index.name or ("default" if index.is_default else None)
            yield _plain(
                location_from(
                    index.url,
                    directory=world.directory,
                    name=name,
                    kind="flat" if index.is_flat else "simple",
                    is_explicit=index.is_explicit,
                    ignored_statuses=frozenset(index.ignored_statuses),
                )
            )
    for place in (*world.find_links, *project.find_links):
        yield _plain(location_from(place, directory=world.directory, kind="flat"))


def _plain(location: Location) -> Place:
    statuses = tuple(sorted(location.ignored_statuses))
    return location.name, location.url, location.kind, location.is_explicit, statuses
