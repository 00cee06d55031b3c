"""A plan says what a sync will do, before it does it; a receipt says what a sync did."""

from __future__ import annotations

from provenv.model.value import Value

__all__ = ["Installed", "Plan", "Unbuilt", "Wanted"]


class Wanted(Value):
    """One wheel that the lock asks for on this machine."""

    __slots__ = (
        "direct_url",
        "filename",
        "is_lax",
        "is_requested",
        "name",
        "path",
        "sha256",
        "size",
        "url",
        "version",
    )

    def __init__(
        self,
        *,
        name: str,
        version: str,
        filename: str,
        sha256: str,
        url: str | None = None,
        path: str | None = None,
        size: int | None = None,
        is_requested: bool = False,
        direct_url: str | None = None,
        is_lax: bool = False,
    ) -> None:
        self.name = name
        """Normalised (PEP 503)."""
        self.version = version
        self.filename = filename
        """The wheel's file name; its tags and name were checked against the lock."""
        self.sha256 = sha256
        """The lock's hash of the wheel, lower-case hex."""
        self.url = url
        """Where to get it when the store lacks it; None for a local path."""
        self.path = path
        """Absolute path of a local wheel."""
        self.size = size
        self.is_requested = is_requested
        """Named by the user, not only needed by another package: becomes REQUESTED."""
        self.direct_url = direct_url
        """Content of ``direct_url.json`` (PEP 610), when the package came from a direct reference."""
        self.is_lax = is_lax
        """The project lets a sloppy archive of this package pass."""


class Unbuilt(Value):
    """One package that the lock asks for on this machine and that must be built into a wheel first."""

    __slots__ = (
        "commit",
        "is_editable",
        "is_lax",
        "is_requested",
        "kind",
        "name",
        "path",
        "revision",
        "sha256",
        "size",
        "subdirectory",
        "url",
        "version",
    )

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        version: str | None = None,
        url: str | None = None,
        path: str | None = None,
        commit: str | None = None,
        subdirectory: str | None = None,
        sha256: str | None = None,
        size: int | None = None,
        is_editable: bool = False,
        is_requested: bool = False,
        revision: str | None = None,
        is_lax: bool = False,
    ) -> None:
        self.name = name
        """Normalised (PEP 503)."""
        self.kind = kind
        """``sdist`` (of an index), ``archive`` (a direct reference to a source archive), ``git``, ``directory``."""
        self.version = version
        """None when only a build can tell."""
        self.url = url
        """Of the archive or of the repository; None for a local path."""
        self.path = path
        """Of a local archive or directory, relative to the lock's directory or absolute."""
        self.commit = commit
        """Full commit of a repository."""
        self.subdirectory = subdirectory
        self.sha256 = sha256
        """The lock's hash of an archive, lower-case hex."""
        self.size = size
        self.is_editable = is_editable
        self.is_requested = is_requested
        self.revision = revision
        """The branch or tag of a repository that was asked for, for ``direct_url.json``."""
        self.is_lax = is_lax
        """The project lets a sloppy archive of this package pass."""


class Installed(Value):
    """One distribution found in an environment."""

    __slots__ = (
        "name",
        "sha256",
        "version",
    )

    def __init__(
        self,
        *,
        name: str,
        version: str,
        sha256: str | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.sha256 = sha256
        """Hash of the wheel it came from, when our receipt knows it; None for another tool's work."""


class Plan(Value):
    """What must change: both tuples are sorted by name. Nothing to do when both are empty."""

    __slots__ = (
        "install",
        "keep",
        "remove",
    )

    def __init__(
        self,
        *,
        install: tuple[Wanted, ...] = (),
        remove: tuple[Installed, ...] = (),
        keep: tuple[Wanted, ...] = (),
    ) -> None:
        self.install = install
        self.remove = remove
        self.keep = keep

    @property
    def is_empty(self) -> bool:
        """Whether the environment already is what was asked for."""
        return not self.install and not self.remove

    def followed_by(self, later: Plan) -> Plan:
        """What both did, one after the other."""
        again = {item.name for item in later.install}
        gone = {item.name for item in self.remove}
        return Plan(
            install=tuple(sorted([*self.install, *later.install], key=lambda item: item.name)),
            remove=(*self.remove, *(item for item in later.remove if item.name not in gone)),
            keep=tuple(item for item in self.keep if item.name not in again),
        )
