"""Sees to it that no request goes to a host that the project does not name, whatever its lock says.

A lock is a long file that people seldom read. Somebody who changes an address in it, and the hash beside it, could have
any code installed. So files come from where the project's indexes are, from where these indexes say that their files
are, and from where its direct references lead; from nowhere else. A lock without a project is its own authority: then
the indexes that it names take the place of the project's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from provenv.errors import InputError
from provenv.flows.aim import aim
from provenv.flows.aimed import Aim
from provenv.flows.memory import digest, recall, remember
from provenv.flows.world import World
from provenv.model.plan import Unbuilt, Wanted
from provenv.net.secrets import origin_of

if TYPE_CHECKING:
    from provenv.flows.network import Place
    from provenv.index.page import Page

__all__ = ["check_places"]

_Origin = tuple[str, str, int]


def check_places(world: World, items: Iterable[Wanted | Unbuilt]) -> None:
    """Raise InputError for the first file or repository at a place that nobody named.

    An index is asked once for the page of a package, when it keeps its files on another host; that is remembered.
    Raises Unavailable when it cannot be asked.
    """
    remote = [(item, origin_of(item.url)) for item in items if item.url is not None and not _is_local(item.url)]
    if not remote or world.is_offline:
        return
    places = _Places(world)
    for item, origin in remote:
        if origin not in places.named and not places.is_found(item, origin):
            scheme, host, port = origin
            raise InputError(
                f"{world.lock_file}: {item.name}",
                f"its files are at {scheme}://{host}:{port}, which neither the project nor one of its indexes names; "
                "nothing was asked for there",
                hint="run `provenv lock` to write the right addresses; if this one is right, name it in the project",
            )


def _is_local(url: str) -> bool:
    return "://" not in url or url[:5].lower() == "file:"


class _Places:
    """What the project names, and what its indexes and references say in turn."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._aimed: Aim | None = aim(world) if world.has_project else None
        self._locations: Sequence[Place] = self._aimed["locations"] if self._aimed else _of_lock(world)
        self.named = {origin_of(url) for _, url, *_ in self._locations}
        self.named |= {origin_of(url.removeprefix("git+")) for url in world.credential_urls}
        self.named |= {origin_of(url) for url in self._references()}
        self._key = digest([tuple(place[:3]) for place in self._locations])
        known: list[_Origin] = recall(world.cache, "file-hosts", self._key) or []
        self.named |= set(known)
        self._learnt = set(known)
        self._is_followed = False

    def _references(self) -> Iterator[str]:
        for target in self._aimed["targets"] if self._aimed else ():
            yield from (one["url"] for one in target["references"].values())
            for forked in target["forked"].values():
                yield from (one["url"] for one in forked.values() if not isinstance(one, str))

    def is_found(self, item: Wanted | Unbuilt, origin: _Origin) -> bool:
        """Whether an index keeps files there, or what the project refers to refers there in turn."""
        is_direct = item.direct_url is not None if isinstance(item, Wanted) else item.kind != "sdist"
        if not is_direct:
            return self._is_of_index(item, origin)
        if self._aimed is None:
            return True  # a lock alone: its direct references are what it is about
        self._follow_references(self._aimed)
        return origin in self.named

    def _is_of_index(self, item: Wanted | Unbuilt, origin: _Origin) -> bool:
        if not self._locations:
            return False
        pinned: dict[str, str] = {}
        is_combined = self._aimed is None
        if self._aimed is not None:
            is_combined = self._aimed["policy"]["index_strategy"] != "first-index"
            for target in self._aimed["targets"]:
                pinned.update(target["pinned"])
        from provenv.flows.network import catalog

        doors = catalog(self._world, self._locations, pinned, is_combined=is_combined)
        try:
            page = doors.page(item.name)
            found = page is not None and _has_files_at(page, origin)
        finally:
            doors.close()
        if found:
            self.named.add(origin)
            self._learnt.add(origin)
            remember(self._world.cache, "file-hosts", self._key, sorted(self._learnt))
        return found

    def _follow_references(self, aimed: Aim) -> None:
        if not self._is_followed:
            from provenv.flows.solving import prepared_references

            self._is_followed = True
            for target in aimed["targets"]:
                for prepared in prepared_references(self._world, aimed, target, {}).values():
                    self.named |= {origin_of(url) for url in _urls(prepared.table)}


def _urls(table: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    yield from (source["url"] for source in table.values() if "url" in source)


def _has_files_at(page: Page, origin: _Origin) -> bool:
    """The newest files stand last on most pages."""
    return any(origin_of(page.artifact(number).url) == origin for number in reversed(range(len(page.filenames))))


def _of_lock(world: World) -> list[Place]:
    """The indexes that a lock without a project names."""
    from provenv.lockfile.read import parse

    data = world.lock_data_if_there()
    packages = parse(data, world.lock_file)["packages"] if data is not None else []
    urls = dict.fromkeys(f"{package['index'].rstrip('/')}/" for package in packages if "index" in package)
    return [(url, url, "simple", False, ()) for url in urls]
