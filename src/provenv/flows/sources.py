"""What source archives and trees need, and the wheels that they become: read where possible, else built, once.

Three places tell what a source needs, in this order: ``dependency-metadata`` of the project, what the source says
without being built, and a build. Whatever was found is kept: by the hash of the archive, and for what was built by
everything that decides a build.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from provenv.build.builder import Builder, Options, Workroom, check_loop
from provenv.build.source import unpack_source
from provenv.build.static import archive_metadata, metadata_of_table, static_metadata
from provenv.errors import BuildError, InputError
from provenv.flows.aimed import Aim
from provenv.flows.memory import digest, recall, remember
from provenv.flows.network import ONE_AT_A_TIME, door
from provenv.flows.world import World
from provenv.model.artifact import Artifact
from provenv.model.machine import Interpreter
from provenv.store.built import Built, find_built, keep_built
from provenv.universe.rows import headers_of
from provenv.wheel.filename import WheelName

__all__ = ["PACKAGES", "Sources", "Tree"]

PACKAGES = "packages.txt"
"""The file of a build's environment that lists what is in it."""

Tree = Callable[[], AbstractContextManager[str]]
"""Gives the directory of a source tree, for the length of a ``with`` block."""

_LONGEST_LOOK = 16 << 20
"""Bytes of content in which a source archive states what it needs, if at all: nearly all have that at the begin."""
_FORMAT = 1
"""Of what is remembered; another number forgets it."""


class Sources:
    """The sources of one command. Methods may be called from several threads; all raise BuildError.

    ``interpreter`` builds, and decides with its platform what a build makes.
    """

    def __init__(self, world: World, aimed: Aim, interpreter: Interpreter) -> None:
        self._world = world
        self._aimed = aimed
        self._policy = aimed["policy"]
        self._interpreter = interpreter
        self._stack = world.building[0] if world.building is not None else ()

    # -- archives -----------------------------------------------------------------------------------------

    def metadata(self, artifact: Artifact, name: str, version: str) -> bytes:
        """METADATA of a source archive of an index."""
        declared = self.declared(name, version)
        if declared is not None:
            return declared
        identity = artifact.sha256 or artifact.url
        key = digest(_FORMAT, "static", identity, version)
        known: tuple[bytes | None] | None = recall(self._world.cache, "source-metadata", key)
        if known is None:
            path = self.archive(artifact)
            # One that says nothing so far is unpacked in any case: no need to look through its end twice.
            metadata = archive_metadata(path, version=version, filename=artifact.filename, most=_LONGEST_LOOK)
            known = (metadata,)
            remember(self._world.cache, "source-metadata", key, known)
        if known[0] is not None and _is_of(known[0], name, version):
            return known[0]
        return self.built_metadata(
            name,
            version,
            _origin(artifact),
            lambda: self.unpacked(artifact, package=name),
            stated=lambda directory: static_metadata(directory, is_release=True, version=version),
        )

    def wheel(
        self,
        artifact: Artifact,
        name: str,
        version: str | None,
        *,
        runtime: Mapping[str, str] | None = None,
        subdirectory: str | None = None,
    ) -> Built:
        """The wheel that a source archive becomes, in the store. ``runtime``: the locked versions of all packages."""
        return self.built(
            name,
            version,
            (*_origin(artifact), *([("subdirectory", subdirectory)] if subdirectory else [])),
            lambda: self.unpacked(artifact, subdirectory, package=name),
            runtime=runtime,
        )

    @contextmanager
    def unpacked(
        self, artifact: Artifact, subdirectory: str | None = None, *, package: str | None = None
    ) -> Iterator[str]:
        """The tree of a source archive, in a directory that goes with the block. It may be sloppy only where the
        project lets archives of ``package`` be.
        """
        path = self.archive(artifact)
        with tempfile.TemporaryDirectory(prefix="provenv-", ignore_cleanup_errors=True) as directory:
            top = unpack_source(
                path,
                directory,
                filename=artifact.filename,
                package=package,
                is_lax=package in self._policy["lax_archives"],
            )
            yield _below(top, subdirectory, artifact.filename)

    def archive(self, artifact: Artifact) -> str:
        """The path of an archive in the store; it is fetched, and checked against its hash, when it is not there."""
        world = self._world
        store = world.store()
        sha256 = artifact.sha256 or recall(world.cache, "archives", digest(artifact.url))
        if sha256 is None or store.blob(sha256) is None:
            with ONE_AT_A_TIME:
                sha256 = self._fetched(artifact)
        path = store.blob(sha256)
        assert path is not None, "what was received is there"
        return path

    def _fetched(self, artifact: Artifact) -> str:
        world = self._world
        world.events.started("download", artifact.size)
        receiver = world.store().receive(
            sha256=artifact.sha256, size=artifact.size, subject=artifact.filename, events=world.events
        )
        with receiver:
            if not receiver.is_present:
                doors = door(world, self._aimed["locations"])
                doors.download(artifact, receiver.write, restart=receiver.restart).result()
        world.events.finished("download")
        if artifact.sha256 is None:
            remember(world.cache, "archives", digest(artifact.url), receiver.sha256)
        return receiver.sha256

    # -- trees --------------------------------------------------------------------------------------------

    def declared(self, name: str, version: str | None) -> bytes | None:
        """METADATA as ``dependency-metadata`` of the project states it: for this version, else for all versions."""
        tables = [table for table in self._policy["metadata"] if canonicalize_name(table["name"]) == name]
        exact = [table for table in tables if _is_same_version(table.get("version"), version)]
        for table in (*exact, *(table for table in tables if "version" not in table)):
            return metadata_of_table(
                name,
                version or table.get("version") or "0",
                requires=table.get("requires-dist", ()),
                provides=table.get("provides-extra", ()),
                requires_python=table.get("requires-python"),
            )
        return None

    def built_metadata(
        self,
        name: str,
        version: str | None,
        origin: Sequence[tuple[str, str]],
        tree: Tree,
        *,
        stated: Callable[[str], bytes | None] = lambda directory: None,
    ) -> bytes:
        """METADATA of a tree by building, remembered under ``origin``: what the tree is, as ``(what, which)`` pairs.

        Nothing is built where the directory, once it is there, has it ``stated``. A backend that has to make the whole
        wheel for it does so once: ``built`` finds it.
        """
        options = self.options(name, {})
        made = self._key(name, version, origin, options, {}, is_editable=False)
        key = digest(_FORMAT, "built", made)
        known: bytes | None = recall(self._world.cache, "source-metadata", key)
        if known is None:
            self._check_may_build(name, version)
            store, room = self._world.store(), self._room()
            with tree() as directory:
                known = stated(directory)
                if known is None or version is None or not _is_of(known, name, version):
                    known = self._builder(room).metadata(
                        directory,
                        _subject(name, version),
                        options,
                        self._stack,
                        keep=lambda wheel: keep_built(store, made, wheel, self._made_from(origin, options, room)),
                    )
            remember(self._world.cache, "source-metadata", key, known)
        return known

    def built(
        self,
        name: str,
        version: str | None,
        origin: Sequence[tuple[str, str]],
        tree: Tree,
        *,
        runtime: Mapping[str, str] | None = None,
        is_editable: bool = False,
    ) -> Built:
        """The wheel of a tree, in the store: built unless one was, from the same ``origin`` and in the same way.

        Its name and version are checked; ``version`` None takes any.
        """
        options = self.options(name, runtime or {})
        store = self._world.store()
        key = self._key(name, version, origin, options, runtime or {}, is_editable=is_editable)
        found = self._found(key)
        if found is not None:
            return found
        self._check_may_build(name, version, is_editable=is_editable)
        subject = _subject(name, version)
        # Before the guard: in a loop it would wait for itself.
        check_loop(subject, self._stack)
        # Within another build there is no guard: two builds that need one another would wait for ever, where the stack
        # tells of the loop. At worst something is built twice.
        guard = nullcontext() if self._stack else store.guard("built-" + key, self._world.events, subject)
        with guard:
            found = self._found(key)
            if found is not None:
                return found
            room = self._room()
            with tree() as directory, tempfile.TemporaryDirectory() as into:
                builder = self._builder(room)
                wheel = builder.wheel(directory, into, subject, options, self._stack, is_editable=is_editable)
                _check_wheel(wheel, name, version, subject)
                made = keep_built(store, key, wheel, self._made_from(origin, options, room))
            self._world.prepared["built " + key] = True
            return made

    def known(
        self,
        name: str,
        version: str | None,
        origin: Sequence[tuple[str, str]],
        *,
        runtime: Mapping[str, str] | None = None,
        is_editable: bool = False,
    ) -> Built | None:
        """The wheel that ``built`` would give, if it is there without building."""
        options = self.options(name, runtime or {})
        key = self._key(name, version, origin, options, runtime or {}, is_editable=is_editable)
        return find_built(self._world.store(), key)

    def options(self, name: str, runtime: Mapping[str, str]) -> Options:
        """How a package is built; ``runtime`` are the locked versions, for build requirements that must match them."""
        policy = self._policy
        is_shared = policy["no_build_isolation"] or name in policy["no_build_isolation_packages"]
        return Options(
            config_settings={**policy["config_settings"], **policy["config_settings_package"].get(name, {})},
            is_isolated=not is_shared,
            environment=self._world.environment_directory if is_shared else None,
            extra_requires=tuple(
                _matched(text, runtime) if must_match else text
                for text, must_match in policy["extra_build"].get(name, ())
            ),
            variables=self._world.variables,
        )

    # -- inside -------------------------------------------------------------------------------------------

    def _found(self, key: str) -> Built | None:
        """What was built before; when everything is wanted anew, before in this command."""
        if self._world.refresh and "built " + key not in self._world.prepared:
            return None
        return find_built(self._world.store(), key)

    def _room(self) -> _Remembering:
        world = self._world
        assert world.rooms is not None, "a world that builds has rooms"
        return _Remembering(world.rooms(world, self._aimed, self._interpreter))

    def _builder(self, room: Workroom) -> Builder:
        world = self._world
        return Builder(
            room,
            interpreter=self._interpreter,
            logs=os.path.join(world.cache, "logs", "builds"),
            events=world.events,
        )

    def _check_may_build(self, name: str, version: str | None, *, is_editable: bool = False) -> None:
        policy = self._policy
        # An editable package is the user's own; uv builds it, too.
        if is_editable or not (policy["no_build"] or name in policy["no_build_packages"]):
            return
        flag = "--no-build" if policy["no_build"] else f"--no-build-package {name}"
        raise BuildError(
            _subject(name, version),
            f"building is switched off (`{flag}`, or its key in the project file)",
            stack=self._stack,
            hint="take a version that has a wheel, or say what it needs in [[tool.provenv.dependency-metadata]] if it "
            "need only be locked",
        )

    def _key(
        self,
        name: str,
        version: str | None,
        origin: Sequence[tuple[str, str]],
        options: Options,
        runtime: Mapping[str, str],
        *,
        is_editable: bool,
    ) -> str:
        """A digest of everything that decides a build and can be known before."""
        interpreter = self._interpreter
        neighbours = [] if options.is_isolated else self._neighbours(name, version, origin, runtime)
        return digest(
            _FORMAT, name, sorted(origin), interpreter.implementation, interpreter.cache_tag, interpreter.soabi_flags,
            interpreter.platform, interpreter.libc, interpreter.macos, sorted(options.config_settings.items()),
            sorted(options.extra_requires), self._policy["build_constraints"], options.is_isolated, neighbours,
            is_editable,
        )  # fmt: skip

    def _neighbours(
        self, name: str, version: str | None, origin: Sequence[tuple[str, str]], runtime: Mapping[str, str]
    ) -> list[tuple[str, str]]:
        """Of what lies in the environment that a package is built in, the versions that decide the build.

        Those that the package itself needs, as far as that is known: a new version of anything else must not cost the
        hour that some of these builds take.
        """
        if not runtime:
            return []
        known = self.declared(name, version)
        if known is None:
            static = recall(self._world.cache, "source-metadata", digest(_FORMAT, "static", origin[0][1], version))
            known = static[0] if static else None
        if known is None:
            made = self._key(name, version, origin, self.options(name, {}), {}, is_editable=False)
            known = recall(self._world.cache, "source-metadata", digest(_FORMAT, "built", made))
        needs = headers_of(known or b"").get("requires-dist", [])
        names = {canonicalize_name(Requirement(text).name) for text in needs}
        return [(one, runtime[one]) for one in sorted(names) if one in runtime]

    def _made_from(
        self, origin: Sequence[tuple[str, str]], options: Options, room: _Remembering
    ) -> tuple[tuple[str, str], ...]:
        interpreter = self._interpreter
        return (
            *origin,
            ("python", f"{interpreter.implementation} {interpreter.version}"),
            ("platform", interpreter.platform),
            ("isolated", str(options.is_isolated).lower()),
            *(("config-setting", f"{key}={value}") for key, value in options.config_settings.items()),
            *(("extra-build-dependency", text) for text in options.extra_requires),
            *(("build-requirement", text) for text in room.packages()),
        )


class _Remembering:
    """A workroom that knows what was in the last environment that it gave."""

    def __init__(self, room: Workroom) -> None:
        self._room = room
        self._last: str | None = None

    @contextmanager
    def __call__(self, requirements: Sequence[str], stack: tuple[str, ...]) -> Iterator[str]:
        with self._room(requirements, stack) as directory:
            self._last = directory
            yield directory

    def packages(self) -> list[str]:
        """Name, version and hash of everything in it, as far as it is told."""
        try:
            with open(os.path.join(self._last or "", PACKAGES), encoding="utf-8") as file:
                return file.read().splitlines()
        except OSError:
            return []


def _is_of(metadata: bytes, name: str, version: str) -> bool:
    """Whether an archive says of itself what the index says of it; if not, only a build tells what it is."""
    headers = headers_of(metadata)
    told, number = headers.get("name", [""])[0], headers.get("version", [""])[0]
    try:
        return canonicalize_name(told) == canonicalize_name(name) and Version(number) == Version(version)
    except InvalidVersion:
        return False


def _origin(artifact: Artifact) -> tuple[tuple[str, str], ...]:
    return (("sha256", artifact.sha256) if artifact.sha256 else ("url", artifact.url),)


def _subject(name: str, version: str | None) -> str:
    return f"{name} {version}" if version else name


def _is_same_version(told: str | None, version: str | None) -> bool:
    return told is not None and version is not None and Version(told) == Version(version)


def _below(top: str, subdirectory: str | None, where: str) -> str:
    if not subdirectory:
        return top
    place = os.path.normpath(os.path.join(top, subdirectory))
    if os.path.commonpath([top, place]) != top or not os.path.isdir(place):
        raise InputError(where, f"it holds no directory `{subdirectory}`")
    return place


def _matched(text: str, runtime: Mapping[str, str]) -> str:
    """A build requirement at the version that the lock has; as it is while nothing is locked."""
    requirement = Requirement(text)
    version = runtime.get(canonicalize_name(requirement.name))
    if version is None:
        return text
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker is not None else ""
    return f"{requirement.name}{extras}=={version}{marker}"


def _check_wheel(path: str, name: str, version: str | None, subject: str) -> None:
    """A build may make anything: it must be the package that was asked for."""
    made = WheelName.from_filename(os.path.basename(path))
    if made.name != name:
        raise BuildError(subject, f"its build made a wheel of {made.name}")
    if version is not None and made.version != Version(version):
        raise BuildError(
            subject,
            f"its build made version {made.version}",
            hint="the version may come from git tags or from a variable that is not set here",
        )
