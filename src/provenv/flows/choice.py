"""Which parts of a project to install. On the warm path."""

from __future__ import annotations

__all__ = ["Choice"]


class Choice:
    """Which parts of a project to install: the words of ``--extra``, ``--group``, ``--package`` and their kin."""

    __slots__ = (
        "all_extras",
        "all_groups",
        "all_packages",
        "extras",
        "groups",
        "has_defaults",
        "is_editable",
        "no_extras",
        "no_groups",
        "no_install",
        "no_install_local",
        "no_install_project",
        "no_install_workspace",
        "only_groups",
        "packages",
    )

    def __init__(
        self,
        *,
        extras: tuple[str, ...] = (),
        all_extras: bool = False,
        no_extras: tuple[str, ...] = (),
        groups: tuple[str, ...] = (),
        all_groups: bool = False,
        no_groups: tuple[str, ...] = (),
        only_groups: tuple[str, ...] = (),
        has_defaults: bool = True,
        packages: tuple[str, ...] = (),
        all_packages: bool = False,
        is_editable: bool = True,
        no_install: tuple[str, ...] = (),
        no_install_project: bool = False,
        no_install_workspace: bool = False,
        no_install_local: bool = False,
    ) -> None:
        self.extras = extras
        self.all_extras = all_extras
        self.no_extras = no_extras
        self.groups = groups
        self.all_groups = all_groups
        self.no_groups = no_groups
        self.only_groups = only_groups
        """Nothing but these groups: neither the project nor what it needs."""
        self.has_defaults = has_defaults
        """Whether the default groups are taken (``--no-default-groups``)."""
        self.packages = packages
        """Members of the workspace; none: the root, or the member that the command stands in."""
        self.all_packages = all_packages
        self.is_editable = is_editable
        """Whether local directories that are editable are installed so (``--no-editable``)."""
        self.no_install = no_install
        """Packages that are not installed, though what they need is."""
        self.no_install_project = no_install_project
        self.no_install_workspace = no_install_workspace
        self.no_install_local = no_install_local

    def key(self) -> tuple[object, ...]:
        """All of it, as a plain value."""
        return tuple(getattr(self, slot) for slot in self.__slots__)
