"""A project as the flows see it: plain values, so that they can be kept. On the warm path."""

from __future__ import annotations

__all__ = ["Aim", "AimedMachine", "AimedTarget", "Policy", "Reference"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NotRequired, TypedDict

    from provenv.universe.view import Row

    class Reference(TypedDict):
        """Where a package comes from that no index chooses: one candidate, known before the solver starts."""

        kind: str
        """``archive`` (a wheel or a source archive), ``git`` or ``directory``."""
        url: str
        """``archive``: its URL (http, https, file); ``git``: the repository's, without ``git+``; ``directory``: its
        absolute path. Never a user name or a password: an aim is kept on disk."""
        rev: str | None
        """``git``: the branch, tag or commit that was asked for; None for the default branch."""
        subdirectory: str | None
        sha256: str | None
        """``archive``: the hash in the URL's fragment."""
        is_editable: bool
        is_virtual: bool
        """``directory``: never installed itself, only what it needs (a project without a build system)."""

    class Policy(TypedDict):
        """How to choose, as the command line, ``[tool.provenv]`` or ``[tool.uv]`` say; uv's words and meanings."""

        resolution: str
        """``highest``, ``lowest`` or ``lowest-direct``."""
        prerelease: str
        """``disallow``, ``allow``, ``if-necessary``, ``explicit`` or ``if-necessary-or-explicit``."""
        index_strategy: str
        """``first-index``, ``unsafe-first-match`` or ``unsafe-best-match``."""
        exclude_newer: str | None
        """As written: a date, a time, or a span such as ``1 week``."""
        exclude_newer_package: dict[str, str | None]
        """Package -> as above; None: no limit for this one."""
        no_build: bool
        no_build_packages: list[str]
        no_binary: bool
        no_binary_packages: list[str]
        no_build_isolation: bool
        no_build_isolation_packages: list[str]
        extra_build: dict[str, list[tuple[str, bool]]]
        """Package -> further build requirements, each with whether it must be the version that the lock has."""
        build_constraints: list[str]
        config_settings: dict[str, str | list[str]]
        config_settings_package: dict[str, dict[str, str | list[str]]]
        lax_archives: list[str]
        """Packages whose archives may be sloppy."""
        metadata: list[dict[str, Any]]
        """``dependency-metadata``: stands for what a build would tell (name, version, requires-dist ...)."""

    class AimedMachine(TypedDict):
        """What a declared target says of its machine, as far as it decides what can be chosen."""

        name: str
        platform: str
        system: str
        """``linux`` or ``windows``."""
        driver: str | None
        cuda: str | None
        """The newest CUDA of the user-mode driver library, where it is told: a compatibility package may lift it."""
        gpus: list[tuple[str, int, int]]
        """Name, and compute capability in two numbers; empty: it has none."""
        rules: list[str]
        """Files with rules of the project's own; absolute."""
        date: str
        """The day of the newest rules that were known."""

    class AimedTarget(TypedDict):
        """One target, ready for the solver."""

        name: str
        key: str
        """Digest of environment and tags: names the views."""
        environment: dict[str, str]
        tags: list[str]
        is_declared: bool
        """Written in the project file: then it must be solved. One of the usual platforms may be left out instead."""
        rows: list[tuple[Row, str, str]]
        """Row, the place that wrote it, and its section: ``""``, ``extra:NAME``, ``group:NAME``, and for a workspace
        ``member:NAME``, ``member:NAME:extra:EXTRA``, ``member:NAME:group:GROUP``."""
        references: dict[str, Reference]
        """Packages that no index chooses."""
        pinned: dict[str, str]
        """Package -> the name of the only index that may offer it."""
        machine: AimedMachine | None
        beside: dict[str, list[str]]
        """Package -> names of indexes that are asked besides those that are asked anyway: they have its builds for the
        machine."""
        forked: dict[str, dict[str, Reference | str]]
        """Section of a conflict -> references and pins that hold only where it is wanted; see ``flows.forked``."""
        constraints: list[tuple[Row, str]]
        """Bounds that hold if the package is needed at all, and the place that wrote each."""
        overrides: dict[str, list[Row]]
        """Package -> what stands in place of every need of it; an empty list: nothing needs it."""
        excludes: list[str]
        """Packages that are left out, whoever needs them."""
        disproved: NotRequired[dict[str, dict[str, str]]]
        """Package -> versions of which a proof has shown that they do not run there, each with the reason."""

    class Aim(TypedDict):
        """A project as the flows see it."""

        name: str | None
        requires_python: str | None
        extras: list[str]
        groups: list[str]
        default_groups: list[str]
        targets: list[AimedTarget]
        locations: list[tuple[str, str, str, bool, tuple[int, ...]]]
        """Name, URL and kind of every place to look, in order; whether only packages pinned to it ask it; error
        statuses that mean "no such package" there."""
        index_key: str
        conflicts: list[list[str]]
        """Sets of sections that are never installed together."""
        members: dict[str, str]
        """Workspace members: name -> absolute directory. Empty without a workspace."""
        member_default_groups: dict[str, list[str]]
        """Workspace members: name -> the groups that are installed with it if nothing else is said."""
        policy: Policy
        inputs: dict[str, Any]
        """What the lock records of the project, to know later whether it is still right."""
        texts: dict[str, str]
        """Place -> requirement as written."""
        watched: list[str]
        """Further files and directories that decided something (workspace members' project files, the directories they
        are in); a change makes the aim anew."""
        build_files: list[str] | None
        """Files that decide whether the project and the members must be built again; None when these are not all that
        decides (other local directories, ``cache-keys``)."""
        link_mode: str | None
        file_owners: dict[str, str]
        """How files are placed, as the project file says; a flag wins."""
        interpreter: str | None
        """The interpreter that stands for this machine; None when all targets are declared."""

else:
    Reference = dict
    Policy = dict
    AimedMachine = dict
    AimedTarget = dict
    Aim = dict
