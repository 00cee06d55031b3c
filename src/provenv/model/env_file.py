"""Reads ``.env`` files: a line sets one variable. Pure.

``NAME=value``, perhaps after ``export``; ``'...'`` is taken as it is, ``"..."`` and bare values may name variables as
``$NAME``, ``${NAME}`` or ``${NAME:-else}``; ``#`` after a space begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from provenv.errors import InputError

__all__ = ["parse_env_file"]

_LINE = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*
    (?:'(?P<raw>[^']*)'|"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<bare>(?:(?<![ \t])\#|[^\n#'"]|(?<=[^\s=])['"])*))
    [ \t]*(?:(?<=[ \t'"=])\#[^\n]*)?(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_EMPTY = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_NAMED = re.compile(r"\\(.)|\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse_env_file(data: bytes, where: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that a file sets. ``variables`` are those that values may name, besides earlier ones of the file.

    Raises InputError, which names the line.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{where}: line {line}", "is not UTF-8") from error
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if blank := _EMPTY.match(text, at):
            at = blank.end()
            continue
        match = _LINE.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise InputError(f"{where}: line {line}", "does not set a variable", hint="write it as NAME=value")
        value = match["raw"]
        if value is None:
            is_quoted = match["quoted"] is not None
            value = _filled(match["quoted"] if is_quoted else match["bare"].strip(), {**found, **variables}, is_quoted)
        found[match["name"]] = value
        at = match.end()
    return found


def _filled(text: str, variables: Mapping[str, str], is_quoted: bool) -> str:
    def put(match: re.Match[str]) -> str:
        if match[1] is not None:
            return _ESCAPES.get(match[1], match[1]) if is_quoted else match[1]
        return variables.get(match[2] or match[3]) or match[4] or ""

    return _NAMED.sub(put, text)
