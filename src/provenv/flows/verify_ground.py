"""What is on the disk: every file below site-packages and in ``bin``, without following a single link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

__all__ = ["Ground", "kind_of"]


class Ground:
    """The files of an environment as they are. Paths are relative to ``root``, with ``/``.

    ``sites`` are its site-packages directories and ``programs`` its directory of programs: these are walked whole.
    Anything else is looked at when it is asked for.
    """

    def __init__(self, root: str, sites: Iterable[str], programs: str) -> None:
        self.root = root
        self.sites = tuple(dict.fromkeys(sites))
        self.programs = programs
        self.entries: dict[str, os.stat_result] = {}
        """Everything but directories."""
        self.directories: set[str] = {""}
        self.unreadable: dict[str, str] = {}
        """Directories that the system does not let us read, and why."""
        self._walked: list[str] = []
        for place in (*self.sites, programs):
            self._walk(place, is_deep=place != programs)

    def _walk(self, place: str, *, is_deep: bool) -> None:
        if self.look(place) is not None or place not in self.directories:
            return
        self._walked.append(place)
        waiting = [place]
        while waiting:
            directory = waiting.pop()
            try:
                with os.scandir(f"{self.root}/{directory}") as found:
                    for entry in found:
                        path = f"{directory}/{entry.name}"
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISDIR(status.st_mode):
                            self.directories.add(path)
                            if is_deep:
                                waiting.append(path)
                        else:
                            self.entries[path] = status
            except OSError as problem:
                self.unreadable[directory] = problem.strerror or str(problem)

    def look(self, path: str) -> os.stat_result | None:
        """What lies at a path, if it is no directory and every directory above it is one."""
        if path in self.entries:
            return self.entries[path]
        if path in self.directories or self._is_walked(path):
            return None
        above = path.rpartition("/")[0]
        if above not in self.directories and (self.look(above) is not None or above not in self.directories):
            return None
        try:
            status = os.lstat(f"{self.root}/{path}")
        except OSError:
            return None
        if stat.S_ISDIR(status.st_mode):
            self.directories.add(path)
            return None
        self.entries[path] = status
        return status

    def _is_walked(self, path: str) -> bool:
        return any(
            path.startswith(place + "/") and (place in self.sites or "/" not in path[len(place) + 1 :])
            for place in self._walked
        )

    def obstacle(self, path: str) -> str | None:
        """The nearest thing above a path that is no directory: a link, for one."""
        parts = path.split("/")
        for count in range(1, len(parts)):
            above = "/".join(parts[:count])
            if self.look(above) is not None:
                return above
        return None

    def target(self, path: str) -> str:
        """Where a link leads, as it is written."""
        try:
            return os.readlink(f"{self.root}/{path}")
        except OSError:
            return "?"

    def leads_out(self, path: str) -> bool:
        """Whether a link leads out of the environment."""
        root = os.path.realpath(self.root)
        return not (os.path.realpath(f"{self.root}/{path}") + os.sep).startswith(root + os.sep)

    def below(self, directory: str) -> Iterator[str]:
        """Everything but directories that was seen below a directory."""
        start = directory + "/"
        return (path for path in self.entries if path.startswith(start))


def kind_of(mode: int) -> str:
    """What a file is, in words."""
    for test, word in (
        (stat.S_ISREG, "a file"),
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if test(mode):
            return word
    return "a device"
