"""Environments for builds: resolved by our own solver, installed from our own store, made once for one set of wheels.

A build requirement that is offered only as a source is built first, in a workroom of its own: the stack of what is
being built goes along, so that a loop is seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement

import provenv
from provenv.errors import BuildError, NoSolution
from provenv.events import Events
from provenv.flows.aimed import Aim, Policy
from provenv.flows.built import built
from provenv.flows.layer import light_environment
from provenv.flows.memory import digest, recall, remember
from provenv.flows.network import ONE_AT_A_TIME
from provenv.flows.parse_aim import words_aim
from provenv.flows.solving import solve_target
from provenv.flows.sources import PACKAGES, Sources
from provenv.flows.world import World
from provenv.lockfile.merge import Chosen
from provenv.model.artifact import Artifact, FileRow
from provenv.model.machine import Interpreter
from provenv.model.plan import Unbuilt, Wanted
from provenv.universe.rows import Needs, rows_of_requirement

__all__ = ["Rooms"]

_HEARD = ("build", "download")


class Rooms:
    """The workroom of a project: looks where the project looks, and heeds its build constraints."""

    def __init__(self, world: World, aimed: Aim, interpreter: Interpreter) -> None:
        self._world = world
        self._aimed = aimed
        self._interpreter = interpreter

    @contextmanager
    def __call__(self, requirements: Sequence[str], stack: tuple[str, ...]) -> Iterator[str]:
        """An environment with ``requirements``; see ``build.builder.Workroom``."""
        # Building itself goes on side by side.
        with ONE_AT_A_TIME:
            directory = self._environment(requirements, stack)
        yield directory

    def _environment(self, requirements: Sequence[str], stack: tuple[str, ...]) -> str:
        world = self._world.inside(stack, self._interpreter)
        world.events = _Muffled(self._world.events)
        wanted = self._wanted(world, requirements, stack) if requirements else []
        root = light_environment(world, wanted, self._interpreter, None, "build")
        note = os.path.join(root, PACKAGES)
        if not os.path.exists(note):
            with open(note, "w", encoding="utf-8") as file:
                file.writelines(f"{item.name}=={item.version} sha256:{item.sha256}\n" for item in wanted)
        return root

    def _wanted(self, world: World, requirements: Sequence[str], stack: tuple[str, ...]) -> list[Wanted]:
        aimed = self._aim(world, requirements, stack)
        target = aimed["targets"][0]
        try:
            packages, _ = solve_target(world, aimed, target, {}, is_optional=True)
        except NoSolution as failure:
            story = failure.message.partition("\n\n")[2] or failure.message
            story = story.replace("your project", f"the build of {stack[-1]}").replace("\n", "\n    ")
            raise BuildError(
                stack[-1],
                f"what its build needs cannot be had\n    {story}",
                stack=stack[:-1],
                hint=failure.hint,
            ) from failure
        sources = Sources(world, aimed, self._interpreter)
        return [self._as_wanted(world, sources, name, chosen) for name, chosen in sorted(packages.items())]

    def _as_wanted(self, world: World, sources: Sources, name: str, chosen: Chosen) -> Wanted:
        """A chosen build requirement as a wheel: what has none is built, deeper in."""
        version = chosen.version or ""
        if chosen.source is not None:
            item = _item(name, chosen.version, chosen.source)
            if isinstance(item, Unbuilt):
                item = built(world, [item], self._interpreter, self._aimed["policy"], runtime={})[0]
            return item
        filename, url, hashes, size, _ = chosen.files[0]
        if filename.endswith(".whl"):
            return Wanted(
                name=name,
                version=version,
                filename=filename,
                sha256=dict(hashes)["sha256"],
                url=url,
                size=size,
                is_lax=name in self._aimed["policy"]["lax_archives"],
            )
        made = sources.wheel(_artifact(chosen.files[0]), name, version)
        return Wanted(name=name, version=version, filename=made.filename, sha256=made.sha256, size=made.size)

    def _aim(self, world: World, requirements: Sequence[str], stack: tuple[str, ...]) -> Aim:
        """What a build needs, aimed at its interpreter; remembered, as for the same words it is the same."""
        texts = [*dict.fromkeys(requirements)]
        interpreter = self._interpreter
        policy = _policy(self._aimed["policy"])
        key = digest(
            provenv.__version__, texts, world.directory, self._aimed["locations"], self._aimed["index_key"], policy,
            interpreter.markers, interpreter.libc, interpreter.soabi_flags, self._pinned(),
        )  # fmt: skip
        known: Aim | None = recall(world.cache, "rooms", key)
        if known is None:
            known = self._understood(world, texts, policy, stack)
            remember(world.cache, "rooms", key, known)
        return known

    def _understood(self, world: World, texts: Sequence[str], policy: Policy, stack: tuple[str, ...]) -> Aim:
        for text in texts:
            try:
                Requirement(text)
            except InvalidRequirement as error:
                problem = f"its build needs `{text}`, which is not a requirement: {str(error).splitlines()[0]}"
                raise BuildError(stack[-1], problem, stack=stack[:-1]) from error
        aimed = words_aim(world, texts, self._interpreter)
        aimed["locations"], aimed["index_key"] = self._aimed["locations"], self._aimed["index_key"]
        aimed["policy"] = policy
        target = aimed["targets"][0]
        target["pinned"] = self._pinned()
        # Where a requirement stands matters to nobody here: a failure tells the whole story of one package.
        target["rows"] = [(row, "build requirement", section) for row, _, section in target["rows"]]
        needs = Needs(target["environment"])
        target["constraints"] = [
            (rows_of_requirement(requirement, ""), "tool.provenv.build-constraint-dependencies")
            for requirement in map(Requirement, policy["build_constraints"])
            if requirement.marker is None or needs.holds(requirement.marker)
        ]
        return aimed

    def _pinned(self) -> dict[str, str]:
        """Packages that come from one index only: the same for builds as for the project."""
        targets = self._aimed["targets"]
        return dict(targets[0]["pinned"]) if targets else {}


class _Muffled(Events):
    """Passes on what a person waits for; that a build needs a resolution and an environment is no news."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def started(self, phase: str, total: int | None = None) -> None:
        if phase in _HEARD:
            self._events.started(phase, total)

    def expected(self, phase: str, amount: int) -> None:
        if phase in _HEARD:
            self._events.expected(phase, amount)

    def advanced(self, phase: str, amount: int, subject: str = "") -> None:
        if phase in _HEARD:
            self._events.advanced(phase, amount, subject)

    def finished(self, phase: str) -> None:
        if phase in _HEARD:
            self._events.finished(phase)

    def waiting(self, what: str) -> None:
        self._events.waiting(what)

    def warned(self, message: str) -> None:
        self._events.warned(message)

    def noted(self, message: str) -> None:
        self._events.noted(message)


def _policy(policy: Policy) -> Policy:
    """How build requirements are chosen: the newest stable ones, whatever the project itself wants."""
    return Policy(**{**policy, "resolution": "highest", "prerelease": "if-necessary-or-explicit"})


def _item(name: str, version: str | None, source: Mapping[str, Any]) -> Wanted | Unbuilt:
    """A direct reference, by its table of PEP 751."""
    ((kind, table),) = source.items()
    url, path, subdirectory = table.get("url"), table.get("path"), table.get("subdirectory")
    sha256 = table.get("hashes", {}).get("sha256")
    filename = unquote(urlsplit(url).path if url else path).rpartition("/")[2]
    if kind == "archive" and filename.endswith(".whl"):
        return Wanted(
            name=name,
            version=version or "",
            filename=filename,
            sha256=sha256,
            url=url,
            path=path,
            size=table.get("size"),
        )
    return Unbuilt(
        name=name,
        kind="git" if kind == "vcs" else kind,
        version=version,
        url=url,
        path=path,
        commit=table.get("commit-id"),
        revision=table.get("requested-revision"),
        subdirectory=subdirectory,
        sha256=sha256,
        size=table.get("size"),
    )


def _artifact(row: FileRow) -> Artifact:
    filename, url, hashes, size, upload_time = row
    return Artifact(filename=filename, url=url, hashes=hashes, size=size, upload_time=upload_time)
