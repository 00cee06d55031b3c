"""Names of members: what can be a path below a directory, on every system, and only one of them.

A path is relative and has no empty, ``.`` or ``..`` parts; nothing in it is invisible or turns the line around; and
no two paths are one file to a file system that ignores case or the form of letters (Unicode Standard Annex 15).
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.archives.judge import Judge

__all__ = ["Names", "check_path"]

_LONGEST_PART = 255
_LONGEST = 4096
# Nearly all names are of this kind, and need no closer look.
_ORDINARY = re.compile(r"(?:[A-Za-z0-9_+.-]*[A-Za-z0-9_+-]/)*[A-Za-z0-9_+.-]*[A-Za-z0-9_+-]")
_DEVICE = re.compile(r"(?:\A|/)(?:aux|con|nul|prn|com[0-9]|lpt[0-9]|conin\$|conout\$)(?:[./]|\Z)", re.IGNORECASE)
"""What Windows takes for a device, in every directory and with every suffix."""
_DRIVE = re.compile(r"[A-Za-z]:")
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
"""Control characters, marks that turn the direction of a line, line separators, and what is no character at all."""


def check_path(path: str, judge: Judge) -> None:
    """Let ``judge`` refuse what cannot be the path of a member; ``path`` has no slash at its end."""
    if not (len(path) < _LONGEST_PART and _ORDINARY.fullmatch(path)):
        _look_closer(path, judge)
    if judge.is_for_windows and _DEVICE.search(path):
        judge.frown("a name that every system allows", "the name of a device of Windows", path)


def _look_closer(path: str, judge: Judge) -> None:
    if "\\" in path or _HIDDEN.search(path):
        judge.refuse("a plain relative path", "a control character or a backslash", path)
    if path.startswith("/") or _DRIVE.match(path):
        judge.refuse("a relative path", "an absolute one", path)
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        judge.refuse("a path without empty, '.' or '..' parts", "such a part", path)
    if len(path.encode()) > _LONGEST or any(len(part.encode()) > _LONGEST_PART for part in parts):
        judge.refuse(f"a path of at most {_LONGEST} bytes, and {_LONGEST_PART} in each part", "a longer one", path)
    if not judge.is_for_windows:
        return
    if any(part[-1] in ". " for part in parts):
        judge.frown("a name that every system allows", "one with a dot or a space at its end", path)
    if ":" in path:
        judge.frown("a name that every system allows", "one with a colon", path)


class Names:
    """The names of one archive so far. ``add`` lets the judge refuse what meets one that is there."""

    __slots__ = ("_directories", "_files", "_judge", "_spelled", "_told")

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._files: set[str] = set()
        self._directories = {""}
        self._told: set[str] = set()
        self._spelled: dict[str, str] = {}

    def add(self, path: str, *, is_directory: bool = False) -> None:
        """Take in a member. Raises IntegrityError for a second one of its name, and for a file that has members."""
        parent = path.rpartition("/")[0]
        if parent not in self._directories:
            self.add_directories(parent)
        if is_directory:
            if path in self._told:
                self._judge.frown("one member of this name", "a second entry of the directory", path)
            self._told.add(path)
            self._add_directory(path)
            return
        if path in self._files:
            self._judge.refuse("one member of this name", "two", path)
        if path in self._directories:
            self._judge.refuse("a file or a directory", "both", path)
        self._files.add(path)
        self._spell(path)

    def __contains__(self, path: str) -> bool:
        """Whether a member that is no directory has this name."""
        return path in self._files

    def add_directories(self, path: str) -> None:
        """Take in a directory and those that it lies in, however often each is told."""
        missing = []
        while path not in self._directories:
            missing.append(path)
            path = path.rpartition("/")[0]
        for one in reversed(missing):
            self._add_directory(one)

    def _add_directory(self, path: str) -> None:
        if path in self._files:
            self._judge.refuse("a file or a directory", "both", path)
        if path not in self._directories:
            self._directories.add(path)
            self._spell(path)

    def _spell(self, path: str) -> None:
        if path.isascii():
            key = path.lower()
        else:
            from unicodedata import normalize

            key = normalize("NFKC", normalize("NFKC", path).casefold())
        other = self._spelled.setdefault(key, path)
        if other != path:
            self._judge.frown("names that differ in more than case and form of letters", f"also {other!r}", path)
