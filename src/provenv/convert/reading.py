"""Takes values out of foreign TOML, and names file and key of what cannot be."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from provenv.errors import InputError

__all__ = ["Table", "filename_of", "hashes_of", "parse_toml"]

_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128, "blake2b": 128}


class Table:
    """A table of a document, and where it stands."""

    __slots__ = ("value", "where")

    def __init__(self, value: Mapping[str, Any], where: str) -> None:
        self.value = value
        self.where = where

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def text(self, key: str) -> str | None:
        """The text under a key; None when it is not there. Raises InputError when it is something else."""
        found = self.value.get(key)
        if found is None or isinstance(found, str):
            return found
        raise self.wrong(key, "a text")

    def needed(self, key: str) -> str:
        """The text that must be there."""
        found = self.text(key)
        if not found:
            raise InputError(self.where, f"`{key}` is missing")
        return found

    def name(self, key: str = "name") -> str:
        """A package's name, normalised."""
        return str(canonicalize_name(self.needed(key)))

    def number(self, key: str) -> int | None:
        """The whole number under a key."""
        found = self.value.get(key)
        if found is None or (isinstance(found, int) and not isinstance(found, bool)):
            return found
        raise self.wrong(key, "a whole number")

    def truth(self, key: str) -> bool:
        """Whether a key is there and true."""
        found = self.value.get(key, False)
        if isinstance(found, bool):
            return found
        raise self.wrong(key, "true or false")

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts under a key; one text is a list of one."""
        found = self.value.get(key, ())
        found = [found] if isinstance(found, str) else found
        if isinstance(found, list | tuple) and all(isinstance(one, str) for one in found):
            return tuple(found)
        raise self.wrong(key, "a list of texts")

    def table(self, key: str) -> Table:
        """The table under a key; an empty one when it is not there."""
        found = self.value.get(key, {})
        if isinstance(found, dict):
            return Table(found, f"{self.where}.{key}")
        raise self.wrong(key, "a table")

    def tables(self, key: str) -> Iterator[Table]:
        """The tables of the list under a key."""
        found = self.value.get(key, [])
        if not isinstance(found, list):
            raise self.wrong(key, "a list of tables")
        for number, one in enumerate(found):
            if not isinstance(one, dict):
                raise self.wrong(f"{key}[{number}]", "a table")
            yield Table(one, f"{self.where}.{key}[{number}]")

    def wrong(self, key: str, wanted: str) -> InputError:
        """The error that a value is of another kind."""
        return InputError(f"{self.where}.{key}", f"should be {wanted}")


def parse_toml(data: bytes, where: str) -> Table:
    """A document. Raises InputError."""
    try:
        return Table(tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n")), where)
    except (ValueError, RecursionError) as error:
        hint = None
        if b"\n<<<<<<< " in data or data.startswith(b"<<<<<<< "):
            hint = "it holds merge conflict markers: take either side and lock again with the tool that wrote it"
        raise InputError(where, f"not valid TOML: {error}", hint=hint) from error


def hashes_of(texts: tuple[str, ...], where: str) -> tuple[tuple[str, str], ...]:
    """``sha256:0123...`` as pairs. Raises InputError for what is no hash."""
    found = []
    for text in texts:
        algorithm, _, digest = text.partition(":")
        digest = digest.lower()
        if _LENGTHS.get(algorithm, len(digest)) != len(digest) or not digest or digest.strip("0123456789abcdef"):
            raise InputError(where, f"`{text}` is not a hash")
        found.append((algorithm, digest))
    return tuple(found)


def filename_of(place: str) -> str:
    """The last part of a URL or path."""
    path = urlsplit(place).path if "://" in place else place
    name = path.replace("\\", "/").rpartition("/")[2]
    return unquote(name) if "://" in place else name
