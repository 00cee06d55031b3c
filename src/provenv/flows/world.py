"""What a flow works with: values and capabilities, made once by the face. On the warm path."""

from __future__ import annotations

import os

from provenv.errors import InputError
from provenv.events import Events
from provenv.flows.files import read, read_if_there, replace

__all__ = ["Draft", "World"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from provenv.build.builder import Workroom
    from provenv.flows.ahead import Ahead
    from provenv.flows.aimed import Aim
    from provenv.index.catalog import Catalog
    from provenv.model.machine import Interpreter
    from provenv.net.keychain import Keychain
    from provenv.store.store import Store
    from provenv.universe.answers import Supply


class Draft:
    """What project file and lock will hold when an edit is over; None for what stays."""

    __slots__ = ("lock", "project")

    def __init__(self) -> None:
        self.project: bytes | None = None
        self.lock: bytes | None = None


class World:
    """Places, choices and doors of one command.

    ``directory`` is the project's; ``cache`` holds everything that can be fetched or computed again; ``network`` holds
    what only the HTTP client reads (certificate file, proxies, netrc, variables with user names and passwords).
    ``indexes`` are those of the command line, each a URL or ``NAME=URL``, before those of the project;
    ``default_index`` replaces the default one. ``credential_urls`` are direct references of the command line, which may
    hold a user name and a password.
    """

    __slots__ = (
        "ahead",
        "building",
        "cache",
        "credential_urls",
        "default_index",
        "directory",
        "doors",
        "draft",
        "durability",
        "environment_directory",
        "events",
        "find_links",
        "fresh_until",
        "given",
        "has_index",
        "indexes",
        "is_offline",
        "is_only_here",
        "is_target_asked",
        "keychain",
        "link_mode",
        "machine_file",
        "member",
        "member_directory",
        "needs_files",
        "network",
        "now",
        "patience",
        "policy",
        "prepared",
        "prove_budget",
        "python_request",
        "refresh",
        "rooms",
        "script",
        "search_path",
        "stores",
        "supplies",
        "target",
        "uses_sources",
        "variables",
        "writes_lock",
    )

    def __init__(
        self,
        *,
        directory: str,
        cache: str,
        events: Events,
        now: float,
        search_path: str = "",
        python_request: str | None = None,
        default_index: str | None = None,
        indexes: tuple[str, ...] = (),
        find_links: tuple[str, ...] = (),
        is_offline: bool = False,
        refresh: bool = False,
        environment_directory: str | None = None,
        link_mode: str = "auto",
        network: Mapping[str, str] | None = None,
        credential_urls: tuple[str, ...] = (),
        policy: Mapping[str, Any] | None = None,
        uses_sources: bool = True,
        has_index: bool = True,
        member: str | None = None,
        patience: float | None = 3.0,
        member_directory: str | None = None,
        script: str | None = None,
        variables: Mapping[str, str] | None = None,
        durability: str = "later",
        prove_budget: float | None = None,
        rooms: Callable[[World, Aim, Interpreter], Workroom] | None = None,
        target: str | None = None,
        is_target_asked: bool = False,
        machine_file: str | None = None,
    ) -> None:
        self.directory = directory
        self.cache = cache
        self.events = events
        self.now = now
        self.search_path = search_path
        self.python_request = python_request
        self.default_index = default_index
        self.indexes = indexes
        self.find_links = find_links
        self.is_offline = is_offline
        self.refresh = refresh
        self.environment_directory = environment_directory or os.path.join(directory, ".venv")
        self.link_mode = link_mode
        self.network = dict(network or {})
        self.credential_urls = credential_urls
        self.policy = dict(policy or {})
        """How to choose, as the command line says it: keys of ``flows.aimed.Policy``. It wins over the project file."""
        self.uses_sources = uses_sources
        """Whether the rules of ``[tool.provenv.sources]`` count."""
        self.needs_files = True
        """Whether files that the project names (recorded machines, rules) must be there: they decided a lock, and to
        install it nobody needs them."""
        self.has_index = has_index
        """Whether indexes are asked at all, or only flat places."""
        self.patience = patience
        """Seconds to look for ways out of a conflict; None: in proportion to what the command took until then."""
        self.prove_budget = prove_budget
        """Seconds for reading wheels to prove what was chosen; None: a few, or as long as it takes when it was asked
        for."""
        self.member = member
        """The workspace member that the command was given in; ``directory`` is then the workspace's root."""
        self.member_directory = member_directory
        """Where that member is."""
        self.script = script
        """A script with inline metadata, which is then the project; ``directory`` is where it lies."""
        self.variables = dict(variables or {})
        """The variables that programs get which work for us: git, and the backends of builds."""
        self.target = target
        """The target of the lock that this machine is, where somebody says so."""
        self.is_target_asked = is_target_asked
        """It was said of this command: then the lock must have it. Else a variable says so for all projects."""
        self.machine_file = machine_file
        """A recorded machine that is taken for the one we stand on."""
        self.rooms = rooms
        """Makes whoever gives builds their environments: handed down, as that needs a resolution itself."""
        self.building: tuple[tuple[str, ...], Interpreter] | None = None
        """What is being built, the outermost first, and with which interpreter: this is the world of its needs."""
        self.given: tuple[str, bytes] | None = None
        """A project that lies in no file: what messages call it, and what its file would hold."""
        self.draft: Draft | None = None
        """What project file and lock are to hold: during an edit, so that each file is written once."""
        self.writes_lock = True
        """Whether a lock is written where there is none: beside a script only when somebody asks for it."""
        self.is_only_here = False
        """Whether only this machine matters, whatever targets there are."""
        self.fresh_until = float("inf")
        """Until when all that was chosen by now may be taken for the newest: then a page of an index expires."""
        self.keychain: Keychain | None = None
        """All that is known of user names and passwords, once somebody has asked; see ``flows.credentials``."""
        self.prepared: dict[str, Any] = {}
        """What references lead to, once somebody has looked; see ``flows.references``."""
        self.doors: dict[tuple[object, ...], Catalog] = {}
        """What is open, by its locations: all targets of a command look through the same doors."""
        self.ahead: list[Ahead] = []
        """Whoever reads source archives before the solver asks about them; one at most, shared by copies of a world."""
        self.durability = durability
        """When what was put into the store is written to disk: ``now``, ``later`` or ``never``."""
        self.stores: list[Store] = []
        """The store, once somebody has asked for it; shared by copies of a world."""
        self.supplies: dict[str, Supply] = {}
        """Whoever fetches for a target, by its key, where reading ahead has begun before the target is solved."""

    def _copy(self) -> World:
        other = World.__new__(World)
        for slot in self.__slots__:
            setattr(other, slot, getattr(self, slot))
        return other

    def settled(self) -> World:
        """The same world for a second look within one command: silent, and what was just fetched still holds."""
        again = self._copy()
        again.is_offline, again.refresh, again.events = True, False, Events()
        return again

    def with_project(self, name: str, data: bytes) -> World:
        """The same world with another project, which lies in no file: only for this machine, and without a lock."""
        other = self._copy()
        other.script, other.member, other.given, other.is_only_here = None, None, (name, data), True
        other.member_directory, other.draft = None, None
        other.environment_directory, other.keychain = os.path.join(self.cache, "none"), None
        return other

    def at(self, directory: str) -> World:
        """The same world with the project of another directory, which is only for this machine."""
        other = self.only_here()
        other.script, other.member, other.member_directory, other.given = None, None, None, None
        other.directory, other.environment_directory = directory, os.path.join(directory, ".venv")
        other.keychain, other.draft = None, None
        return other

    def only_here(self) -> World:
        """The same world, where only this machine matters."""
        other = self._copy()
        other.is_only_here = True
        return other

    def apart(self) -> World:
        """The same world for another thread: it opens doors of its own."""
        other = self._copy()
        other.ahead, other.doors, other.supplies, other.prepared = [], {}, {}, {}
        return other

    def inside(self, stack: tuple[str, ...], interpreter: Interpreter) -> World:
        """The same world within a build: ``stack`` names what is being built."""
        other = self._copy()
        other.building = (stack, interpreter)
        # A guess may wait for the very place where this build is being prepared: nobody waits for it in here.
        other.ahead, other.supplies = [], {}
        return other

    @property
    def project_file(self) -> str:
        """The path of ``pyproject.toml``, or of the script; of a project in no file, what messages call it."""
        if self.given is not None:
            return self.given[0]
        return self.script or os.path.join(self.directory, "pyproject.toml")

    @property
    def lock_file(self) -> str:
        """The path of ``pylock.toml``, or of what stands for it beside a script; "" for a project in no file."""
        if self.given is not None:
            return ""
        return os.path.join(self.directory, "pylock.toml") if self.script is None else f"{self.script}.lock"

    @property
    def has_project(self) -> bool:
        """Whether there is a project."""
        return self.given is not None or os.path.isfile(self.project_file)

    def project_data(self) -> bytes:
        """What the project file holds, a script's block told as one. Raises InputError, also without a project."""
        data = self.project_data_if_there()
        if data is None:
            hint = "run `provenv init` to start a project, or name one with --project"
            if self.script is not None:
                hint = "give the path of a script; `provenv init --script FILE` starts one"
            read(self.project_file, hint)
            raise InputError(self.project_file, "was there only a moment ago", hint=hint)
        return data

    def project_data_if_there(self) -> bytes | None:
        """The same; None without a project."""
        if self.given is not None:
            return self.given[1]
        if self.draft is not None and self.draft.project is not None:
            return self.draft.project
        data = read_if_there(self.project_file)
        if data is None or self.script is None:
            return data
        from provenv.flows.script import project_of

        return project_of(self, data)

    def put_project(self, data: bytes) -> None:
        """Replace the project file, or the block of a script by one that says the same. Raises InstallError."""
        if self.draft is not None:
            self.draft.project = data
            return
        if self.script is None:
            replace(self.project_file, data)
            return
        from provenv.flows.script import put_project

        put_project(self.script, data)

    def lock_data_if_there(self) -> bytes | None:
        """What the lock holds; None without one. Raises InputError."""
        if self.draft is not None and self.draft.lock is not None:
            return self.draft.lock
        return read_if_there(self.lock_file)

    def put_lock(self, data: bytes) -> None:
        """Replace the lock. Raises InstallError."""
        if self.draft is not None:
            self.draft.lock = data
        else:
            replace(self.lock_file, data)

    def close(self) -> None:
        """Close every door to the network, and see to it that the store gets to disk; the world may be used again."""
        for store in self.stores:
            store.settle()
        self.supplies.clear()
        while self.ahead:
            self.ahead.pop().close()
        while self.doors:
            self.doors.popitem()[1].close()

    def store(self) -> Store:
        """The store of this computer."""
        if not self.stores:
            from provenv.store.store import Store

            self.stores.append(Store(os.path.join(self.cache, "store"), durability=self.durability))
        return self.stores[0]
