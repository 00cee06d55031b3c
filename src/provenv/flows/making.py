"""Builds what the lock has only as a source: the slow half of ``built``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from typing import Any

from packaging.version import Version

from provenv.build.process import stop_builds_until
from provenv.errors import InputError
from provenv.flows.aim import aim
from provenv.flows.built_places import places_of
from provenv.flows.fingerprint import fingerprint
from provenv.flows.leads import archive_of
from provenv.flows.named_places import check_places
from provenv.flows.repositories import copied_tree, laid_out
from provenv.flows.sources import Sources
from provenv.flows.world import World
from provenv.index.local import url_of_path
from provenv.model.machine import Interpreter
from provenv.model.plan import Unbuilt, Wanted
from provenv.store.built import Built
from provenv.wheel.filename import WheelName

__all__ = ["make"]

_SIDE_BY_SIDE = 4


def make(
    world: World,
    items: Sequence[Unbuilt],
    interpreter: Interpreter,
    runtime: Mapping[str, str],
    *,
    alone: Sequence[bool],
) -> list[Wanted]:
    """A wheel of each item; one of ``alone`` is built after all others, one by one."""
    check_places(world, items)
    sources = Sources(world, aim(world), interpreter)
    making = _Making(world, sources, runtime)
    together = [item for item, is_alone in zip(items, alone, strict=True) if not is_alone]
    found = dict(zip(together, _side_by_side(making.wheel, together), strict=True))
    return [found[item] if item in found else making.wheel(item) for item in items]


def _side_by_side(work: Callable[[Unbuilt], Wanted], items: Sequence[Unbuilt]) -> list[Wanted]:
    """Work on several items at a time; after the first failure nothing more is begun."""
    if len(items) < 2:
        return [work(item) for item in items]
    workers = min(_SIDE_BY_SIDE, len(items), max(2, os.cpu_count() or 1))
    pool = ThreadPoolExecutor(workers)
    futures: list[Future[Wanted]] = [pool.submit(work, item) for item in items]
    try:
        for future in as_completed(futures):
            future.result()
        return [future.result() for future in futures]
    except BaseException:
        # The first failure, or an interrupt: nobody waits an hour for a build whose wheel nobody will take.
        pool.shutdown(wait=False, cancel_futures=True)
        stop_builds_until(lambda: all(one.done() for one in futures))
        raise
    finally:
        pool.shutdown()


class _Making:
    """Builds single items."""

    def __init__(self, world: World, sources: Sources, runtime: Mapping[str, str]) -> None:
        self._world = world
        self._sources = sources
        self._runtime = runtime

    def wheel(self, item: Unbuilt) -> Wanted:
        """The wheel of an item. Raises BuildError, InputError, Unavailable, IntegrityError."""
        direct: dict[str, Any] | None
        if item.kind == "directory":
            made, direct = self._of_directory(item)
        elif item.kind == "git":
            made, direct = self._of_repository(item)
        else:
            made, direct = self._of_archive(item)
        return Wanted(
            name=item.name,
            version=str(WheelName.from_filename(made.filename).version),
            filename=made.filename,
            sha256=made.sha256,
            size=made.size,
            is_requested=item.is_requested,
            is_lax=item.is_lax,
            direct_url=None if direct is None else json.dumps(direct, sort_keys=True),
        )

    def _of_directory(self, item: Unbuilt) -> tuple[Built, dict[str, Any]]:
        world = self._world
        top, directory = places_of(world, item)
        if not os.path.isdir(directory):
            raise InputError(
                f"{world.lock_file}: {item.name}",
                f"the directory {directory} is not there",
                hint="a project beside this one must lie where it lay when the lock was made",
            )
        stamp = fingerprint(world.cache, directory, world.variables, has_all_files=not item.is_editable)
        made = self._sources.built(
            item.name,
            None,
            (("directory", directory), ("files", stamp)),
            lambda: nullcontext(directory),
            runtime=self._runtime,
            is_editable=item.is_editable,
        )
        info = {"editable": True} if item.is_editable else {}
        return made, {"url": url_of_path(top), "dir_info": info, **_within(item)}

    def _of_repository(self, item: Unbuilt) -> tuple[Built, dict[str, Any]]:
        url = item.url or url_of_path(os.path.normpath(os.path.join(self._world.directory, item.path or "")))
        commit, subdirectory = item.commit or "", item.subdirectory
        top, project = laid_out(self._world, url, commit, item.revision, subdirectory)
        made = self._sources.built(
            item.name,
            # The commit is what is locked. The version may come from a tag that somebody put on it since, or took away.
            None,
            (("commit", commit), *([("subdirectory", subdirectory)] if subdirectory else [])),
            lambda: copied_tree(top, project),
            runtime=self._runtime,
        )
        version = WheelName.from_filename(made.filename).version
        if item.version is not None and version != Version(item.version):
            self._world.events.warned(
                f"{item.name} is {version} here and {item.version} in the lock, from the same commit: its version "
                "comes from git tags, or from a variable"
            )
        info = {"vcs": "git", "commit_id": commit}
        if item.revision:
            info["requested_revision"] = item.revision
        return made, {"url": url, "vcs_info": info, **_within(item)}

    def _of_archive(self, item: Unbuilt) -> tuple[Built, dict[str, Any] | None]:
        url = item.url or url_of_path(os.path.normpath(os.path.join(self._world.directory, item.path or "")))
        artifact = archive_of(url, item.sha256, size=item.size)
        made = self._sources.wheel(
            artifact, item.name, item.version, runtime=self._runtime, subdirectory=item.subdirectory
        )
        if item.kind == "sdist":
            return made, None
        info = {"hash": f"sha256={item.sha256}", "hashes": {"sha256": item.sha256}}
        return made, {"url": url, "archive_info": info, **_within(item)}


def _within(item: Unbuilt) -> dict[str, str]:
    return {"subdirectory": item.subdirectory} if item.subdirectory else {}
