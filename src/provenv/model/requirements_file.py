"""Reads the text of a requirements file: pip's grammar, line by line. Pure: other files are only named.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from provenv.errors import InputError
from provenv.model.wish import Wish, parse_wish

__all__ = ["Include", "Option", "Statement", "parse_requirements"]

#: Options that stand on a line of their own -> how they are told further. ``value`` ones take a value.
_SHORT = {
    "-c": "--constraint",
    "-e": "--editable",
    "-f": "--find-links",
    "-i": "--index-url",
    "-r": "--requirement",
}
_WITH_VALUE = (
    "--constraint",
    "--editable",
    "--extra-index-url",
    "--find-links",
    "--index-url",
    "--no-binary",
    "--only-binary",
    "--pypi-url",
    "--requirement",
    "--trusted-host",
    "--use-feature",
)
_SWITCHES = ("--no-index", "--pre", "--prefer-binary", "--require-hashes")
#: Options of a single requirement.
_OF_REQUIREMENT = ("--hash", "--config-settings", "--config-setting", "--global-option")

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_HASH = re.compile(r"(sha256|sha384|sha512):([0-9a-fA-F]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Include:
    """``-r FILE`` or ``-c FILE``."""

    where: str
    path: str
    """As written: relative to the file that says it."""
    is_constraint: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """An option that holds for all requirements: its long name without dashes, and its value, "" for a switch."""

    where: str
    name: str
    value: str


Statement: TypeAlias = Wish | Include | Option


def parse_requirements(text: str, where: str, variables: Mapping[str, str]) -> list[Statement]:
    """The statements of a file, in order; ``variables`` fill in each ``${NAME}``.

    Raises InputError naming file and line: ``requirements.txt:12``.
    """
    statements: list[Statement] = []
    for number, line in _logical_lines(text.removeprefix("\ufeff")):
        place = f"{where}:{number}"
        line = _VARIABLE.sub(lambda found: variables.get(found[1]) or found[0], line)
        statements.append(_option(line, place) if line.startswith("-") else _requirement(line, place))
    return statements


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, with continuations joined, each with the number of its first line."""
    begun: list[str] = []
    first = 0
    # A form feed or the like is no end of a line here, unlike in str.splitlines.
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        first = first if begun else number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            begun.append(line[:-1])
            continue
        # A comment ends a continuation; the space keeps it apart from what stands before.
        whole = "".join([*begun, f" {line}" if is_comment else line])
        begun = []
        if whole := _COMMENT.sub("", whole).strip():
            yield first, whole
    if whole := _COMMENT.sub("", "".join(begun)).strip():
        yield first, whole


def _option(line: str, where: str) -> Statement:
    words = _words(line, where)
    name, value, rest = _name_and_value(words, where)
    if name == "--editable":
        wish, options = _split(line[len(words[0]) :].strip() if "=" not in words[0] else value)
        return _wish(wish, options, where, is_editable=True)
    if rest:
        raise InputError(where, f"`{name}` is followed by something unexpected: `{' '.join(rest)}`")
    if name in ("--requirement", "--constraint"):
        return Include(where=where, path=value, is_constraint=name == "--constraint")
    return Option(where=where, name={"--pypi-url": "index-url"}.get(name, name[2:]), value=value)


def _name_and_value(words: list[str], where: str) -> tuple[str, str, list[str]]:
    """The long name of an option, its value, and the words after it."""
    first, rest = words[0], words[1:]
    name, separator, value = first.partition("=")
    if not first.startswith("--"):
        # `-rfile` and `-r file` mean the same.
        name, value = first[:2], first[2:].removeprefix("=")
        separator = "=" if value else ""
    name = _SHORT.get(name, name)
    if name in _SWITCHES:
        if separator:
            raise InputError(where, f"`{name}` takes no value")
        return name, "", rest
    if name not in _WITH_VALUE:
        if name in _OF_REQUIREMENT:
            raise InputError(where, f"`{name}` belongs on the line of its requirement", hint="did a `\\` get lost?")
        raise InputError(where, f"unknown option `{name}`")
    if not separator:
        if not rest:
            raise InputError(where, f"`{name}` needs a value")
        value, rest = rest[0], rest[1:]
    return name, value, rest


def _requirement(line: str, where: str) -> Wish:
    text, options = _split(line)
    return _wish(text, options, where)


def _wish(text: str, options: str, where: str, *, is_editable: bool = False) -> Wish:
    if not text:
        raise InputError(where, "a requirement, a URL or a path is missing")
    hashes: list[str] = []
    words = _words(options, where)
    while words:
        name, separator, value = words.pop(0).partition("=")
        if name not in _OF_REQUIREMENT:
            raise InputError(where, f"`{name}` is no option of a requirement", hint="put it on a line of its own")
        if not separator:
            if not words:
                raise InputError(where, f"`{name}` needs a value")
            value = words.pop(0)
        if name == "--hash":
            if not _HASH.fullmatch(value):
                raise InputError(where, f"`{value}` is not a hash", hint="write it as --hash=sha256:0123...")
            hashes.append(value.lower())
    return parse_wish(text, where, is_editable=is_editable, hashes=tuple(hashes))


def _split(line: str) -> tuple[str, str]:
    """A requirement and its options: these begin at the first word with a dash."""
    match = re.search(r"\s-", line)
    return (line, "") if match is None else (line[: match.start()].strip(), line[match.start() :].strip())


def _words(line: str, where: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InputError(where, f"`{line}`: {str(error).lower()}") from error
