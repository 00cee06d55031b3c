"""What was read of a machine and a project, for the checks: plain values, and None for what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provenv.binary.facts import FileFacts
from provenv.doctor.ignore import Rule, is_ignored
from provenv.model.hardware import Hardware
from provenv.model.project import Project
from provenv.stack.tables import Tables

__all__ = ["Distribution", "Environment", "Lock", "Machine", "Patient", "Startup", "Tree"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """The files of a directory, relative to it, with ``/``; environments and ``.git`` are left out."""

    paths: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)
    """Those that checks read."""
    environments: tuple[str, ...] = ()
    """Directories that are environments, whoever made them."""
    tracked: frozenset[str] | None = None
    """What git keeps below this directory; None when that is not known: no repository, or a form we do not read."""
    rules: tuple[Rule, ...] = ()
    """What git is to leave out."""
    prefix: str = ""
    """Where this directory is in its repository, with a ``/`` at the end; "" for the top."""

    def is_ignored(self, path: str, *, is_directory: bool = False) -> bool:
        """Whether git leaves a path out."""
        return is_ignored(self.rules, self.prefix + path, is_directory=is_directory)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """One lock, of whichever tool."""

    path: str
    form: str
    """``pylock``, ``uv``, ``poetry``, ``pdm``, ``pipenv``, ``conda`` or
    ``requirements`` (with hashes)."""
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Normalised name -> every version that it has."""
    always: frozenset[str] = frozenset()
    """Packages that every installation holds; only of a lock that provenv wrote."""
    facts: Mapping[str, tuple[FileFacts, ...]] = field(default_factory=dict)
    """SHA-256 of wheels -> what the lock tells of their compiled files."""
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Package -> those of its wheels that ``facts`` tell of."""
    stale: str = ""
    """Why it no longer fits the project, in words; "" when it does, or when nobody can tell."""
    problem: str = ""
    """Why it cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """One that is installed."""

    name: str
    """Normalised."""
    version: str
    path: str
    """Relative to the environment."""
    installer: str = ""
    is_foreign: bool = False
    """The environment is provenv's, and another tool put this there or changed it."""
    is_editable: bool = False
    sha256: str = ""
    """Of its wheel, where the receipt knows it."""
    requires: tuple[str, ...] = ()
    """Its ``Requires-Dist`` lines that hold for this Python, without markers and extras' own."""
    facts: tuple[FileFacts, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Startup:
    """A file that runs code whenever Python starts."""

    path: str
    line: int
    text: str
    is_owned: bool
    """A package that is installed brought it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """The environment that is looked at."""

    place: str
    """As people know it: relative to the project where it is below it."""
    is_of_project: bool = True
    has_settings: bool = True
    """There is a ``pyvenv.cfg`` (conda's environments have none, and need none)."""
    settings: Mapping[str, str] = field(default_factory=dict)
    missing_interpreter: str = ""
    """What its ``python`` leads to, when nothing is there."""
    is_conda: bool = False
    is_ours: bool = False
    python: tuple[int, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    startup: tuple[Startup, ...] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Shared libraries that wheels brought: ``libcudnn.so.9`` -> its path in the environment."""
    damaged: tuple[str, ...] = ()
    """Files of ours that are gone or were changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The computer, and how the command was started on it."""

    hardware: Hardware = field(default_factory=lambda: Hardware(system="linux", architecture="x86_64"))
    variables: Mapping[str, str] = field(default_factory=dict)
    toolkit: tuple[str, str] | None = None
    """Directory and version of the CUDA toolkit that would compile, as ``/usr/local/cuda`` and ``11.8.0``."""
    libraries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Directories of ``LD_LIBRARY_PATH`` -> names of the libraries in them."""
    user_packages: tuple[str, ...] = ()
    """What lies in the user's own site-packages for the Python of the environment."""
    user_site: str = ""
    active: str = ""
    """Another environment than the project's that is activated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    """All that a check may look at."""

    tree: Tree = field(default_factory=Tree)
    project: Project | None = None
    project_text: str = ""
    locks: tuple[Lock, ...] = ()
    environment: Environment | None = None
    machine: Machine = field(default_factory=Machine)
    tables: Tables = field(default_factory=lambda: Tables({}, date=""))
    extensions: tuple[FileFacts, ...] = ()
    """Compiled files of the project itself; ``path`` is relative to it."""
    torch_symbols: frozenset[str] | None = None
    """Of the symbols that ``extensions`` want of PyTorch, those that the installed one has; None: nobody looked."""

    @property
    def own_lock(self) -> Lock | None:
        """The lock that ``provenv`` works with."""
        return next((lock for lock in self.locks if lock.form == "pylock"), None)
