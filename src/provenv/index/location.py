"""Where packages are offered: simple repositories, and flat pages or directories of files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.machinery import PathFinder
from typing import Literal

from provenv.errors import InputError
from provenv.index.local import url_of_path
from provenv.net.secrets import redact, split_credentials

__all__ = ["Location", "default_url", "location_from", "split_name"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """One place. ``url`` is absolute (http, https or file), without credentials; a directory ends in ``/``."""

    name: str
    """As the project calls it, else the URL."""
    url: str
    kind: Literal["simple", "flat"] = "simple"
    """``simple``: a repository of PEP 503. ``flat``: one page, or one directory, with files of many packages."""
    is_explicit: bool = False
    """Asked only for packages that are pinned to it."""
    ignored_statuses: frozenset[int] = frozenset()
    """Error statuses that here mean "no such package", besides 404 and 410."""


def location_from(
    text: str,
    *,
    directory: str,
    kind: Literal["simple", "flat"] = "simple",
    name: str | None = None,
    is_explicit: bool = False,
    ignored_statuses: frozenset[int] = frozenset(),
) -> Location:
    """The location that a user's words name: a URL, or a path relative to ``directory``. Credentials are left out."""
    url, _ = split_credentials(text.strip())
    scheme, separator, rest = url.partition("://")
    if not separator:
        path = os.path.abspath(os.path.join(directory, os.path.expanduser(url)))
        url = url_of_path(path)
    elif scheme.lower() not in ("http", "https", "file") or not rest.strip("/"):
        raise InputError(f"index `{redact(text)}`", "is neither an http, https or file URL nor a path")
    url = url.partition("#")[0]
    is_file = kind == "flat" and url.rpartition("/")[2].lower().endswith((".html", ".htm"))
    if not url.endswith("/") and not is_file and "?" not in url:
        url += "/"
    return Location(name=name or url, url=url, kind=kind, is_explicit=is_explicit, ignored_statuses=ignored_statuses)


def split_name(text: str) -> tuple[str | None, str]:
    """``NAME=URL`` in two; the name is None when there is none, as in ``https://index.example/?a=b``."""
    name, separator, url = text.partition("=")
    if separator and url and name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return name, url
    return None, text


def default_url() -> str:
    """The root of the public index, as distlib names it.

    The constant is read from distlib's source: importing the module would cost 25 ms of a cold resolution.
    """
    found = _constant_in_source() or _imported_constant()
    return found.rstrip("/").rpartition("/")[0] + "/simple/"


def _constant_in_source() -> str | None:
    spec = PathFinder.find_spec("distlib")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        try:
            with open(os.path.join(place, "index.py"), encoding="utf-8") as source:
                for line in source:
                    if line.startswith("DEFAULT_INDEX = "):
                        return line.partition("=")[2].strip().strip("'\"")
        except OSError:
            continue
    return None


def _imported_constant() -> str:
    from distlib.index import DEFAULT_INDEX

    return str(DEFAULT_INDEX)
