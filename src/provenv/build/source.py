"""Unpacks source archives, whoever made them: nothing is written outside, and nothing leads outside.

The rules are those of PEP 706's ``data`` filter: no absolute paths, no ``..``, no devices, no links to the outside.
"""

from __future__ import annotations

import calendar
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from typing import IO

from provenv.errors import InputError

__all__ = ["ARCHIVE_ERRORS", "is_source_archive", "is_zip", "unpack_source"]

ARCHIVE_ERRORS = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
"""What reading a damaged archive may raise, besides OSError."""

_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz", ".tar.lzma", ".tlz", ".tar", ".zip")


def is_source_archive(filename: str) -> bool:
    """Whether a file name is that of an archive that can be unpacked here."""
    return filename.lower().endswith(_SUFFIXES)


def is_zip(path: str) -> bool:
    """Whether a file is a ZIP archive, by its first bytes. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack_source(path: str, into: str, *, filename: str | None = None) -> str:
    """Unpack a source archive into the empty directory ``into``; the directory of the tree in it.

    Raises InputError, which names ``filename``, when a member may not be there or the archive is damaged.
    """
    where = filename or os.path.basename(path)
    try:
        if is_zip(path):
            _unpack_zip(path, into, where)
        else:
            _unpack_tar(path, into, where)
    except ARCHIVE_ERRORS as error:
        raise InputError(where, f"the archive cannot be read: {error}") from error
    except OSError as error:
        raise InputError(where, f"the archive cannot be unpacked: {error}") from error
    return _top(into, where)


def _top(into: str, where: str) -> str:
    """The one directory of an archive; files that begin with a dot beside it are another program's remarks."""
    names = [name for name in os.listdir(into) if not name.startswith(".")]
    if len(names) == 1 and os.path.isdir(os.path.join(into, names[0])):
        return os.path.join(into, names[0])
    if {"pyproject.toml", "setup.py"} & set(names):
        return into
    raise InputError(where, f"a source archive holds one directory; this one holds {len(names)} files and directories")


def _inside(name: str, into: str, where: str) -> str:
    """The absolute place of a member. Raises InputError when it is not below ``into``."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or (parts and ":" in parts[0]):
        raise InputError(where, f"its member `{name}` would be written outside of the directory")
    return os.path.join(into, *parts)


def _unpack_zip(path: str, into: str, where: str) -> None:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            place = _inside(info.filename, into, where)
            if info.is_dir():
                os.makedirs(place, exist_ok=True)
                continue
            with archive.open(info) as content:
                is_executable = bool(info.external_attr >> 16 & 0o100)
                _write(place, content, calendar.timegm((*info.date_time, 0, 0, 0)), is_executable=is_executable)


def _unpack_tar(path: str, into: str, where: str) -> None:
    links: list[tuple[str, str, str]] = []
    with tarfile.open(path) as archive:
        for member in archive:
            place = _inside(member.name, into, where)
            if member.isdir():
                os.makedirs(place, exist_ok=True)
            elif member.isfile():
                content = archive.extractfile(member)
                assert content is not None, "a regular file has a content"
                _write(place, content, member.mtime, is_executable=bool(member.mode & 0o100))
            elif member.issym():
                links.append((place, member.linkname, member.name))
            elif member.islnk():
                _copy(_inside(member.linkname, into, where), place, member.name, where)
            else:
                raise InputError(where, f"its member `{member.name}` is neither a file, a directory nor a link")
    _make_links(links, into, where)


def _write(place: str, content: IO[bytes], moment: float, *, is_executable: bool) -> None:
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    os.chmod(place, 0o755 if is_executable else 0o644)
    # Some builds compare times: what was generated from a file is newer than it.
    os.utime(place, (moment, moment))


def _copy(source: str, place: str, name: str, where: str) -> None:
    if not os.path.isfile(source):
        raise InputError(where, f"its member `{name}` is a link to a file that is not before it in the archive")
    os.makedirs(os.path.dirname(place), exist_ok=True)
    shutil.copy2(source, place)


def _make_links(links: list[tuple[str, str, str]], into: str, where: str) -> None:
    """Make the symbolic links last, so that no member is written through one; none may lead outside."""
    root = os.path.realpath(into)
    made = []
    for place, target, name in links:
        if os.path.lexists(place):
            continue
        # A link may lie behind another one, and what that one leads to may only now have come into being.
        _check_inside(os.path.dirname(place), root, name, where)
        if os.path.isabs(target):
            raise _leads_outside(name, where)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.symlink(target, place)
        made.append((place, name))
    for place, name in made:
        _check_inside(place, root, name, where)


def _check_inside(place: str, root: str, name: str, where: str) -> None:
    if os.path.commonpath([root, os.path.realpath(place)]) != root:
        raise _leads_outside(name, where)


def _leads_outside(name: str, where: str) -> InputError:
    return InputError(where, f"its member `{name}` is a link that leads outside of the directory")
