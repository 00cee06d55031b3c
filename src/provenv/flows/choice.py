"""Which parts of a project to install. On the warm path."""

from __future__ import annotations

__all__ = ["Choice"]


class Choice:
    """Which parts of a project to install: the words of ``--extra`` and ``--group``."""

    __slots__ = ("all_extras", "all_groups", "extras", "groups", "has_defaults", "no_groups")

    def __init__(
        self,
        *,
        extras: tuple[str, ...] = (),
        all_extras: bool = False,
        groups: tuple[str, ...] = (),
        all_groups: bool = False,
        no_groups: tuple[str, ...] = (),
        has_defaults: bool = True,
    ) -> None:
        self.extras = extras
        self.all_extras = all_extras
        self.groups = groups
        self.all_groups = all_groups
        self.no_groups = no_groups
        self.has_defaults = has_defaults
        """Whether the default groups are taken (``--no-default-groups``)."""

    def key(self) -> tuple[object, ...]:
        """All of it, as a plain value."""
        return tuple(getattr(self, slot) for slot in self.__slots__)
