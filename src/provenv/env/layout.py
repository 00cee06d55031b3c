"""Decides where each file of a tree goes, before anything is touched. Pure: paths in, paths out."""

from __future__ import annotations

from provenv.errors import InstallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provenv.env.paths import Paths
    from provenv.store.tree import Bytecode, Tree

__all__ = ["Layout", "check_collisions", "record_path"]

_GENERATED = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


class Layout:
    """Where one tree goes. All destinations are relative to the environment's root, with ``/``.

    ``links`` maps a destination directory to ``(source directory, names)`` of files placed as they are; ``scripts`` are
    ``(path in the tree, destination, is_executable)``, to be looked at; ``owned`` are ``(destination, size,
    is_executable, sha256)`` of all files from the tree, and ``compiled`` are ``(destination, size)`` of its byte code.
    """

    __slots__ = ("compiled", "dist_info", "links", "owned", "scripts", "site", "tree")

    def __init__(self, tree: Tree, paths: Paths) -> None:
        self.tree = tree
        self.site = paths.purelib if tree.is_purelib else paths.platlib
        self.dist_info = f"{self.site}/{tree.dist_info}"
        self.links: dict[str, list[tuple[str, list[str]]]] = {}
        self.scripts: list[tuple[str, str, bool]] = []
        self.owned: list[tuple[str, int, bool, str]] = []
        self.compiled: list[tuple[str, int]] = []

    @classmethod
    def from_tree(cls, tree: Tree, bytecode: Bytecode | None, paths: Paths) -> Layout:
        """Sort every file of ``tree``, and of its byte code, to its destination."""
        layout = cls(tree, paths)
        place = _placement(tree, layout.site, paths)
        groups: dict[str, list[str]] = {}
        own_scripts = f"{tree.data_dir}/scripts/" if tree.data_dir else "\0"
        generated = {f"{tree.dist_info}/{name}" for name in _GENERATED}
        for path, size, is_executable, sha256 in tree.entries:
            if path in generated:
                continue
            parent, _, name = path.rpartition("/")
            if path.startswith(own_scripts):
                layout.scripts.append((path, f"{paths.scripts}/{path[len(own_scripts) :]}", is_executable))
                continue
            groups.setdefault(parent, []).append(name)
            layout.owned.append((_joined(place(parent), name), size, is_executable, sha256))
        layout._link(groups, tree.files, place)
        if bytecode is not None:
            groups = {}
            for path, size in bytecode.entries:
                parent, _, name = path.rpartition("/")
                groups.setdefault(parent, []).append(name)
                layout.compiled.append((_joined(place(parent), name), size))
            layout._link(groups, bytecode.files, place)
        return layout

    def _link(self, groups: dict[str, list[str]], files: str, place: Callable[[str], str]) -> None:
        for parent, names in groups.items():
            self.links.setdefault(place(parent), []).append((f"{files}/{parent}" if parent else files, names))


def _joined(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _placement(tree: Tree, site: str, paths: Paths) -> Callable[[str], str]:
    """From a directory of the tree to its destination (PEP 427: the ``.data`` directory is spread)."""
    data = tree.data_dir
    schemes = {
        "purelib": paths.purelib,
        "platlib": paths.platlib,
        "headers": f"{paths.headers}/{tree.name}",
        "data": paths.data,
    }

    def place(parent: str) -> str:
        if not data or not (parent == data or parent.startswith(data + "/")):
            return f"{site}/{parent}" if parent else site
        scheme, _, rest = parent[len(data) + 1 :].partition("/")
        base = schemes[scheme]
        return f"{base}/{rest}" if base and rest else base or rest

    return place


def record_path(site: str, destination: str) -> str:
    """``destination`` as RECORD in ``site`` writes it: relative to site-packages."""
    if destination.startswith(site + "/"):
        return destination[len(site) + 1 :]
    here, there = site.split("/"), destination.split("/")
    while here and there and here[0] == there[0]:
        del here[0], there[0]
    return "/".join([".."] * len(here) + there)


def check_collisions(
    owners: list[tuple[str, list[tuple[str, str]]]], paths: Paths, kept: Mapping[str, tuple[str, Callable[[], str]]]
) -> None:
    """InstallError when two distributions own one path with unequal bytes, or one would replace the environment's own.

    ``owners`` are ``(distribution, [(destination, sha256)])`` of what will be installed; ``kept`` maps each path that
    stays to its distribution and a function that tells its present hash.
    """
    seen: dict[str, tuple[str, str]] = {}
    directories = {path.rpartition("/")[0] for _, rows in owners for path, _ in rows}
    for owner, rows in owners:
        for path, sha256 in rows:
            if "/" not in path or path.startswith((paths.scripts + "/", "lib64/", "../")):
                _check_own(owner, path, paths)
            first = seen.setdefault(path, (owner, sha256))
            if first[1] != sha256:
                raise _collision(path, first[0], owner)
            if path in kept and kept[path][1]() != sha256:
                raise _collision(path, kept[path][0], owner)
            if path in directories:
                raise InstallError(f"{path} is a file in {owner} and a directory in another package")


def _collision(path: str, first: str, second: str) -> InstallError:
    return InstallError(
        f"{first} and {second} both own {path}, with different content; nothing was changed",
        hint="one of the two has to go: these distributions cannot share an environment",
    )


def _check_own(owner: str, path: str, paths: Paths) -> None:
    """The files that make an environment one belong to nobody else."""
    from provenv.wheel.scripts import check_script_name

    top, _, rest = path.partition("/")
    if path.startswith(paths.scripts + "/"):
        if "/" not in rest:
            check_script_name(path[len(paths.scripts) + 1 :], owner)
        return
    if top in ("lib64", "..", "pyvenv.cfg", "provenv-receipt", ".gitignore", "bin", "lib"):
        raise InstallError(f"{owner} would replace {path}, which belongs to the environment; nothing was changed")
