"""Where a symbolic link of an archive leads, found out among the members alone: no file system is asked."""

from __future__ import annotations

from provenv.archives.judge import Judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Links"]

_MOST_STEPS = 40


class Links:
    """The members of one archive: files and directories as they come, links by what they say."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._files: dict[str, None] = {}
        self._directories = {""}
        self._targets: dict[str, str] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all links, in the order of the archive."""
        return tuple(self._targets)

    def add_file(self, path: str) -> None:
        """A regular file, or another name of one."""
        self._files[path] = None
        self.add_directory(path.rpartition("/")[0])

    def add_directory(self, path: str) -> None:
        """A directory, and those that it lies in."""
        while path not in self._directories:
            self._directories.add(path)
            path = path.rpartition("/")[0]

    def add_link(self, path: str, target: str) -> None:
        """A symbolic link; IntegrityError for a target that is no relative path."""
        if not target or target.startswith("/") or "\\" in target or ":" in target.partition("/")[0]:
            self._judge.refuse("a link to a file inside", f"one to {target!r}", path)
        self._targets[path] = target
        self.add_directory(path.rpartition("/")[0])

    def is_file(self, path: str) -> bool:
        """Whether a regular file of that path came before."""
        return path in self._files

    def copies(self, link: str) -> Iterator[tuple[str, str]]:
        """``(file, path)`` of every copy that takes the place of a link: one, or a whole directory; none where it leads
        to nothing. Raises IntegrityError for what leads outside.
        """
        yield from self._copies(link, link, 0)

    def _copies(self, link: str, place: str, depth: int) -> Iterator[tuple[str, str]]:
        found = self._resolved(link)
        if found is None:
            return
        if found in self._files:
            yield found, place
            return
        if depth > _MOST_STEPS or f"{link}/".startswith(f"{found}/" if found else ""):
            self._judge.refuse("a link to a file or to another directory", "one that leads into itself", link)
        below = found + "/"
        for path in self._files:
            if path.startswith(below):
                yield path, f"{place}/{path[len(below) :]}"
        for path in self._targets:
            if path.startswith(below):
                yield from self._copies(path, f"{place}/{path[len(below) :]}", depth + 1)

    def _resolved(self, link: str) -> str | None:
        """The file or directory that a link leads to in the end; None when there is nothing."""
        at = link.split("/")[:-1]
        waiting = self._targets[link].split("/")[::-1]
        steps = 0
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not at:
                    self._judge.refuse("a link to a file inside", f"one to {self._targets[link]!r}", link)
                at.pop()
                continue
            path = "/".join((*at, part))
            if path in self._targets:
                steps += 1
                if steps > _MOST_STEPS:
                    self._judge.refuse("a link that leads somewhere", "one that leads into itself", link)
                waiting += self._targets[path].split("/")[::-1]
            elif path in self._directories or (path in self._files and not any(waiting)):
                at.append(part)
            else:
                # Nothing is there; but whether the rest leads outside must be seen all the same.
                at.append(part)
                self._check_rest(link, len(at), waiting)
                return None
        return "/".join(at)

    def _check_rest(self, link: str, depth: int, waiting: list[str]) -> None:
        for part in reversed(waiting):
            depth += -1 if part == ".." else part not in ("", ".")
            if depth < 0:
                self._judge.refuse("a link to a file inside", f"one to {self._targets[link]!r}", link)
