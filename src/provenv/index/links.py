"""Which file names and links of a page may be used. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from provenv.index.page import NotAnIndexPage

__all__ = ["check_rest", "filename_problem", "is_archive_name", "once", "url_problem"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    Entry = TypeVar("Entry")

_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg")


def is_archive_name(filename: str) -> bool:
    """Whether indexes offer, or once offered, files with such an ending."""
    return filename.lower().endswith(_ARCHIVES)


def filename_problem(filename: str) -> str | None:
    """Why a file name cannot be one: it must be a plain name, for it may become part of a path."""
    if not filename or filename in (".", ".."):
        return "no file name"
    if "/" in filename or "\\" in filename or any(ord(char) < 32 or ord(char) == 127 for char in filename):
        return "the file name holds characters that no file name may hold"
    if not filename.isascii():
        # Names, versions and tags are ASCII: a look-alike letter is there to deceive.
        return "the file name holds characters outside of ASCII"
    return None


def url_problem(url: str, base_url: str) -> str | None:
    """Why a link of a page at ``base_url`` may not be followed. A remote page cannot name a file of this computer."""
    if "[" in url or "]" in url or not url.isascii():
        try:
            urlsplit(url)
        except ValueError as error:
            return f"the link cannot be read: {error}"
    scheme, colon, _ = url.partition(":")
    if not colon or not scheme.isascii() or not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
        return None
    scheme = scheme.lower()
    if scheme in ("http", "https"):
        return None
    if scheme == "file" and base_url.startswith("file:"):
        return None
    return f"the link has the scheme `{scheme}`"


def once(
    files: Sequence[tuple[str, Entry]], hashes: Callable[[Entry], Sequence[tuple[str, str]]]
) -> tuple[list[tuple[str, Entry]], list[tuple[str, str]]]:
    """Each file name once, and what is left out with the reason: nobody can tell which of two files is meant."""
    first: dict[str, tuple[str, Entry]] = {}
    doubtful: set[str] = set()
    for file in files:
        known = first.setdefault(file[0], file)
        before, here = dict(hashes(known[1])), dict(hashes(file[1]))
        if any(here.get(algorithm, digest) != digest for algorithm, digest in before.items()):
            doubtful.add(file[0])
        elif here and not before:
            first[file[0]] = file
    kept = [file for name, file in first.items() if name not in doubtful]
    return kept, [(name[:200], "the page lists it twice, with different hashes") for name in sorted(doubtful)]


def check_rest(files: Sequence[object], twice: Sequence[tuple[str, str]]) -> None:
    """Raise NotAnIndexPage when nothing is left of a page that lists names twice."""
    if twice and not files:
        raise NotAnIndexPage(f"it lists {twice[0][0]} twice, with different hashes")
