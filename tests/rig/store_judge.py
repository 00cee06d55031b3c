"""The independent judge of a store: whatever can be seen under an object's name is that object, whole.

The layout is the one that ``provenv.store.store`` tells; nothing else of the product is used. What is private work
(``tmp``), a lock or in quarantine is nobody's object.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import zipfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

__all__ = ["judge_store", "store_of"]


def store_of(cache: Path) -> Path:
    """Where the store lies in a cache directory."""
    return cache / "store" / "v1"


def judge_store(cache: Path, wheels: Iterable[Path]) -> list[str]:
    """What is wrong with the published objects of a store that was filled from ``wheels``; empty when all are good."""
    base = store_of(cache)
    known = {_sha256(wheel): wheel for wheel in wheels}
    return [
        *_blobs(base / "blobs"),
        *_trees(base / "trees", known),
        *_bytecode(base / "bytecode", known),
        *_shared(base / "shared", known.values()),
    ]


def _blobs(shelf: Path) -> Iterator[str]:
    for path in shelf.glob("*/*"):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
            yield f"blob {path.name[:12]} has another hash"


def _trees(shelf: Path, known: dict[str, Path]) -> Iterator[str]:
    for tree in shelf.glob("*/*"):
        wheel = known.get(tree.name)
        if wheel is None:
            yield f"tree {tree.name[:12]} is of no known wheel"
            continue
        if not (tree / "manifest").is_file():
            yield f"tree of {wheel.name} has no manifest"
        expected = _members(wheel, wheel.stat().st_mtime_ns)
        found = {path: (tree / "files" / path).read_bytes() for path in _files(tree / "files")}
        yield from (f"tree of {wheel.name}: {path} is missing" for path in expected.keys() - found.keys())
        yield from (f"tree of {wheel.name}: {path} is extra" for path in found.keys() - expected.keys())
        for path in expected.keys() & found.keys():
            if expected[path] != found[path]:
                yield f"tree of {wheel.name}: {path} has other bytes"


def _bytecode(shelf: Path, known: dict[str, Path]) -> Iterator[str]:
    """Against the wheels: the tree that it was compiled from may have been pruned."""
    for one in shelf.glob("*/*/*"):
        wheel = known.get(one.name)
        if wheel is None or not (one / "manifest").is_file():
            yield f"byte code {one.name[:12]} has no manifest, or is of no known wheel"
            continue
        sources = _members(wheel, wheel.stat().st_mtime_ns)
        for path in _files(one / "files"):
            place, _, name = path.rpartition("__pycache__/")
            code = (one / "files" / path).read_bytes()
            if code[:4] == importlib.util.MAGIC_NUMBER:
                data = sources.get(place + name.split(".")[0] + ".py")
                if data is None or not _fits(code, data):
                    yield f"byte code of {wheel.name}: {path} is not that of its source"


@lru_cache(maxsize=8192)
def _fits(code: bytes, source: bytes) -> bool:
    if code[12:16] != len(source).to_bytes(4, "little"):
        return False
    try:
        return bool(marshal.loads(code[16:]) == compile(source, "module", "exec", dont_inherit=True))
    except (ValueError, EOFError, TypeError):
        return False


def _shared(shelf: Path, wheels: Iterable[Path]) -> Iterator[str]:
    contents: dict[str, set[bytes]] = {}
    for wheel in wheels:
        for path, data in _members(wheel, wheel.stat().st_mtime_ns).items():
            contents.setdefault(path, set()).add(data)
    for one in shelf.glob("*/*"):
        if not (one / "manifest").is_file():
            yield f"shared environment {one.name[:12]} has no manifest"
        for site in one.glob("lib/python3.*/site-packages"):
            for path in _files(site):
                if (
                    path in contents
                    and not path.endswith("/RECORD")
                    and (site / path).read_bytes() not in contents[path]
                ):
                    yield f"shared environment {one.name[:12]}: {path} has other bytes"


@lru_cache(maxsize=256)
def _members(wheel: Path, _mtime: int) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


@lru_cache(maxsize=256)
def _hash(wheel: Path, _mtime: int) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def _sha256(wheel: Path) -> str:
    return _hash(wheel, wheel.stat().st_mtime_ns)


def _files(root: Path) -> Iterator[str]:
    for directory, _, names in os.walk(root):
        below = os.path.relpath(directory, root)
        yield from (name if below == "." else f"{below}/{name}" for name in names)
