"""Two distributions must not own one path with different content, and none may own what makes the environment one.

Only directories that several distributions use are looked into, so that the usual case costs nothing per file.
"""

from __future__ import annotations

from provenv.errors import InstallError
from provenv.wheel.scripts import check_script_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from provenv.env.paths import Paths

__all__ = ["LosesFiles", "Owner", "check_collisions"]

_OWN = ("lib64", "..", "pyvenv.cfg", "provenv-receipt", ".gitignore", "bin", "lib")


class Owner:
    """A distribution and its files: ``groups`` maps directories (relative to the root) to names in them.

    ``digest`` tells the SHA-256, in RECORD's form, of one path, and is asked only in case of doubt; None for a file
    that follows from others (byte code). ``is_kept`` says that it stays as it is.
    """

    __slots__ = ("digest", "groups", "is_kept", "label")

    def __init__(
        self,
        label: str,
        groups: Iterable[tuple[str, Iterable[str]]],
        digest: Callable[[str], str | None],
        *,
        is_kept: bool,
    ) -> None:
        self.label = label
        self.groups: dict[str, set[str]] = {}
        for directory, names in groups:
            self.groups.setdefault(directory, set()).update(names)
        self.digest = digest
        self.is_kept = is_kept

    @property
    def name(self) -> str:
        """The distribution's name, normalised."""
        return self.label.partition(" ")[0]


class LosesFiles(InstallError):
    """What is installed would lose a file to what is to be installed: it must be installed anew, without that file."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        super().__init__(f"{', '.join(sorted(self.names))} must be installed anew")


def check_collisions(
    owners: Iterable[Owner], paths: Paths, decisions: Mapping[str, str] | None = None
) -> dict[str, set[str]]:
    """The files that each distribution (by its name) leaves to another one, as the user decided.

    ``decisions`` maps a pattern of paths, below site-packages (or the root, for what lies elsewhere), to a name.
    InstallError (or InputError, for a script) that names the path and its owners; nothing is touched. LosesFiles when
    one of those that stay would lose files.
    """
    owners = list(owners)
    lost: dict[str, set[str]] = {}
    users: dict[str, list[Owner]] = {}
    for owner in owners:
        if not owner.is_kept:
            _check_own(owner, paths)
        seen: set[str] = set()
        for directory in owner.groups:
            while directory not in seen:
                seen.add(directory)
                users.setdefault(directory, []).append(owner)
                directory = directory.rpartition("/")[0]
    for directory, several in users.items():
        if len(several) > 1 and not all(owner.is_kept for owner in several):
            _check_directory(directory, several, users, lambda path: _decided(path, paths, decisions or {}), lost)
    if losers := [owner.name for owner in owners if owner.is_kept and owner.name in lost]:
        raise LosesFiles(losers)
    return lost


def _decided(path: str, paths: Paths, decisions: Mapping[str, str]) -> str | None:
    from fnmatch import fnmatchcase

    for site in (paths.purelib, paths.platlib):
        path = path.removeprefix(site + "/")
    return next((name for pattern, name in decisions.items() if fnmatchcase(path, pattern)), None)


def _check_directory(
    directory: str,
    several: list[Owner],
    users: dict[str, list[Owner]],
    decided: Callable[[str], str | None],
    lost: dict[str, set[str]],
) -> None:
    first_of: dict[str, Owner] = {}
    for owner in several:
        for name in owner.groups.get(directory, ()):
            path = f"{directory}/{name}" if directory else name
            if path in users:
                other = users[path][0].label
                raise InstallError(f"{path} is a file in {owner.label} and a directory in {other}; nothing was changed")
            first = first_of.setdefault(name, owner)
            if first is owner or (first.is_kept and owner.is_kept) or first.digest(path) == owner.digest(path):
                continue
            winner = decided(path)
            if winner not in (first.name, owner.name):
                raise InstallError(
                    f"{first.label} and {owner.label} both own {path}, with different content; nothing was changed",
                    hint="one of the two has to go, or `tool.provenv.file-owners` says whose file is taken",
                )
            loser = first if winner == owner.name else owner
            lost.setdefault(loser.name, set()).add(path)
            first_of[name] = owner if loser is first else first


def _check_own(owner: Owner, paths: Paths) -> None:
    """The files that make an environment one belong to nobody else."""
    for name in owner.groups.get(paths.scripts, ()):
        check_script_name(name, owner.label)
    found = [name for name in owner.groups.get("", ()) if name in _OWN]
    found += [directory for directory in owner.groups if directory.partition("/")[0] in ("lib64", "..")]
    if found:
        raise InstallError(
            f"{owner.label} would replace {found[0]}, which belongs to the environment; nothing was changed"
        )
