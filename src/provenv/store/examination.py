"""Looks at everything in the store: what is there, and what of it is not as it was published."""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

from provenv.store.durable import name_of
from provenv.store.inspection import Fault, extra_in, fault_of, hash_of, rows_of_bytecode, rows_of_tree, side_by_side
from provenv.store.packed import unpack
from provenv.store.shelves import read_if_there
from provenv.store.tree import SHARED, Bytecode, Tree, bytecode_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from provenv.store.inspection import Row
    from provenv.store.shelves import Shelves

__all__ = ["KINDS", "Thing", "examine", "things"]

KINDS = ("blobs", "trees", "bytecode", "shared", "built", "origins", "environments")
"""The shelves, in the order in which they are mended: what comes later is made from what comes before."""

_HEX = "0123456789abcdef"
_STRAY = "does not belong there"


class Thing:
    """One object of the store, or a stray file between them (then ``key`` is empty).

    ``faults`` is what ``examine`` found. ``told`` names it for people.
    """

    __slots__ = ("faults", "key", "kind", "path", "tag", "told")

    def __init__(self, kind: str, key: str, path: str, tag: str = "") -> None:
        self.kind = kind
        self.key = key
        self.path = path
        self.tag = tag
        """The kind of interpreter, of byte code."""
        self.told = ""
        self.faults: list[Fault] = []

    @property
    def is_rotten(self) -> bool:
        """Whether it may not be used as it is; modes and times can be set right."""
        return any(not fault.is_harmless for fault in self.faults)

    def __repr__(self) -> str:
        return f"Thing({self.kind!r}, {self.key!r}, {self.faults!r})"


def things(shelves: Shelves) -> list[Thing]:
    """Everything on the shelves, sorted; nothing is read."""
    found: list[Thing] = []
    for kind in KINDS:
        shelf = f"{shelves.base}/{kind}"
        if kind == "environments":
            found += [Thing(kind, name, f"{shelf}/{name}") for name in _names(shelf)]
        elif kind == "bytecode":
            for tag in _names(shelf):
                found += _on_shelf(kind, f"{shelf}/{tag}", tag)
        else:
            found += _on_shelf(kind, shelf, "")
    return found


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _on_shelf(kind: str, shelf: str, tag: str) -> Iterator[Thing]:
    if os.path.lexists(shelf) and (os.path.islink(shelf) or not os.path.isdir(shelf)):
        yield Thing(kind, "", shelf, tag)
        return
    for short in _names(shelf):
        place = f"{shelf}/{short}"
        if len(short) != 2 or short.strip(_HEX) or os.path.islink(place) or not os.path.isdir(place):
            yield Thing(kind, "", place, tag)
            continue
        for key in _names(place):
            is_key = key.startswith(short) and not key.strip(_HEX) and len(key) >= 32
            if not key.startswith(".new-"):
                yield Thing(kind, key if is_key else "", f"{place}/{key}", tag)


def examine(shelves: Shelves, found: Sequence[Thing], told: Callable[[int, str], None] | None = None) -> list[Thing]:
    """Compare all with what they must be, on all cores; those with faults. ``told`` hears bytes and a name."""
    report = told or (lambda amount, name: None)
    work: list[tuple[Thing, str, Row, bool]] = []
    for thing in found:
        thing.faults = []
        if not thing.key:
            thing.faults.append(Fault("", _STRAY))
            continue
        files, rows, has_times = _EXAMINERS[thing.kind](shelves, thing)
        work += [(thing, files, row, has_times) for row in rows]
    work.sort(key=lambda item: -item[2][1])

    def look(item: tuple[Thing, str, Row, bool]) -> tuple[Thing, Fault | None]:
        thing, files, row, has_times = item
        fault = fault_of(files, row, has_times=has_times)
        report(row[1], thing.told)
        return thing, fault

    for thing, fault in side_by_side(look, work, shelves.workers):
        if fault is not None:
            thing.faults.append(fault)
    _compare_with_wheels(shelves, found)
    for thing in found:
        if thing.kind == "trees" and thing.is_rotten:
            _tell_contradictions(shelves, thing)
    for thing in found:
        thing.faults.sort(key=lambda fault: (fault.path, fault.what))
    return [thing for thing in found if thing.faults]


# One function for each kind: what is wrong at once, and the files that must be read.


def _blob(shelves: Shelves, thing: Thing) -> tuple[str, list[Row], bool]:
    thing.told = thing.key
    try:
        status = os.lstat(thing.path)
    except OSError:
        return "", [], False
    if not S_ISREG(status.st_mode):
        thing.faults.append(Fault("", "is no file"))
        return "", [], False
    if len(thing.key) != 64:
        thing.faults.append(Fault("", _STRAY))
        return "", [], False
    # The mode is looked at as if it were a file of a tree; whatever size it has, only the hash counts.
    directory, _, name = thing.path.rpartition("/")
    return directory, [(name, status.st_size, False, bytes.fromhex(thing.key))], False


def _tree(shelves: Shelves, thing: Thing) -> tuple[str, list[Row], bool]:
    data = _manifest(thing, {"files", "manifest"})
    tree = None if data is None else Tree.from_manifest(data, thing.path, thing.key)
    if tree is None:
        return _without_manifest(thing)
    thing.told = tree.filename
    rows = rows_of_tree(tree)
    thing.faults += extra_in(tree.files, rows)
    return tree.files, rows, True


def _bytecode(shelves: Shelves, thing: Thing) -> tuple[str, list[Row], bool]:
    data = _manifest(thing, {"files", "manifest"})
    code = None if data is None else Bytecode.from_manifest(data, thing.path, bytecode_key(thing.tag, thing.key))
    if code is None:
        return _without_manifest(thing)
    tree_manifest = read_if_there(shelves.place("trees", thing.key) + "/manifest")
    tree = None if tree_manifest is None else Tree.from_manifest(tree_manifest, "", thing.key)
    thing.told = f"byte code of {tree.filename if tree is not None else thing.key} for {thing.tag}"
    rows = rows_of_bytecode(code)
    thing.faults += extra_in(code.files, rows)
    return code.files, rows, True


def _shared(shelves: Shelves, thing: Thing) -> tuple[str, list[Row], bool]:
    from provenv.store.inventory import read_inventory

    thing.told = "shared environment " + thing.key[:12]
    data = _manifest(thing, None)
    rows = read_inventory(thing.path, thing.key)
    if data is None or unpack(SHARED, data) is None or rows is None:
        return _without_manifest(thing)
    thing.faults += [fault for fault in extra_in(thing.path, rows) if fault.path not in ("manifest", "inventory")]
    return thing.path, rows, False


def _record(mark: bytes) -> Callable[[Shelves, Thing], tuple[str, list[Row], bool]]:
    def look(shelves: Shelves, thing: Thing) -> tuple[str, list[Row], bool]:
        thing.told = f"record {thing.key[:12]} of {thing.kind}"
        is_file = os.path.isfile(thing.path) and not os.path.islink(thing.path)
        value = unpack(mark, _content(thing.path)) if is_file else None
        key = name_of(os.fsdecode(value)) if thing.kind == "environments" and value is not None else None
        if value is None or (key or value[0]) != thing.key:
            thing.faults.append(Fault("", "is damaged, or that of something else"))
        elif os.stat(thing.path).st_mode & 0o222:
            thing.faults.append(Fault("", "can be written", is_harmless=True))
        return "", [], False

    return look


_EXAMINERS: dict[str, Callable[[Shelves, Thing], tuple[str, list[Row], bool]]] = {
    "blobs": _blob,
    "trees": _tree,
    "bytecode": _bytecode,
    "shared": _shared,
    "built": _record(b"provenv built 2\n"),
    "origins": _record(b"provenv origin 1\n"),
    "environments": _record(b"provenv environment 1\n"),
}


def _content(path: str) -> bytes:
    try:
        return read_if_there(path) or b""
    except OSError:
        return b""


def _manifest(thing: Thing, known: set[str] | None) -> bytes | None:
    """The bytes of a manifest; ``known`` is all that may lie beside it."""
    thing.told = thing.told or thing.key
    try:
        if not S_ISDIR(os.lstat(thing.path).st_mode) or not S_ISREG(os.lstat(thing.path + "/manifest").st_mode):
            return None
    except OSError:
        return None
    if known is not None:
        thing.faults += [Fault(name, _STRAY) for name in _names(thing.path) if name not in known]
    if os.lstat(thing.path + "/manifest").st_mode & 0o222:
        thing.faults.append(Fault("manifest", "can be written", is_harmless=True))
    return _content(thing.path + "/manifest")


def _without_manifest(thing: Thing) -> tuple[str, list[Row], bool]:
    thing.faults.append(Fault("", "its manifest is missing, damaged, or that of something else"))
    return "", [], False


def _compare_with_wheels(shelves: Shelves, found: Sequence[Thing]) -> None:
    """A manifest that is whole may still not tell what the wheel says: its RECORD decides, where the wheel is there."""
    rotten_blobs = {thing.key for thing in found if thing.kind == "blobs" and thing.is_rotten}
    trees = [thing for thing in found if thing.kind == "trees" and not thing.is_rotten]
    checked = {thing.key for thing in found if thing.kind == "blobs"} - rotten_blobs

    def compare(thing: Thing) -> str:
        blob = shelves.place("blobs", thing.key)
        if thing.key not in checked and hash_of(blob).hex() != thing.key:
            return ""
        data = read_if_there(thing.path + "/manifest")
        tree = None if data is None else Tree.from_manifest(data, thing.path, thing.key)
        return "" if tree is None else _difference(tree, blob)

    for thing, difference in zip(trees, side_by_side(compare, trees, shelves.workers), strict=True):
        if difference:
            thing.faults.append(Fault(difference, "is not what the wheel's RECORD says"))


def _tell_contradictions(shelves: Shelves, thing: Thing) -> None:
    """Files that are as their wheel has them, though its RECORD tells another hash: nobody changed those."""
    from provenv.store.contradiction import contradictions

    suspected = {fault.path for fault in thing.faults if not fault.is_harmless}
    data = read_if_there(thing.path + "/manifest")
    tree = None if data is None else Tree.from_manifest(data, thing.path, thing.key)
    if tree is None or not suspected:
        return
    for path, digest in contradictions(tree, shelves.place("blobs", thing.key), suspected).items():
        if hash_of(f"{tree.files}/{path}") == digest:
            others = [fault for fault in thing.faults if fault.path != path]
            thing.faults = [*others, Fault(path, "is as its wheel has it, but the wheel's RECORD tells another hash")]


def _difference(tree: Tree, blob: str) -> str:
    """The first path on which a tree's manifest and the RECORD inside its wheel do not agree."""
    from zipfile import BadZipFile, ZipFile

    from provenv.errors import ProvenvError
    from provenv.wheel.record import digest_for_record, parse_record

    known = {path: (size, digest) for path, size, _, digest in tree.entries}
    try:
        with ZipFile(blob) as archive:
            rows = parse_record(archive.read(f"{tree.dist_info}/RECORD").decode(), tree.filename)
            members = {name for name in archive.namelist() if not name.endswith("/")}
    except (BadZipFile, KeyError, ValueError, OSError, ProvenvError, NotImplementedError):
        return f"{tree.dist_info}/RECORD"
    for path in sorted(members):
        row = rows.get(path)
        size, digest = known.get(path, (-1, ""))
        if not digest or (
            row is not None
            and row.digest is not None
            and row.algorithm == "sha256"
            and (digest_for_record(row.digest) != digest or row.size not in (None, size))
        ):
            return path
    return next((path for path in sorted(known) if path not in members), "")
