"""Chooses the interpreter of a project: asked for by the user, pinned by a file, or the first on PATH that fits."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from provenv.errors import Unavailable
from provenv.model.machine import Interpreter
from provenv.pythons.inspect import inspect

__all__ = ["choose", "fits"]

_PROGRAM = re.compile(r"python(3(\.\d+)?t?)?(\.exe)?")
_REQUEST = re.compile(r"(?:python|cpython|cp)?[@-]?(\d+(?:\.\d+){0,2})t?")

_TOLD = re.compile(r"(?<!\d)3\.\d+(\.\d+)?")
"""A version in the path of an interpreter."""
_SEEN_TOLD = 6
"""Of the interpreters that do not fit, so many are named."""


def choose(
    request: str | None,
    requires_python: str | None,
    *,
    search_path: str,
    memory: str | None = None,
    where: str = "--python",
) -> Interpreter:
    """The interpreter to use.

    ``request`` is what the user or ``.python-version`` (named by ``where``) wants: a path, a program name such as
    ``python3.12``, a version such as ``3.12`` or a specifier such as ``>=3.11,<3.13``; None takes the first on
    ``search_path`` that ``requires_python`` admits. Raises Unavailable when none fits, and says which were seen.
    """
    if request and (os.sep in request or os.path.isfile(request)):
        return _checked(inspect(os.path.abspath(request), memory), requires_python, where)
    seen: dict[str, str] = {}
    for program in _programs(search_path, request):
        try:
            found = inspect(program, memory)
        except Unavailable:
            continue
        if _answers(found, request) and fits(found.version, requires_python):
            return found
        seen.setdefault(found.version, program)
    wanted = " and ".join(
        filter(None, [request and f"`{request}` ({where})", requires_python and f"requires-python `{requires_python}`"])
    )
    listed = ", ".join(f"{version} ({program})" for version, program in list(seen.items())[:_SEEN_TOLD])
    raise Unavailable(
        f"no Python interpreter fits {wanted or 'this project'}; found {listed or 'none at all'}",
        hint="install one, or name it with --python PATH",
    )


def fits(version: str, requires_python: str | None) -> bool:
    """Whether an interpreter of that version may run the project; pre-releases count as their release."""
    if requires_python is None:
        return True
    return SpecifierSet(requires_python).contains(Version(version).base_version, prereleases=True)


def _checked(found: Interpreter, requires_python: str | None, where: str) -> Interpreter:
    if fits(found.version, requires_python):
        return found
    raise Unavailable(
        f"{where}: {found.executable} is Python {found.version}, not within requires-python `{requires_python}`",
        hint="choose another interpreter, or change project.requires-python",
    )


def _answers(found: Interpreter, request: str | None) -> bool:
    if request is None or _PROGRAM.fullmatch(request):
        return True
    if match := _REQUEST.fullmatch(request):
        wanted = match[1].split(".")
        return found.version.split(".")[: len(wanted)] == wanted
    try:
        return found.version in SpecifierSet(request)
    except (ValueError, InvalidVersion):
        return False


def _programs(search_path: str, request: str | None) -> Iterator[str]:
    """Programs on the path that could be Python, then what ``findpython`` knows of (pyenv, asdf, the registry, ...).

    A shim of pyenv answers 100 ms late and not by its own name: the version behind it is found by findpython.
    """
    named = request if request and _PROGRAM.fullmatch(request) else None
    for directory in search_path.split(os.pathsep):
        if not directory or os.path.basename(directory) == "shims":
            continue
        for name in _candidates(directory, named, request):
            yield os.path.join(directory, name)
    if request is None or named is None:
        yield from _installed(request)
    if not getattr(sys, "frozen", False):
        yield sys.executable


def _installed(request: str | None) -> Iterator[str]:
    """What pyenv, asdf, the registry and the like have: what the path tells of the version decides the order.

    ``findpython.find_all`` would start every one of them to sort them; 3 s where there are fifty.
    """
    from findpython.finder import Finder

    wanted = _REQUEST.fullmatch(request) if request else None
    minor = [int(part) for part in wanted[1].split(".")[:2]] if wanted else []
    ranked = []
    for provider in Finder(resolve_symlinks=True)._providers:
        for number, version in enumerate(provider.find_pythons()):
            path = str(version.executable)
            if f"{os.sep}shims{os.sep}" in path:
                continue
            told = [int(part) for part in match[0].split(".")] if (match := _TOLD.search(path)) else []
            ranked.append((bool(minor) and told[: len(minor)] != minor, [-part for part in told], number, path))
    for _, _, _, path in sorted(ranked):
        yield path


def _candidates(directory: str, named: str | None, request: str | None) -> list[str]:
    if named:
        return [named] if os.access(os.path.join(directory, named), os.X_OK) else []
    try:
        names = [name for name in os.listdir(directory) if _PROGRAM.fullmatch(name)]
    except OSError:
        return []
    wanted = _REQUEST.fullmatch(request) if request else None
    if wanted:
        minor = ".".join(wanted[1].split(".")[:2])
        names = [name for name in names if name in (f"python{minor}", "python3", "python", "python.exe")]
    # `python3` before `python3.12` before `python`: what a user calls by hand, then newer minor versions first.
    return sorted(names, key=lambda name: (name != "python3", [-int(part) for part in re.findall(r"\d+", name)] or [0]))
