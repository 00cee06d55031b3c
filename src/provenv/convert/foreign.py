"""What every lock says, whoever wrote it: packages, where each comes from, its files with their hashes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Archive", "ForeignLock", "ForeignPackage", "Need"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """One file of a package that a lock allows."""

    filename: str
    """"" when the lock tells hashes only."""
    url: str | None = None
    path: str | None = None
    """As written: relative to the lock, or absolute."""
    hashes: tuple[tuple[str, str], ...] = ()
    """``(algorithm, lower-case hex digest)`` pairs."""
    size: int | None = None

    @property
    def sha256(self) -> str | None:
        """Its SHA-256 in hex, if the lock tells it."""
        return dict(self.hashes).get("sha256")

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel; not known of a file without a name."""
        return self.filename.endswith(".whl")


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """One package needs another."""

    name: str
    """Normalised (PEP 503)."""
    version: str | None = None
    """Of the package that is meant, where the lock has several; or the specifier, as the lock writes it."""
    extras: tuple[str, ...] = ()
    marker: str = ""
    extra: str = ""
    """Only when this extra of the needing package is asked for."""
    group: str = ""
    """Only with this dependency group of the needing project."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignPackage:
    """One version of one package."""

    name: str
    """Normalised (PEP 503)."""
    version: str | None
    """None where the lock does not tell it: a directory, a repository."""
    kind: str = "index"
    """Where it comes from: ``index``, ``archive``, ``git``, ``directory``, ``editable``, or ``virtual``: not at all."""
    source: str = ""
    """The URL or path of that; of an index, its URL if the lock tells it."""
    commit: str = ""
    subdirectory: str = ""
    files: tuple[Archive, ...] = ()
    marker: str = ""
    """When it is needed, as one marker; "" for always or not told."""
    markers: tuple[str, ...] = ()
    """Which forks of a universal lock it belongs to: any of them."""
    groups: tuple[str, ...] = ()
    """The groups that bring it, in the words of the lock; () when it does not tell."""
    is_optional: bool = False
    """Only an extra or a group that is not a default brings it."""
    requires_python: str = ""
    needs: tuple[Need, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Its extras, with what each asks for, as written."""
    where: str = ""
    """File and key, for messages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignLock:
    """A whole lock. ``form`` is ``pylock``, ``uv``, ``poetry``, ``pdm`` or ``requirements``."""

    form: str
    where: str
    packages: tuple[ForeignPackage, ...]
    requires_python: str = ""
    indexes: tuple[str, ...] = ()
    """URLs of indexes that the lock names, the first one first."""
    roots: tuple[str, ...] = ()
    """Names of the projects that it was made for, where it holds them."""
    default_groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def named(self, name: str) -> tuple[ForeignPackage, ...]:
        """All versions of a package."""
        return tuple(package for package in self.packages if package.name == name)
