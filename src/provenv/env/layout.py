"""Decides where each file of a tree goes, before anything is touched. Pure: paths in, paths out."""

from __future__ import annotations

import marshal

from provenv.store.packed import MARSHAL_VERSION
from provenv.wheel.record import write_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provenv.env.paths import Paths
    from provenv.store.tree import Bytecode, Listing, Tree

__all__ = ["Layout", "record_path"]


class Layout:
    """Where one tree goes. All destinations are relative to the environment's root, with ``/``.

    ``links`` are ``(source directory, destination directory, names)`` of files placed as they are; ``scripts`` are
    ``(path in the tree, destination, is_executable)``, to be looked at; ``record`` are the lines of RECORD for what is
    placed; ``parts`` are ``(prefix, rows)`` for the receipt, with marshalled rows ``(path, size, is_executable)``.
    """

    __slots__ = ("_listings", "_lost", "dist_info", "links", "parts", "record", "scripts", "site", "tree")

    def __init__(self, tree: Tree, paths: Paths) -> None:
        self.tree = tree
        self.site = paths.purelib if tree.is_purelib else paths.platlib
        self.dist_info = f"{self.site}/{tree.dist_info}"
        self.links: list[tuple[str, str, tuple[str, ...]]] = []
        self.scripts: list[tuple[str, str, bool]] = []
        self.record = ""
        self.parts: list[tuple[str, bytes]] = []
        self._listings: list[tuple[str, Listing]] = []
        self._lost: set[str] = set()

    @classmethod
    def from_tree(cls, tree: Tree, bytecode: Bytecode | None, paths: Paths) -> Layout:
        """Sort every file of ``tree``, and of its byte code, to its destination."""
        layout = cls(tree, paths)
        place = _placement(tree, layout.site, paths)
        scripts = f"{tree.data_dir}/scripts" if tree.data_dir else "\0"
        listings: list[tuple[str, Listing]] = [(tree.files, tree.listing)]
        if bytecode is not None:
            listings.append((bytecode.files, bytecode.listing))
        layout._listings = listings
        for files, listing in listings:
            for parent, names in listing.groups:
                if parent != scripts and not parent.startswith(scripts + "/"):
                    layout.links.append((f"{files}/{parent}" if parent else files, place(parent), names))
        if not tree.data_dir:
            layout.record = "".join([listing.record for _, listing in listings])
            layout.parts = [(layout.site, listing.rows) for _, listing in listings]
        else:
            layout._spread(listings, place, scripts + "/", paths)
        return layout

    @property
    def lost(self) -> set[str]:
        """Destinations that are left to another distribution."""
        return self._lost

    def leave(self, lost: set[str]) -> None:
        """Leave the files at these destinations to another distribution: as if the wheel did not bring them."""
        self._lost = lost
        self.links = [
            (source, place, tuple(name for name in names if (f"{place}/{name}" if place else name) not in lost))
            for source, place, names in self.links
        ]
        self.scripts = [script for script in self.scripts if script[1] not in lost]
        gone = {write_record([(record_path(self.site, path), "", "")])[:-3] for path in lost}
        lines = self.record.splitlines(keepends=True)
        self.record = "".join(line for line in lines if line.rstrip("\n").rsplit(",", 2)[0] not in gone)
        self.parts = [(prefix, _rows_without(prefix, rows, lost)) for prefix, rows in self.parts]

    def places(self) -> list[str]:
        """The absolute directories of the store that hold its files."""
        return [files for files, _ in self._listings]

    def sized_links(self) -> Iterator[tuple[str, str, tuple[str, ...], tuple[int, ...]]]:
        """``links`` with the size of each file: ``(source directory, destination directory, names, sizes)``.

        That of a program is ``~size``, as ``env.placing`` wants it.
        """
        sizes: dict[str, list[int]] = {}
        for files, listing in self._listings:
            above, found = None, sizes.setdefault(files, [])
            for path, size, is_executable in marshal.loads(listing.rows):
                parent = path.rpartition("/")[0]
                if parent != above:
                    above, found = parent, sizes.setdefault(f"{files}/{parent}" if parent else files, [])
                found.append(~size if is_executable else size)
        if self._lost:
            yield from self._fewer_links()
            return
        for source, destination, names in self.links:
            yield source, destination, names, tuple(sizes[source])

    def _fewer_links(self) -> Iterator[tuple[str, str, tuple[str, ...], tuple[int, ...]]]:
        sizes = {
            f"{files}/{path}": ~size if is_executable else size
            for files, listing in self._listings
            for path, size, is_executable in marshal.loads(listing.rows)
        }
        for source, destination, names in self.links:
            yield source, destination, names, tuple(sizes[f"{source}/{name}"] for name in names)

    def _spread(
        self, listings: list[tuple[str, Listing]], place: Callable[[str], str], scripts: str, paths: Paths
    ) -> None:
        """A wheel with a ``.data`` directory: file by file, as its paths in the environment are others."""
        digests = {path: sha256 for path, _, _, sha256 in self.tree.entries}
        lines: list[tuple[str, str, str]] = []
        moved: list[tuple[str, int, bool]] = []
        for _, listing in listings:
            for path, size, is_executable in marshal.loads(listing.rows):
                if path.startswith(scripts):
                    self.scripts.append((path, f"{paths.scripts}/{path[len(scripts) :]}", is_executable))
                    continue
                parent, _, name = path.rpartition("/")
                directory = place(parent)
                destination = f"{directory}/{name}" if directory else name
                is_source = path in digests
                digest, length = (f"sha256={digests[path]}", str(size)) if is_source else ("", "")
                lines.append((record_path(self.site, destination), digest, length))
                moved.append((destination, size, is_executable))
        self.record = write_record(lines)
        self.parts = [("", marshal.dumps(tuple(moved), MARSHAL_VERSION))]


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


def _rows_without(prefix: str, rows: bytes, lost: set[str]) -> bytes:
    start = prefix + "/" if prefix else ""
    return marshal.dumps(tuple(row for row in marshal.loads(rows) if start + row[0] not in lost), MARSHAL_VERSION)


def record_path(site: str, destination: str) -> str:
    """``destination`` as RECORD in ``site`` writes it: relative to site-packages."""
    if destination.startswith(site + "/"):
        return destination[len(site) + 1 :]
    here, there = site.split("/"), destination.split("/")
    while here and there and here[0] == there[0]:
        del here[0], there[0]
    return "/".join([".."] * len(here) + there)
