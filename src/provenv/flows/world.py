"""What a flow works with: values and capabilities, made once by the face. On the warm path."""

from __future__ import annotations

import os

from provenv.events import Events

__all__ = ["World"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from provenv.index.catalog import Catalog
    from provenv.net.keychain import Keychain
    from provenv.store.store import Store


class World:
    """Places, choices and doors of one command.

    ``directory`` is the project's; ``cache`` holds everything that can be fetched or computed again; ``network`` holds
    what only the HTTP client reads (certificate file, proxies, netrc, variables with user names and passwords).
    ``indexes`` are those of the command line, each a URL or ``NAME=URL``, before those of the project;
    ``default_index`` replaces the default one. ``credential_urls`` are direct references of the command line, which may
    hold a user name and a password.
    """

    __slots__ = (
        "cache",
        "credential_urls",
        "default_index",
        "directory",
        "doors",
        "environment_directory",
        "events",
        "find_links",
        "indexes",
        "is_offline",
        "keychain",
        "link_mode",
        "member",
        "network",
        "now",
        "policy",
        "python_request",
        "refresh",
        "search_path",
        "uses_sources",
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
        member: str | None = None,
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
        self.member = member
        """The workspace member that the command was given in; ``directory`` is then the workspace's root."""
        self.keychain: Keychain | None = None
        """All that is known of user names and passwords, once somebody has asked; see ``flows.credentials``."""
        self.doors: dict[tuple[object, ...], Catalog] = {}
        """What is open, by its locations: all targets of a command look through the same doors."""

    def settled(self) -> World:
        """The same world for a second look within one command: silent, and what was just fetched still holds."""
        again = World.__new__(World)
        for slot in self.__slots__:
            setattr(again, slot, getattr(self, slot))
        again.is_offline, again.refresh, again.events = True, False, Events()
        return again

    @property
    def project_file(self) -> str:
        """The path of ``pyproject.toml``."""
        return os.path.join(self.directory, "pyproject.toml")

    @property
    def lock_file(self) -> str:
        """The path of ``pylock.toml``."""
        return os.path.join(self.directory, "pylock.toml")

    def close(self) -> None:
        """Close every door to the network; the world may be used again."""
        while self.doors:
            self.doors.popitem()[1].close()

    def store(self) -> Store:
        """The store of this computer."""
        from provenv.store.store import Store

        return Store(os.path.join(self.cache, "store"))
