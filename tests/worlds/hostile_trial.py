"""Gives hostile archives to the store and to the unpacking of sources, in a process of its own, and tells what came.

``python -m tests.worlds.hostile_trial DIRECTORY LENGTHS`` prints one line of JSON per trial, and the peak of memory.
Beside every destination lie files that nobody may touch.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from provenv.archives.judge import Judge
from provenv.archives.links import Links
from provenv.archives.tar import DIRECTORY, SYMBOLIC_LINK, read_tar
from provenv.archives.zip import contents, read_archive
from provenv.build.source import unpack_source
from provenv.errors import ProvenvError
from provenv.store.store import Store
from tests.worlds.hostile_sdists import hostile_sdists
from tests.worlds.hostile_wheels import hostile_wheels

__all__ = ["CORPUS", "is_about_links", "main"]

CORPUS = Path(__file__).parents[1] / "data/hostile"
_LENGTHS = (40, 80, 100, 140, 180, 220, 250)
"""Of the destination's path: whether a check by the system sees the end of a long link depends on it."""
_SENTINELS = ("up.py", "up", "etc/passwd", "site-packages_evil/x.py", "setup.py", "00/0000/files/x.py")
_SYSTEM = ("/tmp/up.py", "/tmp/up", "/up.py", "/up", "/etc/up")


def _peak() -> int:
    """The most memory (bytes) that this program had; what its process had before it was this program is another's."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def is_about_links(name: str) -> bool:
    """Whether a case is one of links, which are tried with destinations of several lengths."""
    return name.startswith(("link", "hard", "zip-symlink", "file-and-link", "directory-and-link"))


def main() -> None:
    """Run every case."""
    root, lengths = Path(sys.argv[1]), int(sys.argv[2])
    for name, filename, data in hostile_wheels():
        _tell(f"wheel {name}", root, lambda place, f=filename, d=data: _wheel(place, f, d))  # type: ignore[misc]
    for name, filename, data in hostile_sdists():
        for length in _LENGTHS[:lengths] if is_about_links(name) else (0,):
            place = _padded(root, length)
            trial = f"sdist {name}" + (f" {length}" if length else "")
            _tell(trial, place, lambda place, f=filename, d=data: _source(place, f, d))  # type: ignore[misc]
    for path in sorted(CORPUS.rglob("*")):
        if path.suffix in (".zip", ".whl", ".tar"):
            look = _look_into_tar if path.suffix == ".tar" else _look_into_zip
            _tell(path.relative_to(CORPUS).as_posix(), root, lambda place, look=look, path=path: look(path))  # type: ignore[misc]
    print(json.dumps({"peak": _peak()}))  # noqa: T201


def _padded(root: Path, length: int) -> Path:
    """A directory below ``root`` whose path is about as long as wanted."""
    missing = length - len(str(root)) - 1
    return root / ("p" * missing) if missing > 0 else root


def _tell(name: str, root: Path, work: Callable[[Path], None]) -> None:
    place = root / "trial"
    for own in ("into", "store"):
        shutil.rmtree(place / own, ignore_errors=True)
    for sentinel in _SENTINELS:
        if not (place / sentinel).exists():
            (place / sentinel).parent.mkdir(parents=True, exist_ok=True)
            (place / sentinel).write_text("not to be touched\n")
    before = dict(_seen(place))
    told = {"name": name, "verdict": "accepted", "message": ""}
    begin = time.monotonic()
    try:
        work(place)
    except ProvenvError as error:
        told |= {"verdict": "refused", "message": str(error)}
    except BaseException as error:
        told |= {"verdict": "crashed", "message": repr(error)}
    seconds = time.monotonic() - begin
    after = dict(_seen(place))
    touched = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    touched += [path for path in _SYSTEM if os.path.lexists(path)]
    print(json.dumps({**told, "seconds": round(seconds, 3), "touched": touched}))  # noqa: T201


def _seen(place: Path) -> Iterator[tuple[str, object]]:
    """All that is in a place but the destination itself, which is private until it is good."""
    for directory, directories, files in os.walk(place):
        directories[:] = [one for one in directories if Path(directory, one) not in (place / "into", place / "store")]
        for one in (*files, *directories):
            path = os.path.join(directory, one)
            status = os.lstat(path)
            yield path, (status.st_mode, status.st_size, status.st_mtime_ns if one in files else 0, status.st_ino)


def _wheel(place: Path, filename: str, data: bytes) -> None:
    path = place / "store" / filename
    path.parent.mkdir()
    path.write_bytes(data)
    store = Store(place / "store/cache", durability="never")
    sha256 = store.adopt(path)
    try:
        store.unpack(sha256, filename)
    finally:
        base = place / "store/cache/v1"
        left = [str(one) for one in (base / "tmp").rglob("*") if one.is_file()]
        if store.tree(sha256) is None and (left or any(base.glob("trees/**/*.py"))):
            raise RuntimeError(f"left behind: {left}")


def _source(place: Path, filename: str, data: bytes) -> None:
    path = place / "store" / filename
    path.parent.mkdir()
    path.write_bytes(data)
    (place / "into").mkdir()
    unpack_source(str(path), str(place / "into"), filename=filename)


def _look_into_zip(path: Path) -> None:
    with memoryview(path.read_bytes()) as view:
        judge = Judge(path.name)
        members = read_archive(view, path.name, judge)
        for member in members:
            for _ in contents(view, member, judge):
                pass


def _look_into_tar(path: Path) -> None:
    judge = Judge(path.name)
    links = Links(judge)
    files: dict[str, bytes] = {}
    with path.open("rb") as file:
        for entry, pieces in read_tar(file.read, judge):
            content = b"".join(pieces)
            if entry.is_again and content != files[entry.path]:
                judge.refuse("one member of this name", "two that differ", entry.path)
            files[entry.path] = content
            if entry.kind == SYMBOLIC_LINK:
                links.add_link(entry.path, entry.target)
            elif entry.kind == DIRECTORY:
                links.add_directory(entry.path)
            else:
                links.add_file(entry.path)
    for link in links.paths:
        list(links.copies(link))


if __name__ == "__main__":
    main()
